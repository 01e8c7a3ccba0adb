from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.daemon import Daemon
from tests.page.browser import Browser, Screen, browsing, why_not
from tests.page.home import base, running

Open = Callable[[Screen], Browser]


@pytest.fixture(scope="session")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A speaker that sees, plays and has a past."""
    if (reason := why_not()) is not None:
        # Its own command promises the tools; among other slow tests they may be missing.
        (pytest.fail if "ATTUNE_AXE" in os.environ else pytest.skip)(reason)
    with running(tmp_path_factory.mktemp("home"), past=True) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def browsers(daemon: Daemon) -> Iterator[Open]:
    """One browser for each kind of screen: to start one takes seconds."""
    opened: dict[Screen, Browser] = {}
    with ExitStack() as stack:

        def browser(screen: Screen) -> Browser:
            if screen not in opened:
                opened[screen] = stack.enter_context(browsing(base(daemon), screen))
            return opened[screen]

        yield browser


@pytest.fixture
def open_page(browsers: Open) -> Iterator[Open]:
    """Opens a page; each test ends with a look into what the console complains of."""
    used: list[Browser] = []

    def open_(screen: Screen) -> Browser:
        browser = browsers(screen)
        browser.go("about:blank")
        browser.complaints()
        used.append(browser)
        return browser

    yield open_
    assert [each for browser in used for each in browser.complaints()] == []

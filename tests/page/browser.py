"""Chromium without a window, and what it is asked about a page."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from selenium import webdriver
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select

Result = TypeVar("Result")
WAIT_SECONDS = 15.0
AXE_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


class Screen(NamedTuple):
    """Size in CSS pixels, colours, and whether scripts run."""

    width: int = 1180
    height: int = 900
    dark: bool = False
    scripts: bool = True

    @property
    def phone(self) -> bool:
        return self.width < 500


DESK, PHONE = Screen(), Screen(360, 640)


def why_not() -> str | None:
    """What is missing here, None when a browser can be had."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    axe = Path(os.environ.get("ATTUNE_AXE", ""))
    if not axe.is_file():
        missing.append("axe-core")
    return f"missing: {', '.join(missing)}; run ./setup.sh test-page" if missing else None


class Browser:
    """One browser on one address."""

    def __init__(self, base: str, screen: Screen = DESK) -> None:
        self.base, self.screen = base, screen
        options = Options()
        options.binary_location = shutil.which("chromium") or ""
        for argument in (
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            *("--disable-background-networking", "--disable-component-update"),
            f"--window-size={screen.width},{screen.height}",
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        if not screen.scripts:
            blocked = {"profile.managed_default_content_settings.javascript": 2}
            options.add_experimental_option("prefs", blocked)
        self.driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        scheme = {"name": "prefers-color-scheme", "value": "dark" if screen.dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])
        self.size(screen.width, screen.height)

    def command(self, name: str, **parameters: Any) -> Any:
        """One of the DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    def size(self, width: int, height: int, scale: float = 1.0) -> None:
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=self.screen.phone,
        )

    def go(self, path: str) -> Browser:
        self.driver.get(path if path.startswith("about:") else self.base + path)
        return self

    @property
    def path(self) -> str:
        return self.driver.current_url.removeprefix(self.base)

    def all(self, css: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def one(self, css: str) -> WebElement:
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def text(self, css: str) -> str:
        """What is written there; a page that was just renewed is looked at again."""
        for _ in range(5):
            with contextlib.suppress(StaleElementReferenceException):
                return self.one(css).text
        return self.one(css).text

    def has(self, css: str) -> bool:
        return bool(self.all(css))

    def wait(self, accept: Callable[[], Result], seconds: float = WAIT_SECONDS) -> Result:
        """The first answer that is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(StaleElementReferenceException, NoSuchElementException):
                if answer := accept():
                    return answer
            time.sleep(0.05)
        raise AssertionError(f"it did not come to that; the page says:\n{self.text('body')}")

    def click(self, css: str) -> None:
        """Click once it is there; a page that was just renewed is looked at again."""

        def clicked() -> bool:
            with contextlib.suppress(ElementClickInterceptedException):
                self.one(css).click()
                return True
            return False

        self.wait(clicked)

    def choose(self, css: str, value: str) -> None:
        """Choose from a list."""

        def chosen() -> bool:
            Select(self.one(css)).select_by_value(value)
            return True

        self.wait(chosen)

    def press(self, *keys: str) -> None:
        """Keys, wherever the focus is."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def tab_to(self, css: str, most: int = 60) -> None:
        """Go there by the tabulator alone."""
        for _ in range(most):
            self.press(Keys.TAB)
            if self.run("return document.activeElement.matches(arguments[0])", css):
                return
        raise AssertionError(f"{css} was not reached by {most} tabs")

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    # --- what is wrong with it ----------------------------------------------------------------

    def complaints(self) -> list[str]:
        """What the browser's console says, but for what is merely informative."""
        entries = self.driver.get_log("browser")
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    def barriers(self) -> list[str]:
        """Serious and critical findings of axe-core."""
        source = Path(os.environ["ATTUNE_AXE"]).read_text(encoding="utf-8")
        self.run(source)
        found = self.driver.execute_async_script(
            "const done = arguments[1];"
            "axe.run(document, {runOnly: {type: 'tag', values: arguments[0]}}).then(done, done)",
            list(AXE_RULES),
        )
        assert len(found["passes"]) > 10, "axe-core looked at the page"
        return [
            f"{each['impact']}: {each['help']}: {node['html'][:200]}"
            for each in found["violations"]
            for node in each["nodes"]
            if each["impact"] in ("serious", "critical")
        ]

    def requests(self) -> list[tuple[str, float]]:
        """Addresses that were asked since the last call, and the bytes that came from each."""
        urls: dict[str, str] = {}
        sizes: dict[str, float] = {}
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            parameters = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                urls[parameters["requestId"]] = parameters["request"]["url"]
            elif message["method"] == "Network.loadingFinished":
                sizes[parameters["requestId"]] = parameters["encodedDataLength"]
        return [(url, sizes.get(request, 0.0)) for request, url in urls.items()]

    def picture(self, file: Path, scale: float = 1.0, height: int | None = None) -> None:
        """The whole page, or its top, as PNG."""
        whole = self.run("return document.documentElement.scrollHeight")
        self.size(self.screen.width, height or whole, scale)
        time.sleep(0.5)
        self.driver.save_screenshot(str(file))
        self.size(self.screen.width, self.screen.height)


@contextlib.contextmanager
def browsing(base: str, screen: Screen = DESK) -> Iterator[Browser]:
    """A browser, gone afterwards."""
    browser = Browser(base, screen)
    try:
        yield browser
    finally:
        browser.driver.quit()

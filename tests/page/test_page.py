"""The page in a real browser, on a real speaker: run by `./setup.sh test-page`."""

from __future__ import annotations

import contextlib
import statistics
import time
import urllib.request
from pathlib import Path

import msgspec
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from device.client import Refused
from device.diary import Diary
from device.home.entry import PasswordNow, SetPassword
from device.types import (
    Correct,
    Goal,
    Health,
    OverrideMood,
    Pause,
    Play,
    SetGoal,
    SetPrivacy,
    SetQuietHours,
    SetSleep,
    SetVolume,
)
from tests.daemon import Daemon
from tests.page.browser import DESK, PHONE, Browser, Screen, browsing
from tests.page.conftest import Open
from tests.page.home import base, home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PAGES = ("/", "/history", "/history?view=week", "/library", "/library?show=unsure", "/settings")
PAUSE, PLAY = "form[action='/do/pause'] button", "form[action='/do/play'] button"
MOST_BYTES = 100_000
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _as_at_first(daemon: Daemon) -> None:
    for command in (
        SetPrivacy(on=False), OverrideMood(None), SetVolume(60), SetGoal(Goal.MATCH), SetSleep(0),
        SetQuietHours(None), Play(),
    ):  # fmt: skip
        daemon.client.command(command)
    daemon.wait_for(lambda status: status.playing)


def fetch(daemon: Daemon, path: str) -> bytes:
    with urllib.request.urlopen(base(daemon) + path) as answer:  # noqa: S310 - our own
        content: bytes = answer.read()
    return content


def toast(page: Browser, words: str) -> None:
    page.wait(lambda: words in page.text("#toast"))


# --- what it shows --------------------------------------------------------------------------------


def test_it_shows_who_is_there_what_plays_and_why(open_page: Open, daemon: Daemon) -> None:
    page = open_page(DESK).go("/")
    page.wait(lambda: page.text("#mood") in ("Happy", "Sad"))
    assert page.has("#room")
    assert "1 person, about" in page.text("#who")
    page.wait(lambda: (now := daemon.client.status().track) and now.title == page.text("#track"))
    track = daemon.client.status().track
    assert track is not None
    assert track.because in page.text(".because")
    page.wait(lambda: page.text("#mood") == "Nobody in view")
    page.wait(lambda: not page.has("#room"))


def test_what_happens_elsewhere_appears_without_reloading(
    open_page: Open, daemon: Daemon, figures: dict[str, str]
) -> None:
    page = open_page(DESK).go("/")
    page.run("window.same = true")
    page.wait(lambda: page.has(PAUSE))
    delays = []
    for percent in (31, 72, 44):
        time.sleep(1.2)
        begun = time.monotonic()
        daemon.client.command(SetVolume(percent))
        page.wait(lambda percent=percent: page.text("output") == f"{percent} %")
        delays.append(time.monotonic() - begun)
    figures["a change elsewhere is shown after"] = f"{statistics.median(delays):.2f} s"
    assert max(delays) < 5
    daemon.client.command(Pause())
    page.wait(lambda: page.has(PLAY))
    assert page.run("return window.same"), "it was not reloaded"


def test_time_goes_on_while_nothing_is_told(open_page: Open) -> None:
    page = open_page(DESK).go("/")
    seen = {page.wait(lambda: page.text("#at")) for _ in range(40) if time.sleep(0.1) is None}
    assert len(seen) >= 3


# --- clicks ---------------------------------------------------------------------------------------


def test_each_button_does_what_it_says(open_page: Open, daemon: Daemon) -> None:
    page = open_page(DESK).go("/")
    page.click(PAUSE)
    daemon.wait_for(lambda status: not status.playing)
    page.click(PLAY)
    daemon.wait_for(lambda status: status.playing)
    before = page.text("#track")
    page.click("form[action='/do/next'] button")
    page.wait(lambda: page.text("#track") != before)
    page.click("form[action='/do/like'] button")
    toast(page, "Liked")
    before = page.text("#track")
    page.click("form[action='/do/dislike'] button")
    toast(page, "Disliked")
    page.wait(lambda: page.text("#track") != before)
    page.click("input[value='calm']")
    daemon.wait_for(lambda status: status.goal is Goal.CALM)
    page.choose("#sleep", "30")
    daemon.wait_for(lambda status: status.sleep_minutes == 30)
    page.wait(lambda: "in 30 min" in page.text("#main"))
    page.click("form[action='/do/say'] button")
    toast(page, "announced")
    page.click("details summary")
    page.choose("#pretend", "anger")
    page.click("form[action='/do/mood'] button")
    page.wait(lambda: page.text("#mood") == "Angry")
    assert daemon.client.status().mood.overridden


def test_privacy_stops_the_camera_and_is_told(open_page: Open, daemon: Daemon) -> None:
    page = open_page(DESK).go("/settings")
    page.click("[role='switch']")
    daemon.wait_for(lambda status: status.privacy and status.camera.health.value == "off")
    page.wait(lambda: "Camera off" in page.text("#privacy"))
    assert page.one("[role='switch']").get_attribute("aria-checked") == "true"
    page.go("/")
    page.wait(lambda: page.text("#mood") == "Camera off")
    page.click("[role='switch']")
    daemon.wait_for(lambda status: not status.privacy)


def test_quiet_hours_are_set(open_page: Open, daemon: Daemon) -> None:
    page = open_page(DESK).go("/settings")
    page.click("input[value='span']")
    page.run("document.querySelector('#from').value = '21:30'")
    page.run("document.querySelector('#to').value = '06:45'")
    page.click("#quiet button")
    daemon.wait_for(lambda status: status.quiet_hours == "21:30-06:45")
    toast(page, "Quiet hours are set")
    page.click("input[value='auto']")
    page.click("#quiet button")
    daemon.wait_for(lambda status: status.quiet_hours == "")


def test_a_label_is_corrected_and_taken_back(open_page: Open, daemon: Daemon) -> None:
    page = open_page(DESK).go("/library")
    page.one("#q").send_keys("grey ti", Keys.ENTER)
    page.wait(lambda: "for “grey ti”" in page.text("#found"))
    page.click(".tracks a")
    page.wait(lambda: page.text("h1") == "Grey Tide")
    track = page.path.rsplit("/", 1)[1]
    before = page.one("#pick").get_attribute("cx")
    page.choose("#mood", "party")
    assert page.one("#pick").get_attribute("cx") != before, "the dot follows the word"
    page.click("button.main")
    toast(page, "Your word counts")

    def affect() -> tuple[float, float, str]:
        found = next(each for each in daemon.client.library().tracks if each.id == track)
        return found.affect.valence, found.affect.arousal, found.affect.source

    assert affect() == (0.7, 0.7, "user tag")
    # Into the circle's quiet, unpleasant quarter.
    chart = page.one(".pick")
    webdriver_click(page, chart, -0.25, 0.25)
    assert Select(page.one("#mood")).first_selected_option.get_attribute("value") == "sliders"
    page.click("button.main")
    page.wait(lambda: affect()[0] < -0.2 and affect()[1] < -0.2)
    page.click("form[action='/do/uncorrect'] button")
    toast(page, "taken back")
    assert affect()[2] == "file tag"


def webdriver_click(page: Browser, element: object, right: float, down: float) -> None:
    """Click beside an element's middle, by shares of its size."""
    page.run(
        "const [e, x, y] = arguments, r = e.getBoundingClientRect();"
        "e.dispatchEvent(new PointerEvent('pointerdown', {bubbles: true, buttons: 1,"
        "clientX: r.x + r.width * (.5 + x), clientY: r.y + r.height * (.5 + y)}))",
        element, right, down,
    )  # fmt: skip


def test_the_past_is_drawn_and_listed(open_page: Open) -> None:
    page = open_page(DESK).go("/history?view=week")
    assert len(page.all(".weekday .plot path[fill]")) > 60
    yesterday = page.all(".weekday h3 a")[-2]
    yesterday.click()
    page.wait(lambda: len(page.all(".plays li")) > 30)
    assert "Somebody was seen for" in page.text("#main")
    assert len(page.all(".lane .plot rect")) > 150
    assert len(page.all(".strip rect")) == len(page.all(".plays li"))
    page.click("a[rel='prev']")
    page.wait(lambda: page.all("a[rel='next']"))


def test_forgetting_asks_first_and_then_forgets(open_page: Open, daemon: Daemon) -> None:
    page = open_page(DESK).go("/settings")
    page.click("#forget button")
    time.sleep(1.0)
    assert page.text("#toast") == "", "the browser asks to tick the box"
    # Only the last hour: the other tests want the rest of the past.
    page.click("#forget input[type='checkbox']")
    page.click("#forget button")
    toast(page, "Erased")
    left = msgspec.json.decode(fetch(daemon, "/api/v1/history?step_minutes=60"), type=Diary)
    assert left.plays
    assert all(play.at < time.time() - 3500 for play in left.plays)


def test_what_cannot_be_done_is_told_with_its_reason(open_page: Open) -> None:
    page = open_page(DESK).go("/library/0123456789abcdef")
    assert "Not here" in page.text("h1")
    page.go("/")
    page.run(
        "const list = document.querySelector('#say');"
        "list.dispatchEvent(new Event('input', {bubbles: true}));"  # or it is shown anew
        "list.firstElementChild.value = 'gone.ogg'"
    )
    page.click("form[action='/do/say'] button")
    toast(page, "gone.ogg")
    # The browser itself notes that an answer was 404 and one 422.
    assert len(page.complaints()) == 2


# --- without a mouse, without scripts, on a phone -------------------------------------------------


def test_the_keyboard_alone_reaches_and_does_all(open_page: Open, daemon: Daemon) -> None:
    page = open_page(DESK).go("/")
    page.press(Keys.TAB)
    assert page.run("return document.activeElement.textContent") == "Skip to the content"
    page.press(Keys.ENTER)
    page.tab_to(PAUSE)
    assert page.run("return getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.press(Keys.ENTER)
    daemon.wait_for(lambda status: not status.playing)
    page.wait(lambda: page.has(PLAY))
    assert page.run("return document.activeElement.closest('.transport') !== null"), "focus stays"
    page.press(Keys.SPACE)
    daemon.wait_for(lambda status: status.playing)
    page.tab_to("#volume")
    page.press(*[Keys.ARROW_UP] * 5)
    daemon.wait_for(lambda status: status.volume == 65)
    page.tab_to("input[type='radio']:checked")
    page.press(Keys.ARROW_DOWN)
    daemon.wait_for(lambda status: status.goal is Goal.LIFT)
    page.tab_to("[role='switch']")
    page.press(Keys.SPACE)
    daemon.wait_for(lambda status: status.privacy)


def test_each_stop_of_the_keyboard_can_be_seen(open_page: Open) -> None:
    page = open_page(DESK)
    for path in PAGES:
        page.go(path)
        stops = set()
        for _ in range(25):
            page.press(Keys.TAB)
            stop = page.run(
                "const e = document.activeElement, s = getComputedStyle(e);"
                "const r = e.getClientRects()[0];"
                "return [e.outerHTML.slice(0, 90), s.outlineStyle, r ? r.width * r.height : 0]"
            )
            if stop[0].startswith("<body"):
                break
            stops.add(stop[0])
            assert stop[1] != "none", stop
            assert stop[2] > 0, stop
        assert len(stops) >= 8


def test_without_scripts_every_form_works(open_page: Open, daemon: Daemon) -> None:
    page = open_page(Screen(scripts=False)).go("/")
    page.click(PAUSE)
    daemon.wait_for(lambda status: not status.playing)
    page.click(PLAY)
    daemon.wait_for(lambda status: status.playing)
    page.click("input[value='focus']")
    page.click("form[action='/do/goal'] button")
    daemon.wait_for(lambda status: status.goal is Goal.FOCUS)
    page.click("form[action='/do/like'] button")
    page.wait(lambda: "Liked." in page.text(".notice"))
    page.go("/library?q=tide")
    page.click(".tracks a")
    page.wait(lambda: page.has("#mood"))
    page.one("#mood").send_keys("calm")
    page.click("button.main")
    page.wait(lambda: "Your word counts" in page.text(".notice"))
    track = page.one("input[name='track']").get_attribute("value")
    found = next(each for each in daemon.client.library().tracks if each.id == track)
    assert found.affect.source == "user tag"
    daemon.client.command(Correct(found.id))


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_shows_it_without_scrolling_sideways(open_page: Open, path: str) -> None:
    page = open_page(PHONE).go(path)
    assert page.run("return document.documentElement.scrollWidth") <= PHONE.width
    small = page.run(
        "return [...document.querySelectorAll('button, select, input:not([type=hidden])')]"
        ".filter(e => e.offsetParent)"
        ".map(e => [e.outerHTML.slice(0, 80), e.getBoundingClientRect()])"
        ".filter(([, r]) => r.height < 24 && r.width < 24).map(([h]) => h)"
    )
    unlabelled = [each for each in small if "checkbox" not in each and "radio" not in each]
    assert unlabelled == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_nothing_stands_in_anybodys_way(
    open_page: Open, daemon: Daemon, size: Screen, dark: bool
) -> None:
    page = open_page(size._replace(dark=dark))
    track = daemon.client.library().tracks[0].id
    for path in (*PAGES, f"/library/{track}", "/library/nowhere"):
        page.go(path)
        assert page.barriers() == [], path
    ground = page.run("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) < 200) is dark
    assert [each for each in page.complaints() if "404" not in each] == []


# --- how much, how fast, from where ---------------------------------------------------------------


def test_each_page_is_small_and_asks_nobody_else(
    open_page: Open, daemon: Daemon, figures: dict[str, str]
) -> None:
    page = open_page(DESK)
    for path in PAGES:
        page.command("Network.clearBrowserCache")
        page.requests()
        page.go(path)
        time.sleep(1.5)
        asked = page.requests()
        outside = [url for url, _ in asked if not url.startswith((base(daemon), "data:"))]
        assert outside == []
        once = dict(reversed(asked))  # the first answer of each
        figures[f"bytes for {path}"] = f"{sum(once.values()):,.0f}"
        assert sum(once.values()) <= MOST_BYTES
        assert page.run("return document.images.length") == 0, "no picture is ever shown"
    page.requests()
    page.go("/")
    time.sleep(1.0)
    again = [url for url, size in page.requests() if "/assets/" in url and size > 0]
    assert again == [], "what was loaded once is kept"


def test_the_server_answers_quickly(daemon: Daemon, figures: dict[str, str]) -> None:
    for path in PAGES:
        times = []
        for _ in range(15):
            begun = time.perf_counter()
            fetch(daemon, path)
            times.append(time.perf_counter() - begun)
        figures[f"server's time for {path}"] = f"{statistics.median(times) * 1000:.0f} ms"
        assert statistics.median(times) < 0.5


def test_every_label_belongs_to_its_field(open_page: Open) -> None:
    page = open_page(DESK)
    for path in PAGES:
        page.go(path)
        for field in page.all("input:not([type=hidden]), select"):
            assert page.run("return arguments[0].labels.length", field) > 0, path
        for button in page.driver.find_elements(By.TAG_NAME, "button"):
            assert button.accessible_name or not button.is_displayed()


# --- from the network -----------------------------------------------------------------------------


def test_from_the_network_it_asks_for_the_password(tmp_path: Path) -> None:
    daemon = home(tmp_path, address="0.0.0.0")  # noqa: S104 - what a network sees
    try:
        daemon.start(SDL_AUDIODRIVER="dummy")
        daemon.wait_for(lambda status: status.tracks > 0)
        with contextlib.suppress(Refused):  # a busy machine answers late, but does it
            daemon.client.ask("PUT", "/password", PasswordNow, SetPassword(PASSWORD))
        daemon.wait_for(lambda status: status.page.health is Health.UP)
        with browsing(base(daemon), DESK) as page:
            page.go("/library")
            assert page.path.startswith("/login?next=")
            assert page.barriers() == []
            page.one("#password").send_keys("wrong password", Keys.ENTER)
            page.wait(lambda: "not the password" in page.text("#why"))
            page.one("#password").send_keys(PASSWORD, Keys.ENTER)
            page.wait(lambda: page.path == "/library")
            page.go("/")
            page.wait(lambda: page.has(PLAY) or page.has(PAUSE))
            daemon.client.command(Play())
            page.click(PAUSE)
            daemon.wait_for(lambda status: not status.playing)
            assert [each for each in page.complaints() if "401" not in each] == []
            page.click("footer button")
            page.wait(lambda: page.path.startswith("/login"))
            page.go("/settings")
            assert page.path.startswith("/login")
    finally:
        daemon.kill()

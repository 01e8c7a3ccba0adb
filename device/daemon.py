"""The composition root: the only file that knows every concrete class."""

from __future__ import annotations

import functools
import logging
import random
import signal
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from device import __version__, config
from device.home.app import create_app
from device.home.appliance import Appliance
from device.home.keyring import Keyring
from device.home.mqtt import MqttBridge
from device.home.server import ApiServer, PageServer
from device.inbox import Asked, AskedTaste, Inbox, ask, ask_taste
from device.lessons import TasteAnswer
from device.music.announce import admit, listed
from device.music.corrections import moods
from device.music.learner import Steps
from device.music.librarian import Librarian
from device.music.listener import Listener
from device.music.player import PygamePlayer
from device.music.search import Search
from device.ports import Bus, CannotDo, WorkerContext
from device.settings import Settings
from device.speaker import Actions, Speaker
from device.system import journal, memory, notify
from device.system.board import read_board
from device.system.diary import read_diary
from device.system.store import SqliteStore
from device.system.supervise import Supervisor, WorkerFailed
from device.system.vitals import LastError, VitalsMeter
from device.types import (
    Board,
    Command,
    Health,
    LibraryScanned,
    Listened,
    News,
    Part,
    PartChanged,
    Reload,
    Say,
    Sighting,
    Status,
    Vitals,
)
from device.vision.watch import Watcher

log = logging.getLogger(__name__)

TICK_SECONDS = 0.1
BOARD_SECONDS = 10.0
"""Looks at the board, a minute together, after which memory that lies free is given back."""
WATCHDOG_SECONDS = 20.0
"""Where systemd sets none, workers are looked after all the same."""
LOOK_SECONDS = 1.0
"""Between looks for a worker that hangs."""
ANSWER_SECONDS = 2.0
TASTE_SECONDS = 4.0
"""An export of years may take a second on a small board."""
SETTLE_SECONDS = 5.0
"""So long a busy board may take until the API listens; later, it is ready without."""
STOP_SECONDS = 2.0
"""For the workers; with the fade, and a camera that hangs, the end comes within 5 s."""

Event = (
    Sighting
    | PartChanged
    | LibraryScanned
    | Listened
    | Board
    | Vitals
    | Asked
    | AskedTaste
    | Command
    | WorkerFailed
)


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def wall(self) -> float:
        """Seconds since the epoch."""
        return time.time()


class SilentBus:
    """Stands where no broker is configured."""

    def show(self, status: Status) -> None:
        """Nobody listens."""

    def tell(self, news: News) -> None:
        """Nobody listens."""


class Pulse:
    """Feeds systemd's watchdog as long as no worker hangs, and calls it where one does."""

    def __init__(self, stalled: Callable[[float], str | None]) -> None:
        self._stalled = stalled
        self._seconds = (notify.watchdog_seconds() or WATCHDOG_SECONDS) / 2
        self._look_due = self._feed_due = 0.0
        self._named: str | None = None

    def beat(self, now: float) -> None:
        """The main loop goes round. Names who hangs once: by hand, nobody restarts us."""
        if now < self._look_due:
            return
        self._look_due = now + LOOK_SECONDS
        stalled = self._stalled(now)
        if stalled is not None and stalled != self._named:
            log.error("%s hangs; the watchdog is called", stalled)
            notify.watchdog_trigger()
        elif stalled is None and now >= self._feed_due:
            notify.watchdog()
            self._feed_due = now + self._seconds
        self._named = stalled


class Daemon:
    """Threads feed one inbox; the main thread owns everything else."""

    def __init__(self, settings: Settings, config_path: Path | None, last_error: LastError) -> None:
        self._settings, self._config_path, self._last_error = settings, config_path, last_error
        self._clock = SystemClock()
        self._inbox: Inbox[Event] = Inbox()
        self._stop_signal: int | None = None
        self._reload_wanted = False
        self._status: Status | None = None
        self._tasting: deque[tuple[Steps[TasteAnswer], Future[TasteAnswer]]] = deque()

    def run(self) -> int:
        """Serve until a signal ends it; returns the exit code."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)
        with ExitStack() as stack:
            self._open(stack)
            self._api.settle(SETTLE_SECONDS)  # whoever waited for us to be ready may ask at once
            notify.ready()
            log.info("ready")
            code = self._serve()
            notify.stopping()
            log.info("stopping")
            return code

    # --- building -------------------------------------------------------------------------

    def _open(self, stack: ExitStack) -> None:
        settings, clock = self._settings, self._clock
        store = stack.enter_context(SqliteStore(config.state_folder(settings), clock))
        self._supervisor = Supervisor(self._inbox.post, clock, random.Random())  # noqa: S311
        self._watcher = Watcher(settings, self._inbox.post, clock)
        self._librarian = Librarian(settings.music_folders, self._inbox.post, store.library())
        self._listener = Listener(
            settings.models_folder, self._inbox.post, wanted=settings.music.listen
        )
        bus = self._bus()
        player = stack.enter_context(PygamePlayer(settings.sound, settings.music, clock))
        self._speaker = Speaker(
            settings,
            player=player,
            store=store,
            bus=bus,
            clock=clock,
            actions=Actions(
                self._watcher.set_privacy,
                self._librarian.scan,
                self._listener.offer,
                self._librarian.settled,
            ),
        )
        stack.callback(self._speaker.close)
        self._status = self._speaker.status()
        stack.callback(self._supervisor.stop, STOP_SECONDS)
        start = self._supervisor.start
        keyring = Keyring(config.state_folder(settings))
        app = create_app(self._appliance(), keyring)
        self._api = start("api", ApiServer(app, config.socket_path(settings)).run)
        if settings.page.enabled:
            start("page", PageServer(app, settings.page, keyring).run)
        else:
            self._inbox.post(PartChanged("page", Part(Health.OFF, "[page] enabled = false")))
        start("camera", self._watcher.run)
        start("library", self._librarian.run)
        start("listener", self._listener.run)
        start("board", self._watch_board)
        if isinstance(bus, MqttBridge):
            start("broker", bus.run)

    def _bus(self) -> Bus:
        if self._settings.mqtt.enabled:
            return MqttBridge(
                self._settings.mqtt,
                lambda command: self._inbox.post(self._admitted(command)),
                __version__,
                config.state_folder(self._settings),
            )
        self._inbox.post(PartChanged("broker", Part(Health.OFF, "[mqtt] enabled = false")))
        return SilentBus()

    def _appliance(self) -> Appliance:
        return Appliance(
            status=self._read_status,
            command=lambda each: ask(self._inbox.post, self._admitted(each), ANSWER_SECONDS),
            taste=lambda request: ask_taste(self._inbox.post, request, TASTE_SECONDS),
            library=lambda: self._speaker.holdings.library,
            settings=lambda: self._settings,
            stopping=lambda: self._stop_signal is not None,
            history=functools.partial(read_diary, config.state_folder(self._settings)),
            corrections=lambda: self._speaker.holdings.corrections,
            find=Search(),
            moods=moods(),
            announcements=lambda: listed(self._announcements),
        )

    @property
    def _announcements(self) -> Path | None:
        """The folder of what is announced by name."""
        folder = self._settings.sound.announcements
        return Path(folder) if folder else None

    def _admitted(self, command: Command) -> Command:
        """A command fit for the main thread: files are looked at by whoever's thread asks.

        Raises `CannotDo`.
        """
        if not isinstance(command, Say):
            return command
        return Say(str(admit(command.file, self._announcements)))

    def _read_status(self) -> Status:
        if self._status is None:
            raise RuntimeError("the API was started before the speaker")
        return self._status

    def _watch_board(self, context: WorkerContext) -> None:
        context.up()
        vitals = VitalsMeter(self._clock, self._watcher, self._last_error)
        while True:
            memory.give_back()
            board = read_board()
            self._watcher.set_board(board)
            self._listener.set_board(board)
            self._inbox.post(board)
            self._inbox.post(vitals.read())
            if context.wait(BOARD_SECONDS):
                return

    # --- serving --------------------------------------------------------------------------

    def _serve(self) -> int:
        pulse = Pulse(self._supervisor.stalled)
        next_tick = 0.0
        while self._stop_signal is None:
            now = self._clock.monotonic()
            event = self._inbox.take(0.0 if self._tasting else max(0.0, next_tick - now))
            if isinstance(event, WorkerFailed):
                log.critical("%s failed, which is a bug:\n%s", event.name, event.trace)
                return 1
            if event is not None:
                self._handle(event)
            now = self._clock.monotonic()
            if now >= next_tick:
                self._tick()
                next_tick = now + TICK_SECONDS
            if self._tasting:
                self._taste_on()
            pulse.beat(now)
        log.info("asked to stop by %s", signal.Signals(self._stop_signal).name)
        return 0

    def _handle(self, event: Event) -> None:
        speaker = self._speaker
        if isinstance(event, Asked | AskedTaste) and not event.reply.set_running_or_notify_cancel():
            return  # who asked was told that it was not done
        if isinstance(event, Asked):
            try:
                event.reply.set_result(self._obey(event.command))
            except CannotDo as refusal:
                event.reply.set_exception(refusal)
            except BaseException as error:
                event.reply.set_exception(error)
                raise
        elif isinstance(event, AskedTaste):
            self._tasting.append((speaker.taste(event.request), event.reply))
        elif isinstance(event, (Sighting, PartChanged, LibraryScanned, Listened, Board, Vitals)):
            speaker.handle(event)
        elif not isinstance(event, WorkerFailed):
            try:
                self._obey(event)
            except CannotDo as refusal:  # whoever asked over MQTT is told as the newest warning
                log.warning("%s: %s", type(event).__name__, refusal)

    def _taste_on(self) -> None:
        """Go a step on with the oldest request about taste."""
        steps, reply = self._tasting[0]
        try:
            next(steps)
        except StopIteration as done:
            reply.set_result(done.value)
        except CannotDo as refusal:
            reply.set_exception(refusal)
        except BaseException as error:
            reply.set_exception(error)
            raise
        else:
            return
        self._tasting.popleft()

    def _obey(self, command: Command) -> Status:
        if isinstance(command, Reload):
            self._reload()
        self._status = self._speaker.command(command)
        return self._status

    def _tick(self) -> None:
        if self._reload_wanted:
            self._reload_wanted = False
            self._reload()
        self._speaker.dropped_sightings = self._inbox.dropped
        self._speaker.tick()
        self._status = self._speaker.status()

    def _reload(self) -> None:
        """Read the configuration again; keep the old one where the new one is wrong."""
        notify.reloading()
        try:
            fresh = config.load(self._config_path)
        except config.ConfigError as error:
            log.error("configuration not reloaded; the old one stays:\n%s", error)  # noqa: TRY400
        else:
            for line in config.diff(self._settings, fresh) or ["nothing changed"]:
                log.info("configuration: %s", line)
            self._settings = fresh
            self._speaker.configure(fresh)
            journal.set_up(fresh.log.level, self._last_error)
        notify.ready()

    # --- signals: only flags, the main thread does the work ---------------------------------

    def _on_stop(self, number: int, _frame: FrameType | None) -> None:
        self._stop_signal = number

    def _on_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload_wanted = True


def run(settings: Settings, config_path: Path | None) -> int:
    """Run the daemon in this process; returns its exit code."""
    memory.keep_little()
    last_error = LastError()
    journal.set_up(settings.log.level, last_error)
    return Daemon(settings, config_path, last_error).run()

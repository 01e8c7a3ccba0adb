"""`attune …`: the command line, on the spot or over SSH.

What is heavy is imported by the command that needs it, so that `attune status` answers at once.
Exit codes: 0 done, 1 failed, 2 wrong use, 69 the daemon is not running, 78 configuration.
"""

from __future__ import annotations

import argparse
import difflib
import io
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from device import (
    __version__,
    cli_access,
    cli_config,
    cli_correct,
    cli_forget,
    cli_taste,
    config,
    library,
    watch,
)
from device.cli_common import (
    BAD_CONFIG,
    FAILED,
    INTERRUPTED,
    NOT_RUNNING,
    WRONG_USE,
    Handler,
    client_of,
    config_path_of,
    fail,
)
from device.client import NotRunning, Refused
from device.config import ConfigError
from device.types import (
    LONGEST_SLEEP_MINUTES,
    Command,
    Dislike,
    Emotion,
    Goal,
    Health,
    Like,
    Next,
    OverrideMood,
    Pause,
    Play,
    Previous,
    Say,
    SetGoal,
    SetPrivacy,
    SetQuietHours,
    SetSleep,
    SetVolume,
    readable,
)

if TYPE_CHECKING:
    from device.vision.look import SeenFrame

EXAMPLES = """\
examples:
  attune watch                     who is seen, their mood, what plays and why, live
  attune status --json | jq .mood  the same once, for scripts
  attune goal lift                 let the music lift the mood
  attune mood happiness            pretend a mood; `attune mood auto` believes the camera again
  attune doctor                    what is wrong, and how to mend it
  attune look --json portrait.jpg  faces, emotions and ages in a picture or clip
  attune library export a.m3u8 --mood calm   a playlist of what is calm
  attune config check              every mistake in the configuration, with its line

exit codes: 0 done, 1 failed, 2 wrong use, 69 not running, 78 configuration
"""

SIMPLE: dict[str, tuple[Command, str]] = {
    "play": (Play(), "start or go on playing, even while nobody is seen"),
    "pause": (Pause(), "pause until asked to play"),
    "next": (Next(), "skip to another track"),
    "previous": (Previous(), "start the track again, or the one before"),
    "like": (Like(), "the current track fits"),
    "dislike": (Dislike(), "the current track does not fit; skip it"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(
                errors="replace"
            )  # a terminal that knows no "é" still shows the rest
    parsed = _parser().parse_args(arguments)
    try:
        code: int = parsed.run(parsed)
        sys.stdout.flush()
    except NotRunning as error:
        code = fail(str(error), NOT_RUNNING)
    except Refused as error:
        code = fail(str(error), FAILED)
    except ConfigError as error:
        code = fail(str(error), BAD_CONFIG)
    except UnicodeEncodeError:
        wrong = next(filter(_is_no_text, sys.argv if arguments is None else arguments), None)
        if wrong is None:
            raise
        code = fail(f"{readable(wrong)} is not UTF-8, as a name must be here", WRONG_USE)
    except (KeyboardInterrupt, EOFError):  # Ctrl-C, or Ctrl-D where something is asked
        code = INTERRUPTED
    except BrokenPipeError:
        # The reader (`| head`) has enough; what is left must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    return code


def _is_no_text(argument: str) -> bool:
    return readable(argument) != argument


# --- what may be asked -----------------------------------------------------------------------


def _volume(text: str) -> Command:
    if text.isascii() and text.isdigit() and int(text) <= 100:
        return SetVolume(int(text))
    raise argparse.ArgumentTypeError(f"{text!r} is not 0 to 100")


def _sleep(text: str) -> Command:
    if text == "off":
        return SetSleep(0)
    if text.isascii() and text.isdigit() and 1 <= int(text) <= LONGEST_SLEEP_MINUTES:
        return SetSleep(int(text))
    raise argparse.ArgumentTypeError(
        f"{text!r} is neither minutes, 1 to {LONGEST_SLEEP_MINUTES}, nor off"
    )


def _say(text: str) -> Command:
    """A file of this folder, else a name in the daemon's folder of announcements."""
    named = "/" not in text and not os.path.exists(text)  # noqa: PTH110 - never raises
    return Say(text if named else str(Path(text).absolute()))


def _goal(text: str) -> Command:
    return SetGoal(Goal(_one_of(text, [goal.value for goal in Goal])))


def _mood(text: str) -> Command:
    label = _one_of(text, [*(emotion.value for emotion in Emotion), "auto"])
    return OverrideMood(None if label == "auto" else Emotion(label))


def _privacy(text: str) -> Command:
    return SetPrivacy(_one_of(text, ["on", "off"]) == "on")


def _quiet(text: str) -> Command:
    try:
        return SetQuietHours({"off": "", "auto": None}.get(text, text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; or off, or auto") from None


def _one_of(text: str, choices: list[str]) -> str:
    if text in choices:
        return text
    near = difflib.get_close_matches(text, choices, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise argparse.ArgumentTypeError(f"{text!r} is not one of {', '.join(choices)}{hint}")


VALUED: dict[str, tuple[Callable[[str], Command], str, str]] = {
    "volume": (_volume, "N", "set the volume in percent, 0 to 100"),
    "goal": (_goal, "NAME", "choose what the music should do: match, lift, calm or focus"),
    "mood": (_mood, "LABEL", f"pretend a mood ({', '.join(e.value for e in Emotion)}) or auto"),
    "sleep": (_sleep, "MINUTES|off", "fade out slowly and pause in so many minutes"),
    "quiet": (_quiet, "HH:MM-HH:MM|off|auto", "when the volume is capped; auto: as configured"),
    "say": (_say, "FILE", "announce a sound file over the music, which steps back for so long"),
    "privacy": (_privacy, "on|off", "on stops the camera's sensor, off lets it look again"),
}


def _parser() -> argparse.ArgumentParser:
    shared = _shared_options()
    parser = argparse.ArgumentParser(
        prog="attune",
        description="Attune, a smart speaker that plays what fits the mood of the room.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[shared],
    )
    parser.add_argument("--version", action="version", version=f"attune {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, help_: str, run: Handler | None) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=help_, description=help_, parents=[shared])
        command.set_defaults(run=run)
        return command

    add("run", "run the daemon in the foreground", _run)
    status = add("status", "show how everything stands", _status)
    status.add_argument("--json", action="store_true", help="as JSON, for scripts")
    add("watch", "show it live; ends with Ctrl-C", _watch)
    for name, (command, help_) in SIMPLE.items():
        add(name, help_, _command).set_defaults(command=command)
    for name, (read, metavar, help_) in VALUED.items():
        add(name, help_, _command).add_argument("command", type=read, metavar=metavar)
    add("scan", "look through the music folders again, and show how far it is", _scan)
    library.add_commands(add("library", "what Attune knows of your music", _library), shared)
    cli_correct.add_commands(add("correct", "say yourself what a track is like", None))
    cli_forget.add_commands(add("forget", "erase what is remembered of people", None))
    cli_taste.add_commands(add("taste", "tell what was learned of taste here", None), shared)
    doctor = add("doctor", "check camera, sound, broker, models and more; name the mend", _doctor)
    doctor.add_argument("--json", action="store_true", help="one JSON line a check")
    report = add("report", "pack what helps to find a fault, without secrets or pictures", _report)
    report.add_argument("--with-music", action="store_true", help="names of music, too")
    report.add_argument("file", nargs="?", type=Path, metavar="FILE.tar.gz", help="- for stdout")
    look = add("look", "faces, emotions and ages in pictures and clips", _look)
    look.add_argument("--json", action="store_true", help="one JSON line a frame")
    look.add_argument("--crop", action="store_true", help="each file is one face already cut out")
    look.add_argument("files", nargs="+", type=Path, metavar="FILE")
    bench = add("bench", "measure how fast this machine sees", _bench)
    bench.add_argument("--json", action="store_true", help="as JSON, for scripts")
    demo = add("demo", "see it work: a slide show as camera, a private broker", _demo)
    demo.add_argument("--seconds", type=float, metavar="N", help="end by itself after N seconds")
    demo.add_argument("--summary", type=Path, metavar="FILE", help="write what happened, as JSON")
    demo.add_argument("--camera", metavar="SRC", help="a real camera, as in [camera] source")
    cli_access.add_password(add("password", "set the password of the page in the network", None))
    cli_access.add_token(add("token", "let programs use the API in the network", None), shared)
    cli_config.add_commands(add("config", "check or show the configuration", None), shared)
    return parser


def _shared_options() -> argparse.ArgumentParser:
    """Options that may stand before or after the command."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        default=argparse.SUPPRESS,
        help="configuration file (default: $ATTUNE_CONFIG, else /etc/attune/attune.toml)",
    )
    shared.add_argument(
        "--socket",
        type=Path,
        metavar="PATH",
        default=argparse.SUPPRESS,
        help="socket of the daemon's local API (default: as configured)",
    )
    return shared


# --- commands that talk to the daemon --------------------------------------------------------


def _status(parsed: argparse.Namespace) -> int:
    client = client_of(parsed)
    if parsed.json:
        print(client.status_json().decode())
        return 0
    paint = watch.Paint(on=watch.wants_colour(sys.stdout))
    print("\n".join(watch.panel(client.status(), paint)))
    return 0


def _watch(parsed: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave the screen as it was
    watch.watch(client_of(parsed), sys.stdout)
    return 0


def _scan(parsed: argparse.Namespace) -> int:
    part = library.follow_scan(client_of(parsed), sys.stdout)
    return FAILED if part.health is Health.DOWN else 0


def _library(parsed: argparse.Namespace) -> int:
    try:
        told = list(parsed.tell(client_of(parsed).library(), parsed))
    except library.Unknown as error:
        return fail(str(error), FAILED)
    print("\n".join(told))
    return 0


def _command(parsed: argparse.Namespace) -> int:
    print(watch.summary(client_of(parsed).command(parsed.command)))
    return 0


# --- commands that stand alone ---------------------------------------------------------------


def _run(parsed: argparse.Namespace) -> int:
    path = config_path_of(parsed)
    settings = config.load(path)
    from device import daemon
    from device.system.database import StateError

    try:
        return daemon.run(settings, path)
    except StateError as error:
        return fail(str(error), FAILED)


def _demo(parsed: argparse.Namespace) -> int:
    from device import demo

    return demo.main(parsed)


def _doctor(parsed: argparse.Namespace) -> int:
    from device import doctor

    failed = False
    for check in doctor.examine(config_path_of(parsed), client_of(parsed)):
        failed |= check.verdict is doctor.Verdict.FAIL
        if parsed.json:
            print(msgspec.json.encode(check).decode(), flush=True)
        else:
            print(doctor.line(check, watch.Paint(on=watch.wants_colour(sys.stdout))), flush=True)
    return FAILED if failed else 0


def _report(parsed: argparse.Namespace) -> int:
    from device import report

    return report.main(
        parsed.file, config_path_of(parsed), client_of(parsed), with_music=parsed.with_music
    )


def _look(parsed: argparse.Namespace) -> int:
    from device.vision.detect import open_detector
    from device.vision.look import look
    from device.vision.reader import ModelReader
    from device.vision.runtime import ModelError

    settings = config.load(config_path_of(parsed))
    folder, vision = settings.models_folder, settings.vision
    if not parsed.json:
        logging.disable()  # what cannot be read is told in its line
    try:
        detector = open_detector(folder, threads=vision.threads, min_score=vision.minimum_score)
        reader = ModelReader(folder, vision.threads)
    except ModelError as error:
        return fail(str(error), FAILED)
    failed = False
    for frame in look(parsed.files, crop=parsed.crop, detector=detector, reader=reader):
        failed |= bool(frame.error)
        print(msgspec.json.encode(frame).decode() if parsed.json else _seen(frame), flush=True)
    return FAILED if failed else 0


def _seen(frame: SeenFrame) -> str:
    """One frame in words."""
    words = []
    for face in frame.faces:
        label, probability = max(face.emotion.items(), key=lambda item: item[1])
        low, high = face.age_interval
        words.append(f"{label} {probability:.0%}, age {face.age:.0f} ({low:.0f} to {high:.0f})")
    told = frame.error or "; ".join(words) or "no face"
    return f"{frame.file} {frame.frame}: {told}"


def _bench(parsed: argparse.Namespace) -> int:
    from device import bench
    from device.vision.runtime import ModelError

    try:
        report = bench.measure(config.load(config_path_of(parsed)).models_folder)
    except (ModelError, OSError) as error:
        return fail(str(error), FAILED)
    print(msgspec.json.encode(report).decode() if parsed.json else bench.table(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())

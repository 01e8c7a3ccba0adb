from __future__ import annotations

from pathlib import Path

from training.__main__ import _parser
from training.recipe import steps


def test_every_step_is_a_command_whose_inputs_an_earlier_one_wrote() -> None:
    written = {"faceres.json"}
    for words in steps(Path("data"), Path("faceres.json"), Path("runs")):
        options = _parser().parse_args(words)
        needed = [*getattr(options, "member", [])]
        needed += [
            p for p in (getattr(options, "emotion", None), getattr(options, "age", None)) if p
        ]
        if getattr(options, "start", None) is not None:
            needed.append(options.start)
        assert {str(path) for path in needed} <= written, words
        written |= {str(options.out), str(options.out / "best.pt")}
    assert {"runs/emotion", "runs/age"} <= written

"""MUSIC.md and its figures: what is known of the music's side, and what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from device.inference import decode_sidecar
from device.music.affect import affect_of
from device.music.genres import FITTED_DEVIATION, RATED_DEVIATION
from device.music.heard import GENRES, LISTENED_DEVIATION, MOODS
from device.music.listen.tagger import NAME, MusicSidecar
from training.data import DataError
from training.music.measure import Guess, Tables, listened, measure_tables
from training.music.tables import NEIGHBOURS
from training.report.text import figure_text, table

STARTER = Path("music/starter")
HEAD = """\
# The music's side, measured

Written by `python -m training music --tables DIR`. Ranges are 95 % bootstrap intervals over \
songs, or over artists where there are any. R² is against the mean of all songs: 0 is worth \
nothing, below 0 is worse than that. r is Pearson's. Ratings are people's, 1 to 9, unless \
it says -1 to 1."""
UNVALIDATED = f"""\
## What could not be validated

**No music with people's ratings was at hand as sound.** So nobody knows how near listening alone \
(`device/music/heard.py`: tags, tempo, onsets, brightness, mode) comes to what people hear: no R² \
and no correlation with listeners is claimed for it, its sizes are documented guesses, and its \
deviation ({LISTENED_DEVIATION:.2f} of -1..1) is taken from the genres', not measured. Nor was \
the mapping of the tagger's tags above tried on rated sound. Who has DEAM's audio measures it, and \
fits it, with `python -m training music --data DEAM`."""


def write(tables: Path, models: Path, cache: Path) -> list[Path]:
    """Measure everything and write `models`/MUSIC.md and its PNGs; returns what was written.

    `cache` keeps what was heard of the starter library. Raises DataError, ModelError.
    """
    try:
        from training.music.figures import draw  # noqa: PLC0415 - only drawing needs matplotlib
    except ImportError as error:
        raise DataError("MUSIC.md's figures need matplotlib: install the train extra") from error
    found, starter = measure_tables(tables), listened(STARTER, models, cache)
    path = models / "MUSIC.md"
    path.write_text(text(models, found, starter), encoding="utf-8")
    return [path, *draw(found, starter, models)]


def text(models: Path, found: Tables, starter: Guess) -> str:
    """MUSIC.md's content."""
    parts = (HEAD, tagger(models), leaks(found), genres(found), words(found), composed(starter))
    return "\n\n".join([*parts, UNVALIDATED]) + "\n"


def tagger(models: Path) -> str:
    """Of the network: its parity with the original, and where its tags lie."""
    sidecar = decode_sidecar(models / f"{NAME}.json", MusicSidecar)
    metrics: dict[str, Any] = sidecar.metrics
    parity = {name: each for name, each in metrics.items() if isinstance(each, dict)}
    figures = list(dict.fromkeys(name for each in parity.values() for name in each))
    rows = [
        [name, *(f"{each[figure]:g}" if figure in each else "" for figure in figures)]
        for name, each in parity.items()
    ]
    plain = [f"- {name}: {each:,}" for name, each in metrics.items() if name not in parity]
    moods = [(tag, f"mood word *{word}*", affect_of(moods=[word])) for tag, word in MOODS.items()]
    heard = [(tag, f"genre *{name}*", affect_of(genre=name)) for tag, name in GENRES.items()]
    places = [
        [tag, source, f"{affect.valence:+.2f}", f"{affect.arousal:+.2f}"]
        for tag, source, affect in [*moods, *heard]
    ]
    compared = [
        (
            "*parity* is on moments of the pieces whose other moments gave the ranges of int8: "
            "pieces that this project synthesised (`python -m conversion music`; "
            f"{sidecar.data['ranges and parity']})."
        )
    ]
    if "recordings" in sidecar.data:
        compared.append(
            "*on recordings* is on music that it never saw: that of the games which `./setup.sh "
            f"music` installs (`--compare`; {sidecar.data['recordings']})."
        )
    return "\n\n".join(
        [
            "## The tagger",
            (
                "The int8 network against the original graph on the same patches of three seconds, "
                "from [music.json](music.json). " + " ".join(compared)
            ),
            "\n".join(plain),
            table(["", *(name.replace("_", " ") for name in figures)], rows),
            (
                "Where its tags lie in valence and arousal (-1 to 1), mood by mood words, genre "
                "by the genres below; the other tags say nothing certain of either:"
            ),
            table(["tag", "taken as", "valence", "arousal"], places, words=2),
        ]
    )


def leaks(found: Tables) -> str:
    """The tag probabilities and why nothing is fitted on them."""
    rows = [
        [
            name,
            f"{found.counts[name]:,}",
            f"{leak.groups}",
            # Nothing but the last digit of a sum, which differs by machine.
            "0" if leak.within < 1e-9 else f"{leak.within:.3f}",
            f"{leak.overall:.3f}",
            f"{leak.r2:.3f}",
        ]
        for name, leak in found.leaks.items()
    ]
    (vv, va), (av, aa) = found.swapped
    return "\n\n".join(
        [
            "## Mood-tag probabilities → valence and arousal: worthless as evidence",
            (
                f"The tables of DEAM, EmoMusic and PMEmo come with probabilities of {found.tags} "
                "mood tags. **These were computed from the ratings themselves**: songs that were "
                "rated exactly alike have the very same probabilities, which no two recordings "
                f"could, and the {NEIGHBOURS} songs rated most alike foretell them."
            ),
            table(
                [
                    *("set", "songs", "groups rated alike", "spread of tags within these"),
                    *("over all songs", "R² of tags from the ratings"),
                ],
                rows,
            ),
            (
                "Over the songs that both hold, DEAM's valence is EmoMusic's arousal, and the "
                f"other way round: r = {va:.3f} and {av:.3f}, against {vv:.3f} and {aa:.3f} of the "
                "columns that have the same name. The probabilities follow the columns' names, "
                "not the songs: fits between DEAM and PMEmo are good by the names, and bad once "
                "DEAM's axes are put as EmoMusic has them."
            ),
            (
                "The ridge fit that one would make all the same. **It measures how well a "
                "computation can be turned back, not how well tags tell what people feel. Nothing "
                "in the device rests on it.**"
            ),
            _scores(found.fits),
        ]
    )


def genres(found: Tables) -> str:
    """Genre and decade, which the device's prior rests on."""
    return "\n\n".join(
        [
            "## Genre and decade",
            (
                "What a genre tells of how people rate a song (-1 to 1): EmoMusic's eight genres, "
                "ridge over them, ten folds, no artist in two. The error is what the device "
                f"believes of a genre that people rated, deviation {RATED_DEVIATION:.2f} "
                f"({FITTED_DEVIATION:.2f} for one that is fitted, `python -m training.genres`)."
            ),
            _scores([found.rated], "valence", "arousal"),
            (
                "The same for Spotify's own *valence* and *energy* of single songs "
                "(`spotify_2000.csv`), measures by a program and no people's ratings: ridge over "
                "genre and decade, ten folds, no artist in two. *As tabled*: that year's mean in "
                "`spotify_data_by_year.csv`. *As shipped*: where `device/music/genres.py` puts "
                "the song's genre, on a scale of people's ratings, so r is what counts; songs of "
                "genres that it does not know are left out."
            ),
            _scores(found.spotify, "valence", "energy"),
            (
                "So genre and decade tell a little of energy and next to nothing of valence. The "
                "device takes a genre as a weak prior with a wide deviation, and the decade not "
                "at all for valence and arousal: years count for whose youth the music belongs "
                "to, and as something to learn a taste by."
            ),
            "![Spotify's measures against genre and decade](music-genres.png)",
        ]
    )


def words(found: Tables) -> str:
    """Whether mood words lie in the right order."""
    rows = [
        [
            mood.name,
            f"{mood.songs}",
            *(f"{value:+.2f}" for value in (*mood.mean, *mood.place)),
        ]
        for mood in found.moods
    ]
    orders = [
        _order([m.mean[axis] for m in found.moods]) == _order([m.place[axis] for m in found.moods])
        for axis in (0, 1)
    ]
    valence, energy = ("the same" if same else "not the same" for same in orders)
    tags, pairs, rank = found.together
    return "\n\n".join(
        [
            "## Mood words",
            (
                f"Spotify's measures of {sum(mood.songs for mood in found.moods)} songs by mood, "
                "as means (-1 to 1), and where the word lies in `device/music/words.py`:"
            ),
            table(
                ["mood", "songs", "Spotify's valence", "energy", "word's valence", "arousal"], rows
            ),
            (
                f"In arousal the order is {energy}, in valence it is {valence}. (Spotify's valence "
                "is low for anything quiet.)"
            ),
            (
                f"MTG-Jamendo's tracks bear tags that people gave them, {tags} of which are words "
                "here. Tags that lie near each other should be borne by the same tracks oftener "
                f"than by chance: over {pairs} pairs the rank correlation is {figure_text(rank)}. "
                "That is evidence of people's use of words, not of valence and arousal of sound."
            ),
        ]
    )


def composed(starter: Guess) -> str:
    """Listening against the composer of the starter library."""
    return "\n\n".join(
        [
            "## Listening against a composer's intention",
            (
                f"Attune's {len(starter.true)} starter pieces were composed for a valence and an "
                "arousal that their tags name (-1 to 1). Listening, which does not read those "
                "tags, tells the low half from the high one on both axes, nearer to the middle; "
                "the correlation comes from that, for within the halves r is "
                f"{_halves(starter, 0)} in valence and {_halves(starter, 1)} in arousal (low, "
                "high). **This is a composer's intention and no listener's rating**, and both are "
                "this project's own; what counts as an onset, and how much the tempo counts, were "
                "chosen with them at hand. It shows that the chain works, not that it is right "
                "about people."
            ),
            _scores([starter]),
            "![What was heard against what was meant](music-starter.png)",
        ]
    )


def _scores(guesses: list[Guess], *axes: str) -> str:
    axes = axes or ("valence", "arousal")
    rows = [
        [
            each.name,
            f"{len(each.true):,}",
            *(figure_text(value) for score in each.scores for value in (score.r2, score.r)),
            " / ".join(f"{score.rmse['value']:.2f}" for score in each.scores),
        ]
        for each in guesses
    ]
    head = [f"{axis}: {figure}" for axis in axes for figure in ("R²", "r")]
    return table(["", "songs", *head, "error"], rows)


def _halves(guess: Guess, axis: int) -> str:
    """Correlation of what is meant below 0, and of what is meant above."""
    true, found = guess.true[:, axis], guess.predicted[:, axis]
    low = true < 0
    return " and ".join(f"{np.corrcoef(true[h], found[h])[0, 1]:.2f}" for h in (low, ~low))


def _order(values: list[float]) -> list[int]:
    return sorted(range(len(values)), key=values.__getitem__)

"""What is told of a taste: reasons, the report in words, and its picture."""

from __future__ import annotations

from msgspec.structs import replace

from device import taste_view
from device.lessons import Ended, Leaning
from device.music.report import reason, reporting
from device.music.taste import Belief
from tests.fakes import finished
from tests.music.listeners import KINDS, START, live, synthetic_library
from tests.music.test_taste import LESSON, TRAITS


def test_a_learned_reason_is_borne_out_by_the_diary() -> None:
    diary = [replace(LESSON, wall=START + n) for n in range(6)]
    belief = Belief()
    belief.teach_all(diary)
    assert reason(TRAITS, diary, belief) == "rock was mostly let play here lately (6 of 6 times)"
    assert reason(TRAITS, diary[:2], belief) == ""
    skipped = [replace(each, ended=Ended.SKIPPED) for each in diary]
    assert reason(TRAITS, skipped, belief) == ""


def test_the_report_names_what_the_listener_loves() -> None:
    run = live(KINDS["loves genres"], synthetic_library(600), 150, 3, way="learning")
    belief = Belief()
    belief.teach_all(run.diary)
    told = finished(reporting(run.diary, belief, learning=True))
    genres = [each.name for each in told.leanings if each.kind == "genre"]
    assert set(genres[:2]) <= {"jazz", "soul", "blues"}
    lines = "\n".join(taste_view.words(told))
    assert any(line.startswith(f"  {genres[0]} ") for line in lines.splitlines())
    assert "Genres:" in lines
    picture = taste_view.svg(told)
    assert picture.startswith("<svg")
    assert "jazz" in picture


def test_a_report_ends_with_the_newest_plays_not_with_one_of_them() -> None:
    plays = [LESSON] * 40 + [replace(LESSON, liked=False)]
    belief = Belief()
    belief.teach_all(plays)
    told = finished(reporting(plays, belief, learning=True))
    assert told.rewards == (0.4, 0.4, round((19 * 0.4 - 1.0) / 20, 3))
    few = finished(reporting(plays[-3:], belief, learning=True))
    assert few.rewards == (round((0.4 * 2 - 1.0) / 3, 3),)


def test_an_artist_is_told_of_once_however_spelled() -> None:
    plays = [
        replace(LESSON, moment=replace(LESSON.moment, traits=replace(TRAITS, artist=artist)))
        for artist in ("ABBA", "Abba", "Abba feat. Somebody") * 4
    ]
    told = finished(reporting(plays, Belief(), learning=True))
    assert [(each.name, each.plays) for each in told.leanings if each.kind == "artist"] == [
        ("Abba", 12)
    ]


def test_a_report_of_nothing_says_so() -> None:
    told = finished(reporting([], Belief(), learning=False))
    assert "off" in taste_view.words(told)[0]
    assert "too little" in taste_view.words(told)[-1]
    assert taste_view.svg(told).endswith("</svg>\n")


def test_a_hostile_name_steers_neither_picture_nor_terminal() -> None:
    evil = "<script>x</script>\x1b[2J\x00\x07"
    diary = [
        replace(LESSON, moment=replace(LESSON.moment, traits=replace(TRAITS, genre=evil)))
    ] * 30
    belief = Belief()
    belief.teach_all(diary)
    told = finished(reporting(diary, belief, learning=True))
    told = replace(told, leanings=(Leaning("genre", evil, 0.5, 0.1, 30, 0.4), *told.leanings))
    picture, lines = taste_view.svg(told), taste_view.words(told)
    assert "<script" not in picture
    assert picture.replace("\n", "").isprintable()
    assert any("<script>x" in line for line in lines)
    assert all(line.isprintable() for line in lines)

"""Unpleasant and still: minor keys, slow, soft, legato, room between the notes."""

from __future__ import annotations

from composer.score import Part, Piece, Room, Section

_LETTERS = Piece(
    name="letters-never-sent",
    title="Letters Never Sent",
    artist="Attune Chamber Players",
    album="Rooms Left Lit",
    genre="Modern Classical",
    mood="sad",
    valence=-0.65,
    arousal=-0.5,
    bpm=60,
    key="A minor",
    seed=111,
    tune_center=71,
    motifs={
        "a": "4:1.5 5:.5 4:1 2:1 1:1 2:.5 1:.5 0:2",
        "b": "7:2 6:.5 5:.5 4:1 5:1.5 4:.5 2:2",
    },
    parts={
        "piano": Part("felt_piano", level=3, center=71, pan=0.1, send=0.35),
        "left": Part("felt_piano", level=0, center=55, pan=-0.15, send=0.3, voices=3),
        "bass": Part("felt_piano", level=-8, center=40, send=0.25),
        "cello": Part("cello", level=-1, center=52, pan=0.3, send=0.45),
        "strings": Part("strings", level=-5, center=62, send=0.6),
    },
    form=(
        Section("Am | Fmaj7", {"left": "0-1-2-1-", "bass": "R---"}, energy=(0.3, 0.45)),
        Section(
            "Am | Fmaj7 | C/G | E7",
            {"piano": "tune", "left": "0-1-2-1-", "bass": "R---"},
            tune="a a,",
            energy=(0.45, 0.55),
        ),
        Section(
            "Dm7 | Am/C | Bm7b5 | E7",
            {
                "piano": "tune",
                "cello": "below -12",
                "left": "0-1-2-1-",
                "bass": "R---",
                "strings": "hold",
            },
            tune="b b,",
            energy=(0.55, 0.8),
        ),
        Section(
            "Am | Fmaj7 | Dm7 E7 | Am",
            {
                "piano": "tune",
                "cello": "below -12",
                "left": "0-1-2-1-|0-1-2-1-|0-1-2-1-|0-1-2---",
                "bass": "R---",
                "strings": "hold",
            },
            tune="a~ a.",
            energy=(0.7, 0.45),
        ),
        Section(
            "Fmaj7 | Am",
            {"left": "0-1-2-1-|0-1-2---", "bass": "R---", "strings": "hold"},
            energy=(0.4, 0.2),
        ),
    ),
    slowing_beats=6,
    looseness_seconds=0.014,
    room=Room(2.4, 0.35, 0.4),
    air=-1,
    glue=0.15,
)

_TIDE = Piece(
    name="grey-tide",
    title="Grey Tide",
    artist="Attune Chamber Players",
    album="Rooms Left Lit",
    genre="Classical",
    mood="melancholy",
    valence=-0.7,
    arousal=-0.35,
    bpm=56,
    key="D minor",
    seed=222,
    tune_center=70,
    motifs={
        "a": "0:2 2:1 1:1 4:2.5 3:.5 2:1",
        "b": "7:1.5 6:.5 5:2 4:1 3:1 2:2",
    },
    parts={
        "violin": Part("strings", level=2, center=70, pan=-0.3, send=0.45),
        "second": Part("strings", level=-3, center=62, pan=0.0, send=0.45, voices=3),
        "cello": Part("cello", level=0, center=50, pan=0.35, send=0.4),
        "bass": Part("strings", level=-7, center=38, pan=0.3, send=0.3),
        "harp": Part("harp", level=-6, center=64, pan=-0.5, send=0.45),
    },
    form=(
        Section("Dm | Bbmaj7", {"second": "hold", "bass": "R---"}, energy=(0.25, 0.45)),
        Section(
            "Dm | Gm/Bb | A7 | Dm",
            {"violin": "tune", "second": "hold", "bass": "R---"},
            tune="a a.",
            energy=(0.4, 0.6),
        ),
        Section(
            "Bbmaj7 | F/A | Gm7 | A7",
            {"cello": "tune -12", "second": "hold", "bass": "R---", "harp": "0.1.2.3."},
            tune="b b,",
            energy=(0.6, 0.85),
        ),
        Section(
            "Dm | Gm/Bb | A7 | Dm",
            {
                "violin": "tune",
                "cello": "below -12",
                "second": "hold",
                "bass": "R---",
                "harp": "0.1.2.3.",
            },
            tune="a~ a.",
            energy=(0.85, 0.45),
        ),
        Section(
            "Gm6 | Dm", {"second": "hold", "cello": "0---", "bass": "R---"}, energy=(0.4, 0.15)
        ),
    ),
    slowing_beats=6,
    looseness_seconds=0.016,
    room=Room(2.8, 0.4, 0.35),
    air=-1,
    glue=0.1,
)

_PLATFORM = Piece(
    name="empty-platform",
    title="Empty Platform",
    artist="Attune Duo",
    album="Last Train, No Hurry",
    genre="Acoustic",
    mood="lonely",
    valence=-0.5,
    arousal=-0.45,
    bpm=66,
    key="E minor",
    seed=335,
    tune_center=66,
    motifs={
        "a": "4:1 2:1 1:.5 0:.5 1:1.5 2:.5 4:2 r:1",
        "b": "5:1 4:.5 5:.5 7:1.5 6:.5 4:1 2:1 1:1 r:1",
    },
    parts={
        "guitar": Part("nylon_guitar", level=1, center=57, pan=-0.2, send=0.25),
        "cello": Part("cello", level=1, center=55, pan=0.25, send=0.4),
        "bass": Part("nylon_guitar", level=-7, center=42, pan=-0.2, send=0.2),
        "flute": Part("flute", level=-3, center=72, pan=0.0, send=0.5),
        "pad": Part("strings", level=-8, center=60, send=0.6),
    },
    form=(
        Section("Em9 | Cmaj7", {"guitar": ".0123210", "bass": "R---"}, energy=(0.35, 0.5)),
        Section(
            "Em9 | Cmaj7 | Am7 | B7",
            {"cello": "tune -12", "guitar": ".0123210", "bass": "R---"},
            tune="a a,",
            energy=(0.5, 0.6),
        ),
        Section(
            "C | G/B | Am7 | Em | C | G/B | Am7 | B7",
            {
                "cello": "tune -12",
                "flute": "above",
                "guitar": ".0123210",
                "bass": "R---",
                "pad": "hold",
            },
            tune="b b+ b b,",
            energy=(0.55, 0.75),
        ),
        Section(
            "Am7 | Em/G | F#m7b5 B7 | Em9",
            {
                "cello": "tune -12",
                "guitar": ".0123210|.0123210|.012.012|0123----",
                "bass": "R---|R---|R-R-|R---",
                "pad": "hold",
            },
            tune="a~ a.",
            energy=(0.65, 0.3),
        ),
    ),
    slowing_beats=5,
    looseness_seconds=0.012,
    room=Room(2.0, 0.35, 0.4),
    air=-1,
    glue=0.15,
)

_NOVEMBER = Piece(
    name="november-window",
    title="November Window",
    artist="Attune Duo",
    album="Last Train, No Hurry",
    genre="Ballad",
    mood="melancholic",
    valence=-0.4,
    arousal=-0.6,
    bpm=72,
    key="F minor",
    seed=444,
    bar_beats=3.0,
    tune_center=72,
    motifs={
        "a": "4:2 2:1 3:1 2:.5 1:.5 0:1",
        "b": "7:1.5 6:.5 5:1 4:2 2:1",
    },
    parts={
        "piano": Part("felt_piano", level=2, center=72, pan=0.1, send=0.35),
        "left": Part("felt_piano", level=-1, center=56, pan=-0.1, send=0.3, voices=3),
        "bass": Part("felt_piano", level=-7, center=39, send=0.25),
        "box": Part("music_box", level=-5, center=84, pan=0.4, send=0.5),
        "clarinet": Part("clarinet", level=-2, center=65, pan=-0.3, send=0.4, gate=0.98),
        "strings": Part("strings", level=-7, center=60, send=0.6),
    },
    form=(
        Section("Fm | Dbmaj7", {"left": ".-x---", "bass": "R--"}, energy=(0.3, 0.4)),
        Section(
            "Fm | Dbmaj7 | Bbm7 | C7 | Fm | Dbmaj7 | Bbm7 C7 | Fm",
            {"piano": "tune", "left": "..x-x-", "bass": "R--"},
            tune="a a+ a a.",
            energy=(0.45, 0.6),
        ),
        Section(
            "Ab | Eb/G | Fm | Dbmaj7 | Bbm7 | Ab/C | Dbmaj7 | C7",
            {
                "clarinet": "tune",
                "box": "0-1-2-",
                "left": "..x-x-",
                "bass": "R--",
                "strings": "hold",
            },
            tune="b b+ b b,",
            energy=(0.55, 0.75),
        ),
        Section(
            "Fm | Dbmaj7 | Bbm7 C7 | Fm",
            {
                "piano": "tune",
                "clarinet": "below",
                "box": "......|....2-",
                "left": "..x-x-|..x-x-|..x-x-|..x---",
                "bass": "R--",
                "strings": "hold",
            },
            tune="a~ a.",
            energy=(0.6, 0.35),
        ),
        Section(
            "Bbm6 | Fm",
            {"box": "0-1-2-|3-----", "left": "..x-x-|..x---", "bass": "R--"},
            energy=(0.35, 0.2),
        ),
    ),
    slowing_beats=5,
    looseness_seconds=0.013,
    room=Room(2.2, 0.35, 0.45),
    air=-1,
    glue=0.15,
)

SAD: tuple[Piece, ...] = (_LETTERS, _TIDE, _PLATFORM, _NOVEMBER)

"""Unpleasant and driving: phrygian and minor, quick, distorted, hard, without rest."""

from __future__ import annotations

from composer.score import Part, Piece, Room, Section

_IRON = Piece(
    name="iron-weather",
    title="Iron Weather",
    artist="Attune Voltage",
    album="Sparks from the Rail",
    genre="Metal",
    mood="angry",
    valence=-0.7,
    arousal=0.9,
    bpm=152,
    key="E phrygian",
    seed=515,
    tune_center=70,
    motifs={
        "a": "0:.5 1:.5 0:.5 4:1.5 3:.5 2:.5 1:1 2:.5 1:.5 0:2",
        "b": "7:1 8:.5 7:.5 5:1 4:1 5:.5 4:.5 3:.5 1:.5 0:1 1:1",
    },
    parts={
        "rhythm": Part("overdriven_guitar", level=-1, center=40, send=0.06, drive=3.5, double=True),
        "lead": Part(
            "overdriven_guitar", level=0, center=70, pan=0.1, send=0.25, drive=4.0, echo=0.25
        ),
        "bass": Part("electric_bass", level=-4, center=33, send=0.0, drive=1.2, gate=0.9),
        "brass": Part("brass", level=-4, center=55, send=0.3),
    },
    form=(
        Section(
            "E5 | E5 | F5 | E5",
            {
                "rhythm": "p.pppppppppppP--|p.pppppppppppP--|P-----ppP-----pp|p.pppppppppppP--",
                "bass": "R.RRRRRRRRRRRRRR",
            },
            energy=(0.7, 0.9),
            fill=False,
        ),
        Section(
            "E5 | E5 | F5 | E5 | G5 | F5 | Bb5 | F5",
            {
                "rhythm": "p.pppp.ppppppP--|p.pppp.ppppppP--|P-----ppP---pppp|pppppppppppppP--",
                "bass": "R.RRRRRRRRRRRRRR",
                "drums": "metal_gallop",
            },
            energy=(0.85, 0.95),
            fill=True,
        ),
        Section(
            "Em | F | Em | Dm | Em | F | Bdim | F",
            {
                "rhythm": "P---pppP---ppppp",
                "lead": "tune",
                "bass": "R-RRR-RRR-RRRRRR",
                "drums": "metal_gallop",
            },
            tune="a a+ a- a,",
            energy=(0.9, 1.0),
            fill=True,
        ),
        Section(
            "Em | C | F | Bdim | Em | C | F | F",
            {
                "rhythm": "P-------P-----pp",
                "brass": "x-------x-------",
                "lead": "tune",
                "bass": "R-------R---RRRR",
                "drums": "metal_half",
            },
            tune="b b+ b b,",
            energy=(0.9, 1.0),
            fill=True,
        ),
        Section(
            "Em | F | Em | Dm | Em | F | Bdim | Em",
            {
                "rhythm": "pppppppP--pppppp",
                "lead": "tune",
                "brass": "X...X...X...X.X.",
                "bass": "RRRRRRRRRRRRRRRR",
                "drums": "metal_gallop",
            },
            tune="a~ a+~ a- a.",
            energy=(0.95, 1.0),
            fill=True,
        ),
        Section(
            "E5 | F5 | E5 F5 | E5",
            {
                "rhythm": "p.pppppppppppP--|P-----ppP-----pp|P---P---P---P---|P---------------",
                "brass": "x-------x-------|x-------x-------|X---X---X---X---|X---------------",
                "bass": "RRRRRRRRRRRRRRRR|RRRRRRRRRRRRRRRR|R---R---R---R---|R---------------",
                "drums": "metal_half",
            },
            energy=(1.0, 1.0),
        ),
    ),
    looseness_seconds=0.002,
    room=Room(0.8, 0.2, 0.6),
    air=7,
    drum_level=2,
    glue=0.5,
)

_REDLINE = Piece(
    name="redline-stairwell",
    title="Redline Stairwell",
    artist="Attune Circuit",
    album="Hard Reset",
    genre="Industrial",
    mood="tense",
    valence=-0.55,
    arousal=0.8,
    bpm=138,
    key="D minor",
    seed=626,
    tune_center=74,
    motifs={
        "a": "0:.75 0:.25 1:.5 0:.5 r:.5 4:.5 3:.5 2:.5 0:1 1:1 r:2",
        "b": "4:1 5:.5 4:.5 7:1 6:1 5:.5 4:.5 5:.5 2:.5 1:2",
    },
    parts={
        "acid": Part("synth_bass", level=-3, center=38, send=0.05, drive=2.2, gate=0.6),
        "sub": Part("sub_bass", level=-7, center=32, send=0.0, duck=0.7),
        "lead": Part(
            "reese", level=0, center=62, pan=0.1, send=0.3, drive=2.5, echo=0.35, gate=0.8
        ),
        "stabs": Part("supersaw", level=-2, center=60, send=0.3, gate=0.5, drive=0.8),
        "alarm": Part("pulse_lead", level=-7, center=81, pan=-0.4, send=0.4, gate=0.5, echo=0.4),
    },
    form=(
        Section(
            "Dm | Dm | Dm | Dm",
            {"acid": "aahaabahaacbahab", "drums": "industrial_light"},
            energy=(0.6, 0.85),
        ),
        Section(
            "Dm | Dm | Bb | A7 | Dm | Dm | Eb | A7",
            {
                "acid": "aahaabahaacbahab",
                "sub": "R---R---R---R---",
                "lead": "tune -12",
                "drums": "industrial_light",
            },
            tune="a a+ a a<",
            energy=(0.8, 0.9),
            fill=True,
        ),
        Section(
            "Dm | Dm | Bb | A7 | Dm | Dm | Eb | A7",
            {
                "acid": "aahaabahaacbahab|ahaaahaaahaahaha",
                "sub": "R---R---R---R---",
                "lead": "tune -12",
                "stabs": "X..X..X.....X...",
                "drums": "industrial_full",
            },
            tune="a a+ a- a<",
            energy=(0.9, 1.0),
            fill=True,
        ),
        Section(
            "Gm | Gm | Eb | A7b9",
            {
                "acid": "a.......a.......",
                "stabs": "X-------X---X---|X---X---X-X-X-X-",
                "alarm": "3.2.3.2.3.2.3.2.",
                "drums": "industrial_light",
            },
            energy=(0.6, 0.95),
            fill=True,
        ),
        Section(
            "Dm | Bb | Gm | A7 | Dm | Bb | Eb | A7b9",
            {
                "acid": "aahaabahaacbahab",
                "sub": "R---R---R---R---",
                "lead": "tune -12",
                "stabs": "X..X..X...X.X...",
                "alarm": "3...2...3...2...",
                "drums": "industrial_full",
            },
            tune="b b+ b- b,",
            energy=(0.95, 1.0),
            fill=True,
        ),
        Section(
            "Dm | Dm | Eb | Dm",
            {
                "acid": "aahaabahaacbahab|aahaabahaacbahab|aahaabahaacbahab|a---------------",
                "stabs": "X..X..X.....X...|X..X..X.....X...|X..X..X.X.X.X.X.|X---------------",
                "drums": "industrial_full",
            },
            energy=(1.0, 0.9),
        ),
    ),
    looseness_seconds=0.001,
    room=Room(1.3, 0.25, 0.7),
    air=5,
    drum_level=2,
    drum_drive=2.0,
    glue=0.45,
)

_WOLF = Piece(
    name="the-wolf-clock",
    title="The Wolf Clock",
    artist="Attune Chamber Players",
    album="Night Engines",
    genre="Soundtrack",
    mood="tense",
    valence=-0.5,
    arousal=0.7,
    bpm=172,
    key="C minor",
    seed=737,
    bar_beats=3.5,
    tune_center=70,
    motifs={
        "a": "0:1 2:1 1:1 0:.5 4:2 5:.5 4:1",
        "b": "7:1 6:.5 5:.5 4:1.5 5:1 4:1 2:.5 1:1",
    },
    parts={
        "ostinato": Part("spiccato", level=0, center=60, pan=-0.2, send=0.35),
        "violins": Part("spiccato", level=0, center=75, pan=0.3, send=0.4),
        "low": Part("spiccato", level=-4, center=43, pan=0.15, send=0.3),
        "horns": Part("brass", level=1, center=58, pan=0.1, send=0.45, gate=0.95),
        "tremor": Part("strings", level=-4, center=67, send=0.5),
        "timp": Part("sub_bass", level=-10, center=36, send=0.2, gate=0.6),
    },
    form=(
        Section(
            "Cm | Cm | Cm | Db | Cm | Cm | Ab | G7",
            {"ostinato": "a.a.b.a.a.b.c.|a.a.b.a.d.c.b.", "drums": "seven_light"},
            energy=(0.45, 0.75),
        ),
        Section(
            "Cm | Cm | Ab | Db | Fm | Cm | Ddim | G7 | Cm | Cm | Ab | Db | Fm | Cm | G7 | Cm",
            {
                "ostinato": "a.a.b.a.a.b.c.|a.a.b.a.d.c.b.",
                "low": "R...R...R.R.F.",
                "horns": "tune -12",
                "drums": "seven_light",
            },
            tune="a a+ a a, a a+ a- a.",
            energy=(0.7, 0.9),
            fill=True,
        ),
        Section(
            "Fm | Db | Ab | Eb | Fm | Db | G7 | G7 | Fm | Db | Bbm | Eb | Ab | Ddim | G7 | G7b9",
            {
                "ostinato": "aabaaabaacbadc",
                "violins": "3.2.3.2.3.2.1.",
                "low": "R.R.R.R.R.R.F.",
                "tremor": "hold",
                "horns": "tune -12",
                "drums": "seven_full",
            },
            tune="b b+ b b, b b- b+ b,",
            energy=(0.8, 1.0),
            fill=True,
        ),
        Section(
            "Cm | Cm | Ab | Db | Fm | Cm | Ddim | G7 | Cm | Cm | Ab | Db",
            {
                "ostinato": "aabaaabaacbadc",
                "violins": "tune 12",
                "low": "R.R.R.R.R.R.F.",
                "tremor": "hold",
                "horns": "tune -12",
                "timp": "R.......R.R...",
                "drums": "seven_full",
            },
            tune="a a+ a a, a a+",
            energy=(0.95, 1.0),
            fill=True,
        ),
        Section(
            "Cm | Db | Cm | Cm",
            {
                "ostinato": "aabaaabaacbadc|aabaaabaacbadc|aabaaabaacbadc|a.............",
                "low": "R.R.R.R.R.R.F.|R.R.R.R.R.R.F.|R.R.R.R.R.R.F.|R.............",
                "horns": "x-------x---x-|x-------x---x-|X---X---X-X-X-|X-............",
                "timp": "R.......R.R...|R.......R.R...|R.R.R.R.R.R.R.|R-............",
                "drums": "seven_light",
            },
            energy=(1.0, 1.0),
        ),
    ),
    looseness_seconds=0.004,
    room=Room(2.0, 0.4, 0.6),
    air=7,
    drum_send=0.35,
    drum_level=-1,
)

_TURBINE = Piece(
    name="broken-turbine",
    title="Broken Turbine",
    artist="Attune Voltage",
    album="Sparks from the Rail",
    genre="Drum and Bass",
    mood="aggressive",
    valence=-0.6,
    arousal=0.95,
    bpm=172,
    key="F# phrygian",
    seed=848,
    tune_center=73,
    motifs={
        "a": "7:.5 r:.5 7:.5 8:.5 7:1 4:1 5:.5 4:.5 3:.5 1:.5 0:2",
        "b": "4:1.5 3:.5 4:1 1:1 0:1.5 1:.5 0:2",
    },
    parts={
        "reese": Part("reese", level=-2, center=35, send=0.03, drive=2.0, duck=0.4, gate=0.95),
        "stab": Part("synth_pluck", level=-1, center=66, pan=-0.3, send=0.3, echo=0.35, drive=1.2),
        "lead": Part("supersaw", level=0, center=73, pan=0.15, send=0.25, drive=1.6, gate=0.85),
        "drone": Part("brass", level=-5, center=54, send=0.4),
    },
    form=(
        Section(
            "F#m | F#m | G | F#m",
            {"stab": "x..x..x...x..x..", "drums": "break_light"},
            energy=(0.6, 0.8),
        ),
        Section(
            "F#m | F#m | G | F#m | F#m | F#m | Em | G",
            {
                "reese": "R--R--R-R---R-R-|R--R--R-R-RR-RRR",
                "stab": "x..x..x...x..x..",
                "drums": "break_full",
            },
            energy=(0.85, 0.95),
            fill=True,
        ),
        Section(
            "F#m | G | F#m | Em | F#m | G | Bm | G",
            {
                "reese": "R--R--R-R---R-R-|R--R--R-R-RR-RRR",
                "lead": "tune",
                "stab": "..x..x....x..x..",
                "drums": "break_full",
            },
            tune="a a+ a- a,",
            energy=(0.9, 1.0),
            fill=True,
        ),
        Section(
            "Bm | Bm | G | C5 | Bm | Em | G | C5",
            {
                "drone": "hold",
                "lead": "tune",
                "reese": "R---------------|R-------R---R---",
                "drums": "break_light",
            },
            tune="b b+ b b,",
            energy=(0.65, 0.95),
            fill=True,
        ),
        Section(
            "F#m | G | F#m | Em | F#m | G | Bm | G | F#m | G | F#m | Em | F#m | G | G | F#m",
            {
                "reese": "RR.RR.R-RR.RR.R-|R--R--R-R-RRRRRR",
                "lead": "tune",
                "drone": "X.....X.....X...",
                "stab": "x..x..x...x..x..",
                "drums": "break_full",
            },
            tune="a a+ a- a, a~ a+~ a< a.",
            energy=(0.95, 1.0),
            fill=True,
        ),
        Section(
            "F#m | G | F#m | F#m",
            {
                "reese": "R--R--R-R---R-R-|R--R--R-R-RR-RRR|RRRRRRRRRRRRRRRR|R---------------",
                "drone": "X.....X.....X...|X.....X.....X...|X.X.X.X.X.X.X.X.|X-------........",
                "drums": "break_full",
            },
            energy=(1.0, 1.0),
        ),
    ),
    looseness_seconds=0.001,
    room=Room(0.9, 0.2, 0.8),
    air=3,
    drum_level=3,
    drum_drive=1.5,
    glue=0.5,
)

TENSE: tuple[Piece, ...] = (_IRON, _REDLINE, _WOLF, _TURBINE)

"""Drum grooves: one line a drum, `|` between bars; `X` loud, `x` normal, `o` soft, `.` nothing."""

from __future__ import annotations

GROOVES: dict[str, dict[str, str]] = {
    "folk_light": {
        "tambourine": "..x...x...x...x.",
        "kick": "x.......x.......",
        "shaker": "xoxoxoxoxoxoxoxo",
    },
    "folk_full": {
        "kick": "x.....x.x.......|x.....x.x...x...",
        "clap": "....X.......X...",
        "tambourine": "..x...x...x...x.",
        "shaker": "xoxoxoxoxoxoxoxo",
        "conga_high": "...o..o....o..o.",
    },
    "island_light": {
        "shaker": "xoxoxoxoxoxoxoxo",
        "conga_low": "......x.......x.",
        "clave": "x..x..x...x.x...",
    },
    "island_full": {
        "kick": "x..x....x..x....",
        "rim": "...x..x....x..x.",
        "shaker": "xoXoxoXoxoXoxoXo",
        "conga_low": "......xx......x.",
        "conga_high": "..x.....x.x.....",
        "clave": "x..x..x...x.x...",
    },
    "synthpop_light": {
        "kick": "X...X...X...X...",
        "hat": "..x...x...x...x.",
    },
    "synthpop_full": {
        "kick": "X...X...X...X...",
        "clap": "....X.......X...",
        "hat": "x.x.x.x.x.x.x.xx",
        "open_hat": "..x...x...x...x.",
        "tom_high": "...........o..o.",
    },
    "jig_light": {"tambourine": "x.xx.x", "soft_kick": "x.....", "woodblock": "x..x.."},
    "jig_full": {
        "kick": "x..x..|x..x.x",
        "clap": "...X..",
        "tambourine": "xoxxox",
        "conga_high": "..o..x",
    },
    "metal_gallop": {
        "hard_kick": "x.xxx.xxx.xxx.xx",
        "hard_snare": "....X.......X...",
        "ride": "x...x...x...x...",
        "crash": "X...............|................|................|................",
    },
    "metal_half": {
        "hard_kick": "X..x..x...x.x.xx",
        "hard_snare": "........X.......",
        "open_hat": "X...X...X...X...",
        "crash": "X...............|................",
    },
    "industrial_light": {"hard_kick": "X...X...X...X...", "hat": "xxxxxxxxxxxxxxxx"},
    "industrial_full": {
        "hard_kick": "X...X...X...X.x.",
        "hard_snare": "....X.......X..x",
        "anvil": "..........X.....|...x......X...x.",
        "hat": "XoxoXoxoXoxoXoxo",
    },
    # Seven eighths, two steps each: 2 + 2 + 3.
    "seven_light": {"taiko": "X...x...x.....", "woodblock": "x.x.x.x.x.x.x."},
    "seven_full": {
        "taiko": "X...X...X.x.x.",
        "tom_low": "..x...x...x..x",
        "tom_high": ".x...x...x...x",
        "anvil": "X.............|..............",
        "hat": "xxxxxxxxxxxxxx",
    },
    "break_light": {"hat": "x.x.x.x.x.x.x.x.", "hard_kick": "X.........x....."},
    "break_full": {
        "hard_kick": "X.........X.....|X..x......X.....",
        "hard_snare": "....X..o.o..X..o",
        "hat": "x.x.x.x.x.x.x.x.",
        "ride": "..x...x...x...x.",
        "crash": "X...............|................|................|................",
    },
    "brushes": {
        "soft_kick": "x.......o.......",
        "brush": "....x.......x...",
        "ride": "o...o..oo...o..o",
    },
    "lofi": {
        "soft_kick": "x.....o...x.....|x.......o.x.....",
        "rim": "....x.......x...",
        "hat": "o.o.o.o.o.o.o.oo",
    },
    "heartbeat": {"soft_kick": "x.o............."},
    "shaker_soft": {"shaker": "o.o.o.o.o.o.o.o.", "soft_kick": "o..............."},
}

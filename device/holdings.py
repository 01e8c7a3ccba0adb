"""What there is to play: what was scanned, what listening told of it, and what the user says."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from device.music.catalogue import Catalogue
from device.music.corrections import playable
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
        self.corrections = store.corrections()
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
        """Take the user's word on a track; back, also on one that is missing. Raises `CannotDo`."""
        taken_back = correction.says_nothing and correction.track in self.corrections
        if not taken_back and all(track.id != correction.track for track in self._scanned):
            raise CannotDo(f"there is no track {correction.track!r}; `attune library` shows them")
        self._store.correct(correction)
        others = {id_: one for id_, one in self.corrections.items() if id_ != correction.track}
        said = {} if correction.says_nothing else {correction.track: correction}
        self.corrections = others | said
        self._lay_out()

    def known(self, track: TrackId) -> Track | None:
        """A track that may be played, though its drive be away."""
        correction = self.corrections.get(track)
        if correction is not None and correction.skip:
            return None
        both = (*self.library.tracks, *self.library.missing)
        return next((each for each in both if each.id == track), None)

    def pass_time(self, now: float) -> None:
        """Let count what was heard, once it waited long enough."""
        patience = max(HEARD_SECONDS, HEARD_SECONDS_A_TRACK * len(self._scanned))
        if self._heard_since is not None and now - self._heard_since >= patience:
            self._lay_out()

    def _take(self, tracks: tuple[Track, ...]) -> None:
        self._scanned = tracks
        self._lay_out()
        sounds = {sound_key(track) for track in tracks}
        self._listen(still_to_hear(tracks, self._listened), len(sounds))

    def _lay_out(self) -> None:
        """Let count what was listened to, and above all what the user says."""
        self._heard_since = None
        tracks = self._stock.lay_out(self._scanned, self._listened, self.corrections)
        self.library = replace(self.library, tracks=tracks)
        self._choose_from(Catalogue(playable(tracks, self.corrections)))

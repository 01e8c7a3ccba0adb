"""The library as it is chosen from: what was scanned, heard and said by the user, in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from device.music.albums import Album, Level, album_of, level_of
from device.music.corrections import corrected
from device.music.heard import enrich
from device.music.listened import sound_key
from device.types import Correct, Listened, Track, TrackId


class _Made(NamedTuple):
    """A track as it became, and all that it was made of."""

    track: Track
    heard: Listened | None
    said: Correct | None
    result: Track

    @property
    def is_silent(self) -> bool:
        """Whether nothing can be heard in it: it was listened to, and has no loudness."""
        heard = self.heard is not None and self.heard.heard is not None
        return heard and self.result.loudness_lufs is None

    def levelled(self, album: Level) -> _Made:
        """The same on such an album, as far as the track's tags do not say how loud that is."""
        lufs, peak = self.track.album_loudness_lufs, self.track.album_peak_dbfs
        lufs = album.loudness_lufs if lufs is None else lufs
        peak = album.peak_dbfs if peak is None else peak
        result = self.result
        if (result.album_loudness_lufs, result.album_peak_dbfs) == (lufs, peak):
            return self
        result = replace(result, album_loudness_lufs=lufs, album_peak_dbfs=peak)
        return self._replace(result=result)


class Stock:
    """Works out anew only what changed: of a large library, that is little at a time."""

    def __init__(self) -> None:
        self._made: dict[TrackId, _Made] = {}

    def lay_out(
        self,
        tracks: Sequence[Track],
        listened: Mapping[str, Listened],
        corrections: Mapping[TrackId, Correct],
    ) -> tuple[Track, ...]:
        """The tracks with what was heard in them and in their albums, and above all with what the
        user says."""
        before, made = self._made, {}
        changed: set[Album | None] = set()
        for track in tracks:
            key = sound_key(track)
            heard, said = listened.get(key), corrections.get(track.id)
            old = before.get(track.id)
            if old and old.track is track and old.heard is heard and old.said == said:
                made[track.id] = old
            else:
                result = corrected(enrich(track, listened, key), said)
                made[track.id] = _Made(track, heard, said, result)
                changed.add(album_of(track))
                if old:
                    changed.add(album_of(old.track))
        changed.update(album_of(before[gone].track) for gone in before.keys() - made.keys())
        self._made = made
        self._level_albums(changed)
        return tuple(each.result for each in made.values())

    def _level_albums(self, albums: set[Album | None]) -> None:
        """Work out how loud these albums are, for tracks whose tags do not say it."""
        members: dict[Album | None, list[_Made]] = {album: [] for album in albums if album}
        titles = {album.title for album in albums if album}
        for each in self._made.values():
            # By their titles first: most tracks are on none of these albums.
            if each.track.album in titles and (album := album_of(each.track)) in members:
                members[album].append(each)
        for on_album in members.values():
            level = level_of(each.result for each in on_album if not each.is_silent)
            for each in on_album:
                self._made[each.result.id] = each.levelled(level)

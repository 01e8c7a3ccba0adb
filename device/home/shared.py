"""A large answer made once for all who read it at a time: as many copies as readers would fill
the memory of a small board, and more than waitress keeps there would go to the card."""

from __future__ import annotations

import io
import threading
import weakref

import flask
import msgspec
from werkzeug.wsgi import wrap_file


class _Encoded:
    """A value and its JSON, as long as anybody reads it."""

    def __init__(self, value: object) -> None:
        self.value = value
        self.json = msgspec.json.encode(value)


class _Reader(io.BytesIO):
    """One reader's place in it; BytesIO copies nothing of what is only read."""

    def __init__(self, encoded: _Encoded) -> None:
        super().__init__(encoded.json)
        self.encoded = encoded


class Shared:
    """Answers with a value as JSON. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._newest: weakref.ref[_Encoded] | None = None

    def answer(self, value: object) -> flask.Response:
        """The answer with a value, which nobody changes; nobody may keep it."""
        encoded = self._encoded(value)
        response = flask.Response(
            # Waitress sends it as it lies there, and no thread waits for whoever reads it.
            wrap_file(flask.request.environ, _Reader(encoded)),
            mimetype="application/json",
            direct_passthrough=True,
        )
        response.content_length = len(encoded.json)
        response.headers["Cache-Control"] = "no-store"
        return response

    def _encoded(self, value: object) -> _Encoded:
        with self._lock:
            encoded = self._newest() if self._newest else None
            if encoded is None or encoded.value is not value:
                encoded = _Encoded(value)
                self._newest = weakref.ref(encoded)
            return encoded

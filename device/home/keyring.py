"""Who may come in over the network: a password, tokens of programs, sessions of browsers.

Of each only a hash is kept, in one file that only the service reads. A password is hashed by
scrypt (RFC 7914) at N = 2^14, r = 8, p = 5, which OWASP's Password Storage Cheat Sheet names for
16 MiB; tokens and sessions are 256 random bits, for which SHA-256 is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
import secrets
import threading
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec.structs import replace

from device.home.entry import LONGEST_PASSWORD, SHORTEST_PASSWORD
from device.ports import CannotDo

log = logging.getLogger(__name__)

FILE = "page.json"
_N, _R, _P = 2**14, 8, 5
_MAXMEM = 64 * 1024 * 1024
TOKEN_PREFIX = "attune_"  # noqa: S105 - what tokens begin with, so that scanners know them
MOST_TOKENS, MOST_SESSIONS = 50, 50
SESSION_SECONDS = 30 * 86_400.0
CLOCK_SECONDS = 86_400.0
"""By so much a clock may be set back without logging anybody out."""
TOKEN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")


class TokenKept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program's token: its name, SHA-256 (hex), and the wall time from which it holds."""

    name: str
    sha256: str
    since: float


class SessionKept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A browser that is logged in: SHA-256 (hex) of its cookie, and the wall time of its end."""

    sha256: str
    ends: float


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file. `password`: `scrypt$salt$hash` in hex."""

    password: str | None = None
    tokens: tuple[TokenKept, ...] = ()
    sessions: tuple[SessionKept, ...] = ()


class Keyring:
    """Safe to call from any thread; what changes is on the disk when a call returns.

    Changes raise `CannotDo` where the disk refuses.
    """

    def __init__(self, folder: Path, wall: Callable[[], float] = time.time) -> None:
        self._path = folder / FILE
        self._wall = wall
        self._lock = threading.Lock()
        self._hashing = threading.Lock()  # one at a time: each takes 16 MiB
        self._kept = self._load()

    # --- password -------------------------------------------------------------------------

    @property
    def has_password(self) -> bool:
        """Whether anybody can log in."""
        return self._kept.password is not None

    def set_password(self, password: str | None) -> None:
        """Set or remove the password; who was logged in no longer is. Raises `CannotDo`."""
        if password is not None and not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise CannotDo(
                f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; "
                "a few words are easy to keep in mind"
            )
        hashed = None if password is None else self._hashed(password, secrets.token_bytes(16))
        with self._lock:
            self._save(replace(self._kept, password=hashed, sessions=()))

    def is_password(self, password: str) -> bool:
        """Whether it is the password. Takes a good part of a second, and as long when it is not."""
        kept = self._kept.password
        salt = bytes.fromhex(kept.split("$")[1]) if kept else b"\0" * 16
        same = hmac.compare_digest(self._hashed(password[:LONGEST_PASSWORD], salt), kept or "")
        return same and kept is not None

    def _hashed(self, password: str, salt: bytes) -> str:
        # As NIST SP 800-63B asks, so that each keyboard's "é" is the same.
        text = unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
        with self._hashing:
            hashed = hashlib.scrypt(text, salt=salt, n=_N, r=_R, p=_P, maxmem=_MAXMEM)
        return f"scrypt${salt.hex()}${hashed.hex()}"

    # --- tokens ---------------------------------------------------------------------------

    @property
    def tokens(self) -> tuple[TokenKept, ...]:
        """All tokens that hold, without what they are."""
        return self._kept.tokens

    def add_token(self, name: str) -> str:
        """A new token for a program of such a name; it cannot be asked for again. Raises
        `CannotDo`."""
        if not TOKEN_NAME.fullmatch(name):
            raise CannotDo("a token's name has 1 to 40 letters, digits, or . _ -")
        token = TOKEN_PREFIX + secrets.token_urlsafe(32)
        with self._lock:
            tokens = self._kept.tokens
            if any(each.name == name for each in tokens):
                raise CannotDo(f"there is a token called {name} already; remove it first")
            if len(tokens) >= MOST_TOKENS:
                raise CannotDo(f"{MOST_TOKENS} tokens are the most; remove one first")
            fresh = TokenKept(name, _sha256(token), self._wall())
            self._save(replace(self._kept, tokens=(*tokens, fresh)))
        return token

    def remove_token(self, name: str) -> None:
        """Take a program's token back. Raises `CannotDo`."""
        with self._lock:
            left = tuple(each for each in self._kept.tokens if each.name != name)
            if len(left) == len(self._kept.tokens):
                raise CannotDo(f"no token is called {name[:60]!r}; `attune token list` names them")
            self._save(replace(self._kept, tokens=left))

    def token_name(self, token: str) -> str | None:
        """Whose token this is, None when it is nobody's."""
        hashed = _sha256(token)
        return next((each.name for each in self._kept.tokens if each.sha256 == hashed), None)

    # --- sessions -------------------------------------------------------------------------

    def open_session(self) -> str:
        """The cookie of a browser that gave the password. The oldest of too many ends."""
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            now = self._wall()
            going = tuple(each for each in self._kept.sessions if each.ends > now)
            fresh = SessionKept(_sha256(cookie), now + SESSION_SECONDS)
            self._save(replace(self._kept, sessions=(*going[-MOST_SESSIONS + 1 :], fresh)))
        return cookie

    def is_session(self, cookie: str) -> bool:
        """Whether this browser is logged in. A session that was opened while the clock was ahead
        ends once that is set: it would hold for as long as the clock was wrong."""
        hashed, now = _sha256(cookie), self._wall()
        return any(
            each.sha256 == hashed and 0.0 < each.ends - now <= SESSION_SECONDS + CLOCK_SECONDS
            for each in self._kept.sessions
        )

    def close_session(self, cookie: str) -> None:
        """Log a browser out."""
        hashed = _sha256(cookie)
        with self._lock:
            left = tuple(each for each in self._kept.sessions if each.sha256 != hashed)
            if left != self._kept.sessions:
                self._save(replace(self._kept, sessions=left))

    # --- the file -------------------------------------------------------------------------

    def _load(self) -> Kept:
        """What was kept. What cannot be read lets nobody in, and the next password replaces it."""
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=Kept)
            if kept.password is not None and not re.fullmatch(
                r"scrypt\$[0-9a-f]{32}\$[0-9a-f]{128}", kept.password
            ):
                raise msgspec.ValidationError("the password's hash is none")
        except FileNotFoundError:
            return Kept()
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            log.error(  # noqa: TRY400 - no bug of ours
                "%s cannot be used (%s): nobody can log in until `attune password` sets a new one",
                self._path,
                error,
            )
            return Kept()
        return kept

    def _save(self, kept: Kept) -> None:
        """Write a new file in the old one's place; either holds whatever happens."""
        fresh = self._path.with_suffix(".new")
        try:
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(msgspec.json.encode(kept))
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._path)
        except OSError as error:
            raise CannotDo(f"{self._path} cannot be written: {error.strerror or error}") from error
        self._kept = kept


def csrf_of(cookie: str) -> str:
    """What a page must send along with what it changes: derived from the session's cookie, which
    no script can read, so that other sites do not know it."""
    return hmac.new(cookie.encode(), b"attune csrf", hashlib.sha256).hexdigest()


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()

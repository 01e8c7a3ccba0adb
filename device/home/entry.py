"""What is asked and answered about who may come in: the command line's and the API's values."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 256

Password = Annotated[str, Meta(max_length=LONGEST_PASSWORD)]
# For the documents: `Keyring` checks both, with words of its own.
NewPassword = Annotated[
    str, Meta(extra_json_schema={"minLength": SHORTEST_PASSWORD, "maxLength": LONGEST_PASSWORD})
]
TokenName = Annotated[str, Meta(extra_json_schema={"pattern": r"^[A-Za-z0-9_.-]{1,40}$"})]


class LogIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The password, as it was typed."""

    password: Password


class SessionNow(msgspec.Struct, frozen=True):
    """Whether a login is needed here, whether this browser is logged in, and what it sends along
    as `X-CSRF-Token` (empty: nothing)."""

    login_needed: bool
    logged_in: bool
    csrf: str


class SetPassword(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The new password; null removes it."""

    password: NewPassword | None


class PasswordNow(msgspec.Struct, frozen=True):
    """Whether there is a password."""

    set: bool


class AddToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The name of the program that the token is for."""

    name: TokenName


class TokenMade(msgspec.Struct, frozen=True):
    """A new token; it is shown this once."""

    name: str
    token: str


class TokenNow(msgspec.Struct, frozen=True):
    """A token that holds, and since when (seconds since the epoch)."""

    name: str
    since: float


class WhichToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The name of the program whose token it is."""

    name: TokenName

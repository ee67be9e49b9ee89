"""Sessions: issues a signed token for a new conversation, reads the conversation out of a token."""

from __future__ import annotations

import re
import secrets
import time

import jwt

from stridewell.web.errors import ApiError

PREFIX = "web-"
AUDIENCE = "stridewell-website"
ALGORITHM = "HS256"
_CONVERSATION = re.compile(rf"{PREFIX}[0-9a-f]{{32}}")


class Sessions:
    """Signs and checks tokens; keeps nothing.

    Args:
        key: Secret key of the site.
        hours: How long a session lasts.
    """

    def __init__(self, key: str, hours: float) -> None:
        self._key = key
        self._seconds = int(hours * 3600) or 1

    def start(self) -> tuple[str, int]:
        """Make a session for a conversation that nobody can guess.

        Returns:
            The token, and the time it ends in seconds since 1970.
        """
        now = int(time.time())
        expires = now + self._seconds
        claims = {
            "sub": f"{PREFIX}{secrets.token_hex(16)}",
            "aud": AUDIENCE,
            "iat": now,
            "exp": expires,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM), expires

    def conversation(self, authorization: str | None) -> tuple[str, int]:
        """Read whose call it is.

        Args:
            authorization: The header of that name: ``Bearer`` and the token.

        Returns:
            The id of the conversation, and the time the session ends.

        Raises:
            ApiError: There is no token, it is forged or of another site, or it has expired.
        """
        kind, _, token = (authorization or "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise ApiError("session_missing")
        try:
            claims = jwt.decode(
                token.strip(),
                self._key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                options={"require": ["sub", "aud", "iat", "exp"]},
            )
        except jwt.ExpiredSignatureError:
            raise ApiError("session_expired") from None
        except (jwt.PyJWTError, ValueError):
            raise ApiError("session_invalid") from None
        conversation = claims["sub"]
        if not isinstance(conversation, str) or not _CONVERSATION.fullmatch(conversation):
            raise ApiError("session_invalid")
        return conversation, int(claims["exp"])

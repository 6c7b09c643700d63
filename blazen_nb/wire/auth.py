"""Tokens: where a client finds one, how it travels, how a peer checks it; it knows nothing of calls or sessions.

A token never appears in a repr, a message or a log. A peer keeps only a digest of its own.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterable, Mapping
from hmac import compare_digest

from blazen_nb.errors import ValidationError
from blazen_nb.wire import connection_file
from blazen_nb.wire.address import Address

TOKEN_VARIABLE = "BLAZEN_PEER_TOKEN"  # noqa: S105 - the name of a variable, not a token
"""The environment variable that holds a token; empty counts as unset."""

ANONYMOUS = "anonymous"
"""The identity of every caller of a peer that asks for no token."""

REFUSED = (
    "this peer asks for a token and accepted none from this call; "
    f"pass the peer's own as token=..., or set {TOKEN_VARIABLE}"
)
"""What a refused caller reads: the same for a missing, a malformed and a wrong token."""

NODE_ID_HEADER = "x-blazen-peer-node-id"
"""The metadata entry that names a client to its peer, and an admitted client's peer to it; it proves nothing."""

_HEADER = "authorization"
_SCHEME = b"bearer"
_IDENTITY_SALT = b"blazen_nb identity of a token"
_OWN_USER = b" made by the peer for its own user"
_CERTIFICATE_SALT = b"blazen_nb identity of a certificate"


def make_token() -> str:
    """A new random token that nobody guesses."""
    return secrets.token_urlsafe(32)


def resolve_token(explicit: str | None, address: Address | None) -> str | None:
    """The token to use: the argument's, else the environment's, else that of the connection file for this address.

    Args:
        explicit: What the caller passed; None where nothing was.
        address: The peer's address; None leaves connection files out.

    Raises:
        ValidationError: The token is empty or cannot travel, or the only connection file is not private.
    """
    if explicit is not None:
        return _checked(explicit, "token")
    if from_environment := os.environ.get(TOKEN_VARIABLE, "").strip():
        return _checked(from_environment, TOKEN_VARIABLE)
    found = connection_file.find(address) if address is not None else None
    return found.token if found else None


def bearer(token: str) -> tuple[str, str]:
    """The metadata entry that carries this token."""
    return _HEADER, f"Bearer {_checked(token, 'token')}"


def header_text(text: str) -> str:
    """The text as metadata can carry it: printable ASCII, the rest shown as ``?``."""
    return "".join(sign if sign.isascii() and sign.isprintable() else "?" for sign in text)


class TokenCheck:
    """A peer's way to tell who calls; built on None it lets everybody in as one anonymous identity.

    Args:
        made_here: The peer has made the token itself, for whoever may read its connection file: always the same user,
            whose runs are to be found again when the next start makes another token.
    """

    __slots__ = ("_digest", "_identity")

    def __init__(self, token: str | None, *, made_here: bool = False) -> None:
        self._digest: bytes | None = None
        self._identity = ANONYMOUS
        if token is not None:
            raw = _checked(token, "token").encode()
            self._digest = hashlib.sha256(raw).digest()
            known_by = _OWN_USER if made_here else raw
            self._identity = hashlib.sha256(_IDENTITY_SALT + known_by).hexdigest()[:12]

    def __repr__(self) -> str:
        return f"TokenCheck(insecure={self._digest is None})"

    def identity(self, metadata: Iterable[tuple[str, str | bytes]] | None) -> str | None:
        """Who calls: the same text for the same token, on every start of the peer; None is a refusal.

        It is a digest of the token, so it stays inside the peer: no log and no reply names it.

        Args:
            metadata: The call's metadata as gRPC hands it out.
        """
        if self._digest is None:
            return self._identity
        sent = [value for key, value in metadata or () if key.lower() == _HEADER]
        token = _token_of(sent[0]) if len(sent) == 1 else b""
        return (
            self._identity if compare_digest(hashlib.sha256(token).digest(), self._digest) else None
        )


def certificate_identity(seen: Mapping[str, Iterable[bytes]]) -> str | None:
    """Who calls, by the certificate that TLS has verified: the same for a renewed one; None where none was shown.

    Args:
        seen: What gRPC knows of the connection, its ``auth_context()``.
    """
    # Whom the admitted CA names is its business: two certificates with one subject are one caller.
    named = next(iter(seen.get("x509_subject", ())), b"") or next(
        iter(seen.get("x509_pem_cert", ())), b""
    )
    return hashlib.sha256(_CERTIFICATE_SALT + named).hexdigest()[:12] if named else None


def _token_of(value: str | bytes) -> bytes:
    # surrogatepass: whatever a caller sends must end in a comparison, never in an exception.
    raw = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
    scheme, _, token = raw.partition(b" ")
    return token.strip() if scheme.lower() == _SCHEME else b""


def _checked(token: str, source: str) -> str:
    # An empty token would let in everybody who sends none; the rest is what an HTTP/2 header cannot carry unchanged.
    if not token:
        raise ValidationError(f"{source} is empty; leave it out, or pass the peer's token")
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise ValidationError(
            f"{source} may hold only printable ASCII without spaces; make one with make_token()"
        )
    return token

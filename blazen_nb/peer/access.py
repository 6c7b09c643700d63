"""Who may reach a peer, and how its clients come by what they must show."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from blazen_nb.errors import ValidationError
from blazen_nb.wire import connection_file
from blazen_nb.wire.address import Address, parse
from blazen_nb.wire.auth import make_token, resolve_token
from blazen_nb.wire.connection_file import ConnectionFile
from blazen_nb.wire.tls import ServerTls

if TYPE_CHECKING:
    from blazen_nb.render.server import Access

_log = logging.getLogger("blazen_nb.peer")


class AccessRules:
    """What a server was told of its token and its certificates; the arguments are those of PeerServer."""

    def __init__(
        self, node_id: str, token: str | None, tls: ServerTls | None, *, insecure: bool
    ) -> None:
        self._node_id = node_id
        self._token = token
        self._tls = tls
        self._insecure = insecure

    def written_file(
        self, bound: Address, token: str | None, access: Access
    ) -> ConnectionFile | None:
        """The file in which clients on this machine find the peer; of the environment's token it has nothing.

        None where they must be given an address: others can reach it, or a token was passed, or clients are to be told
        whom to trust.

        Raises:
            ValidationError: It cannot be written, and without it nobody would have the token.
        """
        told = access == "token" and (self._token is not None or self._tls is not None)
        if told or self._insecure or not bound.is_loopback:
            return None
        try:
            return connection_file.write(
                node_id=self._node_id,
                address=bound,
                token=token if access == "file" else None,
                certificate=self._tls.own_certificate if self._tls else None,
            )
        except ValidationError:
            if access != "token":
                raise
            return None

    @property
    def _by_certificate(self) -> bool:
        return self._tls is not None and self._tls.asks_for_certificates

    def where(self, address: str) -> Address:
        """The address to bind.

        Raises:
            ValidationError: It is none, or says something else of TLS than the server was given.
        """
        where = parse(address, use="bind")
        if self._tls is None and where.secure:
            raise ValidationError(
                f"{where} asks for TLS: pass tls=load_server_tls(cert, key), or leave https:// out"
            )
        if self._tls is not None and (where.is_unix or where.secure is False):
            raise ValidationError(f"tls is given, but {address} has none; give host:port")
        return where.with_tls(self._tls is not None)

    def token_for(self, where: Address) -> tuple[str | None, Access]:
        """The token that clients must send, and how they come by it."""
        if self._insecure:
            return None, "open"
        # A client's connection file is no source here: it belongs to whoever listens there already.
        token = resolve_token(self._token, None)
        if token is None and self._by_certificate:
            return None, "certificate"
        if token is None and not where.is_loopback:
            raise ValidationError(
                f"{where} can be reached from other machines, and whoever reaches a peer can run code on it: "
                "set BLAZEN_PEER_TOKEN or pass token=..., admit clients by certificate, or bind 127.0.0.1 and "
                "use an SSH tunnel"
            )
        if token is None:
            return make_token(), "file"
        if not where.is_loopback and self._tls is None:
            _log.warning(
                "peer %s: the token travels unencrypted to %s; use TLS (`blazen-nb certs`) or a trusted network",
                self._node_id,
                where,
            )
        return token, "token"

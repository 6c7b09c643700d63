"""How a client gets to its peer: the stream and the first words on it, at the start and when it comes back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import platform
import secrets
from collections.abc import Callable

from blazen_nb import __version__
from blazen_nb.client.transports import Transport
from blazen_nb.client.transports.grpc_stream import GrpcStream
from blazen_nb.errors import BlazenError, EnvelopeVersionError, TransportError
from blazen_nb.shipping.environment import python_minor
from blazen_nb.wire.address import Address, parse
from blazen_nb.wire.auth import resolve_token
from blazen_nb.wire.blazen_messages import ENVELOPE_VERSION
from blazen_nb.wire.tls import ClientTls, resolve_client_tls
from blazen_nb.wire.tls_diagnosis import LOOK_SECONDS, why_tls_failed
from blazen_nb.wire.v1 import kernel_pb2 as pb

_log = logging.getLogger("blazen_nb.client")

Way = Callable[[Address, str | None, str, ClientTls | None], Transport]
"""Makes the transport, from the address, the token, the client's name and TLS."""


class Dialer:
    """Connects one client, as often as it takes; on the I/O loop.

    Args:
        node_id: This client's name; default the host's.
        namespace: Default one private to the session.

    Raises:
        ValidationError: Not an address.
        TlsError: A PEM file is bad.
    """

    def __init__(
        self,
        address: str,
        *,
        node_id: str | None,
        token: str | None,
        tls: ClientTls | None,
        namespace: str | None,
        way: Way = GrpcStream,
    ) -> None:
        where = parse(address, use="connect")
        self.tls = resolve_client_tls(tls, where)
        """What is trusted and shown; None = the connection is not encrypted."""
        self.address = where.with_tls(self.tls is not None)
        self.session_id = secrets.token_hex(8)
        self._given_token = token
        self._node_id = node_id or platform.node() or "client"
        self._namespace = namespace or ""
        self._way = way
        if self._token() is not None and self.tls is None and not where.is_loopback:
            _log.warning(
                "the token for %s travels unencrypted; use https:// or a trusted network", where
            )

    def _token(self) -> str | None:
        # Looked up each time: a peer that was restarted may have another one in its connection file.
        return resolve_token(self._given_token, self.address)

    async def dial(
        self, timeout: float, *, resume_secret: str = "", received: int = 0
    ) -> tuple[Transport, pb.Welcome]:
        """A stream on which the peer has let this client in.

        Args:
            timeout: Seconds.
            resume_secret: Of the session that is to go on; empty for a new one.
            received: How many of the peer's frames have arrived in it.

        Raises:
            TransportError: Nobody listens there, or it did not answer in time.
            TlsError: Its certificate is not trusted.
            AuthError: The token, or the client's certificate, was refused.
            EnvelopeVersionError: The peer speaks an older envelope than this client can.
            UnsupportedError: Nothing there knows sessions.
        """
        transport = self._way(self.address, self._token(), self._node_id, self.tls)
        hello = pb.Hello(
            session_id=self.session_id,
            resume_secret=resume_secret,
            namespace=self._namespace,
            envelope_version=ENVELOPE_VERSION,
            node_id=self._node_id,
            python=python_minor(),
            version=__version__,
            resumes=True,
            received=received,
        )
        try:
            async with asyncio.timeout(timeout):
                return transport, await self._greet(transport, hello)
        except TimeoutError:
            await transport.close()
            raise TransportError(
                f"the peer at {self.address} did not answer within {timeout:g} s; is it a peer?"
            ) from None
        except TransportError as error:
            await transport.close()
            raise await self._explained(error) from None
        except BaseException:
            await transport.close()
            raise

    async def _greet(self, transport: Transport, hello: pb.Hello) -> pb.Welcome:
        await transport.open()
        batch = pb.ClientBatch(frames=[pb.ClientFrame(hello=hello)]).SerializeToString()
        with contextlib.suppress(TransportError):  # reading tells why
            await transport.write(batch)
        answer = await transport.read()
        frames = pb.PeerBatch.FromString(answer).frames if answer else []
        if not frames or frames[0].WhichOneof("kind") != "welcome":
            raise TransportError(f"what listens on {self.address} is no peer")
        welcome = frames[0].welcome
        if welcome.envelope_version > ENVELOPE_VERSION:
            raise EnvelopeVersionError("the peer speaks a newer envelope; upgrade blazen-nb here")
        _log.debug("client %r is connected to peer %s", self._node_id, welcome.node_id)
        return welcome

    async def _explained(self, error: TransportError) -> BlazenError:
        """What a failure to connect comes from, where that is TLS; else the failure itself."""
        try:
            # On a thread: name resolution and handshakes of the standard library block.
            look = asyncio.to_thread(why_tls_failed, self.address, self.tls)
            return await asyncio.wait_for(look, LOOK_SECONDS) or error
        except TimeoutError:
            return error

"""Why a connection failed, where TLS is the reason: a second look with OpenSSL's own words, made only after a failure.

gRPC tells a client without a certificate, and one that speaks plain text to a peer with TLS, only that the socket
closed. The look sends no token and no payload, and is bounded.
"""

from __future__ import annotations

import socket
import ssl

from blazen_nb.errors import AuthError, PeerError, TlsError, TransportError
from blazen_nb.wire.address import Address
from blazen_nb.wire.tls import CA_VARIABLE, CERT_VARIABLE, KEY_VARIABLE, ClientTls

LOOK_SECONDS = 2.0
"""How long the second look may take, in all its waits."""

# X509_V_ERR_*: OpenSSL keeps these numbers.
_NOT_YET_VALID, _EXPIRED = 9, 10
_OTHER_NAME = (62, 64)


def why_tls_failed(address: Address, tls: ClientTls | None) -> PeerError | None:
    """The error that says what is wrong with TLS here; None where nothing is, or nobody can tell.

    Args:
        address: Where the connection failed.
        tls: What the client trusted and showed; None for one that did not encrypt.
    """
    if address.is_unix:
        return None
    try:
        if tls is None:
            return _is_tls_wanted(address)
        return _why(address, tls)
    except OSError:
        return None


def _is_tls_wanted(address: Address) -> PeerError | None:
    context = _open_context()
    try:
        _shake_hands(context, address).close()
    except ssl.SSLError as error:
        if "ALERT" not in (error.reason or ""):
            return None
    return TransportError(
        f"the peer at {address} speaks TLS only: connect to https://{address}, "
        f"with its CA as tls=load_client_tls(ca_pem_path=...) or in {CA_VARIABLE}"
    )


def _why(address: Address, tls: ClientTls) -> PeerError | None:
    try:
        connection = _shake_hands(_checking_context(tls), address)
    except ssl.SSLCertVerificationError as error:
        return TlsError(_about_certificate(error, address, tls))
    except ssl.SSLError as error:
        return _refused(address, tls) if "ALERT" in (error.reason or "") else _no_tls(address)
    except ConnectionResetError:
        return _no_tls(address)
    with connection:
        return None if _is_welcome(connection) else _refused(address, tls)


def _is_welcome(connection: ssl.SSLSocket) -> bool:
    # In TLS 1.3 a peer looks at the client's certificate after the client's part of the handshake. One that admits the
    # client speaks first, with its settings; gRPC closes without a word, others send an alert.
    try:
        return bool(connection.recv(1))
    except TimeoutError:
        return True
    except (ssl.SSLError, ConnectionError):
        return False


def _about_certificate(
    error: ssl.SSLCertVerificationError, address: Address, tls: ClientTls
) -> str:
    shown = f"the certificate of the peer at {address}"
    if error.verify_code in _OTHER_NAME:
        names = ", ".join(_names(address, tls)) or "no host at all"
        return (
            f"{shown} is for {names}, not for {address.host}: connect by a name that it has, or make one "
            f"there with `blazen-nb certs DIR --host {address.host}`"
        )
    if error.verify_code == _EXPIRED:
        return f"{shown}, or that of its CA, has expired: renew it there and start the peer again"
    if error.verify_code == _NOT_YET_VALID:
        return f"{shown} is not valid yet: compare the clocks of the two machines"
    trusted = "those given to it" if tls.ca else "the public ones"
    return (
        f"{shown} is signed by no CA that this client trusts ({trusted}): give the peer's as "
        f"tls=load_client_tls(ca_pem_path=...) or in {CA_VARIABLE} ({error.verify_message})"
    )


def _refused(address: Address, tls: ClientTls) -> AuthError:
    if tls.certificates is None:
        return AuthError(
            f"the peer at {address} ended the connection before any call, as one does that admits only clients with "
            f"a certificate: give yours as tls=load_client_tls(cert, key, ca) or in {CERT_VARIABLE} and {KEY_VARIABLE}"
        )
    return AuthError(
        f"the peer at {address} does not accept this client's certificate: it must be signed by the CA that the "
        "peer was started with (--client-ca), and must not have expired"
    )


def _no_tls(address: Address) -> TransportError:
    return TransportError(
        f"what listens at {address.grpc_target} does not speak TLS: start the peer with --tls-cert and --tls-key, or "
        f"connect to http://{address.grpc_target} where the network is trusted"
    )


def _names(address: Address, tls: ClientTls) -> list[str]:
    # Only of a certificate that is otherwise in order: the standard library shows no other's.
    context = _checking_context(tls)
    context.check_hostname = False
    try:
        with _shake_hands(context, address) as connection:
            entries = (connection.getpeercert() or {}).get("subjectAltName", ())
    except OSError:
        return ["other hosts"]
    return [str(entry[1]) for entry in entries if isinstance(entry, tuple)]


def _shake_hands(context: ssl.SSLContext, address: Address) -> ssl.SSLSocket:
    plain = socket.create_connection((address.host, address.port), LOOK_SECONDS)
    try:
        return context.wrap_socket(plain, server_hostname=address.host)
    except BaseException:
        plain.close()
        raise


def _open_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["h2"])
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _checking_context(tls: ClientTls) -> ssl.SSLContext:
    context = tls.context()
    context.set_alpn_protocols(["h2"])
    return context

"""TLS by PEM files: what a peer shows and whom it admits, what a client trusts and shows; it opens no connection.

gRPC takes credentials, the sockets beside it a context of the standard library; both say the same.

Files are read and checked when they are named, so that a bad one is found before anything is sent. A private key
appears in no repr and in no message.
"""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

import grpc

from blazen_nb.errors import TlsError, ValidationError
from blazen_nb.wire import connection_file
from blazen_nb.wire.address import Address

PemPath = str | os.PathLike[str]

CA_VARIABLE = "BLAZEN_PEER_CA"
"""The environment variable that holds the path of the CA that a client trusts; empty counts as unset."""
CERT_VARIABLE = "BLAZEN_PEER_CERT"
"""The path of the certificate that a client shows."""
KEY_VARIABLE = "BLAZEN_PEER_KEY"
"""The path of its private key."""

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """What a peer shows its clients, and which clients it admits; ``load_server_tls`` makes one."""

    certificates: bytes = field(repr=False)
    """The peer's certificate and what it needs to be believed, in PEM."""
    key: bytes = field(repr=False)
    client_ca: bytes | None = field(default=None, repr=False)
    """Only clients whose certificate this CA signed are admitted; None = any client, by its token."""

    @property
    def asks_for_certificates(self) -> bool:
        """Whether clients must show a certificate."""
        return self.client_ca is not None

    @property
    def own_certificate(self) -> str:
        """The peer's own certificate alone, for clients that trust just this one."""
        found = _CERTIFICATE.search(self.certificates)
        assert found is not None
        return found[0].decode("ascii") + "\n"

    def credentials(self) -> grpc.ServerCredentials:
        """The same as gRPC takes it."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificates)],
            root_certificates=self.client_ca,
            require_client_auth=self.asks_for_certificates,
        )

    def context(self) -> ssl.SSLContext:
        """The same for a socket of the peer's own: TLS 1.3 only.

        Raises:
            OSError: The certificate or its key cannot be used.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.num_tickets = 0  # nobody resumes: connections are kept
        if self.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            _trust(context, self.client_ca)
        _show(context, self.certificates, self.key)
        return context


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTls:
    """Whom a client trusts, and what it shows; ``load_client_tls`` makes one."""

    ca: bytes | None = field(default=None, repr=False)
    """Certificates to trust, in PEM; None = those that gRPC brings along."""
    certificates: bytes | None = field(default=None, repr=False)
    """What the client shows; None = nothing."""
    key: bytes | None = field(default=None, repr=False)

    def credentials(self) -> grpc.ChannelCredentials:
        """The same as gRPC takes it."""
        return grpc.ssl_channel_credentials(self.ca, self.key, self.certificates)

    def context(self) -> ssl.SSLContext:
        """The same for a socket of the client's own, which then needs the host's name.

        Raises:
            OSError: A certificate or the key cannot be used.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        _trust(context, self.ca if self.ca is not None else _public_ca())
        if self.certificates is not None and self.key is not None:
            _show(context, self.certificates, self.key)
        return context


def load_server_tls(
    cert_pem_path: PemPath, key_pem_path: PemPath, ca_pem_path: PemPath | None = None
) -> ServerTls:
    """What ``PeerServer(tls=...)`` takes, from PEM files that are read and checked here.

    Args:
        cert_pem_path: The peer's certificate, followed by intermediate ones.
        key_pem_path: Its private key, not encrypted.
        ca_pem_path: The CA of the clients: with it only clients whose certificate it signed are admitted (mTLS).

    Raises:
        TlsError: A file is missing or no PEM, or the key is not the certificate's.
    """
    certificates, key = _pair(cert_pem_path, key_pem_path)
    return ServerTls(
        certificates=certificates,
        key=key,
        client_ca=_ca(ca_pem_path) if ca_pem_path is not None else None,
    )


def load_client_tls(
    cert_pem_path: PemPath | None = None,
    key_pem_path: PemPath | None = None,
    ca_pem_path: PemPath | None = None,
) -> ClientTls:
    """What ``PeerClient.connect(tls=...)`` takes, from PEM files that are read and checked here.

    Args:
        cert_pem_path: The certificate to show to a peer that asks for one; the key belongs to it.
        key_pem_path: Its private key, not encrypted.
        ca_pem_path: The CA that signed the peer's certificate; default the public ones that gRPC brings along.

    Raises:
        TlsError: A file is missing or no PEM, or the key is not the certificate's.
        ValidationError: A certificate without its key, or the reverse.
    """
    if (cert_pem_path is None) != (key_pem_path is None):
        raise ValidationError("a client certificate and its key belong together: give both or none")
    ca = _ca(ca_pem_path) if ca_pem_path is not None else None
    if cert_pem_path is None or key_pem_path is None:
        return ClientTls(ca=ca)
    certificates, key = _pair(cert_pem_path, key_pem_path)
    return ClientTls(ca=ca, certificates=certificates, key=key)


def resolve_client_tls(explicit: ClientTls | None, address: Address) -> ClientTls | None:
    """What to trust and show at this address; None = the connection is not encrypted.

    It is encrypted where the address says ``https://``, where TLS is given, and where the connection file of a local
    peer says so. What the argument leaves open comes from the environment; a local peer's own certificate is trusted,
    because it stands in a file that only this user can write.

    Raises:
        ValidationError: TLS is given for an address that cannot have it, or the environment names half a pair.
        TlsError: A file that the environment names is missing or no PEM.
    """
    if explicit is not None and (address.is_unix or address.secure is False):
        raise ValidationError(f"tls is given, but {address} has none; give https://host:port")
    if address.is_unix or address.secure is False:
        return None
    file = connection_file.find(address) if address.is_loopback else None
    pinned = file.certificate.encode() if file and file.certificate else None
    if explicit is None and address.secure is None and pinned is None:
        return None
    return _completed(explicit or ClientTls(), pinned)


def _completed(tls: ClientTls, pinned: bytes | None) -> ClientTls:
    known = load_client_tls(
        _variable(CERT_VARIABLE) if tls.certificates is None else None,
        _variable(KEY_VARIABLE) if tls.certificates is None else None,
        _variable(CA_VARIABLE) if tls.ca is None else None,
    )
    if tls.certificates is None:
        tls = replace(tls, certificates=known.certificates, key=known.key)
    if tls.ca is not None:
        return tls
    trusted = [pem for pem in (known.ca, pinned) if pem is not None]
    return replace(tls, ca=b"\n".join(trusted) or None)


def _variable(name: str) -> str | None:
    return os.environ.get(name, "").strip() or None


def _pair(cert_path: PemPath, key_path: PemPath) -> tuple[bytes, bytes]:
    certificates, key = _read(cert_path), _read(key_path)
    if not _CERTIFICATE.search(certificates):
        raise TlsError(f"{_name(cert_path)} holds no certificate in PEM form")
    try:
        # The password is asked for only where the key is encrypted; without a function OpenSSL asks the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            Path(cert_path).expanduser(), Path(key_path).expanduser(), _no_password
        )
    except _Encrypted:
        raise TlsError(
            f"the private key {_name(key_path)} is encrypted; give one that is not, readable by you only"
        ) from None
    except OSError as error:
        reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
        if reason == "KEY_VALUES_MISMATCH":
            raise TlsError(
                f"{_name(key_path)} is not the private key of the certificate {_name(cert_path)}"
            ) from None
        raise TlsError(
            f"{_name(cert_path)} and {_name(key_path)} cannot be used ({reason}): "
            "they must be a certificate and its private key in PEM form"
        ) from None
    # A file may hold both; only certificates are to be shown.
    return b"\n".join(_CERTIFICATE.findall(certificates)) + b"\n", key


def _ca(path: PemPath) -> bytes:
    found = _CERTIFICATE.findall(_read(path))
    text = b"\n".join(found) + b"\n"
    try:
        if found:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=text.decode())
            return text
    except (ssl.SSLError, ValueError):
        pass
    raise TlsError(f"{_name(path)} holds no CA certificate in PEM form")


def _trust(context: ssl.SSLContext, ca: bytes) -> None:
    # As gRPC does: a certificate that is trusted itself needs no CA above it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=b"\n".join(_CERTIFICATE.findall(ca)).decode())


def _public_ca() -> bytes:
    """What gRPC trusts where it is told nothing."""
    named = os.environ.get("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH")
    if named:
        return Path(named).read_bytes()
    return (resources.files(grpc) / "_cython" / "_credentials" / "roots.pem").read_bytes()


def _show(context: ssl.SSLContext, certificates: bytes, key: bytes) -> None:
    # The standard library takes files only; mkdtemp's folder is this user's alone.
    with tempfile.TemporaryDirectory(prefix="blazen-tls-") as folder:
        file = Path(folder, "shown.pem")
        file.touch(mode=0o600)
        file.write_bytes(certificates + b"\n" + key)
        context.load_cert_chain(file)


def _read(path: PemPath) -> bytes:
    try:
        return Path(path).expanduser().read_bytes()
    except OSError as error:
        raise TlsError(f"{_name(path)} cannot be read: {error.strerror}") from None


def _name(path: PemPath) -> str:
    # Not the whole path: messages are saved with notebooks.
    return Path(path).name


class _Encrypted(Exception):
    """The key needs a password."""


def _no_password() -> str:
    raise _Encrypted

"""Certificates for tests, those included that `blazen-nb certs` would never make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from blazen_nb.wire.tls import ClientTls, ServerTls, load_client_tls, load_server_tls

HERE = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class Pair:
    """The files of a certificate and its key."""

    pem: Path
    key: Path


class Authority:
    """A CA of a test, and what it signs."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.pem = self._write(name, self._certificate(self._key, name, 1, (), ca=True))

    def pair(
        self, name: str, *, days: float = 1, hosts: tuple[str, ...] = HERE, subject: str = ""
    ) -> Pair:
        """A certificate that is valid until ``days`` from now, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        pem = self._write(name, self._certificate(key, subject or name, days, hosts, ca=False))
        secret = self._folder / f"{name}.key"
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return Pair(pem, secret)

    def _certificate(
        self,
        key: ec.EllipticCurvePrivateKey,
        subject: str,
        days: float,
        hosts: tuple[str, ...],
        *,
        ca: bool,
    ) -> x509.Certificate:
        end = datetime.now(UTC) + timedelta(days=days)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_named(subject))
            .issuer_name(_named(self._name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=9))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if hosts:
            names = x509.SubjectAlternativeName([_alternative(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate) -> Path:
        path = self._folder / f"{name}.pem"
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return path


def server_tls(pair: Pair, client_ca: Authority | None = None) -> ServerTls:
    return load_server_tls(pair.pem, pair.key, client_ca.pem if client_ca else None)


def client_tls(ca: Authority, pair: Pair | None = None) -> ClientTls:
    if pair is None:
        return load_client_tls(ca_pem_path=ca.pem)
    return load_client_tls(pair.pem, pair.key, ca.pem)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)

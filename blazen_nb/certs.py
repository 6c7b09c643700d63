"""``blazen-nb certs``: a CA of one's own, and certificates of it for a peer and for its clients; knows no network.

The CA stays when it is run again, so that renewing the certificates of a peer asks nothing of its clients.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from blazen_nb.errors import ValidationError

if TYPE_CHECKING:  # an optional package
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

CA_DAYS = 3650
"""The CA is given to every client, so it is to last longer than the machines."""
DAYS = 397
"""A certificate lasts a year and a month: it can be renewed on the same day each year."""
CLOCK_SKEW = timedelta(hours=1)
"""How far behind another machine's clock may be for a new certificate to be valid there."""

LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
"""What every peer's certificate is for: clients on its own machine, and those that come through an SSH tunnel."""


def make_certificates(folder: Path, hosts: list[str], days: int = DAYS) -> list[Path]:
    """The files written: a CA where the folder has none, and with its signature a server's and a client's pair.

    Args:
        folder: Where they go; made where it is not there.
        hosts: Names and IP addresses that clients use for the peer, beside those of its own machine.
        days: How long the two certificates are valid.

    Raises:
        ValidationError: ``cryptography`` is not installed, a host is no name, the folder cannot be written, or it
            holds files of these names that are not of this CA.
    """
    try:
        import cryptography  # noqa: F401 - asked for here, so that the message below is the only one
    except ModuleNotFoundError:
        raise ValidationError("this needs cryptography; pip install 'blazen-nb[tls]'") from None
    if days < 1:
        raise ValidationError(f"certificates are valid for 1 day or more, not {days}")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _Maker(folder, days).make([*LOCAL_HOSTS, *hosts])
    except OSError as error:
        raise ValidationError(
            f"the certificates cannot be written to {folder.name}: {error.strerror}"
        ) from None


class _Maker:
    """Makes the files of one folder; what it needs of ``cryptography`` is imported where it is used."""

    def __init__(self, folder: Path, days: int) -> None:
        self._folder = folder
        self._now = datetime.now(UTC)
        self._end = self._now + timedelta(days=days)
        self._written: list[Path] = []

    def make(self, hosts: list[str]) -> list[Path]:
        from cryptography.x509.oid import ExtendedKeyUsageOID

        names = _subject_names(hosts)
        ca, ca_key = self._ca()
        for name, usage, alternatives in (
            ("server", ExtendedKeyUsageOID.SERVER_AUTH, names),
            ("client", ExtendedKeyUsageOID.CLIENT_AUTH, None),
        ):
            self._leaf(name, usage, alternatives, ca, ca_key)
        return self._written

    def _ca(self) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
        certificate, key = self._folder / "ca.pem", self._folder / "ca.key"
        if certificate.exists() and key.exists():
            return _read_ca(certificate, key)
        taken = [path.name for path in self._files() if path.exists()]
        if taken:
            raise ValidationError(
                f"{self._folder.name} holds {', '.join(taken)} already, and not the CA that made them; "
                "give another folder"
            )
        return self._new_ca()

    def _files(self) -> list[Path]:
        return [
            self._folder / f"{n}.{end}"
            for n in ("ca", "server", "client")
            for end in ("pem", "key")
        ]

    def _new_ca(self) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        # A serial in the name: two CAs of one name are told apart by people, and by OpenSSL.
        name = _name(f"blazen-nb CA {os.urandom(4).hex()}")
        usage = x509.KeyUsage(
            digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
            key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
        )  # fmt: skip
        builder = (
            self._builder(name, name, key, self._now + timedelta(days=CA_DAYS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
        )
        certificate = _signed(builder, key, key)
        self._save("ca", certificate, key)
        return certificate, key

    def _leaf(
        self,
        name: str,
        usage: x509.ObjectIdentifier,
        alternatives: x509.SubjectAlternativeName | None,
        ca: x509.Certificate,
        ca_key: EllipticCurvePrivateKey,
    ) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        end = min(self._end, ca.not_valid_after_utc)
        builder = self._builder(_name(f"blazen-nb {name}"), ca.subject, key, end)
        builder = builder.add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        ).add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if alternatives is not None:
            builder = builder.add_extension(alternatives, critical=False)
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
        builder = builder.add_extension(authority, critical=False)
        self._save(name, _signed(builder, key, ca_key), key)

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, end: datetime
    ) -> x509.CertificateBuilder:
        from cryptography import x509

        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - CLOCK_SKEW)
            .not_valid_after(end)
        )

    def _save(self, name: str, certificate: x509.Certificate, key: EllipticCurvePrivateKey) -> None:
        from cryptography.hazmat.primitives.serialization import (
            Encoding,
            NoEncryption,
            PrivateFormat,
        )

        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._write(f"{name}.key", secret, 0o600)
        self._write(f"{name}.pem", certificate.public_bytes(Encoding.PEM), 0o644)

    def _write(self, name: str, content: bytes, mode: int) -> None:
        # Whole or not there, and a key is private from its first moment.
        path, unfinished = self._folder / name, self._folder / f"{name}.tmp"
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as opened:
            opened.write(content)
        os.replace(unfinished, path)
        self._written.append(path)


def _read_ca(certificate: Path, key: Path) -> tuple[x509.Certificate, EllipticCurvePrivateKey]:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        ca = x509.load_pem_x509_certificate(certificate.read_bytes())
        secret = load_pem_private_key(key.read_bytes(), password=None)
    except (ValueError, TypeError) as error:
        raise ValidationError(f"ca.pem and ca.key are no CA that this can use: {error}") from None
    if not isinstance(secret, EllipticCurvePrivateKey) or secret.public_key() != ca.public_key():
        raise ValidationError("ca.key is not the key that `blazen-nb certs` made for ca.pem")
    if ca.not_valid_after_utc < datetime.now(UTC):
        raise ValidationError(
            "ca.pem has expired: give a new folder, and its ca.pem to all clients"
        )
    return ca, secret


def _signed(
    builder: x509.CertificateBuilder,
    key: EllipticCurvePrivateKey,
    signer: EllipticCurvePrivateKey,
) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes

    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    return builder.add_extension(identifier, critical=False).sign(signer, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _subject_names(hosts: list[str]) -> x509.SubjectAlternativeName:
    from cryptography import x509

    names: list[x509.GeneralName] = []
    for host in dict.fromkeys(hosts):
        try:
            names.append(x509.IPAddress(ip_address(host)))
        except ValueError:
            names.append(_dns_name(host))
    return x509.SubjectAlternativeName(names)


def _dns_name(host: str) -> x509.DNSName:
    from cryptography import x509

    if not host or not host.isascii() or any(sign in host for sign in " /:@\0"):
        raise ValidationError(
            f"--host takes a host's name or IP address without a port, not {host!r}"
        )
    return x509.DNSName(host.lower())

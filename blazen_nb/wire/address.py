"""Addresses of peers: text to host and port, or to a socket's path; it opens nothing and resolves no name.

Both sides parse with the same rule, so that what a server says it listens on is what a client can be given.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from ipaddress import IPv6Address, ip_address
from typing import Literal

from blazen_nb.errors import ValidationError

LOOPBACK = "127.0.0.1"

_FORMS = "give host:port, :port (this machine), [ipv6]:port, http://host:port, https://host:port or unix:PATH"
_SECURE = {"": None, "http": False, "https": True}
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
# sockaddr_un holds 104 bytes on macOS and 108 on Linux, with a closing zero.
_LONGEST_SOCKET_PATH = 103


@dataclass(frozen=True, slots=True)
class Address:
    """Where a peer listens: a host and port, or the path of a socket."""

    host: str = ""
    """A name or an IP address, without brackets; empty for a socket."""
    port: int = 0
    """0 asks a server to pick one; also 0 for a socket."""
    path: str = ""
    """The absolute path of a Unix socket; empty otherwise."""
    secure: bool | None = None
    """True for ``https://``, False for ``http://``, None where the text did not say."""

    @property
    def is_unix(self) -> bool:
        """True for the path of a socket."""
        return bool(self.path)

    @property
    def is_loopback(self) -> bool:
        """True where only this machine can connect; a name that would need resolving is not taken for that."""
        if self.path:
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def grpc_target(self) -> str:
        """The address as gRPC takes it, to bind and to connect."""
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def with_port(self, port: int) -> Address:
        """The same address with the port that a server got."""
        return replace(self, port=port)

    def with_tls(self, secure: bool) -> Address:
        """The same address, encrypted; or as plain text has it."""
        return replace(self, secure=True if secure else None)

    def __str__(self) -> str:
        return f"https://{self.grpc_target}" if self.secure else self.grpc_target


def parse(text: str, *, use: Literal["bind", "connect"]) -> Address:
    """The address that this text means.

    ``:8000`` and ``localhost:8000`` mean 127.0.0.1, on both sides: a name that resolves to ::1 here and to 127.0.0.1
    there would hand the token of one listener to another.

    Args:
        text: What the user typed.
        use: To ``bind`` port 0 is allowed, to ``connect`` it is not.

    Raises:
        ValidationError: It is no address; the message lists the forms.
    """
    stripped = text.strip()
    if stripped.startswith("unix:"):
        return Address(path=_socket_path(text, stripped.removeprefix("unix:")))
    scheme, separator, rest = stripped.rpartition("://")
    if separator and scheme.lower() not in _SECURE:
        raise _invalid(text)
    host, port = _split(text, rest.removesuffix("/") if separator else rest)
    if use == "connect" and port == 0:
        raise ValidationError(
            f"{text!r} has port 0, which only lets a server pick one; use the port it printed"
        )
    return Address(host=host, port=port, secure=_SECURE[scheme.lower()])


def _split(text: str, host_port: str) -> tuple[str, int]:
    host, separator, digits = host_port.rpartition(":")
    # isdecimal alone admits digits of other scripts, which int() would take too.
    if not separator or not (digits.isascii() and digits.isdecimal()) or len(digits) > 5:
        raise _invalid(text)
    port = int(digits)
    if port > 0xFFFF:
        raise ValidationError(f"{text!r} has port {port}, and the highest is 65535; {_FORMS}")
    return _host(text, host), port


def _host(text: str, host: str) -> str:
    if host.lower() in ("", "localhost"):
        return LOOPBACK
    if host.startswith("[") and host.endswith("]"):
        try:
            return str(IPv6Address(host[1:-1]))
        except ValueError:
            raise _invalid(text) from None
    if not _HOST_NAME.fullmatch(host):
        raise _invalid(text)
    return host.lower()


def _socket_path(text: str, path: str) -> str:
    # gRPC's own form for an absolute path is unix:///path.
    if path.startswith("//") and not path.startswith("///"):
        raise _invalid(text)
    if not path.strip("/") or "\0" in path:
        raise _invalid(text)
    absolute = os.path.abspath(os.path.expanduser(path))
    if len(os.fsencode(absolute)) > _LONGEST_SOCKET_PATH:
        raise ValidationError(
            f"the path of {text!r} is over {_LONGEST_SOCKET_PATH} bytes once absolute; choose a shorter one"
        )
    return absolute


def _invalid(text: str) -> ValidationError:
    return ValidationError(f"{text!r} is no address of a peer; {_FORMS}")

"""What a value is, in a few words of data, for those who have only a ref to it; asks the value and copies nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from blazen_nb.events import is_json
from blazen_nb.shipping.codecs.registry import codec_for
from blazen_nb.shipping.modules import notebook_name
from blazen_nb.shipping.pickling import PLAIN

JSON = "json"
BYTES = "bytes"


REF_MARKER = "__blazen_session_ref__"
"""The one key of a dict that stands for a ref in plain JSON; its value is the UUID."""


def marker(uuid: str) -> dict[str, str]:
    """What stands for the ref in plain JSON."""
    return {REF_MARKER: uuid}


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What a value is."""

    type_tag: str
    """The codec that writes it: ``json``, ``bytes``, ``ndarray``, ..., ``pickle``."""
    type_name: str
    """``numpy.ndarray``."""
    shape: tuple[int, ...] | None = None
    dtype: str = ""
    size: int | None = None
    """Bytes; None where that is not known."""
    device: str = ""
    """Where a tensor lies, as it says itself: ``cuda:0``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefInfo:
    """A ref to a value on a peer, as it travels."""

    uuid: str
    node_id: str
    """The peer's name."""
    incarnation: str
    """The peer's process."""
    about: Described
    lifetime: str
    """The name of a RefLifetime."""
    created_at: float
    """Seconds since the epoch."""
    held: bool
    """It was made for whoever reads this, and may go when that has let go of it."""
    run_id: str = ""
    """The run that made it; empty for a value that was put, and where that is not known."""
    holder: str = ""
    """What the client calls itself that the peer keeps it for; empty for calls without a session."""


def describe(value: Any) -> Described:
    """What the value is; an attribute that fails to answer is left out."""
    about: dict[str, Any] = {
        "shape": _asked(value, "shape", _shape),
        "dtype": _asked(value, "dtype", str) or "",
        "size": _size(value),
        "device": _asked(value, "device", str) or "",
    }
    with suppress(Exception):  # nor need a codec be there, or say anything
        about |= codec_for(value).about(value)  # type: ignore[union-attr]
    return Described(
        type_tag=tag_of(value),
        type_name=type_name(value),
        **about,
    )


def type_name(value: Any) -> str:
    """``numpy.ndarray``, ``Model``: as the notebook calls the value's type."""
    kind = type(value)
    module = notebook_name(kind.__module__)
    own = module in ("builtins", "__main__") or module.startswith("blazen_ns_")
    return kind.__qualname__ if own else f"{module}.{kind.__qualname__}"


def tag_of(value: Any) -> str:
    """The codec that writes the value."""
    if type(value) is bytes:
        return BYTES
    with suppress(Exception):  # a user's own codec may raise anything
        codec = codec_for(value)
        if codec is not None:
            return codec.tag
    try:
        return JSON if is_json(value) else PLAIN
    except RecursionError:  # it contains itself
        return PLAIN


def _size(value: Any) -> int | None:
    if isinstance(value, bytes | bytearray | str):
        return len(value)
    size: int | None = _asked(value, "nbytes", int)
    if size is None:
        size = _asked(value, "memory_usage", _pandas_bytes)
    return size


def _pandas_bytes(memory_usage: Any) -> int:
    return int(memory_usage().sum())


def _shape(shape: Any) -> tuple[int, ...]:
    return tuple(int(length) for length in shape)


def _asked(value: Any, attribute: str, read: Callable[[Any], Any]) -> Any:
    with suppress(Exception):  # a user's own property may raise anything
        found = getattr(value, attribute, None)
        return None if found is None else read(found)

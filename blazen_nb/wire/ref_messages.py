"""Refs as protobuf messages and back."""

from __future__ import annotations

from uuid import UUID

from google.protobuf.message import DecodeError

from blazen_nb.errors import EncodeError
from blazen_nb.shipping.described import Described, RefInfo
from blazen_nb.wire.v1 import kernel_pb2 as pb


def ref_message(info: RefInfo) -> pb.Ref:
    """A ref for the wire."""
    about = info.about
    return pb.Ref(
        uuid=UUID(info.uuid).bytes,
        node_id=info.node_id,
        incarnation=info.incarnation,
        type_tag=about.type_tag,
        type_name=about.type_name,
        has_shape=about.shape is not None,
        shape=about.shape or (),
        dtype=about.dtype,
        size=about.size,
        device=about.device,
        lifetime=info.lifetime,
        created_at_epoch_ms=round(info.created_at * 1000),
        held=info.held,
        run_id=UUID(info.run_id).bytes if info.run_id else b"",
        holder=info.holder,
    )


def ref_of(message: pb.Ref) -> RefInfo:
    """A ref from the wire.

    Raises:
        EncodeError: It has no UUID.
    """
    about = Described(
        type_tag=message.type_tag,
        type_name=message.type_name,
        shape=tuple(message.shape) if message.has_shape else None,
        dtype=message.dtype,
        size=message.size if message.HasField("size") else None,
        device=message.device,
    )
    return RefInfo(
        uuid=uuid_of(message.uuid),
        node_id=message.node_id,
        incarnation=message.incarnation,
        about=about,
        lifetime=message.lifetime,
        created_at=message.created_at_epoch_ms / 1000,
        held=message.held,
        run_id=uuid_of(message.run_id) if message.run_id else "",
        holder=message.holder,
    )


def ref_of_leaf(payload: bytes) -> RefInfo:
    """The ref that a leaf holds.

    Raises:
        EncodeError: The leaf is damaged.
    """
    try:
        return ref_of(pb.Ref.FromString(payload))
    except DecodeError:
        raise EncodeError("a ref that arrived is damaged") from None


def uuid_of(raw: bytes) -> str:
    """16 bytes as a dashed UUID.

    Raises:
        EncodeError: They are not 16.
    """
    if len(raw) != 16:
        raise EncodeError(f"the UUID of a ref has 16 bytes, not {len(raw)}")
    return str(UUID(bytes=raw))

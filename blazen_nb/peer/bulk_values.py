"""What goes out and comes in in bulk, whatever way it takes; any thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from blazen_nb.errors import EncodeError, LimitError, SessionRefError, TransportError
from blazen_nb.peer.parts import PeerParts
from blazen_nb.peer.transfers import Incoming, Outgoing
from blazen_nb.shipping.bulk import Bulk, encode_bulk, encode_raw
from blazen_nb.shipping.bulk_reader import BulkReader
from blazen_nb.shipping.checksum import checksum
from blazen_nb.shipping.environment import python_minor
from blazen_nb.shipping.part_keys import part_of
from blazen_nb.wire.bulk_messages import CHUNK_BYTES, header_of, reader_of
from blazen_nb.wire.ref_messages import ref_message, uuid_of
from blazen_nb.wire.v1 import kernel_pb2 as pb


class BulkValues:
    """A peer's values, as transfers see them."""

    def __init__(self, parts: PeerParts) -> None:
        self._parts = parts

    def outgoing(self, identity: str, asked: pb.GetRequest) -> Outgoing:
        """What the request is for, encoded; the same bytes for all requests of a transfer.

        Raises:
            SessionRefError: There is no such value.
            ValidationError: It has no such part.
            EncodeError: It cannot travel.
        """
        known = self._parts.outgoing.find(identity, asked.transfer)
        if known is None:
            kept = self._parts.refs.find(uuid_of(asked.uuid), identity)
            encode = encode_raw if asked.raw else encode_bulk
            same_minor = asked.python == python_minor()
            value = part_of(kept.ref.value, asked.part)
            known = Outgoing(encode(value, same_minor=same_minor, home=kept.scope.home))
            self._parts.outgoing.begin(identity, asked.transfer, known)
        return known

    @contextmanager
    def taking(self, identity: str, header: pb.ValueHeader) -> Iterator[Incoming]:
        """The upload that the header begins, or goes on with; after a cut it waits for its rest.

        Raises:
            SessionRefError: Its session has ended.
            LimitError: It is larger than this peer takes, or than the memory.
        """
        incoming = self._incoming(identity, header)
        self._parts.incoming.enter(incoming)
        try:
            yield incoming
        except (OSError, TransportError):
            raise
        except Exception:
            self._parts.incoming.drop(identity, header.upload)
            raise
        finally:
            self._parts.incoming.leave(incoming)

    def _incoming(self, identity: str, header: pb.ValueHeader) -> Incoming:
        known = self._parts.incoming.find(identity, header.upload)
        if known is not None:
            return known
        scope = self._parts.refs.scope_of(identity, header.session_id)
        limit = self._parts.limits.upload_bytes
        if sum(header.sizes) > limit:
            raise LimitError(
                f"a value of {sum(header.sizes):,} bytes is larger than the {limit:,} that peer "
                f"{self._parts.node_id} takes; send it in several"
            )
        incoming = Incoming(reader_of(header), scope)
        self._parts.incoming.begin(identity, header.upload, incoming)
        return incoming

    def kept(self, incoming: Incoming) -> pb.PutReply:
        """The answer to an upload that is all here: its value is kept.

        Raises:
            BlazenError: It cannot be opened here.
        """
        if incoming.reply is None:
            reader = incoming.reader
            assert reader is not None
            reader.finish()
            value = reader.value(trusted=self._parts.accepts_code, home=incoming.scope.home)
            kept = incoming.scope.keep(value)
            ref = ref_message(self._parts.refs.info(kept))
            incoming.is_kept(kept, pb.PutReply(ref=ref))
        assert incoming.reply is not None
        return incoming.reply

    def copied(self, identity: str, header: pb.ValueHeader) -> pb.PutReply:
        """The answer to an upload that equals what a ref stands for: a copy of it is kept, if it still does.

        One without a digest is whatever the ref stands for.

        Raises:
            BlazenError: The value is larger than this peer takes, or its session has ended.
        """
        try:
            source = self._parts.refs.find(uuid_of(header.same_as), identity)
            bulk = encode_bulk(source.ref.value, home=source.scope.home)
        except (SessionRefError, EncodeError):  # released, or changed into what cannot travel
            return pb.PutReply()
        if not header.digest:
            header.MergeFrom(header_of(bulk))
        elif (bulk.sizes, list(bulk.tags)) != (list(header.sizes), list(header.tags)):
            return pb.PutReply()
        with self.taking(identity, header) as incoming:
            reader = incoming.reader
            assert reader is not None
            digest = checksum(_copy(bulk, reader))
            if header.digest and digest != header.digest:
                return pb.PutReply()
            return self.kept(incoming)


def _copy(bulk: Bulk, reader: BulkReader) -> Iterator[bytes]:
    """The checksum of each chunk, once it is copied: of the copy, for what is copied may be changed meanwhile."""
    for at in range(0, bulk.size, CHUNK_BYTES):
        pieces = bulk.span(at, at + CHUNK_BYTES)
        room = reader.room(at, min(at + CHUNK_BYTES, bulk.size))
        for source, target in zip(pieces, room, strict=True):
            target[:] = source
        reader.took(sum(piece.nbytes for piece in pieces))
        yield checksum(room)

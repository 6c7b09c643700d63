"""The messages of the Blazen wire as dataclasses, to and from postcard; it knows nothing of gRPC or of runs.

Values inside (inputs, state, results) are JSON text as bytes and stay so: whoever makes or reads them decides how.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from blazen_nb.errors import EnvelopeVersionError
from blazen_nb.wire.postcard import Reader, Writer

ENVELOPE_VERSION = 1
"""The version of these messages: newer ones are refused, older ones are read."""


def _write_envelope(version: int) -> Writer:
    writer = Writer()
    writer.u32(version)
    return writer


def _read_envelope(payload: bytes) -> tuple[Reader, int]:
    # Checked before anything else is read: a newer message need not look like ours after its version.
    reader = Reader(payload)
    version = reader.u32()
    if version > ENVELOPE_VERSION:
        raise EnvelopeVersionError(
            f"envelope version {version} is newer than supported {ENVELOPE_VERSION}"
        )
    return reader, version


@dataclass(frozen=True, slots=True, kw_only=True)
class SubWorkflowRequest:
    """Run these registered steps as one workflow."""

    workflow_name: str
    """A label; nothing is looked up by it."""
    step_ids: tuple[str, ...] = ()
    input_json: bytes = b"{}"
    timeout_secs: int | None = None
    """Whole seconds; None and 0 leave it to the peer."""
    envelope_version: int = ENVELOPE_VERSION

    def encode(self) -> bytes:
        """The request as a postcard payload."""
        writer = _write_envelope(self.envelope_version)
        writer.text(self.workflow_name)
        writer.sequence(self.step_ids, writer.text)
        writer.blob(self.input_json)
        writer.option(self.timeout_secs, writer.u64)
        return writer.finish()

    @classmethod
    def decode(cls, payload: bytes) -> SubWorkflowRequest:
        """The request that a postcard payload holds."""
        reader, version = _read_envelope(payload)
        return cls(
            envelope_version=version,
            workflow_name=reader.text(),
            step_ids=reader.sequence(reader.text),
            input_json=reader.blob(),
            timeout_secs=reader.option(reader.u64),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteRefDescriptor:
    """Where a value that stayed on a peer lives, and what it is."""

    origin_node_id: str
    type_tag: str
    created_at_epoch_ms: int

    def write(self, writer: Writer) -> None:
        """Append the descriptor to a message that is being written."""
        writer.text(self.origin_node_id)
        writer.text(self.type_tag)
        writer.u64(self.created_at_epoch_ms)

    @classmethod
    def read(cls, reader: Reader) -> RemoteRefDescriptor:
        """The descriptor that comes next in a message."""
        return cls(
            origin_node_id=reader.text(), type_tag=reader.text(), created_at_epoch_ms=reader.u64()
        )

    def encode(self) -> bytes:
        """The descriptor alone as a postcard payload."""
        writer = Writer()
        self.write(writer)
        return writer.finish()

    @classmethod
    def decode(cls, payload: bytes) -> RemoteRefDescriptor:
        """The descriptor that a postcard payload holds."""
        return cls.read(Reader(payload))


@dataclass(frozen=True, slots=True, kw_only=True)
class SubWorkflowResponse:
    """How a workflow ended: with a result, or with an error."""

    state_json: Mapping[str, bytes] = field(default_factory=dict)
    result_json: bytes | None = None
    remote_refs: Mapping[UUID, RemoteRefDescriptor] = field(default_factory=dict)
    error: str | None = None
    envelope_version: int = ENVELOPE_VERSION

    def encode(self) -> bytes:
        """The response as a postcard payload."""
        writer = _write_envelope(self.envelope_version)
        writer.mapping(self.state_json, writer.text, writer.blob)
        writer.option(self.result_json, writer.blob)
        writer.mapping(self.remote_refs, writer.uuid, lambda descriptor: descriptor.write(writer))
        writer.option(self.error, writer.text)
        return writer.finish()

    @classmethod
    def decode(cls, payload: bytes) -> SubWorkflowResponse:
        """The response that a postcard payload holds."""
        reader, version = _read_envelope(payload)
        return cls(
            envelope_version=version,
            state_json=reader.mapping(reader.text, reader.blob),
            result_json=reader.option(reader.blob),
            remote_refs=reader.mapping(reader.uuid, lambda: RemoteRefDescriptor.read(reader)),
            error=reader.option(reader.text),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SubWorkflowEvent:
    """An event of a workflow's stream; Blazen names the call that sends them and leaves their form open."""

    seq: int
    """From 1, without a gap."""
    event_type: str
    step_id: str | None = None
    """The step that wrote it."""
    event_json: bytes = b"{}"
    response: bytes | None = None
    """In the last one only: the SubWorkflowResponse."""
    envelope_version: int = ENVELOPE_VERSION

    def encode(self) -> bytes:
        """The event as a postcard payload."""
        writer = _write_envelope(self.envelope_version)
        writer.u64(self.seq)
        writer.text(self.event_type)
        writer.option(self.step_id, writer.text)
        writer.blob(self.event_json)
        writer.option(self.response, writer.blob)
        return writer.finish()

    @classmethod
    def decode(cls, payload: bytes) -> SubWorkflowEvent:
        """The event that a postcard payload holds."""
        reader, version = _read_envelope(payload)
        return cls(
            envelope_version=version,
            seq=reader.u64(),
            event_type=reader.text(),
            step_id=reader.option(reader.text),
            event_json=reader.blob(),
            response=reader.option(reader.blob),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _RefRequest:
    ref_uuid: UUID
    envelope_version: int = ENVELOPE_VERSION

    def encode(self) -> bytes:
        """The request as a postcard payload."""
        writer = _write_envelope(self.envelope_version)
        writer.uuid(self.ref_uuid)
        return writer.finish()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """The request that a postcard payload holds."""
        reader, version = _read_envelope(payload)
        return cls(envelope_version=version, ref_uuid=reader.uuid())


@dataclass(frozen=True, slots=True, kw_only=True)
class DerefRequest(_RefRequest):
    """Send the value behind this ref."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DerefResponse:
    """The value behind a ref, as its codec wrote it."""

    payload: bytes
    envelope_version: int = ENVELOPE_VERSION

    def encode(self) -> bytes:
        """The response as a postcard payload."""
        writer = _write_envelope(self.envelope_version)
        writer.blob(self.payload)
        return writer.finish()

    @classmethod
    def decode(cls, payload: bytes) -> DerefResponse:
        """The response that a postcard payload holds."""
        reader, version = _read_envelope(payload)
        return cls(envelope_version=version, payload=reader.blob())


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseRequest(_RefRequest):
    """Drop this ref."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseResponse:
    """Whether there was such a ref to drop."""

    released: bool
    envelope_version: int = ENVELOPE_VERSION

    def encode(self) -> bytes:
        """The response as a postcard payload."""
        writer = _write_envelope(self.envelope_version)
        writer.boolean(self.released)
        return writer.finish()

    @classmethod
    def decode(cls, payload: bytes) -> ReleaseResponse:
        """The response that a postcard payload holds."""
        reader, version = _read_envelope(payload)
        return cls(envelope_version=version, released=reader.boolean())

"""What a run has told, from its first update to its result, for clients that read it now, later, or once more.

Runs belong to the peer and not to a connection: a record fills whether somebody reads it or not. Each reader has a
place of its own in it, and is given no more than its connection takes.
"""

from __future__ import annotations

import threading
import time
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from blazen_nb.engine.run import dashed
from blazen_nb.peer.growing import Growing
from blazen_nb.peer.ref_scopes import RefScope
from blazen_nb.peer.spool import Spool
from blazen_nb.updates import LiveState, Outcome
from blazen_nb.wire.limits import Limits
from blazen_nb.wire.outbox import Outbox, nested
from blazen_nb.wire.v1 import kernel_pb2 as pb

_UPDATE = pb.PeerFrame.UPDATE_FIELD_NUMBER
_RESULT = pb.PeerFrame.RESULT_FIELD_NUMBER
_LOG_CHUNK = 1 << 20


class RunRecord:
    """One run's updates and result. Thread-safe.

    Args:
        run_id: 16 bytes.
        client: Who started it, by its own name.
        scope: Where what it puts away is kept.
    """

    def __init__(
        self, run_id: bytes, workflow_name: str, client: str, scope: RefScope, limits: Limits
    ) -> None:
        self.raw_id = run_id
        self.workflow_name = workflow_name
        self.client = client
        self.scope = scope
        self.started_at = time.time()
        self.outcome: Outcome | None = None
        self.lock = threading.RLock()
        """Held while an update is numbered and appended: the order is that of the numbers."""
        self._began = time.monotonic()
        self._ended: float | None = None
        self._limits = limits
        self._spool = Spool(limits.update_memory)
        self._log = Spool(limits.update_memory)
        self._offsets = array("Q")
        self._seqs = array("Q")
        self._growing: Growing | None = None
        self._result: bytes | None = None
        self._readers: set[Reader] = set()

    # --- whoever tells the story -----------------------------------------------------------------------------

    def append(self, seq: int, update: bytes) -> None:
        """A serialized RunUpdate whose first number is ``seq`` is the newest."""
        with self.lock:
            self._close_growing()
            self._keep(seq, update)
            self._wake()

    def grow(self, growing: Growing) -> None:
        """One that still grows is the newest; it is closed by the next one, or by the first who reads it."""
        with self.lock:
            self._close_growing()
            self._growing = growing
            self._wake()

    def keep_cut(self, text: bytes) -> int:
        """Text that no update has is kept for the run's log, as long as there is room; returns its offset there."""
        with self.lock:
            room = self._limits.output_bytes - self._log.size
            return self._log.append(text[: max(0, room)])

    @property
    def cut_size(self) -> int:
        """Bytes kept by ``keep_cut``."""
        return self._log.size

    @property
    def is_full(self) -> bool:
        """Whether its updates are as large as the limits admit."""
        return self._spool.size > self._limits.update_bytes

    def suspend(self) -> None:
        """Nothing more is told here; of a durable run another process tells the rest."""

    def end(self, outcome: Outcome, result: bytes) -> None:
        """The run has ended with this serialized RunResult; there are no further updates."""
        with self.lock:
            self._close_growing()
            self.outcome, self._result = outcome, result
            self._ended = time.monotonic()
            self._wake()

    # --- readers ---------------------------------------------------------------------------------------------

    def read_by(self, outbox: Outbox, request_id: int, after_seq: int = 0) -> Reader:
        """A reader that is sent everything after this update."""
        with self.lock:
            position = max(0, bisect_right(self._seqs, after_seq) - 1) if after_seq else 0
            reader = Reader(self, outbox, request_id, position)
            self._readers.add(reader)
            self._wake()
        return reader

    def log(self) -> Iterator[bytes]:
        """All that the run has printed so far, as UTF-8 text in large pieces, what was cut included."""
        gathered = bytearray()
        for piece in self._printed():
            gathered += piece
            if len(gathered) >= _LOG_CHUNK:
                yield bytes(gathered)
                gathered.clear()
        if gathered:
            yield bytes(gathered)

    def _printed(self) -> Iterator[bytes]:
        position = 0
        while True:
            with self.lock:
                self._close_growing()
                if position >= len(self._offsets):
                    return
                update = pb.RunUpdate.FromString(self._entry(position))
            position += 1
            if update.HasField("output") and not update.output.in_log:
                yield update.output.text.encode()
            elif update.HasField("output_cut"):
                yield from self._cut_text(update.output_cut)

    def _cut_text(self, cut: pb.OutputCutUpdate) -> Iterator[bytes]:
        end = cut.log_offset + cut.log_size
        for offset in range(cut.log_offset, end, _LOG_CHUNK):
            with self.lock:
                piece = self._log.read(offset, min(_LOG_CHUNK, end - offset))
            yield piece  # without the lock: whoever reads on may do so on another thread

    is_durable = False
    """Whether it outlives the peer's process."""

    @property
    def last_seq(self) -> int:
        """The number of the last update of an earlier process; 0 where there was none."""
        return 0

    @property
    def was_taken(self) -> bool:
        """Whether a client has the result."""
        return self.scope.was_taken

    @property
    def duration(self) -> float:
        """Seconds since it was accepted, until its end."""
        return (time.monotonic() if self._ended is None else self._ended) - self._began

    @property
    def size(self) -> int:
        """Bytes of all that is kept of it."""
        return self._spool.size + self._log.size + len(self._result or b"")

    @property
    def has_file(self) -> bool:
        """Whether it holds a file open."""
        return self._spool.has_file or self._log.has_file

    def close(self) -> None:
        """Forget all of it."""
        with self.lock:
            self._spool.close()
            self._log.close()

    # ---------------------------------------------------------------------------------------------------------

    def _keep(self, seq: int, update: bytes) -> None:
        self._offsets.append(self._spool.append(update))
        self._seqs.append(seq)

    def _close_growing(self) -> None:
        growing, self._growing = self._growing, None
        if growing is not None:
            self._keep(growing.seq, growing.build())

    def _entry(self, position: int) -> bytes:
        start = self._offsets[position]
        following = position + 1
        end = self._offsets[following] if following < len(self._offsets) else self._spool.size
        return self._spool.read(start, end - start)

    def _wake(self) -> None:
        for reader in self._readers:
            reader.wake()

    def frame_for(self, reader: Reader) -> tuple[int, bytes] | None:
        """The field of a PeerFrame and what to put there, for the reader whose place this is; None: no more yet."""
        with self.lock:
            if reader not in self._readers:
                return None
            if reader.position >= len(self._offsets):
                self._close_growing()
            if reader.position < self._readable:
                reader.position += 1
                return _UPDATE, self._entry(reader.position - 1)
            if self._result is None or reader.position < len(self._offsets):
                reader.sleep()
                return None
            self._readers.discard(reader)
            return _RESULT, self._result

    @property
    def _readable(self) -> int:
        """How many messages readers may have."""
        return len(self._offsets)

    def leave(self, reader: Reader) -> None:
        """The reader wants no more."""
        with self.lock:
            self._readers.discard(reader)


class Reader:
    """A client's place in a record, as a source of frames for its connection (wire.outbox.Source)."""

    def __init__(self, record: RunRecord, outbox: Outbox, request_id: int, position: int) -> None:
        self.position = position
        self._record = record
        self._outbox = outbox
        self._head = pb.PeerFrame(request_id=request_id).SerializeToString()
        self._is_awake = False

    def wake(self) -> None:
        """There is something to read; under the record's lock."""
        if not self._is_awake:
            self._is_awake = True
            self._outbox.put(self)

    def sleep(self) -> None:
        """There is nothing more for now; under the record's lock."""
        self._is_awake = False

    def take(self) -> bytes | None:
        """See Source."""
        found = self._record.frame_for(self)
        # Serialized messages may be joined: the parts of one become one.
        return None if found is None else self._head + nested(*found)

    def leave(self) -> None:
        """It wants no more."""
        self._record.leave(self)


def summary_of(record: RunRecord, state: LiveState | Outcome) -> dict[str, Any]:
    """What a list of runs says of it, as JSON."""
    return run_summary(
        record.raw_id,
        record.workflow_name,
        state,
        started_at=record.started_at,
        duration=record.duration,
        client=record.client,
    )


def run_summary(
    raw_id: bytes,
    workflow_name: str,
    state: LiveState | Outcome,
    *,
    started_at: float,
    duration: float,
    client: str,
) -> dict[str, Any]:
    """What a list of runs says of one, as JSON."""
    return {
        "run_id": dashed(raw_id),
        "workflow_name": workflow_name,
        "state": state,
        "started_at": started_at,
        "duration": duration,
        "client": client,
    }

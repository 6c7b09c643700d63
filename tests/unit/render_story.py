"""Tells a run's story to a RunState, update by update, so that a test reads like the run it is about."""

from __future__ import annotations

from typing import Any

from blazen_nb.errors import Failure, FailureFrame
from blazen_nb.events import START, STOP
from blazen_nb.render.run_state import RunState
from blazen_nb.updates import (
    Accepted,
    Ended,
    GraphKnown,
    Output,
    Progressed,
    StepEnded,
    StepShape,
    StepStarted,
    StreamName,
    Update,
)

RUN_ID = "4f1c09aa-0000-4000-8000-000000000001"
INDEX_DOCS = (
    StepShape(step_id="index::split", accepts=(START,), emits=("Chunk",)),
    StepShape(step_id="index::embed", accepts=("Chunk",), emits=("Vectors",)),
    StepShape(step_id="index::collect", accepts=("Vectors",), emits=(STOP,)),
)
CELL_SOURCE = """\
from models import load

BATCH = 64
@step
def embed(ev: Chunk) -> Vectors:
    model = load(MODEL).half()
    vecs = model.encode(ev.texts, batch_size=BATCH)
    return Vectors(vecs=vecs)
"""
OUT_OF_MEMORY = Failure(
    type_name="torch.OutOfMemoryError",
    message="CUDA out of memory. Tried to allocate 2.14 GiB",
    step_id="index::embed",
    attempt=3,
    frames=(
        FailureFrame(
            label="cell [3]",
            line=7,
            function="embed",
            source="vecs = model.encode(ev.texts, batch_size=BATCH)",
            in_cell=True,
        ),
        FailureFrame(
            label="torch/nn/functional.py",
            line=2546,
            function="layer_norm",
            source="return torch.layer_norm(",
            in_cell=False,
        ),
    ),
    traceback=(
        "cell [3], line 7, in embed\n    vecs = model.encode(ev.texts, batch_size=BATCH)\n"
        "torch/nn/functional.py, line 2546, in layer_norm\n    return torch.layer_norm(\n"
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.14 GiB"
    ),
)


class Story:
    """A RunState and short words for what happens to it; every word is one update with the next seq."""

    def __init__(self, **fields: Any) -> None:
        self.state = RunState(**fields)
        self.seq = 0

    def tell(self, kind: type[Update], **fields: Any) -> Story:
        self.seq += 1
        self.state.apply(kind(run_id=RUN_ID, seq=self.seq, **fields))
        return self

    def accepted(self, name: str = "index_docs", peer: str = "gpu-box") -> Story:
        return self.tell(Accepted, workflow_name=name, node_id=peer, started_at=1_700_000_000.0)

    def graph(self, *shapes: StepShape, name: str = "index_docs") -> Story:
        return self.tell(GraphKnown, workflow_name=name, steps=shapes or INDEX_DOCS)

    def start(
        self, step: str, call: int, at: float, attempt: int = 1, event: str = "Chunk"
    ) -> Story:
        return self.tell(
            StepStarted, step_id=step, call=call, attempt=attempt, event_type=event, at=at
        )

    def end(self, step: str, call: int, at: float, *, took: float = 1.0, **fields: Any) -> Story:
        fields = {"attempt": 1, "outcome": "succeeded"} | fields
        return self.tell(StepEnded, step_id=step, call=call, duration=took, at=at, **fields)

    def prints(self, step: str, text: str, call: int = 1, stream: StreamName = "stdout") -> Story:
        return self.tell(Output, step_id=step, call=call, stream=stream, text=text)

    def progress(self, step: str, label: str, done: float, total: float | None, at: float) -> Story:
        return self.tell(
            Progressed, step_id=step, call=1, label=label, done=done, total=total, at=at
        )

    def ended(self, outcome: str = "succeeded", took: float = 19.6, **fields: Any) -> Story:
        return self.tell(Ended, outcome=outcome, duration=took, **fields)


def split_done(story: Story, chunks: int = 8) -> Story:
    """The run is accepted and its first step has made this many chunks."""
    story.accepted().graph().start("index::split", 1, 0.05, event=START)
    return story.end("index::split", 1, 0.47, took=0.42, emitted=("Chunk",) * chunks)


def running() -> Story:
    """index_docs in the middle: 5 of 8 embeddings done, two more on their way, one of them again."""
    story = split_done(
        Story(label="cell [3]", source=CELL_SOURCE, meta=("sent 3.1 kB code, 1.2 MB values",))
    )
    story.prints("index::split", "1,000 documents, 8 chunks of 125, longest 8,192 tokens\n")
    ends = {1: 3.1, 2: 3.9, 3: 6.0, 4: 9.7, 5: 8.8}
    starts = {1: 0.5, 2: 0.5, 3: 3.1, 4: 3.9, 5: 6.0}
    embed = "index::embed"
    story.start(embed, 1, starts[1]).start(embed, 2, starts[2])
    story.end(embed, 1, ends[1], took=2.6, emitted=("Vectors",)).start(embed, 3, 3.1)
    story.prints(
        embed, "UserWarning: 2 documents longer than the model window were cut\n", 3, "stderr"
    )
    story.end(embed, 2, ends[2], took=3.4, emitted=("Vectors",)).start(embed, 4, 3.9)
    story.end(embed, 4, 5.6, took=1.7, outcome="retrying", error="torch.OutOfMemoryError: no")
    story.end(embed, 3, ends[3], took=2.9, emitted=("Vectors",)).start(embed, 5, 6.0)
    story.start(embed, 4, 6.6, attempt=2)
    story.end(embed, 5, ends[5], took=2.8, emitted=("Vectors",)).start(embed, 6, 8.8)
    story.end(embed, 4, ends[4], took=3.1, attempt=2, emitted=("Vectors",)).start(embed, 7, 9.7)
    story.end(embed, 7, 10.6, took=0.9, outcome="retrying", error="torch.OutOfMemoryError: no")
    story.prints(
        embed, "attempt 1: torch.OutOfMemoryError, again with batch_size=16\n", 7, "stderr"
    )
    story.start(embed, 7, 11.0, attempt=2).prints(embed, "batch 5 of 8, mean norm 0.998\n", 6)
    return story.progress(embed, "batches", 0, 64, 0.5).progress(embed, "batches", 39, 64, 14.0)


def succeeded() -> Story:
    """index_docs to its good end."""
    story = running()
    story.end("index::embed", 6, 15.1, took=6.3, emitted=("Vectors",)).start(
        "index::embed", 8, 15.1
    )
    story.end("index::embed", 7, 18.4, took=7.4, attempt=2, emitted=("Vectors",))
    story.end("index::embed", 8, 18.2, took=3.1, emitted=("Vectors",))
    for call in range(1, 9):
        story.start("index::collect", call, 18.4 + call / 10, event="Vectors")
        story.end(
            "index::collect",
            call,
            18.45 + call / 10,
            took=0.05,
            emitted=(STOP,) if call == 8 else (),
        )
    return story.ended()


def failed() -> Story:
    """index_docs out of memory at the third attempt of call 7."""
    story = running()
    story.end(
        "index::embed",
        7,
        12.0,
        took=1.0,
        attempt=2,
        outcome="retrying",
        error="torch.OutOfMemoryError: no",
    )
    story.start("index::embed", 7, 12.2, attempt=3)
    story.end(
        "index::embed", 7, 12.8, took=0.6, attempt=3, outcome="failed", error=OUT_OF_MEMORY.headline
    )
    return story.ended(
        "failed",
        12.9,
        failure=OUT_OF_MEMORY,
        message="Memory has been given back; the session is kept.",
    )


def plain_cell() -> Story:
    """A cell that trains, still at it."""
    story = Story(label="cell [7]", meta=("sent 412 B code", "namespace session"))
    story.accepted("cell").start("cell", 1, 0.0, event=START)
    story.progress("cell", "epoch 3", 0, 1200, 40.0).progress("cell", "epoch 3", 412, 1200, 96.4)
    return story.prints("cell", "epoch 3  step 400  loss 1.746\n")

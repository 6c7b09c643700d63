"""The questions of a run that wait for an answer, by what the run has told so far; it takes no update from its readers."""

from __future__ import annotations

from blazen_nb.errors import ValidationError
from blazen_nb.events import InputRequestEvent
from blazen_nb.updates import InputRequested
from blazen_nb.wire.messages import question_update
from blazen_nb.wire.v1 import kernel_pb2 as pb

Question = str | InputRequested | InputRequestEvent


class OpenQuestions:
    """Sees the updates on the I/O loop; asked from any thread."""

    def __init__(self) -> None:
        self._open: dict[str, pb.RunUpdate] = {}

    def see(self, update: pb.RunUpdate) -> None:
        """The run told this."""
        kind = update.WhichOneof("kind")
        if kind == "input_request":
            self._open[update.input_request.request_id] = update
        elif kind == "input_closed":
            self._open.pop(update.input_closed.request_id, None)
        elif kind == "ended":
            self._open.clear()

    def asked(self, run_id: str) -> list[InputRequested]:
        """Those that are open, in the order in which they were asked."""
        return [question_update(update, run_id) for update in list(self._open.values())]


def the_question(waiting: list[InputRequested], named: Question | None) -> Question:
    """The question that is named, else the only one that waits.

    Raises:
        ValidationError: None waits, or several do.
    """
    if named is not None:
        return named
    if not waiting:
        raise ValidationError("the run asks nothing now; questions() lists what it asks")
    if len(waiting) > 1:
        listed = "; ".join(f"{each.prompt!r} is question={each.request_id!r}" for each in waiting)
        raise ValidationError(f"the run asks {len(waiting)} questions, say which: {listed}")
    return waiting[0]

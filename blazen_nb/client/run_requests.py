"""What a run handle asks of the peer about its run, and what the answers mean; the same for both handles."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from blazen_nb.client.feed import RunFeed
from blazen_nb.client.link import PeerLink
from blazen_nb.client.open_questions import Question
from blazen_nb.client.requests import answer_of
from blazen_nb.engine.run import dashed
from blazen_nb.errors import BlazenError, RunLostError, TransportError, ValidationError
from blazen_nb.shipping.values import encode
from blazen_nb.wire.messages import value_message
from blazen_nb.wire.v1 import kernel_pb2 as pb


def pause_request(feed: RunFeed) -> dict[str, Any]:
    """To have nothing new start."""
    return {"pause_run": pb.PauseRun(run_id=feed.raw_id)}


def resume_request(feed: RunFeed) -> dict[str, Any]:
    """To have it go on."""
    return {"resume_run": pb.ResumeRun(run_id=feed.raw_id)}


def answer_request(feed: RunFeed, question: Question, response: Any) -> dict[str, Any]:
    """To answer a question of the run.

    Raises:
        EncodeError: The answer cannot travel.
    """
    encoded = encode(response, same_minor=feed.link.same_minor, current=True)
    request = pb.AnswerInput(
        run_id=feed.raw_id, request_id=_id_of(question), response=value_message(encoded)
    )
    return {"answer_input": request}


def require_answered(frame: pb.PeerFrame, question: Question) -> None:
    """Nothing, where the answer was taken.

    Raises:
        ValidationError: The run does not wait for this one.
    """
    if not answer_of(frame, "done").changed:
        raise ValidationError(f"the run does not wait for an answer to {_id_of(question)!r}")


def attach_request(run_id: str, after_seq: int) -> pb.AttachRun:
    """To read a run from the update after this one on.

    Raises:
        ValidationError: It is no run ID, or no number of an update.
    """
    if not isinstance(after_seq, int) or after_seq < 0:
        raise ValidationError(f"updates are numbered from 1; after_seq is not {after_seq!r}")
    return pb.AttachRun(run_id=_raw(run_id), after_seq=after_seq)


def lost_call(request: pb.StartRun, link: PeerLink, error: TransportError) -> BlazenError:
    """For a call whose answer will not come: it may have run, and is not made again by itself."""
    if link.is_closed:
        return error
    run_id = dashed(request.run_id)
    text = f"what became of run {run_id} is not known: {error}"
    return RunLostError(text, run_id=run_id, peer=link.node_id)


def cancel_request(run_id: str) -> pb.CancelRun:
    """To end a run.

    Raises:
        ValidationError: It is no run ID.
    """
    return pb.CancelRun(run_id=_raw(run_id), reason="cancelled by the client")


def _raw(run_id: str) -> bytes:
    try:
        return UUID(run_id).bytes
    except (ValueError, AttributeError, TypeError):
        raise ValidationError(f"a run's ID is a dashed UUID, not {run_id!r}") from None


def _id_of(question: Question) -> str:
    return question if isinstance(question, str) else question.request_id

"""What a run handle asks of the peer about its run, and what the answers mean; the same for both handles."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from blazen_nb.client.feed import RunFeed
from blazen_nb.client.open_questions import Question
from blazen_nb.client.requests import answer_of
from blazen_nb.errors import ValidationError
from blazen_nb.shipping.values import encode
from blazen_nb.updates import Outcome
from blazen_nb.wire.messages import value_message
from blazen_nb.wire.v1 import kernel_pb2 as pb


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """A run that a peer knows, running or ended."""

    run_id: str
    workflow_name: str
    """Of a cell: its label, ``cell [3]``."""
    state: Literal["running"] | Outcome
    started_at: float
    """The peer's wall clock, seconds since the epoch."""
    duration: float
    """Seconds, until now where it runs."""
    client: str = ""
    """Who started it, by its own name."""


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


def attach_request(run_id: str) -> pb.AttachRun:
    """To read a run from its first update on.

    Raises:
        ValidationError: It is no run ID.
    """
    return pb.AttachRun(run_id=_raw(run_id))


def cancel_request(run_id: str) -> pb.CancelRun:
    """To end a run.

    Raises:
        ValidationError: It is no run ID.
    """
    return pb.CancelRun(run_id=_raw(run_id), reason="cancelled by the client")


def runs_of(listed: pb.RunList) -> list[RunInfo]:
    """The runs in a peer's answer; keys that this version does not know are left out."""
    known = RunInfo.__dataclass_fields__
    said: list[dict[str, Any]] = json.loads(listed.json)
    return [RunInfo(**{key: run[key] for key in run if key in known}) for run in said]


def is_whole_id(run_id: str) -> bool:
    """Whether it is a run's ID, and not only how one starts."""
    return isinstance(run_id, str) and len(run_id.replace("-", "")) == 32


def the_one(start: str, runs: Iterable[RunInfo]) -> str:
    """The ID of the only run whose ID starts like this.

    Raises:
        ValidationError: There is none, or more than one.
    """
    found = [run.run_id for run in runs if run.run_id.startswith(start)] if start else []
    if len(found) != 1:
        many = "more than one run starts" if found else "no run starts"
        raise ValidationError(f"{many} with {start!r}; runs() and %blazen_runs list them")
    return found[0]


def _raw(run_id: str) -> bytes:
    try:
        return UUID(run_id).bytes
    except (ValueError, AttributeError, TypeError):
        raise ValidationError(f"a run's ID is a dashed UUID, not {run_id!r}") from None


def _id_of(question: Question) -> str:
    return question if isinstance(question, str) else question.request_id

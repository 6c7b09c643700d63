"""A snapshot's text back to what a run begins with; nothing of it is believed before it was checked."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from blazen_nb.engine.codec import value_codec
from blazen_nb.engine.graph import Graph
from blazen_nb.engine.pause_policy import SessionPausePolicy
from blazen_nb.engine.retry import RetryConfig
from blazen_nb.engine.run_state import Moment, RunState
from blazen_nb.engine.session_objects import MARKER, unpacked
from blazen_nb.engine.snapshot import MAGIC, SERIALIZED, VERSION, is_marked, signature_of
from blazen_nb.engine.step import Step, event_classes
from blazen_nb.engine.ticks import Attempt
from blazen_nb.errors import BlazenError, SnapshotError, text_of
from blazen_nb.events import Event, event_from_wire
from blazen_nb.updates import Usage

LONGEST_SECONDS = 2.0**31


@dataclass(slots=True)
class StoredRun:
    """What a run that goes on from a snapshot begins with."""

    workflow_name: str
    run_id: str
    moment: Moment
    attempts: list[Attempt]
    held: list[Event]
    auto_publish: bool
    policy: SessionPausePolicy


def read_snapshot(
    snapshot: str | bytes,
    steps: Iterable[Step],
    *,
    timeout: float | None,
    trusted: bool,
    with_refs: bool,
) -> StoredRun:
    """The run that the snapshot holds, with these steps.

    Args:
        timeout: Seconds it may still take; None = what was left of its own timeout.
        trusted: Pickled values may be opened.
        with_refs: Objects that serialized themselves are made again, which imports their modules.

    Raises:
        SnapshotError: It is no snapshot, of a newer version, damaged, or needs trust or a step that is not given.
    """
    body = _body_of(snapshot)
    signature = body.pop("signature", None)
    if isinstance(signature, str):
        trusted |= hmac.compare_digest(signature.encode(), signature_of(body).encode())
    try:
        return _Reader(body, tuple(steps), trusted, with_refs).stored_run(timeout)
    except BlazenError:
        raise
    except RecursionError:
        raise SnapshotError("the snapshot is damaged: it is nested too deeply") from None
    except Exception as error:  # whatever a changed file leads to
        raise SnapshotError(
            f"the snapshot is damaged: {type(error).__name__}: {text_of(error)}"
        ) from error


def _body_of(snapshot: str | bytes) -> dict[str, Any]:
    try:
        body = json.loads(snapshot)
    except (ValueError, TypeError, RecursionError) as error:
        raise SnapshotError(f"this is no snapshot: {text_of(error)}") from None
    if not isinstance(body, dict) or body.get("magic") != MAGIC:
        raise SnapshotError(f"this is no snapshot: it does not say that it is a {MAGIC}")
    version = body.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise SnapshotError(
            f"the snapshot has version {version!r}, this package reads up to {VERSION}; upgrade it"
        )
    return body


class _Reader:
    """Reads one snapshot."""

    def __init__(
        self, body: dict[str, Any], steps: tuple[Step, ...], trusted: bool, with_refs: bool
    ) -> None:
        self._body = body
        self._run: dict[str, Any] = body["run"]
        self._steps = steps
        self._trusted = trusted
        self._with_refs = with_refs
        self._codec = value_codec()
        self._serialized: dict[str, Any] = body["metadata"].get(SERIALIZED, {})
        self._objects: dict[str, Any] = {}
        self._classes: dict[str, type[Event]] = {}
        for step in steps:
            self._classes.update(event_classes(step))

    def stored_run(self, timeout: float | None) -> StoredRun:
        run = self._run
        graph = Graph(
            self._steps,
            default_retry=RetryConfig(**_like(RetryConfig(), run["retry"])),
            default_timeout=_seconds(run["step_timeout"]),
        )
        find = _finder(self._steps, {entry["step_id"] for entry in run["attempts"]})
        events = [self._event(entry) for entry in self._body["pending_events"]]
        state = RunState(graph, timeout=_seconds(run["timeout"]) if timeout is None else timeout)
        state.next_id = _count(run["next_id"])
        state.calls = {_renamed(step_id, find): _count(n) for step_id, n in run["calls"].items()}
        state.unaccepted = {name: _count(count) for name, count in run["unaccepted"].items()}
        state.inputs = {asked: events[position] for asked, position in run["inputs"].items()}
        attempts = []
        for entry in run["attempts"]:
            attempts.append(self._attempt(entry, state.next_id, events, find))
            state.next_id += 1
        return StoredRun(
            workflow_name=str(self._body["workflow_name"]),
            run_id=str(self._body["run_id"]),
            moment=Moment(
                state,
                _seconds(run["seconds_left"]) if timeout is None else timeout,
                {
                    key: self._state_value(value)
                    for key, value in self._body["context_state"].items()
                },
                [],
                frozenset(),
                Usage(**_like(Usage(), run["usage"])),
            ),
            attempts=attempts,
            held=[events[position] for position in run["held"]],
            auto_publish=bool(run["auto_publish"]),
            policy=SessionPausePolicy(run["session_pause_policy"]),
        )

    def _attempt(
        self,
        entry: dict[str, Any],
        attempt_id: int,
        events: list[Event],
        find: Callable[[str], Step | None],
    ) -> Attempt:
        step = find(entry["step_id"])
        assert step is not None  # the finder was asked before
        return Attempt(
            attempt_id,
            step,
            events[entry["event"]],
            _count(entry["call"]),
            _count(entry["number"]),
            _count(entry["cut_off"]),
        )

    def _event(self, entry: dict[str, Any]) -> Event:
        fields = self._value({"json": entry["data"], "leaves": entry.get("leaves", [])})
        event_type = entry["event_type"]
        if type(fields) is not dict or type(event_type) is not str:
            raise SnapshotError("the snapshot is damaged: an event in it is none")
        cls = self._classes.get(event_type)
        if cls is None:
            return event_from_wire(event_type, fields)
        return cls._from_fields(event_type, fields)

    def _state_value(self, stored: dict[str, Any]) -> Any:
        ((kind, value),) = stored.items()
        if kind == "Json":
            return value
        if kind != "Native":
            raise SnapshotError(f"the snapshot is damaged: {kind!r} is no kind of value")
        return self._value(value)

    def _value(self, stored: dict[str, Any]) -> Any:
        value = self._codec.load(stored, trusted=self._trusted)
        return self._unmarked(value) if self._serialized else value

    def _unmarked(self, value: Any) -> Any:
        """The value with the objects that serialized themselves in place of their markers."""
        kind = type(value)
        if is_marked(value) and value[MARKER] in self._serialized:
            return self._object(value[MARKER])
        if kind is dict:
            return {key: self._unmarked(item) for key, item in value.items()}
        if kind in (list, tuple):
            return kind(self._unmarked(item) for item in value)
        return value

    def _object(self, key: str) -> Any:
        entry = self._serialized[key]
        if not self._with_refs:
            raise SnapshotError(
                f"the snapshot holds a {entry['type_tag']} that serialized itself; resume it with "
                "Workflow.resume_with_session_refs(), which imports that class"
            )
        if key not in self._objects:
            self._objects[key] = unpacked(entry)
        return self._objects[key]


def _finder(steps: tuple[Step, ...], wanted: set[str]) -> Callable[[str], Step | None]:
    """How a stored step ID finds its step: by the ID, else by the one step of that name in another module.

    Raises:
        SnapshotError: Some are not among the steps.
    """
    by_id = {step.step_id: step for step in steps}
    by_name: dict[str, list[Step]] = {}
    for step in steps:
        by_name.setdefault(step.name, []).append(step)

    def find(step_id: str) -> Step | None:
        same_name = by_name.get(step_id.rpartition("::")[2], [])
        return by_id.get(step_id) or (same_name[0] if len(same_name) == 1 else None)

    missing = sorted(step_id for step_id in wanted if find(step_id) is None)
    if missing:
        raise SnapshotError(
            f"the snapshot needs the step{'s' * (len(missing) > 1)} {', '.join(missing)}, which "
            f"{'are' if len(missing) > 1 else 'is'} not given; given are {', '.join(by_id)}"
        )
    return find


def _seconds(stored: Any) -> float | None:
    if stored is None:
        return None
    if type(stored) not in (int, float) or not 0 <= stored < LONGEST_SECONDS:
        raise SnapshotError(f"the snapshot is damaged: {stored!r} is no length of time")
    return float(stored)


def _count(stored: Any) -> int:
    if type(stored) is not int or stored < 0:
        raise SnapshotError(f"the snapshot is damaged: {stored!r} is no count")
    return stored


def _like(default: Any, stored: dict[str, Any]) -> dict[str, Any]:
    """The stored fields, where each is what it is in the default."""
    for name, value in stored.items():
        kind = type(getattr(default, name))
        if kind is bool and type(value) is not bool:
            raise SnapshotError(f"the snapshot is damaged: {name} is {value!r}")
        if kind is int:
            _count(value)
        elif kind is float and type(value) not in (int, float):
            raise SnapshotError(f"the snapshot is damaged: {name} is {value!r}")
    return stored


def _renamed(step_id: str, find: Callable[[str], Step | None]) -> str:
    step = find(step_id)
    return step.step_id if step is not None else step_id

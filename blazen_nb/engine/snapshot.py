"""A run as JSON text: what is finished, what is in flight, and the state its steps share.

The text has a magic and a version, and Blazen's keys (``context_state``, ``pending_events``, ``metadata``, ...).
``pending_events`` are all events that still have work to do; ``run`` says, by their positions, which attempts wait for
or work on them. What was pickled is signed with a key that only this process has, so that it can open its own.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import secrets
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

from blazen_nb.engine.codec import value_codec
from blazen_nb.engine.pause_policy import KeptObjects, SessionPausePolicy, is_live
from blazen_nb.engine.run import Run
from blazen_nb.engine.run_state import Moment, RunState
from blazen_nb.engine.session_objects import MARKER, packed, serializes_itself
from blazen_nb.engine.ticks import Attempt
from blazen_nb.errors import SnapshotError, text_of
from blazen_nb.events import Event

MAGIC = "blazen_nb.snapshot"
VERSION = 1
SERIALIZED = "__blazen_serialized_session_refs"
DROPPED = "__blazen_dropped_session_refs"

_log = logging.getLogger("blazen_nb.engine")
_KEY = secrets.token_bytes(32)


def take_snapshot(run: Run, *, workflow_name: str, policy: SessionPausePolicy) -> str:
    """The run as it is now, as text that ``Workflow.resume`` takes.

    Raises:
        SnapshotError: The run has ended or is ending, or something in it cannot be stored under this policy.
    """
    moment = run.moment()
    if moment.state.ending is not None:
        raise SnapshotError(f"run {run.run_id} has ended: {moment.state.ending.outcome}")
    return snapshot_of(run, moment, workflow_name=workflow_name, policy=policy)


def snapshot_of(run: Run, moment: Moment, *, workflow_name: str, policy: SessionPausePolicy) -> str:
    """The run as it was at that moment; as ``take_snapshot``."""
    text = _Writer(run, moment, policy).text(workflow_name)
    run.snapshot_taken()
    return text


def signature_of(body: dict[str, Any]) -> str:
    """What this process writes under a snapshot of its own; ``body`` is the snapshot without it."""
    return hmac.new(_KEY, json.dumps(body).encode(), hashlib.sha256).hexdigest()


class _Writer:
    """Turns one moment of a run into JSON."""

    def __init__(self, run: Run, moment: Moment, policy: SessionPausePolicy) -> None:
        self._run = run
        self._moment = moment
        self._policy = policy
        self._codec = value_codec()
        self._kept = run.kept or KeptObjects()
        self._serialized: dict[str, dict[str, Any]] = {}
        self._dropped: list[str] = []
        self._events: list[dict[str, Any]] = []
        self._positions: dict[int, int] = {}
        self._pickled = False

    def text(self, workflow_name: str) -> str:
        state = self._moment.state
        self._refuse_kept()
        run = self._run_entry(state)
        body: dict[str, Any] = {
            "magic": MAGIC,
            "version": VERSION,
            "workflow_name": workflow_name,
            "run_id": self._run.run_id,
            "timestamp": datetime.now(timezone.utc).isoformat(),  # noqa: UP017 - the same text on 3.11
            "context_state": self._context_state(),
            "collected_events": {},
            "pending_events": self._events,
            "run": run,
        }
        self._pack_kept()
        body["metadata"] = self._metadata(workflow_name)
        if self._pickled:
            body["signature"] = signature_of(body)
        return json.dumps(body)

    def _run_entry(self, state: RunState) -> dict[str, Any]:
        graph = state.graph
        queued = [attempt for waiting in state.queued.values() for attempt in waiting]
        waiting = [*state.parked, *state.backing_off.values(), *queued]
        return {
            "next_id": state.next_id,
            "calls": state.calls,
            "unaccepted": state.unaccepted,
            "attempts": [
                *(self._attempt(attempt) for attempt in state.running.values()),
                *(self._attempt(attempt) for attempt in waiting),
            ],
            "held": [self._event(event) for event in state.held],
            "inputs": {asked: self._event(event) for asked, event in state.inputs.items()},
            "timeout": state.timeout,
            "seconds_left": self._moment.seconds_left,
            "usage": asdict(self._moment.usage),
            "retry": asdict(graph.default_retry),
            "step_timeout": graph.default_timeout,
            "auto_publish": self._run.auto_publish,
            "session_pause_policy": self._policy.value,
        }

    def _attempt(self, attempt: Attempt) -> dict[str, Any]:
        """The attempt to make of it when the run is resumed: what was in flight is a new one."""
        in_flight = attempt.attempt_id in self._moment.begun
        return {
            "step_id": attempt.step.step_id,
            "event": self._event(attempt.event),
            "call": attempt.call,
            "number": attempt.number + in_flight,
            "cut_off": attempt.cut_off + in_flight,
        }

    # --- events --------------------------------------------------------------------------------------------------

    def _event(self, event: Event) -> int:
        """The event's position; one that several attempts work on is there once."""
        position = self._positions.get(id(event))
        if position is None:
            fields = event.to_dict()
            stored = self._stored(self._marked(fields), f"event {event.event_type}")
            position = self._positions[id(event)] = len(self._events)
            entry = {"event_type": event.event_type, "data": stored.pop("json"), **stored}
            self._events.append({**entry, "source_step": None})
        return position

    def _stored(self, value: Any, where: str) -> dict[str, Any]:
        try:
            stored = self._codec.store(value)
        except SnapshotError as error:
            raise SnapshotError(
                f"{where} cannot be stored: {error}. SessionPausePolicy.WarnDrop leaves such values out"
            ) from error
        self._pickled |= self._codec.needs_trust(stored)
        return stored

    def _marked(self, value: Any) -> Any:
        """The value with a marker in place of each live object that is not pickled."""
        kind = type(value)
        if kind is dict:
            return {key: self._marked(item) for key, item in value.items()}
        if kind in (list, tuple):
            return kind(self._marked(item) for item in value)
        return self._of_live(value) if is_live(value) else value

    def _of_live(self, live: Any) -> Any:
        key = self._kept.key_of(live)
        if self._policy is SessionPausePolicy.HardError:
            raise SnapshotError(self._refusal(live))
        if self._policy is SessionPausePolicy.WarnDrop:
            return self._drop(key, live)
        if self._policy is SessionPausePolicy.PickleOrSerialize and serializes_itself(live):
            return self._pack(key, live)
        return live

    def _pack(self, key: str, live: Any) -> dict[str, str]:
        if key not in self._serialized and key not in self._dropped:
            try:
                self._serialized[key] = packed(live)
            except Exception as error:  # the class's own code
                return self._drop(key, live, f": __blazen_serialize__ failed: {text_of(error)}")
        return {MARKER: key}

    def _drop(self, key: str, live: Any, why: str = "") -> dict[str, str]:
        if key not in self._dropped:
            self._dropped.append(key)
            _log.warning(
                "the snapshot of run %s leaves out a %s%s",
                self._run.run_id,
                type(live).__name__,
                why,
            )
        return {MARKER: key}

    def _refusal(self, live: Any) -> str:
        return (
            f"a live {type(live).__name__} is in the run, and SessionPausePolicy.HardError stores none; take the "
            "snapshot where there is none, or choose another policy"
        )

    # --- objects that are in no event of the run ---------------------------------------------------------------------

    def _refuse_kept(self) -> None:
        if self._policy is SessionPausePolicy.HardError:
            for live in self._kept.objects():
                raise SnapshotError(self._refusal(live))
            if self._moment.live_keys:
                raise SnapshotError(
                    f"ctx.session holds {', '.join(self._moment.live_keys)}, and SessionPausePolicy.HardError "
                    "stores no live object"
                )

    def _pack_kept(self) -> None:
        if self._policy is SessionPausePolicy.PickleOrSerialize:
            for live in self._kept.objects():
                if serializes_itself(live):
                    self._pack(self._kept.key_of(live), live)

    # --- state -------------------------------------------------------------------------------------------------------

    def _context_state(self) -> dict[str, Any]:
        stored = {key: self._state_value(key, value) for key, value in self._moment.values.items()}
        return {key: value for key, value in stored.items() if value is not None}

    def _state_value(self, key: str, value: Any) -> dict[str, Any] | None:
        """The value, tagged; None where it stays live, and so behind."""
        try:
            stored = self._stored(value, f"ctx.state[{key!r}]")
            plain = stored == {"json": value} and not is_marked(value)
            return {"Json": value} if plain else {"Native": stored}
        except SnapshotError as error:
            if self._policy is SessionPausePolicy.HardError:
                raise
            if self._policy is SessionPausePolicy.PickleOrSerialize and serializes_itself(value):
                return {"Native": {"json": self._pack(self._kept.key_of(value), value)}}
            self._drop(f"state:{key}", value, f": {error}")
            return None

    def _metadata(self, workflow_name: str) -> dict[str, Any]:
        metadata: dict[str, Any] = {"run_id": self._run.run_id, "workflow_name": workflow_name}
        if self._serialized:
            metadata[SERIALIZED] = self._serialized
        if self._dropped:
            metadata[DROPPED] = self._dropped
        return metadata


def is_marked(value: Any) -> bool:
    """Whether a JSON value looks as if it stood for a live object."""
    return type(value) is dict and len(value) == 1 and MARKER in value

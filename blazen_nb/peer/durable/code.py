"""The code of a durable run's workflow: kept beside the run, and made again in a namespace of another process."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any
from weakref import WeakKeyDictionary

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.registry import process_registry
from blazen_nb.engine.step import Step
from blazen_nb.errors import BlazenError, JournalError, SessionRefError, ShippingError, text_of
from blazen_nb.journal import Journal
from blazen_nb.peer.namespaces import Namespace
from blazen_nb.peer.registering import register_steps
from blazen_nb.shipping.again import code_again
from blazen_nb.wire.messages import bundle_message, bundle_of
from blazen_nb.wire.v1 import kept_pb2 as kept
from blazen_nb.wire.v1 import kernel_pb2 as pb

_INSTALL_SECONDS = 60.0


def keep_workflow(graph: Graph, namespace: Namespace, journal: Journal) -> kept.KeptWorkflow:
    """The steps as a journal keeps them, and in it the code of those that did not come with the peer."""
    own = namespace.registry.own()
    shipped = [step for step in graph.steps if own.get(step.step_id) is step]
    steps = [
        kept.KeptStep(step_id=step.step_id, digest=step_digest(step), is_hosts=step not in shipped)
        for step in graph.steps
    ]
    return kept.KeptWorkflow(
        steps=steps, code=_keep_code(shipped, namespace, journal) if shipped else None
    )


def _keep_code(steps: Iterable[Step], namespace: Namespace, journal: Journal) -> kept.KeptCode:
    names = [_name_of(step, namespace.globals) for step in steps]
    try:
        bundle = code_again(
            names, namespace.globals, home=namespace.id, given=namespace.given_names
        )
    except BlazenError as error:
        return kept.KeptCode(problem=text_of(error))
    code = bundle_message(bundle).SerializeToString(deterministic=True)
    digest = hashlib.sha256(code).hexdigest()
    journal.keep_code(digest, code)
    return kept.KeptCode(digest=digest, names=names)


def _name_of(step: Step, module_dict: dict[str, Any]) -> str:
    for name, value in list(module_dict.items()):
        if value is step or value is step.function:
            return name
    return step.name


def step_digest(step: Step) -> str:
    """A digest of the step's source; of its name where there is none to be had."""
    known = _digests.get(step)
    if known is None:
        try:
            text = inspect.getsource(step.function)
        except (OSError, TypeError):
            text = step.step_id
        known = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]
        _digests[step] = known
    return known


_digests: WeakKeyDictionary[Step, str] = WeakKeyDictionary()
"""A step is never changed, and looking for its source takes longer than a whole run."""


def workflow_again(
    steps: Iterable[kept.KeptStep], code: kept.KeptCode, namespace: Namespace, journal: Journal
) -> tuple[Graph, list[str]]:
    """The workflow in this namespace, and the IDs of the peer's own steps that are not what they were.

    Blocks while the code is put into the namespace, on its cell thread.

    Raises:
        JournalError: It cannot be made again; the message names what is missing.
    """
    wanted = list(steps)
    if any(not step.is_hosts for step in wanted):
        _install(code, namespace, journal)
    found: list[Step] = []
    for each in wanted:
        registry = process_registry if each.is_hosts else namespace.registry
        step = registry.get(each.step_id)
        if step is None:
            where = (
                "this peer registers it no more" if each.is_hosts else "its code did not bring it"
            )
            raise JournalError(f"step {each.step_id} is missing: {where}")
        found.append(step)
    changed = [
        each.step_id
        for each, step in zip(wanted, found, strict=True)
        if each.is_hosts and each.digest != step_digest(step)
    ]
    return Graph(found), changed


def _install(code: kept.KeptCode, namespace: Namespace, journal: Journal) -> None:
    if code.problem:
        raise JournalError(f"the code of its steps could not be kept: {code.problem}")
    bundle = bundle_of(pb.CodeBundle.FromString(journal.code(code.digest)))
    installed: Future[list[str]] = Future()
    register_steps(
        namespace,
        bundle,
        tuple(code.names),
        _no_refs,
        installed.set_result,
        installed.set_exception,
    )
    try:
        installed.result(_INSTALL_SECONDS)
    except ShippingError as error:
        raise JournalError(f"the code of its steps does not run here: {text_of(error)}") from error


def _no_refs(_: str, __: bytes) -> Any:
    raise SessionRefError("a value on the peer that its code uses ended with the process before")

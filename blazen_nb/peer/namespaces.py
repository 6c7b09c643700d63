"""Namespaces: where a notebook's cells live on the peer, like a kernel's globals, each with threads of its own."""

from __future__ import annotations

import builtins
import itertools
import secrets
import sys
import threading
import time
import types
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from blazen_nb.engine.graph import Graph
from blazen_nb.engine.registry import StepRegistry, process_registry
from blazen_nb.errors import AssemblyError, ValidationError
from blazen_nb.peer import capture
from blazen_nb.peer.executors.kernel import KernelExecutor
from blazen_nb.shipping.cell import forget_sources
from blazen_nb.shipping.code import arrived_digests, is_there
from blazen_nb.shipping.modules import forget_modules, own_modules
from blazen_nb.wire.limits import Limits

_numbers = itertools.count(1)
GRAPHS_KEPT = 256


class Namespace:
    """A module of its own, an overlay registry, a cell thread and worker threads.

    Args:
        expose: Objects of the host that every namespace sees, the objects themselves.
    """

    def __init__(self, identity: str, name: str, limits: Limits, expose: Mapping[str, Any]) -> None:
        self.identity = identity
        self.name = name
        self.id = f"blazen_ns_{next(_numbers)}_{secrets.token_hex(3)}"
        self._expose = expose
        self.module = types.ModuleType(self.id)
        self._fill()
        # In sys.modules, so that pickle and get_type_hints find the classes that cells define.
        sys.modules[self.id] = self.module
        self.registry = StepRegistry(process_registry, module_name=self.id)
        self.executor = KernelExecutor(f"blazen-{name or 'session'}", limits.step_threads)
        self.variables: dict[ContextVar[Any], Any] = {}
        """Context variables as the last cell left them."""
        self.sessions = 0
        self.runs = 0
        self.unused_since: float | None = None
        """When the last session or run that used it ended; None while one does."""
        self._graphs: dict[tuple[str, ...], tuple[int, Graph]] = {}

    def _fill(self) -> None:
        self.globals.update({"__builtins__": builtins, "display": capture.display, **self._expose})

    @property
    def given_names(self) -> tuple[str, ...]:
        """Names that every namespace of this peer has from the start."""
        return ("__builtins__", "display", *self._expose)

    @property
    def globals(self) -> dict[str, Any]:
        """The namespace's variables."""
        return self.module.__dict__

    def reset(self, done: Callable[[], None], failed: Callable[[BaseException], None]) -> None:
        """Make it as empty as it was at its start, on its cell thread, then call one of the two.

        ``failed`` gets a ValidationError where runs of it are going.
        """

        def empty() -> None:
            if self.runs:
                failed(
                    ValidationError(
                        f"{self.runs} runs use this namespace, so it cannot be emptied; "
                        "wait for their end, or cancel them"
                    )
                )
                return
            kept = {"__name__": self.id, "__doc__": None}
            self.globals.clear()
            self.globals.update(kept)
            self._fill()
            self.registry = StepRegistry(process_registry, module_name=self.id)
            self.variables = {}
            self._graphs.clear()
            forget_modules(self.id)
            forget_sources(self.id)
            done()

        self.executor.loop_thread.post(empty)

    def graph_of(self, step_ids: tuple[str, ...]) -> Graph:
        """The steps of these IDs as a workflow; a changed step makes it anew.

        Raises:
            UnknownStepError: One of them is not registered here.
            AssemblyError: They make no workflow.
        """
        version = self.registry.total_version()
        known = self._graphs.get(step_ids)
        if known is not None and known[0] == version:
            return known[1]
        steps = self.registry.resolve(step_ids)
        try:
            graph = Graph(steps)
        except ValidationError as error:
            raise AssemblyError(str(error)) from None
        if len(self._graphs) >= GRAPHS_KEPT:
            self._graphs.clear()
        self._graphs[step_ids] = (version, graph)
        return graph

    def missing(self, names: list[str]) -> list[str]:
        """Those of the names that a cell here should bring along."""
        there = is_there(self.globals, names)
        return [name for name in names if name not in there and not hasattr(builtins, name)]

    def arrived(self, names: list[str]) -> dict[str, str]:
        """Digests of those of the names that stand here as they arrived."""
        digests = arrived_digests(self.globals)
        return {name: digests[name] for name in names if name in digests}

    def own_modules(self) -> dict[str, str]:
        """Digests of the notebook's own modules that are here, by name."""
        own = own_modules(self.id)
        return own.digests if own is not None else {}

    def close(self) -> None:
        """End its threads and drop its variables."""
        self.executor.close()
        sys.modules.pop(self.id, None)
        forget_modules(self.id)
        forget_sources(self.id)
        self.module.__dict__.clear()
        self._graphs.clear()
        self.variables = {}


class NamespaceTable:
    """A peer's namespaces by identity and name. Thread-safe.

    Those without a name end with their session and its runs, those with one once nobody has used them for their lease.

    Args:
        now: Seconds on a clock that only goes forward.
    """

    def __init__(
        self,
        limits: Limits,
        expose: Mapping[str, Any],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.now = now
        self._limits = limits
        self._expose = dict(expose)
        self._named: dict[tuple[str, str], Namespace] = {}
        self._all: set[Namespace] = set()
        self._lock = threading.Lock()

    @property
    def exposed(self) -> tuple[str, ...]:
        """Names of the host's objects that every namespace sees."""
        return tuple(self._expose)

    def open(self, identity: str, name: str) -> tuple[Namespace, bool]:
        """The namespace for a session, and whether it was there before."""
        with self._lock:
            known = self._named.get((identity, name)) if name else None
            namespace = known or Namespace(identity, name, self._limits, self._expose)
            self._all.add(namespace)
            if name:
                self._named[identity, name] = namespace
            namespace.sessions += 1
            namespace.unused_since = None
            return namespace, known is not None

    def leave(self, namespace: Namespace) -> None:
        """A session has ended."""
        with self._lock:
            namespace.sessions -= 1
        self._look_at_use(namespace)

    def run_started(self, namespace: Namespace) -> None:
        """A run uses it."""
        with self._lock:
            namespace.runs += 1
            namespace.unused_since = None

    def run_ended(self, namespace: Namespace) -> None:
        """A run uses it no more."""
        with self._lock:
            namespace.runs -= 1
        self._look_at_use(namespace)

    def _look_at_use(self, namespace: Namespace) -> None:
        with self._lock:
            if namespace.sessions > 0 or namespace.runs > 0 or namespace not in self._all:
                return
            if namespace.name:
                namespace.unused_since = self.now()
                return
            self._all.discard(namespace)
        namespace.close()

    def end_unused(self) -> list[Namespace]:
        """Those whose lease is over; their variables are gone."""
        latest = self.now() - self._limits.namespace_lease_seconds
        with self._lock:
            over = [
                namespace
                for namespace in self._named.values()
                if namespace.unused_since is not None and namespace.unused_since <= latest
            ]
            for namespace in over:
                del self._named[namespace.identity, namespace.name]
                self._all.discard(namespace)
        for namespace in over:
            namespace.close()
        return over

    def look_for_blocked(self) -> list[str]:
        """Names of steps that block a cell thread now."""
        return [
            step_id
            for namespace in list(self._all)
            for step_id in namespace.executor.look_for_blocked()
        ]

    def close(self) -> None:
        """End all of them."""
        with self._lock:
            everything, self._all = self._all, set()
            self._named.clear()
        for namespace in everything:
            namespace.close()
        for namespace in everything:
            namespace.executor.join(0.5)


def check_exposed(expose: Mapping[str, Any]) -> None:
    """Nothing, where every name is one that a cell can use.

    Raises:
        ValidationError: One is not.
    """
    for name in expose:
        if not (isinstance(name, str) and name.isidentifier()) or name.startswith("__"):
            raise ValidationError(
                f"expose takes names that cells can use, as in expose={{'model': model}}; {name!r} is none"
            )

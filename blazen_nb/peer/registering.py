"""Makes shipped functions known as steps of a namespace."""

from __future__ import annotations

from collections.abc import Callable

from blazen_nb.engine.registry import registering_in
from blazen_nb.engine.step import Step, step
from blazen_nb.errors import ShippingError
from blazen_nb.peer.namespaces import Namespace
from blazen_nb.shipping.code import CodeBundle, install_bundle
from blazen_nb.shipping.diversion import OpenLeaf


def register_steps(
    namespace: Namespace,
    bundle: CodeBundle,
    names: tuple[str, ...],
    open_leaf: OpenLeaf,
    done: Callable[[list[str]], None],
    failed: Callable[[BaseException], None],
) -> None:
    """Install the code on the namespace's cell thread, then tell the step IDs of these names, or the error."""

    def install() -> None:
        try:
            done(_install(namespace, bundle, names, open_leaf))
        except BaseException as error:
            failed(error)

    namespace.executor.loop_thread.post(install)


def _install(
    namespace: Namespace, bundle: CodeBundle, names: tuple[str, ...], open_leaf: OpenLeaf
) -> list[str]:
    with registering_in(namespace.registry):
        install_bundle(
            bundle,
            namespace.globals,
            namespace_id=namespace.id,
            trusted=True,
            open_leaf=open_leaf,
        )
        ids = []
        for name in names:
            found = namespace.globals.get(name)
            if found is None:
                raise ShippingError(
                    f"{name} did not arrive on the peer; define it with def in a cell"
                )
            ids.append((found if isinstance(found, Step) else step(found)).step_id)
        return ids

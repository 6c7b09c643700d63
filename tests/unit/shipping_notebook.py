"""A notebook's module and a peer's, for tests of what travels from one to the other."""

from __future__ import annotations

import types
from typing import Any

from blazen_nb.shipping.cell import register_source
from blazen_nb.shipping.code import CodeBundle, install_bundle
from blazen_nb.shipping.names import read_names
from blazen_nb.shipping.needs import Needs, find_needs
from blazen_nb.shipping.sources import RecordedCells


class Notebook:
    """Runs cells as IPython does: in one module, each under a file name that only linecache knows."""

    def __init__(self, module: types.ModuleType) -> None:
        self.module = module
        self.namespace = module.__dict__
        self.cells = RecordedCells()
        self._count = 0

    def run(self, text: str) -> None:
        self._count += 1
        file_name = f"/tmp/ipykernel_1/{id(self)}{self._count}.py"
        self.cells.add(text, label=f"cell [{self._count}]")
        register_source(file_name, text)
        exec(compile(text, file_name, "exec", dont_inherit=True), self.namespace)

    def needs(self, text: str, **options: Any) -> Needs:
        return find_needs(
            read_names(text), self.namespace, cells=self.cells, home=self.module.__name__, **options
        )


def install(bundle: CodeBundle, peer: types.ModuleType, **options: Any) -> set[str]:
    return install_bundle(bundle, peer.__dict__, namespace_id="ns", trusted=True, **options)


def ship(notebook: Notebook, peer: types.ModuleType, text: str) -> Any:
    """What the expression is on the peer, with nothing there but what it needs."""
    install(notebook.needs(text).bundle(), peer)
    return eval(text, peer.__dict__)

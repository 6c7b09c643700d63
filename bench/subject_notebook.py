"""A notebook's kernel with a remote peer process: what ``%%blazen_remote`` adds to a cell."""

from __future__ import annotations

from collections.abc import Callable

from kernel_cells import Kernel
from measure import Sample, median
from subject import peer_process, serve

LOCAL = "1 + 1"
REMOTE = "%%blazen_remote\n1 + 1"
QUIET = "%%blazen_remote --quiet\n1 + 1"


class Notebook:
    """A kernel that has the extension loaded and is connected to a peer."""

    def __init__(self) -> None:
        self._peer = peer_process()
        self.kernel = Kernel(f"%load_ext blazen_nb\n%blazen_connect bench {self._peer.word}")

    def local(self) -> Sample:
        """Milliseconds of the same cell without a peer."""
        times = [self.kernel.run(LOCAL) for _ in range(20)]
        return {"value": median(times), "n": len(times)}

    def close(self) -> None:
        """End both processes."""
        self.kernel.close()
        self._peer.end()


def _load_ext(_: Notebook) -> Sample:
    """Milliseconds of ``%load_ext blazen_nb`` in a kernel that runs already and has not loaded it."""
    kernel = Kernel()
    try:
        kernel.run(_TIMED_LOAD)
        return {"value": float(kernel.value("_taken"))}
    finally:
        kernel.close()


_TIMED_LOAD = """
import time as _time
_began = _time.perf_counter()
get_ipython().run_line_magic("load_ext", "blazen_nb")
_taken = (_time.perf_counter() - _began) * 1e3
"""

MEASURES: dict[str, Callable[[Notebook], Sample]] = {
    "local": Notebook.local,
    "remote": lambda notebook: notebook.kernel.added(REMOTE, LOCAL),
    "remote_quiet": lambda notebook: notebook.kernel.added(QUIET, LOCAL),
    "load_ext": _load_ext,
}

if __name__ == "__main__":
    serve(Notebook, MEASURES)

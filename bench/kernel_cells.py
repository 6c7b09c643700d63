"""What a cell costs in a kernel, seen from a front end. Every environment with an ipykernel has what this imports."""

from __future__ import annotations

import sys
import time

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager
from measure import LATENCY_SECONDS, Sample, median
from subject import HERE

WARM_CELLS = 5
LONGEST_SECONDS = 30.0


class Kernel:
    """A kernel of this interpreter, and the cells that it runs one after the other."""

    def __init__(self, set_up: str = "") -> None:
        self._manager = KernelManager()
        argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self._manager._kernel_spec = KernelSpec(argv=argv, display_name="bench", language="python")
        self._manager.start_kernel(cwd=str(HERE))
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=LONGEST_SECONDS)
        self.run(set_up)

    def run(self, cell: str) -> float:
        """Milliseconds from the request to the moment at which the kernel has shown everything and is idle.

        Raises:
            RuntimeError: The cell failed.
        """
        began = time.perf_counter()
        reply = self._client.execute_interactive(
            cell, timeout=LONGEST_SECONDS, output_hook=_ignored, allow_stdin=False
        )
        taken = (time.perf_counter() - began) * 1e3
        if reply["content"]["status"] != "ok":
            raise RuntimeError(f"{reply['content']['ename']}: {reply['content']['evalue']}")
        return taken

    def value(self, expression: str) -> str:
        """What the expression's repr is there."""
        reply = self._client.execute("", reply=True, user_expressions={"value": expression})
        return str(reply["content"]["user_expressions"]["value"]["data"]["text/plain"])

    def added(self, cell: str, local: str) -> Sample:
        """Milliseconds that the cell takes longer than the local one; the two take turns."""
        for _ in range(WARM_CELLS):
            self.run(cell)
            self.run(local)
        added = []
        end = time.perf_counter() + LATENCY_SECONDS
        while time.perf_counter() < end or len(added) < WARM_CELLS:
            here = self.run(local)
            added.append(self.run(cell) - here)
        return {"value": median(added), "n": len(added)}

    def close(self) -> None:
        """End it."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


def _ignored(_: object) -> None:
    """An output of the cell; a front end would draw it."""

"""Memory of values that are gone: back to the devices, so that other processes have it."""

from __future__ import annotations

import gc
import logging
import sys

_log = logging.getLogger("blazen_nb.peer")


def give_memory_back() -> None:
    """What nobody refers to is freed, cycles among it, and what libraries keep in store of it on the GPU, too.

    Only libraries that are loaded are asked. Takes a moment, so it is for rare occasions.
    """
    gc.collect()
    torch = sys.modules.get("torch")
    cupy = sys.modules.get("cupy")
    try:
        if torch is not None and torch.cuda.is_initialized():
            torch.cuda.empty_cache()
        if cupy is not None:
            cupy.get_default_memory_pool().free_all_blocks()
    except (
        Exception
    ):  # a library half loaded, or a device that has failed: their memory stays theirs
        _log.warning("memory that is free could not be given back to the device", exc_info=True)

"""What shows the outputs of this kernel, and how a bundle gets there; knows nothing of runs."""

from __future__ import annotations

from typing import Any

from blazen_nb.render.static import is_static


def shows_widgets(shell: Any) -> bool:
    """True where live widgets make sense: in a kernel, with ipywidgets there."""
    if is_static() or getattr(shell, "kernel", None) is None:
        return False
    from importlib.util import find_spec

    return find_spec("ipywidgets") is not None


def publish(
    data: dict[str, Any],
    metadata: dict[str, Any] | None = None,
    *,
    display_id: str | None = None,
    update: bool = False,
) -> None:
    """The bundle is an output of the running cell, or replaces the one with its display ID.

    Nothing happens outside of IPython.
    """
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    transient = {"display_id": display_id} if display_id else {}
    shell.display_pub.publish(data, metadata or {}, transient=transient, update=update)

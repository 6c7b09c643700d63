"""What a step displays: ``display()`` and its family end in the step's sink, shell or no shell.

IPython is imported only when a value needs its formatters or user code imports it, matplotlib
never; streams are not known here.
"""

from __future__ import annotations

import sys
import threading
from base64 import b64encode
from collections.abc import Callable
from types import ModuleType
from typing import Any
from uuid import uuid4

from blazen_nb.peer.capture.figures import figure_bundle, is_figure, mark_shown
from blazen_nb.peer.capture.patches import Patches
from blazen_nb.peer.capture.scope import Scope, current
from blazen_nb.updates import DisplayAction

Bundle = tuple[dict[str, Any], dict[str, Any]]

_REPR_IS_ENOUGH = frozenset({int, float, complex, bool, str, bytes, type(None)})
# The widget's model lives on the peer: a front end without it shows an error, no text.
_BOUND_TO_THE_PEER = "application/vnd.jupyter.widget-view+json"

_formatter: Any = None
_formatter_lock = threading.Lock()


def route_displays(patches: Patches) -> None:
    """Have what is displayed inside a step go to its sink, from the moment IPython is imported."""
    patches.when_imported(
        "IPython.core.display_functions", lambda module: _hook_functions(module, patches)
    )
    shell = _kernel_shell()
    if shell is not None:
        _hook_publisher(shell.display_pub, patches)


def renew_locks() -> None:
    """In a forked child: a lock that another thread held at the fork would stay locked for ever."""
    global _formatter_lock
    _formatter_lock = threading.Lock()


def display(*objects: Any, **options: Any) -> Any:
    """IPython's ``display``, imported at the first call.

    A namespace offers it as a builtin, as a kernel does.
    """
    try:
        from IPython.display import display as ipython_display
    except ImportError:
        return _display_plainly(*objects)
    return ipython_display(*objects, **options)  # type: ignore[no-untyped-call]


def mimebundle(value: Any) -> Bundle:
    """What a notebook shows for the value, as (data, metadata).

    Always with ``text/plain``, except for a value that displays itself: it has done so, and both
    are empty.
    """
    shell = _kernel_shell()
    if shell is None and type(value) in _REPR_IS_ENOUGH:
        return {"text/plain": repr(value)}, {}
    try:
        data, metadata = _format(value)
    except (
        Exception
    ):  # IPython is missing, or a formatter of the user's raised: there is still a repr.
        return {"text/plain": _repr(value)}, {}
    return data, metadata


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__} whose repr raises {type(error).__name__}>"


def _format(value: Any, include: Any = None, exclude: Any = None) -> Bundle:
    formatter = _display_formatter()
    data, metadata = formatter.format(value, include=include, exclude=exclude)
    if not data and hasattr(value, "_ipython_display_"):
        return {}, {}
    if is_figure(value) and not any(mime.startswith("image/") for mime in data):
        data = {**data, **figure_bundle(value)}
    if is_figure(value):
        mark_shown(value)
    data = _as_jupyter(data)
    if not include and not exclude:
        data.setdefault("text/plain", _repr(value))
    return data, metadata


def _display_formatter() -> Any:
    shell = _kernel_shell()
    if shell is not None:
        return shell.display_formatter
    global _formatter
    from IPython.core.formatters import DisplayFormatter

    with _formatter_lock:
        if _formatter is None:
            _formatter = DisplayFormatter()
        return _formatter


def _kernel_shell() -> Any:
    """The shell of the ipykernel this peer runs in; a terminal's shell formats nothing but text."""
    module = sys.modules.get("IPython.core.interactiveshell")
    # The class is missing while another thread is in the middle of importing the module.
    shells = getattr(module, "InteractiveShell", None)
    if shells is None or not shells.initialized():
        return None
    shell = shells.instance()
    return shell if hasattr(shell, "kernel") else None


def _as_jupyter(data: dict[str, Any]) -> dict[str, Any]:
    return {mime: _as_text(mime, part) for mime, part in data.items() if mime != _BOUND_TO_THE_PEER}


def _as_text(mime: str, part: Any) -> Any:
    if not isinstance(part, bytes | bytearray | memoryview):
        return part
    raw = bytes(part)
    if mime.startswith("text/") or mime.endswith("+xml"):
        return raw.decode("utf-8", "replace")
    return b64encode(raw).decode("ascii")


def _hook_functions(module: ModuleType, patches: Patches) -> None:
    patches.reroute(module.display, _display)
    patches.reroute(module.publish_display_data, _publish)
    patches.reroute(module.clear_output, _clear_output)


def _display(original: Callable[..., Any], *objects: Any, **options: Any) -> Any:
    scope = current.get()
    if scope is None:
        return original(*objects, **options)
    return _display_in(scope, *objects, **options)


def _display_in(
    scope: Scope,
    *objects: Any,
    include: Any = None,
    exclude: Any = None,
    metadata: dict[str, Any] | None = None,
    transient: dict[str, Any] | None = None,
    display_id: str | bool | None = None,
    raw: bool = False,
    clear: bool = False,
    update: bool = False,
    **_options: Any,
) -> Any:
    if display_id is True:
        display_id = uuid4().hex
    shown_as: str | None = display_id or (transient or {}).get("display_id")
    if update and not shown_as:
        raise TypeError("display_id required for update_display")
    if clear:
        scope.display("clear", wait=True)
    if not objects and display_id:
        # A place to be filled by a later update.
        objects, raw = ({},), True
    for item in objects:
        data, own = (_as_jupyter(item), {}) if raw else _format(item, include, exclude)
        if data or raw:
            merged = _merged(own, metadata or {})
            scope.display("update" if update else "display", data, merged, shown_as)
    return _handle(display_id) if display_id else None


def _handle(display_id: str) -> Any:
    from IPython.core.display_functions import DisplayHandle

    return DisplayHandle(display_id)  # type: ignore[no-untyped-call]


def _merged(own: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """What the caller gave wins, key by key and inside each mime type."""
    merged = dict(own)
    for key, value in given.items():
        before = merged.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[key] = _merged(before, value)
        else:
            merged[key] = value
    return merged


def _display_plainly(*objects: Any) -> None:
    scope = current.get()
    for item in objects:
        if scope is None:
            sys.stdout.write(f"{item}\n")
        else:
            scope.display("display", {"text/plain": _repr(item)})


def _publish(
    original: Callable[..., Any],
    data: dict[str, Any],
    metadata: dict[str, Any] | None = None,
    *args: Any,
    transient: dict[str, Any] | None = None,
    update: bool = False,
    **options: Any,
) -> None:
    scope = current.get()
    if scope is not None:
        display_id = (transient or {}).get("display_id")
        action: DisplayAction = "update" if update else "display"
        scope.display(action, _as_jupyter(data), metadata or {}, display_id)
        return
    if update:
        options["update"] = True
    original(data, metadata, *args, transient=transient, **options)


def _clear_output(original: Callable[..., Any], wait: bool = False) -> None:
    scope = current.get()
    if scope is None:
        original(wait)
    else:
        scope.display("clear", wait=wait)


def _hook_publisher(publisher: Any, patches: Patches) -> None:
    """For code that speaks to the kernel's publisher directly; its own hooks are per thread."""
    publish, clear_output = publisher.publish, publisher.clear_output
    patches.attribute(publisher, "publish", lambda *a, **k: _publish(publish, *a, **k))
    patches.attribute(
        publisher, "clear_output", lambda *a, **k: _clear_output(clear_output, *a, **k)
    )

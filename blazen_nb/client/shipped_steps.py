"""Functions on their way to become steps of a peer: their source, and what it needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from blazen_nb.client.connecting import require_sessions
from blazen_nb.client.link import PeerLink
from blazen_nb.engine.step import Step
from blazen_nb.errors import ShippingError, ValidationError
from blazen_nb.shipping.needs import find_needs
from blazen_nb.shipping.pickling import find_object
from blazen_nb.shipping.sources import RecordedCells
from blazen_nb.wire.messages import bundle_message
from blazen_nb.wire.v1 import kernel_pb2 as pb


def steps_bundle(functions: Sequence[Callable[..., Any]], link: PeerLink) -> pb.RegisterCode:
    """The request that makes these functions steps of the session's namespace.

    Raises:
        ShippingError: One of them cannot travel; the message names it.
    """
    if callable(functions):
        raise ValidationError("register_steps takes a list of functions: register_steps([f])")
    require_sessions(link, "register_steps()")
    scope: dict[str, Any] = {}
    names = []
    home = "__main__"
    for function in functions:
        plain = function.function if isinstance(function, Step) else function
        name = getattr(plain, "__name__", "")
        if not name.isidentifier():
            raise ShippingError(
                f"{name or function!r} has no name to be found by; define it with def"
            )
        module = getattr(plain, "__module__", None) or "__main__"
        named = find_object(module, getattr(plain, "__qualname__", "")) is function
        if not named:
            home = module  # what is around a function that no module has by name is as good as a notebook
        if module == home:
            scope.update(getattr(plain, "__globals__", {}))
        scope[name] = function
        names.append(name)
    needs = find_needs(
        names,
        scope,
        cells=RecordedCells(),
        peer_python=link.welcome.python,
        home=home,
        diversion=link.refs,
    )
    return pb.RegisterCode(bundle=bundle_message(needs.bundle()), step_names=names)

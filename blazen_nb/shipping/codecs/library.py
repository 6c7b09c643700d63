"""Libraries of values, loaded when a value that arrived needs one."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from blazen_nb.errors import ShippingError
from blazen_nb.shipping.installed import package_of


def library(module: str, what: str) -> Any:
    """The module.

    Args:
        what: Came and needs it: ``a NumPy array``.

    Raises:
        ShippingError: It is not installed here.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = package_of(error.name or module)
        raise ShippingError(
            f"{what} arrived, and {package} is not installed here: install {package} on this side"
        ) from None

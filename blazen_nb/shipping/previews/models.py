"""Previews of torch modules: their parameters, counted, and what they consist of."""

from __future__ import annotations

import sys
from itertools import islice
from typing import Any

from blazen_nb.render.preview import MOST_ROWS, Column, Preview, Row
from blazen_nb.render.words import plural


def module_preview(value: Any) -> Preview | None:
    """The preview of a torch.nn.Module."""
    if not isinstance(value, sys.modules["torch"].nn.Module):
        return None
    parameters = list(value.parameters())
    total = sum(each.numel() for each in parameters)
    trained = sum(each.numel() for each in parameters if each.requires_grad)
    about = plural(total, "parameter")
    if trained < total:
        about += f", {trained:,} trained"
    children = value._modules
    rows = tuple(
        Row(name, (type(child).__name__, f"{_count(child):,}" if child is not None else ""))
        for name, child in islice(list(children.items()), MOST_ROWS)
    )
    return Preview(
        about=about,
        columns=(Column("module"), Column("parameters")) if rows else (),
        rows=rows,
        more_rows=len(children) - len(rows),
    )


def _count(module: Any) -> int:
    return sum(each.numel() for each in module.parameters())

"""Previews of values as protobuf messages and back."""

from __future__ import annotations

from blazen_nb.render.preview import Column, Preview, Row, bounded
from blazen_nb.wire.v1 import kernel_pb2 as pb


def preview_message(preview: Preview) -> pb.Preview:
    """A preview for the wire."""
    return pb.Preview(
        about=preview.about,
        text=preview.text,
        columns=[pb.PreviewColumn(name=each.name, dtype=each.dtype) for each in preview.columns],
        rows=[pb.PreviewRow(name=row.name, cells=row.cells) for row in preview.rows],
        more_rows=preview.more_rows,
        more_columns=preview.more_columns,
        png=preview.png,
    )


def preview_from(message: pb.Preview) -> Preview:
    """A preview from the wire, within the limits of this side whatever the other one sends."""
    return bounded(
        Preview(
            about=message.about,
            text=message.text,
            columns=tuple(Column(each.name, each.dtype) for each in message.columns),
            rows=tuple(Row(row.name, tuple(row.cells)) for row in message.rows),
            more_rows=message.more_rows,
            more_columns=message.more_columns,
            png=message.png,
        )
    )

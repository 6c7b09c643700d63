"""Starts what a magic's line asks for on one peer or on several; waits for no end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from blazen_nb.notebook.arguments import RemoteArguments
from blazen_nb.notebook.ship import Shipment, pack
from blazen_nb.render.run_state import RunState
from blazen_nb.shipping.cell import CellSource
from blazen_nb.shipping.sources import RecordedCells

if TYPE_CHECKING:  # grpc takes a while to load, and loading the extension must not wait for it
    from blazen_nb.client.sync import PeerClient
    from blazen_nb.client.sync_handle import RunHandle


@dataclass(frozen=True, slots=True)
class RemoteRun:
    """A run that has started, and its picture's state."""

    client: PeerClient
    handle: RunHandle
    state: RunState


def start_steps(
    clients: Sequence[PeerClient], arguments: RemoteArguments, label: str
) -> list[RemoteRun]:
    """Registered steps run on each of the peers.

    Raises:
        BlazenError: One of them refuses; none of the others goes on.
    """
    name = arguments.workflow or label

    def start(client: PeerClient) -> RemoteRun:
        handle = client.start_remote_workflow(
            name,
            arguments.steps,
            arguments.input,
            arguments.timeout,
            transfer=arguments.transfer,
        )
        state = RunState(run_id=handle.run_id, node_id=client.node_id, workflow_name=name)
        return RemoteRun(client, handle, state)

    return _start_all(clients, start)


def start_cell(
    clients: Sequence[PeerClient],
    arguments: RemoteArguments,
    cell: CellSource,
    *,
    user_ns: dict[str, Any],
    cells: RecordedCells,
) -> list[RemoteRun]:
    """The cell runs on each of the peers, with what it needs of the notebook.

    Raises:
        ShippingError: Something that it needs cannot travel; it runs nowhere then.
        BlazenError: One of the peers refuses; none of the others goes on.
    """
    if arguments.fresh:
        for client in clients:
            client.reset_namespace()
    with ExitStack() as packed:
        shipments: dict[int, Shipment] = {}
        for client in clients:
            shipment = pack(
                cell,
                user_ns,
                client=client,
                cells=cells,
                push=arguments.push,
                transfer=arguments.transfer,
            )
            packed.callback(shipment.release)
            shipments[id(client)] = shipment
        return _start_all(
            clients, lambda client: _start_cell(client, shipments[id(client)], arguments)
        )


def _start_cell(client: PeerClient, shipment: Shipment, arguments: RemoteArguments) -> RemoteRun:
    handle = client.start_cell(
        shipment.cell,
        bundle=shipment.bundle,
        input=arguments.input,
        timeout=arguments.timeout,
        outputs=() if arguments.detach else arguments.out,
        keep_values=arguments.keep_values,
        transfer=arguments.transfer,
    )
    return RemoteRun(client, handle, _state_of(shipment, client, handle))


def _start_all(
    clients: Sequence[PeerClient], start: Callable[[PeerClient], RemoteRun]
) -> list[RemoteRun]:
    started: list[RemoteRun] = []
    try:
        for client in clients:
            started.append(start(client))
    except BaseException:
        for run in started:
            run.handle.cancel()
        raise
    return started


def _state_of(shipment: Shipment, client: PeerClient, handle: RunHandle) -> RunState:
    return RunState(
        run_id=handle.run_id,
        node_id=client.node_id,
        label=shipment.cell.label,
        source=shipment.cell.text,
        meta=shipment.contents,
    )

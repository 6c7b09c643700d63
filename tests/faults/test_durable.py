"""Peers that are killed: durable runs go on from the journal, and nothing that was committed runs again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from blazen_nb import PeerClient
from blazen_nb.engine.graph import Graph
from blazen_nb.engine.registry import process_registry
from blazen_nb.errors import RunLostError, TransportError, WorkflowError
from blazen_nb.journal.sqlite import SqliteJournal
from blazen_nb.peer.durable.replay import Replay
from blazen_nb.peer.start_input import start_event
from blazen_nb.shipping.cell import parse_cell
from blazen_nb.shipping.live import open_kept
from blazen_nb.updates import Resumed
from blazen_nb.wire.messages import value_of
from blazen_nb.wire.v1 import kept_pb2 as kept
from tests.eventually import eventually
from tests.faults import durable_steps
from tests.faults.scale import scale

pytestmark = pytest.mark.faults

SECONDS = 30.0
STEPS = [
    "durable::first",
    "durable::plan",
    "durable::work",
    "durable::gather",
    "durable::check",
    "durable::last",
]


class KilledPeer:
    """A peer process on one port and one journal, killed and started again as often as a test likes."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.journal = folder / "runs.db"
        self._options = options
        self._token = folder / "token"
        self._token.write_text("t" * 40)
        self._token.chmod(0o600)
        self._errors = folder / "errors"
        self.address = ""
        self.process: subprocess.Popen[str]
        self.start()

    def start(self) -> None:
        """It serves, on the address that it has had before."""
        with self._errors.open("a") as errors:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "blazen_nb.cli", "serve"),
                    self.address or "127.0.0.1:0",
                    *("--journal", str(self.journal), "--token-file", str(self._token)),
                    *("--steps", "tests.faults.durable_steps", *self._options),
                ],
                cwd=Path(__file__).resolve().parents[2],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, self._errors.read_text()
        self.address = line.rpartition(" ")[2]

    def kill(self) -> None:
        """End it at once, as the kernel ends who takes too much memory."""
        self.process.kill()
        self.end()

    def end(self) -> int:
        """Its exit status, once it has ended."""
        status = self.process.wait(SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def connect(self) -> PeerClient:
        """A client of it."""
        return PeerClient.connect(self.address, token="t" * 40, reconnect=60)

    def __enter__(self) -> KilledPeer:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


def committed_calls(path: Path) -> tuple[set[tuple[str, str, int]], set[str]]:
    """The calls whose outcome is in the journal, by run and step, and the runs that have ended; nobody has it open."""
    graph = Graph(process_registry.resolve(STEPS))
    calls: set[tuple[str, str, int]] = set()
    ended: set[str] = set()
    journal = SqliteJournal(path)
    for listed in journal.runs():
        run_id = listed.run_id.hex()
        if listed.outcome is not None:
            ended.add(run_id)
            continue
        run = journal.run(listed.run_id)
        assert run is not None
        fields, _ = open_kept(value_of(kept.KeptStart.FromString(run.start).start.input), "")
        ticks = [
            (entry.number, kept.KeptTick.FromString(entry.payload))
            for entry in journal.entries(run.run_id, "tick")
        ]
        replay = Replay(graph, "", timeout=None, workflow_of=lambda _: graph)
        state = replay.run(start_event(fields), ticks).state
        waiting = [attempt for queued in state.queued.values() for attempt in queued]
        open_calls = {(a.step.step_id, a.call) for a in (*state.running.values(), *waiting)}
        for step_id, count in state.calls.items():
            for call in range(1, count + 1):
                if (step_id, call) not in open_calls:
                    calls.add((run_id, step_id, call))
    journal.close()
    return calls, ended


def noted(file: Path) -> Counter[tuple[str, str, int]]:
    """How often each call of each step of each run has begun."""
    lines = [line.split() for line in file.read_text().splitlines()] if file.exists() else []
    return Counter((run.replace("-", ""), step_id, int(call)) for run, step_id, call, _ in lines)


def test_runs_survive_kill_9_at_any_moment_and_no_committed_step_runs_again(
    tmp_path: Path,
) -> None:
    wanted = scale(6, 200)
    seed = random.randrange(1 << 30)
    draw = random.Random(seed)
    file = tmp_path / "notes"
    file.touch()
    kills = 0
    before: list[tuple[set[tuple[str, str, int]], set[str], Counter[tuple[str, str, int]]]] = []
    with KilledPeer(tmp_path) as peer, peer.connect() as client, ThreadPoolExecutor(16) as pool:
        results: dict[int, Future[object]] = {}
        runs = 0
        while kills < wanted:
            while len([f for f in results.values() if not f.done()]) < 3:
                runs += 1
                fields = {"x": runs, "file": str(file), "pause": 0.02}
                # Started by a client that comes back by itself, whatever happens to the peer meanwhile.
                handle = client.start_remote_workflow("six", STEPS, fields)
                results[runs] = pool.submit(whole_result, handle)
            time.sleep(draw.uniform(0.0, 0.25))
            peer.kill()
            kills += 1
            calls, ended = committed_calls(peer.journal)
            before.append((calls, ended, noted(file)))
            peer.start()
            eventually(lambda: client.state == "connected", SECONDS)
        for x, future in results.items():
            total = sum(x * part for part in range(durable_steps.WIDTH)) + x
            assert future.result(SECONDS) == total, f"seed {seed}"
        assert len(client.runs()) == runs
        assert {run.state for run in client.runs()} == {"succeeded"}
    after = noted(file)
    for calls, ended, lines in before:
        for key in calls:
            assert after[key] == lines[key], f"{key} was committed and ran again, seed {seed}"
        for key, count in lines.items():
            if key[0] in ended:
                assert after[key] == count
    assert len({key[0] for key in after}) == runs
    if wanted > 100:
        again = sum(count - 1 for count in after.values())
        print(f"{kills} kills, {runs} runs, {len(after)} calls, {again} begun again, seed {seed}")


def whole_result(handle: object) -> object:
    """The run's result; every update came once and in order."""
    told = list(handle.updates())  # type: ignore[attr-defined]
    assert [update.seq for update in told] == list(range(1, len(told) + 1))
    return handle.result(SECONDS).result  # type: ignore[attr-defined]


def test_what_cannot_go_on_says_so_and_nothing_hangs(tmp_path: Path) -> None:
    with KilledPeer(tmp_path) as peer, peer.connect() as client:
        fields = {"x": 1, "file": str(tmp_path / "notes"), "pause": 5.0}
        durable = client.start_remote_workflow("six", STEPS, fields)
        fleeting = client.start_remote_workflow("six", STEPS, fields, durable=False)
        cell = client.start_cell(
            parse_cell("import time\ntime.sleep(60)", label="cell", first_line=1)
        )
        assert (durable.durable, fleeting.durable, cell.durable) == (True, False, True)
        eventually(lambda: len(noted(tmp_path / "notes")) == 2)
        peer.kill()
        peer.start()
        with pytest.raises(RunLostError, match="knows no run"):
            fleeting.result(SECONDS)
        with pytest.raises(WorkflowError, match="peer restarted"):
            cell.result(SECONDS)
        assert any(isinstance(update, Resumed) for update in until_resumed(durable))
        durable.cancel()


def until_resumed(handle: object) -> list[object]:
    """What the run tells up to the word that it goes on."""
    told: list[object] = []
    while not (told and isinstance(told[-1], Resumed)):
        told.append(handle.next_update(SECONDS))  # type: ignore[attr-defined]
        assert told[-1] is not None
    return told


def test_a_workflow_that_a_cell_defined_goes_on_from_its_code(tmp_path: Path) -> None:
    text = (
        "import os, time\n"
        "from blazen_nb import Event, StopEvent, step\n"
        "FACTOR = 3\n"
        "@step\n"
        "def one(ctx, ev):\n"
        "    open(ev.file, 'a').write('one\\n')\n"
        "    return Event('Mid', x=ev.x * FACTOR, go=ev.go)\n"
        "@step(accepts=['Mid'])\n"
        "def two(ctx, ev):\n"
        "    while not os.path.exists(ev.go):\n"
        "        time.sleep(0.01)\n"
        "    return StopEvent(result=(ev.x + FACTOR, ctx.attempt))\n"
    )
    file, go = tmp_path / "notes", tmp_path / "go"
    with KilledPeer(tmp_path) as peer, peer.connect() as client:
        cell = parse_cell(text, label="cell [1]", first_line=2)
        handle = client.start_cell(cell, input={"x": 5, "file": str(file), "go": str(go)})
        eventually(lambda: any(run.state == "running" for run in client.runs()) and file.exists())
        for update in handle.updates():
            if getattr(update, "step_id", "").endswith("two"):
                break
        peer.kill()
        peer.start()
        go.touch()
        assert handle.result(SECONDS).result == (18, 2)
        assert file.read_text() == "one\n"


def test_a_start_that_is_repeated_after_a_restart_is_the_same_run(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    with KilledPeer(tmp_path) as peer, peer.connect() as client:
        fields = {"x": 2, "file": str(file), "pause": 0.0}
        first = client.start_remote_workflow("six", STEPS, fields)
        assert first.result(SECONDS).result == 14
        lines = noted(file)
        peer.kill()
        peer.start()
        with peer.connect() as other:
            assert other.attach(first.run_id).result(SECONDS).result == 14
            assert [run.run_id for run in other.runs()] == [first.run_id]
        assert noted(file) == lines


def test_sigterm_leaves_durable_runs_to_the_next_start_and_ends_well(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    with KilledPeer(tmp_path, "--grace", "0.3") as peer, peer.connect() as client:
        handle = client.start_remote_workflow(
            "six", STEPS, {"x": 1, "file": str(file), "pause": 0.4}
        )
        eventually(lambda: len(noted(file)) == 2)
        peer.process.send_signal(signal.SIGTERM)
        assert peer.end() == 0
        peer.start()
        assert handle.result(SECONDS).result == 7


def test_a_new_run_is_refused_while_the_peer_drains(tmp_path: Path) -> None:
    file = tmp_path / "notes"
    with KilledPeer(tmp_path, "--grace", "3") as peer, peer.connect() as client:
        client.start_remote_workflow("six", STEPS, {"x": 1, "file": str(file), "pause": 0.2})
        eventually(lambda: len(noted(file)) >= 1)
        peer.process.send_signal(signal.SIGTERM)
        refused = threading.Event()

        def is_refused() -> bool:
            try:
                client.start_remote_workflow("six", STEPS, {"x": 2, "file": os.devnull, "pause": 0})
            except TransportError as error:
                return "shutting down" in str(error)
            return refused.is_set()

        eventually(is_refused)
        assert peer.end() == 0

"""``blazen-nb runs``, ``attach`` and ``cancel``: runs that somebody else has started, told from another process."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blazen_nb import PeerClient
from blazen_nb.cli import main
from blazen_nb.cli.statuses import status_of
from blazen_nb.client.sync_handle import RunHandle
from blazen_nb.errors import RunLostError
from blazen_nb.journal import JournaledRun
from blazen_nb.journal.sqlite import SqliteJournal
from tests.unit.cli_peer import serving_cli_steps

SECONDS = 5.0


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a peer in a process of its own serves ``cli_steps``."""
    with serving_cli_steps(tmp_path_factory.mktemp("peer")) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[PeerClient]:
    """Whoever starts the runs."""
    with PeerClient.connect(address, "starter") as client:
        yield client


def ended(client: PeerClient, step_id: str, name: str = "w", timeout: float = 0) -> RunHandle:
    """A run that is over, and whose result nobody has asked for."""
    handle = client.start_remote_workflow(name, [step_id], {"file": "/dev/null"}, timeout)
    if name == "cancelled":
        handle.cancel()
    list(handle.updates())
    return handle


def begun(client: PeerClient, gate: Path) -> RunHandle:
    """A run that goes on until the gate is there, and has told all that it tells before."""
    handle = client.start_remote_workflow("w", ["cli::tells"], {"gate": str(gate)})
    for update in handle.updates():
        if getattr(update, "stream", "") == "stderr":
            return handle
    raise AssertionError("it ended early")


def attaching(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "blazen_nb.cli", "attach", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def lines_of(said: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said.splitlines()]


def unchanging(said: str) -> list[str]:
    """The lines, without what differs from run to run."""
    without_times = re.sub(r"(after|started) \d[\d:. -]*s?", r"\1 T", said)
    return re.sub(r"run [0-9a-f]{6}", "run R", without_times).splitlines()


# --- attach --------------------------------------------------------------------------------------


def test_an_ended_run_is_told_with_what_it_printed_where_it_did_and_its_result(
    address: str, client: PeerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = ended(client, "cli::tells", "tale").run_id
    assert main(["attach", address, run_id]) == 0
    said = capsys.readouterr()
    assert said.out == 'first\nlast\n{"rows": 100}\n'
    node_id = client.node_id
    lines = unchanging(said.err)
    bars = [line for line in lines if line.startswith("-- tells rows ")]
    assert bars[-1] == "-- tells rows 100 of 100"
    assert len(bars) <= 3
    assert [line for line in lines if line not in bars] == [
        f"-- tale on {node_id}, run R, started T",
        "-- tells started",
        "-- Event('Seen', n=1)",
        "no line end",
        "-- Event('Seen', n=2)",
        "-- tells succeeded after T",
        "-- succeeded after T",
    ]


def test_a_run_that_goes_on_is_told_from_its_start_then_live_until_its_end(
    address: str, client: PeerClient, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    handle = begun(client, gate)
    process = attaching(address, handle.run_id[:8])
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "first\n"
        assert process.poll() is None
        gate.touch()
        out, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, out) == (0, 'last\n{"rows": 100}\n')
    assert "-- succeeded after" in err


@pytest.mark.parametrize(
    ("step_id", "name", "timeout", "status", "message"),
    [
        ("cli::fails", "w", 0, 1, "no such row"),
        ("cli::waits", "w", 1, 3, "timed out"),
        ("cli::waits", "cancelled", 0, 4, "cancelled"),
    ],
)
def test_its_exit_status_is_how_the_run_ended(
    address: str,
    client: PeerClient,
    capsys: pytest.CaptureFixture[str],
    step_id: str,
    name: str,
    timeout: float,
    status: int,
    message: str,
) -> None:
    run_id = ended(client, step_id, name, timeout).run_id
    assert main(["attach", address, run_id]) == status
    said = capsys.readouterr().err
    assert said.splitlines()[-1].startswith("blazen-nb: ")
    assert message in said.splitlines()[-1]
    assert ("raise LookupError" in said) == (status == 1)


def test_a_run_out_of_reach_has_a_status_of_its_own() -> None:
    assert status_of(RunLostError("run r is out of sight", run_id="r")) == 5


def test_it_begins_where_it_is_told_to(
    address: str, client: PeerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = ended(client, "cli::tells").run_id
    assert main(["attach", address, run_id, "--json"]) == 0
    everything = lines_of(capsys.readouterr().out)
    assert [line["seq"] for line in everything[:-1]] == list(range(1, len(everything)))
    first = next(line["seq"] for line in everything if line.get("event", {}).get("n") == 2)
    assert main(["attach", address, run_id, "--json", "--from", str(first)]) == 0
    assert lines_of(capsys.readouterr().out) == everything[first - 1 :]


def test_a_program_reads_each_update_and_the_result_as_json(
    address: str, client: PeerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["attach", address, ended(client, "cli::tells").run_id, "--json"]) == 0
    lines = lines_of(capsys.readouterr().out)
    assert [line["kind"] for line in lines[:3]] == ["accepted", "graph_known", "step_started"]
    assert "".join(line.get("text", "") for line in lines) == "first\nno line endlast\n"
    assert [line["event"] for line in lines if line["kind"] == "event_published"] == [
        {"event_type": "Seen", "n": 1},
        {"event_type": "Seen", "n": 2},
    ]
    assert (lines[-2]["kind"], lines[-2]["outcome"]) == ("ended", "succeeded")
    assert (lines[-1]["kind"], lines[-1]["result"]) == ("result", {"rows": 100})
    assert main(["attach", address, ended(client, "cli::fails").run_id, "--json"]) == 1
    (last,) = lines_of(capsys.readouterr().out)[-1:]
    assert (last["outcome"], last["failure"]["type_name"]) == ("failed", "LookupError")


def test_an_interrupt_leaves_the_run_alone_and_says_how_to_go_on(
    address: str, client: PeerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate = tmp_path / "gate"
    handle = begun(client, gate)
    process = attaching(address, handle.run_id)
    try:
        assert process.stderr is not None
        while "Seen" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 130
    (line,) = [line for line in err.splitlines() if "the run goes on" in line]
    command = line.partition("; blazen-nb ")[2].removesuffix(" tells the rest").split()
    assert command[:2] == ["attach", address]
    assert client.runs()[0].state == "running"
    gate.touch()
    assert main(command) == 0
    assert capsys.readouterr().out == 'last\n{"rows": 100}\n'


def test_looking_at_a_result_lets_nothing_go_that_stays_on_the_peer(
    address: str, client: PeerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = client.start_remote_workflow("w", ["cli::keeps"])
    handle.detach()
    assert main(["attach", address, handle.run_id]) == 0
    assert capsys.readouterr().out.startswith("RemoteRef(bytearray")
    assert len(client.attach(handle.run_id).result(SECONDS).result.fetch()) == 2 << 20


def test_all_that_a_run_printed_can_be_saved(
    address: str, client: PeerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = ended(client, "cli::tells").run_id
    file = tmp_path / "log.txt"
    assert main(["attach", address, run_id, "--log", str(file)]) == 0
    assert capsys.readouterr().out == "22 bytes are in the file\n"
    assert file.read_text() == "first\nno line endlast\n"


def test_a_pipe_that_is_closed_ends_it_without_a_word(
    address: str, client: PeerClient, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    process = attaching(address, begun(client, gate).run_id)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    gate.touch()
    err = process.stderr.read()
    process.stderr.close()
    assert process.wait(SECONDS) == 141
    assert "Error" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ffffffff"], "no run starts with 'ffffffff'"),
        (["f" * 32, "--from", "0"], "numbered from 1"),
        (["f" * 32], "knows no run"),
    ],
)
def test_what_cannot_be_attached_to_is_one_line_and_status_1(
    address: str, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["attach", address, *arguments]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


# --- runs and cancel -----------------------------------------------------------------------------


def test_runs_are_a_table_the_newest_first(
    address: str, client: PeerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = ended(client, "cli::tells", "one"), ended(client, "cli::fails", "two")
    assert main(["runs", address]) == 0
    head, *rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert head == ["RUN", "STATE", "TIME", "STARTED", "CLIENT", "NAME"]
    for row, run, state in ((rows[0], second, "failed"), (rows[1], first, "succeeded")):
        assert row[:2] == [run.run_id[:6], state]
        assert row[-2] == "starter"
    assert (rows[0][-1], rows[1][-1]) == ("two", "one")


def test_runs_can_be_narrowed_and_read_by_a_program(
    address: str, client: PeerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    ended(client, "cli::tells", "narrow")
    failed = ended(client, "cli::fails", "narrow")
    wanted = ["--state", "failed,timed_out", "--workflow", "narrow", "--since", "10m", "--json"]
    assert main(["runs", address, *wanted]) == 0
    (run,) = lines_of(capsys.readouterr().out)
    assert (run["run_id"], run["state"], run["client"]) == (failed.run_id, "failed", "starter")
    assert main(["runs", address, "--workflow", "of no such name"]) == 0
    assert capsys.readouterr() == ("", "no such run\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--state", "dead"], "a run is never 'dead'"),
        (["--since", "yesterday"], "'yesterday' is no time"),
    ],
)
def test_what_no_run_can_be_is_said(
    address: str, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["runs", address, *arguments]) == 1
    assert message in capsys.readouterr().err


def test_cancel_ends_the_run_of_another_process(
    address: str, client: PeerClient, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handle = begun(client, tmp_path / "never")
    assert main(["cancel", address, handle.run_id[:8]]) == 0
    assert "was told to end" in capsys.readouterr().out
    list(handle.updates())
    assert handle.outcome == "cancelled"
    assert main(["cancel", address, handle.run_id[:8]]) == 0
    assert "has ended already" in capsys.readouterr().out


def test_the_newest_peer_of_this_machine_needs_no_address(
    address: str, client: PeerClient, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = ended(client, "cli::tells").run_id
    assert main(["runs", "local", "--json"]) == 0
    assert lines_of(capsys.readouterr().out)[0]["run_id"] == run_id


def test_prune_forgets_ended_runs_of_a_journal_that_no_peer_has_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.db"
    journal = SqliteJournal(path)
    for number in range(5):
        run = JournaledRun(
            run_id=bytes([number]) * 16,
            identity="me",
            namespace="",
            client="c",
            workflow_name=f"w{number}",
            started_at=1.0,
            start=b"",
        )
        journal.begin(run)
        if number < 4:
            journal.end(run.run_id, "succeeded", 2.0 + number, b"")
    journal.close()
    assert main(["runs", "prune", str(path), "--keep", "1"]) == 0
    assert "forgot 3 runs" in capsys.readouterr().err
    journal = SqliteJournal(path)
    assert [run.workflow_name for run in journal.runs()] == ["w4", "w3"]
    assert main(["runs", "prune", str(path), "--older-than", "3d"]) != 0
    assert "open in this process" in capsys.readouterr().err
    journal.close()
    assert main(["runs", "prune", str(path)]) != 0
    assert "say what is to go" in capsys.readouterr().err
    assert main(["runs", "prune", "no such peer", "--keep", "1"]) != 0
    assert "there is no journal" in capsys.readouterr().err

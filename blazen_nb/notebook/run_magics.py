"""The line magics about runs: list them, read one again, end one, whichever notebook has started it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from blazen_nb.errors import BlazenError
from blazen_nb.notebook.expansion import expand, split_words
from blazen_nb.notebook.options import MagicParser, names_in, output_in
from blazen_nb.notebook.peers import kernel_peers, notebook_namespace
from blazen_nb.notebook.remote_run import RemoteRun
from blazen_nb.notebook.result_output import take_result
from blazen_nb.notebook.run_outputs import leave_alone, wait_for_runs
from blazen_nb.notebook.shown_errors import shown, shown_interrupt
from blazen_nb.render.run_state import RunState
from blazen_nb.render.words import seconds, short_run

if TYPE_CHECKING:  # grpc takes a while to load, and loading the extension must not wait for it
    from blazen_nb.client.run_requests import RunInfo
    from blazen_nb.client.sync import PeerClient

_ENDED_SHOWN = 10
_ABOUT_ATTACH = """\
Show a run again, running or ended, whichever notebook of yours has started it: all that it has said and shown, then
live, then its result. RUN is its ID or how it starts, as %blazen_runs shows it; without it, the newest one that
runs, else the newest."""


class Settings(Protocol):
    """What a magic looks up that its line does not say."""

    output: Any


def _attach_parser() -> MagicParser:
    parser = MagicParser(
        "%blazen_attach",
        usage="%blazen_attach [RUN] [options]",
        about=_ABOUT_ATTACH,
        help_line="%blazen_attach --help",
    )
    add = parser.add_argument
    add("run", metavar="RUN", nargs="?", default="", help="the run's ID, or how it starts")
    add("-o", "--out", metavar="NAME", help="the variable that gets a workflow's result")
    add("--detach", action="store_true", help="a live card only; the cell does not wait")
    add(
        "--log",
        metavar="FILE",
        help="write all that it has printed into this file, and wait for nothing",
    )
    add("--output", metavar="WHERE", help="where prints appear: cell, card or auto")
    add("-h", "--help", action="store_true", help="show this and attach to nothing")
    return parser


_parser = _attach_parser()


@magics_class
class RunMagics(Magics):
    """The line magics of one kernel that are about runs.

    Args:
        settings: What a remote cell looks up, too.
    """

    def __init__(self, shell: Any, settings: Settings) -> None:
        super().__init__(shell)
        self._shell: Any = shell
        self._settings = settings

    @no_var_expand
    @line_magic
    def blazen_runs(self, line: str) -> None:
        """``%blazen_runs [--all]``: what runs on the peers of this kernel, and your runs that ended lately."""
        words = split_words(line)
        if words not in ([], ["--all"]):
            raise UsageError("%blazen_runs [--all]")
        running = list(_running())
        for client, going in running:
            duration = seconds(going["duration"])
            _list(client, going["run_id"], going["workflow_name"], "running", duration)
        ended = [(client, run) for client, run in _mine() if run.state != "running"]
        listed = ended if words else ended[:_ENDED_SHOWN]
        for client, run in listed:
            _list(client, run.run_id, run.workflow_name, run.state, seconds(run.duration))
        if len(ended) > len(listed):
            sys.stdout.write(f"and {len(ended) - len(listed)} more; %blazen_runs --all\n")
        if not running and not ended:
            sys.stdout.write("nothing runs\n")

    @no_var_expand
    @line_magic
    def blazen_attach(self, line: str) -> None:
        """``%blazen_attach [RUN]``: show a run again, and go on showing it; ``%blazen_attach --help`` says more."""
        words, rest = _parser.parse_known_args(split_words(line))
        if words.help:
            sys.stdout.write(_parser.format_help())
            return
        if rest:
            raise UsageError(_parser.about_unknown(rest[0], line))
        names = names_in(words.out, "-o", self._shell.user_ns)
        where = output_in(words.output) or self._settings.output
        try:
            run = self._attached(expand(words.run, self._shell.user_ns))
            if words.log is not None:
                self._save_log(run, expand(words.log, self._shell.user_ns))
            elif words.detach:
                leave_alone(self._shell, [run], names)
            else:
                wait_for_runs(self._shell, [run], where=where, quiet=False)
                result = run.handle.result()
                take_result(self._shell, result, names, is_workflow=not run.state.is_cell)
        except BlazenError as error:
            raise shown(error) from error.__cause__
        except KeyboardInterrupt as error:
            raise shown_interrupt(error) from None

    @no_var_expand
    @line_magic
    def blazen_cancel(self, line: str) -> None:
        """``%blazen_cancel RUN``: end a run, also one of a notebook that is gone; RUN as ``%blazen_runs`` shows it."""
        words = [expand(word, self._shell.user_ns) for word in split_words(line)]
        if len(words) != 1:
            raise UsageError("%blazen_cancel RUN; %blazen_runs lists them")
        found = [(client, run) for client, run in _running() if run["run_id"].startswith(words[0])]
        _require_one(found, words[0])
        client, run = found[0]
        try:
            told = client.cancel_run(run["run_id"])
        except BlazenError as error:
            raise shown(error) from error.__cause__
        what = "was told to end" if told else "has ended already"
        sys.stdout.write(f"{run['workflow_name']} on {client.node_id} {what}\n")

    def _attached(self, start: str) -> RemoteRun:
        if not kernel_peers.names:
            kernel_peers.client(None, namespace=notebook_namespace(self._shell.user_ns))
        runs = _mine()
        if start:
            found = [(client, run) for client, run in runs if run.run_id.startswith(start)]
            _require_one(found, start)
        else:
            found = sorted(
                runs, key=lambda pair: pair[1].state != "running"
            )  # stable: newest first
        if not found:
            raise UsageError(
                "no run of yours is known to the peers of this kernel; %blazen_peers lists them"
            )
        client, info = found[0]
        handle = client.attach(info.run_id)
        state = RunState(
            run_id=info.run_id, node_id=client.node_id, workflow_name=info.workflow_name
        )
        return RemoteRun(client, handle, state)

    def _save_log(self, run: RemoteRun, path: str) -> None:
        run.handle.detach()
        size = run.handle.save_log(path)
        sys.stdout.write(f"{size:,} bytes of {run.state.workflow_name} are in the file\n")


def _list(client: PeerClient, run_id: str, name: str, state: str, duration: str) -> None:
    facts = f"{name} on {client.node_id}, {state.replace('_', ' ')}, {duration}"
    sys.stdout.write(f"{short_run(run_id)}  {facts}\n")


def _require_one(found: list[Any], start: str) -> None:
    if len(found) != 1:
        many = "more than one run starts" if found else "no run starts"
        raise UsageError(f"{many} with {start!r}; %blazen_runs lists them")


def _running() -> Iterator[tuple[PeerClient, dict[str, Any]]]:
    """The runs in flight, whoever started them, each with the first client that sees it."""
    seen: set[str] = set()
    for client in kernel_peers.clients.values():
        try:
            runs = client.describe().runs
        except BlazenError:
            continue  # a peer that says nothing any more
        for run in runs:
            if run["run_id"] not in seen:
                seen.add(run["run_id"])
                yield client, run


def _mine() -> list[tuple[PeerClient, RunInfo]]:
    """The runs of this user that can be read, the newest first, each with the first client that sees it."""
    known: dict[str, tuple[PeerClient, RunInfo]] = {}
    for client in kernel_peers.clients.values():
        try:
            runs = client.runs()
        except BlazenError:
            continue
        for run in runs:
            known.setdefault(run.run_id, (client, run))
    return sorted(known.values(), key=lambda pair: pair[1].started_at, reverse=True)

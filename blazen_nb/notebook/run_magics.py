"""The line magics about runs: list them, read one again, end one, whichever notebook has started it."""

from __future__ import annotations

import sys
from typing import Any, Protocol

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from blazen_nb.errors import BlazenError
from blazen_nb.notebook.expansion import expand, split_words
from blazen_nb.notebook.listed_runs import Listed, all_runs, readable_runs, the_one
from blazen_nb.notebook.options import MagicParser, names_in, output_in
from blazen_nb.notebook.peers import kernel_peers, notebook_namespace
from blazen_nb.notebook.remote_run import RemoteRun
from blazen_nb.notebook.result_output import take_result
from blazen_nb.notebook.run_outputs import leave_alone, wait_for_runs
from blazen_nb.notebook.shown_errors import shown, shown_interrupt
from blazen_nb.render.run_state import RunState
from blazen_nb.render.words import seconds, short_run

_ENDED_SHOWN = 10
_ABOUT_ATTACH = """\
Show a run again, running or ended, whichever notebook of yours has started it: all that it has said and shown, then
live, then its result. RUN is its ID or how it starts, as %blazen_runs shows it; without it, the newest one that
runs, else the newest."""


_RUNS_USAGE = "%blazen_runs [--all] [--state STATES] [--workflow NAME] [--since TIME]"


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


def _list_parser() -> MagicParser:
    parser = MagicParser(
        "%blazen_runs", usage=_RUNS_USAGE, about="", help_line="%blazen_runs? says more and"
    )
    parser.add_argument("--all", action="store_true")
    for option in ("--state", "--workflow", "--since"):
        parser.add_argument(option)
    return parser


_parser = _attach_parser()
_runs_parser = _list_parser()


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
        """``%blazen_runs``: what runs on the peers of this kernel, and your runs that ended lately.

        ``%blazen_runs [--all] [--state STATES] [--workflow NAME] [--since TIME]``: ``--all`` lists more than the last
        ten that ended. STATES are one or several of running, queued, waiting, paused, succeeded, failed, timed_out,
        cancelled, lost; TIME is ``90s``, ``15m``, ``2h`` or ``3d`` (ago), or ``2026-01-31T12:00``.
        """
        from blazen_nb.client.run_lists import since_of, wanted

        words, rest = _runs_parser.parse_known_args(split_words(line))
        if rest:
            raise UsageError(_RUNS_USAGE)
        state, workflow, since = (
            expand(word, self._shell.user_ns) if word else None
            for word in (words.state, words.workflow, words.since)
        )
        try:
            is_wanted = wanted(
                state.split(",") if state else None, workflow, since_of(since) if since else None
            )
        except BlazenError as error:
            raise UsageError(str(error)) from None
        _list([listed for listed in all_runs() if is_wanted(listed[1])], whole=words.all)

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
        client, run = the_one(words[0], [each for each in all_runs() if not each[1].has_ended])
        try:
            told = client.cancel_run(run.run_id)
        except BlazenError as error:
            raise shown(error) from error.__cause__
        what = "was told to end" if told else "has ended already"
        sys.stdout.write(f"{run.workflow_name} on {client.node_id} {what}\n")

    def _attached(self, start: str) -> RemoteRun:
        if not kernel_peers.names:
            kernel_peers.client(None, namespace=notebook_namespace(self._shell.user_ns))
        client, info = self._chosen(start, readable_runs())
        handle = client.attach(info.run_id)
        state = RunState(
            run_id=info.run_id, node_id=client.node_id, workflow_name=info.workflow_name
        )
        return RemoteRun(client, handle, state)

    def _chosen(self, start: str, runs: list[Listed]) -> Listed:
        """Of the runs, the newest first, the one whose ID starts like this; else the newest that runs, or of all."""
        if start:
            return the_one(start, runs)
        if not runs:
            raise UsageError(
                "no run of yours is known to the peers of this kernel; %blazen_peers lists them"
            )
        return min(runs, key=lambda listed: listed[1].has_ended)  # stable: of several, the newest

    def _save_log(self, run: RemoteRun, path: str) -> None:
        run.handle.detach()
        size = run.handle.save_log(path)
        sys.stdout.write(f"{size:,} bytes of {run.state.workflow_name} are in the file\n")


def _list(listed: list[Listed], *, whole: bool) -> None:
    ended = 0
    for client, run in listed:
        ended += run.has_ended
        if whole or ended <= _ENDED_SHOWN:
            facts = f"{run.workflow_name} on {client.node_id}, {run.state.replace('_', ' ')}"
            sys.stdout.write(f"{short_run(run.run_id)}  {facts}, {seconds(run.duration)}\n")
    if ended > _ENDED_SHOWN and not whole:
        sys.stdout.write(f"and {ended - _ENDED_SHOWN} more; %blazen_runs --all\n")
    if not listed:
        sys.stdout.write("nothing runs\n")

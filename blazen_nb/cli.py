"""The command ``blazen-nb``: serve steps and cells, run registered steps, certificates, the kernel, see it work."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import platform
import signal
import stat
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blazen_nb import __version__
from blazen_nb.errors import BlazenError, ValidationError
from blazen_nb.kernelspec import add_commands

if TYPE_CHECKING:  # gRPC takes a while to load, and --help need not wait for it
    from blazen_nb.wire.tls import ClientTls, ServerTls

GRACE_SECONDS = 30.0
"""How long a peer that is told to end lets its runs finish."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status.

    Args:
        arguments: Default the process's own.
    """
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except BlazenError as error:
        print(f"blazen-nb: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="blazen-nb", description="Run notebook cells and workflows on peers."
    )
    parser.add_argument("--version", action="version", version=f"blazen-nb {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="be a peer until told to end (SIGTERM, Ctrl-C)")
    serve.add_argument(
        "address", nargs="?", default="127.0.0.1:0", help="host:port, :port or unix:PATH"
    )
    serve.add_argument(
        "--node-id", default=platform.node() or "peer", help="the peer's name (default: the host's)"
    )
    serve.add_argument(
        "--token-file", type=Path, help="read the token from this file, which only you may read"
    )
    serve.add_argument(
        "--tls-cert",
        type=Path,
        metavar="PEM",
        help="encrypt connections; this certificate is shown",
    )
    serve.add_argument("--tls-key", type=Path, metavar="PEM", help="the private key of --tls-cert")
    serve.add_argument(
        "--client-ca",
        type=Path,
        metavar="PEM",
        help="admit only clients with a certificate of this CA",
    )
    serve.add_argument(
        "--steps",
        action="append",
        default=[],
        metavar="MODULE",
        help="import it: its steps register",
    )
    serve.add_argument(
        "--insecure",
        action="store_true",
        help="no token at all; then no code is accepted unless --accept-code says so",
    )
    serve.add_argument(
        "--accept-code", choices=["authenticated", "never"], help="whether clients may send code"
    )
    serve.add_argument(
        "--grace", type=float, default=GRACE_SECONDS, help="seconds for runs to finish on SIGTERM"
    )
    serve.add_argument("--verbose", action="store_true", help="log every run")
    serve.set_defaults(run=_serve)

    run = commands.add_parser(
        "run", help="run registered steps on a peer, print their output and result"
    )
    run.add_argument("address")
    run.add_argument("step_ids", nargs="+", metavar="STEP_ID")
    run.add_argument("--name", default="run", help="a label for the run")
    run.add_argument("--input", default="null", metavar="JSON", help="the StartEvent's fields")
    run.add_argument("--timeout", type=float, help="seconds")
    run.add_argument(
        "--ca",
        type=Path,
        metavar="PEM",
        help="trust peers with a certificate of this CA (default: $BLAZEN_PEER_CA)",
    )
    run.add_argument(
        "--cert",
        type=Path,
        metavar="PEM",
        help="a certificate to show (default: $BLAZEN_PEER_CERT)",
    )
    run.add_argument(
        "--key",
        type=Path,
        metavar="PEM",
        help="the private key of --cert (default: $BLAZEN_PEER_KEY)",
    )
    run.set_defaults(run=_run)

    certs = commands.add_parser(
        "certs", help="make a CA and certificates for a peer and its clients; again to renew them"
    )
    certs.add_argument("folder", type=Path, metavar="DIR")
    certs.add_argument(
        "--host",
        action="append",
        default=[],
        metavar="NAME",
        help="a name or IP address that clients use for the peer (may be repeated)",
    )
    certs.set_defaults(run=_certs)

    kernel = commands.add_parser("kernel", help="a kernel for Jupyter whose notebooks are peers")
    add_commands(kernel)
    kernel.set_defaults(run=_kernel)

    demo = commands.add_parser("demo", help="start a peer and run the first notebook against it")
    demo.add_argument("--notebook", type=Path, default=Path("notebooks/01_first_cell.ipynb"))
    demo.set_defaults(run=_demo)
    return parser


# --- serve ---------------------------------------------------------------------------------------------------


def _serve(options: argparse.Namespace) -> int:
    from blazen_nb.peer.capture.descriptors import logged_descriptors

    with logged_descriptors():
        return _serve_until_told(options)


def _serve_until_told(options: argparse.Namespace) -> int:
    from blazen_nb.peer.server import PeerServer

    _log_to_stderr(logging.DEBUG if options.verbose else logging.INFO)
    # Three steps that burn CPU hold up an answer by 50 ms at the default of 5 ms; 1 ms costs them nothing.
    sys.setswitchinterval(0.001)
    _import_steps(options.steps)
    told = _told_by_signals()
    server = PeerServer(
        options.node_id,
        token=_token_in(options.token_file),
        tls=_server_tls(options),
        insecure=options.insecure,
        accept_code=options.accept_code,
    )
    address = server.start(options.address)
    print(f"peer {options.node_id} listens on {address}", flush=True)
    while not told:
        time.sleep(0.1)
    server.stop(options.grace)
    return 0


def _server_tls(options: argparse.Namespace) -> ServerTls | None:
    from blazen_nb.wire.tls import load_server_tls

    if options.tls_cert is None and options.tls_key is None and options.client_ca is None:
        return None
    if options.tls_cert is None or options.tls_key is None:
        raise ValidationError(
            "--tls-cert and --tls-key belong together, and --client-ca needs both"
        )
    return load_server_tls(options.tls_cert, options.tls_key, options.client_ca)


def _told_by_signals() -> list[int]:
    """Gets the number of each SIGTERM and Ctrl-C; what cells fork is ended by them as usual.

    A list, because a signal may come while this thread holds the lock of whatever it waits on.
    """
    told: list[int] = []
    for number in _ENDING:
        signal.signal(number, lambda number, _: told.append(number))
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(
            before=_hold_signals, after_in_parent=_let_signals, after_in_child=_end_by_signals
        )
    return told


_ENDING = (signal.SIGTERM, signal.SIGINT)
_masks = threading.local()


def _hold_signals() -> None:
    # One that reaches a new child before its handlers are its own would be lost there: a pool could not end it.
    _masks.before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)


def _let_signals() -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, _masks.before)


def _end_by_signals() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _let_signals()


def _log_to_stderr(level: int) -> None:
    """The peer's own log. The root logger stays as it is: cells configure it as they would in their notebook."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    for name in ("blazen_nb", "asyncio", "grpc"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.propagate = False
    logging.getLogger("blazen_nb").setLevel(level)


def _import_steps(modules: Sequence[str]) -> None:
    sys.path.insert(0, os.getcwd())
    for module in modules:
        try:
            importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise ValidationError(
                f"--steps {module}: {error}; is it installed, or in this folder?"
            ) from error


def _token_in(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        if os.name == "posix" and stat.S_IMODE(file.stat().st_mode) & 0o077:
            raise ValidationError(f"others can read {file.name}; chmod 600 it")
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValidationError(f"--token-file: {error.strerror}") from None


# --- run -----------------------------------------------------------------------------------------------------


def _run(options: argparse.Namespace) -> int:
    from blazen_nb.client.sync import PeerClient
    from blazen_nb.updates import Output

    try:
        value = json.loads(options.input)
    except ValueError as error:
        raise ValidationError(f"--input is not JSON: {error}") from None
    with PeerClient.connect(options.address, tls=_client_tls(options)) as client:
        handle = client.start_remote_workflow(
            options.name, options.step_ids, value, options.timeout
        )
        try:
            for update in handle.updates():
                if isinstance(update, Output):
                    stream = sys.stdout if update.stream == "stdout" else sys.stderr
                    stream.write(update.text)
                    stream.flush()
        except KeyboardInterrupt:
            handle.cancel()
            raise
        print(_text(handle.result().result))
    return 0


def _client_tls(options: argparse.Namespace) -> ClientTls | None:
    from blazen_nb.wire.tls import load_client_tls

    if options.ca is None and options.cert is None and options.key is None:
        return None
    return load_client_tls(options.cert, options.key, options.ca)


def _text(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except TypeError:
        return repr(value)


# --- certs ---------------------------------------------------------------------------------------------------


def _certs(options: argparse.Namespace) -> int:
    from blazen_nb.certs import DAYS, make_certificates

    hosts = options.host or [platform.node()]
    for path in make_certificates(options.folder, [host for host in hosts if host]):
        print(f"wrote {path}")
    folder, host = options.folder, hosts[0] or "HOST"
    print(
        f"""
valid for {DAYS} days; the same command renews the pairs and keeps the CA

on the peer    blazen-nb serve 0.0.0.0:7070 --tls-cert {folder}/server.pem --tls-key {folder}/server.key
               and either BLAZEN_PEER_TOKEN, or --client-ca {folder}/ca.pem: only clients with a certificate
on a client    copy ca.pem there, and export BLAZEN_PEER_CA=ca.pem; for --client-ca copy client.pem and client.key,
               too, by a way that nobody reads, and export BLAZEN_PEER_CERT=client.pem BLAZEN_PEER_KEY=client.key
               %blazen_connect NAME https://{host}:7070
on neither     {folder}/ca.key: who has it can pass for any peer and any client"""
    )
    return 0


# --- kernel --------------------------------------------------------------------------------------------------


def _kernel(options: argparse.Namespace) -> int:
    print(options.act(options))
    return 0


# --- demo ----------------------------------------------------------------------------------------------------


def _demo(options: argparse.Namespace) -> int:
    from blazen_nb.demo import run_demo

    return run_demo(options.notebook)


if __name__ == "__main__":
    sys.exit(main())

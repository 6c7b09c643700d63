"""The bench: measures blazen_nb and, in the same rounds, what it is compared with; prints the table.

    python bench/run.py [--quick] [--only A1,B] [--rounds 5] [--limit SECONDS] [--out FILE]
    python bench/run.py --install       environments for what it is compared with (once; needs a package index)
    python bench/run.py --list          what would be measured
    python bench/run.py --table FILE    the table of an earlier run

Every round takes the letters in order and the figures under a letter shuffled, one turn after the other, so that
whatever else the machine does in that minute touches a figure and its limit alike.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import random
import signal
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import environments
from report import Record, key_of, tables, unmeasured
from rows import LETTERS, figures_of
from turns import Desk

OUT = Path(__file__).resolve().parent.parent / "build" / "bench-results.jsonl"
ROUNDS, LIMIT_SECONDS = 5, 330.0
QUICK_ROUNDS, QUICK_LIMIT_SECONDS, QUICK_SCALE = 1, 70.0, "0.4"


def main() -> int:
    """The exit status: 1 where a figure of blazen_nb itself is missing."""
    options = _options()
    if options.list:
        return _list()
    if options.install:
        return _install()
    if options.table:
        meta, *records = [json.loads(line) for line in options.table.read_text().splitlines()]
    else:
        # Both are set: a shell starts what runs in the background with SIGINT ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            meta, records = _bench(options)
        except KeyboardInterrupt:
            print("interrupted; every process of the bench has been ended", file=sys.stderr)
            return 130
    print(f"{_headline(meta)}\n\n{tables(records)}")
    return 1 if unmeasured(records) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure blazen_nb beside its limits.")
    parser.add_argument("--quick", action="store_true", help="one round of short turns")
    parser.add_argument("--only", type=_letters, default=list(LETTERS), help="letters, as in A1,B")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--limit", type=float, help="seconds after which no turn begins")
    parser.add_argument("--out", type=Path, default=OUT, help="JSON lines, one for each turn")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--list", action="store_true", help="only print what would be measured")
    only.add_argument("--install", action="store_true", help="only make the environments")
    only.add_argument("--table", type=Path, metavar="FILE", help="only print an earlier run's")
    options = parser.parse_args()
    options.rounds = options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS)
    options.limit = options.limit or (QUICK_LIMIT_SECONDS if options.quick else LIMIT_SECONDS)
    if options.quick:
        os.environ.setdefault("BENCH_SCALE", QUICK_SCALE)
    return options


def _letters(text: str) -> list[str]:
    asked = text.upper().split(",")
    unknown = [letter for letter in asked if letter not in LETTERS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"no letter {', '.join(unknown)}; there are {', '.join(LETTERS)}"
        )
    return [letter for letter in LETTERS if letter in asked]


def _list() -> int:
    for letter in LETTERS:
        for figure in figures_of(letter):
            missing = environments.interpreter(figure.subject).missing
            skipped = f" (skipped: {missing})" if missing else ""
            print(f"{letter:3} {key_of(figure):28} {figure.what}{skipped}")
    return 0


def _install() -> int:
    outcomes = environments.install()
    for subject, failure in outcomes.items():
        print(f"{subject}: {failure or 'ready'}")
    return 1 if any(outcomes.values()) else 0


def _bench(options: argparse.Namespace) -> tuple[dict[str, Any], list[Record]]:
    options.out.parent.mkdir(parents=True, exist_ok=True)
    log_path = options.out.with_suffix(".log")
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as home,
        options.out.open("w") as out,
        log_path.open("w") as log,
    ):
        _own_folders(Path(home))
        meta = _machine()
        _write(out, meta)
        print(f"{_headline(meta)}\n(what subjects say: {log_path})", file=sys.stderr)
        desk = Desk(log, time.monotonic() + options.limit)
        try:
            records = _measure(desk, options.only, options.rounds, out)
        finally:
            desk.close()
    return meta, records


def _own_folders(home: Path) -> None:
    """Nothing of the user's own: no profile, no connection files of other peers, no token."""
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        folder = home / name
        folder.mkdir(mode=0o700)
        os.environ[name] = str(folder)
    # Whatever a subject leaves behind when it is ended by force goes with the rest.
    os.environ["TMPDIR"] = str(home)
    os.environ.pop("BLAZEN_PEER_TOKEN", None)


def _measure(desk: Desk, letters: list[str], rounds: int, out: TextIO) -> list[Record]:
    records: list[Record] = []

    def keep(**record: Any) -> None:
        _write(out, record)
        records.append(record)

    for number in range(1, rounds + 1):
        for letter in letters:
            figures = figures_of(letter)
            random.shuffle(figures)
            for figure in figures:
                where = {"round": number, "letter": letter, "figure": key_of(figure)}
                if desk.time_is_up():
                    keep(**where, skipped="time was up")
                elif missing := desk.why_not(figure.subject):
                    keep(**where, skipped=missing)
                else:
                    keep(**where, **desk.turn(figure.subject, figure.measure))
        print(f"round {number} of {rounds} done", file=sys.stderr)
    return records


def _write(out: TextIO, record: Record) -> None:
    out.write(json.dumps(record) + "\n")
    out.flush()


def _machine() -> dict[str, Any]:
    packages = ("grpcio", "protobuf", "ipykernel")
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "versions": {name: version(name) for name in packages},
    }


def _headline(meta: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in meta["versions"].items())
    return (
        f"{meta['date']}, {meta['cores']} cores, {meta['system']}, Python {meta['python']}, {versions}; "
        f"load {meta['load']:.2f} at the start"
    )


if __name__ == "__main__":
    sys.exit(main())

"""A run that one process stores and another one, started afresh, brings to its end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

FLOW = Path(__file__).with_name("stored_flow.py")
ONCE = ["flow::split#1", "flow::ask#1", "flow::finish#1"]
EACH = [f"flow::{name}#{call}" for name in ("work", "join") for call in range(1, 5)]
ALL = Counter([*ONCE, *EACH])


def run_flow(*arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, str(FLOW), *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("moment", ["split", "work", "join", "question", "finish"])
def test_a_fresh_process_brings_a_stored_run_to_its_end(moment: str, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    before = run_flow("start", str(file), moment)
    after = run_flow("resume", str(file))
    assert after["result"] == [0 + 1 + 4 + 9, "yes", 1, "two"]
    # What had ended is not run again, what was in flight is.
    assert Counter(before["ended"]) + Counter(after["ended"]) == ALL
    assert after["tokens"] == 5

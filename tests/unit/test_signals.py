"""Signals of a process that serves, and of what it forks."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import os, signal
from blazen_nb.cli.signals import told_by_signals
told_by_signals()
told_by_signals()
child = os.fork()
if child == 0:
    os._exit(len(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
print(os.waitpid(child, 0)[1], len(signal.pthread_sigmask(signal.SIG_BLOCK, ())))
"""


def test_a_fork_holds_back_no_signal_afterwards_neither_here_nor_in_the_child() -> None:
    said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=9)
    assert said.stdout == "0 0\n", said.stderr

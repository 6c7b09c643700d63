"""What hostile payloads make a process allocate, C code included: its address space tells."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

PROBE = """
import importlib.util, json, sys
import numpy as np
from blazen_nb.errors import EncodeError
from blazen_nb.shipping.values import decode_leaf, encode_leaf

HUGE = 1 << 33
values = {"ndarray": np.arange(4.0)}
def has(name):
    return importlib.util.find_spec(name) is not None
if has("scipy"):
    import scipy.sparse
    for form in ("csr", "csc", "bsr", "dia"):
        values[form] = scipy.sparse.random_array((4, 4), density=0.5, format=form, rng=1)
if has("PIL"):
    import PIL.Image
    for mode in ("1", "RGB", "P"):
        values[mode] = PIL.Image.new(mode, (5, 5))
if has("pyarrow"):
    import pyarrow
    values["arrow"] = pyarrow.table({"a": [1, 2], "s": ["x", "y"]})
    if has("polars"):
        import polars
        values["polars"] = polars.DataFrame({"a": [1, 2], "s": ["x", "y"]})
    if has("pandas"):
        import pandas
        values["pandas"] = pandas.DataFrame({"a": [1, 2], "s": ["x", "y"]})
if has("torch"):
    import torch
    values["tensor"] = torch.ones(4)

def swollen(told):
    '''The head with one number after the other made huge.'''
    places = []
    def walk(part, path):
        if type(part) is int:
            places.append(path)
        elif isinstance(part, list | dict):
            for key, item in (part.items() if isinstance(part, dict) else enumerate(part)):
                walk(item, [*path, key])
    walk(told, [])
    for *path, last in places:
        changed = json.loads(json.dumps(told))
        part = changed
        for key in path:
            part = part[key]
        part[last] = HUGE
        yield changed

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("VmPeak"))

def outcome(tag, payload):
    try:
        decode_leaf(tag, payload, trusted=False)
        return "opened"
    except EncodeError:
        return "refused"

payloads = {name: encode_leaf(value) for name, value in values.items()}
for tag, payload in payloads.values():
    assert outcome(tag, payload) == "opened"
before = peak()
counts = {}
for name, (tag, payload) in payloads.items():
    line, _, memory = payload.partition(b"\\n")
    heads = list(swollen(json.loads(line)))
    found = [outcome(tag, json.dumps(head).encode() + b"\\n" + memory) for head in heads]
    for at in range(0, len(memory) - 8, 4):  # and every word of what lies in memory
        big = memory[:at] + HUGE.to_bytes(8, "little") + memory[at + 8:]
        found.append(outcome(tag, line + b"\\n" + big))
    counts[name] = found.count("refused")
print(json.dumps({"grown": peak() - before, "refused": counts}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_sizes_that_lie_never_make_a_process_grow() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, timeout=25, check=True
    )
    told = json.loads(done.stdout)
    # An arena of malloc for a library's new thread is 64 MiB of addresses.
    assert told["grown"] < 256 << 20
    assert all(told["refused"].values()), told

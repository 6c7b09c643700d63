"""Text that captured steps print, log and warn."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from blazen_nb.peer import capture
from blazen_nb.peer.capture.patches import Patches
from tests.unit.capture_support import Recorder, installed

WAIT = 5


@pytest.fixture
def shown_warnings() -> Iterator[None]:
    """Warnings as a fresh Python shows them: the test runner collects or raises them."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        yield


@installed()
def test_prints_of_a_step_reach_its_sink_and_nothing_else(
    capfd: pytest.CaptureFixture[str],
) -> None:
    sink = Recorder()
    with capture.capturing(sink):
        print("inside")
        print("trouble", file=sys.stderr)
    print("outside")

    assert sink.stdout == "inside\n"
    assert sink.stderr == "trouble\n"
    assert capfd.readouterr().out == "outside\n"


def test_everything_is_restored_when_the_last_user_leaves() -> None:
    def state() -> tuple[object, ...]:
        return (
            sys.stdout,
            sys.stderr,
            threading.Thread.start,
            ThreadPoolExecutor.submit,
            warnings.showwarning,
            contextlib.redirect_stdout.__enter__,
            list(sys.meta_path),
        )

    before = state()
    capture.install()
    capture.install()
    capture.uninstall()
    assert state() != before
    capture.uninstall()
    assert state() == before
    capture.uninstall()
    assert state() == before


def test_install_imports_neither_ipython_nor_matplotlib() -> None:
    code = (
        "import sys; from blazen_nb.peer import capture; capture.install();"
        "sys.exit(str([m for m in ('IPython', 'matplotlib', 'numpy', 'grpc') if m in sys.modules]))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert ended.stderr == "[]\n"


@installed()
def test_a_sink_that_prints_does_not_call_itself(capfd: pytest.CaptureFixture[str]) -> None:
    class Talkative(Recorder):
        def write(self, stream: str, text: str) -> None:
            print("sink was called")
            super().write(stream, text)

    sink = Talkative()
    with capture.capturing(sink):
        sys.stdout.write("x")

    assert sink.stdout == "x"
    assert capfd.readouterr().out == "sink was called\n"


@installed()
def test_the_step_sees_a_text_stream_that_is_no_terminal() -> None:
    sink = Recorder()
    with capture.capturing(sink):
        assert isinstance(sys.stdout, io.TextIOBase)
        assert not sys.stdout.isatty()
        assert sys.stdout.writable()
        assert sys.stdout.encoding.lower() == "utf-8"
        assert sys.stdout.write("12345") == 5
        sys.stdout.writelines(["a", "b"])
        sys.stdout.close()
        with pytest.raises(TypeError):
            sys.stdout.write(5)  # type: ignore[arg-type]
        print("still open")

    assert sink.stdout == "12345abstill open\n"


@installed()
def test_bytes_written_to_the_buffer_arrive_as_text() -> None:
    sink = Recorder()
    with capture.capturing(sink):
        for byte in "größer".encode():
            sys.stdout.buffer.write(bytes([byte]))
        sys.stdout.buffer.write(b"\xc3")

    assert sink.stdout == "größer�"


@installed()
def test_overlapping_redirects_of_two_steps_stay_apart() -> None:
    sinks, buffers = [Recorder(), Recorder()], [io.StringIO(), io.StringIO()]
    routed = sys.stdout
    inside = threading.Barrier(2, timeout=WAIT)

    def step(number: int) -> None:
        with capture.capturing(sinks[number]):
            with contextlib.redirect_stdout(buffers[number]):
                inside.wait()
                print("redirected", number)
                with contextlib.redirect_stdout(sys.stderr):
                    print("to stderr", number)
                inside.wait()
            print("direct", number)

    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(step, number) for number in range(2)]:
            future.result(WAIT)

    for number in range(2):
        assert buffers[number].getvalue() == f"redirected {number}\n"
        assert sinks[number].stdout == f"direct {number}\n"
        assert sinks[number].stderr == f"to stderr {number}\n"
    assert sys.stdout is routed


@installed()
def test_a_redirect_to_the_stream_itself_changes_nothing() -> None:
    sink = Recorder()
    with capture.capturing(sink), contextlib.redirect_stdout(sys.stdout):
        print("here")

    assert sink.stdout == "here\n"


@installed()
def test_a_redirect_outside_any_step_works_as_ever() -> None:
    before, buffer = sys.stdout, io.StringIO()
    with contextlib.redirect_stdout(buffer):
        print("x")

    assert buffer.getvalue() == "x\n"
    assert sys.stdout is before


def test_logging_handlers_made_earlier_speak_to_the_step() -> None:
    logger = logging.getLogger("captured.early")
    handler = logging.StreamHandler()
    logger.addHandler(handler)
    old = handler.stream
    sink = Recorder()
    capture.install()
    try:
        with capture.capturing(sink):
            logger.warning("early")
            late = logging.StreamHandler()
            logger.addHandler(late)
    finally:
        capture.uninstall()
        logger.removeHandler(handler)
        logger.removeHandler(late)

    assert sink.stderr == "early\n"
    assert handler.stream is old
    assert late.stream is sys.stderr is old


def test_a_log_record_without_any_handler_reaches_the_step() -> None:
    code = """
import logging
from blazen_nb.peer import capture
from tests.unit.capture_support import Recorder
capture.install()
sink = Recorder()
with capture.capturing(sink):
    logging.getLogger("x").warning("unhandled")
assert sink.stderr == "unhandled\\n", sink.entries
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, "")


def warn_twice() -> None:
    for _ in range(2):
        warnings.warn("too old", UserWarning, stacklevel=1)


@pytest.mark.usefixtures("shown_warnings")
@installed()
def test_each_step_sees_an_equal_warning_once() -> None:
    first, second = Recorder(), Recorder()
    with capture.capturing(first):
        with capture.capturing(second):
            warn_twice()
        warn_twice()
        warn_twice()

    for sink in (first, second):
        assert sink.stderr.count("UserWarning: too old") == 1
        assert "warnings.warn(" in sink.stderr


@pytest.mark.usefixtures("shown_warnings")
@installed()
def test_a_step_that_wants_every_warning_gets_every_one() -> None:
    sink = Recorder()
    with capture.capturing(sink), warnings.catch_warnings():
        warnings.simplefilter("always")
        warn_twice()

    assert sink.stderr.count("UserWarning: too old") == 2


@pytest.mark.usefixtures("shown_warnings")
@installed()
def test_a_step_that_records_its_warnings_keeps_them() -> None:
    sink = Recorder()
    with capture.capturing(sink), warnings.catch_warnings(record=True) as recorded:
        warn_twice()

    assert [str(warning.message) for warning in recorded] == ["too old"]
    assert sink.stderr == ""


def test_a_library_that_does_not_fit_is_logged_and_still_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "misfit_for_capture.py").write_text("value = 1")
    monkeypatch.syspath_prepend(tmp_path)
    patches = Patches()
    seen = []

    def hook(module: ModuleType) -> None:
        seen.append(module.value)
        raise AttributeError("renamed in this version")

    patches.when_imported("misfit_for_capture", hook)
    module = importlib.import_module("misfit_for_capture")
    patches.undo()

    assert seen == [module.value] == [1]
    assert "misfit_for_capture is not captured" in caplog.text

from __future__ import annotations

from pathlib import Path

import pytest

from blazen_nb.journal.place import journal_path
from blazen_nb.journal.sqlite import SqliteJournal


def test_a_peer_has_one_file_in_the_state_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = journal_path("gpu-1")
    assert path == journal_path("gpu-1")
    assert path.parent == tmp_path / "blazen_nb" / "journals"
    assert path.name.startswith("gpu-1-")
    assert not path.parent.exists()


@pytest.mark.parametrize("named", ["", "relative/folder"])
def test_without_a_state_folder_of_ones_own_it_is_the_usual_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, named: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", named)
    assert journal_path("gpu").parent == tmp_path / ".local" / "state" / "blazen_nb" / "journals"


@pytest.mark.parametrize(
    "node_id", ["", "..", "../../etc/passwd", "a/b", "a\0b", "Träume", "x" * 500, "-rf", "\ud800"]
)
def test_no_name_leaves_the_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, node_id: str
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    path = journal_path(node_id)
    SqliteJournal(path).close()
    assert path in (tmp_path / "blazen_nb" / "journals").iterdir()


def test_names_that_look_alike_have_files_of_their_own() -> None:
    names = ["a/b", "a_b", "a:b", "A_B", "a b", "x" * 50, "x" * 51]
    assert len({journal_path(name).name.lower() for name in names}) == len(names)

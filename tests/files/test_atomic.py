"""Files appear whole or not at all, and nothing of a killed run stays."""

from __future__ import annotations

import errno
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from full_disk import full_disk

from prnet.errors import PrnetError
from prnet.files import atomic
from prnet.files.atomic import append_line, write_atomically, write_bytes, write_folder_atomically

WRITER = """
import sys, time
from prnet.files.atomic import write_atomically, write_folder_atomically
write = {"file": write_atomically, "folder": write_folder_atomically}[sys.argv[2]]
with write(sys.argv[1]) as temporary:
    (temporary / "half" if sys.argv[2] == "folder" else temporary).write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a process that has looked through no folder yet."""
    monkeypatch.setattr(atomic, "_cleared", set())


def start_writer(path: Path, kind: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", WRITER, str(path), kind]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"writing\n"
    return writer


def test_nothing_is_left_of_a_block_that_raised(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("before")
    with pytest.raises(ZeroDivisionError), write_atomically(tmp_path / "a.txt") as temporary:
        [temporary.write_text("half"), 1 / 0]
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "before"


@pytest.mark.skipif(os.name == "nt", reason="modes of POSIX")
def test_a_new_file_has_the_usual_mode_and_a_replaced_one_keeps_its_own(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a.bin", b"new")
    (tmp_path / "usual").write_bytes(b"")
    assert (tmp_path / "a.bin").stat().st_mode == (tmp_path / "usual").stat().st_mode
    (tmp_path / "a.bin").chmod(0o640)
    write_bytes(tmp_path / "a.bin", b"newer")
    assert stat.S_IMODE((tmp_path / "a.bin").stat().st_mode) == 0o640


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "file.bin", tmp_path / "link.bin"
    target.write_bytes(b"before")
    link.symlink_to(target)
    write_bytes(link, b"after")
    assert link.is_symlink()
    assert target.read_bytes() == b"after"
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        "elsewhere",
        "file.bin",
        "link.bin",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "顔" * 83 + ".obj",
        "a." + "b" * 253,
        "é" * 125 + ".json",
        "a" * 251 + ".npz",
        "." + "b" * 254,
    ],
)
def test_names_as_long_as_the_system_allows(tmp_path: Path, name: str) -> None:
    assert 253 <= len(name.encode()) <= 255
    write_bytes(tmp_path / name, b"all of it")
    assert (tmp_path / name).read_bytes() == b"all of it"


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(PrnetError, match=r"folder: expected a file to write, got a folder"):
        write_bytes(tmp_path / "folder", b"")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PrnetError, match=r"expected a place that can be written, got: "):
        write_bytes(tmp_path / "file" / "below.txt", b"")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_devices_and_pipes_are_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PrnetError, match="got a device or pipe"):
        write_bytes(tmp_path / "pipe", b"")
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.parametrize("end", ["SIGKILL", "SIGTERM"])
@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_the_next_run_clears_what_a_killed_one_left(tmp_path: Path, kind: str, end: str) -> None:
    living = start_writer(tmp_path / "living.txt", kind)
    killed = start_writer(tmp_path / "killed.txt", kind)
    try:
        left_by_both = {path.name for path in tmp_path.iterdir()}
        killed.send_signal(getattr(signal, end))
        killed.wait()
        assert {path.name for path in tmp_path.iterdir()} == left_by_both
        write_bytes(tmp_path / "next.txt", b"")
        left = {path.name for path in tmp_path.iterdir()} - {"next.txt"}
        assert len(left) == len(left_by_both) / 2  # the living one's are not touched
    finally:
        living.kill()
        living.wait()


def test_files_of_others_are_not_cleared(tmp_path: Path) -> None:
    names = [".prnet-notes", ".prnet-0123456789ab-mine.txt", "x.prnet-0123456789ab"]
    for name in names:
        (tmp_path / name).write_text("mine")
    (tmp_path / ".prnet-0123456789ab").mkdir()
    write_bytes(tmp_path / "next.txt", b"")
    assert {*names, ".prnet-0123456789ab"} < {path.name for path in tmp_path.iterdir()}


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()  # an empty one may be there
    with write_folder_atomically(tmp_path / "model") as temporary:
        (temporary / "a").write_text("a")
        assert not any((tmp_path / "model").iterdir())
    assert (tmp_path / "model" / "a").read_text() == "a"
    with pytest.raises(ZeroDivisionError), write_folder_atomically(tmp_path / "other") as temporary:
        [(temporary / "a").write_text("a"), 1 / 0]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_line_is_added_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    append_line(path, "first")
    with full_disk(8), pytest.raises(PrnetError, match="File too large"):
        append_line(path, "second")
    assert path.read_text() == "first\n"


def test_a_file_whose_first_line_finds_no_room_is_not_there(tmp_path: Path) -> None:
    with full_disk(), pytest.raises(PrnetError, match="File too large"):
        append_line(tmp_path / "log.jsonl", "long " * 20)
    assert not (tmp_path / "log.jsonl").exists()


def _refuse(path: Path, held: Callable[[], bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to replace or remove ``path`` while it is held."""

    def refusing(call: Callable[..., None]) -> Callable[..., None]:
        def checked(*paths: Any) -> None:
            if str(path) in map(str, paths) and held():
                raise PermissionError(errno.EACCES, "Access is denied", str(path))
            call(*paths)

        return checked

    monkeypatch.setattr(atomic, "fcntl", None)
    for name in ("replace", "unlink"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))


def test_who_looks_at_a_file_for_a_moment_keeps_nothing_from_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bytes(tmp_path / "a.txt", b"old")
    looks = [True, True, False]
    _refuse(tmp_path / "a.txt", lambda: looks.pop(0), monkeypatch)
    write_bytes(tmp_path / "a.txt", b"new")
    assert (tmp_path / "a.txt").read_bytes() == b"new"
    looks += [True] * 10
    monkeypatch.setattr(atomic, "PATIENCE", (0, 0))
    with pytest.raises(PrnetError, match="expected a place that can be written, got: Access is"):
        write_bytes(tmp_path / "a.txt", b"newer")
    assert len(looks) == 7
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_that_must_not_be_written_leaves_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows replaces and removes no file that is read-only, a temporary one neither."""
    write_bytes(tmp_path / "a.txt", b"old")
    (tmp_path / "a.txt").chmod(0o444)
    modes: list[int] = []
    monkeypatch.setattr(atomic, "fcntl", None)
    monkeypatch.setattr(os, "replace", lambda made, target: modes.append(made.stat().st_mode))
    write_bytes(tmp_path / "a.txt", b"new")
    write_bytes(tmp_path / "b.txt", b"new")
    assert modes[0] == modes[1]


def test_a_log_that_found_no_room_is_closed_before_it_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, opened = tmp_path / "log.jsonl", []
    reopen = Path.open

    def noted(*given: Any, **options: Any) -> Any:
        opened.append(reopen(*given, **options))
        return opened[-1]

    monkeypatch.setattr(Path, "open", noted)
    _refuse(path, lambda: not opened[-1].closed, monkeypatch)
    with full_disk(), pytest.raises(PrnetError, match="File too large"):
        append_line(path, "long " * 20)
    assert not path.exists()


def test_what_a_folder_has_no_room_for_is_named_as_in_that_folder(tmp_path: Path) -> None:
    place = re.escape(str(tmp_path / "out" / "a.bin"))
    with (
        full_disk(),
        pytest.raises(PrnetError, match=f"^{place}: expected a place that can be written"),
        write_folder_atomically(tmp_path / "out") as temporary,
    ):
        write_bytes(temporary / "a.bin", bytes(100))
    assert list(tmp_path.iterdir()) == []

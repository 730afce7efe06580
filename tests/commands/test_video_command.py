"""``prnet video``: a film in, files and one line out."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from full_disk import files_below, full_disk
from made_film import Place, ground, scene, write_film

from prnet.cli import main
from prnet.video import follow as following
from prnet.video.frames import read_film, read_frames
from prnet.video.outputs import ENDINGS

pytest.importorskip("av")

FILES = ["film_landmarks.csv", "film_landmarks.npz", "film_overlay.mp4", "film_pose.csv"]
FRAMES = 20


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory, sample_image: np.ndarray) -> Path:
    """A face that wanders to the right, 25 frames a second."""
    frames = [scene((Place(180 + 5 * i, 160), sample_image)) for i in range(FRAMES)]
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", frames)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_everything_of_a_film(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["video", str(film), "--out", str(tmp_path)]) == 0
    told = capsys.readouterr()
    assert f"{FRAMES} frames, 1 track -> " in told.out
    assert not told.err
    assert files_below(tmp_path) == FILES

    landmarks, pose = rows_of(tmp_path / FILES[0]), rows_of(tmp_path / FILES[3])
    for rows in (landmarks, pose):
        assert [int(row["frame"]) for row in rows] == [*range(FRAMES)]
        assert {row["track"] for row in rows} == {"1"}
        np.testing.assert_allclose(
            [float(row["seconds"]) for row in rows], np.arange(FRAMES) / 25, atol=1e-4
        )
    x = np.array([float(row["x30"]) for row in landmarks])
    np.testing.assert_allclose(x[-1] - x[0], 5 * (FRAMES - 1), atol=3)
    assert abs(float(pose[-1]["roll"]) - float(pose[0]["roll"])) < 2
    with np.load(tmp_path / FILES[1]) as arrays:
        assert arrays["landmarks"].shape == (FRAMES, 68, 3)
        np.testing.assert_allclose(arrays["landmarks"][:, 30, 0], x, atol=1e-3)
        np.testing.assert_array_equal(arrays["track"], np.ones(FRAMES))

    before, after = (list(read_frames(path)) for path in (film, tmp_path / FILES[2]))
    assert len(after) == FRAMES
    for number in (0, FRAMES - 1):
        changed = np.abs(after[number].image.astype(int) - before[number].image).max(axis=2) > 60
        middle = 180 + 5 * number
        assert changed[:, middle - 70 : middle + 70].sum() > 200
        assert changed[:, : middle - 110].sum() < 20


def test_a_part_of_it(film: Path, tmp_path: Path) -> None:
    options = ["--start", "0.2", "--end", "0.6", "--save", "overlay,pose", "--people", "largest"]
    assert main(["video", str(film), "-o", str(tmp_path), *options, "--no-smooth"]) == 0
    assert files_below(tmp_path) == FILES[2:]
    rows = rows_of(tmp_path / FILES[3])
    assert [round(float(row["seconds"]) * 25) for row in rows] == [*range(5, 15)]
    assert read_film(tmp_path / FILES[2]).seconds == pytest.approx(10 / 25)


def test_no_face_is_status_3_and_nothing_saved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    film = write_film(tmp_path / "empty.mp4", [ground()] * 8)
    assert main(["video", str(film), "--out", str(tmp_path / "out")]) == 3
    assert capsys.readouterr().out == f"{film}: no face found in 8 frames\n"
    assert files_below(tmp_path / "out") == []


def test_an_interrupt_keeps_what_is_done_and_resume_makes_it_whole(
    film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(path, *, start, end, read=read_frames):
        for number, frame in enumerate(read(path, start=start, end=end)):
            if number == 7:
                raise KeyboardInterrupt
            yield frame

    monkeypatch.setattr(following, "read_frames", interrupted)
    assert main(["video", str(film), "--out", str(tmp_path)]) == 130
    assert files_below(tmp_path) == sorted([*FILES, "film_unfinished.txt"])
    assert len(list(read_frames(tmp_path / FILES[2]))) == 7
    assert len(rows_of(tmp_path / FILES[0])) == 7
    assert "only a part, as film_unfinished.txt says" in capsys.readouterr().out

    monkeypatch.undo()
    call = ["video", str(film), "--out", str(tmp_path), "--save"]
    assert main([*call, "pose,arkit", "--resume"]) == 0
    assert len(rows_of(tmp_path / FILES[3])) == FRAMES, "a part is no result to leave"
    assert (tmp_path / "film_unfinished.txt").read_text().split() == ["landmarks", "overlay"]
    assert main([*call, "overlay,landmarks,pose", "--resume"]) == 0
    assert capsys.readouterr().out.endswith(f" -> {FILES[2]}, {FILES[0]}, {FILES[1]}\n")
    assert files_below(tmp_path) == sorted([*FILES, "film_arkit.csv"])


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["missing.mp4"], "missing.mp4: expected a film, got no such file"),
        (["{film}", "--start", "2", "--end", "1"], "expected a start before the end"),
        (["{film}", "--start", "99"], "expected frames from 99 s on, got none"),
        (["{film}", "--detector", "dlib-cnn"], "expected"),
    ],
)
def test_bad_input_is_one_line(
    options: list[str],
    says: str,
    film: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [option.format(film=film) for option in options]
    assert main(["video", *words, "--out", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert len(told.splitlines()) == 1
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    ("option", "value"),
    [("--people", "0"), ("--people", "most"), ("--start", "-1"), ("--save", "obj")],
)
def test_wrong_values_are_refused(option: str, value: str, film: Path, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["video", str(film), "--out", str(tmp_path), f"{option}={value}"])


def test_a_full_disk_is_one_line(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with full_disk():
        status = main(["video", str(film), "--out", str(tmp_path)])
    told = capsys.readouterr().err
    assert status == 2
    assert "expected a place that can be written, got: " in told
    assert len(told.splitlines()) == 1
    assert files_below(tmp_path) == []


def test_the_film_itself_is_not_written_over(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    link = tmp_path / "film_overlay.mp4"
    link.symlink_to(film)
    before = film.read_bytes()
    assert main(["video", str(film), "--out", str(tmp_path), "--save", "overlay"]) == 2
    assert "expected a place for a result" in capsys.readouterr().err
    assert film.read_bytes() == before


def test_the_other_kinds(film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kinds = "arkit,livelink,glb,glb-arkit,depth,texture"
    call = ["video", str(film), "--out", str(tmp_path), "--end", "0.2", "--save"]
    assert main([*call, kinds]) == 0
    files = [f"film{end}" for kind in kinds.split(",") for end in ENDINGS[kind]]
    assert files_below(tmp_path) == sorted(files)
    assert len(rows_of(tmp_path / "film_arkit.csv")) == 5
    capsys.readouterr()

    before = {name: (tmp_path / name).stat().st_mtime_ns for name in files}
    assert main([*call, f"{kinds},pose", "--resume"]) == 0
    assert capsys.readouterr().out.endswith(" -> film_pose.csv\n")
    assert main([*call, kinds, "--resume"]) == 0
    assert "film.mp4: there already: arkit, livelink" in capsys.readouterr().out
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in files} == before
    assert files_below(tmp_path) == sorted([*files, "film_pose.csv"])


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_killed_run_leaves_nothing_broken(film: Path, tmp_path: Path) -> None:
    call = ["video", str(film), "--out", str(tmp_path), "--save", "overlay,pose,depth,glb"]
    killed = subprocess.Popen([sys.executable, "-m", "prnet", *call])
    try:
        until = time.monotonic() + 60
        while not any(path.stat().st_size > 1000 for path in tmp_path.glob(".prnet-*")):
            assert killed.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        killed.kill()
        killed.wait()
    seen = {path.name for path in tmp_path.iterdir() if not path.name.startswith(".prnet-")}
    assert seen <= {"film_unfinished.txt"}
    assert main(call) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("film.glb", "film_depth.mkv", "film_overlay.mp4", "film_pose.csv")
    ]

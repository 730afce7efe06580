"""No two results of any photos and faces get one name."""

from __future__ import annotations

import unicodedata
from contextlib import suppress
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prnet.errors import PrnetError
from prnet.files.results import face_names, make_folder, output_names, without_empty_folders
from prnet.formats.table import ENDINGS

FEW = (".obj", "_plain.obj", ".json", "_pose.json")


def test_results_do_not_go_to_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Into a folder of such a name they do, where somebody made it."""
    monkeypatch.chdir(tmp_path)
    for address in ("s3://bucket/faces", "gs://b", "file:///tmp/faces"):
        with pytest.raises(PrnetError, match=r"got an address \(mount it\)"):
            make_folder(Path(address))
    assert not list(tmp_path.iterdir())
    Path("s3:/bucket").mkdir(parents=True)
    assert make_folder(Path("s3:/bucket")).is_dir()


@pytest.mark.parametrize("put", ["nothing", "a file", "an error"])
def test_folders_in_which_nothing_is_are_not_left(tmp_path: Path, put: str) -> None:
    """Nor those above them; a folder that was there before is."""
    new, old, file = tmp_path / "new" / "out", tmp_path / "old", tmp_path / "sub" / "a.png"
    old.mkdir()
    with suppress(PrnetError), without_empty_folders([new, old, file]):
        for folder in (new, file.parent):
            make_folder(folder)
        if put == "a file":
            (new / "a.txt").touch()
            file.touch()
        if put == "an error":
            raise PrnetError("expected less, got more")
    assert old.exists()
    assert {new.exists(), new.parent.exists(), file.exists()} == {put == "a file"}


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.jpg", "b.jpg"], ["a", "b"]),
        (["a.jpg", "a.png"], ["a_jpg", "a_png"]),
        (["A.jpg", "a.PNG"], ["A_jpg", "a_png"]),
        (["x/a.jpg", "y/a.jpg", "z/a.jpg"], ["a_jpg", "a_jpg-2", "a_jpg-3"]),
        (["a.jpg", "a_1.jpg"], ["a", "a_1_jpg"]),
        (["a_0.jpg", "a.jpg"], ["a_0_jpg", "a"]),
        (["a.jpg", "a_01.jpg"], ["a", "a_01"]),
        (["b_1.jpg", "b_x.jpg"], ["b_1", "b_x"]),
        (["a.jpg", "a_pose.jpg"], ["a", "a_pose_jpg"]),
        (["a_pose.jpg", "b_pose.jpg"], ["a_pose", "b_pose"]),
        (["a.jpg", "a_1_pose.jpg"], ["a", "a_1_pose_jpg"]),
        (["a.jpg", "a.png", "a_jpg.png"], ["a_jpg", "a_png", "a_jpg-2"]),
        (["a.jpg", "a.png", "a_jpg_pose.png"], ["a_jpg", "a_png", "a_jpg_pose-2"]),
        (["a\udcff.jpg", "a\udcfe.jpg", "a_.jpg"], ["a__jpg", "a__jpg-2", "a__jpg-3"]),
        (["a_jpg_pose.png", "a.jpg", "a.png"], ["a_jpg_pose", "a_jpg-2", "a_png"]),
        (["a\udcff.jpg", "b.jpg"], ["a_", "b"]),
        (["a", "a.jpg"], ["a", "a_jpg"]),
        (["Straße.jpg", "STRASSE.jpg"], ["Straße_jpg", "STRASSE_jpg-2"]),
        (["é.jpg", "e\u0301.jpg"], ["é_jpg", "e\u0301_jpg-2"]),
    ],
)
def test_names(paths: list[str], names: list[str]) -> None:
    assert output_names([Path(path) for path in paths], FEW) == names


STEMS = st.lists(st.sampled_from(["a", "A", "_1", "_10", "_pose", "_textured", "_jpg", "-2", "é"]))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(STEMS, st.sampled_from([".jpg", ".png"])), max_size=8))
def test_results_of_all_photos_and_faces_differ(photos: list[tuple[list[str], str]]) -> None:
    paths = [Path("x" + "".join(parts) + suffix) for parts, suffix in photos]
    seen: dict[str, Path] = {}
    for path, name in zip(paths, output_names(paths, ENDINGS), strict=True):
        stems = [name, *face_names(name, 12)]
        for result in {stem + ending for stem, ending in product(stems, ENDINGS)}:
            folded = unicodedata.normalize("NFC", result.casefold())
            assert folded not in seen, f"{result} of {path} and of {seen[folded]}"
            seen[folded] = path


def test_names_do_not_depend_on_how_many_there_are_but_on_clashes() -> None:
    many = [Path(f"p{number}.jpg") for number in range(20_000)]
    assert output_names(many, ENDINGS) == [path.stem for path in many]

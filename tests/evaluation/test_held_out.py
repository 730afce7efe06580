"""People are held out whole, whatever their photos are called, and the shipped weights' stay."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from prnet.evaluation.held_out import held_out_names, is_held_out, people_of, person_of


@pytest.mark.parametrize(
    ("name", "person"),
    [
        ("people/Ada_Lovelace_0011.jpg", "Ada_Lovelace"),
        ("Ada_Lovelace_0011.jpg", "Ada_Lovelace"),
        ("x/Ada Lovelace (3).JPG", "Ada Lovelace"),
        ("x/Ada-Lovelace-3_002.png", "Ada-Lovelace"),
        ("ck/S005_001_00000011.png", "S005"),
        ("utk/24_0_1_20170116220224657 .jpg", None),
        ("utk/26_1_1_20170117.jpg", None),
        ("Ada_Lovelace/IMG_0011.jpg", None),
        ("image00002.jpg", None),
        ("Ada.jpg", None),
        ("0003.jpg", None),
    ],
)
def test_the_person_stands_before_the_number(name: str, person: str | None) -> None:
    assert person_of(name) == person


PEOPLE = [f"{first}_{last}" for first in ("Ada", "Bo", "Cy", "Di") for last in "ABCDEFGHIJ"]


@pytest.mark.parametrize(
    "layout",
    [
        "people/{person}_{i:04d}.jpg",
        "{person}/{i:04d}.jpg",
        "lfw/{person}/{person}_{i:04d}.jpg",
        "a/b/{person}/IMG_{i:04d}.jpg",
        "{person}/{place}/foto {i}.jpg",
        "frames/{person}/{i}/0.{i}.jpg",
        "{place}/{person} ({i}).jpg",
    ],
)
def test_people_are_held_out_whole_in_any_layout(layout: str) -> None:
    places = ("home", "away")
    names = [
        layout.format(person=person, i=i, place=places[i % 2])
        for person in PEOPLE
        for i in range(6)
    ]
    held_out = held_out_names(names).reshape(len(PEOPLE), 6)
    assert (held_out.all(axis=1) | ~held_out.any(axis=1)).all()
    assert 0.05 < held_out.mean() < 0.4
    assert sum(person == PEOPLE[0] for person in people_of(names)) == 6


def test_numbered_folders_are_people_and_folders_of_many_are_not() -> None:
    numbered = [f"casia/{person:07d}/{i:03d}.jpg" for person in range(50) for i in range(4)]
    assert people_of(numbered)[::4] == [f"{person:07d}" for person in range(50)]
    crowd = [f"crowd/{i}.jpg" for i in range(1500)]
    own = [f"Ada/{i}.jpg" for i in range(800)]
    mixed = [f"mixed/{name}_{i}.jpg" for name in ("Bo", "Cy") for i in range(500)]
    assert set(people_of(crowd + own)) == {None, "Ada"}
    assert set(people_of(crowd + own + mixed)) == {None, "Bo", "Cy"}, "Ada's is beside a collection"


def test_a_few_photos_are_shared_out_whole() -> None:
    names = [f"{person}/{i}.jpg" for person in ("Ada", "Bo", "Cy") for i in range(10)]
    assert sorted(held_out_names(names).reshape(3, 10).sum(axis=1)) == [0, 0, 10]
    ten = held_out_names([f"my/{i}.jpg" for i in range(10)])
    assert 1 <= ten.sum() < 10
    alone = held_out_names([f"my/{i}.jpg" for i in range(10)], ["me"] * 10)
    assert alone.sum() == 1
    assert held_out_names(["a.jpg", "b.jpg"]).sum() == 1


def test_told_people_count_more_than_names() -> None:
    names = [f"{i}.jpg" for i in range(200)]
    people = [f"src:{'abcdefghij'[i % 10]}" for i in range(200)]
    held_out = held_out_names(names, people).reshape(20, 10)
    assert (held_out == held_out[0]).all()
    assert [is_held_out(f"{person}_0001.jpg") for person in "abcdefghij"] == held_out[0].tolist()


@pytest.mark.shared
def test_the_shipped_weights_held_out_people_stay(shared: Path) -> None:
    """2,571 of the photos, by the rule that the shipped weights were trained with."""
    with np.load(shared / "faces" / "labels.npz", allow_pickle=False) as arrays:
        names = [str(name) for name in arrays["files"]]
    held_out = held_out_names(names)
    sources = [name.split("/")[0] for name in names]
    counts = dict.fromkeys(sources, 0)
    for source, kept in zip(sources, held_out.tolist(), strict=True):
        counts[source] += kept
    assert counts == {"utk": 730, "news": 1044, "ytf": 797}
    assert sha256(held_out.tobytes()).hexdigest()[:16] == "ccfed12186392d68"
    assert [is_held_out(name) for name in names] == held_out.tolist()

"""What the package says in one line is one line."""

from __future__ import annotations

import pickle

import pytest

from prnet.errors import LONGEST_REASON, PrnetError, reason_of


def test_an_error_is_one_line_whatever_it_names() -> None:
    error = PrnetError("a\nb.jpg: expected an image,\r\ngot another")
    assert str(error) == "a b.jpg: expected an image, got another"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (FileNotFoundError(2, "No such file", "a.jpg"), "No such file"),
        (ValueError("two\n  lines"), "two lines"),
        (MemoryError(), "MemoryError"),
        (ValueError("x" * 1000), "x" * (LONGEST_REASON - 3) + "..."),
    ],
)
def test_reasons_are_short(error: Exception, words: str) -> None:
    assert reason_of(error) == words

"""Tests of the store: one that passes, one that fails, and one that fails each second time."""

from pathlib import Path


def test_totals():
    assert sum([1, 2]) == 3


def test_rounding():
    assert round(2.5) == 3, "half a cent is rounded up"


def test_stock():
    seen = Path("seen")
    if seen.exists():
        seen.unlink()
        assert seen.exists(), "the stock was sold"
    seen.write_text("")

"""The page of a newcomer's first minutes is what the commands really print."""

import pytest
from any_python import interpreters
from first_minutes import PAGE, masked, transcript


def test_the_first_five_minutes_are_as_the_page_says():
    if not interpreters("3.12", "3.13", "3.11"):
        pytest.skip("NOT TRIED: this needs CPython 3.11 to 3.13")
    assert masked(transcript()) == masked(PAGE.read_text()), "python e2e/first_minutes.py --write writes it again"

"""The dashboard's sources hold what they promise: types, style, and their own tests, by the tools that build them."""

from __future__ import annotations

import pytest
from dashboard_build import run_npm


@pytest.fixture(autouse=True)
def _plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What they say of a failure is read here, not in a terminal."""
    monkeypatch.setenv("NO_COLOR", "1")


def test_types_and_style_are_in_order():
    run_npm("run", "check")


def test_their_own_tests_pass():
    run_npm("test")

"""Weights obey at every moment: the table of moments, and what holds them there."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "benchmarks"))
import moments  # noqa: E402


@pytest.mark.parametrize("title", moments.MOMENTS)
def test_moment(title):
    """At each moment of the page three kernels are inside, within the tolerance of the dtype."""
    assert moments.MOMENTS[title](moments.Trial(ours=True)) == dict.fromkeys(moments.SETS, 0.0)

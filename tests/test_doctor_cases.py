"""The doctor on real faulty models and healthy controls; `bench_doctor_cases.py` runs them all."""

import sys
from pathlib import Path

import keras
import pytest

import constrainit as ci

sys.path.insert(0, str(Path(__file__).parent / "doctor_cases"))
import expected

BACKEND = keras.backend.backend()
# A diagnosis is compiled: each backend takes a share of the cases, and the quickest one more.
EVERY, FIRST = {"torch": (4, 0), "tensorflow": (12, 1), "jax": (12, 3)}[BACKEND]
# What is not found yet: see the benchmark.
MISSED = {
    "H09_variable_swallows_constraint": "keras.Variable has no constraint to look at",
}
FAULTY = [path for path in expected.faulty()[FIRST::EVERY] if expected.happens(path, BACKEND)]
HEALTHY = expected.healthy()[FIRST // 2 :: EVERY // 2]


@pytest.fixture(autouse=True)
def _without_treatments(monkeypatch):
    """The treatments have their own test."""
    monkeypatch.setattr("constrainit.doctor._diagnose.treat", lambda *arguments: None)


def _report(path):
    model, batch = expected.load(path)
    return ci.diagnose(model, *batch)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", FAULTY, ids=lambda path: path.stem)
def test_the_first_finding_names_the_cause(path):
    """And the layer or the weight."""
    if path.stem in MISSED:
        pytest.skip(MISSED[path.stem])
    report = _report(path)
    first = next(finding for finding in report.findings if finding.counts)
    assert expected.is_right(path, first), str(report)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", HEALTHY, ids=lambda path: path.stem)
def test_nothing_is_said_of_a_healthy_model(path):
    """No finding at warning level or above."""
    report = _report(path)
    assert report.ok, str(report)

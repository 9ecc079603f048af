"""The doctor on real faulty models and healthy controls; `bench_doctor_cases.py` runs them all."""

import sys
from pathlib import Path

import keras
import pytest

import constrainit as ci

sys.path.insert(0, str(Path(__file__).parent / "doctor_cases"))
import expected

pytestmark = pytest.mark.everywhere
BACKEND = keras.backend.backend()
# A diagnosis is compiled: each backend takes a share of the cases, and the quickest one more.
EVERY, FIRST = {"torch": (6, 0), "tensorflow": (48, 1), "jax": (48, 3)}[BACKEND]
FAULTY = [
    pytest.param(path, id=path.stem, marks=[
        pytest.mark.xfail(strict=True, reason=reason)
        for case, reason in expected.MISSED.items() if path.stem.split("_")[0] == case
    ])
    for path in expected.faulty()[FIRST::EVERY] if expected.happens(path, BACKEND)
]  # fmt: skip
REPAIRED = {
    "torch": ("02", "28", "29", "39", "42", "45", "47"),
    "tensorflow": ("23", "28", "39"),
    "jax": ("06", "37", "42"),
}[BACKEND]
"""Faulty models that somebody has repaired, those that take the least time."""

HEALTHY = [
    path for path in expected.healthy()[FIRST // 3 :: EVERY // 3] if expected.happens(path, BACKEND)
]


@pytest.fixture
def diagnosed(monkeypatch):
    """The report of a case; without treatments, which take long, where no cause is told by them."""

    def report(path):
        if not expected.is_told_by_a_trial(path, BACKEND):
            monkeypatch.setattr("constrainit.doctor._diagnose.treat", lambda *arguments: None)
        model, batch = expected.load(path)
        return ci.diagnose(model, *batch)

    return report


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", FAULTY)
def test_the_first_finding_names_the_cause(path, diagnosed):
    """And the layer or the weight."""
    report = diagnosed(path)
    first = next((finding for finding in report.findings if finding.counts), None)
    assert first is not None, str(report)
    assert expected.is_right(path, first), str(report)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", HEALTHY, ids=lambda path: path.stem)
def test_nothing_is_said_of_a_healthy_model(path, diagnosed):
    """No finding at warning level or above."""
    report = diagnosed(path)
    assert report.ok, str(report)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", REPAIRED)
def test_nothing_is_said_of_a_repaired_model(case, monkeypatch):
    """Of the faulty model nothing is left that counts."""
    monkeypatch.setattr("constrainit.doctor._diagnose.treat", lambda *arguments: None)
    [path] = (Path(expected.__file__).parent / "repaired").glob(f"{case}_*.py")
    model, batch = expected.load(path)
    report = ci.diagnose(model, *batch)
    assert report.ok, str(report)

"""Where a training ends with a change, and without it."""

from types import SimpleNamespace

import pytest

from constrainit.doctor.treatments._ends import ends_above

# No backend has a part in it.
pytestmark = pytest.mark.in_turns(every=16)


def trainings(given, later, small=True, treated=()):
    """Those of a problem: the losses of a look, of more steps, and of these with a change."""
    look = SimpleNamespace(evidence=SimpleNamespace(losses=list(treated))) if treated else None
    return SimpleNamespace(
        evidence=SimpleNamespace(losses=list(given)),
        problem=SimpleNamespace(is_small=small, steps=20),
        budget=SimpleNamespace(longer=lambda steps: steps),
        untreated=lambda steps: SimpleNamespace(losses=list(later)),
        treated=lambda remedy, wanted, steps: look,
    )


REMEDY = SimpleNamespace(factor=1.0)


def test_a_lower_end_is_enough():
    """No more steps are taken where a look tells."""
    assert not ends_above(REMEDY, trainings([1.0, 0.8], []), [], [2.0, 0.7])


@pytest.mark.parametrize(("end", "doubted"), [(0.5, False), (0.65, True), (0.9, True)])
def test_a_slow_begin_is_given_time(end, doubted):
    """A layer that is put behind begins higher, and ends lower if it is what was missing."""
    farther = trainings([1.0, 0.8], [1.0, 0.7], treated=[2.0, end])
    doubt = ends_above(REMEDY, farther, [], [2.0, 0.9])
    assert bool(doubt) == doubted
    assert not doubted or doubt == f"the loss ends at {end} in place of 0.7"


def test_dear_steps_are_not_taken_again():
    """The losses of the look count."""
    farther = trainings([1.0, 0.8], [], small=False)
    assert ends_above(REMEDY, farther, [], [2.0, 0.9]) == "the loss ends at 0.9 in place of 0.8"

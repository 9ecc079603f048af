"""Trainings of many steps, which TensorFlow compiles, come to what the same steps come to."""

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._constraints import Constraints
from constrainit.doctor._courses import constraints_of, taken
from constrainit.doctor._halves import Halves, values_of
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import borrowed
from constrainit.doctor.engines import engine

pytestmark = pytest.mark.everywhere

STEPS = 12


def half(w):
    """Moves a weight half of the way to a bound, so that each call counts."""
    w = ops.convert_to_tensor(w)
    return ops.where(w > 0.1, (w + 0.1) / 2, w)


def problem_of(constraint, **compiled):
    dense = layers.Dense(6, activation="tanh", kernel_constraint=constraint)
    model = keras.Sequential([keras.Input((4,)), dense, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.02), "mse", **compiled)
    draws = np.random.default_rng(3)
    x = draws.normal(size=(32, 4)).astype("float32")
    made = Problem(model, x, x[:, :1] ** 2, None, None, 0, 1)
    made.set_loss()
    return made


@pytest.mark.parametrize("constraint", [half, ci.NonNegative(), ci.UnitNorm(), "max_norm", None])
def test_steps_that_are_compiled_are_the_same(constraint, monkeypatch):
    """With the constraints of the weights, and with those that are applied behind the step."""
    problem = problem_of(constraint)
    found = []
    for worth in (1, 10 * STEPS):
        monkeypatch.setattr("constrainit.doctor._at_length._WORTH", worth)
        with borrowed(problem.model):
            loss = Halves(problem, values_of(problem.model)).train(STEPS)
            found.append([loss, *map(array, problem.trainable)])
        with borrowed(problem.model):
            # What is compiled once holds what a course has.
            course = taken(problem.afresh(), constraints_of(problem), STEPS)
            found[-1] += [
                np.array([*course.losses, course.shuffled]),
                *map(array, problem.trainable),
            ]
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-6)


def test_rates_reach_a_compiled_step(monkeypatch):
    """Of which the first is compiled."""
    monkeypatch.setattr("constrainit.doctor._at_length._WORTH", 1)
    problem = problem_of(None)
    with borrowed(problem.model):
        halves = Halves(problem, values_of(problem.model))
        before = halves.loss()
        assert halves.train(STEPS, [0.0] * STEPS) == pytest.approx(before)
        assert abs(halves.train(STEPS, [0.05] * STEPS) - before) > 0.01 * before


def untraceable(w):
    """A constraint that needs values."""
    return w * 0.5 if float(array(w).max()) > 0.1 else w


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the others compile nothing here"
)
@pytest.mark.parametrize("case", ["constraint", "eager"])
def test_what_can_not_be_compiled_is_taken_step_by_step(case, monkeypatch):
    """Whether it raises as it is traced, or is asked not to be."""
    problem = problem_of(untraceable if case == "constraint" else half, run_eagerly=case == "eager")
    with borrowed(problem.model):
        problem.step()
        assert engine().whole_step(problem) is None
        monkeypatch.setattr("constrainit.doctor._at_length._WORTH", 1)
        assert np.isfinite(Halves(problem, values_of(problem.model)).train(STEPS))


def test_a_loss_that_is_lost_ends_a_course(monkeypatch):
    """Behind the first that is not finite nothing is taken."""
    monkeypatch.setattr("constrainit.doctor._at_length._WORTH", 1)
    problem = problem_of(lambda w: w * np.nan)
    with borrowed(problem.model):
        constraints = constraints_of(problem)
        assert isinstance(constraints, Constraints)
        course = taken(problem.afresh(), constraints, STEPS)
    assert len(course.losses) == 2
    assert not np.isfinite(course.losses[1])


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="the others compile nothing here"
)
@pytest.mark.parametrize("scaled", [False, True])
def test_an_update_that_is_compiled_follows_its_optimizer(scaled, monkeypatch):
    """Its rate, which is a variable, and what is compiled into it."""
    from constrainit.doctor.engines import _eager, _tensorflow

    optimizer = keras.optimizers.SGD(0.5)
    variable = keras.Variable([1.0, 2.0])
    given = keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer
    given.build([variable])
    scale = float(given.dynamic_scale) if scaled else 1.0
    eager, applied = [], _tensorflow._applying()
    one_by_one = _eager.applied
    monkeypatch.setattr(
        _eager, "applied", lambda *arguments: (eager.append(1), one_by_one(*arguments))
    )
    seen = []
    for rate, clip in ((0.5, None), (0.5, None), (0.25, None), (0.25, 0.1), (0.25, 0.1)):
        optimizer.learning_rate, optimizer.clipvalue = rate, clip
        before = array(variable)
        applied(given, [ops.convert_to_tensor([scale, -scale])], [variable])
        seen.append(array(variable) - before)
    moves = [0.5, 0.5, 0.25, 0.025, 0.025]
    np.testing.assert_allclose(seen, [[-one, one] for one in moves], rtol=1e-5)
    assert len(eager) == 2

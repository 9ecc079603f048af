"""Trials of hundreds of steps are made where a step is quick, whatever the model's size."""

import math
import time

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci
from constrainit.doctor import _courses, _pace
from constrainit.doctor._halves import Halves, values_of
from constrainit.doctor._problem import Problem
from constrainit.doctor.engines import engine

pytestmark = pytest.mark.in_turns(every=16)


def test_the_least_time_counts():
    """What the machine does beside a step makes it longer, and none shorter."""
    pace = _pace.Pace()
    assert not pace.is_dear
    for seconds in (0.0, 0.3, 0.0):
        until = time.process_time() + seconds
        with pace.timing():
            while time.process_time() < until:
                pass
        assert pace.seconds < 0.1
    pace = _pace.Pace()
    with pace.timing():
        time.sleep(0.3)
    assert not pace.is_dear, "the process has only waited"


@pytest.mark.parametrize("dear", [0.0, math.inf])
def test_a_step_that_is_dear_is_not_taken_hundreds_of_times(dear, monkeypatch):
    """Nor is a model of half dead units trained to see what the loss does; the report says so."""
    monkeypatch.setattr(_pace, "DEAR", dear)
    trained = []
    taken = _courses.taken
    monkeypatch.setattr(_courses, "taken", lambda *given: trained.append(given) or taken(*given))
    x = np.random.default_rng(0).uniform(-1, 1, size=(64, 3)).astype("float32")
    dead = keras.initializers.Constant(np.where(np.arange(16) < 14, -1e3, 0.0))
    hidden = layers.Dense(16, "relu", bias_initializer=dead)
    model = keras.Sequential([keras.Input((3,)), hidden, layers.Dense(1)])
    model.compile("sgd", "mse")
    report = ci.diagnose(model, x, x[:, :1] ** 2 + 0.1)
    assert bool(trained) == (dear > 0)
    said = [
        one for one in report.environment["assumed"] if "not trained for more than 20 steps" in one
    ]
    assert bool(said) == (dear == 0)


@pytest.mark.parametrize("seconds", [0.0, 0.5])
def test_steps_that_take_long_are_compiled_before_they_are_many(seconds, monkeypatch):
    """As on TensorFlow, where each may also take longer by itself than where none is compiled."""
    made = []
    monkeypatch.setattr(engine(), "whole_step", lambda *given: made.append(given))
    pace = _pace.Pace(quicker=3.0)
    pace.seconds = seconds
    assert not pace.is_dear
    x = np.random.default_rng(0).uniform(-1, 1, size=(64, 3)).astype("float32")
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    problem = Problem(model, x, x[:, :1], None, None, 0)
    problem.set_loss()
    problem.pace = pace
    Halves(problem, values_of(model)).train(20)
    assert bool(made) == (seconds > 0)

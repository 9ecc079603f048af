"""Constraints of a user's own that a compiled step can not run are named before it tries."""

import re

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# Of NumPy for what PyTorch does to its results.
pytestmark = pytest.mark.filterwarnings("ignore:.*__array_wrap__:DeprecationWarning")

COMPILED = keras.backend.backend() != "torch"


class Clip(keras.constraints.Constraint):
    """Written with NumPy."""

    def __call__(self, w):
        return np.clip(w, 0, 1)


class Branch(keras.constraints.Constraint):
    """With a branch in Python."""

    def __call__(self, w):
        if float(ops.max(w)) > 1:
            return w / 2
        return w


def by_function(w):
    return np.maximum(w, 0.0)


class Counting(keras.constraints.Constraint):
    """Runs in a compiled step, and keeps count of its calls."""

    def __init__(self):
        self.calls = 0
        self.total = keras.Variable(0.0)

    def __call__(self, w):
        self.calls += 1
        self.total.assign_add(1.0)
        return ops.maximum(w, 0.0)


def made(constraint, **options):
    model = keras.Sequential(
        [keras.Input((5,)), layers.Dense(2, name="d", kernel_constraint=constraint)]
    )
    model.compile("sgd", "mse", **options)
    return model


def fitted(model, *callbacks):
    model.fit(np.ones((4, 5)), np.ones((4, 2)), verbose=0, callbacks=list(callbacks))


WORDS = [
    (Clip(), "Clip", r"return np.clip\(w, 0, 1\)", "Write keras.ops.clip in place of np.clip."),
    (Branch(), "Branch", r"float\(ops.max\(w\)\)", r"with keras.ops in place of NumPy, float\(\)"),
    (by_function, "by_function", "np.maximum", "Write keras.ops.maximum in place of np.maximum."),
]


@pytest.mark.parametrize(("constraint", "name", "line", "write"), WORDS)
@pytest.mark.parametrize("way", ["keep", "constrain"])
def test_a_constraint_of_numpy_is_named(constraint, name, line, write, way):
    """With the weight, the line and what to write; PyTorch runs it as it is."""
    model = made(constraint if way == "keep" else None)
    if way == "constrain":
        ci.constrain(model, {"d/kernel": constraint})
    callbacks = [ci.KeepFeasible()] if way == "keep" else []
    if not COMPILED:
        fitted(model, *callbacks)
        return
    said = rf"{name} of '\S*d/kernel' can not run in a compiled step.*test_refused.py:\d+ in "
    with pytest.raises(ValueError, match=rf"{said}.*{line}.*{write}.*run_eagerly=True\)\."):
        fitted(model, *callbacks)


@pytest.mark.parametrize("constraint", [Clip(), by_function, Counting()])
def test_what_can_run_is_left_alone(constraint):
    """Where steps are run as they are written; and a state is as it was at the first step."""
    fitted(made(constraint, run_eagerly=True), ci.KeepFeasible())
    if isinstance(constraint, Counting):
        model, calls = made(constraint), constraint.calls
        fitted(model, ci.KeepFeasible())
        assert constraint.calls > calls
        assert np.isfinite(ops.convert_to_numpy(constraint.total))


def test_in_a_loop_of_ones_own():
    """A compiled step of JAX by `held`; `hold` runs it."""
    model = made(Clip())
    ci.hold(model)
    assert ops.convert_to_numpy(model.layers[0].kernel).min() >= 0
    if keras.backend.backend() != "jax":
        return
    import jax

    values = [v.value for v in model.trainable_variables]
    ci.held(model, values)
    with pytest.raises(ValueError, match=re.escape("Write keras.ops.clip in place of np.clip.")):
        jax.jit(lambda values: ci.held(model, values))(values)


def test_other_errors_stay():
    """An error that has nothing to do with NumPy is that of the constraint."""

    def wrong(w):
        raise KeyError("of the user")

    with pytest.raises(KeyError, match="of the user"):
        ci.as_set(wrong).project(np.ones(3, "float32"))

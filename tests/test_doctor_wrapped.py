"""What the doctor calls things by: constraints that `constrain` attached, and what to call."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(32, 6)).astype("float32")


@keras.saving.register_keras_serializable("wrapped")
class Square(keras.constraints.Constraint):
    """No projection: its images move again."""

    def __call__(self, w):
        return w * w


@keras.saving.register_keras_serializable("wrapped")
def square(w):
    """The same as a function."""
    return w * w


@keras.saving.register_keras_serializable("wrapped")
def shares(w):
    """A sum without `keepdims`, along the wrong axis of a square kernel."""
    return ops.abs(w) / ops.sum(ops.abs(w), axis=1)


def two_layers(name=None):
    keras.utils.set_random_seed(0)
    return compiled(keras.Sequential([keras.Input((6,)), layers.Dense(6, "tanh", name=name),
                             layers.Dense(1)]))  # fmt: skip


def compiled(model):
    model.compile("sgd", "mse")
    return model


@pytest.mark.filterwarnings("ignore:Keras can not save")
@pytest.mark.parametrize("own", [Square(), square])
def test_a_constraint_that_was_attached_has_the_users_name(own):
    """Not that of the set that `constrain` puts around it."""
    model = two_layers()
    ci.constrain(model, {"dense*/kernel": own})
    report = str(ci.diagnose(model, X, X[:, :1]))
    name = getattr(own, "__name__", type(own).__name__)
    assert f"its constraint {name} moves its own result" in report.replace("\n", " ")
    assert "Custom" not in report


def test_the_source_of_an_attached_constraint_is_read():
    """What is advised is the same as of one that the layer was given."""
    found = []
    for given in (False, True):
        model = two_layers("first")
        if given:
            model.layers[0].kernel.constraint = shares
        else:
            ci.constrain(model, {"first/kernel": shares})
        found.append([f for f in ci.diagnose(model, X, X[:, :1]).findings if f.code == "CW205"])
    assert [f.fix for f in found[0]] == [f.fix for f in found[1]] != []
    assert "check keepdims=True and the axis" in found[0][0].fix


@pytest.mark.parametrize("name", [None, "first"])
def test_why_a_weight_is_named_by_its_place_is_said(name):
    """Where Keras may have made up the name of its layer; what is pasted runs either way."""
    model = two_layers(name)
    ci.constrain(model, {f"{model.layers[0].name}/kernel": Square()})
    found = ci.diagnose(model, X, X[:, :1]).findings
    code = next(f.treatment.code for f in found if f.code == "CW205" and f.treatment)
    assert ("# by place: unless you gave it" in code) == (name is None)
    assert ("model.layers[0].kernel.path" in code) == (name is None)
    exec(code, {"ci": ci, "model": model})


@pytest.mark.parametrize("trainable", [True, False])
def test_what_is_frozen_outside_is_projected(trainable):
    """The fix and the code to paste name the same function."""
    dense = layers.Dense(6, "tanh", kernel_constraint=ci.NonNegative())
    model = keras.Sequential([keras.Input((6,)), dense, layers.Dense(1)])
    dense.trainable = trainable
    [found] = [f for f in ci.diagnose(compiled(model), X, X[:, :1]).findings if f.code == "CW101"]
    call = "prepare(model)" if trainable else "project(model)"
    assert f"constrainit.{call}" in found.fix
    assert found.treatment is not None
    assert found.treatment.code == f"ci.{call}"

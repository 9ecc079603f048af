"""Constraints of the user's own along axes that are not those of the units: what is to paste."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

pytestmark = pytest.mark.in_turns(every=8)

DRAWS = np.random.default_rng(0)
IMAGES = DRAWS.normal(size=(16, 6, 6, 3)).astype("float32")
WORDS = DRAWS.integers(0, 12, size=(16, 4))

registered = keras.saving.register_keras_serializable("test_doctor_axes_of_units")


def scaled(w, axis):
    return w / (1e-7 + ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True)))


@registered
class Along(keras.constraints.Constraint):
    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        return scaled(w, self.axis)

    def get_config(self):
        return {"axis": self.axis}


@registered
class Capped(keras.constraints.Constraint):
    """With an argument of another name, and one more."""

    def __init__(self, most, dim):
        self.most, self.dim = most, dim

    def __call__(self, w):
        norm = ops.sqrt(ops.sum(ops.square(w), axis=self.dim, keepdims=True))
        return w * ops.minimum(1.0, self.most / ops.maximum(norm, 1e-7))

    def get_config(self):
        return {"most": self.most, "dim": self.dim}


@registered
class Columns(keras.constraints.Constraint):
    """No argument: the axis is written in its code."""

    def __call__(self, w):
        return w / (1e-7 + ops.sqrt(ops.sum(ops.square(w), axis=0, keepdims=True)))


@registered
class Called(keras.constraints.Constraint):
    """Nor is it an axis by name there."""

    def __call__(self, w):
        return scaled(w, 0)


def of_words(constraint, dense=None):
    table = layers.Embedding(12, 3, embeddings_constraint=constraint, name="table")
    parts = [layers.Flatten(), layers.Dense(4, kernel_constraint=dense), layers.Dense(1)]
    model = keras.Sequential([keras.Input((4,), dtype="int32"), table, *parts])
    return model, WORDS, np.float32(WORDS[:, :1] == 3)


def of_images(constraint):
    filters = layers.Conv2D(4, 3, kernel_constraint=constraint, name="stem")
    model = keras.Sequential([keras.Input((6, 6, 3)), filters, layers.Flatten(), layers.Dense(1)])
    return model, IMAGES, IMAGES.mean((1, 2, 3))[:, None]


@pytest.mark.parametrize(
    ("made", "paste", "changes"),
    [
        (lambda: of_words(Along(axis=0)), "{'table/embeddings': Along(axis=1)}", None),
        (lambda: of_images(Along(0)), "{'stem/kernel': Along(axis=(0, 1, 2))}", None),
        (lambda: of_images(Capped(0.3, [0])), "{'stem/kernel': Capped(most=0.3, dim=[0, 1, 2])}",
         "Capped(0.3, [0, 1, 2])"),
        (lambda: of_words(Columns()), "ci.prepare(model)", "axis=1, keepdims=True"),
        (lambda: of_words(Called()), "{'table/embeddings': ci.UnitNorm()}", None),
        # What the dense kernel needs is what stands there.
        (lambda: of_words(Columns(), Columns()), "{'table/embeddings': ci.UnitNorm()}", None),
        (lambda: of_words(Along(1)), None, None),
    ],
    ids=["axis", "several", "dim", "in its code", "elsewhere", "of others", "right"],
)  # fmt: skip
def test_what_is_to_paste(made, paste, changes):
    """The call with the right axes; else the change of its class; else the exact set."""
    keras.utils.set_random_seed(0)
    model, x, y = made()
    model.compile("adam", "mse")
    own = [f for f in ci.diagnose(model, x, y).findings if f.code == "CW301" and f.counts]
    if paste is None:
        assert own == []
        return
    [tried] = [f.treatment for f in own]
    assert tried is not None
    assert tried.healed
    assert paste in tried.code
    assert changes is None if tried.diff == "" else changes in tried.diff
    # What is pasted behind the change of a class needs that.
    if not tried.diff:
        exec(tried.code, {"ci": ci, "model": model, "Along": Along})
        [weight] = [v for v in model.layers[0].trainable_variables if "bias" not in v.path]
        axis = (0, 1, 2) if len(weight.shape) == 4 else 1
        norms = np.sqrt(np.sum(np.square(ops.convert_to_numpy(weight)), axis=axis))
        assert np.allclose(norms, 1.0, atol=1e-4)

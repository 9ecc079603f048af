"""Edits of the user's own Python: what they make of a source, and that the doctor tries them."""

import ast
import inspect

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.treatments import _edits

EDITS = {
    "item by index": (
        _edits.without_item_assignment,
        "def __call__(self, w):\n    for i in range(3):\n        w[i] = w[i] / 2\n    return w\n",
        "w = keras.ops.scatter_update(w, [[i]], keras.ops.stack([w[i] / 2]))",
    ),
    "item by mask": (
        _edits.without_item_assignment,
        "def __call__(self, w):\n    w[w < 0] = 0.0\n    return w\n",
        "w = keras.ops.where(w < 0, 0.0, w)",
    ),
    "item in place": (
        _edits.without_item_assignment,
        "def __call__(self, w):\n    w[0] *= 2\n    return w\n",
        "w = keras.ops.scatter_update(w, [[0]], keras.ops.stack([w[0] * 2]))",
    ),
    "draw": (
        _edits.seeded,
        "def __call__(self, w):\n    return w + keras.random.normal(w.shape)\n",
        "keras.random.normal(w.shape, seed=0)",
    ),
    "axis": (
        _edits.keeps_dimensions,
        "def __call__(self, w):\n    return w / ops.sum(w, axis=0)\n",
        "ops.sum(w, axis=0, keepdims=True)",
    ),
    "draw of NumPy": (
        _edits.seeded_numpy,
        "def __call__(self, w):\n    return w * (np.random.rand(*w.shape) > 0.1)\n",
        "np.random.RandomState(0).rand(*w.shape) > 0.1",
    ),
    "along inputs": (
        _edits.along_inputs,
        "def __call__(self, w):\n    return w / ops.std(w, axis=-1, keepdims=True)\n",
        "ops.std(w, axis=0, keepdims=True)",
    ),
    "step": (
        _edits.with_a_gradient,
        "def call(self, x):\n    return x * ops.sign(self.w)\n",
        "x * (self.w + ops.stop_gradient(ops.sign(self.w) - self.w))",
    ),
    "choice": (
        _edits.with_a_gradient,
        "def call(self, x):\n    return x * ops.where(self.w >= 0, 1.0, -1.0)\n",
        "(self.w + ops.stop_gradient(ops.where(self.w >= 0, 1.0, -1.0) - self.w))",
    ),
    "clip": (
        _edits.with_a_gradient,
        "def call(self, x):\n    return ops.clip(x, 0.0, 1.0)\n",
        "(x + ops.stop_gradient(ops.clip(x, 0.0, 1.0) - x))",
    ),
    "axes of a unit": (
        _edits.along([0], (0, 1, 2)),
        "def __call__(self, w):\n    return w / ops.norm(w, axis=0, keepdims=True)\n",
        "ops.norm(w, axis=(0, 1, 2), keepdims=True)",
    ),
    "softmax": (
        _edits.softmax_along_time("return x * ops.softmax(self.score(x))"),
        "def call(self, x):\n    return x * ops.softmax(self.score(x))\n",
        "return x * ops.softmax(self.score(x), axis=-2)",
    ),
    "memory": (
        _edits.without_a_memory,
        "def __call__(self, w):\n    self.b *= 0.9\n    return ops.clip(w, -self.b, self.b)\n",
        "def __call__(self, w):\n    return ops.clip(w, -self.b, self.b)\n",
    ),
    "stopped": (
        _edits.with_a_gradient,
        "def call(self, x):\n    return x * ops.stop_gradient(self.w + 1)\n",
        "return x * (self.w + 1)",
    ),
}
OTHERS = (
    "def get_config(self):\n    config['x'] = self.x\n    return config\n",
    "def __call__(self, w):\n    known['w'] = w\n    return keras.random.normal(w.shape, seed=1)\n",
)


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_writes_what_runs_on_each_backend(name):
    """The new source parses and holds the new expression."""
    edit, text, expected = EDITS[name]
    _, new = edit(text)
    ast.parse(new)
    assert expected in new
    assert edit(new) is None


@pytest.mark.parametrize("text", OTHERS)
def test_what_is_no_tensor_is_left(text):
    """A dictionary of the user's, and a draw that has its seed."""
    assert _edits.without_item_assignment(text) is None
    assert _edits.seeded(text) is None


class ByItem(keras.constraints.Constraint):
    """As written for NumPy."""

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        w[w < 0] = 0.0
        return w

    def get_config(self):
        return {}


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="tensors of PyTorch take items")
def test_item_assignment_is_healed_and_shown_as_a_diff():
    """The finding that it raises is gone with the edited class; the user's class is as it was."""
    start = keras.initializers.RandomUniform(-1.0, 1.0, seed=0)
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, kernel_initializer=start, kernel_constraint=ByItem())]
    )
    report = ci.diagnose(model, np.ones((2, 4), "float32"))
    first = report.findings[0]
    assert first.code == "CW201"
    assert first.treatment is not None
    assert first.treatment.healed, str(report)
    assert "+        w = keras.ops.where(w < 0, 0.0, w)" in first.treatment.diff
    assert type(model.layers[0].kernel.constraint) is ByItem
    assert "w[w < 0]" in inspect.getsource(ByItem)

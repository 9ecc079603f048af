"""Edits of constraints: branches on a weight, arguments in the wrong order, and configs."""

import contextlib
import inspect

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.treatments import _chosen_edits, _edit_branches, _edit_slips, _edits

pytestmark = pytest.mark.in_turns(every=16)


class Largest(keras.constraints.Constraint):
    """Returns from a branch."""

    def __call__(self, w):
        largest = ops.max(ops.abs(w))
        if largest > 1:
            return w / largest
        return w


class Otherwise(keras.constraints.Constraint):
    """Returns from both branches, of a chain."""

    def __call__(self, w):
        size = ops.norm(w)
        if float(size) > 2.0:
            return w * (2.0 / size)
        elif size < 0.5:
            return w * (0.5 / size)
        else:
            return w


class Assigned(keras.constraints.Constraint):
    """Assigns in a branch, twice, and asks for a shape in Python besides."""

    def __init__(self, high=1.0):
        self.high = high

    def __call__(self, w):
        if len(w.shape) < 1:
            return w
        mean = ops.mean(w)
        if ops.any(w < 0) and not mean > self.high:
            w = ops.relu(w)
        if -1 < mean < self.high:
            w *= 2.0
        else:
            w = w - 1.0
        return w


class Chosen(keras.constraints.Constraint):
    """A conditional expression."""

    def __call__(self, w):
        return w if float(ops.sum(w)) < 1 else w / ops.sum(w)


OWN = [Largest, Otherwise, Assigned, Chosen]
VALUES = [
    np.array(v, "float32") for v in ([[0.2, 0.1]], [[3.0, -1.0]], [[-0.1, 0.0]], [[9.0, 9.0]])
]


@pytest.mark.parametrize("kind", OWN, ids=lambda kind: kind.__name__)
def test_a_branch_becomes_a_choice_of_the_same_tensor(kind):
    """What the edited source computes is what the branches gave, whichever was taken."""
    text = inspect.getsource(kind)
    sentence, new = _edit_branches.without_branches(text)
    assert sentence == "keras.ops.where in place of Python's `if`"
    assert _edit_branches.without_branches(new) is None
    scope = {"keras": keras, "ops": ops}
    exec(compile(new, "<edited>", "exec"), scope)
    edited = scope[kind.__name__]()
    for value in VALUES:
        # In place, PyTorch multiplies what the test gave.
        both = [
            ops.convert_to_numpy(one(ops.convert_to_tensor(value.copy())))
            for one in (kind(), edited)
        ]
        np.testing.assert_array_equal(*both)


@pytest.mark.parametrize(
    "body",
    [
        "        if self.hard:\n            return ops.relu(w)\n        return w\n",
        "        if w.shape[0] > 1 or len(w) > 2:\n            return -w\n        return w\n",
        "        if ops.max(w) > 1:\n            print('large')\n        return w\n",
        "        if ops.max(w) > 1:\n            a = 1\n            w = w / 2\n        return w\n",
    ],
)
def test_a_branch_on_no_weight_or_of_another_form_is_left(body):
    """A flag and a shape are no tensors; what prints has no form as a choice."""
    text = f"class C:\n    def __call__(self, w):\n{body}"
    assert _edit_branches.without_branches(text) is None


def diagnosed(constraint):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((6,)), layers.Dense(8, kernel_constraint=constraint), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 6)).astype("float32")
    return ci.diagnose(model, x, x[:, :1])


def treated(report, code):
    [found] = [one for one in report.findings if one.code == code]
    return found.treatment


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="a step of PyTorch is not compiled")
def test_a_branch_is_told_and_mended():
    """The doctor names the `if`, and tries the choice."""
    report = diagnosed(Largest())
    done = treated(report, "CW201")
    assert "keras.ops.where(condition, this, that)" in report.findings[0].fix
    assert done.healed
    assert "ops.where(largest > 1, w / largest, w)" in done.diff


class Swapped(keras.constraints.Constraint):
    """Bounds in the wrong order, kept from a constructor in one statement, with an array."""

    def __init__(self, low, high, mask):
        self.low, self.high = low, high
        self.mask = np.asarray(mask, "float32")

    def __call__(self, w):
        return ops.multiply(ops.clip(w, self.high, self.low), self.mask)


def test_bounds_the_wrong_way_round_and_a_config_with_an_array():
    """A clip whose bounds are swapped gives one number; its class comes back with its arguments."""
    report = diagnosed(Swapped(-0.5, 0.5, np.ones((6, 8))))
    undone = treated(report, "CW212")
    assert undone.healed
    assert "ops.clip(w, self.low, self.high)" in undone.diff
    saved = treated(report, "CW208")
    assert saved.healed
    assert '"low": self.low, "high": self.high, "mask": ' in saved.diff
    assert "convert_to_numpy(self.mask).tolist()" in saved.diff


def test_the_bounds_of_a_minimum_of_a_maximum():
    """They are exchanged as well, and a `clip` of one bound is left."""
    text = "def f(w):\n    return ops.minimum(ops.maximum(w, 0.5), -0.5)\n"
    _, new = _edit_slips.bounds_in_order(text)
    assert "ops.minimum(ops.maximum(w, -0.5), 0.5)" in new
    assert _edit_slips.bounds_in_order("def f(w):\n    return ops.maximum(w, 0.0)\n") is None


def test_bounds_that_were_given_the_wrong_way_round():
    """Their names stand in order: an edit of the class would break its right uses."""
    text = "class C:\n    def __call__(self, w):\n        return ops.clip(w, self.low, self.high)\n"
    assert _edit_slips.bounds_in_order(text) is None
    assert _edit_slips.bounds_in_order(text.replace("low", "x")) is not None


def test_an_assignment_to_entries_in_a_function():
    """As in the method of a class."""
    text = "def no_negative(w):\n    w[w < 0] = 0\n    return w\n"
    _, new = _edits.without_item_assignment(text)
    assert "    w = keras.ops.where(w < 0, 0, w)\n" in new


class Even(keras.constraints.Constraint):
    """Symmetric filters, as for a matrix."""

    def __call__(self, w):
        return (w + ops.transpose(w)) / 2


def test_a_transpose_of_all_axes():
    """Of a kernel of four axes the first two are meant."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(2, 3, kernel_constraint=Even()),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 8, 8, 1)).astype("float32")
    report = ci.diagnose(model, x, x[:, 0, 0])
    first = report.findings[0]
    assert first.code in ("CW201", "CW202")
    assert first.treatment.healed
    assert "ops.swapaxes(w, 0, 1)" in first.treatment.diff


def test_numbers_read_of_a_tensor_one_by_one():
    """`numpy()` goes, and with it the assignments to entries that only an array takes."""
    text = (
        "def f(w):\n    s = ops.sum(w, axis=1).numpy()\n"
        "    for i in range(6):\n        w[i] /= s[i]\n    return w\n"
    )
    _, new = _chosen_edits.keras_ops(text)
    assert "s = ops.sum(w, axis=1)\n" in new
    class_text = f"class C:\n{''.join('    ' + line for line in text.splitlines(True))}"
    class_text = class_text.replace("def f(w)", "def __call__(self, w)")
    sentence, new = _chosen_edits.without_numpy(class_text)
    assert "and a new tensor in place of" in sentence
    assert "w = keras.ops.scatter_update(w, [[i]], keras.ops.stack([w[i] / s[i]]))" in new


def rounded(y_true, y_pred):
    """A loss of whole marks."""
    return ops.mean(ops.square(ops.round(y_pred) - ops.round(y_true)), axis=-1)


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="Keras raises there")
def test_a_loss_that_rounds_its_predictions():
    """The predictions are no longer rounded, the targets are, as they were."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), layers.Dense(8, "relu"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), rounded)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(32, 6)).astype("float32")
    done = treated(ci.diagnose(model, x, 4 * x[:, :1]), "CW503")
    assert done.healed
    assert "ops.square(y_pred - ops.round(y_true))" in done.diff


@pytest.mark.parametrize(("kind", "count", "told"), [("GRU", 4, True), ("LSTM", 4, False)])
def test_blocks_that_are_no_gates(kind, count, told):
    """Of 24 columns four blocks of six, where a GRU has three gates of eight."""
    a_set = ci.constrained(recurrent_kernel=ci.Blocks(ci.Orthogonal(), count))
    warned = pytest.warns(UserWarning, match="3 gates") if told else contextlib.nullcontext()
    with warned:
        model = keras.Sequential([keras.Input((5, 3)), getattr(layers, kind)(8, **a_set)])
    model.compile("sgd", "mse")
    notes = [one for one in ci.diagnose(model).findings if one.code == "CW301"]
    assert len(notes) == told
    assert not told or "write 3 in place of 4" in notes[0].fix

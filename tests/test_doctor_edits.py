"""Edits of the user's own Python: what they make of a source, and that the doctor tries them."""

import ast
import importlib.util
import inspect
import linecache
import sys

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.treatments import _chosen_edits, _edit_softmaxes, _edits
from constrainit.doctor.treatments._edit_noise import without_noise
from constrainit.doctor.treatments._rewriting import registered_as_before, rewritten, source_of

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

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
    "noise": (
        without_noise,
        "def __call__(self, w):\n    w = w + keras.random.normal(w.shape)\n    return abs(w)\n",
        "    w = w\n",
    ),
    "noise by a name": (
        without_noise,
        "def __call__(self, w):\n    e = keras.random.normal(w.shape)\n    return w * (1 + e)\n",
        "return w * (1)\n",
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
        _edit_softmaxes.softmax_along_time("return x * ops.softmax(self.score(x))"),
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
CLASS = "class Floor:\n    def __init__(self, low, high=1.0):\n        self.low = low\n"
CLASS += "        self._high = float(high)\n"
EDITS |= {
    "config": (
        _chosen_edits.with_config,
        CLASS,
        '    def get_config(self):\n        return {"low": self.low, "high": self._high}\n',
    ),
    "rest of a config": (
        _chosen_edits.with_config,
        f"{CLASS}\n    def get_config(self):\n        return {{'low': self.low}}\n",
        "return {'low': self.low, \"high\": self._high}\n",
    ),
    "registered": (
        _chosen_edits.saved,
        CLASS,
        "@keras.saving.register_keras_serializable()\nclass Floor:",
    ),
    "NumPy": (
        _chosen_edits.keras_ops,
        "def __call__(self, w):\n    return np.clip(w.numpy(), 0, np.asarray(self.top))\n",
        "keras.ops.clip(w, 0, keras.ops.convert_to_tensor(self.top))",
    ),
    "array of NumPy": (
        _chosen_edits.without_numpy,
        "class C:\n    def __init__(self, m):\n        self.m = list(m)\n\n"
        "    def __call__(self, w):\n        return self.m * w\n",
        "        w = keras.ops.convert_to_tensor(w)\n        return self.m * w",
    ),
    "tensor": (
        _chosen_edits.of_a_tensor,
        "class C:\n    def __call__(self, w):\n        return keras.ops.where(w < 0, 0.0, w)\n",
        "        w = keras.ops.convert_to_tensor(w)\n        return keras.ops.where(",
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


@pytest.mark.parametrize(
    "text",
    [
        "def __call__(self, w):\n    u = keras.random.normal((3,)) + 1e-6\n    return w / u\n",
        "def __call__(self, w):\n    return w * keras.random.normal(w.shape)\n",
        "def __call__(self, w, draw=keras.random.SeedGenerator(0)):\n    return w\n",
    ],
    ids=["a start", "a factor", "a generator"],
)
def test_what_is_not_noise_is_left(text):
    assert without_noise(text) is None
    if "Generator" in text:
        assert _edits.seeded(text) is None


class Noisy(keras.constraints.Constraint):
    """Adds noise at each update, from a generator of its own."""

    def __init__(self):
        self.draws = keras.random.SeedGenerator(0)

    def __call__(self, w):
        w = w + 0.5 * keras.random.normal(ops.shape(w), seed=self.draws)
        return w / (ops.norm(w, axis=0, keepdims=True) + 1e-6)

    def get_config(self):
        return {}


def test_noise_is_taken_out():
    """A generator has its seed; what it adds is what differs from call to call."""
    layer = keras.layers.Dense(3, kernel_constraint=Noisy())
    model = keras.Sequential([keras.Input((4,)), layer])
    found = {finding.code: finding for finding in ci.diagnose(model).findings}
    treatment = found["CW207"].treatment
    assert treatment is not None
    assert treatment.healed, str(treatment)
    assert "-        w = w + 0.5 * keras.random.normal(" in treatment.diff
    assert "SeedGenerator(0, " not in treatment.diff


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


def test_a_config_that_can_not_be_read_off_is_left():
    """An argument that is not kept can not be returned, nor can one dictionary of two be chosen."""
    assert _chosen_edits.with_config(CLASS.replace("self.low", "low_")) is None
    assert _chosen_edits.with_config("class Base:\n    pass\n") is None
    dynamic = f"{CLASS}\n    def get_config(self):\n        return dict(low=self.low)\n"
    assert _chosen_edits.with_config(dynamic) is None


def diagnosed(constraint, start="ones"):
    dense = layers.Dense(3, kernel_initializer=start, kernel_constraint=constraint)
    model = keras.Sequential([keras.Input((4,)), dense])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(8, 4)).astype("float32")
    return ci.diagnose(model, x, x[:, :3], steps=2).findings


register = keras.saving.register_keras_serializable("test_doctor_edits")


@register
class Floor(keras.constraints.Constraint):
    def __init__(self, low):
        self._low = low

    def __call__(self, w):
        return ops.maximum(w, self._low)


class Loose(keras.constraints.Constraint):
    def __init__(self, low=0.0):
        self.low = low

    def __call__(self, w):
        return ops.maximum(w, self.low)


@pytest.mark.parametrize(("kind", "is_registered"), [(Floor, True), (Loose, False)])
def test_what_a_class_that_is_not_saved_lacks(kind, is_registered):
    """A `get_config` with the arguments, which is tried; registered is only what is not."""
    (found,) = [f for f in diagnosed(kind(0.1)) if f.code == "CW208"]
    name = "_low" if is_registered else "low"
    assert f'def get_config(self): return {{"low": self.{name}}}' in found.fix
    assert ("register_keras_serializable" in found.fix) != is_registered
    assert found.treatment.healed
    assert f'+        return {{"low": self.{name}}}' in found.treatment.diff
    assert ("+@keras.saving" in found.treatment.diff) != is_registered


class Summed(keras.constraints.Constraint):
    """Sums without their axis."""

    def __call__(self, w):
        return w / ops.sum(w, axis=1)


keras.saving.register_keras_serializable("test_doctor_edits")(Summed)


def test_a_class_that_is_registered_by_a_call_stays_so():
    """The edit that is tried is known to Keras, and the diff does not register it once more."""
    first, *_ = found = [f for f in diagnosed(Summed()) if f.counts]
    assert first.code in ("CW201", "CW202", "CW205")
    assert first.treatment.healed
    assert "keepdims=True" in first.treatment.diff
    assert "register" not in "".join(f.treatment.diff for f in found if f.treatment is not None)
    name = "test_doctor_edits>Summed"
    with registered_as_before():
        made = rewritten(Summed, _edits.keeps_dimensions)
        assert made is not None
        assert keras.saving.get_registered_name(made[0]) == name
        assert keras.saving.get_registered_object(name) is made[0]
    assert keras.saving.get_registered_object(name) is Summed


@register
class Unread(keras.constraints.Constraint):
    """Sums without their axis, and a fault that has nothing to do with it."""

    def __call__(self, w):
        total = ops.sum(w, axis=0)
        if ops.max(total) > 1.0:
            w = w / total
        return w


@register
class OfVariable(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.where(w > 0.5, 0.5, w)


@register
class Plain(keras.constraints.Constraint):
    def __call__(self, w):
        return np.clip(w.numpy(), 0, 1)


@register
class Random(keras.constraints.Constraint):
    def __call__(self, w):
        return w + 0.01 * keras.random.normal(w.shape)


ON_JAX = {
    "a choice": (Unread, "+        w = keras.ops.where(", "and not by Python's `if`"),
    "a Variable": (OfVariable, "+        w = keras.ops.convert_to_tensor(w)", "begin the"),
    "NumPy": (Plain, "+        return keras.ops.clip(w, 0, 1)", "in place of NumPy"),
    "no seed": (Random, "", "a keras.random.SeedGenerator that its constructor makes"),
}


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="only JAX refuses all of these")
@pytest.mark.parametrize("name", ON_JAX)
def test_the_edit_is_for_the_fault(name):
    """None where none is known that has to do with what it raises; the advice fits it, too."""
    kind, line, fix = ON_JAX[name]
    first = diagnosed(kind(), "zeros")[0]
    assert first.code == "CW201"
    assert fix in first.fix
    done = first.treatment
    if line is None:
        assert done is None or not done.diff
    elif line:
        assert done.healed, done
        assert line in done.diff


# What a file imports, the base of its class, and how an edit is to write `keras.ops.where`.
IMPORTS = {
    "keras": ("import keras", "keras.constraints.Constraint", "keras.ops.where"),
    "parts of it": ("from keras import constraints, ops", "constraints.Constraint", "ops.where"),
    "another name": ("import keras as K", "K.constraints.Constraint", "K.ops.where"),
    "other parts": ("import keras.ops as ko\nfrom keras import constraints",
                    "constraints.Constraint", "ko.where"),
    "a function": ("from keras.ops import where\nfrom keras.constraints import Constraint",
                   "Constraint", "where"),
    "nothing of use": ("import math\nfrom keras.constraints import Constraint",
                       "Constraint", "keras.ops.where"),
}  # fmt: skip
FILE = '''"""What the file is for."""

from __future__ import annotations

{imports}


class Floor({base}):
    def __init__(self, low=0.0):
        self.low = low

    def __call__(self, w):
        w[w < self.low] = self.low
        return w
'''


@pytest.mark.parametrize("name", IMPORTS)
def test_an_edit_takes_what_the_file_imports(name, tmp_path):
    """The file runs as the diff leaves it, after one edit and after two."""
    imports, base, where = IMPORTS[name]
    place = tmp_path / f"own_{len(name)}.py"
    place.write_text(FILE.format(imports=imports, base=base))
    kind = loaded(place).Floor
    first, _, diff = rewritten(kind, _edits.without_item_assignment)
    lacks = name == "nothing of use"
    assert f"+        w = {where}(w < self.low" in diff, diff
    assert diff.count("+import keras\n") == lacks
    second, _, diff = rewritten(first, _chosen_edits.registered)
    needs = name in ("parts of it", "other parts", "a function")
    assert diff.count("+import keras\n") == needs, diff
    for made in (first, second):
        place.write_text("".join(source_of(made)[3]))
        low = loaded(place).Floor(-1.0)(ops.convert_to_tensor([-2.0, 3.0]))
        assert ops.convert_to_numpy(low).tolist() == [-1.0, 3.0]


def loaded(place):
    spec = importlib.util.spec_from_file_location(place.stem, place)
    module = importlib.util.module_from_spec(spec)
    sys.modules[place.stem] = module
    linecache.clearcache()
    spec.loader.exec_module(module)
    return module

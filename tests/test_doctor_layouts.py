"""Constants of a constraint that are laid out otherwise than the weight it acts on."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._layouts import layout
from constrainit.doctor._misfits import Constant, fitted, misfits
from constrainit.model import walk

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)


def pattern(*shape):
    return (DRAWS.random(shape) > 0.3).astype("float32")


registered = keras.saving.register_keras_serializable("test_doctor_layouts")


@registered
class Allowed(keras.constraints.Constraint):
    """Keeps the entries that a pattern allows."""

    def __init__(self, pattern):
        self.pattern = np.asarray(pattern, "float32")

    def __call__(self, w):
        pattern = ops.convert_to_tensor(self.pattern)
        return w * pattern

    def get_config(self):
        return {"pattern": self.pattern.tolist()}


@registered
class Listed(keras.constraints.Constraint):
    """The same, with a list, and with axes that are none of its business."""

    def __init__(self, allowed):
        self.allowed, self.axes = allowed, [0, 1, 2]

    def __call__(self, w):
        return ops.convert_to_tensor(w) * ops.convert_to_tensor(self.allowed, "float32")

    def get_config(self):
        return {"allowed": self.allowed}


def only(mask):
    def masked(w):
        return w * mask

    return masked


OF_UNITS, OF_INPUTS, EACH, OTHER = map(
    ops.convert_to_tensor, (pattern(5, 3), pattern(3, 5), pattern(3), pattern(2, 5))
)


@registered
class Global(keras.constraints.Constraint):
    """The names of its module are in its code, and not among its attributes."""

    def __call__(self, w):
        return ops.convert_to_tensor(w) * OF_UNITS

    def get_config(self):
        return {}


@registered
class TurnedGlobal(Global):
    def __call__(self, w):
        return ops.convert_to_tensor(w) * ops.transpose(OF_INPUTS)


@registered
class Turned(Allowed):
    def __call__(self, w):
        return ops.convert_to_tensor(w) * ops.convert_to_tensor(self.pattern.T)


@registered
class ForEachInput(Global):
    def __call__(self, w):
        return ops.convert_to_tensor(w) * EACH


@registered
class NoneFits(Global):
    def __call__(self, w):
        return ops.convert_to_tensor(w) * OTHER


def lstm(**arguments):
    return keras.Sequential([keras.Input((6, 3)), layers.LSTM(5, name="memory", **arguments)])


def gru(**arguments):
    return keras.Sequential([keras.Input((6, 3)), layers.GRU(5, name="memory", **arguments)])


def both_ways(**arguments):
    both = layers.Bidirectional(layers.LSTM(5, name="memory", **arguments), name="both")
    return keras.Sequential([keras.Input((6, 3)), both])


def dense(**arguments):
    return keras.Sequential([keras.Input((3,)), layers.Dense(5, **arguments)])


def queries():
    """An attention layer whose query kernel has a constraint of its own."""
    given = keras.Input((6, 4))
    model = keras.Model(given, layers.MultiHeadAttention(2, 3, use_bias=False)(given, given))
    record = next(r for r in walk(model) if r.place.endswith("query/kernel"))
    record.variable.constraint = Allowed(pattern(4, 6))
    return model


def report_of(model):
    keras.utils.set_random_seed(0)
    model.compile(keras.optimizers.SGD(0.01), "mse")
    x = DRAWS.normal(size=(4, *model.input_shape[1:])).astype("float32")
    y = DRAWS.normal(size=(4, *model.output_shape[1:])).astype("float32")
    return ci.diagnose(model, x, y, steps=2)


# The model, what is said of its layout, and how the line is to read.
MENDED = {
    "lstm": (
        lambda: lstm(kernel_constraint=Allowed(pattern(3, 5))),
        "holds its 4 gates (input, forget, cell, output) side by side, as (inputs, 4 * units)",
        "ops.convert_to_tensor(keras.ops.tile(self.pattern, (1, 4)))",
    ),
    "recurrent kernel of a GRU, in a function": (
        lambda: gru(recurrent_constraint=only(ops.convert_to_tensor(pattern(5, 5)))),
        "holds its 3 gates (update, reset, candidate) side by side, as (units, 3 * units)",
        "return w * keras.ops.tile(mask, (1, 3))",
    ),
    "bias of a GRU": (
        lambda: gru(bias_constraint=Listed([1.0, 0.0, 1.0, 1.0, 0.0])),
        "the bias of GRU holds its 3 gates (update, reset, candidate) side by side, as "
        "(2, 3 * units)",
        "keras.ops.tile(keras.ops.array(self.allowed), (3,))",
    ),
    "both ways": (
        lambda: both_ways(kernel_constraint=Allowed(pattern(3, 5))),
        "side by side, as (inputs, 4 * units)",
        "keras.ops.tile(self.pattern, (1, 4))",
    ),
    "turned": (
        lambda: dense(kernel_constraint=Listed(pattern(5, 3).tolist())),
        "the kernel of Dense is (inputs, units)",
        "keras.ops.transpose(keras.ops.array(self.allowed))",
    ),
    "a name of the module": (
        lambda: dense(kernel_constraint=Global()),
        "has the shape (5, 3), the weight (3, 5): the kernel of Dense is (inputs, units)",
        "+        return ops.convert_to_tensor(w) * keras.ops.transpose(OF_UNITS)",
    ),
    "turned for nothing": (
        lambda: dense(kernel_constraint=TurnedGlobal()),
        "has the shape (5, 3), the weight (3, 5)",
        "+        return ops.convert_to_tensor(w) * OF_INPUTS",
    ),
    "an attribute that is turned for nothing": (
        lambda: dense(kernel_constraint=Turned(OF_INPUTS)),
        "self.pattern.T has the shape (5, 3), the weight (3, 5)",
        "+        return ops.convert_to_tensor(w) * ops.convert_to_tensor(self.pattern)\n",
    ),
    "a number for each input": (
        lambda: dense(kernel_constraint=ForEachInput()),
        "has the shape (3,), the weight (3, 5)",
        "* keras.ops.reshape(EACH, (3, 1))",
    ),
    "heads": (
        queries,
        "the query kernel of an attention layer is (inputs, heads, size of a head)",
        "keras.ops.reshape(self.pattern, (4, 2, 3))",
    ),
}  # fmt: skip


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("name", MENDED)
def test_a_constant_is_laid_out_as_the_weight(name):
    """The shapes and the layout are told; the finding is gone with the constant laid out so."""
    build, told, line = MENDED[name]
    first = report_of(build()).findings[0]
    assert first.code == "CW201"
    assert told in first.message
    assert "has the shape" in first.message
    assert first.treatment.healed, first.treatment.change
    assert line in first.treatment.diff


def test_a_number_for_each_input_of_one_unit():
    """Nothing raises then: the weight comes back as a matrix."""
    model = keras.Sequential([keras.Input((3,)), layers.Dense(1, kernel_constraint=ForEachInput())])
    first = report_of(model).findings[0]
    assert first.code == "CW202"
    assert "has the shape (3,), the weight (3, 1)" in first.message
    assert first.fix.startswith("lay EACH out as the weight is, along axis 0")
    assert first.treatment.healed
    assert "* keras.ops.reshape(EACH, (3, 1))" in first.treatment.diff


def test_what_no_layout_makes_fit_is_told_of_with_its_line():
    """The constant is to be made otherwise, and it is told where."""
    first = report_of(dense(kernel_constraint=NoneFits())).findings[0]
    assert first.code == "CW201"
    made_at = f"{__file__}:{line_of_text('OF_UNITS, OF_INPUTS')}"
    found = re.fullmatch(r"make OTHER, at (.*), fit the shape \(3, 5\)", first.fix)
    assert found is not None, first.fix
    assert made_at.endswith(found[1])


def line_of_text(beginning):
    lines = Path(__file__).read_text("utf-8").splitlines()
    return next(i for i, line in enumerate(lines, 1) if line.startswith(beginning))


def conv(constraint):
    convolve = layers.Conv2D(4, 2, kernel_constraint=constraint)
    return keras.Sequential([keras.Input((5, 5, 3)), convolve])


def test_a_layout_that_no_shape_tells_of_is_only_told():
    """Which axis of a filter is which can not be guessed: no edit is tried."""
    first = report_of(conv(Allowed(pattern(4, 3, 2, 2)))).findings[0]
    assert first.code == "CW201"
    assert "the kernel of Conv2D is (*kernel_size, inputs, filters)" in first.message
    assert first.fix == "give the constraint a self.pattern that fits the shape (2, 2, 3, 4)"
    assert first.treatment is None or not first.treatment.diff


@registered
class Halves(keras.constraints.Constraint):
    """Adds two parts of a weight that are of different shapes."""

    def __call__(self, w):
        w = ops.convert_to_tensor(w)
        return w[..., :2] + w[..., :3]

    def get_config(self):
        return {}


def test_parts_that_do_not_fit_are_told_of_without_a_constant():
    """The weight's shape and layout are known, where nothing else is."""
    first = report_of(conv(Halves())).findings[0]
    assert first.code == "CW201"
    assert "The weight has the shape (2, 2, 3, 4): the kernel of Conv2D is" in first.message
    assert first.fix.startswith("make all that ")
    assert first.fix.endswith(" computes with fit the shape (2, 2, 3, 4) of the weight")


@registered
class Elsewhere(Allowed):
    """Fails for another reason than its pattern."""

    def __call__(self, w):
        return w.no_such_method() * self.pattern


def test_another_fault_is_no_matter_of_shapes():
    """A constant that does not fit is not named where something else failed."""
    first = report_of(lstm(kernel_constraint=Elsewhere(pattern(3, 5)))).findings[0]
    assert first.code == "CW201"
    assert "has the shape" not in first.message


@pytest.mark.parametrize(
    "build",
    [
        lambda: lstm(kernel_constraint=Allowed(pattern(3, 20))),
        lambda: gru(recurrent_constraint=Allowed(pattern(5, 1))),
        lambda: dense(kernel_constraint=Allowed(pattern(5))),
    ],
    ids=["of all gates", "for each input", "for each unit"],
)
def test_a_constant_that_fits_is_sound(build):
    """Of the weight's own shape, or one that is repeated along its axes by itself."""
    assert "CW201" not in [f.code for f in report_of(build()).findings]


def test_layouts_are_those_of_the_layers():
    """What is said of a weight has as many axes as the weight, gates among them."""
    given = keras.Input((4, 8, 8, 3))
    found = layers.ConvLSTM2D(2, 3, name="moving")(given)
    found = layers.Conv2DTranspose(5, 2, name="up")(found)
    found = layers.DepthwiseConv2D(2, name="deep")(found)
    found = layers.EinsumDense("abcd,de->abce", (None, None, 7), name="sum")(found)
    told = {r.path: layout(r) for r in walk(keras.Model(given, found))}
    assert told["moving/conv_lstm_cell/kernel"].endswith("(*kernel_size, inputs, 4 * filters)")
    assert told["moving/conv_lstm_cell/bias"].endswith("(4 * filters)")
    assert told["up/kernel"].endswith("(*kernel_size, filters, inputs)")
    assert told["deep/kernel"].endswith("(*kernel_size, inputs, depth_multiplier)")
    assert "'de' of its equation" in told["sum/kernel"]
    assert told["up/bias"] == ""


def test_what_fits_is_no_misfit_and_other_sizes_have_no_layout():
    """A list of other lengths, a name and a number are no constants of a shape."""
    record = walk(lstm(kernel_constraint=Allowed(pattern(3, 5))))[0]
    assert misfits(record) == [Constant("self.pattern", (3, 5))]
    assert fitted(record, Constant("mask", (3, 7))) is None
    assert fitted(record, Constant("mask", (1, 5))) == (
        "repeated for each of the 4 gates", "keras.ops.tile(mask, (1, 4))",
    )  # fmt: skip
    record.variable.constraint = Allowed(pattern(3, 1))
    vars(record.constraint).update(name="x", parts=[[1.0], [2.0, 3.0]], size=3, none=[])
    assert misfits(record) == []

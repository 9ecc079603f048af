"""What the doctor says of an exception: the real one, whole words, and no lines but the user's."""

import re

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers, ops

import constrainit as ci
from constrainit._text import cut
from constrainit.cli import cli
from constrainit.doctor._frames import Fault, fault
from constrainit.doctor._limits import brief
from constrainit.doctor._target import one_line

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)


class Least(keras.constraints.Constraint):
    """Moves all that a step leaves to numbers that are not above a bound."""

    def __init__(self, bound):
        self.bound = bound

    def __call__(self, w):
        return ops.minimum(w, self.bound)


LONG = "every word of this is whole, " * 40


@pytest.mark.parametrize(
    ("text", "longest", "expected"),
    [
        ("two words", 9, "two words"),
        ("two words", 8, "two ..."),
        ("two words", 3, "two ..."),
        ("x" * 30, 8, "xxxxxxxx ..."),
    ],
)
def test_a_text_is_cut_at_a_word(text, longest, expected):
    """What has no words is cut anywhere."""
    assert cut(text, longest) == expected


@pytest.mark.parametrize("shorten", [one_line, brief, lambda text: str(fault(ValueError(text)))])
def test_what_is_cut_says_so(shorten):
    """Each sentence that quotes what came from elsewhere ends with a whole word and an ellipsis."""
    said = shorten(LONG)
    assert said.endswith(" ...")
    assert said.split()[-2] in set(LONG.split())


def test_the_end_of_a_message_stays():
    """A full stop is the sentence's that quotes it, and a quote is the message's own."""
    assert str(Fault("E", "So it is.", ())) == "E: So it is"
    assert str(fault(TypeError("Keras. Exception encountered: lacks 'limit'"))).endswith("'limit'")
    assert str(fault(TypeError("Keras. Exception encountered: ''it ends''"))).endswith(" it ends")


def test_what_keras_has_caught_is_told():
    """By whichever of its sentences it is introduced."""
    for caught in ("Error encountered:\n\n", "Exception encountered:\n"):
        error = ValueError(f"Could not infer it. Implement something. {caught}shapes differ")
        assert str(fault(error)) == "ValueError: Could not infer it. shapes differ"


@pytest.mark.parametrize(
    "text",
    ["Exception encountered: ", "The error occurred while tracing the function a at ", "a\n\n"],
)
def test_what_a_file_repeats_is_not_followed_without_end(text):
    """It takes a moment, where all of it would be too deep or take minutes."""
    said = str(fault(ValueError(20_000 * text)))
    assert len(said) < 500


TRACED = (
    "Attempted boolean conversion of a traced array{} The error occurred while tracing the "
    "function apply at {}:12 for jit. This concrete value was not available in Python because it "
    "depends on the values of the arguments values[0] and values[1].\nSee https://docs.jax.dev"
)


def test_where_a_trace_began_is_told_of_the_users_functions_only():
    """Those of this package, and their arguments, tell a user nothing."""
    for end in (".", ""):
        other = fault(ValueError(TRACED.format(end, ci.__file__))).message
        assert other == "Attempted boolean conversion of a traced array. See https://docs.jax.dev"
        assert f"{__file__}:12 for jit" in fault(ValueError(TRACED.format(end, __file__))).message


class PickyError(Exception):
    """As those of JAX: made of something that is no text."""

    def __init__(self, tensor):
        super().__init__(f"not of {tuple(tensor.shape)}")


class Picky(layers.Layer):
    def call(self, x):
        raise PickyError(x)


class Whole(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.last = Picky(), layers.Dense(2)

    def call(self, x):
        return self.last(self.first(x))


def test_an_exception_that_keras_can_not_make_anew():
    """The one that was raised is told, not the one of the attempt."""
    with pytest.raises(Exception) as raised:  # noqa: PT011
        Whole()(np.ones((2, 3), "float32"))
    found = fault(raised.value)
    assert found.kind == "PickyError", found
    assert found.message.startswith("not of (2, 3)")
    assert found.sources[-1].text == "raise PickyError(x)"


def test_what_was_raised_while_another_was_handled_is_told_itself():
    """Where the user's own code meant it."""

    def handled():
        try:
            raise PickyError(np.ones(3))
        except PickyError:
            raise ValueError("give me three") from None

    with pytest.raises(ValueError, match="three") as raised:
        handled()
    assert str(fault(raised.value)) == "ValueError: give me three"


class Branch(layers.Layer):
    def call(self, x):
        if ops.max(x) > 0:
            return x
        return -x


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="JAX refuses an `if` on a tensor")
def test_an_if_on_a_tensor_in_a_layer():
    """It is told with its own line, and what to write instead."""

    class Model(Whole):
        def __init__(self):
            super().__init__()
            self.first = Branch()

    model = Model()
    model.last.build((3,))
    x = np.ones((2, 3), "float32")
    model(x)
    model.compile("sgd", "mse")
    first = ci.diagnose(model, x, x[:, :2]).findings[0]
    assert "TracerBoolConversionError" in first.message
    assert "_error_repr" not in first.message
    assert first.source.text == "if ops.max(x) > 0:"
    assert "keras.ops.where" in first.fix


CLONED = """
import keras

@keras.saving.register_keras_serializable("test_doctor_said")
class Bounded(keras.constraints.Constraint):
    def __init__(self, limit):
        self.bound = float(limit)

    def __call__(self, w):
        return keras.ops.clip(w, -self.bound, self.bound)

def make_model():
    inside = keras.layers.LSTM(2, kernel_constraint=Bounded(0.8))
    return keras.Sequential([keras.Input((3, 2)), keras.layers.Bidirectional(inside)])
"""


@pytest.mark.parametrize("has_config", [False, True])
def test_a_copy_that_keras_can_not_make(tmp_path, has_config):
    """The class, its argument, the user's lines and what to write, in place of Keras' screens."""
    file = tmp_path / "cloned.py"
    own = "\n    def get_config(self):\n        return {}\n"
    file.write_text(CLONED.replace("\n    def __call__", f"{own}\n    def __call__", has_config))
    found = CliRunner().invoke(cli, ["doctor", str(file)])
    cause, call, made, fix, *more = found.output.strip().splitlines()
    assert found.exit_code == 2
    assert not more
    assert "the config of Bounded lacks 'limit'" in cause
    assert "Bidirectional(inside)" in call
    assert "def __init__(self, limit):" in made
    what = 'add {"limit": self.bound} to what its get_config returns'
    if not has_config:
        what = 'write in the class: def get_config(self): return {"limit": self.bound}'
    assert fix == f"  fix: {what}"


FARTHEST = r"of its 3 units of 4 weights the farthest is outside by"
OUTSIDE = {
    "entries": (ci.NonNegative(), r"\d+ % of its 12 weights are forbidden, by up to 0\.\d+, and"),
    "sums": (ci.SumTo(9.0), rf"{FARTHEST} \d\.\d+, and the first"),
    "zeros": (
        "unit_norm",
        rf"{FARTHEST} 1, and the first.*can not move a zero vector, which stays outside",
    ),
    "whole": (ci.Triangular() & ci.MaxNorm(0.1, axis=[0, 1]), "its 12 weights together are"),
    "own": (lambda w: ops.abs(w), r"the constraint moves \d+ % of its 12 weights, by up to \d\.\d"),
}


def test_a_bias_of_zeros_is_outside_of_a_range_of_norms():
    """A vector has no norms of several units, and zero has no direction to be scaled in."""
    bounds = keras.constraints.MinMaxNorm(0.5, 1.0)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, bias_constraint=bounds)])
    model.compile("sgd", "mse")
    told = [one for one in ci.diagnose(model).findings if one.code == "CW101"]
    assert [one.weight.split("/")[-1] for one in told] == ["bias"]
    assert "can not move a zero vector, which stays outside" in told[0].message


@pytest.mark.parametrize("name", OUTSIDE)
def test_how_far_outside_a_start_is(name):
    """Entries are forbidden where a set speaks of entries; units, or all of it, are outside."""
    a_set, words = OUTSIDE[name]
    start = "zeros" if name == "zeros" else "glorot_uniform"
    dense = layers.Dense(3, kernel_initializer=start, kernel_constraint=a_set)
    model = keras.Sequential([keras.Input((4,)), dense])
    model.compile("sgd", "mse")
    (found,) = [f for f in ci.diagnose(model).findings if f.code == "CW101"]
    assert re.search(words, found.message), found.message


class Shared(layers.Layer):
    """A layer that makes its weight itself, and takes no initializer."""

    def __init__(self, start, constraint):
        super().__init__()
        self.start, self.constraint = start, constraint

    def build(self, shape):
        self.shares = self.add_weight(
            shape=(shape[-1], 3), initializer=self.start, constraint=self.constraint, name="shares"
        )

    def call(self, x):
        return x @ self.shares


class ShareCap(keras.constraints.Constraint):
    """No share above a cap."""

    def __init__(self, cap=0.5):
        self.cap = cap

    def __call__(self, w):
        return ops.clip(w, 0.0, self.cap)


@pytest.mark.parametrize(
    "constraint",
    [
        ci.Simplex(axis=0),
        "non_neg",
        ci.NonNegative() & ci.MaxNorm(0.5, axis=[0]),
        ops.relu,
        ShareCap(),
        ShareCap(0.01),
    ],
)
def test_the_start_of_a_weight_that_a_layer_makes_itself(constraint):
    """What add_weight is to be given can be pasted, and starts inside."""

    def of(layer):
        model = keras.Sequential([keras.Input((4,)), layer])
        model.compile("sgd", "mse")
        return [f for f in ci.diagnose(model).findings if f.code == "CW101"]

    (found,) = of(Shared("random_normal", constraint))
    written = re.search(r"write add_weight\(\.\.\., (.*)\) or call constr", found.fix)
    assert written is not None, found.fix
    scope = {"ci": ci, "ShareCap": ShareCap, "relu": ops.relu}
    given = eval(f"dict({written[1]})", scope)
    if isinstance(constraint, ShareCap):
        assert given["constraint"].function.cap == constraint.cap
    assert not of(Shared(given["initializer"], given["constraint"]))


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    ("activation", "constraint", "code", "says"),
    [
        ("sigmoid", "non_neg", "CW402", "are saturated after the first step (mean"),
        ("relu", Least(-3.0), "CW403", "zero for the whole batch after the first step: no"),
        (ops.log1p, Least(-3.0), "CW401", "after the first step the output of Dense 'h' is"),
    ],
)
def test_what_comes_in_the_steps_is_told_so(activation, constraint, code, says):
    """The table has the share of the start, and the one of the sentence behind it."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).uniform(1, 2, size=(32, 60)).astype("float32")
    start = {"sigmoid": "glorot_uniform"}.get(str(activation), "ones")
    hidden = layers.Dense(
        8, activation, kernel_initializer=start, kernel_constraint=constraint, name="h"
    )
    model = keras.Sequential([keras.Input((60,)), hidden, layers.Dense(1)])
    model.compile("adam", "mse")
    report = ci.diagnose(model, x, x[:, :1], steps=3)
    (found,) = [f for f in report.findings if f.code == code]
    assert says in found.message
    then = re.search(r"^h .* %, later (\S+) %", str(report), re.MULTILINE)
    assert then is not None
    assert f"{then[1]} % of" in found.message

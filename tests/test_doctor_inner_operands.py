"""An operation in a branch of a `where` that is not taken, and its NaN derivative."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.treatments._inner_operands import inner_operand

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

EDITS = {
    "of a product": (
        "log", "return ops.where(x > 0, self.a * ops.log(x), 0.0)",
        "ops.log(ops.where(x > 0, x, 1.0)), 0.0)",
    ),
    "the other branch": (
        "sqrt", "return ops.where(x + self.a <= 0, 0.0, ops.sqrt(x + self.a))",
        "ops.sqrt(ops.where(x + self.a <= 0, 1.0, x + self.a)))",
    ),
    "a quotient": (
        "divide", "return ops.where(x != 0, self.a / x, 0.0)", "self.a / ops.where(x != 0, x, 1.0)"
    ),
    "a power": (
        "power", "return ops.where(x > 0, x ** self.a, 0.0)", "ops.where(x > 0, x, 1.0) ** self.a"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", EDITS)
def test_the_operand_is_one_where_the_branch_is_not_taken(case):
    """The other branch and what the operation is part of stay as they are."""
    name, line, expected = EDITS[case]
    sentence, new = inner_operand(name, line)(f"def call(self, x):\n    {line}\n")
    assert expected in new
    assert f"is 1 in {name} where the branch is not taken" in sentence


def test_a_name_of_the_branch_is_followed():
    """What is computed before it is chosen needs the condition as well."""
    text = "def call(self, x):\n    y = ops.log(x)\n    return ops.where(x > 0, 2 * y, 0.0)\n"
    _, new = inner_operand("log", "y = ops.log(x)")(text)
    assert "y = ops.log(ops.where(x > 0, x, 1.0))" in new


def test_what_no_branch_hides_is_left_alone():
    """In the condition, or in none, no value of it is thrown away; so it is in both branches."""
    for line in (
        "return ops.log(x)",
        "return ops.where(ops.log(x) > 0, x, 0.0)",
    ):
        assert inner_operand("log", line)(f"def call(self, x):\n    {line}\n") is None
    both = "def call(self, x):\n    y = ops.log(x)\n    return ops.where(x > 0, y, -y)\n"
    assert inner_operand("log", "y = ops.log(x)")(both) is None


class Logarithms(layers.Layer):
    """`a * log(x)` for what is positive, zero else."""

    def build(self, shape):
        self.a = self.add_weight(name="a", shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return ops.where(x > 0, self.a * ops.log(x), ops.zeros_like(x))


class SafeLogarithms(Logarithms):
    """The same with an operand that is harmless where it is not taken."""

    def call(self, x):
        return ops.where(x > 0, self.a * ops.log(ops.where(x > 0, x, 1.0)), ops.zeros_like(x))


def report_of(own):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), own(name="own"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
    y = np.where(x > 0, np.log(np.abs(x)), 0).sum(axis=1, keepdims=True)
    return ci.diagnose(model, x, y.astype("float32"))


def test_a_logarithm_in_a_branch_is_healed():
    """A floor would not do of numbers that are truly below zero."""
    found = [f for f in report_of(Logarithms).findings if f.code == "CW501"]
    assert found[0].treatment.healed
    assert "+        return ops.where(x > 0, self.a * ops.log(ops.where(x > 0, x, 1.0))" in (
        found[0].treatment.diff
    )


def test_a_harmless_operand_is_no_finding():
    """What the edit leaves is sound."""
    assert not {f.code for f in report_of(SafeLogarithms).findings} & {"CW401", "CW501", "CW502"}

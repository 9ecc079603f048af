"""What Keras does not see, and what a constraint does not do: hidden weights, a mask made late."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

pytestmark = pytest.mark.in_turns(every=16)


class Bank:
    """An object of no class of Keras."""

    def __init__(self, count):
        self.experts = [layers.Dense(4, "relu", name=f"expert_{i}") for i in range(count)]
        self.heads = {"main": layers.Dense(1, name="head")}


class Mixture(layers.Layer):
    """Experts that are kept in a `Bank`, or in attributes of the layer itself."""

    def __init__(self, hidden, trainable_experts=True, **named):
        super().__init__(**named)
        bank = Bank(2)
        self.parts = None if hidden else [bank.experts, bank.heads]
        self.bank = bank if hidden else None
        for layer in (*bank.experts, bank.heads["main"]):
            layer.trainable = trainable_experts

    def build(self, shape):
        for layer in (*self._experts(), self._head()):
            layer.build(shape if layer.units > 1 else (shape[0], 4))
        self.scale = self.add_weight((1,), "ones", name="scale")

    def _experts(self):
        return self.bank.experts if self.bank else self.parts[0]

    def _head(self):
        return self.bank.heads["main"] if self.bank else self.parts[1]["main"]

    def call(self, x):
        return self._head()(sum(expert(x) for expert in self._experts())) * self.scale

    def compute_output_shape(self, shape):
        return (shape[0], 1)


def diagnosed(*parts):
    """What the doctor says of a model that trains on something it can learn."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    before = [np.array(v) for v in model.variables]
    report = ci.diagnose(model, x, np.abs(x[:, :1]))
    assert all(np.array_equal(a, v) for a, v in zip(before, model.variables, strict=True))
    return report


def test_weights_in_an_object_that_keras_does_not_look_into():
    """No step trains them; as attributes of the layer they are trained."""
    mixture = Mixture(hidden=True, name="mixture")
    mixture.build((None, 4))
    kernels = [expert.kernel for expert in mixture.bank.experts]
    before = [np.array(kernel) for kernel in kernels]
    report = diagnosed(mixture)
    assert all(np.array_equal(a, b) for a, b in zip(before, kernels, strict=True))
    first = report.findings[0]
    assert (first.code, first.layer) == ("CW413", "mixture"), str(report)
    assert first.evidence["numbers"] == 2 * (4 * 4 + 4) + 4 + 1
    assert first.treatment.healed, str(report)
    assert "[*self.bank.experts, *self.bank.heads.values()]" in first.treatment.code
    assert mixture.trainable_weights == [mixture.scale]


def test_what_the_layer_has_itself_or_does_not_train_is_not_hidden():
    """Lists and dictionaries of layers are followed; a frozen part may be kept out of the files."""
    for mixture in (Mixture(hidden=False), Mixture(hidden=True, trainable_experts=False)):
        assert "CW413" not in [f.code for f in diagnosed(mixture).findings]


@keras.saving.register_keras_serializable("unseen")
class StaysPruned(keras.constraints.Constraint):
    """A mask of the weight that has been moved already."""

    def __call__(self, w):
        return w * ops.cast(ops.not_equal(w, 0.0), w.dtype)


def pruned(shape, dtype=None):
    """Most entries at zero."""
    rng = np.random.default_rng(1)
    w = rng.normal(size=shape) * (rng.random(shape) < 0.3)
    return ops.convert_to_tensor(w, dtype=dtype or "float32")


@pytest.mark.parametrize("start", ["pruned", "glorot_uniform"])
def test_a_mask_that_is_made_of_what_an_update_has_moved(start):
    """It gives back every weight: what was pruned comes back."""
    start = pruned if start == "pruned" else start
    own = layers.Dense(
        8, "tanh", kernel_initializer=start, kernel_constraint=StaysPruned(), name="own"
    )
    report = diagnosed(own, layers.Dense(1))
    found = [f for f in report.findings if f.code == "CW218"]
    assert [f.level for f in found] == ["warning" if start is pruned else "info"], str(report)
    if start is pruned:
        assert found[0].treatment.healed, str(report)
        assert found[0].evidence["zero_after"] < 0.1


def test_the_paste_keeps_what_is_pruned():
    """As it is written, on the model as it is given."""
    own = layers.Dense(8, kernel_initializer=pruned, kernel_constraint=StaysPruned(), name="own")
    report = diagnosed(own, layers.Dense(1))
    model = keras.Sequential([keras.Input((4,)), own])
    code = next(f.treatment.code for f in report.findings if f.code == "CW218")
    exec(code, {"model": model, "ci": ci, "keras": keras})
    zero = np.array(own.kernel) == 0
    moved = np.array(own.kernel.constraint(ops.convert_to_tensor(own.kernel) + 1.0))
    assert zero.any()
    assert np.array_equal(moved == 0, zero)


def test_a_mask_that_is_given_binds():
    """And so does a clip that the start does not meet."""
    for constraint in (lambda w: w * pruned(w.shape), lambda w: ops.clip(w, -9.0, 9.0)):
        own = layers.Dense(8, kernel_initializer="zeros", kernel_constraint=constraint)
        report = diagnosed(own, layers.Dense(1))
        assert "CW218" not in [f.code for f in report.findings]


WIDE = {
    "a box": (ci.Box(-1e9, 1e9), True),
    "norms of Keras": (keras.constraints.MaxNorm(1e7), True),
    "an order of one": (ci.Monotone(axis=1), True),
    "a guard": (ci.Box(-100.0, 100.0), False),
    "one side": (ci.NonNegative(), False),
    "norms from below": (ci.NormRange(1e-3, 1e9), False),
}


@pytest.mark.filterwarnings("ignore:.*may not be what is meant")
@pytest.mark.parametrize("name", WIDE)
def test_a_set_that_leaves_every_weight_as_it_is(name):
    """It is a note, as it may be meant against what runs away."""
    a_set, told = WIDE[name]
    start = keras.initializers.RandomUniform(0.1, 1.0, seed=0)
    last = layers.Dense(1, kernel_initializer=start, kernel_constraint=a_set, name="last")
    report = diagnosed(layers.Dense(8, "tanh"), last)
    found = [f for f in report.findings if f.code == "CW218"]
    assert [(f.level, f.layer) for f in found] == [("info", "last")] * told, str(report)
    assert report.ok


class OwnLoss(keras.Sequential):
    """A loss that is written without a look at shapes."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(ops.square(y - y_pred))


@pytest.mark.parametrize("column", [False, True])
def test_a_loss_of_the_models_own_that_compares_all_pairs(column):
    """Targets of one axis against predictions of two; in a column they are right."""
    keras.utils.set_random_seed(0)
    model = OwnLoss([keras.Input((4,)), layers.Dense(8, "tanh"), layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01))
    x = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    report = ci.diagnose(model, x, x[:, :1] if column else x[:, 0])
    found = [f for f in report.findings if f.code == "CW603"]
    assert bool(found) != column, str(report)
    if found:
        assert "compute_loss" in found[0].message
        assert found[0].treatment.healed
        assert found[0].treatment.code == "y = y[:, None]"


class Scales:
    """A layer and a variable side by side, in an object of no class of Keras."""

    def __init__(self):
        self.head = layers.Dense(1, name="head")
        self.scale = keras.Variable(np.full((4,), 0.5, "float32"), name="scale")


class Scaled(layers.Layer):
    """A layer whose weights are all hidden."""

    def __init__(self, **named):
        super().__init__(**named)
        self.parts = Scales()

    def build(self, shape):
        self.parts.head.build(shape)

    def call(self, x):
        return self.parts.head(x * self.parts.scale)

    def compute_output_shape(self, shape):
        return (shape[0], 1)


@dataclasses.dataclass(slots=True)
class Powers:
    """Exponents in an object whose attributes are slots, which start at zero."""

    raw: keras.Variable


class Raised(layers.Layer):
    """A sum of powers, by exponents in an object of a private attribute."""

    def __init__(self, tied=False, **named):
        super().__init__(**named)
        raw = keras.Variable(np.zeros(4, "float32"), name="raw")
        self._powers = Powers(raw)
        if tied:
            self.raw = raw

    def call(self, x):
        return ops.sum(ops.abs(x) ** ops.softplus(self._powers.raw), axis=-1, keepdims=True)


def test_zeros_in_an_object_of_a_private_attribute():
    """Half of a zero is zero, but another number is not: they are told of, and trained by cure."""
    first = diagnosed(Raised(name="raised"), layers.Dense(1)).findings[0]
    assert (first.code, first.layer) == ("CW413", "raised")
    assert first.treatment.healed
    assert first.treatment.code.startswith("self._powers_parts = [self._powers.raw]")


def test_what_the_layer_has_beside_the_object_is_not_hidden():
    """An attribute of the layer is what Keras follows."""
    report = diagnosed(Raised(tied=True, name="raised"), layers.Dense(1))
    assert "CW413" not in [f.code for f in report.findings]


def test_a_variable_beside_a_layer():
    """Both are trained once the layer has them."""
    first = diagnosed(layers.Dense(4), Scaled(name="scaled")).findings[0]
    assert (first.code, first.layer) == ("CW413", "scaled")
    assert first.evidence["numbers"] == 4 + 4 + 1
    assert first.treatment.healed
    assert "self.parts.head, self.parts.scale" in first.treatment.code

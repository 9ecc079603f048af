"""Tensors of layers that hold what another layer's weight was at the start."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(48, 12)).astype("float32")


@keras.saving.register_keras_serializable("test_doctor_kept_copies")
class Turned(layers.Layer):
    """A decoder that takes the numbers of the encoder when it is built, or looks at each call."""

    def __init__(self, encoder, keeps, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.keeps, self.numbers = encoder, keeps, None

    def build(self, shape):
        numbers = np.array(ops.convert_to_numpy(self.encoder.kernel))
        numbers = numbers.T.copy() if self.keeps != "as it stands" else numbers
        if self.keeps == "others":
            numbers = 0.9 * numbers
        if self.keeps == "array":
            self.numbers = numbers
        elif self.keeps:
            self.numbers = ops.convert_to_tensor(numbers)

    def call(self, x):
        if not self.keeps:
            return ops.matmul(x, ops.transpose(self.encoder.kernel))
        return ops.matmul(x, ops.convert_to_tensor(self.numbers))

    def get_config(self):
        return {**super().get_config(), "encoder": self.encoder, "keeps": self.keeps}


@keras.saving.register_keras_serializable("test_doctor_kept_copies")
class Mirror(layers.Layer):
    """A decoder that takes the transpose of the encoder's numbers once, for good."""

    def __init__(self, source, **kwargs):
        super().__init__(**kwargs)
        self.source = source

    def build(self, shape):
        self.back = np.array(ops.convert_to_numpy(self.source.kernel)).T.copy()

    def call(self, x):
        return ops.matmul(x, ops.convert_to_tensor(self.back))

    def get_config(self):
        return {**super().get_config(), "source": self.source}


@keras.saving.register_keras_serializable("test_doctor_kept_copies")
class Shows(Mirror):
    """One whose copy another method shows, too."""

    def build(self, shape):
        self.back = np.array(ops.convert_to_numpy(self.source.kernel)).T.copy()

    def call(self, x):
        return ops.matmul(x, ops.convert_to_tensor(self.back))

    def size(self):
        return self.back.size


@pytest.mark.parametrize("kind", [Mirror, Shows])
def test_the_living_weight_in_its_place(kind):
    """An edit of `call` ties the two; none is made where another method uses the copy."""
    keras.utils.set_random_seed(0)
    given = keras.Input((12,))
    encoder = layers.Dense(4, name="encoder", **ci.constrained(kernel=ci.MaxNorm(3.0)))
    model = keras.Model(given, kind(encoder, name="decoder")(encoder(given)))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    report = ci.diagnose(model, X, X)
    first = next(finding for finding in report.findings if finding.counts)
    assert first.code == "CW410", str(report)
    if kind is Shows:
        assert first.treatment is None, str(report)
        return
    assert first.treatment.healed, str(report)
    assert "ops.transpose(self.source.kernel)\n" in first.treatment.diff
    assert "-        self.back = " in first.treatment.diff
    assert isinstance(model.layers[-1].back, np.ndarray), "the doctor puts back what it edits"


def diagnosed(keeps, units=4):
    keras.utils.set_random_seed(0)
    given = keras.Input((12,))
    encoder = layers.Dense(units, name="encoder", **ci.constrained(kernel=ci.MaxNorm(3.0)))
    model = keras.Model(given, Turned(encoder, keeps, name="decoder")(encoder(given)))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return ci.diagnose(model, X, X)


@pytest.mark.parametrize("keeps", ["tensor", "array"])
def test_a_transpose_of_the_start(keeps):
    report = diagnosed(keeps)
    first = next(finding for finding in report.findings if finding.counts)
    assert (first.code, first.layer) == ("CW410", "decoder"), str(report)
    assert first.weight == "encoder/kernel"
    assert "ops.transpose(self.encoder.kernel)" in first.fix


def test_a_copy_as_it_stands_is_a_note():
    found = {finding.code: finding for finding in diagnosed("as it stands", 12).findings}
    assert found["CW410"].level == "info"


@pytest.mark.parametrize("keeps", ["", "others"])
def test_what_is_tied_or_other_numbers(keeps):
    report = diagnosed(keeps)
    assert "CW410" not in {finding.code for finding in report.findings}, str(report)


@keras.saving.register_keras_serializable("test_doctor_kept_copies")
class Started(layers.Layer):
    """A decoder with a weight of its own, which starts as that of the encoder."""

    def __init__(self, encoder, turned=True, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.turned = encoder, turned

    def build(self, shape):
        numbers = np.array(ops.convert_to_numpy(self.encoder.kernel))
        numbers = numbers.T if self.turned else numbers
        self.kernel = self.add_weight(
            name="kernel", shape=numbers.shape, initializer=lambda *_, **__: numbers
        )
        self.bias = self.add_weight(name="bias", shape=(numbers.shape[1],), initializer="zeros")

    def call(self, x):
        return ops.matmul(x, self.kernel) + self.bias

    def get_config(self):
        return {**super().get_config(), "encoder": self.encoder, "turned": self.turned}


@pytest.mark.parametrize("turned", [True, False])
def test_a_weight_that_starts_as_another(turned):
    """The transpose is meant to be tied, and is tied by an edit; a copy as it stands is a note."""
    keras.utils.set_random_seed(0)
    given = keras.Input((12,))
    encoder = layers.Dense(4 if turned else 12, name="encoder")
    model = keras.Model(given, Started(encoder, turned, name="decoder")(encoder(given)))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    report = ci.diagnose(model, X, X)
    (one,) = [finding for finding in report.findings if finding.code == "CW410"]
    assert one.weight == "decoder/kernel"
    assert one.level == ("warning" if turned else "info")
    if turned:
        assert one.treatment is not None, str(report)
        assert one.treatment.healed, str(report)
        assert "ops.transpose(self.encoder.kernel)" in one.treatment.diff
    assert len(model.trainable_variables) == 4


def test_weights_that_start_alike_by_chance():
    """Unit matrices are their own transposes; two layers of one seed keep nothing of each other."""
    keras.utils.set_random_seed(0)
    first = layers.Dense(12, kernel_initializer="identity", name="encoder")
    model = keras.Sequential([keras.Input((12,)), first, Unit(first), layers.Dense(2)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    report = ci.diagnose(model, X, X[:, :2])
    assert "CW410" not in {finding.code for finding in report.findings}, str(report)


class Unit(layers.Layer):
    """A matrix that starts as the unit one, in a layer that reads the bias of another."""

    def __init__(self, before):
        super().__init__()
        self.before = before

    def build(self, shape):
        self.kernel = self.add_weight(shape=(12, 12), initializer="identity", name="kernel")

    def call(self, x):
        return ops.matmul(x - self.before.bias, self.kernel)

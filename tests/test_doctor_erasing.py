"""Layers that let nothing of what they are given through are named first, and mended."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from shapes, from numbers and from masks, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
SERIES = DRAWS.normal(size=(48, 8, 1)).astype("float32")
POINTS = DRAWS.normal(size=(64, 1, 1, 4)).astype("float32")


def first_of(model, x, y):
    model.compile(keras.optimizers.Adam(0.02), "mse")
    report = ci.diagnose(model, x, y)
    found = [finding for finding in report.findings if finding.counts]
    return found[:1], str(report)


def healed(found, told, layer):
    """The finding and what is to be pasted, where it is of this layer and was healed."""
    assert [(one.code, one.layer) for one in found] == [("CW405", layer)], told
    (first,) = found
    assert first.treatment is not None, told
    assert first.treatment.healed, told
    return first, first.treatment.code


@pytest.mark.parametrize(
    ("kind", "x", "said"),
    [
        (lambda: layers.LayerNormalization(name="norm"), SERIES, "less its own mean is zero"),
        (lambda: layers.GroupNormalization(4, name="norm"), POINTS, "less its own mean is zero"),
        (lambda: layers.UnitNormalization(name="norm"), SERIES, "the sign is left"),
        (lambda: layers.RMSNormalization(name="norm"), SERIES, "the sign is left"),
    ],
)
def test_a_normalization_over_a_single_number(kind, x, said):
    """It is named with the reason, not the layer behind it, and the model without it learns."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input(x.shape[1:]), kind(), layers.Flatten(), layers.Dense(8), layers.Dense(1)]
    )
    first, code = healed(*first_of(model, x, x.reshape(len(x), -1)[:, :1]), "norm")
    assert "Identity(name='norm')" in code
    assert said in first.message


class Series(keras.Model):
    """A model of a class of its own, which has no config."""

    def __init__(self):
        super().__init__()
        self.norm = layers.LayerNormalization(name="norm")
        self.wide = layers.Dense(8, name="wide")
        self.flat, self.last = layers.Flatten(), layers.Dense(1, name="last")

    def call(self, x):
        return self.last(self.flat(self.wide(self.norm(x))))


def test_such_a_normalization_in_a_class_of_ones_own():
    """There it is stepped over in its place."""
    keras.utils.set_random_seed(0)
    model = Series()
    model(SERIES)
    _, code = healed(*first_of(model, SERIES, SERIES[:, 0]), "norm")
    assert "Identity" in code
    assert isinstance(model.norm, layers.LayerNormalization)
    assert model.norm.gamma.trainable


def test_normalizations_over_more_than_one_number():
    """Of several channels, of groups of two, of all steps: nothing is said."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 1))
    steps = layers.LayerNormalization(axis=[1, 2])(inputs)
    wide = layers.GroupNormalization(2)(layers.Dense(4)(steps))
    last = layers.Dense(1)(layers.Flatten()(layers.UnitNormalization()(wide)))
    first, told = first_of(keras.Model(inputs, last), SERIES, SERIES[:, 0])
    assert not first, told


LENGTHS = DRAWS.integers(3, 9, size=64)
WORDS = np.where(np.arange(10) < LENGTHS[:, None], DRAWS.integers(2, 20, size=(64, 10)), 0)
WORDS[:, 0] = 1
WORDS = WORDS.astype("int32")
ABOVE = (WORDS > 10).sum(axis=1, keepdims=True).astype("float32") - 2


class Block(layers.Layer):
    """Attention of the first word to all, within a layer of one's own."""

    def __init__(self, keeps, **kwargs):
        super().__init__(**kwargs)
        self.keeps = keeps
        self.attend = layers.MultiHeadAttention(2, 8, name="attend")

    def build(self, shapes):
        words = shapes[1]
        self.attend.build((words[0], 1, words[2]), words)

    def call(self, given):
        tokens, words = given
        mask = ops.not_equal(tokens, 0) if self.keeps else ops.equal(tokens, 0)
        return self.attend(words[:, :1], words, attention_mask=mask[:, None])

    def compute_output_shape(self, shapes):
        return (shapes[1][0], 1, shapes[1][2])


class Kept(layers.Layer):
    """A mask of what is no padding, or, the wrong way round, of the padding."""

    def __init__(self, keeps, **kwargs):
        super().__init__(**kwargs)
        self.keeps = keeps

    def call(self, tokens):
        return ops.not_equal(tokens, 0) if self.keeps else ops.equal(tokens, 0)

    def compute_output_spec(self, tokens):
        return keras.KerasTensor(tokens.shape, "bool")


def attending(how, keeps):
    keras.utils.set_random_seed(0)
    tokens = keras.Input((10,), dtype="int32")
    words = layers.Embedding(20, 8, embeddings_initializer="normal", name="table")(tokens)
    if how == "block":
        seen = Block(keeps, name="block")([tokens, words])
    elif how == "heads":
        mask = layers.Reshape((1, 10))(Kept(keeps)(tokens))
        attend = layers.MultiHeadAttention(2, 8, name="attend")
        seen = attend(words[:, :1], words, attention_mask=mask)
    else:
        mask = Kept(keeps)(tokens)
        seen = layers.Attention(name="attend")([words[:, :1], words], mask=[None, mask])
    hidden = layers.Dense(16, "tanh")(layers.LayerNormalization()(layers.Flatten()(seen)))
    return keras.Model(tokens, layers.Dense(1)(hidden))


@pytest.mark.parametrize("how", ["heads", "block", "dot"])
def test_a_mask_that_shows_the_padding(how):
    """Attention is named, not what is behind it, and with the mask negated the model learns."""
    first, code = healed(*first_of(attending(how, keeps=False), WORDS, ABOVE), "attend")
    assert "keras.ops.logical_not(mask)" in code
    assert "True hides" in first.fix


@pytest.mark.parametrize("how", ["heads", "block", "dot"])
def test_a_mask_that_shows_the_words(how):
    """The right way round."""
    first, told = first_of(attending(how, keeps=True), WORDS, ABOVE)
    assert not first, told

"""Tensors that a layer has computed once, from a weight that it then does not look at again."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.treatments._at_each_call import computed_in_call

pytestmark = pytest.mark.in_turns(every=16)
IS_TORCH = keras.backend.backend() == "torch"
X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = (0.5 * X[:, :1] - X[:, 1:2]).astype("float32")


class Scaling(layers.Layer):
    """What scaling layers have in common: their weights, and how they keep shapes."""

    def add_raw(self, trainable=True):
        start = keras.initializers.RandomUniform(-1.0, 1.0, seed=1)
        return self.add_weight(shape=(4,), initializer=start, name="raw", trainable=trainable)

    def compute_output_shape(self, shape):
        return shape


class Rates(Scaling):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.rates = None

    def build(self, shape):
        self.raw = self.add_raw()
        self.size = self.add_weight(shape=(4,), initializer="ones", constraint="non_neg")
        self.rates = ops.softplus(self.raw)

    def call(self, x):
        """Each input by its own rate."""
        return x * self.rates * self.size


class Doubled(Scaling):
    """Nothing that PyTorch would have to keep for the way back: nothing fails there."""

    def build(self, shape):
        self.raw = self.add_raw()
        self.double = self.raw + self.raw

    def call(self, x):
        return x * self.double


class ByAName(Scaling):
    """The weight has a name of its own before it is an attribute."""

    def build(self, shape):
        raw = self.add_raw()
        self.share = ops.softmax(raw)
        self.raw = raw

    def call(self, x):
        return x * self.share


class ByAMethod(Scaling):
    def build(self, shape):
        self.raw = self.add_raw()
        self.width = self.positive()

    def positive(self):
        return ops.exp(self.raw)

    def call(self, x):
        return x * self.width


class OfAPart(Scaling):
    """The weight is that of a layer inside, which is not called."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.part = layers.Dense(4, use_bias=False)

    def build(self, shape):
        self.part.build(shape)
        self.mixed = ops.tanh(self.part.kernel)

    def call(self, x):
        return ops.matmul(x, self.mixed)


class OfTwo(Scaling):
    """A kernel by weight normalization; the lengths are used a second time, the directions not."""

    def build(self, shape):
        start = keras.initializers.GlorotUniform(seed=1)
        self.length = self.add_weight(shape=(4,), initializer="ones", name="length")
        self.raw = self.add_weight(shape=(4, 4), initializer=start, name="raw")
        self.kernel = self.length * self.raw / ops.norm(self.raw, axis=0, keepdims=True)

    def call(self, x):
        return ops.matmul(x, self.kernel) * self.length


# The layer, the attribute, the weight, and the line of the diff that mends it, if one does.
COMPUTED = {
    "softplus": (Rates, "rates", "raw", "+        rates = ops.softplus(self.raw)"),
    "sum": (Doubled, "double", "raw", "+        double = self.raw + self.raw"),
    "by a name": (ByAName, "share", "raw", None),
    "by a method": (ByAMethod, "width", "raw", "+        width = self.positive()"),
    "of a part": (OfAPart, "mixed", "kernel", "+        mixed = ops.tanh(self.part.kernel)"),
    "of two": (OfTwo, "kernel", "raw", "+        kernel = self.length * self.raw"),
}


def report_of(layer, *, trainable=True):
    keras.utils.set_random_seed(0)
    own = layer(name="own")
    own.trainable = trainable
    model = keras.Sequential([keras.Input((4,)), own, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return ci.diagnose(model, X, Y, steps=3)


@pytest.mark.parametrize("name", COMPUTED)
def test_a_tensor_that_was_computed_once(name):
    """The attribute, the weight and the line are named; what follows stands behind it."""
    layer, attribute, weight, line = COMPUTED[name]
    report = report_of(layer)
    first = report.findings[0]
    assert first.code == "CW306", str(report)
    assert first.layer == "own"
    assert first.weight.endswith(f"/{weight}")
    assert f"its {attribute!r} is no weight but a tensor" in first.message
    assert first.source.function == "build"
    assert first.source.text.startswith(f"self.{attribute} = ")
    assert not [f for f in report.findings[1:] if f.counts and not f.cause], str(report)
    if line is None:
        assert first.treatment is None
    else:
        assert first.treatment.healed, first.treatment.change
        assert line in first.treatment.diff
        assert f"-        self.{attribute} = " in first.treatment.diff


def test_a_weight_that_is_looked_at_once_is_not_to_be_left_out():
    """Nor is it said of the other weight, which the outputs depend on otherwise, too."""
    report = report_of(OfTwo)
    first = report.findings[0]
    assert f"not on {first.weight}, which training moves" in first.message
    behind = [f for f in report.findings if f.code == "CW503"]
    assert [f.weight for f in behind] == ([] if IS_TORCH else [first.weight])
    for finding in behind:
        assert finding.fix == "compute 'kernel' in call, from the weight"


class BothOtherwise(OfTwo):
    """Both weights are used a second time: PyTorch can not go back twice all the same."""

    def call(self, x):
        return ops.matmul(x, self.kernel + self.raw) * self.length


@pytest.mark.skipif(not IS_TORCH, reason="only PyTorch keeps what it goes back through")
def test_a_tensor_of_an_earlier_step_is_named_whatever_else_depends_on_its_weights():
    """The line is named, where the error of PyTorch names none."""
    first = report_of(BothOtherwise).findings[0]
    assert (first.code, first.level, first.layer) == ("CW306", "error", "own")
    assert first.source.text.startswith("self.kernel = ")


def test_the_fault_of_pytorch_follows_from_it():
    """An error where PyTorch can not go back a second time; else the weight is silently lost."""
    report = report_of(Rates)
    behind = [(f.code, f.cause) for f in report.findings[1:]]
    code = "CW001" if IS_TORCH else "CW503"
    assert behind == [(code, f"CW306 {report.findings[0].weight}")]
    assert report.findings[0].level == ("error" if IS_TORCH else "warning")
    # A step that fails wherever the weights are says nothing of the bounds of their sets.
    assert not report.evidence.corners


@pytest.mark.skipif(not IS_TORCH, reason="only PyTorch keeps what it goes back through")
def test_a_list_that_is_not_looked_into_is_told_of_in_words():
    """Where it is not found what was computed once, the fix is not one of shapes."""
    report = report_of(Listed)
    assert [f.code for f in report.findings] == ["CW001"]
    assert "compute it in call, at each step" in report.findings[0].fix


class Listed(Scaling):
    def build(self, shape):
        self.raw = self.add_raw()
        self.parts = (ops.softplus(self.raw), 1.0)

    def call(self, x):
        return x * self.parts[0] * self.parts[1]


class Anchored(Scaling):
    """Keeps its start to stay near it, and looks at the weight as well."""

    def build(self, shape):
        self.raw = self.add_raw()
        self.anchor = ops.stop_gradient(ops.softplus(self.raw))

    def call(self, x):
        return x * (0.5 * self.anchor + 0.5 * ops.softplus(self.raw))


class Masked(Scaling):
    """Constants that are no weights, nor made of any."""

    def build(self, shape):
        self.raw = self.add_raw()
        self.mask = ops.convert_to_tensor(np.array([1, 1, 0, 1], "float32"))
        self.place = ops.cast(ops.arange(4), "float32") / 4.0

    def call(self, x):
        return x * self.mask * ops.softplus(self.raw) + self.place


class Frozen(Scaling):
    """A weight that is not trained may be computed with once."""

    def build(self, shape):
        self.raw = self.add_raw(trainable=False)
        self.rates = ops.softplus(self.raw)

    def call(self, x):
        return x * self.rates


class Unused(Scaling):
    """A weight that nothing looks at, and a constant beside it that it did not make."""

    def build(self, shape):
        self.raw = self.add_raw()
        self.rates = ops.convert_to_tensor(np.linspace(0.5, 1.5, 4).astype("float32"))

    def call(self, x):
        return x * self.rates


class Forgotten(Scaling):
    """A tensor that was computed once; nothing looks at it, nor at the weight."""

    def build(self, shape):
        self.raw = self.add_raw()
        self.first = ops.stop_gradient(ops.softplus(self.raw))

    def call(self, x):
        return 2.0 * x


class EachTime(Scaling):
    """Kept for others to look at, and computed at each call."""

    def build(self, shape):
        self.raw = self.add_raw()

    def call(self, x):
        rates = ops.softplus(self.raw)
        return x * rates


class Tied(Scaling):
    """A transpose that is taken once: on PyTorch it is a view, which the weight takes along."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(4, 4), initializer="orthogonal", name="kernel")
        self.back = ops.transpose(self.kernel)

    def call(self, x):
        return ops.matmul(ops.matmul(x, self.kernel), self.back)


class Stays(Tied):
    """One that is said to be no part of the training."""

    def build(self, shape):
        super().build(shape)
        self.back = ops.stop_gradient(ops.transpose(self.kernel) + 0.0)


def test_a_transpose_that_is_taken_once():
    """A note where it is the weight's own memory; elsewhere the cause of what a file gives back."""
    report = report_of(Tied)
    first = report.findings[0]
    assert (first.code, first.layer) == ("CW306", "own"), str(report)
    if IS_TORCH:
        assert report.ok, str(report)
        assert f"a view of {first.weight}, taken once" in first.message
        return
    assert first.level == "warning"
    assert "a layer that is loaded computes it from its own start" in first.message
    assert first.treatment.healed, first.treatment.change
    assert "+        back = ops.transpose(self.kernel)" in first.treatment.diff
    assert "CW706" not in [f.code for f in report.findings], str(report)


def test_what_is_to_stay_is_a_matter_of_the_file():
    """No gradient is to go there: it is to be kept as a weight, not to be computed anew."""
    report = report_of(Stays)
    assert [f.code for f in report.findings if f.counts] == ["CW706"], str(report)


@pytest.mark.parametrize("layer", [Anchored, Masked, Frozen, Unused, Forgotten, EachTime])
def test_tensors_that_are_kept_on_purpose(layer):
    """Constants, the start of a weight, and what is made of a frozen one are not accused."""
    report = report_of(layer)
    assert "CW306" not in [f.code for f in report.findings], str(report)
    assert report.ok, str(report)


def test_a_layer_that_is_frozen_is_not_accused():
    """Whatever was computed of its weights, they do not move."""
    found = [f.code for f in report_of(Doubled, trainable=False).findings]
    assert "CW306" not in found


# A class, and what `call` is to read; None where no plain edit mends it.
SOURCES = {
    "with a docstring": (
        "class A:\n    def build(self, s):\n        self.r = f(self.w)\n"
        '    def call(self, x):\n        """X."""\n        return self.r * x\n',
        "class A:\n    def build(self, s):\n        pass\n"
        '    def call(self, x):\n        """X."""\n        r = f(self.w)\n        return r * x\n',
    ),
    "call first": (
        "class A:\n    def call(self, x):\n        return x * self.r * self.r\n"
        "    def build(self, s):\n        self.w = w()\n        self.r = f(\n            self.w)\n",
        "class A:\n    def call(self, x):\n        r = f(self.w)\n        return x * r * r\n"
        "    def build(self, s):\n        self.w = w()\n",
    ),
    "an argument": (
        "class A:\n    def build(self, s):\n        self.r = f(self.w, s)\n"
        "    def call(self, x):\n        return self.r * x\n",
        None,
    ),
    "another method": (
        "class A:\n    def build(self, s):\n        self.r = f(self.w)\n"
        "    def call(self, x):\n        return self.r * x\n"
        "    def told(self):\n        return self.r\n",
        None,
    ),
    "a name that is taken": (
        "class A:\n    def build(self, s):\n        self.r = f(self.w)\n"
        "    def call(self, r):\n        return self.r * r\n",
        None,
    ),
    "twice": (
        "class A:\n    def build(self, s):\n        self.r = f(self.w)\n        self.r = g()\n"
        "    def call(self, x):\n        return self.r * x\n",
        None,
    ),
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_edit(name):
    """The statement goes into `call`, where that is all there is to it."""
    before, after = SOURCES[name]
    made = computed_in_call("r")(before)
    assert (None if made is None else made[1]) == after


class Positions(layers.Layer):
    """The same table, looked up at each call."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.table = layers.Embedding(8, 6)

    def call(self, x):
        return x + self.table(ops.arange(8))


def of_words(then):
    """A functional model of eight words; `then` goes on with their vectors and their layer."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,), dtype="int32")
    words = layers.Embedding(20, 6, name="words")
    hidden = layers.Flatten()(then(words(inputs), words))
    model = keras.Model(inputs, layers.Dense(1)(hidden))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    words_of = np.random.default_rng(0).integers(0, 20, (32, 8))
    return ci.diagnose(model, words_of, Y, steps=3)


# What a graph goes on with, and on which backends the tensor tells of itself.
IN_GRAPHS = {
    "positions": (lambda x, words: x + layers.Embedding(8, 6)(ops.arange(8)), IS_TORCH),
    "positions, scaled": (lambda x, words: x + 2 * layers.Embedding(8, 6)(ops.arange(8)), IS_TORCH),
    "tied": (lambda x, words: ops.matmul(x, ops.transpose(words.embeddings)), True),
    "at each call": (lambda x, words: Positions()(x), False),
    "constant": (lambda x, words: x + ops.sin(ops.reshape(ops.arange(48.0), (8, 6))), False),
    "not to be trained": (
        lambda x, words: x + layers.Embedding(8, 6, trainable=False)(ops.arange(8)), False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", IN_GRAPHS)
def test_a_tensor_that_a_graph_holds(name):
    """One that was computed from weights to train is named by the operation that takes it."""
    then, told = IN_GRAPHS[name]
    report = of_words(then)
    found = [finding for finding in report.findings if finding.code == "CW306"]
    assert bool(found) == told, str(report)
    if told:
        assert report.findings[0] is found[0], str(report)
        tied = name == "tied"
        assert found[0].weight == ("words/embeddings" if tied else "")
        assert tied or "a layer that the model does not hold" in found[0].message
        assert "the model's graph gives" in found[0].message

"""What a model is given and what it does with it: fractions for rows, scales, others of a batch."""

import math

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor.rules.cw606_unbounded_loss import _until_it_overflows

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(32, 4)).astype("float32")
Y = X[:, :1]


def found(report, code):
    return [finding for finding in report.findings if finding.code == code]


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)


def looked_up(dtype):
    names = keras.Input((1,), dtype=dtype, name="names")
    table = layers.Flatten()(layers.Embedding(20, 3, name="table")(names))
    model = keras.Model(names, layers.Dense(1)(table))
    model.compile("adam", "mse")
    return model


@pytest.mark.parametrize("dtype", ["float32", "int32"])
def test_rows_are_asked_for_by_fractions(dtype):
    """Of a table, or of an input that is cut before any layer sees it."""
    whole = np.arange(16, dtype="float32")[:, None]
    report = ci.diagnose(looked_up(dtype), whole / 15, whole / 15)
    first = next(finding for finding in report.findings if finding.counts)
    assert first.code == "CW414", str(report)
    assert first.layer == ("table" if dtype == "float32" else "names")
    assert first.evidence["read"] == 2
    assert not found(ci.diagnose(looked_up(dtype), whole, whole / 15), "CW414")


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("scaled", [False, True])
def test_inputs_are_told_apart_by_their_names(scaled):
    """In whatever order a batch holds them: fractions of another input are none of the words."""
    words, numbers = keras.Input((3,), dtype="int32", name="words"), keras.Input((2,), name="more")
    read = layers.Flatten()(layers.Embedding(9, 4, name="table")(words))
    model = keras.Model([words, numbers], layers.Dense(1)(layers.Concatenate()([read, numbers])))
    model.compile("sgd", "mse")
    indices = (np.arange(48).reshape(16, 3) % 9).astype("float32" if scaled else "int32")
    batch = {"more": X[:16, :2], "words": indices / 9 if scaled else indices}
    report = ci.diagnose(model, batch, Y[:16])
    assert {f.layer for f in found(report, "CW414")} == ({"words"} if scaled else set())


def normalized(norm, last="adam"):
    model = keras.Sequential([keras.Input((4,)), norm, layers.Dense(8, "tanh"), layers.Dense(1)])
    model.compile(last, "mse")
    return model


def test_a_normalization_that_saw_no_data():
    """Told of large inputs, and healed by the batch; the layer is as it was afterwards."""
    norm = layers.Normalization(name="norm")
    report = ci.diagnose(normalized(norm), 500 * X + 3000, Y)
    first = next(finding for finding in report.findings if finding.counts)
    assert (first.code, first.layer, first.evidence["flat"]) == ("CW223", "norm", 0), str(report)
    assert first.treatment.healed
    assert not np.array(norm.mean).any()
    assert not found(ci.diagnose(normalized(layers.Normalization()), X, Y), "CW223")


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("given", [False, True])
def test_a_normalization_without_variance(given):
    """Whether it was adapted or given; what did vary keeps its statistics."""
    sample = X.copy()
    sample[:, 2] = 6.0
    mean, variance = sample.mean(axis=0), sample.var(axis=0)
    norm = layers.Normalization(mean=mean, variance=variance) if given else layers.Normalization()
    if not given:
        norm.adapt(sample)
    report = ci.diagnose(normalized(norm), X, Y)
    (first,) = found(report, "CW223")
    assert first.evidence["flat"] == 1
    assert first.treatment.healed, str(report)
    assert not found(ci.diagnose(normalized(norm), sample, Y), "CW223")


@keras.saving.register_keras_serializable("test_doctor_inputs")
class Pool(layers.Layer):
    """A mean over steps whose weights are a softmax along an axis."""

    def __init__(self, axis, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, shape):
        self.ask = self.add_weight(shape=(shape[-1], 1), name="ask")

    def call(self, x):
        return ops.sum(ops.softmax(ops.matmul(x, self.ask), axis=self.axis) * x, axis=1)

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


@pytest.mark.in_turns(every=16)
def test_an_example_depends_on_the_others():
    """Along the first axis; not where the loss alone compares examples, or in training alone."""
    x = DRAWS.normal(size=(32, 3, 4)).astype("float32")

    def report(*parts, loss="mse"):
        model = keras.Sequential([keras.Input((3, 4)), *parts, layers.Dense(1)])
        model.compile("adam", loss)
        return ci.diagnose(model, x, x[:, 0, :1])

    (first,) = found(report(Pool(0, name="pool")), "CW415")
    assert first.layer == "pool"
    assert "tensordot" in first.fix
    assert not found(report(Pool(1)), "CW415")
    assert not found(report(Pool(1), layers.BatchNormalization(), layers.Dropout(0.5)), "CW415")

    def spread(y, p):
        return ops.mean(ops.square(y - p)) - 1e-3 * ops.std(p)

    assert not found(report(Pool(1), loss=spread), "CW415")


@keras.saving.register_keras_serializable("test_doctor_inputs")
class Moved(layers.Layer):
    """Shares that move from state to state, by a matrix that starts the same everywhere."""

    def __init__(self, among=False, **kwargs):
        super().__init__(**kwargs)
        self.among = among

    def build(self, shape):
        size = shape[-1]
        same = keras.initializers.Constant(1.0 / size)
        self.matrix = self.add_weight(shape=(size, size), initializer=same, name="matrix")

    def call(self, x):
        moved = ops.matmul(x, self.matrix)
        return moved / ops.sum(moved, axis=0, keepdims=True) if self.among else moved

    def get_config(self):
        return {**super().get_config(), "among": self.among}


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("among", [False, True])
def test_an_output_that_is_the_same_for_all_examples_at_first(among):
    """What differs there is rounding; after the steps it is told whether examples are mixed."""
    shares = np.random.default_rng(1).dirichlet(np.full(8, 0.3), size=128).astype("float32")
    model = keras.Sequential([keras.Input((8,)), Moved(among, name="moved")])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    share = shares / shares.sum(axis=0) if among else shares
    report = ci.diagnose(model, shares, share)
    assert [f.layer for f in found(report, "CW415")] == ["moved"] * among, str(report)


class InTrainingOnly(keras.Model):
    """Calls a layer in training that it does not call in prediction."""

    def __init__(self):
        super().__init__()
        self.first, self.beside, self.last = (layers.Dense(n, "tanh") for n in (8, 8, 1))

    def call(self, x, training=False):
        x = self.first(x)
        return self.last(self.beside(x) if training else x)


class Factor(layers.Layer):
    """Multiplies by a factor that does not exist: outside of a compiled step JAX raises, too."""

    def build(self, shape):
        self.matrix = self.add_weight((shape[-1], shape[-1]), "random_normal", name="matrix")

    def call(self, x):
        return x @ ops.cholesky(self.matrix + ops.transpose(self.matrix))


@pytest.mark.filterwarnings("ignore:`build")
def test_layers_that_prediction_does_not_call():
    """They are a part of the step all the same."""
    x = DRAWS.normal(size=(32, 4)).astype("float32")
    model = InTrainingOnly()
    model.compile("sgd", "mse")
    report = ci.diagnose(model, x, x[:, :1])
    assert report.ok, str(report)


def test_a_prediction_that_raises_hides_no_step():
    """Of a layer, whose operation is named."""
    x = DRAWS.normal(size=(32, 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), Factor(name="factor"), layers.Dense(1)])
    model.compile("sgd", "mse")
    first = ci.diagnose(model, x, x[:, :1]).findings[0]
    assert (first.code, first.layer) == (
        "CW401" if keras.backend.backend() == "jax" else "CW001", "factor"
    ), first.message  # fmt: skip


@pytest.mark.in_turns(every=16)
def test_a_layer_is_switched_on_in_a_frozen_model():
    """Of the model itself, and of a part; not where all of it is frozen, or nothing is."""

    def base():
        return keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(3)])

    def report(part, inner=True):
        model = keras.Sequential([keras.Input((4,)), part, layers.Dense(1)]) if inner else part
        model.compile("adam", "mse")
        return ci.diagnose(model, X, Y if inner else X[:, :3])

    for inner in (False, True):
        part = base()
        part.trainable = False
        part.layers[-1].trainable = True
        (first,) = found(report(part, inner), "CW617")
        assert first.weight.startswith(part.layers[-1].path)
        assert first.treatment.healed
        assert not part.trainable
    part = base()
    part.trainable = False
    assert not found(report(part), "CW617")
    assert not found(ci.diagnose(part, X, X[:, :3]), "CW617")


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("frozen", [(0, 1), (0,), ()])
def test_a_model_is_frozen_as_a_whole(frozen):
    """The loop that freezes a backbone takes the head, too; the head alone is switched on again."""
    scaled = layers.Normalization(mean=np.zeros(4), variance=np.ones(4))
    parts = [layers.Dense(8, "relu"), layers.Dense(3, name="head")]
    model = keras.Sequential([keras.Input((4,)), scaled, *parts])
    for place in frozen:
        parts[place].trainable = False
    model.compile("adam", "mse")
    told = found(ci.diagnose(model, X, X[:, :3]), "CW617")
    assert len(told) == (len(frozen) == 2)
    for one in told:
        assert one.counts
        assert "/head/" in one.weight
        assert one.treatment.healed
        assert "'head'" in one.treatment.change
        assert not model.trainable_variables


class Gain(layers.Layer):
    """A number, which a loop over dense layers does not freeze."""

    def build(self, shape):
        self.gain = self.add_weight(shape=(1,), initializer="ones", name="gain")

    def call(self, x):
        return self.gain * x


@pytest.mark.parametrize("learns", [False, True])
def test_next_to_nothing_is_trained(learns):
    """Both heads are frozen with the backbone, but a number; not told where that is enough."""
    inputs = keras.Input((4,))
    hidden = Gain()(layers.Dense(512, "tanh", name="base")(inputs))
    heads = [layers.Dense(2, name=name)(hidden) for name in ("size", "kind")]
    model = keras.Model(inputs, heads)
    for layer in model.layers:
        layer.trainable = isinstance(layer, Gain)
    model.compile(keras.optimizers.Adam(0.1 if learns else 1e-3), "mse")
    targets = [(0.2 if learns else 1) * one for one in model.predict(X, verbose=0)]
    if not learns:
        targets = [np.roll(one, 1, axis=0) for one in targets]
    told = found(ci.diagnose(model, X, targets), "CW617")
    assert len(told) == (not learns)
    for one in told:
        assert one.treatment.healed
        assert 'model.get_layer("size").trainable = True' in one.treatment.code.replace("'", '"')
        assert [v.path.split("/")[-1] for v in model.trainable_variables] == ["gain"]


@pytest.mark.in_turns(every=16)
def test_a_penalty_without_a_least_value_is_named():
    def overlaps(w):
        gram = ops.matmul(ops.transpose(w), w)
        return 0.1 * (ops.sum(gram) - ops.sum(ops.square(w)))

    first = layers.Dense(24, "relu", kernel_regularizer=overlaps, name="filters")
    model = keras.Sequential([keras.Input((30,)), first, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    x = DRAWS.normal(size=(64, 30)).astype("float32")
    (told,) = found(ci.diagnose(model, x, x[:, :1]), "CW606")
    assert told.weight.endswith("filters/kernel")


@pytest.mark.in_turns(every=16)
def test_losses_are_followed_down_to_the_lowest_where_they_overflow():
    """What is finite to the end is taken as it is."""
    assert _until_it_overflows([-1.0, -5.0, 1e9, math.inf]) == [-1.0, -5.0]
    assert _until_it_overflows([-1.0, -5.0, 1e9]) == [-1.0, -5.0, 1e9]
    assert _until_it_overflows([math.nan]) == []


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("bias", [False, True])
def test_a_product_of_factors_that_are_not_negative(bias):
    """Its sigmoid is at least a half, unless something is added to it."""
    names, things = (keras.Input((1,), dtype="int32", name=name) for name in ("a", "b"))
    start = keras.initializers.RandomUniform(0.1, 0.5)
    parts = [
        layers.Flatten()(layers.Embedding(6, 3, start, embeddings_constraint="non_neg")(one))
        for one in (names, things)
    ]
    match = layers.Dot(1)(parts)
    match = layers.Dense(1)(match) if bias else match
    model = keras.Model([names, things], layers.Activation("sigmoid", name="click")(match))
    model.compile("adam", "binary_crossentropy")
    ids = np.arange(36)
    x = [(ids // 6)[:, None], (ids % 6)[:, None]]
    told = found(ci.diagnose(model, x, (x[0] == x[1]).astype("float32")), "CW605")
    assert [finding.layer for finding in told] == ([] if bias else ["click"])


@pytest.mark.in_turns(every=16)
def test_kernels_that_falling_targets_have_driven_to_zero():
    inside = {
        "kernel_constraint": "non_neg",
        "kernel_initializer": keras.initializers.RandomUniform(0.0, 0.5),
    }
    parts = [layers.Dense(8, "tanh", **inside), layers.Dense(1, **inside)]
    model = keras.Sequential([keras.Input((3,)), *parts])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    x = DRAWS.normal(size=(128, 3)).astype("float32")
    assert found(ci.diagnose(model, x, -x.sum(axis=1, keepdims=True)), "CW610")


@pytest.mark.in_turns(every=16)
def test_a_loss_that_rounds_is_not_said_to_pass_labels_over():
    """No weight gets a gradient, whatever the labels are."""

    def score(y, p):
        p = ops.round(ops.clip(p, 0, 1))
        return 1 - 2 * ops.sum(y * p) / (ops.sum(y) + ops.sum(p) + 1e-7)

    labels = (X[:, :1] > 0.5).astype("float32")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, activation="sigmoid")])
    model.compile("adam", score)
    first, *others = ci.diagnose(model, X, labels).findings
    assert first.code == "CW503"
    assert first.treatment.healed
    assert first.treatment.change == "the loss takes the predictions as they are, not rounded"
    assert "CW605" not in {finding.code for finding in others}


def test_a_loss_of_the_overlap_is_healthy():
    """It looks at targets of zero by what they add to the whole."""

    def score(y, p):
        p = ops.clip(p, 0, 1)
        return 1 - 2 * ops.sum(y * p) / (ops.sum(y) + ops.sum(p) + 1e-7)

    labels = (X[:, :1] > 0.5).astype("float32")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1, activation="sigmoid")])
    model.compile("adam", score)
    assert not ci.diagnose(model, X, labels).findings


@pytest.mark.parametrize("named", [True, False], ids=["dictionary", "list"])
def test_losses_and_targets_by_name_are_those_of_their_outputs(named):
    """In whatever order `compile` names them; the model may give a list of its outputs."""
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=(64, 5)).astype("float32")
    inputs = keras.Input((5,))
    hidden = layers.Dense(8, "relu")(inputs)
    size, kind = (
        layers.Dense(1, name="size")(hidden),
        layers.Dense(3, activation="softmax", name="kind")(hidden),
    )
    model = keras.Model(inputs, {"size": size, "kind": kind} if named else [size, kind])
    loss = {"size": "mse", "kind": "sparse_categorical_crossentropy"}
    model.compile(keras.optimizers.Adam(0.01), loss)
    report = ci.diagnose(model, x, {"kind": (x[:, 1] > 0).astype("int32"), "size": 3 * x[:, :1]})
    assert {made.layer: made.name for made in report.evidence.losses_of} == loss
    assert report.ok

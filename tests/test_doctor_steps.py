"""Causes that lie in what is stepped, and how: numbers of the optimizer, penalties, weights."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(32, 4)).astype("float32")
Y = X[:, :1] + 3.0


def sequential(*parts, optimizer, loss="mse", shape=(4,)):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), *parts])
    model.compile(optimizer, loss)
    return model


def counted(report):
    return [finding for finding in report.findings if finding.counts]


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    ("every", "momentum", "rate", "level"),
    [
        (1, 0.99, 0.01, "warning"),
        (1, 0.99, 2.0, "info"),  # the rate makes up for it
        (100, 0.999, 0.01, "warning"),  # not seen in the steps that are taken
        (100, 0.99, 0.01, None),
        (1, 0.5, 0.01, None),
        (None, 0.99, 0.01, None),
    ],
)
def test_an_average_that_overwrites_the_weights(every, momentum, rate, level):
    """It is named where little is left of the steps; without it the loss falls."""
    optimizer = keras.optimizers.Adam(
        rate, use_ema=True, ema_momentum=momentum, ema_overwrite_frequency=every
    )
    layer = layers.Dense(1, **ci.constrained(kernel=ci.UnitNorm()))
    report = ci.diagnose(sequential(layer, optimizer=optimizer), X, Y)
    found = [f for f in report.findings if f.code == "CW305"]
    assert [f.level for f in found] == ([level] if level else []), str(report)
    if level == "warning":
        assert report.findings[0] is found[0], "CW303 comes behind it"
        assert found[0].treatment.healed
        assert found[0].evidence["left"] == pytest.approx({1: 0.01, 100: 0.0487}[every], rel=0.01)


def test_an_overwrite_that_is_not_to_blame_is_not_claimed_to_be_cured():
    """Where the loss does not fall without it either."""
    optimizer = keras.optimizers.SGD(0.0, use_ema=True, ema_overwrite_frequency=1)
    report = ci.diagnose(sequential(layers.Dense(1), optimizer=optimizer), X, Y)
    found = next(f for f in report.findings if f.code == "CW305")
    assert not found.treatment.healed
    assert "as before" in found.treatment.change


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    ("dtype", "optimizer", "named"),
    [
        ("float16", keras.optimizers.Adam(0.01), True),
        ("float16", keras.optimizers.Adam(0.01, epsilon=1e-3), False),
        ("float16", keras.optimizers.SGD(0.01), False),
        ("mixed_float16", keras.optimizers.Adam(0.01), False),
        ("bfloat16", keras.optimizers.Adam(0.01), False),
        ("float32", keras.optimizers.Adam(0.01), False),
    ],
)
def test_an_epsilon_that_half_precision_does_not_hold(dtype, optimizer, named):
    """Steps hundreds of times as long as the rate; what they break follows from it."""
    config = type(optimizer).from_config(optimizer.get_config())
    parts = layers.Dense(16, "tanh", dtype=dtype), layers.Dense(1, "sigmoid", dtype=dtype)
    model = sequential(*parts, optimizer=config, loss="binary_crossentropy")
    report = ci.diagnose(model, 0.05 * X.astype("float16"), (X[:, :1] > 0).astype("float32"))
    found = counted(report)
    assert [f.code for f in found if f.code == "CW508"] == ["CW508"] * named, str(report)
    if named:
        assert found[0].code == "CW508"
        assert found[0].treatment.healed
        assert "epsilon of 0.001" in found[0].treatment.change
        assert found[0].evidence["times"] > 50


def factors(penalty):
    """A table as the product of two, which it can hold."""
    keras.utils.set_random_seed(0)
    start = keras.initializers.RandomUniform(0.2, 1.0)
    ids = keras.Input((2,), dtype="int32")
    tables = [
        layers.Embedding(
            20, 3, start, embeddings_constraint="non_neg", embeddings_regularizer=penalty, name=name
        )(ids[:, place])
        for place, name in enumerate(("row", "column"))
    ]
    model = keras.Model(ids, layers.Dot(axes=1)(tables))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    pairs = DRAWS.integers(0, 20, (256, 2))
    return model, pairs.astype("int32"), (1.0 + pairs[:, :1] / 10).astype("float32")


def steep(weight):
    """A penalty of one's own."""
    return 0.3 * ops.sum(ops.abs(weight))


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    ("penalty", "named", "heals"),
    [
        (keras.regularizers.L1(0.3), True, True),
        (keras.regularizers.L2(0.5), True, True),
        (steep, True, None),
        (keras.regularizers.L1(1e-3), False, None),
        (keras.regularizers.L2(1e-2), False, None),
        (None, False, None),
    ],
    ids=["much l1", "much l2", "own", "little l1", "little l2", "none"],
)
def test_a_penalty_that_outweighs_the_data(penalty, named, heals):
    """It is named at each weight, and the data are learnt with less of it."""
    model, x, y = factors(penalty)
    report = ci.diagnose(model, x, y)
    found = [f for f in report.findings if f.code == "CW609"]
    where = [f.weight for f in found]
    assert where == (["row/embeddings", "column/embeddings"] if named else []), str(report)
    assert model.get_layer("row").embeddings_regularizer is penalty or heals
    for finding in found:
        assert finding.evidence["data_loss_after"] > 0.98 * finding.evidence["data_loss"]
        assert (finding.treatment and finding.treatment.healed) == heals, str(report)
    assert named or report.evidence.outweighed == []


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    ("strength", "rate", "named"), [(0.05, 0.02, False), (3.0, 0.02, True), (3.0, 1e-4, False)]
)
def test_a_penalty_is_blamed_where_the_weights_follow_it(strength, rate, named):
    """One of more than half of the loss is sound where the data hold against it."""
    dense = layers.Dense(
        32, use_bias=False, kernel_regularizer=keras.regularizers.L2(strength),
        kernel_initializer=keras.initializers.Constant(0.5),
    )  # fmt: skip
    model = sequential(dense, optimizer=keras.optimizers.Adam(rate))
    report = ci.diagnose(model, X, np.tile(X.sum(axis=1, keepdims=True), (1, 32)))
    assert report.evidence.penalties[0] > 0.5 * report.evidence.losses[0], "it shows nothing"
    found = [f.code for f in counted(report) if f.code == "CW609"]
    assert found == ["CW609"] * named, str(report)


@keras.saving.register_keras_serializable("test_doctor_steps")
class Positive(layers.Layer):
    """A positive kernel; what it is made from is a weight, or only a tensor."""

    def __init__(self, units, kind="tensor", constraint=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.kind, self.own = units, kind, constraint

    def build(self, shape):
        start = keras.initializers.RandomNormal(-2.0, 0.5, seed=0)
        if self.kind == "weight":
            self.free = self.add_weight(shape=(shape[-1], self.units), initializer=start)
        elif self.kind == "mask":
            self.free = ops.tril(ops.ones((shape[-1], self.units)))
        else:
            self.free = start((shape[-1], self.units))
        self.unused = start((8, 8))
        self.bias = self.add_weight(shape=(self.units,), initializer="zeros", name="bias")

    def call(self, x):
        return ops.matmul(x, ops.softplus(self.free)) + self.bias


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    ("parts", "levels"),
    [
        ([lambda: Positive(8), lambda: Positive(1)], ["warning", "warning"]),
        ([lambda: Positive(8), lambda: layers.Dense(1)], ["info"]),
        (
            [lambda: Positive(8, constraint=keras.constraints.NonNeg()), lambda: layers.Dense(1)],
            ["warning"],
        ),
        ([lambda: Positive(8, "weight"), lambda: layers.Dense(1)], []),
        ([lambda: Positive(8, "mask"), lambda: Positive(1, "weight")], []),
    ],
    ids=["alone", "features", "constrained", "weight", "mask"],
)
def test_a_tensor_that_is_no_weight(parts, levels):
    """It is named, and the loss falls once it is a weight; a constant may be meant."""
    parts = [make() for make in parts]
    model = sequential(*parts, optimizer=keras.optimizers.Adam(0.05))
    report = ci.diagnose(model, X, Y + X[:, 1:2])
    found = [f for f in report.findings if f.code == "CW409"]
    assert [f.level for f in found] == levels, str(report)
    for finding, part in zip(found, parts, strict=False):
        assert finding.layer == part.name
        assert finding.counts == bool(finding.treatment and finding.treatment.healed)
    assert not isinstance(getattr(parts[0], "free", 0), keras.Variable) or not levels


class Auxiliary(keras.Model):
    """A second head that is only there while the model is trained."""

    def __init__(self):
        super().__init__()
        self.body, self.head = layers.Dense(8, "tanh"), layers.Dense(1)
        self.extra = keras.Sequential([layers.Dense(4, "tanh"), layers.Dense(1)])

    def build(self, shape):
        self.body.build(shape)
        self.head.build((shape[0], 8))
        self.extra.build((shape[0], 8))

    def call(self, x, training=False):
        body = self.body(x)
        if training:
            self.add_loss(0.1 * ops.mean(ops.square(self.extra(body) - x[:, :1])))
        return self.head(body)


def test_layers_that_only_training_calls():
    """A pass in prediction, which calls fewer, is taken in between and changes nothing."""
    keras.utils.set_random_seed(0)
    model = Auxiliary()
    model.compile(keras.optimizers.Adam(0.01), "mse")
    assert counted(ci.diagnose(model, X, Y)) == []


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="the others have that gradient")
def test_numbers_of_classes_for_the_pixels_of_an_image():
    """PyTorch raises for probabilities in the last axis, and not for logits."""
    pixels, labels = np.ones((4, 6, 6, 2), "float32"), np.ones((4, 6, 6, 1), "int32")
    model = sequential(
        layers.Conv2D(3, 1, activation="softmax"),
        optimizer="sgd", loss="sparse_categorical_crossentropy", shape=(6, 6, 2),
    )  # fmt: skip
    [first] = ci.diagnose(model, pixels, labels).findings
    assert first.code == "CW001"
    assert "from_logits=True" in first.fix


class Sampled(layers.Layer):
    """Divides what depends on a weight by an array of NumPy."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(4,), initializer="ones")

    def call(self, x):
        return (x * self.scale - np.zeros(4, "float32")) / np.ones(4, "float32")


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="the others convert it")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_array_meets_a_tensor_with_a_gradient():
    """The line is named, and that the array has to become a tensor."""
    report = ci.diagnose(sequential(Sampled(), layers.Dense(1), optimizer="sgd"), X, Y)
    first = report.findings[0]
    assert first.code == "CW001"
    assert "convert_to_tensor" in first.fix

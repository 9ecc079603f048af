"""Every rule of the doctor: a model that has the fault, and suspicious ones that do not."""

import functools
import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor import _probe
from constrainit.doctor.rules import RULES

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(16, 4)).astype("float32")
Y = X[:, :1] - 0.5 * X[:, 1:2]
IMAGES = DRAWS.normal(size=(8, 6, 6, 3)).astype("float32")
INDICES = DRAWS.integers(0, 7, size=(16, 4))

registered = keras.saving.register_keras_serializable("test_doctor_rules")


class Constraint(keras.constraints.Constraint):
    """Base of the faulty ones: each is registered, and saves its arguments, unless it says not."""

    def __init_subclass__(cls):
        registered(cls)


class Raises(Constraint):
    def __call__(self, w):
        return w.no_such_method()


class Transposes(Constraint):
    def __call__(self, w):
        return ops.transpose(w)


class KeepsOneRow(Constraint):
    """Of a shape that would broadcast."""

    def __call__(self, w):
        return ops.max(w, axis=0, keepdims=True)


class Integers(Constraint):
    def __call__(self, w):
        return ops.cast(w, "int32")


class SumsToOne(Constraint):
    """The quotient of the forum answers: 0/0 for a unit of zeros."""

    def __call__(self, w):
        w = ops.maximum(w, 0.0)
        return w / ops.sum(w, axis=0, keepdims=True)


class SignedShares(Constraint):
    """The quotient of weights of both signs."""

    def __call__(self, w):
        return w / (1e-7 + ops.sum(w, axis=0, keepdims=True))


class Narrow(Constraint):
    """Weights that are all but nothing."""

    def __call__(self, w):
        return ops.clip(w, -1e-3, 1e-3)


class OverWrongAxis(Constraint):
    """Without keepdims, the sum of a square kernel broadcasts along the other axis."""

    def __call__(self, w):
        return ops.abs(w) / ops.sum(ops.abs(w), axis=1)


class Call(Constraint):
    def call(self, w):
        return ops.abs(w)


class Project(Constraint):
    def project(self, w):
        return ops.abs(w)


class Random(Constraint):
    def __init__(self):
        self.noise = keras.random.SeedGenerator(0)

    def __call__(self, w):
        return ops.clip(w, -1, 1) + keras.random.uniform(w.shape, seed=self.noise) * 1e-6


class Tightens(Constraint):
    """A bound that every call makes narrower; far weights show it."""

    def __init__(self, bound=9.0):
        self.bound = bound

    def __call__(self, w):
        self.bound *= 0.9
        return ops.clip(w, -self.bound, self.bound)

    def get_config(self):
        return {"bound": self.bound}


class Limits(Constraint):
    """Norms along axes that are written down, of at most 9."""

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        size = ops.sqrt(ops.sum(ops.square(w), axis=self.axis, keepdims=True))
        return w * ops.minimum(1.0, 9.0 / (size + 1e-7))

    def get_config(self):
        return {"axis": self.axis}


class Forgets(Constraint):
    """Has an argument with a default, and no `get_config`."""

    def __init__(self, lower=0.0):
        self.lower = lower

    def __call__(self, w):
        return ops.maximum(w, self.lower)


class Rectified(Constraint):
    """Of the user's own: where its set ends is seen from what it gives."""

    def __call__(self, w):
        return w * ops.cast(w >= 0, w.dtype)


class Sparse(Constraint):
    """Healthy: a mask as pruning makes it."""

    def __call__(self, w):
        return w * ops.cast(ops.reshape(ops.arange(ops.size(w)) % 4 == 0, w.shape), w.dtype)


class MadeByVariable(layers.Layer):
    """Keras drops the constraint, unless it is set by hand."""

    def __init__(self, by_hand=False, **named):
        super().__init__(**named)
        self.w = keras.Variable(np.ones(4), constraint=keras.constraints.NonNeg(), name="w")
        if by_hand:
            self.w.constraint = keras.constraints.NonNeg()

    def call(self, x):
        return x * self.w


class AddsLoss(layers.Layer):
    """The logarithm of a weight, in what is added to the loss only."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1],), initializer="zeros", name="w")

    def call(self, x):
        self.add_loss(ops.mean(ops.log(self.w)))
        return x


class Pool(layers.Layer):
    """Time steps weighed by a softmax along one axis, and a bias that cancels."""

    def __init__(self, axis, **named):
        super().__init__(**named)
        self.axis, self.score = axis, layers.Dense(1, use_bias=False, name="score")
        self.shift = layers.Dense(4, name="shift")

    def build(self, shape):
        self.score.build(shape)
        self.shift.build(shape)

    def call(self, x):
        weighed = ops.sum(ops.softmax(self.score(x), axis=self.axis) * x, axis=1)
        return ops.concatenate([weighed, self.shift(x[:, 0]) - self.shift(x[:, 1])], axis=-1)


class Applies(layers.Layer):
    """A layer of one weight per input and one function of both."""

    def __init__(self, function, initializer="zeros", constraint=None, **named):
        super().__init__(**named)
        self.function, self.start, self.held = function, initializer, constraint

    def build(self, shape):
        self.w = self.add_weight(
            shape=(shape[-1],), initializer=self.start, constraint=self.held, name="w"
        )

    def call(self, x):
        return self.function(x, self.w)


def sequential(*parts, shape=(4,), loss="mse", **inputs):
    model = keras.Sequential([keras.Input(shape, **inputs), *parts], name="model")
    model.compile(keras.optimizers.SGD(0.01), loss)
    return model


def dense(constraint, start="ones", units=4):
    """A model with one constrained kernel."""
    kernel = {"kernel_constraint": constraint, "kernel_initializer": start}
    return sequential(layers.Dense(units, name="here", **kernel), layers.Dense(1))


def muted(constraint):
    """Two layers whose weights are held to a size."""
    last = layers.Dense(1, kernel_constraint=constraint)
    return sequential(layers.Dense(4, kernel_constraint=constraint, name="here"), last)


def constant(value):
    return keras.initializers.Constant(value)


def local_class():
    """A class that no other process can find."""

    class Unregistered(keras.constraints.Constraint):
        def __call__(self, w):
            return ops.minimum(w, 1.0)

    return Unregistered()


def attached_late():
    model = dense(None)
    model.get_layer("here").kernel_constraint = keras.constraints.NonNeg()
    return model


def wrong_axes():
    """Keras' default axis where each layer has its units along others."""
    bound = keras.constraints.UnitNorm()
    return sequential(
        layers.Conv2D(4, 3, kernel_constraint=bound, name="conv"),
        layers.DepthwiseConv2D(2, depthwise_constraint=bound, name="deep"),
        layers.Conv2DTranspose(2, 2, kernel_constraint=bound, name="up"),
        layers.GlobalAveragePooling2D(), layers.Dense(1),
        shape=(6, 6, 3),
    )  # fmt: skip


def over_channels():
    """Filters of one column: along the other axis there is a single entry."""
    bound = keras.constraints.MaxNorm(9)
    return sequential(
        layers.DepthwiseConv2D((6, 1), depthwise_constraint=bound),
        layers.GlobalAveragePooling2D(), layers.Dense(1),
        shape=(6, 6, 3),
    )  # fmt: skip


def embedding(axis, width=3):
    rows = keras.constraints.UnitNorm(axis=axis)
    model = sequential(
        layers.Embedding(7, width, embeddings_constraint=rows, name="here"),
        layers.Flatten(), layers.Dense(1), dtype="int32",
    )  # fmt: skip
    ci.project(model)
    return model


def filters(axis):
    """A constraint of the user's own that takes the norms of filters along some axes."""
    return sequential(
        layers.Conv2D(4, 3, kernel_constraint=Limits(axis), name="conv"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, kernel_constraint=Limits(1)),
        layers.Dense(1),
        shape=(6, 6, 3),
    )


def infinite_loss(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred)) / 0.0


def failing_loss(y_true, y_pred):
    raise RuntimeError("no luck")


def fails(x, w):
    raise RuntimeError("no luck")


class Clipped(layers.Layer):
    """A weight whose name the call gives to what it makes of it."""

    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1],), initializer="ones", name="w")

    def call(self, x):
        self.w = ops.abs(self.w)
        self.w = self.w / ops.sum(self.w)
        return x * self.w


def misplaced(**given):
    """A layer that was given a constraint as another argument."""
    return sequential(layers.Dense(3, name="here", **given), layers.Dense(1))


EVERY = "model/here/kernel"
FAULTY = {
    "CW001": {
        "loss": (lambda: sequential(layers.Dense(1), loss=failing_loss), ""),
        "targets": (lambda: sequential(layers.Dense(3)), ""),
    },
    "CW101": {
        "negative": (lambda: dense("non_neg", constant(-0.5)), EVERY),
        "zero vector": (lambda: dense("unit_norm", "zeros"), EVERY),
        "set": (lambda: dense(ci.Box(0.1, 1), "random_normal"), EVERY),
    },
    "CW102": {"jump": (lambda: dense("non_neg", constant(-0.5)), EVERY)},
    "CW103": {"nan": (lambda: dense("non_neg", constant(float("nan"))), EVERY)},
    "CW104": {
        "below": (lambda: dense("non_neg", "glorot_uniform", units=32), EVERY),
        "above": (lambda: dense(ci.Box(None, -0.01), "random_normal", units=32), EVERY),
        "own": (lambda: dense(Rectified(), "he_normal", units=32), EVERY),
    },
    "CW201": {"raises": (lambda: dense(Raises()), EVERY)},
    "CW202": {
        "transposed": (lambda: dense(Transposes(), units=3), EVERY),
        "broadcasts": (lambda: dense(KeepsOneRow()), EVERY),
    },
    "CW203": {"integers": (lambda: dense(Integers()), EVERY)},
    "CW204": {"0/0": (lambda: dense(SumsToOne(), "zeros"), EVERY)},
    "CW205": {"axis": (lambda: dense(OverWrongAxis(), "random_uniform"), EVERY)},
    "CW411": {"clip": (lambda: muted(Narrow()), EVERY)},
    "CW211": {"signs": (lambda: dense(SignedShares(), "glorot_uniform", units=32), EVERY)},
    "CW206": {
        "call": (lambda: dense(Call()), EVERY),
        "project": (lambda: dense(Project()), EVERY),
    },
    "CW207": {
        "random": (lambda: dense(Random()), EVERY),
        "memory": (lambda: dense(Tightens(), "random_uniform"), EVERY),
    },
    "CW208": {
        "unregistered": (lambda: dense(local_class()), EVERY),
        "lambda": (lambda: dense(lambda w: ops.minimum(w, 1.0)), EVERY),
        "argument": (lambda: dense(Forgets(0.5)), EVERY),
    },
    "CW209": {
        "late": (attached_late, EVERY),
        "variable": (lambda: sequential(MadeByVariable(name="here")), "w"),
        "use_bias": (lambda: misplaced(use_bias=keras.constraints.NonNeg()), EVERY),
        "activation": (lambda: misplaced(activation=ci.NonNegative()), EVERY),
        "regularizer": (lambda: misplaced(kernel_regularizer=ci.MaxNorm(1)), EVERY),
    },
    "CW307": {
        "clipped": (lambda: sequential(Clipped(name="here"), layers.Dense(1)), "model/here/w")
    },
    "CW301": {
        "images": (wrong_axes, ("model/conv/kernel", "model/deep/kernel", "model/up/kernel")),
        "rows": (lambda: embedding(0), "model/here/embeddings"),
        "own": (lambda: filters(0), "model/conv/kernel"),
    },
    "CW401": {
        "log": (
            lambda: sequential(
                Applies(lambda x, w: x + ops.log(w - 1.0), name="here"), layers.Dense(1)
            ),
            "model/here/w",
        )
    },
    "CW402": {
        "tanh": (
            lambda: sequential(
                layers.Dense(8, "tanh", kernel_initializer=constant(90.0), name="here"),
                layers.Dense(1),
            ),
            "here",
        )
    },
    "CW403": {
        "relu": (
            lambda: sequential(
                layers.Dense(8, "relu", bias_initializer=constant(-99.0), name="here"),
                layers.Dense(1),
            ),
            "here",
        )
    },
    "CW501": {
        "root": (
            lambda: sequential(Applies(lambda x, w: x + ops.sqrt(w), name="here")), "model/here/w",
        )
    },
    "CW502": {
        "division": (lambda: sequential(layers.Dense(1), loss=infinite_loss), ""),
        "added": (lambda: sequential(AddsLoss(name="here"), layers.Dense(1)), "model/here/w"),
    },
}  # fmt: skip


def unit_norm():
    model = sequential(
        layers.Dense(8, "tanh", kernel_constraint="unit_norm"), layers.Dense(1)
    )  # fmt: skip
    ci.project(model)
    return model


def images():
    inside = keras.constraints.MaxNorm
    return sequential(
        layers.Conv2D(8, 3, activation="relu", kernel_constraint=inside(1.0, axis=[0, 1, 2])),
        layers.DepthwiseConv2D(
            3, depth_multiplier=2, depthwise_constraint=inside(1.0, axis=[0, 1]), activation="elu"
        ),
        layers.Conv2DTranspose(4, 2, **ci.constrained(kernel=ci.UnitNorm())),
        layers.GlobalAveragePooling2D(), layers.Dense(1, kernel_constraint=inside(0.9)),
        shape=(6, 6, 3),
    )  # fmt: skip


def pruned():
    model = dense(Sparse(), "random_normal", units=32)
    ci.project(model)
    return model


def rezero():
    """Layers that start as the identity, with a weight of zero in front."""
    return sequential(
        layers.Dense(8, kernel_constraint=keras.constraints.MaxNorm(2.0)),
        Applies(lambda x, w: x + w * ops.relu(x)),
        Applies(lambda x, w: x / (ops.softplus(w) + 1e-3), constant(0.5413)),
        layers.Dense(1),
    )


def half():
    inside = keras.constraints.MaxNorm(2.0)
    return sequential(
        layers.Dense(32, "relu", kernel_constraint=inside, dtype="mixed_bfloat16"),
        layers.Dense(1, dtype="float32"),
    )


class CausalPool(layers.Layer):
    """Attention with -inf where it may not look."""

    def build(self, shape):
        bound = keras.constraints.MaxNorm(2.0)
        self.q = self.add_weight(
            shape=(shape[-1], shape[-1]), initializer="glorot_uniform", constraint=bound, name="q"
        )

    def call(self, x):
        score = ops.matmul(ops.matmul(x, self.q), ops.transpose(x, (0, 2, 1)))
        keep = ops.tril(ops.ones((x.shape[1], x.shape[1]), dtype="bool"))
        return ops.matmul(ops.softmax(ops.where(keep, score, -float("inf")), axis=-1), x)


def masked():
    return sequential(layers.Reshape((2, 2)), CausalPool(), layers.Flatten(), layers.Dense(1))


def large_steps():
    """A gradient that moves the weights by more than their norm: no jump of the constraint."""
    model = dense(ci.Box(-9, 9), "random_normal")
    model.optimizer.learning_rate = 0.5
    return model


HEALTHY = {
    "unit norm": (unit_norm, X),
    "images": (images, IMAGES),
    "embedding rows": (lambda: embedding(1), INDICES),
    "pruned": (pruned, X),
    "rezero and softplus": (rezero, X),
    "bfloat16": (half, X),
    "-inf mask": (masked, X),
    "large steps": (large_steps, X),
    "one channel of a filter": (lambda: filters((0, 1)), IMAGES),
    "filters over all channels": (over_channels, IMAGES),
    "rows of one entry": (lambda: embedding(0, width=1), INDICES),
    "sets": (lambda: dense(ci.Box(0.1, 1), ci.Box(0.1, 1).initializer(seed=0)), X),
}
ALSO = {
    "CW102": "large steps",
    "CW209": "unit norm",
    "CW301": "one channel of a filter",
    "CW402": "unit norm",
    "CW403": "pruned",
}
"""The healthy model that comes nearest to a fault, where "sets" is not it."""


def batch_for(model):
    shape = model.inputs[0].shape
    x = IMAGES if len(shape) == 4 else INDICES if "int" in model.inputs[0].dtype else X
    return x, np.resize(Y, (len(x), 1))


@functools.cache
def healthy(name):
    make, x = HEALTHY[name]
    keras.utils.set_random_seed(0)
    return ci.diagnose(make(), x, np.resize(Y, (len(x), 1)))


@pytest.fixture(autouse=True)
def _without_treatments(monkeypatch):
    """Rules are tested here; the treatments have their own test."""
    monkeypatch.setattr("constrainit.doctor._diagnose.treat", lambda *arguments: None)


@pytest.mark.parametrize(
    ("code", "case"), [(code, case) for code, cases in FAULTY.items() for case in cases]
)
def test_rule_finds_the_fault_and_where_it_is(code, case):
    """A model with the fault gets the finding, at the weight or layer that has it, with numbers."""
    make, where = FAULTY[code][case]
    model = make()
    x, y = batch_for(model)
    report = ci.diagnose(model, x, np.ones((len(y), 2)) if case == "targets" else y)
    # Of the rows of a `Dense` kernel, which may be meant, there is a note.
    found = [f for f in report.findings if f.code == code and (f.counts or code != "CW301")]
    expected = where if isinstance(where, tuple) else (where,)
    assert tuple(f.weight or f.layer for f in found) == expected, str(report)
    assert not report.ok
    for finding in found:
        assert finding.counts
        assert finding.evidence
        assert finding.message
        assert finding.fix
    if code in ("CW207", "CW401"):  # and what follows from it is not reported beside it
        assert [f.code for f in report.findings] == [code]
    if code == "CW201":
        assert found[0].source.text == "return w.no_such_method()"
    if code == "CW301":
        units = {"conv": [0, 1, 2], "deep": [0, 1], "up": [0, 1, 3], "here": [1]}
        assert all(f.evidence["unit_axes"] == units[f.layer] for f in found)


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_models_are_healthy(name):
    """Models that look suspicious and have nothing wrong get no finding that counts."""
    report = healthy(name)
    assert report.ok, str(report)
    assert report.evidence.faults == {}
    if name == "large steps":
        assert report.evidence.constraints[0].update > 1


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("code", FAULTY)
def test_rule_is_silent_where_the_fault_is_not(code):
    """The healthy model that comes nearest to a fault does not get its finding."""
    found = [f for f in healthy(ALSO.get(code, "sets")).findings if f.code == code]
    assert not [f for f in found if f.counts or f.layer == "conv" or code != "CW301"]


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    ("constraint", "start", "share"),
    [
        ("non_neg", "glorot_uniform", 0.5),
        ("non_neg", keras.initializers.RandomUniform(-1.0, 0.0, seed=0), None),
        (ci.Box(-0.02, 0.02), "glorot_uniform", None),
        (Sparse(), "glorot_uniform", None),
        (ci.UnitNorm(), "glorot_uniform", None),
    ],
    ids=["one side", "all of it", "both sides", "a mask", "a norm"],
)
def test_a_lost_half_is_told_where_a_set_lies_on_one_side(constraint, start, share):
    """Half of a symmetric draw becomes one number; other starts outside of a set are no halves."""
    keras.utils.set_random_seed(0)
    report = ci.diagnose(dense(constraint, start, units=64), X, Y, steps=1)
    found = [f for f in report.findings if f.code == "CW104"]
    assert len(found) == (share is not None), str(report)
    for finding in found:
        assert finding.evidence["lost_share"] == pytest.approx(share, abs=0.1)
        assert finding.evidence["end"] == 0
        assert "below 0" in finding.message


@pytest.mark.in_turns(every=16)
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
@pytest.mark.parametrize("axis", [-1, 1])
def test_a_softmax_of_one_entry_is_named_and_a_bias_that_cancels_is_a_note(axis):
    """The weights behind it get no gradient; along the time steps all is as it was meant."""
    keras.utils.set_random_seed(0)
    x = DRAWS.normal(size=(8, 5, 3)).astype("float32")
    model = sequential(Pool(axis, name="pool"), layers.Dense(1), shape=(5, 3))
    report = ci.diagnose(model, x, x[:, 0, :1])
    counted = [f for f in report.findings if f.counts and f.code == "CW503"]
    assert [f.weight for f in counted] == ["model/pool/score/kernel"] * (axis == -1), str(report)
    for finding in counted:
        assert "softmax in 'pool'" in finding.message
        assert "self.axis" in finding.source.text
    bias = [f for f in report.findings if f.weight == "model/pool/shift/bias"]
    assert not [f for f in bias if f.counts], str(report)


def test_a_batch_of_one_accuses_nobody():
    """One example has no deviation over the batch, and many units are zero for it by chance."""
    keras.utils.set_random_seed(0)
    model = sequential(layers.Dense(8, "relu", bias_initializer=constant(-0.3)), layers.Dense(1))
    report = ci.diagnose(model, X[:1], Y[:1])
    assert report.ok, str(report)
    assert any((o.dead or 0) >= 0.5 for o in report.evidence.outputs), "the test shows nothing"
    assert not report.evidence.varies


def test_rules_are_complete():
    """Every rule has its own code and name, and a page, whose example is run by its own test."""
    codes, names = [r.code for r in RULES], [r.name for r in RULES]
    assert len(set(codes)) == len(set(names)) == len(RULES)
    assert set(FAULTY) < set(codes)
    for rule in RULES:
        kind = type(rule)
        assert kind.__doc__.strip()
        assert rule.level in ("error", "warning", "info")
        stem = f"{rule.code.lower()}_{rule.name.replace('-', '_')}"
        assert kind.__module__ == f"constrainit.doctor.rules.{stem}"
        assert rule.code.startswith("CW")


# Repaired: how people mended such models


def sums_to_one_repaired():
    """The quotient with a floor, from a start that sums to one."""

    class Quotient(Constraint):
        def __call__(self, w):
            w = ops.maximum(ops.convert_to_tensor(w), 0.0) + 1e-7
            return w / ops.sum(w, axis=0, keepdims=True)

    return dense(Quotient(), constant(0.25))


REPAIRED = {
    "CW209": lambda: sequential(MadeByVariable(by_hand=True), layers.Dense(1)),
    "CW101": lambda: dense("non_neg", keras.initializers.RandomUniform(0, 0.5, seed=0)),
    "CW204": sums_to_one_repaired,
    "CW411": lambda: muted(keras.constraints.MaxNorm(2.0)),
    "CW211": lambda: dense(SignedShares(), constant(0.25)),
    "CW301": lambda: embedding(1),
    "CW401": lambda: sequential(
        Applies(lambda x, w: x + ops.log(w + 1.0)), layers.Dense(1)
    ),
    "CW402": lambda: sequential(layers.Dense(8, "tanh"), layers.Dense(1)),
    "CW501": lambda: sequential(
        Applies(lambda x, w: x + ops.sqrt(w), constant(1.0), ci.Positive(1e-3)), layers.Dense(1)
    ),
}  # fmt: skip


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("code", REPAIRED)
def test_repaired_models_are_healthy(code):
    """The mended twin of a faulty model gets no finding that counts."""
    model = REPAIRED[code]()
    report = ci.diagnose(model, *batch_for(model))
    assert report.ok, str(report)


def test_probe_judges_nothing():
    """Evidence of a model without constraints is whole, and no rule speaks of it."""
    report = ci.diagnose(sequential(layers.Dense(1)), X, Y)
    assert not report.findings
    assert report.evidence.constraints == []
    assert report.evidence.gradients
    assert report.evidence.outputs
    assert _probe.__doc__


class Differences(keras.losses.Loss):
    """A class of one's own, whose `call` Keras gives the targets as they are."""

    def call(self, y_true, y_pred):
        return ops.mean(ops.square(y_true - y_pred))


def differences(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1)


def rounded(y_true, y_pred):
    return ops.mean(ops.abs(y_true - ops.round(y_pred)), axis=-1)


def advantage(y_true, y_pred):
    """Of a one-hot action times what it is worth."""
    return -ops.sum(y_true * ops.log(y_pred + 1e-8), axis=-1)


def labelled_cross_entropy(y_true, y_pred):
    """Of labels 0 and 1 out of three columns."""
    return ops.mean(ops.square(ops.one_hot(ops.cast(y_true[:, 0], "int32"), 2)[:, 1:] - y_pred))


ABOVE = (Y > 0).astype("float32")
LOSSES = {
    "all pairs": (Differences(), ABOVE[:, 0], "CW603", "all examples"),
    "a column": (Differences(), ABOVE, None, ""),
    "a function": (differences, ABOVE[:, 0], None, ""),
    "minus one": ("binary_crossentropy", 2 * ABOVE - 1, "CW605", "shares between 0 and 1"),
    "zero and one": ("binary_crossentropy", ABOVE, None, ""),
    "rounded": (rounded, ABOVE, "CW503", "flat in the predictions"),
    "beyond by a function": (differences, 5 * ABOVE, "CW605", "between 0 and 1"),
    "an advantage": (advantage, 1 + 2 * ABOVE, None, ""),
    "more columns": (labelled_cross_entropy, np.concatenate([ABOVE, 9 * Y, Y], 1), None, ""),
}


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_that_no_weight_is_to_blame_for(name):
    """The first finding names what is wrong with the loss or its targets, if something is."""
    loss, y, code, words = LOSSES[name]
    model = sequential(layers.Dense(8, "tanh"), layers.Dense(1, "sigmoid"))
    model.compile("sgd", loss)
    report = ci.diagnose(model, X, y, steps=2)
    counted = [f for f in report.findings if f.counts]
    assert [f.code for f in counted][:1] == ([code] if code else []), str(report)
    assert not code or words in counted[0].message


def of_known_labels(y_true, y_pred):
    known = y_true >= 0
    found = keras.losses.sparse_categorical_crossentropy(
        ops.where(known, y_true, 0), y_pred, from_logits=True
    )
    return ops.sum(ops.where(known, found, 0.0)) / ops.sum(ops.cast(known, "float32"))


def sparse_crossentropy_of_known_labels(y_true, y_pred):
    """One's own is not known to take probabilities, though its name holds that of Keras'."""
    return of_known_labels(y_true, y_pred)


def sparse_crossentropy_of_all(y_true, y_pred):
    shares = ops.one_hot(ops.where(y_true < 0, 1, y_true), 2)
    return -ops.mean(ops.sum(shares * ops.log_softmax(y_pred), axis=-1))


IGNORING = keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=255)


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    ("loss", "instead", "codes"),
    [
        (sparse_crossentropy_of_known_labels, -100, []),
        (sparse_crossentropy_of_all, -100, ["CW605"]),
        (IGNORING, 255, []),
        (IGNORING, 254, ["CW605"]),
    ],
    ids=["masked", "not masked", "ignored", "another one"],
)
def test_labels_that_a_loss_leaves_out(loss, instead, codes):
    """They name no class, and need none."""
    y = np.where(X[:, 0] > 0.5, instead, X[:, 1] > 0).astype("int32")
    model = sequential(layers.Dense(2))
    model.compile("sgd", loss)
    found = {f.code for f in ci.diagnose(model, X, y, steps=2).findings if f.counts}
    assert found & {"CW605", "CW603"} == set(codes)


SERIES = DRAWS.normal(size=(16, 5, 2)).astype("float32")


def series(last, each=True, target=Y):
    """What is said first of a recurrence that gives a number for each step, or one."""
    layer = layers.SimpleRNN(3, return_sequences=each, name="recurrence")
    model = sequential(layer, last, shape=(5, 2))
    model.compile("sgd", "mse")
    found = ci.diagnose(model, SERIES, target, steps=1).findings
    return [(f.code, f.layer) for f in found if f.counts][:1]


def test_one_target_for_each_step_of_a_series():
    """A loss that broadcasts one target over time is named; what is meant so is not."""
    assert series(layers.Dense(1)) == [("CW603", "recurrence")]
    assert series(layers.Dense(1), each=False) == []
    assert series(layers.Dense(1), target=np.ones((16, 1), "float32")) == []
    assert series(layers.Dense(1), target=SERIES[..., :1]) == []


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("loss", ["mse", "mae", keras.losses.Huber()])
@pytest.mark.parametrize(("columns", "units"), [(1, 3), (3, 3), (1, 1)])
def test_one_column_of_targets_for_several_units(loss, columns, units):
    """They are broadcast, and nothing raises."""
    model = sequential(layers.Dense(5, "tanh"), layers.Dense(units, name="last"))
    model.compile("sgd", loss)
    y = DRAWS.normal(size=(len(X), columns)).astype("float32")
    found = [f for f in ci.diagnose(model, X, y, steps=2).findings if f.counts]
    told = columns < units
    assert [(f.code, f.layer) for f in found] == [("CW603", "last")] * told
    assert not told or found[0].evidence["units"] == units


class Exploding(Constraint):
    """Finite for small weights only."""

    def __call__(self, w):
        return w * ops.exp(1e3 * ops.sum(ops.square(w)))


def test_what_a_constraint_has_broken_follows_from_it():
    """A forward pass that is NaN from the second step on is listed under the constraint."""
    model = sequential(layers.Dense(8, kernel_constraint=Exploding(), name="first"))
    first, *others = [f for f in ci.diagnose(model, X, X[:, :1], steps=2).findings if f.counts]
    assert (first.code, first.layer, first.cause) == ("CW204", "first", "")
    broken = [f for f in others if f.code in ("CW401", "CW502")]
    assert broken
    assert {f.cause for f in broken} == {f"CW204 {first.weight}"}


def distances(y, predictions):
    """The distance of a sample to itself is a root of zero, whatever the weights are."""
    apart = ops.expand_dims(predictions, 0) - ops.expand_dims(predictions, 1)
    return ops.mean(ops.sqrt(ops.sum(ops.square(apart), axis=-1)), axis=-1)


def test_a_root_of_zero_that_no_weight_makes():
    """The advice speaks of no weight, and what follows from the lost gradient stands under it."""
    model = sequential(layers.Dense(8, kernel_constraint="max_norm"), layers.Dense(3))
    model.compile("sgd", distances)
    first, *others = [f for f in ci.diagnose(model, X, Y, steps=2).findings if f.counts]
    assert (first.code, first.stage, first.cause) == ("CW501", "gradients", "")
    assert "keep what enters that operation" in first.fix
    assert others
    assert {f.cause for f in others} == {f"CW501 {first.weight}"}


@pytest.mark.in_turns(every=16)
def test_what_harms_training_comes_before_what_is_not_saved():
    """A class that is not registered is no reason why the loss grows."""
    kind = type(local_class())
    kind.__call__ = lambda self, w: ops.clip(w, 8.0, 9.0)
    slow = keras.optimizers.SGD(1e-5)
    found = ci.diagnose(dense(kind()), X, Y, optimizer=slow).findings
    found = [f for f in found if f.counts]
    assert found[0].code != "CW208"
    assert "CW505" in {f.code for f in found}
    saved = next(f for f in found if f.code == "CW208")
    assert saved.message.endswith("can not be loaded, as it is not registered with Keras")


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(("best", "first"), [(0.1, "CW101"), (0.8, "CW208")])
def test_a_start_that_does_harm_comes_before_what_is_not_saved(best, first):
    """It does if the loss rises as its constraint takes it from 0.1 to 0.8."""
    kind = type(local_class())
    kind.__call__ = lambda self, w: ops.maximum(w, 0.8)
    model = dense(kind(), constant(0.1))
    kernel = model.get_layer("here").kernel
    kernel.assign(ops.full(kernel.shape, best))
    wanted = ops.convert_to_numpy(model(X)) + 0.01
    kernel.assign(ops.full(kernel.shape, 0.1))
    slow = keras.optimizers.SGD(1e-5)
    found = [f for f in ci.diagnose(model, X, wanted, optimizer=slow).findings if f.counts]
    assert found[0].code == first
    assert "CW101" in {f.code for f in found}
    saved = next(f for f in found if f.code == "CW208")
    assert saved.level == "warning"
    assert "or load it with custom_objects={'" in saved.fix


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    ("constraint", "wanted"),
    [
        (None, "(he_normal, a bias of 0), or take"),
        ("non_neg", "weights inside of their set and biases"),
        (ci.Box(-9, 0), "whose constraint leaves a part of them positive"),
        (ci.Box(-0.01, 0.02), "bound kernel less tightly: its constraint leaves entries of up to"),
    ],
)
def test_dead_units_are_mended_by_what_there_is(constraint, wanted):
    """No constraint is spoken of where there is none, and no sign where it takes none."""
    dead = layers.Dense(8, "relu", bias_initializer=constant(-50.0), kernel_constraint=constraint)
    found = ci.diagnose(sequential(dead, layers.Dense(1)), X, Y, steps=1).findings
    assert wanted in next(f for f in found if f.code == "CW403").fix


@pytest.mark.in_turns(every=16)
def test_an_axis_that_was_given_is_a_note_on_itself():
    """What a set of ours is told to do may be meant; leaving the axis out is the other way."""
    model = sequential(layers.Dense(4, **ci.constrained(kernel=ci.Simplex(axis=1))))
    note = next(f for f in ci.diagnose(model, X, X[::-1]).findings if f.code == "CW301")
    assert note.level == "info"
    assert "right if that is meant" in note.message
    assert "leave `axis` out of Simplex" in note.fix


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    ("a_set", "units", "why"),
    [
        (ci.Simplex(axis=1), 16, "the start is not inside"),
        (ci.UnitNorm(axis=1), 16, "the start is not inside"),
        (ci.Simplex(axis=1), 1, "gives the same whatever the weight is"),
        (ci.UnitNorm(axis=1), 1, "leaves of each number its sign, as a norm along its axis 1"),
        (keras.constraints.UnitNorm(axis=1), 1, "leaves of each number its sign"),
    ],
)
def test_a_mistaken_axis_comes_first_and_what_it_does_under_it(a_set, units, why):
    """A start outside, or updates that are taken back, follow from the axis that was given."""
    keras.utils.set_random_seed(0)
    ends = [] if units == 1 else [layers.Dense(1)]
    # Keras' norms have an epsilon, which shows in entries near zero.
    start = constant(np.resize([0.4, -0.6, 0.7], (8, units)))
    held = layers.Dense(units, kernel_constraint=a_set, kernel_initializer=start, name="here")
    report = ci.diagnose(sequential(layers.Dense(8, "tanh"), held, *ends), X, Y)
    first, *others = [f for f in report.findings if f.counts]
    assert (first.code, first.weight, first.cause) == ("CW301", EVERY, ""), str(report)
    assert others
    assert {f.cause for f in others} == {f"CW301 {EVERY}"}, str(report)
    assert why in " ".join(f.message for f in (first, *others))
    assert units > 1 or others[0].code == "CW212"


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize("kind", [layers.MultiHeadAttention, layers.GroupQueryAttention])
def test_an_axis_that_fits_other_kernels_of_the_same_argument_is_a_note(kind):
    """Attention has one argument for four kernels; one of our sets is right for all of them."""
    sizes = (2, 3) if kind is layers.MultiHeadAttention else (3, 4, 2)
    for constraint, noted in (
        (keras.constraints.MaxNorm(2, axis=0), ["attention_output"]),
        (keras.constraints.MaxNorm(2, axis=[0, 1]), ["query", "key", "value"]),
        (ci.MaxNorm(2), []),
    ):
        inputs = keras.Input((6, 4))
        attend = kind(*sizes, kernel_constraint=constraint, name="attend")
        model = keras.Model(inputs, layers.Dense(1)(layers.Flatten()(attend(inputs, inputs))))
        model.compile("sgd", "mse")
        report = ci.diagnose(model, IMAGES[:, :, :4, 0], IMAGES[:, 0, 0, :1], steps=1)
        notes = [f for f in report.findings if f.code == "CW301"]
        assert [f.layer for f in notes] == noted, str(report)
        for note in notes:
            assert note.level == "info"
            assert "'kernel_constraint' of 'attend'" in note.message
            assert "No axis is right for all" in note.message
            assert "finds those of each weight itself" in note.fix


@pytest.mark.in_turns(every=16)
def test_dead_units_behind_a_constant_follow_from_it():
    """What stands first in the model comes first, with the advice for what it is."""
    dead = layers.Dense(4, "relu", bias_initializer=constant(-1.0), name="dead")
    model = sequential(layers.Dense(1), layers.LayerNormalization(name="norm"), dead)
    first, *others = [f for f in ci.diagnose(model, X, np.eye(16, 4)).findings if f.counts]
    assert (first.code, first.layer) == ("CW405", "norm")
    assert "normalizes over a single number" in first.fix
    assert "CW405 norm" in {f.cause for f in others if f.code == "CW403"}


class Clips(Constraint):
    def __call__(self, w):
        return ops.clip(w, -0.5, 0.5)


def test_a_clip_of_a_kernel_with_one_channel_has_no_axis():
    """Along an axis of a single entry everything is scaled alike."""
    kernel = layers.Conv2D(4, 3, kernel_constraint=Clips())
    model = sequential(kernel, layers.Flatten(), layers.Dense(1), shape=(6, 6, 1))
    found = ci.diagnose(model, IMAGES[..., :1], IMAGES[:, 0, 0, :1], steps=1).findings
    assert "CW301" not in {f.code for f in found}


def test_a_masked_row_is_named_where_the_loss_refuses_nan():
    """PyTorch's cross-entropy raises on NaN; the layer that made it is named all the same."""
    model = sequential(
        Applies(lambda x, w: ops.softmax(ops.where(x < 9, -np.inf, x) + w)),
        layers.Dense(1, "sigmoid"),
    )
    model.compile("sgd", "binary_crossentropy")
    first = ci.diagnose(model, X, np.ones((16, 1), "float32"), steps=1).findings[0]
    assert (first.code, first.evidence["nonfinite_share"]) == ("CW401", 1.0)
    assert "masked in full" in first.fix


def test_a_lambda_is_no_warning_of_keras_but_a_finding():
    """Of the level that `explain` names; with other values after loading it is a warning."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        found = ci.diagnose(dense(lambda w: ops.clip(w, -0.5, 0.5)), X, Y, steps=1).findings
    assert not [one for one in seen if "lambda" in str(one.message)]
    saved = next(f for f in found if f.code == "CW208")
    assert saved.level == "error"
    assert saved.message.endswith("can not be loaded, as Keras loads no lambda in its safe mode")
    page = next(rule for rule in RULES if rule.code == "CW208")
    assert page.level == saved.level
    assert "That is a warning" in page.page().why
    found = ci.diagnose(dense(ForgetsItsBound(0.1)), X, Y, steps=1).findings
    assert next(f for f in found if f.code == "CW208").level == "warning"


class ForgetsItsBound(Constraint):
    def __init__(self, lower=0.0):
        self.lower = lower

    def __call__(self, w):
        return ops.maximum(w, self.lower)


class Energy(layers.Layer):
    """The logarithm of a sum of squares beyond 65504, times a weight."""

    def build(self, shape):
        """One weight."""
        self.scale = self.add_weight(shape=(1,), initializer="ones", name="scale")

    def call(self, x):
        """What float16 does not hold is computed on the way."""
        total = ops.sum(ops.square(300.0 * x), axis=-1, keepdims=True)
        return self.scale * ops.log(1.0 + total)


def test_what_only_half_precision_does_not_hold_is_computed_in_float32():
    """It is said before anything is scaled."""
    model = keras.Sequential(
        [keras.Input((4,)), Energy(name="energy", dtype="float16"), layers.Dense(1)]
    )
    model.compile(keras.optimizers.SGD(1e-3), "mse")
    x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    first = ci.diagnose(model, x, x[:, :1]).findings[0]
    assert (first.code, first.layer) == ("CW401", "energy")
    assert first.fix.startswith('compute the layer in float32, dtype="float32"')


def test_numbers_are_told_plainly():
    """A range of one number is that number, and a sigmoid ends at zero."""
    unit = layers.Dense(4, kernel_constraint="unit_norm", kernel_initializer=constant(2.0))
    report = ci.diagnose(sequential(unit, layers.Dense(1, "sigmoid")), X, 5 * Y, steps=1)
    told = {f.code: f.message for f in report.findings}
    assert told["CW101"].endswith("; the constraint then only scales each unit by 0.25")
    assert told["CW605"].endswith("the activation sigmoid gives only numbers between 0 and 1")
    calm = sequential(layers.Dense(4, **ci.constrained(kernel=ci.UnitNorm())))
    text = " ".join(str(ci.diagnose(calm, X, X, steps=1)).split())
    assert "the norms of its units are 1," in text
    alone = sequential(layers.Dense(1, **ci.constrained(kernel=ci.UnitNorm())))
    text = " ".join(str(ci.diagnose(alone, X, X[:, :1], steps=1)).split())
    assert "the norm of its unit is 1," in text


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(
    ("activation", "words"), [("relu", "of at least 0"), ("tanh", "between -1 and 1")]
)
def test_the_range_of_an_activation_in_words(activation, words):
    """Also where one end is open."""
    model = sequential(layers.Dense(1, activation))
    found = ci.diagnose(model, X, 5 * Y, steps=1).findings
    assert next(f for f in found if f.code == "CW605").message.endswith(f"only numbers {words}")


@pytest.mark.in_turns(every=16)
@pytest.mark.parametrize(("kind", "gates"), [(layers.LSTM, 4), (layers.GRU, 3)])
def test_gates_that_are_orthogonal_together_are_a_note(kind, gates):
    """Each by itself, or a layer with one matrix, are none."""
    apart = ci.Blocks(ci.Orthogonal(), gates)
    for layer, noted in (
        (kind(3, **ci.constrained(recurrent=ci.Orthogonal(), kernel=ci.Orthogonal())), 2),
        (layers.Bidirectional(kind(3, **ci.constrained(kernel=ci.Orthogonal()))), 2),
        (kind(3, **ci.constrained(recurrent=apart, kernel=ci.Orthogonal(axis=0))), 1),
        (kind(3, **ci.constrained(recurrent=apart)), 0),
        (layers.SimpleRNN(3, **ci.constrained(recurrent=ci.Orthogonal())), 0),
    ):
        model = sequential(layer, layers.Dense(1), shape=(6, 4))
        report = ci.diagnose(model, IMAGES[:, :, :4, 0], IMAGES[:, 0, 0, :1], steps=1)
        notes = [f for f in report.findings if f.code == "CW301"]
        assert len(notes) == noted
        assert report.ok
        for note in notes:
            assert note.level == "info"
            assert f"the {gates} gates of {kind.__name__}Cell side by side" in note.message
            assert note.fix.endswith(f"write Blocks(Orthogonal(), {gates})")

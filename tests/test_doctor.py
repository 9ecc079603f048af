"""The doctor: what it says is true, and the model that it looked at is as it was."""

import importlib.util
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers, ops
from keras.src.backend.common import global_state

import constrainit as ci
from constrainit import _text
from constrainit.doctor._frames import fault

HERE = Path(__file__).parent
ARTICLE = HERE.parent / "examples" / "article"
EXPECTED = HERE / "expected"

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(8, 5)).astype("float32")
SERIES = DRAWS.normal(size=(8, 4, 3)).astype("float32")
TARGET = X[:, :1]


def sequential(*parts, shape=(5,), loss="mse", optimizer="sgd", **compiling):
    model = keras.Sequential([keras.Input(shape), *parts], name="model")
    model.compile(optimizer, loss, **compiling)
    return model


def by_absolute_value(width=1, **arguments):
    """A layer whose start its constraint throws about: every stage and treatment has work."""
    return layers.Dense(width, kernel_constraint="non_neg", name="dense", **arguments)


# The article


def load(name):
    """A file of examples/article as a module, found as when it is run from there."""
    spec = importlib.util.spec_from_file_location(name, ARTICLE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def article(monkeypatch):
    """Loads a program of the article in a fresh session of Keras."""
    monkeypatch.syspath_prepend(ARTICLE)
    before = set(sys.modules)

    def make(name):
        keras.utils.clear_session()
        keras.utils.set_random_seed(0)
        module = load(name)
        return module.make_model(), *module.make_batch()

    yield make
    for name in set(sys.modules) - before:
        if name in {path.stem for path in ARTICLE.glob("*.py")}:
            del sys.modules[name]


KERNEL = "sequential/dense/kernel"
FOUND = {
    "positive": [
        ("CW201", "error", KERNEL), ("CW101", "warning", KERNEL), ("CW102", "warning", KERNEL),
    ],
    "bounded": [
        ("CW201", "error", KERNEL), ("CW101", "warning", KERNEL), ("CW104", "warning", KERNEL),
        ("CW102", "warning", KERNEL),
    ],
    "max_norm": [],
    "positive_treated": [],
    "bounded_treated": [],
    "max_norm_treated": [],
}  # fmt: skip


def masked(report):
    """The text of a report without what differs between runs, machines and backends."""
    text = re.sub(
        r" on \w+ \S+\n", " on BACKEND\n", _text.plain(*report.parts(), width=_text.UNCUT)
    )
    text = re.sub(r"at \S*?(\w+\.py)", r"at \1", text)
    text = re.sub(r"-?\d[\d,]*(\.\d+)?(\+\w+)?(e[+-]?\d+)?", "#", text)
    # The width of a column follows from the numbers.
    return "\n".join(" ".join(row.split()) for row in re.sub(r"─+", "", text).split("\n")) + "\n"


@pytest.mark.parametrize("program", FOUND)
def test_article(program, article):
    """The same findings and the same words for the article's programs on every backend."""
    model, x, y = article(program)
    report = ci.diagnose(model, x, y)
    assert [(f.code, f.level, f.weight) for f in report.findings] == FOUND[program]
    assert report.ok == (not FOUND[program])
    assert all(f.treatment.healed for f in report.findings)
    expected = EXPECTED / f"{program}.txt"
    if os.environ.get("UPDATE_EXPECTED"):
        expected.write_text(masked(report), encoding="utf-8")
    assert masked(report) == expected.read_text(encoding="utf-8")
    source = [f.source for f in report.findings if f.code == "CW201"]
    for line in source:
        assert Path(line.file).name == f"{program}.py"
        assert "return keras.backend." in line.text


def first_step(model, x, y):
    """Weights before and after one real step of `fit`, and the losses around it."""
    before = {v.path: array(v) for v in model.trainable_variables}
    loss = model.evaluate(x, y, batch_size=len(x), verbose=0, return_dict=True)["loss"]
    model.fit(x, y, batch_size=len(x), shuffle=False, verbose=0)
    after = {v.path: array(v) for v in model.trainable_variables}
    later = model.evaluate(x, y, batch_size=len(x), verbose=0, return_dict=True)["loss"]
    return before, after, loss, later


@pytest.mark.parametrize(("program", "name"), [("positive", "abs"), ("bounded", "clip")])
def test_article_numbers_are_those_of_a_real_step(program, name, article, monkeypatch):
    """Jump, gradient part, share and violation are what one batch of `fit` really does."""
    report = ci.diagnose(*article(program))
    evidence = {f.code: f.evidence for f in report.findings}
    monkeypatch.setattr(keras.backend, name, getattr(ops, name), raising=False)
    model, x, y = article(program)
    before, after, loss, later = first_step(model, x, y)
    w, moved = before[KERNEL], after[KERNEL]
    size = np.linalg.norm(w)
    image = np.abs(w) if name == "abs" else np.clip(w, 0.1, 1.0)
    assert evidence["CW102"]["step"] == pytest.approx(np.linalg.norm(moved - w) / size, rel=1e-4)
    assert evidence["CW101"]["jump"] == pytest.approx(np.linalg.norm(image - w) / size, rel=1e-4)
    assert evidence["CW101"]["share_moved"] == pytest.approx(np.mean(image != w))
    assert evidence["CW101"]["violation"] == pytest.approx(np.max(np.abs(image - w)), rel=1e-5)
    assert report.evidence.loss == pytest.approx(loss, rel=1e-4)
    assert report.evidence.loss_after == pytest.approx(later, rel=1e-4)
    free, x, y = article(program)
    free.layers[0].kernel.constraint = None
    before, after, _, _ = first_step(free, x, y)
    part = np.linalg.norm(after[KERNEL] - before[KERNEL]) / size
    assert evidence["CW102"]["gradient_part"] == pytest.approx(part, rel=1e-3)


def test_article_fails_at_the_first_step_and_not_before(article):
    """Build, forward, compile and predict pass, as the report says; the first `fit` raises."""
    model, x, y = article("positive")
    model.predict(x, verbose=0)
    model.evaluate(x, y, verbose=0)
    with pytest.raises(AttributeError, match="has no attribute 'abs'"):
        model.fit(x, y, verbose=0)


def trained():
    """A model in the middle of training, with all that makes a step depend on its state."""
    model = sequential(
        layers.Dense(4, name="inner"), layers.BatchNormalization(), layers.Dropout(0.5, seed=1),
        by_absolute_value(), optimizer=keras.optimizers.Adam(0.1), metrics=["mae"],
    )  # fmt: skip
    model.fit(X, TARGET, verbose=0)
    model.get_layer("dense").kernel.assign([[1.0], [2.0], [-1.0], [-2.0]])
    return model


def test_numbers_are_those_of_a_real_step_in_the_middle_of_training():
    """With dropout, batch statistics, regularizers and moments of Adam the numbers hold too."""
    model = trained()
    model.get_layer("inner").kernel.regularizer = keras.regularizers.L2(0.1)
    report = ci.diagnose(model, X, TARGET)
    made = {m.record.variable.path: m for m in report.evidence.constraints}["model/dense/kernel"]
    before = array(model.get_layer("dense").kernel)
    model.fit(X, TARGET, batch_size=8, shuffle=False, verbose=0)
    after = array(model.get_layer("dense").kernel)
    size = np.linalg.norm(before)
    assert made.step == pytest.approx(np.linalg.norm(after - before) / size, rel=1e-4)
    assert made.after_step.norm == pytest.approx(np.linalg.norm(after), rel=1e-4, abs=1e-6)


class AddsLoss(layers.Layer):
    def build(self, shape):
        self.w = self.add_weight(shape=(shape[-1],), name="w", initializer="ones")

    def call(self, x):
        self.add_loss(ops.sum(ops.square(self.w)))
        return x * self.w


@pytest.mark.parametrize("loss", ["mse", None])
def test_losses_that_layers_add_count(loss):
    """The loss is that of `fit`: with what layers add, and with nothing else where that is all."""
    model = sequential(AddsLoss(), loss=loss)
    report = ci.diagnose(model, X, X)
    assert report.evidence.loss == pytest.approx(5.0, rel=1e-5)
    assert not [said for said in report.environment["assumed"] if "compiled" in said]


# The model is as it was


def all_layers(model):
    found = [model]
    for layer in found:
        found += [inner for inner in layer._layers if all(inner is not f for f in found)]
    return found


def shown(value):
    """An attribute reduced to what can be compared: values, sizes and identities."""
    if isinstance(value, (int, float, str, bool, type(None))):
        return value
    if isinstance(value, (list, dict, set)):
        parts = [id(part) for part in value]
        return type(value), sorted(parts) if isinstance(value, set) else parts
    return id(value)


def randomness():
    """The states of all that draws without a seed of its own, by what draws from them."""
    generator = global_state.get_global_attribute("global_seed_generator")
    state = {
        ("draws", "python"): random.getstate(),
        ("draws", "numpy"): repr(np.random.get_state()),  # noqa: NPY002
        ("draws", "keras"): None if generator is None else array(generator.state).tobytes(),
    }
    if keras.backend.backend() == "torch":
        import torch

        state["draws", "torch"] = torch.random.get_rng_state().numpy().tobytes()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf
        from tensorflow.python.eager import context

        state["draws", "generator"] = array(tf.random.get_global_generator().state).tobytes()
        state["draws", "tensorflow"] = getattr(context.context(), "_rng", random).getstate()
    return state


def snapshot(model):
    """Everything about a model and about chance that a caller could see changed."""
    state = randomness()
    for number, layer in enumerate(all_layers(model)):
        state.update({(number, name): shown(v) for name, v in vars(layer).items()})
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None:
        state.update({("optimizer", name): shown(v) for name, v in vars(optimizer).items()})
    variables = [*model.variables, *model.metrics_variables]
    variables += optimizer.variables if optimizer is not None else []
    for variable in variables:
        state["value", id(variable)] = ops.convert_to_numpy(
            ops.cast(variable, "float32") if "float" in variable.dtype else variable
        ).tobytes()
        constraint = getattr(variable, "constraint", None)
        state["constraint", id(variable)] = id(constraint)
        if hasattr(constraint, "__dict__"):
            state["arguments", id(variable)] = repr(sorted(vars(constraint).items()))
        if keras.backend.backend() == "torch":
            state["torch", id(variable)] = variable.value.grad is None, variable.value.requires_grad
    return state


def changes(before, after):
    keys = sorted(set(before) | set(after), key=str)
    return {k: (before.get(k), after.get(k)) for k in keys if before.get(k) != after.get(k)}


class Remembers(layers.Layer):
    """A layer that keeps what it saw, as attention maps are often kept, and counts its calls."""

    def __init__(self):
        super().__init__()
        self.calls, self.last, self.seen = 0, None, []
        self.noise = keras.random.SeedGenerator(1)

    def call(self, x):
        self.calls += 1
        self.last = x
        self.seen.append(x)
        return x + keras.random.normal(ops.shape(x), seed=self.noise)


class Draws(layers.Layer):
    """Draws from every state that is not its own; is interrupted behind that once it is armed."""

    armed = None

    def compute_output_spec(self, x):
        return keras.KerasTensor(x.shape, x.dtype)

    def call(self, x):
        noise = random.random() + np.random.random()  # noqa: NPY002
        if keras.backend.backend() == "torch":
            import torch

            noise += float(torch.rand(()))
        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            noise += tf.random.normal(()) + tf.random.get_global_generator().normal(())
        if keras.backend.backend() != "jax":
            noise += keras.random.normal(())
        if self.armed is not None:
            raise self.armed
        return x + 0.01 * ops.cast(noise, x.dtype)


def stateful():
    """A model that keeps what it saw; on PyTorch Keras can not train a recurrence with a state."""
    model = keras.Sequential(
        [
            keras.Input(batch_shape=(8, 4, 3)), layers.LSTM(3, stateful=True, trainable=False),
            layers.BatchNormalization(), layers.Dropout(0.5), by_absolute_value(),
        ], name="model",
    )  # fmt: skip
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(SERIES, TARGET, batch_size=8, verbose=0)
    model.evaluate(SERIES, TARGET, batch_size=8, verbose=0)
    return model


class OwnStep(keras.Model):
    def train_step(self, *arguments, **named):
        return super().train_step(*arguments, **named)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__(name="model")
        self.first = layers.Dense(3, kernel_constraint="non_neg")
        self.last = layers.Dense(1, trainable=False, kernel_constraint="non_neg")

    def call(self, x):
        return self.last(self.first(x))


class OfLayers(keras.Model):
    """Keras can not write its argument into a config."""

    def __init__(self, given):
        super().__init__(name="model")
        self.given = given

    def get_config(self):
        raise NotImplementedError

    def call(self, x):
        return self.given[-1](self.given[0](x) if self.given[1:] else x)


def subclassed():
    model = Subclassed()
    model(X)
    model.compile("sgd", "mse")
    return model


def own_step():
    inputs = keras.Input((5,))
    shared = layers.Dense(5, kernel_constraint="non_neg")
    model = OwnStep(inputs, layers.Dense(1)(shared(shared(inputs))))
    model.compile("sgd", "mse")
    return model


def several():
    a, b = keras.Input((5,), name="a"), keras.Input((3,), name="b")
    hidden = layers.Concatenate()([layers.Dense(4, kernel_constraint="non_neg")(a), b])
    outputs = {
        "u": layers.Dense(1, name="u")(hidden),
        "v": layers.Dense(2, activation="softmax", name="v")(hidden),
    }
    model = keras.Model({"a": a, "b": b}, outputs)
    model.compile(
        "adam",
        {"u": "mse", "v": "sparse_categorical_crossentropy"},
        loss_weights={"u": 0.5, "v": 1.0},
        metrics={"u": ["mae"], "v": ["accuracy"]},
    )
    return model


def recurrent():
    """Everything with a loop over time or inner layers of its own; it starts inside its sets."""
    inside = ci.constrained
    inputs = keras.Input((4, 3))
    x = layers.LSTM(3, return_sequences=True, dropout=0.2, **inside(recurrent=ci.UnitNorm()))(
        inputs
    )
    x = layers.Bidirectional(layers.GRU(2, return_sequences=True, **inside(kernel=ci.MaxNorm(1))))(
        x
    )
    x = layers.TimeDistributed(layers.Dense(3, **inside(kernel=ci.UnitNorm())))(x)
    x = layers.MultiHeadAttention(1, 2, **inside(kernel=ci.MaxNorm(1)))(x, x)
    x = layers.ConvLSTM1D(2, 2, **inside(kernel=ci.MaxNorm(1)))(layers.Reshape((4, 3, 1))(x))
    model = keras.Model(inputs, layers.Flatten()(x), name="model")
    model.compile("sgd", "mse")
    return model


def half():
    # A scale that makes the first gradients overflow, which Keras mends by lowering it.
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(), 2.0**30)
    return sequential(by_absolute_value(dtype="mixed_float16"), optimizer=optimizer)


MODELS = {
    "trained": (trained, X, TARGET),
    "draws": (lambda: sequential(Draws(), by_absolute_value()), X, TARGET),
    "stateful": (stateful, SERIES, TARGET),
    "remembers": (lambda: sequential(Remembers(), by_absolute_value()), X, TARGET),
    "subclassed, frozen": (subclassed, X, TARGET),
    "functional, shared, own step": (own_step, X, TARGET),
    "several inputs and outputs": (
        several, {"a": X, "b": X[:, :3]}, {"u": TARGET, "v": np.arange(8) % 2},
    ),
    "several, drawn": (several, None, None),
    "recurrent, attention": (recurrent, SERIES, None),
    "adds losses": (lambda: sequential(AddsLoss(), by_absolute_value(), loss=None), X, None),
    "half precision": (half, X, TARGET),
    "averaging": (
        lambda: sequential(
            by_absolute_value(), optimizer=keras.optimizers.SGD(use_ema=True), run_eagerly=True
        ), X, TARGET,
    ),
    "not built": (lambda: keras.Sequential([by_absolute_value()], name="model"), X, None),
    "subclassed, not built": (Subclassed, X, TARGET),
    "no config, not built": (lambda: OfLayers([by_absolute_value(), Remembers()]), X, TARGET),
}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
def test_model_is_left_as_it_was(kind, tmp_path, monkeypatch):
    """Weights, optimizer, metrics, constraints and attributes are the same, bit for bit."""
    make, x, y = MODELS[kind]
    model = make()
    before = snapshot(model)
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(tmp_path))
        report = ci.diagnose(model, x, y)
    assert list(tmp_path.iterdir()) == []
    assert changes(before, snapshot(model)) == {}
    assert report.evidence.faults == {}, str(report)
    assert report.evidence.loss is not None
    assert np.isfinite(report.evidence.loss_after)
    wanted = set() if kind in ("recurrent, attention", "stateful") else {"CW101", "CW102"}
    wanted |= {"CW303"} if kind == "averaging" else set()
    counted = [f for f in report.findings if f.counts]
    # Whether about half of a kernel is lost depends on what was drawn.
    assert {f.code for f in counted} - {"CW104"} == wanted, str(report)
    assert all(f.cause or f.treatment.healed for f in counted)
    named = [layer.name for layer in model._flatten_layers()]
    assert {f.layer for f in report.findings} <= {"", None, *named}, str(report)


def test_a_model_that_was_built_for_a_look_trains_as_if_it_never_was():
    """Its layers draw and track their weights anew: `build` alone, as was called, makes none."""
    ends = []
    for looked in (False, True):
        keras.utils.set_random_seed(0)
        model = OfLayers([layers.Dense(4, "relu"), layers.Dense(1)])
        with pytest.warns(UserWarning, match="does not have a `build"):
            model.build((None, 5))
        model.compile("sgd", "mse")
        if looked:
            report = ci.diagnose(model, X, TARGET)
            assert "no weights yet" in str(report)
            assert model.weights == []
        model.fit(X, TARGET, verbose=0)
        ends.append([array(weight) for weight in model.weights])
    for one, other in zip(*ends, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(ends[1]) == 4


@keras.saving.register_keras_serializable("test_doctor")
class Call(keras.constraints.Constraint):
    def call(self, w):
        return ops.abs(w)


def attached_late():
    model = sequential(layers.Dense(3, name="dense"), layers.Dense(1))
    model.get_layer("dense").kernel_constraint = keras.constraints.NonNeg()
    return model


TREATED = {
    "CW206": lambda: sequential(layers.Dense(3, kernel_constraint=Call(), name="dense")),
    "CW209": attached_late,
    "CW301": lambda: sequential(
        layers.Reshape((1, 5)), layers.Conv1D(3, 1, kernel_constraint="unit_norm", name="dense")
    ),
}  # fmt: skip


@pytest.mark.parametrize("code", TREATED)
def test_treatment_heals_a_copy_and_leaves_the_model(code):
    """A finding with a treatment is treated and looked at again; the model itself is untouched."""
    model = TREATED[code]()
    before = snapshot(model)
    report = ci.diagnose(model, X)
    assert changes(before, snapshot(model)) == {}
    (finding,) = [f for f in report.findings if f.code == code]
    assert finding.weight == "model/dense/kernel"
    assert finding.treatment.change
    assert finding.treatment.healed
    assert str(report).count("tried: ") == sum(f.treatment is not None for f in report.findings)


class Breaks(layers.Layer):
    """Passes its input on until it is armed."""

    armed = None

    def call(self, x):
        if self.armed is not None:
            raise self.armed
        return x


@keras.saving.register_keras_serializable("test_doctor")
class BreakingConstraint(keras.constraints.Constraint):
    def __init__(self, exception=None):
        self.exception, self.calls = exception, 0

    def __call__(self, w):
        self.calls += 1
        raise self.exception


class StopsBehindTheUpdate(keras.optimizers.SGD):
    """Is interrupted when the weights have moved and nobody knows it yet."""

    def apply(self, grads, trainable_variables=None):
        super().apply(grads, trainable_variables)
        raise KeyboardInterrupt


def breaking(stage, exception):
    """A model that raises, or is interrupted, at a stage of the probe."""

    def loss(y_true, y_pred):
        raise exception

    breaks, constraint = Breaks() if stage != "draw" else Draws(), BreakingConstraint(exception)
    model = sequential(
        by_absolute_value(),
        layers.Dense(1, kernel_constraint=constraint if stage == "constraint" else None),
        breaks, loss=loss if stage == "loss" else "mse",
        optimizer=StopsBehindTheUpdate() if stage == "update" else "sgd",
    )  # fmt: skip
    breaks.armed = exception if stage in ("forward", "draw") else None
    return model


@pytest.mark.parametrize("stage", ["forward", "constraint", "loss"])
def test_model_is_left_as_it_was_when_the_probe_fails(stage):
    """What a layer, constraint or loss raises is a finding with its line; nothing is changed."""
    model = breaking(stage, RuntimeError("no luck"))
    before = snapshot(model)
    report = ci.diagnose(model, X, TARGET)
    assert changes(before, snapshot(model)) == {}
    code = "CW201" if stage == "constraint" else "CW001"
    (finding,) = [f for f in report.findings if f.code == code]
    assert "RuntimeError: no luck" in finding.message
    assert finding.source.file == __file__
    assert finding.source.text.startswith("raise")
    assert code == "CW201" or finding.fix.startswith("mend the line above")
    assert finding.stage == {"forward": "forward", "loss": "gradients"}.get(stage, "constraints")
    assert stage != "loss" or finding.layer == ""


@pytest.mark.parametrize("stage", ["forward", "draw", "constraint", "loss", "update"])
def test_model_is_left_as_it_was_when_interrupted(stage, tmp_path, monkeypatch):
    """Ctrl-C in the middle of a probe gets through, and leaves model, chance and disk alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    model = breaking(stage, KeyboardInterrupt())
    before = snapshot(model)
    with pytest.raises(KeyboardInterrupt):
        ci.diagnose(model, X, TARGET)
    assert changes(before, snapshot(model)) == {}
    assert list(tmp_path.iterdir()) == []


# What is assumed, and bad arguments


def test_says_what_it_assumed():
    """Without targets, batch, loss or optimizer the doctor takes some, and says which."""
    model = keras.Sequential([keras.Input((5,)), by_absolute_value(3)])
    report = ci.diagnose(model)
    said = " ".join(report.environment["assumed"])
    for words in ("inputs drawn", "targets drawn", "mean squared error", "Adam"):
        assert words in said
        assert words in str(report)
    report = ci.diagnose(model, X, np.arange(8) % 3)
    assert "sparse categorical" in " ".join(report.environment["assumed"])
    given = ci.diagnose(model, X, X[:, :3], loss="mae", optimizer="sgd")
    assert given.environment["assumed"] == ()
    assert given.environment["loss"] == "mae"
    expected = np.mean(np.abs(X[:, :3] - array(model(X))))
    assert given.evidence.loss == pytest.approx(expected, rel=1e-4)
    assert not model.compiled


@pytest.mark.parametrize(
    ("rate", "steps", "taken"), [(1e-3, None, 1), (50.0, None, 3), (50.0, 1, 1)]
)
def test_few_steps_are_more_where_the_loss_grows(rate, steps, taken, monkeypatch):
    """A large model takes one step; one whose loss grows tenfold two more, so that it is named."""
    monkeypatch.setattr("constrainit.doctor._problem._STEPS", ((1, np.inf),))
    model = sequential(layers.Dense(1, name="dense"), optimizer=keras.optimizers.SGD(rate))
    report = ci.diagnose(model, X, TARGET, steps=steps)
    assert len(report.evidence.losses) == 1 + taken
    assert ("CW505" in {f.code for f in report.findings}) == (taken == 3)


def test_seed_reproduces_a_report():
    """Equal seeds give equal reports; another seed draws another batch."""
    model = keras.Sequential([keras.Input((5,)), by_absolute_value(3)])
    first, again, other = (ci.diagnose(model, seed=seed).to_dict() for seed in (1, 1, 2))
    assert first == again
    assert first["loss"] != other["loss"]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"model": 3}, r"`model` of `diagnose` must be a keras\.Model. Received: model=3"),
        ({"seed": "one"}, r"`seed` of `diagnose` must be an integer.*Received: seed='one'"),
        ({"model": keras.Sequential([layers.Dense(1)]), "x": None, "y": None}, "`x` must be"),
        ({"loss": "no such"}, "no such"),
        ({"optimizer": "no such"}, "no such"),
        ({"x": (X, None)}, r"`x` of `diagnose` .*without None.*diagnose\(model, x, y\)"),
        ({"x": X.astype("object")}, r"`x` of `diagnose` must hold numbers.*dtype=object and shape"),
        ({"x": 3.0}, r"`x` of `diagnose` must be an array, or arrays in lists and dicts"),
        ({"y": [None, None]}, r"`y` of `diagnose` must be an array, or arrays in lists and dicts"),
        ({"x": X[:0], "y": TARGET[:0]}, r"`x` of `diagnose` must hold at least one sample"),
    ],
    ids=[
        "model",
        "seed",
        "no shape",
        "loss",
        "optimizer",
        "both",
        "objects",
        "number",
        "nothing",
        "no sample",
    ],
)
def test_bad_arguments(arguments, match):
    """Bad input is one ValueError that names what was wrong, and changes nothing."""
    model = sequential(by_absolute_value())
    before = snapshot(model)
    with pytest.raises(ValueError, match=match):
        ci.diagnose(**{"model": model, "x": X, "y": TARGET, **arguments})
    assert changes(before, snapshot(model)) == {}


class Batches(keras.utils.PyDataset):
    def __getitem__(self, index):
        return X, TARGET

    def __len__(self):
        return 1


@pytest.mark.parametrize(
    ("make", "take"),
    [
        (Batches, r"a Batches\. Take a batch of it: x, y = data\[0\]"),
        (lambda: ((X, TARGET) for _ in range(2)), r"a generator\. .* x, y = next\(iter\(data\)\)"),
    ],
    ids=["PyDataset", "generator"],
)
def test_data_in_batches(make, take):
    """`fit` takes them; the doctor looks at one batch, and says how to get it."""
    with pytest.raises(ValueError, match=take):
        ci.diagnose(sequential(by_absolute_value()), make())


def test_an_optimizer_of_another_backend():
    """As a model has it that was saved there: a step of it would fail in the middle of nowhere."""
    kind = type("Adam", (keras.optimizers.SGD,), {})
    kind.__module__ = "keras.src.backend.elsewhere.optimizers.adam"
    model = sequential(by_absolute_value(), optimizer=kind(0.1))
    with pytest.raises(ValueError, match="one of 'elsewhere', with which the model was saved"):
        ci.diagnose(model, X, TARGET)
    assert ci.diagnose(model, X, TARGET, optimizer="sgd", steps=1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no luck.\n\nmore", "no luck."),
        ("Exception encountered when calling A().\n\n\x1b[1mno luck\x1b[0m\n\nwith", "no luck"),
        ("<A> is wrong. See\nx.y.\n\nException encountered: no luck", "<A> is wrong. no luck"),
        ("word " * 100, f"{'word ' * 79}word ..."),
        (
            f"Error of 'A' using config={{'a': {{}}, 'b': '{'c. ' * 200}'}}.\n\n"
            "Exception encountered: no luck",
            "Error of 'A'. no luck",
        ),
    ],
    ids=["first paragraph", "wrapped", "caught", "long", "config"],
)  # fmt: skip
def test_the_decisive_sentence_of_an_exception_is_kept(text, told):
    """Whatever Keras writes around it; what is left out at the end is said to be left out."""
    assert fault(ValueError(text)).message == told


def test_batch_that_does_not_fit_is_a_finding():
    """A batch of the wrong shape is found as CW001, and the advice is about the batch."""
    report = ci.diagnose(sequential(by_absolute_value()), X[:, :4], TARGET)
    assert [(f.code, f.stage) for f in report.findings if f.level == "error"] == [
        ("CW001", "forward")
    ], str(report)
    assert report.findings[0].fix.startswith("pass a batch of the shape")


class TwoLayers(keras.Model):
    """The user's lines come before the layer that raises."""

    def __init__(self, width=5):
        super().__init__()
        self.first, self.last = layers.Dense(5), layers.Dense(2)
        self.first.build((None, 5))
        self.last.build((None, width))
        self.built = True

    def call(self, x):
        return self.last(self.first(x))


def test_a_batch_of_another_width_is_told_first():
    """Of a model whose own line is right; not of what its layers disagree on."""
    model = TwoLayers()
    model.compile("sgd", "mse")
    (found,) = ci.diagnose(model, X[:, :4], TARGET[:, :2]).findings
    assert found.message.startswith(
        "the batch has inputs of width 4, and the model takes 5: the forward stage raises "
    )
    assert found.fix == (
        "pass a batch of the shape that the model takes, of width 5, or make the model for inputs "
        "of width 4"
    )
    model = TwoLayers(width=7)
    model.compile("sgd", "mse")
    (found,) = ci.diagnose(model, X, TARGET[:, :2]).findings
    assert found.message.startswith("the forward stage raises ")
    assert found.fix.startswith("mend the line above")


@pytest.mark.parametrize("own", [False, True])
def test_no_weights_are_drawn_for_a_batch_that_does_not_fit(own):
    """Neither of a step of Keras nor of one of the model's own: shapes raise for any weights."""
    stack = [layers.Dense(size, kernel_initializer="zeros") for size in (5, 1)]
    model = (Stepping if own else keras.Sequential)([keras.Input((5,)), *stack])
    model.compile("sgd", "mse")
    (first,) = ci.diagnose(model, X[:, :4], TARGET[:, :1]).findings
    assert (first.code, first.stage) == ("CW001", "train_step" if own else "forward")
    assert first.treatment is None


class Stepping(keras.Sequential):
    def train_step(self, *arguments):
        return super().train_step(*arguments)


# A real model


def test_mobilenet(monkeypatch):
    """MaxNorm with Keras' default axis on every kernel: each convolution's right axes are named."""
    if keras.backend.backend() != "torch":  # compiling its step, or 20 eager ones, take a minute
        monkeypatch.setattr("constrainit.doctor._probe.Training.run", lambda training: None)
    # The treatments would take as long again.
    monkeypatch.setattr("constrainit.doctor._diagnose.treat", lambda *arguments: None)
    model = keras.applications.MobileNetV2(
        weights=None, input_shape=(32, 32, 3), alpha=0.35, classes=10
    )
    right = {}
    for layer in model.layers:
        if hasattr(layer, "kernel"):
            layer.kernel.constraint = keras.constraints.MaxNorm(2)
            deep = isinstance(layer, layers.DepthwiseConv2D)
            if not isinstance(layer, layers.Dense):
                right[layer.kernel.path] = [0, 1] if deep else [0, 1, 2]
    model.compile("sgd", "sparse_categorical_crossentropy")
    report = ci.diagnose(model, np.ones((2, 32, 32, 3), "float32"), np.array([1, 2]))
    found = {f.weight: f.evidence["unit_axes"] for f in report.findings if f.code == "CW301"}
    assert found == right
    assert len(right) == 52
    assert len(str(report).splitlines()) < 90
    json.dumps(report.to_dict(), allow_nan=False)


# The report


def test_report_as_dictionary_json_and_text(tmp_path):
    """The settled keys, JSON without NaN, no colours in the text, files whole or not at all."""
    model = sequential(
        layers.Dense(5, kernel_constraint=BreakingConstraint(RuntimeError("no"))),
        layers.Dense(5, kernel_constraint="non_neg"),
        layers.Dense(1, kernel_initializer=lambda shape, dtype: ops.full(shape, float("nan"))),
    )
    report = ci.diagnose(model, X, TARGET, seed=7)
    held = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert held["schema_version"] == 1
    environment = held["environment"]
    assert environment["backend"] == keras.backend.backend()
    assert environment["keras"] == keras.__version__
    assert environment["constrainit"] == ci.__version__
    assert environment["backend_version"]
    assert (environment["seed"], environment["batch"]) == (7, [[8, 5]])
    assert held["findings"]
    for finding in held["findings"]:
        assert {
            "code", "name", "level", "stage", "layer", "weight", "message", "evidence", "source",
            "treatment",
        } <= set(finding)  # fmt: skip
        if finding["treatment"]:
            assert {"change", "before", "after", "healed"} <= set(finding["treatment"])
    sources = {f["code"]: f["source"] for f in held["findings"]}
    assert sources["CW201"]["file"] == __file__
    assert sources["CW201"]["line"] > 0
    assert "\x1b" not in str(report)
    for suffix in (".json", ".txt", ".md"):
        report.save(tmp_path / f"report{suffix}")
    assert json.loads((tmp_path / "report.json").read_text()) == held
    assert (tmp_path / "report.txt").read_text() == str(report) + "\n"
    with pytest.raises(ValueError, match=r"must end in .* or \.md\. .*report\.pdf"):
        report.save(tmp_path / "report.pdf")


def test_report_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    """A report that can not be written leaves the old file, and no other, behind."""
    report = ci.diagnose(sequential(by_absolute_value()), X, TARGET)
    target = tmp_path / "report.json"
    target.write_text("old")

    def fails(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="disk full"):
        report.save(target)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def diagnose_in_haste():
    """XLA makes NaN of gradients of this model without its optimizations, and only then."""
    keras.utils.set_random_seed(31)
    x = given = keras.Input((48, 3))
    for filters, width in ((12, 7), (12, 5)):
        x = layers.Conv1D(filters, width, padding="same", use_bias=False)(x)
        x = layers.Activation("relu")(layers.BatchNormalization(momentum=0.8)(x))
    outputs = layers.Dense(3, "softmax")(layers.GlobalMaxPooling1D()(x))
    model = keras.Model(given, outputs)
    model.compile(keras.optimizers.SGD(0.02), "sparse_categorical_crossentropy")
    rng = np.random.default_rng(51)
    batch = 120 * rng.normal(size=(384, 48, 3)).astype("float32")
    print(ci.diagnose(model, batch, rng.integers(0, 3, 384)))


@pytest.mark.skipif(keras.backend.backend() != "jax", reason="compiles by another compiler")
def test_what_a_compiler_gives_in_haste_is_not_the_last_word():
    """In a process of its own: all tests of JAX compile in haste."""
    code = "import test_doctor; test_doctor.diagnose_in_haste()"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, capture_output=True, text=True,
        env={**os.environ, "XLA_FLAGS": ""}, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "nothing found" in done.stdout


@keras.saving.register_keras_serializable("test_doctor")
class OldAbs(keras.constraints.Constraint):
    def __call__(self, w):
        return keras.backend.abs(w)


@keras.saving.register_keras_serializable("test_doctor")
class OldNorm(keras.constraints.Constraint):
    def __call__(self, w):
        return w / keras.backend.sqrt(ops.sum(ops.square(w), axis=0, keepdims=True))


def test_each_constraint_of_keras_2_is_told_its_own_functions():
    """What another constraint asks `keras.backend` for is mended there."""
    model = keras.Sequential([
        keras.Input((4,)),
        keras.layers.Dense(5, name="one", kernel_constraint=OldAbs()),
        keras.layers.Dense(3, name="two", kernel_constraint=OldNorm()),
    ])  # fmt: skip
    model.compile("sgd", "mse")
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(16, n)).astype("float32") for n in (4, 3))
    report = ci.diagnose(model, x, y, steps=1)
    made = {f.weight[-10:]: f.treatment for f in report.findings if f.code == "CW201"}
    assert made["one/kernel"].change == "keras.ops.abs in place of keras.backend"
    assert made["two/kernel"].change == "keras.ops.sqrt in place of keras.backend"
    assert all(one.healed for one in made.values())

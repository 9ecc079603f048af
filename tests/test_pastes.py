"""Code to paste is whole: it runs, and makes what was tried."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci
from constrainit.doctor.treatments._compile_code import compile_code
from constrainit.doctor.treatments._written import UnwritableError, shown

# No compiler has a part in it.

X = np.random.default_rng(0).normal(size=(32, 6)).astype("float32")
SCHEDULE = keras.optimizers.schedules.CosineDecay(0.1, 100)
MADE = (
    layers.Dense(
        3, "relu", kernel_constraint=ci.NonNegative(), kernel_regularizer=keras.regularizers.L2(0.1)
    ),
    layers.Conv2D(4, (3, 3), padding="same", activation=ci.OutputScale("relu", scale=1.0)),
    layers.LSTM(4, kernel_constraint=keras.constraints.MaxNorm(2.0), dropout=0.3),
    layers.Embedding(10, 3, mask_zero=True, name="table"),
    layers.Bidirectional(layers.GRU(3, use_bias=False)),
    layers.Dense(2, dtype="float16", trainable=False, activation="softplus"),
    layers.Dense(3, kernel_constraint=ci.Box(0, 1) & ci.MaxNorm(2)),
    layers.Dense(3, kernel_constraint=ci.Every(ci.Simplex(), 5), bias_initializer="ones"),
    layers.Dense(4, **ci.constrained(kernel=ci.NonNegative(), activation="relu")),
    layers.EinsumDense("ab,bc->ac", output_shape=4),
    layers.BatchNormalization(momentum=0.9),
    layers.Masking(-10.0),
    keras.optimizers.Adam(1e-3, epsilon=1e-3, clipnorm=1.0),
    keras.optimizers.SGD(SCHEDULE, momentum=0.9),
    keras.optimizers.AdamW(weight_decay=0.02, use_ema=True),
    keras.losses.Huber(0.3),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    keras.metrics.MeanAbsoluteError(),
)


def told(one):
    """What an object is, without the names that Keras gives."""

    def unnamed(part):
        if isinstance(part, dict):
            return {key: unnamed(value) for key, value in part.items() if key != "name"}
        return [*map(unnamed, part)] if isinstance(part, (list, tuple)) else part

    return unnamed(one.get_config())


@pytest.mark.parametrize("one", MADE, ids=lambda one: type(one).__name__)
def test_what_is_written_makes_the_same(one):
    code = shown(one)
    assert "..." not in code
    assert told(eval(code, {"keras": keras, "ci": ci})) == told(one)


def test_what_has_no_form_is_not_written():
    for one in (layers.Dense(2, lambda z: z), keras.initializers.Constant(np.ones(3)), object()):
        with pytest.raises(UnwritableError):
            shown(one)


def test_a_compiled_model_keeps_what_it_was_given():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(1)])
    model.compile("sgd", keras.losses.Huber(0.3), metrics=["mae"], steps_per_execution=2)
    from constrainit.doctor._problem import Problem

    code = compile_code(Problem(model, X, X[:, :1], None, None, 0), keras.optimizers.Adam(0.5))
    exec(code, {"keras": keras, "model": model})
    assert float(model.optimizer.learning_rate) == 0.5
    assert (model.loss._fn_kwargs, model.steps_per_execution) == ({"delta": 0.3}, 2)
    assert model._compile_config.config["metrics"] == ["mae"]


def deep():
    hidden = [layers.Dense(8, "tanh", kernel_constraint=ci.NonNegative()) for _ in range(6)]
    return [*hidden, layers.Dense(1)], "sgd", "mse"


def of_half():
    return [layers.Dense(1, dtype="float16")], keras.optimizers.Adam(1e-6), "mse"


def of_logs():
    return [layers.Dense(1)], "sgd", "poisson"


def of_a_rate():
    return [layers.Dense(8, "relu"), layers.Dense(1)], keras.optimizers.SGD(SCHEDULE), "mse"


@pytest.mark.parametrize("make", [deep, of_half, of_logs, of_a_rate])
def test_all_that_is_to_be_pasted_runs(make):
    """Whatever is found, and whether it heals or not."""
    keras.utils.set_random_seed(0)
    parts, optimizer, loss = make()
    model = keras.Sequential([keras.Input((6,)), *parts])
    model.compile(optimizer, loss)
    y = np.abs(X[:, :1])
    report = ci.diagnose(model, X * (100 if make is of_a_rate else 1), y)
    codes = {f.treatment.code for f in report.findings if f.treatment and f.treatment.code}
    assert codes, str(report)
    for code in codes:
        assert "..." not in code, code
        exec(code, {"keras": keras, "ci": ci, "model": model, "x": X, "y": y})


def test_scales_of_zeros_are_written_with_ones():
    """A line for each normalization, with all else that it was made with."""
    keras.utils.set_random_seed(0)
    parts = []
    for name in ("one", "two"):
        norm = layers.BatchNormalization(momentum=0.9, gamma_initializer="zeros", name=name)
        parts += [layers.Dense(4), norm, layers.ReLU()]
    model = keras.Sequential([keras.Input((6,)), *parts, layers.Dense(1)])
    model.compile("adam", "mse")
    (first,) = [f for f in ci.diagnose(model, X, X[:, :1], steps=3).findings if f.code == "CW405"]
    assert first.treatment is not None
    assert first.treatment.healed
    lines = first.treatment.code.splitlines()
    assert len(lines) == 2
    for line, old in zip(lines, (parts[1], parts[4]), strict=True):
        made = eval(line, {"keras": keras})
        assert told(made) == told(old) | {"gamma_initializer": told(made)["gamma_initializer"]}
        assert isinstance(made.gamma_initializer, keras.initializers.Ones)

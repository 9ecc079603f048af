"""Averages that the optimizer keeps, of weights as they were trained: by whom, no model shows."""

import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import constrainit as ci
from constrainit.cli import cli

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
Y = np.random.default_rng(1).normal(size=(32, 8)).astype("float32")


def trained(callbacks, constraint=None):
    """A model with averages of units of norm one; not trained at all for None."""
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(8, kernel_constraint=constraint or keras.constraints.UnitNorm())
    model = keras.Sequential([keras.Input((4,)), dense])
    ci.prepare(model)
    # So slow an average holds much of the start, whatever the last steps are.
    model.compile(keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9), "mse")
    # Of an optimizer without variables Keras warns as it loads the file.
    model.optimizer.build(model.trainable_variables)
    if callbacks is not None:
        model.fit(X, Y, epochs=4, batch_size=8, verbose=0, callbacks=callbacks)
    return model


def of_average(findings):
    return [f for f in findings if f["code"] == "CW303"]


@pytest.mark.parametrize(
    ("callbacks", "level", "said"),
    [
        (None, "info", "a file does not show which callbacks fit is called with"),
        ([ci.KeepFeasible()], "info", "that its optimizer has kept of it (use_ema=True) obeys"),
        ([], "warning", "that its optimizer has kept of it (use_ema=True) is outside its set"),
    ],
    ids=["not trained", "kept", "not kept"],
)
def test_what_a_file_tells_of_averages(callbacks, level, said, tmp_path):
    """It holds no callbacks, and the averages that they have kept inside or not."""
    trained(callbacks).save(tmp_path / "model.keras")
    done = CliRunner().invoke(
        cli, ["doctor", str(tmp_path / "model.keras"), "--format", "json", "--steps", "5"]
    )
    found = of_average(json.loads(done.stdout)["findings"])
    assert [f["level"] for f in found] == [level], done.stdout
    assert said in found[0]["message"]
    if level == "warning":
        assert found[0]["treatment"]["healed"]
        assert "KeepFeasible" in found[0]["treatment"]["code"]
        assert found[0]["evidence"]["held"] > 0


@pytest.mark.parametrize(
    ("callbacks", "level"),
    [(None, "warning"), ([ci.KeepFeasible()], "info"), ([], "warning")],
    ids=["not trained", "kept", "not kept"],
)
def test_what_a_program_is_told_of_averages(callbacks, level):
    """A model that is not trained yet is warned of; one whose averages obey, not."""
    report = ci.diagnose(trained(callbacks), X, Y, steps=5)
    found = [f for f in report.findings if f.code == "CW303"]
    assert [f.level for f in found] == [level], str(report)
    assert all(f.treatment is not None and f.treatment.healed for f in found if f.counts)


class Look(keras.callbacks.Callback):
    """Whether what is validated obeys, before it is swapped back."""

    ok = True

    def on_test_end(self, logs=None):
        self.ok = self.ok and ci.check(self.model).ok


def half(w):
    """A rule of the user's own."""
    return keras.ops.minimum(w, 0.1)


SETS = {
    "no convex set": (ci.UnitNorm(), "info"),
    "convex": (ci.Box(-0.1, 0.1), None),
    "a function as a set": (ci.as_set(half), "info"),
    "a function": (half, "warning"),
    "of Keras": (keras.constraints.NonNeg(), "warning"),
    "paced": (ci.Relaxed(ci.NonNegative(), 0.3), None),
}


@pytest.mark.parametrize("name", SETS)
def test_a_set_of_this_library_ends_inside(name):
    """What is told of its average is what running shows: at the end of `fit`, and in validation."""
    constraint, level = SETS[name]
    for callbacks in (None, []):
        report = ci.diagnose(trained(callbacks, constraint), X, Y, steps=5)
        found = [f for f in report.findings if f.code == "CW303"]
        assert [f.level for f in found] == ([level] if level else []), str(report)
        for one in found:
            assert ("`fit` ends with its projection" in one.message) == (level == "info")
    if name == "paced":
        return
    assert ci.check(trained([], constraint)).ok == (level != "warning")
    seen = []
    for keep in ([], [ci.KeepFeasible()]):
        model, look = trained(None, constraint), Look()
        callbacks = [look, keras.callbacks.SwapEMAWeights(), *keep]
        model.fit(
            X, Y, epochs=2, batch_size=8, verbose=0, validation_data=(X, Y), callbacks=callbacks
        )
        seen.append(look.ok)
    assert seen == [level is None, True]


def test_averages_behind_a_loss_scale():
    """In float16 the optimizer that averages is inside of another."""
    constraint = keras.constraints.UnitNorm()
    dense = keras.layers.Dense(8, kernel_constraint=constraint, dtype="mixed_float16")
    model = keras.Sequential([keras.Input((4,)), dense])
    inner = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9)
    model.compile(keras.optimizers.LossScaleOptimizer(inner), "mse")
    report = ci.diagnose(model, X, Y, steps=5)
    assert [f.level for f in report.findings if f.code == "CW303"] == ["warning"]


def test_another_optimizer_has_no_averages_yet():
    """What the model's own optimizer has kept is not what this one will."""
    other = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9)
    report = ci.diagnose(trained([ci.KeepFeasible()]), X, Y, optimizer=other, steps=5)
    assert [f.level for f in report.findings if f.code == "CW303"] == ["warning"]

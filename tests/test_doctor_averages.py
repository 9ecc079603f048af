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


def trained(callbacks):
    """A model with averages of units of norm one; not trained at all for None."""
    keras.utils.set_random_seed(0)
    dense = keras.layers.Dense(8, **ci.constrained(kernel=ci.UnitNorm()))
    model = keras.Sequential([keras.Input((4,)), dense])
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


def test_another_optimizer_has_no_averages_yet():
    """What the model's own optimizer has kept is not what this one will."""
    other = keras.optimizers.SGD(0.5, use_ema=True, ema_momentum=0.9)
    report = ci.diagnose(trained([ci.KeepFeasible()]), X, Y, optimizer=other, steps=5)
    assert [f.level for f in report.findings if f.code == "CW303"] == ["warning"]

"""What a report says of findings that were not asked for."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci
from constrainit.doctor._choice import chosen

pytestmark = pytest.mark.in_turns(every=16)


def test_what_is_left_out_is_told():
    """A model is not healthy for what nobody asks about, nor its weight harmless."""
    keras.utils.set_random_seed(0)
    outside = layers.Dense(8, kernel_constraint="non_neg", name="outside")
    inside = layers.Dense(1, kernel_constraint=ci.Box(-9, 9), name="inside")
    model = keras.Sequential([keras.Input((4,)), outside, inside])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
    report = ci.diagnose(model, x, x[:, :1])
    codes = sorted({finding.code for finding in report.findings})
    assert "CW101" in codes
    text = " ".join(str(chosen(report, (), codes, {})).split())
    assert f"which leaves out what was found of {', '.join(codes)}" in text
    assert "inside/kernel is harmless" in text
    assert "outside/kernel is harmless" not in text
    assert chosen(report, codes, (), {}).findings == report.findings
    assert not chosen(report, codes, (), {}).environment["left_out"]

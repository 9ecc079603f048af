"""Blocks of a recurrent kernel of which none is a gate: said where they are given, and found."""

import re
import warnings

import keras
import numpy as np
import pytest

import constrainit as ci

# No compiler has a part in it.
pytestmark = pytest.mark.in_turns(every=8)

WRONG = {
    "GRU": (keras.layers.GRU, ci.Blocks(ci.Orthogonal(), 4), "4 blocks, .* GRUCell .* 3 gates"),
    "LSTM": (keras.layers.LSTM, ci.Blocks(ci.SpectralNorm(1.0), 3), "3 blocks, .* LSTMCell .* 4"),
    "inside": (keras.layers.GRU, ci.Braked(ci.Blocks(ci.Orthogonal(), 2)), r"Write Blocks\(Orth"),
}  # fmt: skip
RIGHT = {
    "gates": (keras.layers.GRU, ci.Blocks(ci.Orthogonal(), 3)),
    "parts of gates": (keras.layers.LSTM, ci.Blocks(ci.Orthogonal(), 8)),
    "columns by themselves": (keras.layers.GRU, ci.Blocks(ci.UnitNorm(), 4)),
    "rows": (keras.layers.GRU, ci.Blocks(ci.Orthogonal(), 4, axis=0)),
    "no gates": (keras.layers.SimpleRNN, ci.Blocks(ci.Orthogonal(), 4)),
}


def _model(kind, constraint=None):
    layer = kind(12, recurrent_constraint=constraint, name="rnn")
    model = keras.Sequential([keras.Input((3, 2)), layer, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("name", WRONG)
def test_blocks_across_gates_are_told_at_once(name):
    """By the layer that is built with them, and by `constrain`."""
    kind, constraint, words = WRONG[name]
    with pytest.warns(UserWarning, match=words):
        _model(kind, constraint)
    free = _model(kind)
    with pytest.warns(UserWarning, match=words):
        ci.constrain(free, {"*/recurrent_kernel": constraint})


@pytest.mark.parametrize("name", RIGHT)
def test_blocks_that_are_gates_are_not_told(name):
    """Nor is what speaks of each column by itself, or cuts rows."""
    kind, constraint = RIGHT[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _model(kind, constraint)
        ci.constrain(_model(kind), {"*/recurrent_kernel": constraint})


@pytest.mark.parametrize("name", ["GRU", "inside", "gates"])
def test_doctor_warns_of_blocks_across_gates(name):
    """Of what is wrong only."""
    kind, constraint = (RIGHT if name in RIGHT else WRONG)[name][:2]
    model = _model(kind)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ci.constrain(model, {"*/recurrent_kernel": constraint})
    ci.prepare(model)
    x = np.random.default_rng(0).normal(size=(16, 3, 2)).astype("float32")
    report = ci.diagnose(model, x, x.sum((1, 2))[:, None], steps=2)
    found = [one for one in report.findings if one.code == "CW301"]
    assert [one.level for one in found] == ([] if name in RIGHT else ["warning"]), str(report)
    for one in found:
        assert "write 3 in place of" in one.fix
        assert one.treatment is not None
        assert one.treatment.healed, str(report)
        assert re.search(r"Blocks\(set=ci.Orthogonal\(.*count=3", one.treatment.code)

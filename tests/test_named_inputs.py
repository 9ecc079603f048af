"""Batches that are dictionaries: what does not fit is called by its key."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

pytestmark = pytest.mark.in_turns(every=4)

# No compiler has a part in it.


def model_of_three():
    inputs = {name: keras.Input((size,), name=name) for name, size in
              (("num", 4), ("region", 2), ("hist", 3))}  # fmt: skip
    start = ci.constrained(kernel=ci.NonNegative())
    both = layers.Concatenate()(list(inputs.values()))
    model = keras.Model(inputs, layers.Dense(1, **start)(both), name="credit")
    model.compile("sgd", "mse")
    return model


def arrays(**sizes):
    draws = np.random.default_rng(0)
    return {name: draws.normal(size=(16, size)).astype("float32") for name, size in sizes.items()}


GOOD = {"num": 4, "region": 2, "hist": 3}
WRONG = {
    "a typo": (
        arrays(num=4, regoin=2, hist=3),
        r"the inputs of 'credit': 'num'.*'region' of the shape \(None, 2\).*Received: 'num'.*"
        r"'regoin' of the shape \(16, 2\).*Did you mean 'region' in place of 'regoin'\?$",
    ),
    "one lacking": (arrays(num=4, region=2), r"Received: 'num'.*There is no 'hist'\.$"),
    "a shape": (arrays(num=5, region=2, hist=3), r"Received: 'num' of the shape \(16, 5\)"),
    "a list": (
        list(arrays(num=4, region=2).values()),
        r"'num' of the shape.*Received: 2 without names.*Write \{'num': \.\.\., 'region'",
    ),
}


@pytest.mark.filterwarnings("ignore:The structure of")
@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("call", [ci.prepare, ci.calibrate], ids=["prepare", "calibrate"])
def test_what_does_not_fit_is_named(name, call):
    """The keys of the model, those that came, and which of them was meant."""
    x, said = WRONG[name]
    with pytest.raises(ValueError, match=said):
        call(model_of_three(), x)


def test_the_doctor_names_the_key_and_pastes_what_runs():
    """Of a batch that holds NaN, and of one that is not scaled."""
    x, y = arrays(**GOOD), np.zeros((16, 1), "float32")
    x["hist"][3, 1] = np.nan
    [found] = [f for f in ci.diagnose(model_of_three(), x, y).findings if f.code == "CW604"]
    assert found.message.startswith("x['hist'] holds 1 entry of 48 that is NaN")
    assert "np.isfinite(x['hist'])" in found.fix
    assert found.treatment is not None
    names = {"np": np, "keras": keras, "x": x, "y": y}
    exec(found.treatment.code, names)
    assert len(names["y"]) == 15
    assert {len(part) for part in names["x"].values()} == {15}


def test_scaling_runs_on_named_inputs():
    """Whole numbers among them stay as they are."""
    from constrainit.doctor.treatments.data import scaling

    x = {**arrays(num=4), "region": np.arange(16)}
    x["num"] = 1e4 + 300 * x["num"]
    names = {"np": np, "keras": keras, "x": x}
    exec(scaling(x), names)
    np.testing.assert_allclose(names["x"]["num"].std(axis=0), 1.0, 1e-3)
    np.testing.assert_array_equal(names["x"]["region"], x["region"])
    names["x"] = x["num"]
    exec(scaling(x["num"]), names)

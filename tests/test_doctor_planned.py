"""Explosion and vanishing in numbers: the signal by depth, and the plan beside it."""

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(64, 64)).astype("float32")
Y = np.abs(X[:, :64])
registered = keras.saving.register_keras_serializable("test_doctor_planned")


@registered
class Rectified(keras.constraints.Constraint):
    def __call__(self, w):
        return keras.ops.maximum(w, 0.0)


def report_of(*parts):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((64,)), *parts])
    model.compile(keras.optimizers.SGD(1e-9), "mse")
    return model, ci.diagnose(model, X, Y, steps=2)


def stack(depth, activation, **kwargs):
    return [layers.Dense(64, activation, **kwargs) for _ in range(depth)]


POSITIVE = keras.initializers.RandomUniform(0.0, 0.5, seed=0)
OUTSIDE = {"kernel_constraint": "non_neg", "kernel_initializer": POSITIVE}
MODELS = {
    "explodes": ("CW404", stack(5, "relu", **OUTSIDE), ci.NonNegative(), 5, "relu"),
    "fades": (
        "CW504", stack(14, "sigmoid", kernel_constraint="unit_norm"), ci.UnitNorm(), 14, "sigmoid",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_the_numbers_of_a_signal_that_grows_or_fades(name):
    """Measured deviations by depth; the norm and sum of a unit's weights, and those of the plan."""
    code, parts, a_set, depth, activation = MODELS[name]
    model, report = report_of(*parts)
    finding = next(f for f in report.findings if f.code == code)
    numbers = finding.evidence
    plan = ci.plan(a_set, 64, 64, activation, depth=depth)
    layer = next(one for one in model.layers if one.name == finding.layer)
    kernel = np.asarray(keras.ops.convert_to_numpy(layer.kernel), "float64")
    assert numbers["planned_norm"] == pytest.approx(plan.output_scale * plan.column_norm)
    assert numbers["planned_sum"] == pytest.approx(plan.output_scale * plan.column_sum)
    assert numbers["planned_deviations"] == pytest.approx(plan.deviations)
    assert numbers["planned_gradient_ratio"] == pytest.approx(plan.gradient_ratio)
    assert numbers["unit_norm"] == pytest.approx(np.sqrt(np.mean(np.sum(kernel**2, 0))), rel=1e-5)
    assert numbers["unit_sum"] == pytest.approx(np.mean(np.sum(kernel, 0)), rel=1e-4)
    signal, seen = X, []
    for one in model.layers:
        signal = one(signal)
        seen.append(float(np.std(keras.ops.convert_to_numpy(signal))))
    assert numbers["deviations"] == pytest.approx(seen, rel=1e-3)
    assert numbers["growth"] == pytest.approx((seen[-1] / seen[0]) ** (1 / (depth - 1)), rel=1e-3)
    assert f"at a depth of {depth} the plan (constrainit.plan) takes" in finding.message
    assert f"the deviations of the outputs are {seen[0]:.3g}" in finding.message


def test_weights_without_a_constraint_have_a_plan_and_constraints_of_ones_own_have_none():
    """The plan of free weights has no sum; what set a constraint means is not guessed."""
    _, free = report_of(*stack(5, "relu", kernel_initializer=POSITIVE))
    numbers = next(f for f in free.findings if f.code == "CW404").evidence
    assert numbers["planned_sum"] == 0
    assert 1 < numbers["planned_norm"] < 1.6
    own = stack(5, "relu", kernel_initializer=POSITIVE, kernel_constraint=Rectified())
    finding = next(f for f in report_of(*own)[1].findings if f.code == "CW404")
    assert "planned_norm" not in finding.evidence
    assert len(finding.evidence["deviations"]) == 5

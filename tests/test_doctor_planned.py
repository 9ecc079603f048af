"""Explosion and vanishing in numbers: the signal by depth, and the plan beside it."""

from dataclasses import dataclass

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci
from constrainit.doctor import _planned
from constrainit.doctor._evidence import Evidence
from constrainit.model import walk

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

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


@dataclass
class Scaled:
    """An activation that is no key of a cache, as it may change."""

    factor: float

    def __call__(self, x):
        return self.factor * keras.ops.relu(x)


def evidence_of(**given):
    layer = layers.Dense(6, **given)
    layer.build((None, 8))
    return Evidence(weights=walk(layer))


@pytest.mark.parametrize(
    ("given", "has"),
    [
        ({"kernel_constraint": ci.UnitNorm()}, True),
        ({"kernel_constraint": keras.constraints.MaxNorm(axis=0), "activation": "tanh"}, True),
        ({"kernel_constraint": ci.Monotone(axis=0)}, False),
        ({"kernel_constraint": ci.Blocks(ci.Simplex(), 3)}, False),
        ({"kernel_constraint": Rectified()}, False),
        ({"activation": Scaled(2.0)}, False),
    ],
    ids=["a set", "Keras", "an order", "blocks", "one's own", "an odd activation"],
)
def test_kernels_that_have_a_plan(given, has):
    """What no plan is known for is told apart before one is made."""
    evidence = evidence_of(**given)
    path = next(r.path for r in evidence.weights if r.variable.name == "kernel")
    assert (_planned.planned(evidence, path) is not None) == has


@pytest.mark.parametrize("kind", [ValueError, TypeError])
def test_a_defect_of_the_plan_is_not_hidden(kind, monkeypatch):
    def broken(*arguments, **named):
        raise kind("a defect")

    monkeypatch.setattr(_planned, "plan", broken)
    evidence = evidence_of(kernel_constraint=ci.UnitNorm())
    with pytest.raises(kind, match="a defect"):
        _planned.planned(evidence, evidence.weights[0].path)

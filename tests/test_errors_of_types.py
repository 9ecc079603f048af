"""Values of a wrong type, for each argument of each public name: one error that names both."""

import inspect

import keras
import numpy as np
import pytest
from keras import layers

import constrainit as ci

pytestmark = pytest.mark.in_turns(every=4)

# No compiler has a part in it.

RESULTS = {"Calibrated", "Check", "Finding", "InitPlan", "Report", "Treatment"}
"""What functions return; and `optax_hold` is for JAX only, `ConstraintSet` is for subclasses."""

OTHERS = {"ConstraintSet"} | ({"optax_hold"} if keras.backend.backend() != "jax" else set())
NAMES = sorted(set(ci.__all__) - RESULTS - OTHERS)
UNIT = ci.UnitNorm()
X, Y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")

# A right call, where all arguments have no defaults that make one.
RIGHT = {
    "Affine": ([[1.0, 1.0]], 1.0),
    "Blocks": (UNIT, 2),
    "Box": (0.0, 1.0),
    "Fixed": ([True], [1.0]),
    "Intersection": ([UNIT, ci.NonNegative()],),
    "Mapped": (ci.Positive(), "exp"),
    "Masked": (UNIT, [True, False]),
    "Polyhedron": ([[1.0, 1.0]], 1.0),
    "Product": ([UNIT, ci.NonNegative()], [1, 1]),
    "Reparametrized": (layers.Dense(2),),
    "Sign": ([1, -1],),
    "SingularValues": (0.5, 1.0),
    "Transport": ([1.0, 1.0], [1.0, 1.0]),
    "WeightLog": ("run.db",),
    **dict.fromkeys(("Braked", "Joint", "SelfStarting", "as_set"), (UNIT,)),
    **dict.fromkeys(("Every", "Relaxed", "plan"), (UNIT, 1)),
}
OF_SETS = ("Reparametrized", "constrained")
WRONG = {
    "nothing": None,
    "number": 3,
    "negative": -1,
    "nan": float("nan"),
    "text": "x",
    "object": object(),
    "dict": {},
    "dict of a number": {"*/kernel": 3},
    "dict by a number": {3: UNIT},
    "list": [],
    "list of texts": ["x"],
    "list of objects": [object()],
    "uneven lists": [[1], [1, 2]],
    "class": ci.UnitNorm,
    "unbuilt layer": layers.Dense(2),
    "initializer": keras.initializers.Zeros(),
    "regularizer": keras.regularizers.L2(),
    "constraint of Keras": keras.constraints.NonNeg(),
}


def small(**arguments):
    return keras.Sequential([keras.Input((3,)), layers.Dense(2, **arguments)], name="small")


def right(name):
    """The arguments of a right call."""
    if name in ("bake", "check", "constrain", "diagnose", "hold", "prepare", "project",
                "reparametrize", "calibrate", "held", "hold_after", "optax_hold"):  # fmt: skip
        model = small(kernel_constraint=UNIT)
        more = {
            "calibrate": (X,),
            "constrain": ({"*/kernel": UNIT},),
            "diagnose": (X, Y),
            "held": ([v.value for v in model.trainable_variables],),
            "reparametrize": ({"*/kernel": UNIT},),
        }
        return [model, *more.get(name, ())]
    return list(RIGHT.get(name, ()))


def faults(name, argument, index, kind):
    """What is wrong with the errors for one argument, a line each."""
    for label, wrong in WRONG.items():
        given, named = right(name), {"kernel": UNIT} if name in OF_SETS else {}
        if kind in (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL):
            named["kernel"] = wrong
        elif index < len(given):
            given[index] = wrong
        else:
            named[argument] = wrong
        try:
            getattr(ci, name)(*given, **named)
        except (TypeError, ValueError) as fault:
            if f"`{name}`" not in str(fault):
                yield f"{name}({argument}={label}): {type(fault).__name__}: {fault}"
        except Exception as fault:
            yield f"{name}({argument}={label}): {type(fault).__name__}: {fault}"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore")
def test_a_wrong_type_is_named(name, tmp_path, monkeypatch):
    """By the public name that was called; nothing inside of it raises in its own words."""
    monkeypatch.chdir(tmp_path)
    parameters = inspect.signature(getattr(ci, name)).parameters.values()
    own = [p for p in parameters if p.name not in ("self", "kwargs", "trainable", "optimizer")]
    found = [line for i, p in enumerate(own) for line in faults(name, p.name, i, p.kind)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("wrong", [None, 3, "x", [1.5], object()])
def test_shapes_of_draws(wrong):
    """An initializer is told what a shape is."""
    with pytest.raises(ValueError, match=r"`shape` of `UnitNorm\.initializer` must be a list of"):
        UNIT.initializer()(wrong)


def test_parts_of_keras_that_are_no_constraints():
    """A layer with weights, a regularizer, an initializer can be called, and make no weight."""
    for wrong in (layers.Dense(2), small(), keras.regularizers.L2(), keras.initializers.Zeros()):
        with pytest.raises(ValueError, match="`set` of `Relaxed` must be a set, a constraint of K"):
            ci.Relaxed(wrong, 0.5)
    assert isinstance(ci.as_set(layers.ReLU()), ci.Custom)


def test_values_of_other_shapes():
    """`held` names the weight."""
    model = small(kernel_constraint=UNIT)
    kernel, bias = (v.value for v in model.trainable_variables)
    with pytest.raises(
        ValueError, match=r"`values` of `held` must hold .*kernel', of shape \(3, 2"
    ):
        ci.held(model, [bias, kernel])

"""That the suite itself tells a remedy with a defect from one that a model refuses."""

import functools

import keras
import pytest
from remedies import is_defect

import constrainit as ci
from constrainit.doctor.treatments import constraints
from constrainit.doctor.treatments._chain import Attempt
from constrainit.doctor.treatments._configs import config_of
from constrainit.doctor.treatments._remedy import Changed, Remedy, made


def raising():
    """Code of a user's own."""
    raise KeyError("mine")


@pytest.mark.parametrize(
    ("call", "defect"),
    [
        (functools.partial(constraints.definite, None, None, None), True),
        (functools.partial(keras.layers.Dense, -1), True),
        (functools.partial(ci.MaxNorm, -1.0), False),
        (raising, False),
    ],
)
def test_what_a_remedy_raises(call, defect):
    """Refused is by a ValueError of this library's own, or by the user's code."""
    with pytest.raises((AttributeError, ValueError, KeyError)) as caught:
        call()
    # Not the call in this file.
    behind = caught.value.__traceback__.tb_next
    assert is_defect(caught.value.with_traceback(behind)) == defect


def test_a_remedy_with_a_defect_is_noted(remedy_defects):
    """It changes nothing, and the test in which it was tried would fail."""
    broken = Remedy(("CW201",), constraints.definite)
    assert made(broken, None, None, []) is None
    assert "AttributeError" in remedy_defects.pop()
    assert not remedy_defects


def test_a_model_with_a_lambda_is_not_made_anew(recwarn):
    """Keras loads none; that its warning is none of the user's is seen in its absence."""
    start = eval("lambda shape, dtype=None: 0.1 * keras.ops.ones(shape, dtype)", {"keras": keras})
    for named in (start, lambda shape, dtype=None: 0.1 * keras.ops.ones(shape, dtype)):
        layer = keras.layers.Dense(1, kernel_initializer=named)
        model = keras.Sequential([keras.Input((2,)), layer], name="mine")
        with pytest.raises(ValueError, match="'mine' can not be made anew"):
            config_of(model)
    assert not [one for one in recwarn if "lambda" in str(one.message)]


def test_changes_in_turn_are_told_to_each_weight():
    """The edit of its own class, whose weights have it in common, and that there is another one."""
    first, second = Changed("it returns w", diff="-a\n"), Changed("NumPy is left out", diff="-b\n")
    whole = Changed("both", diff="-a\n-b\n", parts={"a": first, "also a": first, "b": second})
    inside = Changed("it starts inside", code="ci.prepare(model)")
    steps = [Remedy(("CW201",), lambda *_, one=one: one) for one in (whole, inside)]
    attempt = Attempt(tuple((one, None, []) for one in steps), None)  # pyright: ignore[reportArgumentType]
    done = attempt.remedy().apply(None, None, [])  # pyright: ignore[reportArgumentType]
    assert done is not None
    assert done.diff == "-a\n-b\n"
    assert done.at("a").diff == done.at("also a").diff == "-a\n"
    assert done.at("b").diff == "-b\n"
    own = "it returns w, and it starts inside, together with the change for b"
    assert done.at("a").change == own
    assert done.at("b").change.endswith("together with the change for a and also a")
    assert done.at("another").change == "both, and it starts inside"
    assert done.at("a").code == done.code == "ci.prepare(model)"

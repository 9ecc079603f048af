"""That the suite itself tells a remedy with a defect from one that a model refuses."""

import functools

import keras
import pytest
from remedies import is_defect

import constrainit as ci
from constrainit.doctor.treatments import constraints
from constrainit.doctor.treatments._configs import config_of
from constrainit.doctor.treatments._remedy import Remedy, made


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

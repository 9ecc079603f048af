"""Wrong arguments of patterns, grids, structured and sparse matrices: the whole message."""
# ruff: noqa: E501  (whole messages, each on its line)

import numpy as np
from conftest import tensor, whole_messages
from test_errors import AXIS, FINITE, NAN, OPEN, POSITIVE

import constrainit as ci

HOLD = (
    r"`pattern` of `Sign` must hold \+1, -1 and 0 only, in lists of one length. Received: pattern="
)
ONE = (
    r"`pattern` of `Sign` must have one sign for each input, or broadcast to the weight. Received: "
)
W = np.ones((2, 3), "float32")


def least(owner, name, number, shown):
    """What is said of a wrong count."""
    return (
        f"`{name}` of `{owner}` must be an integer of at least {number}. Received: {name}={shown}."
    )


WRONG = [
    (lambda: ci.Sign([1, 2]), HOLD + r"\[1, 2\]."),
    (lambda: ci.Sign([]), HOLD + r"\[\]."),
    (lambda: ci.Sign([[1], [1, 0]]), HOLD + r"\[\[1\], \[1, 0\]\]."),
    (lambda: ci.Sign("+"), HOLD + r"'\+'."),
    (lambda: ci.Sign(NAN), HOLD + "nan."),
    (lambda: ci.Sign([1, -1, 0]).project(W),
     ONE + r"a pattern of shape \(3,\) for a weight of shape \(2, 3\). For one sign for each unit write \[pattern\]."),
    (lambda: ci.Sign([[1, -1]]).project(W), ONE + r"a pattern of shape \(1, 2\) for a weight of shape \(2, 3\)."),
    (lambda: ci.Sign([1]).project(tensor([1.0, 2.0, 3.0])[None, None]),
     r"A flat `pattern` of `Sign` must be for a weight of one or two axes, as it does not say which axis of "
     r"\(1, 1, 3\) it runs along. Give it the other axes with size 1, as in "
     r"np.reshape\(pattern, \(1, 1, -1, 1\)\) for the inputs of a convolution."),
    (lambda: ci.Fixed([0, 2]), r"`mask` of `Fixed` must hold booleans, or 0 and 1, in lists of one length. Received: mask=\[0, 2\]."),
    (lambda: ci.Fixed([1], NAN), "`values` of `Fixed` must be finite numbers. Received: values=nan."),
    (lambda: ci.Fixed([1], "a"), "`values` of `Fixed` must be finite numbers. Received: values='a'."),
    (lambda: ci.Fixed([1], True), "`values` of `Fixed` must be finite numbers. Received: values=True."),
    (lambda: ci.Fixed([1, 0]).project(W),
     r"`mask` of `Fixed` must broadcast to the weight. Received: shape \(2,\) for a weight of shape \(2, 3\)."),
    (lambda: ci.Fixed([1, 0, 0], [1.0, 2.0]).project(W),
     r"`values` of `Fixed` must broadcast to the weight. Received: shape \(2,\) for a weight of shape \(2, 3\)."),
    (lambda: ci.Grid(0), f"`step` of `Grid` {POSITIVE} step=0."),
    (lambda: ci.Grid("1"), f"`step` of `Grid` {FINITE} step='1'."),
    (lambda: ci.Grid(1, NAN), f"`lower` of `Grid` {FINITE} lower=nan.{OPEN}"),
    (lambda: ci.Grid(1, upper=[1]), rf"`upper` of `Grid` {FINITE} upper=\[1\].{OPEN}"),
    (lambda: ci.Grid(3, -1, 1), "`step` of `Grid` must leave two points between lower=-1 and upper=1. Received: step=3."),
    (lambda: ci.Grid(1, 1, -1), "`step` of `Grid` must leave two points between lower=1 and upper=-1. Received: step=1."),
    (lambda: ci.Grid(1, 1e5).project(tensor([1.0], "float16")),
     r"`Grid\(step=1.0, lower=100000.0, upper=None\)` holds no float16 number. Use a wider dtype."),
    (lambda: ci.Triangular(1), "`lower` of `Triangular` must be True or False. Received: lower=1."),
    (lambda: ci.Banded(-1, 0), least("Banded", "lower", 0, "-1")),
    (lambda: ci.Banded(0, 1.5), least("Banded", "upper", 0, "1.5")),
    (lambda: ci.TopK(0), least("TopK", "k", 1, "0")),
    (lambda: ci.TopK(True), least("TopK", "k", 1, "True")),
    (lambda: ci.TopK(1, axis="0"), f"`axis` of `TopK` {AXIS} axis='0'..*"),
    (lambda: ci.Sparse(0, 4), least("Sparse", "n", 1, "0")),
    (lambda: ci.Sparse(2, 4.0), least("Sparse", "m", 1, "4.0")),
    (lambda: ci.Sparse(4, 4), "`n` of `Sparse` must be below m=4. Received: n=4."),
    (lambda: ci.Sparse(1, 4).project(W),
     r"`Sparse` must cut axis 0 of the weight into groups of 4. Received: shape=\(2, 3\). Write m=2."),
    (lambda: ci.Sparse(1, 2, axis=5).project(W), "`axis` of `Sparse` must name different axes of the weight. .*"),
    (lambda: ci.Circulant().project(W),
     r"`Circulant` needs a weight whose last two axes have one size. Received: shape=\(2, 3\)."),
    (lambda: ci.Masked(ci.Toeplitz(), [1]), "`set` of `Masked` must have a projection under a mask. .*"),
    *[
        (lambda one=one: one.project(np.ones(3, "float32")),
         rf"`{type(one).__name__}` needs a weight with rows and columns. Received: shape=\(3,\).")
        for one in (ci.Triangular(), ci.Diagonal(), ci.Banded(0, 0), ci.Toeplitz())
    ],
]  # fmt: skip


test_message = whole_messages(WRONG)


def test_arrays_are_stored_as_plain_python():
    """NumPy arrays are taken, and the configuration holds lists that JSON can."""
    assert ci.Sign(np.array([1.0, -1.0])).get_config() == {"pattern": [1, -1]}
    assert ci.Fixed(np.eye(2), np.ones(2)).get_config() == {
        "mask": [[True, False], [False, True]], "values": [1.0, 1.0],
    }  # fmt: skip
    assert ci.Grid(np.float32(1)).get_config() == {"step": 1.0, "lower": None, "upper": None}

"""Wrong arguments of the sets of norms, sums and orders."""
# ruff: noqa: E501  (whole messages, each on its line)

import numpy as np
from conftest import whole_messages
from test_errors import FINITE, INF, NAN, POSITIVE, axis_errors

import constrainit as ci

NUMBERS = "must be a list of finite numbers. Received:"
ROWS = "must be a list of finite numbers, or a list of such lists of one length. Received:"
LISTS = "must be a list of finite numbers, or a list of such lists of one length. Received:"

WRONG = [
    (lambda: ci.L1Ball(0), f"`radius` of `L1Ball` {POSITIVE} radius=0."),
    (lambda: ci.L1Sphere(0), f"`radius` of `L1Sphere` {POSITIVE} radius=0."),
    (lambda: ci.L1Ball(NAN), f"`radius` of `L1Ball` {FINITE} radius=nan."),
    (lambda: ci.GroupL1Ball(0), f"`radius` of `GroupL1Ball` {POSITIVE} radius=0."),
    (lambda: ci.GroupL1Ball(INF), f"`radius` of `GroupL1Ball` {FINITE} radius=inf."),
    (lambda: ci.GroupL1Ball([1.0]), rf"`radius` of `GroupL1Ball` {FINITE} radius=\[1.0\]."),
    (lambda: ci.MaxAbs(-1.0), f"`bound` of `MaxAbs` {POSITIVE} bound=-1.0."),
    (lambda: ci.MaxAbs(None), f"`bound` of `MaxAbs` {FINITE} bound=None."),
    (lambda: ci.Halfspace([0.0, 0], 1.0),
     r"`normal` of `Halfspace` must have an entry other than zero. Received: normal=\[0.0, 0\]."),
    (lambda: ci.Halfspace([], 1.0), rf"`normal` of `Halfspace` {NUMBERS} normal=\[\]."),
    (lambda: ci.Halfspace("ab", 1.0), rf"`normal` of `Halfspace` {NUMBERS} normal='ab'."),
    (lambda: ci.Halfspace([[1.0]], 1.0), rf"`normal` of `Halfspace` {NUMBERS} normal=\[\[1.0\]\]."),
    (lambda: ci.Halfspace([1.0, NAN], 1.0), rf"`normal` of `Halfspace` {FINITE} normal=nan."),
    (lambda: ci.Halfspace(None, INF), f"`bound` of `Halfspace` {FINITE} bound=inf."),
    (lambda: ci.Affine([0.0, 0]),
     r"`matrix` of `Affine` must have an entry other than zero. Received: matrix=\[0.0, 0\]."),
    (lambda: ci.Affine([]), rf"`matrix` of `Affine` {ROWS} matrix=\[\]."),
    (lambda: ci.Affine([[1], [1, 2]]), rf"`matrix` of `Affine` {ROWS} matrix=\[\[1\], \[1, 2\]\]."),
    (lambda: ci.Affine([1, NAN]), rf"`matrix` of `Affine` {ROWS} matrix=\[1, nan\]."),
    (lambda: ci.Affine("ab"), rf"`matrix` of `Affine` {ROWS} matrix='ab'."),
    (lambda: ci.Affine(1.0), rf"`matrix` of `Affine` {ROWS} matrix=1.0."),
    (lambda: ci.Affine([1, 1], INF), f"`values` of `Affine` {FINITE} values=inf."),
    (lambda: ci.Affine([1, 1], None), f"`values` of `Affine` {FINITE} values=None."),
    (lambda: ci.Affine([1, 1], [1, 2]),
     r"`values` of `Affine` must be a number, or a list with one for each of the 1 rows of the matrix. "
     r"Received: values=\[1, 2\]."),
    (lambda: ci.Affine([[1, 1], [2, 2]], [1, 3]),
     r"`values` of `Affine` must be such that a weight satisfies all equations. Received: values="
     r"\[1.0, 3.0\] with equations that contradict one another, at the nearest weight by 0.17 of "
     "their size."),
    (lambda: ci.Affine([[0, 0], [1, 2]], [1, 3]), "`values` of `Affine` must be such that .*"),
    (lambda: ci.Affine([[1, 1], [1, 2]]),
     "`matrix` of `Affine` must leave the weights of a unit some freedom. Received: 2 independent "
     r"equations for 2 weights. For weights of given values use Fixed\(mask, values\)."),
    *axis_errors(lambda a: ci.Affine([1, 1], axis=a), "Affine"),
    (lambda: ci.Affine([1.0, 2.0]).project(np.ones((3, 2), "float32")),
     "`matrix` of `Affine` must have one column for each of the 3 weights of a unit. Received: 2 "
     r"columns for a weight of shape \(3, 2\) with axis=None."),
    (lambda: ci.Masked(ci.Affine([1.0, 1.0]), [1]),
     r"`set` of `Masked` must have a projection under a mask. .*"),
    *((lambda bad=bad: ci.Polyhedron(bad), rf"`matrix` of `Polyhedron` {LISTS} matrix={shown}\.")
      for bad, shown in (
          ([], r"\[\]"), ([[]], r"\[\[\]\]"), (1.0, "1.0"), ("ab", "'ab'"),
          ([[1], [1, 2]], r"\[\[1\], \[1, 2\]\]"), ([[1, NAN]], r"\[\[1, nan\]\]"),
          ([[1, -INF]], r"\[\[1, -inf\]\]"), ([[True, False]], r"\[\[True, False\]\]"), (None, "None"),
          ([[[1.0]]], r"\[\[\[1.0\]\]\]"), ([["1", "2"]], r"\[\['1', '2'\]\]"))),
    (lambda: ci.Polyhedron([[0.0, 0], [0, 0]]),
     r"`matrix` of `Polyhedron` must have an entry other than zero. Received: matrix=\[\[0.0, 0\], \[0, 0\]\]."),
    (lambda: ci.Polyhedron([[1, 1]], INF), f"`bounds` of `Polyhedron` {FINITE} bounds=inf."),
    (lambda: ci.Polyhedron([[1, 1]], [NAN]), f"`bounds` of `Polyhedron` {FINITE} bounds=nan."),
    (lambda: ci.Polyhedron([[1, 1]], True), f"`bounds` of `Polyhedron` {FINITE} bounds=True."),
    (lambda: ci.Polyhedron([[1, 1]], [1, 2]),
     r"`bounds` of `Polyhedron` must be a number, or a list with one for each of the 1 rows of the matrix. "
     r"Received: bounds=\[1, 2\]."),
    (lambda: ci.Polyhedron([[1, 1], [-2, -2]], [1, -3]),
     r"`bounds` of `Polyhedron` must be such that a weight satisfies all inequalities. Received: bounds="
     r"\[1.0, -3.0\] with inequalities that contradict one another."),
    (lambda: ci.Polyhedron([[1, 1], [0, 0]], [1, -3]),
     "`bounds` of `Polyhedron` must be such that a weight satisfies all inequalities. .*"),
    *axis_errors(lambda a: ci.Polyhedron([[1, 1]], axis=a), "Polyhedron"),
    (lambda: ci.Polyhedron([[1.0, 2.0]]).project(np.ones((3, 2), "float32")),
     "`matrix` of `Polyhedron` must have one column for each of the 3 weights of a unit. Received: 2 "
     r"columns for a weight of shape \(3, 2\) with axis=None."),
    (lambda: ci.Polyhedron([[1.0, 2.0]]).initializer(0)((3, 2)),
     "`matrix` of `Polyhedron` must have one column for each of the 3 weights of a unit. .*"),
    (lambda: ci.Masked(ci.Polyhedron([[1.0, 1.0]]), [1]),
     r"`set` of `Masked` must have a projection under a mask. .*"),
    (lambda: ci.Monotone("up"),
     "`direction` of `Monotone` must be 'increasing' or 'decreasing'. Received: direction='up'. Write direction='increasing'."),
    (lambda: ci.Monotone(gap=-1), "`gap` of `Monotone` must be at least 0. Received: gap=-1."),
    (lambda: ci.Monotone(gap=INF), f"`gap` of `Monotone` {FINITE} gap=inf."),
    (lambda: ci.Monotone(axis=None), "`axis` of `Monotone` must be an integer. Received: axis=None."),
    (lambda: ci.Monotone(axis=[0]), r"`axis` of `Monotone` must be an integer. Received: axis=\[0\]."),
    (lambda: ci.Monotone("increase"),
     "`direction` of `Monotone` must be .* Received: direction='increase'. Write direction='increasing'."),
    (lambda: ci.Monotone(" Descending"), "`direction` .* Write direction='decreasing'."),
    (lambda: ci.Monotone(True), "`direction` of `Monotone` must be 'increasing' or 'decreasing'. Received: direction=True."),
    (lambda: ci.Unimodal("up"), "`direction` of `Unimodal` must be 'peak' or 'valley'. Received: direction='up'."),
    (lambda: ci.Unimodal("vally"), "`direction` .* Write direction='valley'."),
    (lambda: ci.Unimodal(at=1.0), "`at` of `Unimodal` must be an integer. Received: at=1.0."),
    (lambda: ci.Unimodal(axis=None), "`axis` of `Unimodal` must be an integer. Received: axis=None."),
    (lambda: ci.Unimodal(at=-4).project(np.ones((3, 2), "float32")),
     r"`at` of `Unimodal` must be a place along axis 0 of the weight, which has 3. Received: at=-4 for a weight of "
     r"shape \(3, 2\)."),
    (lambda: ci.Convex(axis=None), "`axis` of `Convex` must be an integer. Received: axis=None."),
    (lambda: ci.Concave("0"), "`axis` of `Concave` must be an integer. Received: axis='0'."),
    (lambda: ci.Transport(3, [3.0]), rf"`rows` of `Transport` {NUMBERS} rows=3."),
    (lambda: ci.Transport([1.0], [NAN]), f"`columns` of `Transport` {FINITE} columns=nan."),
    (lambda: ci.Transport([1.0, 0.0], [1.0]),
     r"`rows` of `Transport` must hold positive numbers. Received: rows=\[1.0, 0.0\]."),
    (lambda: ci.Transport([1, 2], [1.0, 1.0]),
     r"`columns` of `Transport` must have the sum of `rows`, 3. Received: columns=\[1.0, 1.0\]. Their "
     r"sum is 2."),
    *axis_errors(lambda a: ci.L1Ball(1.0, axis=a), "L1Ball"),
    *axis_errors(lambda a: ci.GroupL1Ball(1.0, axis=a), "GroupL1Ball"),
    (lambda: ci.GroupL1Ball(1.0, axis=[0, 2]).project(np.ones((3, 2), "float32")),
     r"`axis` of `GroupL1Ball` must name different axes of the weight. Received: axis=\[0, 2\] for a "
     r"weight of shape \(3, 2\)."),
    *axis_errors(lambda a: ci.L1Sphere(1.0, axis=a), "L1Sphere"),
    *axis_errors(lambda a: ci.ZeroMean(axis=a), "ZeroMean"),
    *axis_errors(lambda a: ci.Halfspace(None, 1.0, axis=a), "Halfspace"),
    # Shapes that the set has no members of
    (lambda: ci.Halfspace([1.0, 2.0], 1.0).project(np.ones((3, 2), "float32")),
     r"`normal` of `Halfspace` must have one number for each of the 3 weights of a unit. Received: 2 "
     r"numbers for a weight of shape \(3, 2\) with axis=None."),
    (lambda: ci.Monotone(axis=2).project(np.ones((3, 2), "float32")),
     r"`axis` of `Monotone` must name different axes of the weight. Received: axis=2 for a weight of "
     r"shape \(3, 2\)."),
    (lambda: ci.Convex(axis=2).project(np.ones((3, 2), "float32")),
     r"`axis` of `Convex` must name different axes of the weight. Received: axis=2 for a weight of "
     r"shape \(3, 2\)."),
    (lambda: ci.ColumnStochastic().project(np.ones(3, "float32")),
     r"`ColumnStochastic` needs a weight with rows and columns. Received: shape=\(3,\). For a vector "
     r"use Simplex\(\)."),
    (lambda: ci.DoublyStochastic().project(np.ones((2, 3), "float32")),
     r"`DoublyStochastic` needs a weight whose last two axes have one size. Received: shape=\(2, 3\)."),
    (lambda: ci.Transport([1.0, 2.0], [3.0]).project(np.ones((1, 2), "float32")),
     r"`Transport` of 2 rows and 1 columns needs a weight whose last two axes have these sizes. "
     r"Received: shape=\(1, 2\)."),
    (lambda: ci.Masked(ci.Halfspace([1.0], 0.0), [1]),
     r"`set` of `Masked` must have a projection under a mask. .*"),
]  # fmt: skip


test_message = whole_messages(WRONG)

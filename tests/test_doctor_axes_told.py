"""Constraints of the user's own along an axis: that it is not the one of a unit is told."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._coupled import coupled_axes

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

DRAWS = np.random.default_rng(0)
X = DRAWS.normal(size=(64, 6)).astype("float32")
Y = X[:, :1]
CODES = DRAWS.integers(0, 6, size=(64, 5))

registered = keras.saving.register_keras_serializable("test_doctor_axes_told")


class Along(keras.constraints.Constraint):
    def __init__(self, axis=-1):
        self.axis = axis

    def get_config(self):
        return {"axis": self.axis}


@registered
class Shares(Along):
    """Each weight as its share of a sum."""

    def __call__(self, w):
        w = ops.maximum(w, 0.0)
        return w / (1e-7 + ops.sum(w, axis=self.axis, keepdims=True))


@registered
class CappedShares(Along):
    """The same, and none above a half: of its images no longer all sums are one."""

    def __call__(self, w):
        w = ops.maximum(w, 0.0)
        return ops.minimum(w / (1e-7 + ops.sum(w, axis=self.axis, keepdims=True)), 0.5)


@registered
class Softmax(Along):
    def __call__(self, w):
        return ops.softmax(w, axis=self.axis)


@registered
class Norms(Along):
    def __call__(self, w):
        return w / (1e-7 + ops.sqrt(ops.sum(ops.square(w), axis=self.axis, keepdims=True)))


@registered
class Scaled(keras.constraints.Constraint):
    def __call__(self, w):
        return w / (1e-7 + ops.max(ops.abs(w)))


@registered
class Clipped(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.clip(w, -0.3, 0.3)


@registered
class Mirrored(keras.constraints.Constraint):
    """Each entry depends on another one only."""

    def __call__(self, w):
        return 0.5 * (w + ops.flip(w, axis=0))


def called(constraint):
    return lambda value: np.asarray(
        ops.convert_to_numpy(constraint(keras.Variable(value, dtype="float32")))
    )


@pytest.mark.parametrize(
    ("constraint", "shape", "axes"),
    [
        (Shares(), (6, 8), (1,)),
        (Shares(0), (6, 8), (0,)),
        (CappedShares(), (6, 8), (1,)),
        (Softmax(), (6, 8), (1,)),
        (Norms(), (6, 8), (1,)),
        (Shares([0, 1, 2]), (3, 3, 4, 8), (0, 1, 2)),
        (Shares(), (3, 3, 4, 8), (3,)),
        (ci.MaxNorm(1.0, axis=1), (6, 8), (1,)),
        (Shares([0, 1]), (6, 8), None),
        (Scaled(), (6, 8), None),
        (Clipped(), (6, 8), None),
        (Mirrored(), (6, 8), None),
        (Shares(), (1, 8), None),
    ],
)
def test_along_which_axes_entries_depend_on_one_another(constraint, shape, axes):
    assert coupled_axes(shape, called(constraint)) == axes


def diagnosed(layer, x=X, y=Y, begun=False):
    keras.utils.set_random_seed(0)
    shape, tail = x.shape[1:], [layers.Flatten(), layers.Dense(1)]
    model = keras.Sequential([keras.Input(shape, dtype=x.dtype.name), layer, *tail])
    if begun:
        ci.prepare(model)
    model.compile("adam", "mse")
    return ci.diagnose(model, x, y)


def notes(report):
    return [f for f in report.findings if f.code == "CW301"]


IMAGES = DRAWS.normal(size=(16, 6, 6, 2)).astype("float32")
SERIES = DRAWS.normal(size=(16, 5, 3)).astype("float32")
LAYERS = {
    "Dense": (lambda c: layers.Dense(8, "relu", kernel_constraint=c), X, 0, -1),
    "Conv2D": (
        lambda c: layers.Conv2D(4, 3, kernel_constraint=c, activation="relu"), IMAGES, [0, 1, 2], 3
    ),
    "LSTM": (lambda c: layers.LSTM(4, kernel_constraint=c), SERIES, 0, 1),
    "Embedding": (lambda c: layers.Embedding(6, 4, embeddings_constraint=c), CODES, -1, 0),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "name"), [*((Shares, name) for name in LAYERS), (Norms, "Dense"), (Norms, "LSTM")]
)
def test_a_start_inside_along_another_axis_than_that_of_a_unit(kind, name):
    """It is a note with the axis to write; along that of the unit there is none."""
    make, x, right, other = LAYERS[name]
    y = Y[: len(x)]
    [note] = notes(diagnosed(make(kind(other)), x, y, begun=True))
    assert note.level == "info"
    axes = [a % 4 if name == "Conv2D" else a % 2 for a in np.ravel(right).tolist()]
    assert note.fix == f"if it is to hold for each unit, write axis={axes}"
    assert "right if that is meant" in note.message
    assert notes(diagnosed(make(kind(right)), x, y, begun=True)) == []


def test_a_start_outside_along_another_axis():
    """Where it is the axis of the unit, nothing is said."""
    report = diagnosed(layers.Dense(8, "relu", kernel_constraint=CappedShares()))
    told = [f for f in report.findings if "works along axis [1], " in f.message]
    assert told, str(report)
    assert told[0].fix.endswith("if it is to hold for each unit, write axis=[0]")
    right = diagnosed(layers.Dense(8, "relu", kernel_constraint=CappedShares(0)))
    assert not any(part in str(right) for part in ("works along axis", "note:")), str(right)


def of_sum_one(w):
    return w / ops.sum(w, axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("layer", "x", "said"),
    [
        (layers.Dense(8, "relu", kernel_constraint=of_sum_one), X, True),
        (layers.Embedding(6, 4, embeddings_constraint=of_sum_one), CODES, False),
    ],
)
def test_a_set_in_place_of_a_constraint_says_along_which_axis(layer, x, said):
    report = diagnosed(layer, x)
    first = next(f for f in report.findings if f.code == "CW211")
    assert "axis=[1]" in first.treatment.code, str(report)
    assert first.treatment.note == (
        "its constraint SumTo works along axis [1], but a unit of Dense is fed along [0]: right if "
        "that is meant; if it is to hold for each unit, leave `axis` out of SumTo, which finds the "
        "axes itself"
    ) * said  # fmt: skip
    for form in ("text", "html", "json", "sarif"):
        words = report.rendered(form).split()
        assert ("works along axis [1], but" in " ".join(words)) == said, form


def shares(axis, inside):
    a_set = ci.Simplex(axis=axis) & ci.Box(0.0, 0.5)
    return layers.Dense(
        8, "relu", kernel_constraint=a_set,
        kernel_initializer=a_set.initializer(0) if inside else "he_normal",
    )  # fmt: skip


def test_sets_that_are_joined_have_an_axis():
    """As one by itself: a note where it starts inside, else the axes of a unit are tried."""
    [note] = notes(diagnosed(shares(1, True)))
    assert note.level == "info"
    assert note.message.startswith("its constraint Simplex & Box works along axis [1]")
    assert "leave `axis` out of Simplex, which" in note.fix
    report = diagnosed(shares(1, False))
    assert (report.findings[0].code, report.findings[0].level) == ("CW301", "warning")
    assert report.findings[0].treatment.healed, str(report)
    assert "axis=[0]) & ci.Box" in report.findings[0].treatment.code
    assert notes(diagnosed(shares(0, True))) == []


@registered
class LosesItsAxis(keras.constraints.Constraint):
    """Along the last axis: it raises for a kernel that is not square."""

    def __call__(self, w):
        norms = ops.sqrt(ops.sum(ops.square(w), axis=-1))
        return w / (1e-7 + norms)


@registered
class OfSharesAlone(keras.constraints.Constraint):
    """The same of sums, whose numbers are those of columns for a square kernel."""

    def __call__(self, w):
        return ops.abs(w) / (1e-7 + ops.sum(ops.abs(w), axis=1))


@registered
class BoundLosesItsAxis(keras.constraints.Constraint):
    """Norms up to two, which the start is far below."""

    def __call__(self, w):
        norms = ops.sqrt(ops.sum(ops.square(w), axis=1))
        return w * ops.clip(norms, 0.0, 2.0) / (1e-7 + norms)


@registered
class Symmetric(keras.constraints.Constraint):
    def __call__(self, w):
        return 0.5 * (w + ops.transpose(w))


def crossing_of(report):
    return [f for f in report.findings if f.code == "CW205" and "acts on column j" in f.message]


@pytest.mark.parametrize("kind", [OfSharesAlone, BoundLosesItsAxis])
def test_a_start_that_is_alike_hides_a_lost_axis(kind):
    """It is seen of a drawn weight, and the axis kept is tried; the sets that are right are not."""
    start = {"kernel_initializer": keras.initializers.Constant(1 / 6)}
    report = diagnosed(layers.Dense(6, kernel_constraint=kind(), **start))
    [found] = crossing_of(report)
    assert found.treatment.healed, str(report)
    assert "keepdims=True" in found.treatment.diff


@pytest.mark.parametrize("right", [Shares(1), Symmetric()])
def test_sums_of_rows_that_keep_their_axis(right):
    start = {"kernel_initializer": keras.initializers.Constant(1 / 6)}
    assert crossing_of(diagnosed(layers.Dense(6, kernel_constraint=right, **start))) == []


def changed_lines(treatment):
    rows = treatment.diff.splitlines()
    return [row[1:].strip() for row in rows if row.startswith("+") and row[:3] != "+++"]


@pytest.mark.parametrize(
    ("kind", "layer", "x", "right", "other"),
    [
        (LosesItsAxis, lambda c: layers.Dense(8, "relu", kernel_constraint=c), X, "0", "-1"),
        (OfSharesAlone, lambda c: layers.Dense(6, "relu", kernel_constraint=c), X, "0", "1"),
    ],
    ids=["norms", "square"],
)
def test_a_reduction_that_loses_its_axis_may_be_meant_along_the_unit(kind, layer, x, right, other):
    """That is tried first, and both are told where both heal."""
    report = diagnosed(layer(kind()), x, Y[: len(x)])
    first = next(f for f in report.findings if f.code in ("CW201", "CW205"))
    assert first.treatment.healed, str(report)
    [line] = changed_lines(first.treatment)
    assert f"axis={right}, keepdims=True)" in line
    written = line.replace(f"axis={right}", f"axis={other}")
    assert first.treatment.note.startswith(f"`{written}` heals as well: "), str(report)
    assert first.treatment.note.endswith("right if that is meant")


@pytest.mark.parametrize(
    ("layer", "x", "right"),
    [
        (lambda c: layers.Embedding(6, 4, embeddings_constraint=c), CODES, "-1"),
        (lambda c: layers.Conv2D(4, 3, kernel_constraint=c), IMAGES, "(0, 1, 2)"),
    ],
    ids=["embedding", "filters"],
)
def test_a_reduction_that_loses_its_axis_has_one_cure(layer, x, right):
    """Along the unit as it is written, or where no other axis has a meaning."""
    report = diagnosed(layer(LosesItsAxis()), x, Y[: len(x)])
    first = next(f for f in report.findings if f.code == "CW201")
    assert first.treatment.healed, str(report)
    assert f"axis={right}, keepdims=True)" in changed_lines(first.treatment)[0]
    assert first.treatment.note == ""


WRAPPED = {
    "Braked": ci.Braked(ci.UnitNorm(axis=1)),
    "Every": ci.Every(ci.UnitNorm(axis=1), 2),
    "Masked": ci.Masked(ci.UnitNorm(axis=1), np.tri(6, 8) > 0),
    "Blocks": ci.Blocks(ci.UnitNorm(axis=1), 2),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_the_set_that_has_the_axis_is_named(name):
    """And not what applies it, which takes no axis, or cuts along another one."""
    dense = layers.Dense(8, kernel_constraint=WRAPPED[name])
    model = keras.Sequential([keras.Input((6,)), dense, layers.Dense(1)])
    model.compile("adam", "mse")
    report = ci.diagnose(model, X, Y, steps=1)
    found = [one for one in report.findings if one.code == "CW301"]
    assert ["leave `axis` out of UnitNorm, which" in one.fix for one in found] == [True], str(
        report
    )

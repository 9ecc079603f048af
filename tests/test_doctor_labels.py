"""Labels of classes as numbers and in columns, and the cross-entropies that take them so."""

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

X = np.random.default_rng(0).normal(size=(60, 4)).astype("float32")
CLASSES = (X[:, 0] > 0).astype("int32") + (X[:, 1] > 0)
ONE_HOT = np.eye(3, dtype="float32")[CLASSES]
NUMBERS, COLUMNS = "sparse_categorical_crossentropy", "categorical_crossentropy"


def diagnosed(loss, y, last="softmax", kind=keras.Sequential):
    keras.utils.set_random_seed(0)
    hidden = layers.Dense(8, "tanh", **ci.constrained(kernel=ci.MaxNorm(2)))
    model = kind([keras.Input((4,)), hidden, layers.Dense(3, last, name="last")])
    model.compile(keras.optimizers.Adam(0.01), loss)
    return ci.diagnose(model, X, y, steps=3)


def logits(kind):
    return kind(from_logits=True)


OF_NUMBERS, OF_COLUMNS = (
    logits(keras.losses.SparseCategoricalCrossentropy),
    logits(keras.losses.CategoricalCrossentropy),
)


def compiled(loss):
    """What is pasted to train with another loss."""
    return f"model.compile(optimizer=model.optimizer, loss={loss})"


PASTED = {
    NUMBERS: compiled(f'"{NUMBERS}"'),
    COLUMNS: compiled(f'"{COLUMNS}"'),
    OF_NUMBERS: compiled("keras.losses.SparseCategoricalCrossentropy(from_logits=True)"),
    OF_COLUMNS: compiled("keras.losses.CategoricalCrossentropy(from_logits=True)"),
}


@pytest.mark.parametrize(
    ("loss", "y", "last", "heals"),
    [
        (COLUMNS, CLASSES, "softmax", NUMBERS),
        (COLUMNS, CLASSES[:, None].astype("float32"), "softmax", NUMBERS),
        (keras.losses.categorical_crossentropy, CLASSES, "softmax", NUMBERS),
        (OF_COLUMNS, CLASSES, None, OF_NUMBERS),
        (COLUMNS, CLASSES, None, OF_NUMBERS),
        (NUMBERS, ONE_HOT, "softmax", COLUMNS),
        (OF_NUMBERS, ONE_HOT, None, OF_COLUMNS),
        (OF_NUMBERS, ONE_HOT, "softmax", COLUMNS),
    ],
)
def test_the_other_cross_entropy_takes_the_labels(loss, y, last, heals):
    """It is named first, tried and heals, with the logits as they suit the last layer."""
    found = diagnosed(loss, y, last).findings
    first = found[0]
    assert (first.code, first.level, first.layer) == ("CW603", "error", "last")
    assert first.evidence["classes"] == 3
    assert ("argmax" in first.fix) == (y is ONE_HOT)
    assert first.treatment.healed
    assert first.treatment.code == PASTED[heals]
    assert [(f.code, f.cause) for f in found[1:] if f.counts] == [("CW001", "CW603 last")]


@pytest.mark.parametrize(
    ("loss", "y", "code", "pasted"),
    [
        (NUMBERS, CLASSES + 1, "CW605", "y = y - 1"),
        (NUMBERS, (CLASSES + 1)[:, None], "CW605", "y = y - 1"),
        (NUMBERS, (CLASSES + 1).astype("float32"), "CW605", "y = y - 1"),
        (NUMBERS, CLASSES - 1, "CW605", "y = y + 1"),
        (COLUMNS, CLASSES + 1, "CW603", f"{PASTED[NUMBERS]}\ny = y - 1"),
        (
            COLUMNS,
            (CLASSES + 1)[:, None].astype("float32"),
            "CW603",
            f"{PASTED[NUMBERS]}\ny = y - 1",
        ),
        (COLUMNS, np.eye(4, dtype="float32")[CLASSES + 1], "CW605", "y = y[..., 1:]"),
    ],
)
def test_labels_that_do_not_count_from_zero(loss, y, code, pasted):
    """That is named first, whatever a backend makes of them, and labels from zero are tried."""
    found = [f for f in diagnosed(loss, y).findings if f.counts]
    first = found[0]
    assert (first.code, first.level, first.layer) == (code, "error", "last")
    assert first.treatment.healed
    assert first.treatment.code.startswith(pasted)
    assert all(f.cause == f"{code} last" for f in found[1:])


@pytest.mark.parametrize(
    ("low", "high", "pasted"), [(1, 2, "y = y - 1"), (-1, 1, "y = (y + 1) / 2")]
)
def test_two_labels_of_a_binary_cross_entropy(low, high, pasted):
    keras.utils.set_random_seed(0)
    last = layers.Dense(1, "sigmoid", name="last")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "tanh"), last])
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
    y = np.where(X[:, :1] > 0, high, low).astype("float32")
    first, *others = [f for f in ci.diagnose(model, X, y).findings if f.counts]
    assert (first.code, first.layer) == ("CW605", "last")
    assert pasted.removeprefix("y = ") in first.fix
    assert first.treatment.healed
    assert first.treatment.code == pasted
    assert all(f.cause == "CW605 last" for f in others)


@pytest.mark.parametrize(
    ("loss", "y"), [(COLUMNS, ONE_HOT), (NUMBERS, CLASSES), (NUMBERS, CLASSES[:, None])]
)
def test_labels_that_the_loss_takes(loss, y):
    assert diagnosed(loss, y).ok


class Spreading(keras.Sequential):
    """It spreads the labels itself."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return super().compute_loss(x, ops.one_hot(y, 3), y_pred, sample_weight, training)


def test_a_model_that_spreads_its_labels_itself():
    assert diagnosed(COLUMNS, CLASSES, kind=Spreading).ok


def test_numbers_that_are_no_classes():
    """Of those another loss is meant; no cross-entropy is told."""
    found = diagnosed(COLUMNS, X[:, 0]).findings
    assert "CW603" not in {f.code for f in found}


def test_one_of_two_outputs():
    """Only its loss is changed, and that of the other one told with it."""
    given = keras.Input((4,))
    heads = [layers.Dense(3, "softmax", name=name)(given) for name in ("one", "two")]
    model = keras.Model(given, heads)
    model.compile(keras.optimizers.Adam(0.01), [NUMBERS, COLUMNS])
    first = ci.diagnose(model, X, [CLASSES, CLASSES], steps=3).findings[0]
    assert (first.code, first.layer) == ("CW603", "two")
    assert first.treatment.healed
    assert first.treatment.code == compiled(f'["{NUMBERS}", "{NUMBERS}"]')


@pytest.mark.parametrize(
    ("y", "columns"),
    [(X[:, :3], 3), (X[:, :1], 0), (np.repeat(X[:, :1], 3, axis=1), 0)],
    ids=["several", "one", "alike"],
)
@pytest.mark.parametrize("loss", ["mse", keras.losses.Huber()])
def test_several_columns_of_targets_for_one_unit(loss, y, columns):
    """They are broadcast, and nothing raises; columns that are alike are as good as one."""
    keras.utils.set_random_seed(0)
    last = layers.Dense(1, name="last")
    model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "tanh"), last])
    model.compile(keras.optimizers.Adam(0.01), loss)
    found = [f for f in ci.diagnose(model, X, y, steps=3).findings if f.counts]
    assert [(f.code, f.layer) for f in found] == [("CW603", "last")] * bool(columns)
    assert not columns or found[0].evidence == {"columns": columns}


@pytest.mark.parametrize("crossed", [True, False])
def test_targets_in_another_layout(crossed):
    """A step's prediction is compared with the targets of all steps; not if they lie alike."""
    keras.utils.set_random_seed(0)
    parts = [layers.Reshape((4, 1)), layers.Dense(8, "tanh"), layers.Dense(1, name="step")]
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile(keras.optimizers.Adam(0.05), "mse")
    y = X.reshape(-1, 1, 4) if crossed else X.reshape(-1, 4, 1)
    found = [f for f in ci.diagnose(model, X, y).findings if f.counts]
    assert [(f.code, f.layer) for f in found] == [("CW603", "step")] * crossed
    for one in found:
        assert "of the shape (batch, 4, 1), and in another layout" in one.message
        assert one.fix.endswith("such as y.reshape(-1, 4, 1)")
        assert one.treatment.healed
        assert one.treatment.code == "y = y.reshape(-1, 4, 1)"


SHARING = [
    COLUMNS,
    OF_COLUMNS,
    NUMBERS,
    OF_NUMBERS,
    keras.losses.CategoricalFocalCrossentropy(),
]
"""Losses that share one between the classes."""


LARGER = (X[:, :1] > X[:, 1:2]).astype("float32")


def of_one(loss, last, y=LARGER, kind=keras.Sequential):
    keras.utils.set_random_seed(0)
    inner = layers.Dense(8, "tanh", kernel_regularizer=keras.regularizers.L2(1e-4))
    end = layers.Dense(1, last, name="last")
    model = kind([keras.Input((4,)), inner, end])
    model.compile(keras.optimizers.Adam(0.01), loss)
    return ci.diagnose(model, X, y)


@pytest.mark.filterwarnings("ignore:.*expected y_pred.shape:SyntaxWarning")
@pytest.mark.filterwarnings("ignore:You are using a softmax:UserWarning")
@pytest.mark.parametrize("last", ["sigmoid", None, "softmax"])
@pytest.mark.parametrize("loss", SHARING)
def test_a_share_of_one_for_a_single_unit(loss, last):
    """It is 1 whatever the unit gives; the binary cross-entropy learns."""
    if last == "softmax" and loss in (OF_COLUMNS, OF_NUMBERS):
        pytest.skip("no person writes both")
    report = of_one(loss, last)
    first, *others = [finding for finding in report.findings if finding.counts]
    assert (first.code, first.level, first.layer) == ("CW603", "error", "last"), str(report)
    assert "a single unit" in first.message
    assert first.treatment.healed, str(report)
    binary = '"binary_crossentropy"', "keras.losses.BinaryCrossentropy(from_logits=True)"
    sigmoid = 'keras.layers.Dense(1, activation="sigmoid")\n' * (last == "softmax")
    assert first.treatment.code == sigmoid + compiled(binary[last is None])
    assert all(finding.cause == "CW603 last" for finding in others), str(report)


@pytest.mark.filterwarnings("ignore:.*expected y_pred.shape:SyntaxWarning")
def test_a_share_of_one_of_numbers():
    """No two classes: a binary cross-entropy would not take them."""
    report = of_one(COLUMNS, "sigmoid", 2 * np.abs(np.round(X[:, :1])))
    first = report.findings[0]
    assert (first.code, first.layer) == ("CW603", "last"), str(report)
    assert "a unit for each class" in first.fix
    assert first.treatment is None


class OfTwo(keras.Sequential):
    """It makes two shares of the one of its unit."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        y, y_pred = (ops.concatenate([1 - one, one], axis=-1) for one in (y, y_pred))
        return super().compute_loss(x, y, y_pred, sample_weight, training)


@pytest.mark.parametrize(
    ("loss", "kind"),
    [("binary_crossentropy", keras.Sequential), (COLUMNS, OfTwo)],
)
def test_a_single_unit_that_learns(loss, kind):
    assert of_one(loss, "sigmoid", kind=kind).ok


@pytest.mark.filterwarnings("ignore:.*expected y_pred.shape:SyntaxWarning")
def test_classes_along_another_axis():
    """One prediction for each, and several of them along the axis that is told."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3, 4)), layers.Dense(1), layers.Softmax(axis=1)])
    model.compile(keras.optimizers.Adam(0.01), keras.losses.CategoricalCrossentropy(axis=1))
    x = np.random.default_rng(0).normal(size=(60, 3, 4)).astype("float32")
    y = np.eye(3, dtype="float32")[x[..., 0].argmax(axis=1)][..., None]
    assert ci.diagnose(model, x, y).ok


@pytest.mark.parametrize("ends", [[], [layers.Reshape((2, 2))]], ids=["dense", "reshaped"])
def test_targets_that_are_drawn_are_out_of_no_reach(ends):
    """Only those that somebody gave are."""
    model = keras.Sequential([keras.Input((8,)), layers.Dense(4, activation="tanh"), *ends])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(32, 8)).astype("float32")
    assert "CW605" not in {finding.code for finding in ci.diagnose(model, x).findings}
    y = 5 * x[:, :4].reshape(-1, *model.output_shape[1:])
    assert "CW605" in {finding.code for finding in ci.diagnose(model, x, y).findings}

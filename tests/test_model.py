"""Models walked: every weight, its axes, and what constrain, check, project and prepare promise."""

import json
import re
import types

import keras
import numpy as np
import pytest
from conftest import array, same_bits
from keras import layers, ops

import constrainit as ci
from constrainit._patterns import ends_as
from constrainit.model import constrained_records, walk

pytestmark = pytest.mark.everywhere


class Bare(layers.Layer):
    """A layer with a weight that no argument speaks of."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1], 2), name="scale")

    def call(self, x):
        return ops.matmul(x, self.scale)


class Subclassed(keras.Model):
    """A model whose arguments its config can not give back."""

    def __init__(self, widths):
        super().__init__(name="subclassed")
        self.inner = [layers.Dense(width, name=f"dense{width}") for width in widths]

    def call(self, x):
        for layer in self.inner:
            x = layer(x)
        return x


def sequential(*parts, shape=(3,)):
    return keras.Sequential([keras.Input(shape), *parts], name="model")


def shared():
    inputs, dense = keras.Input((3,)), layers.Dense(3, name="dense")
    return keras.Model(inputs, dense(dense(inputs)), name="model")


def attention():
    inputs = keras.Input((4, 3))
    outputs = layers.MultiHeadAttention(2, 5, name="mha")(inputs, inputs)
    return keras.Model(inputs, outputs, name="model")


def subclassed():
    model = Subclassed([2, 1])
    model(np.zeros((1, 3), "float32"))
    return model


def filled(model, value):
    """Sets every weight to one value."""
    for variable in model.weights:
        if "float" in variable.dtype:
            variable.assign(ops.full(variable.shape, value, variable.dtype))
    return model


VECTOR = (0,)
WALKED = {
    "sequential": (
        lambda: sequential(layers.Dense(2, name="dense")),
        {"dense/kernel": (0,), "dense/bias": VECTOR},
    ),
    "shared layers once": (shared, {"dense/kernel": (0,), "dense/bias": VECTOR}),
    "subclassed": (
        subclassed,
        {
            "dense2/kernel": (0,), "dense2/bias": VECTOR,
            "dense1/kernel": (0,), "dense1/bias": VECTOR,
        },
    ),
    "nested": (
        lambda: sequential(keras.Sequential([layers.Dense(2, name="dense")], name="inner")),
        {"inner/dense/kernel": (0,), "inner/dense/bias": VECTOR},
    ),
    "bidirectional": (
        lambda: sequential(
            layers.Bidirectional(layers.GRU(2, use_bias=False, name="gru"), name="both"),
            shape=(4, 3),
        ),
        {
            f"both/{way}_gru/gru_cell/{kind}": (0,)
            for way in ("forward", "backward") for kind in ("kernel", "recurrent_kernel")
        },
    ),
    "time distributed": (
        lambda: sequential(
            layers.TimeDistributed(layers.Dense(2, name="dense"), name="each"), shape=(4, 3)
        ),
        {"each/dense/kernel": (0,), "each/dense/bias": VECTOR},
    ),
    "spectral normalization": (
        lambda: sequential(layers.SpectralNormalization(layers.Dense(2, name="dense"), name="sn")),
        {"sn/dense/kernel": (0,), "sn/dense/bias": VECTOR, "sn/vector_u": None},
    ),
    "cells": (
        lambda: sequential(
            layers.RNN([layers.SimpleRNNCell(2, name="a"), layers.LSTMCell(2, name="b")],
                       name="rnn"),
            shape=(4, 3),
        ),
        {
            f"{cell}/{kind}": axes
            for cell in "ab"
            for kind, axes in (("kernel", (0,)), ("recurrent_kernel", (0,)), ("bias", VECTOR))
        },
    ),
    "attention": (
        attention,
        {
            **{f"mha/{part}/kernel": (0,) for part in ("query", "key", "value")},
            **{f"mha/{part}/bias": None for part in ("query", "key", "value")},
            "mha/attention_output/kernel": (0, 1), "mha/attention_output/bias": VECTOR,
        },
    ),
    "convolutions": (
        lambda: sequential(
            layers.Conv2D(4, 3, use_bias=False, name="conv"),
            layers.DepthwiseConv2D(3, use_bias=False, name="deep"),
            layers.SeparableConv2D(5, 1, use_bias=False, name="both"),
            layers.Conv2DTranspose(6, 3, use_bias=False, name="up"),
            shape=(8, 8, 3),
        ),
        {
            "conv/kernel": (0, 1, 2), "deep/kernel": (0, 1), "both/depthwise_kernel": (0, 1),
            "both/pointwise_kernel": (0, 1, 2), "up/kernel": (0, 1, 3),
        },
    ),
    "rows": (
        lambda: sequential(
            layers.Embedding(7, 3, name="rows"),
            layers.EinsumDense("abc,cd->abd", (4, 2), bias_axes="bd", name="einsum"), shape=(4,),
        ),
        {"rows/embeddings": (1,), "einsum/kernel": (0,), "einsum/bias": None},
    ),
    "bare and frozen": (
        lambda: sequential(
            Bare(name="bare"), layers.BatchNormalization(name="norm", trainable=False)
        ),
        {
            "bare/scale": None,
            **{f"norm/{n}": VECTOR for n in ("gamma", "beta", "moving_mean", "moving_variance")},
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", WALKED)
def test_walk_finds_every_weight_once(kind):
    """Each weight of a model is found once, with its owner and the axes that feed one unit."""
    make, expected = WALKED[kind]
    model = make()
    records = walk(model)
    assert len({id(r.variable) for r in records}) == len(records)
    assert {id(v) for v in model.weights} <= {id(r.variable) for r in records}
    for record in records:
        assert id(record.variable) in map(id, record.layer.variables)
        assert record.shape == tuple(record.variable.shape)
    ends = {end: [r for r in records if f"/{r.place}".endswith(f"/{end}")] for end in expected}
    assert {end: [r.axes for r in found] for end, found in ends.items()} == {
        end: [axes] for end, axes in expected.items()
    }


@pytest.mark.parametrize(
    "use",
    [walk, ci.check, ci.project, ci.prepare, lambda model: ci.constrain(model, {"*": "non_neg"})],
    ids=["walk", "check", "project", "prepare", "constrain"],
)
def test_unbuilt_model_is_an_error_that_says_how_to_build(use):
    """A model without weights, and what is no model, give one ValueError that names the way out."""
    with pytest.raises(ValueError, match=r"must be built: 'empty'.*model\.build\(input_shape\)"):
        use(keras.Sequential([layers.Dense(1)], name="empty"))
    with pytest.raises(ValueError, match=r"must be a Keras model or layer\. Received: model=3"):
        use(3)


# constrained


def test_constrained_gives_constraint_and_start_under_the_layers_names():
    """`constrained` speaks the layer's own arguments, and every weight starts inside its set."""
    made = ci.constrained(kernel=ci.UnitNorm(), recurrent=ci.Orthogonal(), bias="non_neg")
    assert set(made) == {
        f"{name}_{part}" for name in ("kernel", "recurrent", "bias")
        for part in ("constraint", "initializer")
    }  # fmt: skip
    model = sequential(
        layers.DepthwiseConv1D(3, **ci.constrained(depthwise=ci.UnitNorm())),
        layers.SeparableConv1D(4, 1, **ci.constrained(pointwise=ci.Simplex())),
        layers.LSTM(2, **ci.constrained(kernel=ci.UnitNorm(), recurrent=ci.MaxNorm(0.5))),
        layers.BatchNormalization(**ci.constrained(gamma=ci.Box(0, 2), beta=ci.NonNegative())),
        layers.Dense(3, **ci.constrained(kernel=ci.NonNegative(), bias=ci.Box(0.25, 1))),
        layers.PReLU(**ci.constrained(alpha=ci.Box(0.5, 1))),
        shape=(6, 3),
    )
    table = ci.check(model)
    assert len(table.rows) == 9
    assert table.ok, str(table)
    starts = {r.variable.name: array(r.variable) for r in walk(model)}
    assert np.all(starts["gamma"] == 1)
    assert np.all(starts["beta"] == 0)
    assert np.all(starts["bias"] == 0.25)
    assert np.all(starts["alpha"] == 0.5)


def test_constrained_rejects_a_name_with_its_suffix():
    """A suffix in the name is an error that gives the name to write; so is what is no set."""
    with pytest.raises(ValueError, match=r"Received: kernel_constraint=.*Write kernel=\.\.\."):
        ci.constrained(kernel_constraint="non_neg")
    with pytest.raises(ValueError, match=r"`base` belongs to an initializer.*initializer\(base="):
        ci.constrained(kernel="non_neg", base="he_normal")
    with pytest.raises(ValueError, match="kernel=3"):
        ci.constrained(kernel=3)


@pytest.mark.parametrize("argument", ["recurrent", "depthwise", "pointwise"])
def test_a_weight_is_named_as_in_the_layer_or_as_its_argument(argument):
    """Both spellings give the same arguments; both at once are one too many."""
    short, whole = (
        ci.constrained(**{name: ci.UnitNorm()}) for name in (argument, f"{argument}_kernel")
    )
    assert set(short) == set(whole) == {f"{argument}_constraint", f"{argument}_initializer"}
    assert repr(short) == repr(whole)
    with pytest.raises(ValueError, match=f"one set for a weight.*{argument}_kernel=NonNeg"):
        ci.constrained(**{argument: ci.UnitNorm(), f"{argument}_kernel": ci.NonNegative()})


def test_a_map_takes_both_spellings():
    """`Reparametrized` knows weights by either name, too, of a depthwise layer as well."""
    made = {
        "recurrent": (lambda: keras.layers.SimpleRNN(3), (None, 4, 2)),
        "depthwise": (lambda: keras.layers.DepthwiseConv1D(3), (None, 4, 2)),
    }
    for argument, (make, shape) in made.items():
        for name in (argument, f"{argument}_kernel"):
            layer = ci.Reparametrized(make(), **{name: ci.UnitNorm()})
            layer.build(shape)
            assert len(layer.seen) == 1


# constrain


def two_layers():
    return sequential(layers.Dense(4, name="first"), layers.Dense(2, name="head"))


def constraints(model):
    return {r.place: r.constraint for r in walk(model)}


def test_last_matching_pattern_counts_and_none_removes():
    """Globs match paths, places and their ends; the last match counts; None takes a set off."""
    model = two_layers()
    made = ci.constrain(model, {"*/kernel": ci.NonNegative(), "head/kernel": ci.UnitNorm()})
    assert {type(s).__name__ for s in made.values()} == {"NonNegative", "UnitNorm"}
    held = constraints(model)
    assert isinstance(held["first/kernel"], ci.NonNegative)
    assert isinstance(held["head/kernel"], ci.UnitNorm)
    assert held["head/kernel"].axis == [0]
    assert held["head/bias"] is None
    assert ci.constrain(model, {"*": None}) == {}
    assert not constrained_records(model)
    assert model.get_layer("head").kernel_constraint is None


@pytest.mark.parametrize(
    ("pattern", "ends"),
    [
        ("a/kernel", True), ("*/a/kernel", True), ("kernel", True), ("m/*", True), ("*", True),
        ("*/m/a/kernel", True), ("/kernel", False), ("ernel", False), ("m/kernel", False),
    ],
)  # fmt: skip
def test_patterns_are_of_the_end_of_a_path(pattern, ends):
    """From a name on, with or without a star for what stands before it."""
    assert ends_as("m/a/kernel", pattern) is ends


def test_pattern_without_a_match_names_paths_and_changes_nothing():
    """A pattern that fits no weight is an error with near paths, and nothing is changed."""
    model = two_layers()
    with pytest.raises(ValueError, match=r"Received: 'heat/kernel'.*'model/head/kernel'"):
        ci.constrain(model, {"*/kernel": ci.NonNegative(), "heat/kernel": ci.UnitNorm()})
    assert not constrained_records(model)


def test_misfit_names_the_weight_and_changes_nothing():
    """A set that a matched weight can not be in is an error that names it; nothing is changed."""
    model = two_layers()
    with pytest.raises(ValueError, match="'model/first/bias'"):
        ci.constrain(model, {"*/kernel": ci.NonNegative(), "*/bias": ci.Orthogonal()})
    assert not constrained_records(model)
    assert model.get_layer("first").kernel_constraint is None
    bare = sequential(Bare(name="bare"))
    with pytest.raises(ValueError, match=r"axes of 'model/bare/scale' \(3, 2\).*axis=\[0\]"):
        ci.constrain(bare, {"*": ci.UnitNorm()})
    for wrong in ({}, None, [("*", "non_neg")]):
        with pytest.raises(ValueError, match="`sets` of `constrain` must map patterns"):
            ci.constrain(model, wrong)


@pytest.mark.parametrize("jit", [True, False], ids=["jit", "no jit"])
def test_constrain_takes_effect_at_the_next_step_of_a_fitted_model(jit):
    """A model whose training step is already compiled obeys a new set, and its removal, at once."""
    model = filled(sequential(layers.Dense(2, name="dense")), -1.0)
    if keras.backend.backend() == "torch":
        jit = "auto"  # torch.compile needs a C++ compiler
    model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=jit)
    x, y = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")
    model.fit(x, y, verbose=0)
    assert np.all(array(model.layers[0].kernel) == -1)
    ci.constrain(model, {"dense/kernel": ci.NonNegative()})
    model.fit(x, y, verbose=0)
    assert np.all(array(model.layers[0].kernel) == 0)
    assert np.all(array(model.layers[0].bias) == -1)
    ci.constrain(model, {"dense/kernel": None})
    filled(model, -1.0)
    model.train_on_batch(x, y)
    assert np.all(array(model.layers[0].kernel) == -1)


def test_saved_and_loaded_where_the_layer_has_the_argument(tmp_path):
    """What `constrain` attached comes back from a file, on the weights, and works there."""
    model = sequential(
        keras.Sequential([layers.Conv1D(4, 2, name="conv")], name="inner"),
        layers.Bidirectional(layers.LSTM(2, name="lstm"), name="both"),
        layers.Dense(2, name="dense"),
        shape=(6, 3),
    )
    ci.constrain(
        model,
        {
            "inner/conv/kernel": ci.UnitNorm(), "*/recurrent_kernel": ci.Box(-0.1, 0.1),
            "dense/kernel": keras.constraints.NonNeg(), "dense/bias": ci.MaxNorm(0.5),
        },
    )  # fmt: skip
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    filled(model, -2.0)
    filled(loaded, -2.0)
    assert ci.project(model)
    assert len(ci.project(loaded)) == 5
    for ours, theirs in zip(model.weights, loaded.weights, strict=True):
        assert same_bits(array(ours), array(theirs)), ours.path


@pytest.mark.parametrize(
    ("make", "weight"),
    [
        (attention, "mha/query/kernel"),
        (lambda: sequential(Bare(name="bare")), "bare/scale"),
        (subclassed, "dense2/kernel"),
    ],
    ids=["attention", "bare", "subclassed"],
)
def test_warns_where_keras_can_not_keep_the_constraint(make, weight):
    """Where a saved model would lose the constraint, a warning names the weight; it works here."""
    model = filled(make(), -1.0)
    with pytest.warns(UserWarning, match=f"can not save the constraint of '[^']*{weight}'"):
        ci.constrain(model, {weight: ci.NonNegative()})
    assert len(ci.project(model)) == 1
    with pytest.warns(UserWarning, match=f"the removal of the constraint of '[^']*{weight}'"):
        ci.constrain(model, {weight: None})
    assert ci.project(model) == {}


# check, project, prepare


@keras.saving.register_keras_serializable("test_model")
class Raises(keras.constraints.Constraint):
    def __call__(self, w):
        raise RuntimeError("no luck")


@keras.saving.register_keras_serializable("test_model")
class Halves(keras.constraints.Constraint):
    def __call__(self, w):
        return ops.minimum(w, 0.5)


def test_check_shows_faults_and_changes_nothing():
    """Each constrained weight has a row; what is wrong stands in it and is not raised."""
    kernel = {"kernel_initializer": "ones", "use_bias": False}
    model = sequential(
        layers.Dense(3, name="ok", **ci.constrained(kernel=ci.Simplex()), use_bias=False),
        layers.Dense(3, name="out", kernel_constraint=ci.Box(0, 0.25), **kernel),
        layers.Dense(3, name="nan", kernel_constraint="non_neg", kernel_initializer=_nan),
        layers.Dense(3, name="raises", kernel_constraint=Raises(), **kernel),
        layers.Dense(
            3, name="axis", kernel_constraint=keras.constraints.UnitNorm(axis=1), **kernel
        ),
    )
    before = [array(v) for v in model.weights]
    table = ci.check(model)
    rows = {row.weight.split("/")[-2]: row for row in table.rows}
    assert [name for name, row in rows.items() if row.ok] == ["ok"]
    assert rows["out"].violation == pytest.approx(0.75)
    assert not rows["nan"].finite
    assert "RuntimeError: no luck" in rows["raises"].error
    assert rows["raises"].violation is None
    assert rows["axis"].axis
    assert not table.ok
    held = json.loads(json.dumps(table.to_dict(), allow_nan=False))
    assert [row["ok"] for row in held["rows"]] == [True, False, False, False, False]
    text = str(table)
    assert all(row.weight in text for row in table.rows)
    assert "no luck" in text
    assert "\x1b" not in text
    assert all(same_bits(a, array(v)) for a, v in zip(before, model.weights, strict=True))
    assert "no weight" in str(ci.check(two_layers()))


def _nan(shape, dtype=None):
    return ops.full(shape, float("nan"), dtype or "float32")


def test_project_moves_what_is_outside_and_nothing_else():
    """Members stay bit for bit; what moves is returned by path with its distance."""
    model = sequential(
        layers.Dense(3, name="inside", **ci.constrained(kernel=ci.UnitNorm()), use_bias=False),
        layers.Dense(2, name="outside", kernel_constraint=ci.Box(-1, 1), use_bias=False),
        layers.Dense(2, name="own", kernel_constraint=Halves(), kernel_initializer="ones"),
    )
    start = np.array([[0.5, -0.0], [3.0, 1e-30], [-1.5, 1.0]], "float32")
    model.get_layer("outside").kernel.assign(start)
    inside = array(model.get_layer("inside").kernel)
    assert ci.project(model) == {
        "model/outside/kernel": 2.0, "model/own/kernel": 0.5,
    }  # fmt: skip
    assert same_bits(array(model.get_layer("inside").kernel), inside)
    assert same_bits(array(model.get_layer("outside").kernel), np.clip(start, -1, 1))
    assert np.all(array(model.get_layer("own").kernel) == 0.5)
    assert ci.project(model) == {}


def test_what_project_did_is_printed():
    """Where nothing moved it says why: all are inside, or there are none."""
    outside = layers.Dense(2, name="outside", kernel_constraint=ci.Box(-1, 1), use_bias=False)
    model = sequential(outside)
    outside.kernel.assign(np.full((3, 2), 3.0))
    moved = ci.project(model)
    assert str(moved) == "model/outside/kernel: was outside by 2, now inside"
    assert json.loads(json.dumps(moved)) == {"model/outside/kernel": 2.0}
    assert str(ci.project(model)) == "nothing moved: inside already, 1 constrained weight"
    assert "no constrained weight to look at" in str(ci.project(sequential(layers.Dense(2))))


def test_what_is_not_finite_is_told_by_project_and_drawn_by_prepare():
    """It is no repair, and is named with what helps; its other units are moved."""
    free = layers.Dense(2, name="free", kernel_constraint=ci.Box(-1, 1), use_bias=False)
    held = layers.Dense(2, name="held", kernel_constraint=ci.UnitNorm(), use_bias=False)
    model = sequential(free, held)
    free.kernel.assign(np.full((3, 2), [3.0, np.nan]))
    held.kernel.assign(np.full((2, 2), np.nan))
    held.trainable = False
    moved = ci.project(model)
    assert moved == {}
    assert str(moved).splitlines() == [
        "model/free/kernel: not finite, and stays so: `ci.prepare(model)` draws it anew",
        "model/held/kernel: not finite, and stays so: load weights that were saved while it was "
        "finite (model.load_weights)",
    ]
    changes = ci.prepare(model)
    assert str(changes[0]).startswith("model/free/kernel: was not finite (every weight in [-1, 1])")
    assert str(changes[1]).endswith("left as it is: there is no law to draw it from")
    assert np.isfinite(array(free.kernel)).all()
    assert str(ci.project(model)).startswith("model/held/kernel: not finite")


def test_a_notebook_shows_answers_as_they_are_printed():
    """At the end of a cell, where IPython would show a dictionary, a list or a dataclass."""
    shown = []
    printer = types.SimpleNamespace(text=shown.append)
    model = sequential(layers.Dense(2, kernel_constraint=ci.Box(-1, 1)))
    answers = ci.project(model), ci.prepare(model), ci.check(model), ci.plan(ci.UnitNorm(), 64)
    for answer in answers:
        answer._repr_pretty_(printer, False)
    assert shown == [str(answer) for answer in answers]


@pytest.mark.parametrize("act", [ci.project, ci.prepare], ids=["project", "prepare"])
def test_a_constraint_that_raises_changes_no_weight(act):
    """A constraint that can not be applied is a ValueError naming its weight; nothing moved."""
    model = sequential(
        layers.Dense(3, name="outside", kernel_constraint=ci.Box(2, 3)),
        layers.Dense(2, name="raises", kernel_constraint=Raises()),
    )
    before = [array(v) for v in model.weights]
    with pytest.raises(ValueError, match=r"'model/raises/kernel'.*RuntimeError: no luck") as told:
        act(model)
    said = str(told.value)
    assert said.startswith("The constraint Raises of 'model/raises/kernel' can not be applied: ")
    assert re.search(r" \(at \S*test_model\.py:\d+ in __call__: raise RuntimeError\(", said)
    assert "`constrainit doctor`" in said
    # One traceback, and not those of each try.
    assert told.value.__suppress_context__
    assert told.value.__cause__ is None
    assert all(same_bits(a, array(v)) for a, v in zip(before, model.weights, strict=True))


def preparable():
    keras.utils.set_random_seed(0)
    model = sequential(
        layers.Dense(8, name="a", kernel_constraint="non_neg", use_bias=False),
        layers.Dense(8, name="b", kernel_constraint=ci.UnitNorm()),
        layers.Dense(8, name="c", kernel_constraint=ci.UnitNorm(), bias_constraint=ci.Box(1, 2)),
        layers.Dense(8, name="d", **ci.constrained(kernel=ci.Simplex())),
        layers.Dense(8, name="own", kernel_constraint=Halves(), kernel_initializer="ones"),
        layers.Dense(1, name="free"),
    )
    return model


def test_prepare_redraws_what_is_outside_and_keeps_the_rest():
    """After `prepare` every weight is inside; what was inside, or free, is kept bit for bit."""
    model, again, other = preparable(), preparable(), preparable()
    before = {v.path: array(v) for v in model.weights}
    changes = ci.prepare(model, seed=1)
    changed = [change.weight for change in changes]
    assert changed == [f"model/{name}" for name in
                       ("a/kernel", "b/kernel", "c/kernel", "c/bias", "own/kernel")]  # fmt: skip
    assert [change.how for change in changes] == ["drawn"] * 4 + ["projected"]
    assert all(change.violation > 0 and change.weight in str(change) for change in changes)
    assert ci.check(model).ok
    for variable in model.weights:
        assert (variable.path in changed) != same_bits(before[variable.path], array(variable))
    assert np.all(array(model.get_layer("c").bias) == 1)
    assert not np.allclose(array(model.get_layer("b").kernel), array(model.get_layer("c").kernel))
    ci.prepare(again, seed=1)
    ci.prepare(other, seed=2)
    pairs = list(zip(model.weights, again.weights, other.weights, strict=True))
    assert all(same_bits(array(a), array(b)) for a, b, _ in pairs)
    assert not all(same_bits(array(a), array(c)) for a, _, c in pairs)
    assert ci.prepare(model, seed=3) == []
    for wrong in ("one", 1.5, True):
        with pytest.raises(ValueError, match="`seed` of `prepare` must be"):
            ci.prepare(model, seed=wrong)


@pytest.mark.parametrize(("outside", "how"), [(2, "drawn in 2 of its 20 units"), (5, "drawn")])
def test_prepare_keeps_a_table_of_which_a_few_rows_are_outside(outside, how):
    """Rows of an embedding that was given are not drawn anew because of that of the padding."""
    table = np.random.default_rng(0).normal(size=(20, 4))
    table = (table / np.linalg.norm(table, axis=1, keepdims=True)).astype("float32")
    table[:outside] = 0
    words = layers.Embedding(20, 4, embeddings_constraint=ci.UnitNorm(), name="words")
    model = keras.Sequential([keras.Input((3,)), words])
    words.set_weights([table])
    [change] = ci.prepare(model, seed=1)
    assert change.how == how
    found = array(words.embeddings)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    assert same_bits(found[outside:], table[outside:]) == (outside == 2)
    assert len(np.unique(found[:outside], axis=0)) == outside


def test_sets_are_resolved_as_layers_are_built():
    """`axis=None` of a set given to a layer becomes the axes of that layer, before any step."""
    model = sequential(
        layers.Conv2D(4, 3, **ci.constrained(kernel=ci.UnitNorm()), name="conv"),
        layers.Conv2DTranspose(2, 3, **ci.constrained(kernel=ci.UnitNorm()), name="up"),
        shape=(6, 6, 3),
    )
    assert constraints(model)["conv/kernel"].axis == [0, 1, 2]
    assert constraints(model)["up/kernel"].axis == [0, 1, 3]
    with pytest.raises(ValueError, match=r"axes of '.*scale' \(3, 2\).*`Own` are not known"):
        sequential(Own(name="own"))


class Own(layers.Layer):
    def build(self, shape):
        self.add_weight(shape=(shape[-1], 2), name="scale", constraint=ci.UnitNorm())

    def call(self, x):
        return x


def test_what_has_no_constraint_is_told_where_it_is_not_finite():
    """A row of its own, and no draw; sound weights and a mask of infinity are none."""
    model = sequential(
        layers.Dense(2, name="held", **ci.constrained(kernel=ci.UnitNorm())),
        layers.Dense(2, name="free"),
    )
    mask = model.get_layer("free").kernel
    mask.trainable = False
    mask.assign(np.full((2, 2), -np.inf))
    assert [row.weight for row in ci.check(model).rows] == ["model/held/kernel"]
    assert ci.check(model).ok
    model.get_layer("free").bias.assign([0.0, np.inf])
    mask.assign(np.full((2, 2), np.nan))
    table = ci.check(model)
    assert [(row.set, row.finite, row.ok) for row in table.rows[1:]] == [("", False, False)] * 2
    assert not table.ok
    lost = [row.weight for row in table.rows[1:]]
    assert set(lost) == {model.get_layer("free").bias.path, mask.path}
    assert all("not finite, and without a constraint" in row.verdict for row in table.rows[1:])
    done, prepared = ci.project(model), ci.prepare(model)
    assert (done, prepared) == ({}, [])
    first, *told = str(done).splitlines()
    assert first == "nothing moved: inside already, 1 constrained weight"
    assert str(prepared).splitlines() == ["nothing was changed", *told]
    assert [line.partition(":")[0] for line in told] == lost
    assert all("build the model anew" in line for line in told)
    assert len(ci.check(model, "free/*").rows) == 3


def test_of_a_computed_weight_the_weight_is_told():
    """Not the free value that it is computed from."""
    made = sequential(layers.Dense(2, **ci.constrained(kernel=ci.Box(0, 1))))
    smooth = ci.reparametrize(made, {"*/kernel": ci.Box(0, 1)})
    lost = [v for v in smooth.trainable_variables if len(v.shape) == 2]
    lost[0].assign(np.full(lost[0].shape, np.nan))
    (row,) = ci.check(smooth).rows
    assert row.set
    assert not row.finite

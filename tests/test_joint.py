"""`Joint`: several weights in one set, in training, in the helpers, after loading."""

import keras
import numpy as np
import pytest
from conftest import array, same_bits
from keras import layers

import constrainit as ci

pytestmark = pytest.mark.everywhere

BALL = ci.Joint(ci.MaxNorm(1.0))


def data(rng, units=3):
    return rng.normal(size=(12, 4)).astype("float32"), 9 * rng.normal(size=(12, units)).astype("f4")


def one_layer(joint=BALL, **named):
    both = {"kernel_constraint": joint, "bias_constraint": joint}
    return keras.Sequential([keras.Input((4,)), layers.Dense(3, **both, **named)])


def norms(layer):
    """The norm of each unit's weights and bias, in NumPy."""
    kernel = array(layer.kernel).reshape(-1, layer.kernel.shape[-1])
    return np.linalg.norm(np.vstack([kernel, array(layer.bias)]), axis=0)


def two_layers():
    """Layers `a` and `b`, side by side, whose kernels feed three units each."""
    x = keras.Input((4,))
    outputs = [layers.Dense(3, name=name, use_bias=False)(x) for name in "ab"]
    return keras.Model(x, layers.Add()(outputs))


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16", "bfloat16"])
def test_fit_save_load(policy, rng, tmp_path):
    """Kernel and bias of a unit have norm one at most, after every step, also after loading."""
    x, y = data(rng)
    keras.config.set_dtype_policy(policy)
    try:
        model = one_layer(ci.Joint(ci.UnitNorm()))
        model.compile(keras.optimizers.SGD(0.5), "mse")
        for _ in range(3):
            model.train_on_batch(x / 100, y / 100)
        model.fit(x / 100, y / 100, batch_size=4, verbose=0)
        loose = 1e-2 if policy == "bfloat16" else 2e-6
        np.testing.assert_allclose(norms(model.layers[0]), 1.0, rtol=loose)
        assert ci.check(model).ok
        assert np.abs(array(model.layers[0].bias)).min() > 1e-3
        model.save(tmp_path / "model.keras")
        loaded = keras.saving.load_model(tmp_path / "model.keras")
    finally:
        keras.config.set_dtype_policy("float32")
    for old, new in zip(model.weights, loaded.weights, strict=True):
        assert same_bits(array(old), array(new))
    loaded.fit(-x, y / 20, batch_size=4, verbose=0)
    np.testing.assert_allclose(norms(loaded.layers[0]), 1.0, rtol=loose)
    assert not same_bits(array(model.weights[0]), array(loaded.weights[0]))


def test_step_is_the_nearest_point(rng):
    """One step of plain gradient descent, then the joint projection, worked out in NumPy."""
    x, y = data(rng)
    model = one_layer(bias_initializer="ones")
    start = np.vstack([array(w).reshape(-1, 3) for w in model.weights])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.train_on_batch(x, y)
    ones = np.hstack([x, np.ones((12, 1))]).astype("float64")
    moved = start - 0.1 * 2 / y.size * ones.T @ (ones @ start - y)
    expected = moved / np.maximum(1.0, np.linalg.norm(moved, axis=0))
    np.testing.assert_allclose(array(model.layers[0].kernel), expected[:4], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(array(model.layers[0].bias), expected[4], rtol=1e-4, atol=1e-6)


def test_members_do_not_move(rng):
    """A step that changes nothing leaves weights inside their set bit for bit."""
    x, y = data(rng)
    model = one_layer(bias_initializer="ones")
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.train_on_batch(x, y)
    before = [array(w) for w in model.weights]
    model.train_on_batch(x, y)
    assert all(same_bits(array(w), old) for w, old in zip(model.weights, before, strict=True))
    assert ci.project(model) == {}


@pytest.mark.parametrize("axis", [0, 1])
def test_across_layers(axis, rng):
    """Kernels of two layers, as rows or as columns of one matrix; the user is told of saving."""
    x, y = data(rng)
    model = two_layers()
    joint = ci.Joint(ci.Orthogonal() if axis == 0 else ci.Simplex(axis=1), axis)
    with pytest.warns(UserWarning, match=r"can not save the constraint of 'a/kernel', 'b/kernel'"):
        found = ci.constrain(model, {("a/kernel", "b/kernel"): joint})
    assert list(found) == ["a/kernel", "b/kernel"]
    assert not ci.check(model).ok
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(x, y, batch_size=4, verbose=0)
    whole = np.concatenate([array(w) for w in model.weights], axis=axis)
    if axis == 0:
        np.testing.assert_allclose(whole.T @ whole, np.eye(3), atol=1e-5)
    else:
        np.testing.assert_allclose(whole.sum(1), 1.0, rtol=1e-5)
        assert (whole >= 0).all()
    assert ci.check(model).ok


def test_helpers(rng):
    """`check` has one row for a group, `project` and `prepare` take all of its weights inside."""
    model = one_layer()
    model.set_weights([w + 9 for w in model.get_weights()])
    (row,) = ci.check(model).rows
    assert [path.rsplit("/")[-1] for path in row.weight.split(" + ")] == ["kernel", "bias"]
    assert row.shape == (5, 3)
    np.testing.assert_allclose(row.violation, norms(model.layers[0]).max() - 1, rtol=1e-5)
    (moved,) = ci.project(model).values()
    assert moved == row.violation
    np.testing.assert_allclose(norms(model.layers[0]), 1.0, rtol=3e-6)
    model.set_weights([w + 9 for w in model.get_weights()])
    (change,) = ci.prepare(model)
    assert change.how == "projected"
    assert ci.check(model).ok
    x, y = data(rng)
    assert ci.prepare(model, x) == []
    model.compile("sgd", "mse")
    assert "Joint" not in str(ci.diagnose(model, x, y))


def test_convolution_and_recurrent_weights(rng):
    """What feeds a unit is counted whatever the rank: windows, gates, recurrent kernels."""
    model = keras.Sequential([
        keras.Input((6, 6, 2)),
        layers.Conv2D(3, 2, kernel_constraint=BALL, bias_constraint=BALL),
        layers.Conv2DTranspose(4, 2, kernel_constraint=BALL, bias_constraint=BALL),
        layers.Reshape((36, 4)),
        layers.GRU(2, kernel_constraint=BALL, recurrent_constraint=BALL, reset_after=False,
                   bias_constraint=BALL),
    ])  # fmt: skip
    assert [row.shape for row in ci.check(model).rows] == [(9, 3), (13, 4), (7, 6)]
    model.set_weights([w + 1 for w in model.get_weights()])
    model.compile("sgd", "mse")
    model.fit(rng.normal(size=(4, 6, 6, 2)).astype("f4"), np.zeros((4, 2), "f4"), verbose=0)
    assert ci.check(model).ok
    np.testing.assert_allclose(norms(model.layers[0]), 1.0, rtol=1e-5)
    kernel = np.sqrt((array(model.layers[1].kernel) ** 2).sum((0, 1, 3)))
    np.testing.assert_allclose(np.hypot(kernel, array(model.layers[1].bias)), 1.0, rtol=1e-5)


def test_groups_are_per_layer():
    """One `Joint` serves many layers, each by itself; a clone has groups of its own."""
    model = keras.Sequential([keras.Input((4,))])
    for _ in range(2):
        model.add(layers.Dense(4, kernel_constraint=BALL, bias_constraint=BALL))
    clone = keras.models.clone_model(model)
    clone.name = "clone"
    both = keras.Sequential([keras.Input((4,)), model, clone])
    assert len(ci.check(both).rows) == 4
    both.set_weights([w + 9 for w in both.get_weights()])
    ci.project(clone)
    assert [row.ok for row in ci.check(both).rows] == [False, False, True, True]


def test_constrain_within_a_layer_is_saved(rng, tmp_path):
    """What `constrain` joins in one layer is found again after loading, without a warning."""
    x, y = data(rng)
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, name="d")])
    ci.constrain(model, {("d/kernel", "d/bias"): BALL})
    model.compile(keras.optimizers.SGD(0.5), "mse")
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    loaded.set_weights([w + 9 for w in loaded.get_weights()])
    ci.project(loaded)
    np.testing.assert_allclose(norms(loaded.layers[0]), 1.0, rtol=3e-6)
    ci.constrain(model, {"d/*": None})
    assert ci.check(model).rows == ()


def test_start():
    """`constrained` starts kernel and bias inside together, where zeros are a row of the set."""
    joint = ci.Joint(ci.UnitNorm())
    layer = layers.Dense(3, **ci.constrained(kernel=joint, bias=joint))
    layer.build((None, 4))
    assert ci.check(layer).ok


def test_paced(rng):
    """Inside of a `Joint` a set keeps its pace: the group acts at the second step."""
    x, y = data(rng)
    model = one_layer(ci.Joint(ci.Every(ci.MaxNorm(1.0), 2)))
    model.set_weights([w + 9 for w in model.get_weights()])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    seen = []
    for _ in range(3):
        model.train_on_batch(x, y)
        seen.append(ci.check(model).ok)
    assert seen == [False, True, True]


def test_accumulated_gradients(rng):
    """With gradient accumulation the group is inside after every micro-batch."""
    x, y = data(rng)
    model = one_layer()
    model.compile(keras.optimizers.SGD(0.5, gradient_accumulation_steps=2), "mse")
    for _ in range(4):
        model.train_on_batch(x, y)
        assert ci.check(model).ok
    np.testing.assert_allclose(norms(model.layers[0]), 1.0, rtol=1e-5)


def _halves():
    model = two_layers()
    with pytest.warns(UserWarning, match="can not save"):
        ci.constrain(model, {("a/kernel", "b/kernel"): BALL})
    return model


def test_frozen_member(rng):
    """A group of which one weight is frozen has no answer: the first step says so."""
    x, y = data(rng)
    model = _halves()
    model.get_layer("a").trainable = False
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"must be trained together.*'a/kernel' is not trained"):
        model.fit(x, y, verbose=0)


def test_lost_member():
    """A weight of a group can not be given another constraint alone."""
    model = _halves()
    with pytest.raises(ValueError, match="give all of them a new constraint, or none"):
        ci.constrain(model, {"a/kernel": ci.NonNegative()})
    model.get_layer("a").kernel.constraint = ci.NonNegative()
    with pytest.raises(ValueError, match="another constraint for 'a/kernel'"):
        ci.project(model)


WRONG = [
    (lambda: ci.Joint(ci.UnitNorm(), 2), "`axis` of `Joint` must be 0 or 1. Received: axis=2."),
    (lambda: BALL(np.ones(3)), r"Joint\(.*\) must be given to a layer, for two of its weights"),
    (lambda: ci.as_set(BALL), "`x` of `as_set` must be a set of single weights. .*inside of `J"),
    (lambda: BALL & ci.NonNegative(), r"inside of one `Joint`. .*NonNegative\(\). Write Joint\(a"),
    (lambda: ci.NonNegative() & BALL, "must be a set of single weights. .*inside of `Joint`"),
    (lambda: ci.constrained(kernel=BALL, activation="relu"), "`activation` of `constrained` plans"),
    (lambda: ci.constrain(two_layers(), {"a/kernel": BALL}), "goes with a `Joint`, and a `Joint`"),
    (lambda: ci.constrain(two_layers(), {("a/kernel",): ci.UnitNorm()}), "goes with a `Joint`"),
    (lambda: ci.constrain(one_layer(None), {("*/kernel", "*/bias"): ci.Joint(ci.UnitNorm(), 1)}),
     r"must agree in the number of inputs. Received, as matrices: .*\(4, 3\) and .*\(1, 3\)"),
    (lambda: ci.constrain(two_layers(), {("a/kernel", "b/kernel"): ci.Joint(ci.Symmetric())}),
     "The constraint of 'a/kernel [+] b/kernel' does not fit it"),
]  # fmt: skip


@pytest.mark.parametrize("index", range(len(WRONG)))
def test_message(index):
    """What can not be joined is answered before anything is changed."""
    call, message = WRONG[index]
    with pytest.raises(ValueError, match=message):
        call()


def test_one_dtype():
    """Weights of two dtypes are no group."""
    x = keras.Input((4,))
    outputs = [
        layers.Dense(3, name=n, dtype=d)(x) for n, d in (("a", "float32"), ("b", "bfloat16"))
    ]
    model = keras.Model(x, outputs)
    with pytest.raises(ValueError, match=r"must be of one dtype. Received: bfloat16, float32"):
        ci.constrain(model, {("a/kernel", "b/kernel"): BALL})

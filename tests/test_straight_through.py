"""The map onto a grid: rounded forward, and backward as if it were not."""

import warnings

import keras
import numpy as np
import pytest
from conftest import array, as_stored, compiled, same_bits, tensor
from keras import layers, ops
from test_transforms import pulled

import constrainit as ci

pytestmark = pytest.mark.everywhere

TERNARY, BINARY = ci.Grid(1, -1, 1), ci.Grid(2, -1, 1)
EIGHTHS = ci.Grid(0.125, -1, 1)
SETS = [TERNARY, BINARY, EIGHTHS, ci.Grid(0.3, -0.15, 0.5), ci.Grid(1)]


@pytest.mark.parametrize("a_set", SETS, ids=repr)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_map_is_the_projection(a_set, dtype, rng):
    """To the bit, in a compiled step and outside of one."""
    v = tensor(2 * rng.normal(size=(40, 5)), dtype)
    step = compiled(lambda v, cotangent: pulled(a_set.transform.forward, v, cotangent))
    within, _ = step(v, tensor(np.ones((40, 5))))
    for found in (within, a_set.transform.forward(v), a_set.straight_through(v)):
        assert same_bits(array(found), array(a_set.project(v)))
        assert keras.backend.standardize_dtype(found.dtype) == dtype


@pytest.mark.parametrize("make", [lambda one: one, lambda one: ci.Masked(one, np.ones((4, 5)))])
@pytest.mark.parametrize(
    ("a_set", "low", "high"), [(TERNARY, -1, 1), (ci.Grid(0.3), -np.inf, np.inf)]
)
def test_the_gradient_passes_unless_it_leads_away(make, a_set, low, high, rng):
    """It is cut where a step of descent would go farther beyond the last point, and there only."""
    v = as_stored(np.array([-3.0, -1.0, 0.5, 1.0, 1.0001])[None] * np.ones((4, 1)), "float32")
    cotangent = rng.normal(size=(4, 5))
    step = compiled(lambda v, cotangent: pulled(make(a_set).transform.forward, v, cotangent))
    _, slope = step(tensor(v), tensor(cotangent))
    away = ((v < low) & (cotangent > 0)) | ((v > high) & (cotangent < 0))
    assert not np.isfinite(low) or 0 < away.sum() < 8
    np.testing.assert_array_equal(
        array(slope), np.where(away, 0.0, as_stored(cotangent, "float32"))
    )


@pytest.mark.parametrize("a_set", SETS, ids=repr)
def test_the_free_value_of_a_member_is_the_member(a_set):
    """To the bit; a weight between points stays, too, and one beyond them goes to the last."""
    w = a_set.initializer(0)((20, 5))
    assert same_bits(array(a_set.transform.right_inverse(w)), array(w))
    v, far = array(w) + 0.1 * a_set.step, array(w) * 1e4
    low, high = a_set._range("float32")
    kept = a_set.transform.right_inverse(tensor(np.clip(v, low, high)))
    np.testing.assert_array_equal(array(kept), as_stored(np.clip(v, low, high), "float32"))
    np.testing.assert_allclose(
        array(a_set.transform.right_inverse(tensor(far))), far.clip(low, high)
    )


@pytest.mark.parametrize("a_set", SETS, ids=repr)
def test_a_start_is_spread_over_what_is_rounded_to_it(a_set):
    """Some weights reach their next point within a hundredth of a step, whatever the gradient."""
    w = a_set.initializer(0)((200, 50))
    v = array(a_set.transform.start(w))
    assert same_bits(array(a_set.transform.forward(tensor(v))), array(w))
    assert np.mean((v == v.min()) | (v == v.max())) < 0.01
    for sign in (-1.0, 1.0):
        moved = a_set.transform.forward(tensor(v + sign * 0.01 * a_set.step, "float32"))
        assert 0.003 < np.mean(array(moved) != array(w)) < 0.02


def task(*parts, rate=0.01):
    """A classifier, not trained yet, and three classes that a narrow network can tell apart."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, size=256)
    x = 1.5 * rng.normal(size=(3, 10))[y] + rng.normal(size=(256, 10))
    model = keras.Sequential([keras.Input((10,)), *parts])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)
    return model, x.astype("float32"), y


def trained(model, x, y, epochs=20):
    history = model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)
    return history.history["loss"]


@pytest.mark.parametrize("a_set", [TERNARY, BINARY], ids=["ternary", "binary"])
def test_it_trains_where_the_projection_stays(a_set):
    """The rounded weights of a projection are what they were; through the map the loss falls."""
    keras.utils.set_random_seed(0)
    kernel = ci.constrained(kernel=a_set)
    plain = [layers.Dense(16, "relu", use_bias=False, **kernel),
             layers.Dense(3, use_bias=False, **kernel)]  # fmt: skip
    stuck, x, y = task(*plain)
    before = [array(one) for one in stuck.weights]
    losses = trained(stuck, x, y, 3)
    assert all(map(np.array_equal, before, map(array, stuck.weights)))
    assert losses[-1] == pytest.approx(losses[0], rel=1e-5)
    wrapped = [ci.Reparametrized(layers.Dense(16, "relu", use_bias=False), kernel=a_set),
               ci.Reparametrized(layers.Dense(3, use_bias=False), kernel=a_set)]  # fmt: skip
    losses = trained(*task(*wrapped))
    assert losses[-1] < 0.2 * losses[0]
    assert all(ci.check(layer).ok for layer in wrapped)


def test_a_free_value_beyond_the_last_point_comes_back():
    """And does not run away: it stays about where the gradient begins to be cut."""
    keras.utils.set_random_seed(0)
    wrapped = ci.Reparametrized(layers.Dense(1, use_bias=False), kernel=TERNARY)
    model = keras.Sequential([keras.Input((1,)), wrapped])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    [seen] = wrapped.seen
    seen.free.assign([[3.0]])
    x = np.ones((8, 1), "float32")
    model.fit(x, -2 * x, epochs=40, verbose=0)
    assert array(seen)[0, 0] == -1
    assert -1.3 <= array(seen.free)[0, 0] <= -1.0


def test_a_float_weight_is_kept():
    """Of a built model the weights become the free values: what the rounding takes is not lost."""
    model, *_ = task(layers.Dense(16, "relu"), layers.Dense(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        quantized = ci.reparametrize(model, {"*/kernel": EIGHTHS})
    for layer, plain in zip(quantized.layers, model.layers, strict=True):
        np.testing.assert_array_equal(array(layer.seen[0].free), array(plain.kernel))
        assert same_bits(array(layer.seen[0]), array(EIGHTHS.project(plain.kernel)))
    other = as_stored(0.9 * array(model.layers[0].kernel), "float32")
    quantized.layers[0].layer.kernel.assign(other)
    np.testing.assert_array_equal(array(quantized.layers[0].seen[0].free), other)


def test_what_rounding_leaves_nothing_of_is_told():
    """A kernel of small numbers is zero on a coarse grid."""
    model, _, _ = task(layers.Dense(16, kernel_initializer="random_normal"))
    line = r"kernel: .*rounding moves it by .* norm is .*not built"
    with pytest.warns(UserWarning, match=line) as told:
        quantized = ci.reparametrize(model, {"*/kernel": TERNARY})
    # At the user's line, by the path that the user's model has.
    [ours] = [one for one in told if "rounding" in str(one.message)]
    assert ours.filename == __file__
    assert str(ours.message).startswith(f"{model.layers[0].kernel.path}: ")
    assert not array(quantized.layers[0].seen[0]).any()


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16", "float16"])
def test_half_precision_is_on_the_grid(policy):
    """What the layer computes with, and what `bake` gives."""
    keras.config.set_dtype_policy(policy)
    try:
        wrapped = ci.Reparametrized(layers.Dense(16, use_bias=False), kernel=EIGHTHS)
        model, x, y = task(wrapped, layers.Dense(3))
    finally:
        keras.config.set_dtype_policy("float32")
    trained(model, x, y, 2)
    [seen] = wrapped.seen
    before = array(seen)
    baked = ci.bake(model)
    for kernel in (before, array(baked.layers[0].kernel)):
        np.testing.assert_array_equal(8 * kernel, np.round(8 * kernel))
        assert same_bits(kernel, before)


def test_the_average_of_the_steps_is_rounded():
    """The averaged free values take their place, and the layer sees points of the grid."""
    wrapped = ci.Reparametrized(layers.Dense(16, "relu"), kernel=EIGHTHS)
    model, x, y = task(wrapped, layers.Dense(3))
    optimizer = keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9)
    model.compile(optimizer, model.loss)
    trained(model, x, y, 2)
    optimizer.finalize_variable_values(model.trainable_variables)
    assert float(EIGHTHS.violation(wrapped.seen[0])) == 0
    free = array(wrapped.seen[0].free)
    assert np.abs(8 * free - np.round(8 * free)).max() > 0.1
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(ci.bake(model).predict(x, verbose=0), expected, rtol=1e-6, atol=1e-6)


def test_under_a_mask_and_in_blocks():
    """Only what rounds keeps floats; a block that does not goes to its nearest member."""
    mask = np.arange(10)[:, None] % 2 == 0
    model, *_ = task(layers.Dense(16), layers.Dense(4))
    both = ci.Product([EIGHTHS, ci.NonNegative()], [2, 2])
    with pytest.warns(UserWarning, match="nearest member takes its place"):
        other = ci.reparametrize(model, {model.layers[1].name + "/kernel": both})
    assert float(both.violation(other.layers[1].seen[0])) == 0
    with pytest.warns(UserWarning, match="rounding moves it"):
        masked = ci.reparametrize(
            model, {model.layers[0].name + "/kernel": ci.Masked(EIGHTHS, mask)}
        )
    [seen], plain = masked.layers[0].seen, array(model.layers[0].kernel)
    np.testing.assert_array_equal(array(seen), array(EIGHTHS.project(plain * mask)))
    np.testing.assert_array_equal(array(seen.free), plain * mask)


def test_the_table_says_that_it_is_straight_through():
    """It is no smooth map."""
    model, *_ = task(ci.Reparametrized(layers.Dense(3), kernel=TERNARY))
    assert str(ci.check(model)).count("straight through") == 1
    assert ops.size(model.layers[0].seen[0].free) == 30

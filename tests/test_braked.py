"""`Braked`: momentum does not push a weight out of its set."""

import keras
import numpy as np
import pytest
from conftest import array, same_bits
from keras import layers, ops

import constrainit as ci

pytestmark = pytest.mark.everywhere

OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "Nesterov": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "Adam": lambda: keras.optimizers.Adam(0.1),
    "AdamW": lambda: keras.optimizers.AdamW(0.1),
    "Nadam": lambda: keras.optimizers.Nadam(0.1),
    "Adamax": lambda: keras.optimizers.Adamax(0.1),
    "Lamb": lambda: keras.optimizers.Lamb(0.1),
    "Lion": lambda: keras.optimizers.Lion(0.1),
    "RMSprop": lambda: keras.optimizers.RMSprop(0.1, momentum=0.9),
    "Muon": lambda: keras.optimizers.Muon(0.1),
}


def pushed(optimizer, a_set, gradients, start=0.5):
    """The weights after steps with these gradients, without a model."""
    w, seen = keras.Variable(np.float32([[start]])), []
    w.constraint = a_set
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(np.float32([[gradient]]))], [w])
        seen.append(float(array(w)[0, 0]))
    return seen


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_leaves_the_bound_when_the_gradient_turns(name):
    """After twenty pushes against zero one step back is enough, where it takes several without."""
    gradients = 20 * [1.0] + 5 * [-1.0]
    stuck = pushed(OPTIMIZERS[name](), ci.NonNegative(), gradients, start=0.0)
    free = pushed(OPTIMIZERS[name](), ci.Braked(ci.NonNegative()), gradients, start=0.0)
    assert stuck[20] == 0
    assert free[19] == 0
    assert free[20] > 0


def test_what_is_inside_keeps_its_momentum():
    """Away from the boundary nothing differs, to the bit; neither does a step without momentum."""
    for make, gradients in ((OPTIMIZERS["SGD"], [0.1, -0.2, 0.3]), (keras.optimizers.SGD, [9, -9])):
        plain = pushed(make(), ci.NonNegative(), gradients)
        assert pushed(make(), ci.Braked(ci.NonNegative()), gradients) == plain


def test_only_what_points_outwards_is_taken():
    """At a ball's boundary the momentum along it stays; worked out in NumPy."""
    w = keras.Variable(np.float32([[0.6], [0.8]]))
    w.constraint = ci.Braked(ci.MaxNorm(1.0, axis=0))
    sgd = keras.optimizers.SGD(0.1, momentum=0.9)
    sgd.apply([ops.convert_to_tensor(np.float32([[0], [-1]]))], [w])
    moved = np.array([0.6, 0.9])
    normal = moved / np.linalg.norm(moved)
    speed = np.array([0, 0.1])
    np.testing.assert_allclose(array(w)[:, 0], normal, rtol=5e-6)
    expected = speed - (speed @ normal) * normal
    np.testing.assert_allclose(array(sgd.momentums[0])[:, 0], expected, rtol=1e-4, atol=1e-6)


def model(a_set, **named):
    dense = layers.Dense(3, kernel_constraint=a_set)
    made = keras.Sequential([keras.Input((4,)), dense])
    made.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse", **named)
    return made


def test_fit_save_load(rng, tmp_path):
    """Compiled as `fit` does it; a loaded model goes on as the one that was not saved."""
    x, y = (
        np.abs(rng.normal(size=(12, 4))).astype("f4"),
        -np.abs(rng.normal(size=(12, 3))).astype("f4"),
    )
    whole = model(ci.Braked(ci.NonNegative()))
    whole.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    assert ci.check(whole).ok
    kernel = array(whole.layers[0].kernel)
    momentum = array(whole.optimizer.momentums[0])
    assert (kernel == 0).any()
    assert (momentum[kernel == 0] >= 0).all()
    whole.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert (
        loaded.layers[0].kernel.constraint.describe()
        == whole.layers[0].kernel.constraint.describe()
    )
    for one in (whole, loaded):
        one.fit(x, -y, batch_size=4, shuffle=False, verbose=0)
    for old, new in zip(whole.weights, loaded.weights, strict=True):
        assert same_bits(array(old), array(new))


@pytest.mark.parametrize("policy", ["mixed_float16", "bfloat16"])
def test_half_precision(policy, rng):
    """With a scaled loss, and with weights and momentum of half precision."""
    x, y = np.ones((12, 4), "f4"), -0.7 * np.ones((12, 3), "f4")
    keras.config.set_dtype_policy(policy)
    try:
        made = model(ci.Braked(ci.NonNegative()))
        made.fit(x, y, batch_size=4, verbose=0)
    finally:
        keras.config.set_dtype_policy("float32")
    assert ci.check(made).ok
    inner = getattr(made.optimizer, "inner_optimizer", made.optimizer)
    kernel, momentum = array(made.layers[0].kernel), array(inner.momentums[0])
    assert (kernel == 0).any()
    assert (momentum[kernel == 0] >= 0).all()
    assert np.isfinite(momentum).all()


def test_accumulated_gradients_and_paces():
    """Where the constraint does not act the momentum stays."""
    sgd = keras.optimizers.SGD(0.1, momentum=0.9, gradient_accumulation_steps=2)
    seen = pushed(sgd, ci.Braked(ci.NonNegative()), 8 * [3.0] + 2 * [-1.0])
    assert seen[7] == 0
    np.testing.assert_allclose(seen[9], 0.1, rtol=1e-6)
    paced = ci.Braked(ci.Every(ci.NonNegative(), 2))
    seen = pushed(keras.optimizers.SGD(0.1, momentum=0.9), paced, [9.0, 9.0, -1.0])
    assert seen[0] < 0
    assert seen[1] == 0
    np.testing.assert_allclose(seen[2], 0.1, rtol=1e-6)


def test_outside_of_a_step():
    """Called by itself it projects."""
    assert array(ci.Braked(ci.Box(0, 1))(keras.Variable([2.0]))).tolist() == [1.0]

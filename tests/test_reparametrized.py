"""Weights seen through smooth maps: in any layer, trained, saved, loaded, converted."""

import re
import warnings

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers, ops

import constrainit as ci


def batch(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def seen(model):
    """The weights of a model that are computed."""
    wrappers = [one for one in model._flatten_layers() if isinstance(one, ci.Reparametrized)]
    return [weight for one in wrappers for weight in one.seen]


def stack(shape, *parts):
    """A regression model of these layers."""
    return keras.Sequential([keras.Input(shape), *parts, layers.Flatten(), layers.Dense(2)])


def attention():
    wrapped = ci.Reparametrized(layers.MultiHeadAttention(2, 3), **{"query/kernel": ci.UnitNorm()})
    inputs = keras.Input((5, 6))
    return keras.Model(inputs, layers.Dense(2)(layers.Flatten()(wrapped(inputs, inputs))))


def shared():
    wrapped, inputs = ci.Reparametrized(layers.Dense(6), kernel=ci.Symmetric()), keras.Input((6,))
    return keras.Model(inputs, layers.Dense(2)(wrapped(wrapped(inputs))))


def over(layer, **sets):
    return ci.Reparametrized(layer, **sets)


# A model, the shape of its inputs, and how many of its weights are computed.
MODELS = {
    "dense": (
        lambda: stack((6,), over(layers.Dense(8), kernel=ci.Box(0.1, 1.0), bias=ci.NonNegative())),
        (6,),
        2,
    ),
    "chosen maps": (
        lambda: stack(
            (6,),
            over(
                layers.Dense(8),
                kernel=ci.Mapped(ci.Positive(), "exp"),
                bias=ci.Mapped(ci.MaxAbs(0.5), "tanh"),
            ),
        ),
        (6,),
        2,
    ),
    "two sets at once": (
        lambda: stack(
            (6,),
            over(
                layers.Dense(8),
                kernel=ci.Monotone(gap=0.01) & ci.Box(-1.0, 1.0),
                bias=ci.NonNegative() & ci.MaxNorm(1.0),
            ),
        ),
        (6,),
        2,
    ),
    "a bent order in bounds": (
        lambda: stack(
            (6,),
            over(
                layers.Dense(8),
                kernel=ci.Monotone() & ci.Concave() & ci.Box(0.0, 1.0),
                bias=ci.Monotone("decreasing") & ci.Convex(),
            ),
        ),
        (6,),
        2,
    ),
    "shares with a cap": (
        lambda: stack((6,), over(layers.Dense(8), kernel=ci.Simplex() & ci.Box(upper=0.4))),
        (6,),
        1,
    ),
    "sums in bounds": (
        lambda: stack((6, 6, 3), over(layers.Conv2D(4, 3), kernel=ci.ZeroMean() & ci.MaxAbs(0.2))),
        (6, 6, 3),
        1,
    ),
    "rounded": (
        lambda: stack(
            (5, 6),
            over(
                layers.LSTM(8),
                kernel=ci.Grid(0.125, -1, 1),
                recurrent_kernel=ci.Blocks(ci.Grid(0.125), 4),
            ),
        ),
        (5, 6),
        2,
    ),
    "convolution": (
        lambda: stack((6, 6, 3), over(layers.Conv2D(4, 3), kernel=ci.SumTo(0.0))), (6, 6, 3), 1,
    ),
    "depthwise": (
        lambda: stack((6, 6, 3), over(layers.DepthwiseConv2D(3), kernel=ci.UnitNorm())),
        (6, 6, 3),
        1,
    ),
    "normalization": (
        lambda: stack((6,), over(layers.BatchNormalization(), gamma=ci.Positive())), (6,), 1,
    ),
    "embedding": (
        lambda: stack((4,), over(layers.Embedding(9, 3), embeddings=ci.MaxNorm(1.0))), (4,), 1,
    ),
    "low rank": (
        lambda: stack((6, 6, 3), over(layers.Conv2D(4, 3), kernel=ci.LowRank(2))), (6, 6, 3), 1,
    ),
    "einsum": (
        lambda: stack((5, 6), over(layers.EinsumDense("abc,cd->abd", (5, 3)), kernel=ci.Simplex())),
        (5, 6),
        1,
    ),
    "lstm in both directions": (
        lambda: stack(
            (5, 6), over(layers.Bidirectional(layers.LSTM(4)), recurrent_kernel=ci.MaxNorm(1.0))
        ),
        (5, 6),
        2,
    ),
    "one direction": (
        lambda: stack(
            (5, 6),
            over(
                layers.Bidirectional(layers.GRU(4)), **{"forward_*/recurrent_kernel": ci.MaxAbs(1)}
            ),
        ),
        (5, 6),
        1,
    ),
    "cell": (
        lambda: stack(
            (5, 6), over(layers.RNN(layers.GRUCell(4)), recurrent_kernel=ci.MaxAbs(0.5))
        ),
        (5, 6),
        1,
    ),
    "orthogonal gates": (
        lambda: stack(
            (5, 6), over(layers.LSTM(4), recurrent_kernel=ci.Blocks(ci.Orthogonal(), 4))
        ),
        (5, 6),
        1,
    ),
    "attention": (attention, (5, 6), 1),
    "shared": (shared, (6,), 1),
    "time distributed": (
        lambda: stack((5, 6), layers.TimeDistributed(over(layers.Dense(3), kernel=ci.Simplex()))),
        (5, 6),
        1,
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Keras can not save the constraint")
@pytest.mark.parametrize("name", MODELS)
def test_any_layer_is_trained_saved_and_loaded(name, tmp_path):
    """Members at the start and after each epoch; the same function from a file, a copy, baked."""
    make, shape, count = MODELS[name]
    model = make()
    x = np.abs(batch(16, *shape)).round() if name == "embedding" else batch(16, *shape)
    assert len(seen(model)) == count
    assert sum(weight.name.endswith("_free") for weight in model.trainable_weights) == count
    assert not any(weight.name.endswith("_base") for weight in model.trainable_weights)
    assert all(float(one.set.violation(one)) == 0.0 for one in seen(model))
    before = [array(one) for one in seen(model)]
    model.compile(keras.optimizers.AdamW(1e-2), "mse")
    model.fit(x, batch(16, 2, seed=1), batch_size=4, verbose=0)
    assert all(float(one.set.violation(one)) == 0.0 for one in seen(model))
    assert not any(np.array_equal(a, array(b)) for a, b in zip(before, seen(model), strict=True))
    expected = model.predict(x, verbose=0)
    model.save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "m.weights.h5")
    copy = keras.models.clone_model(model)
    copy.load_weights(tmp_path / "m.weights.h5")
    baked = ci.bake(model)
    assert not seen(baked)
    for other in (keras.saving.load_model(tmp_path / "m.keras"), copy, baked):
        np.testing.assert_allclose(other.predict(x, verbose=0), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("a_set", [ci.Box(0.1, 0.2), ci.UnitNorm(), ci.Orthogonal()], ids=repr)
def test_averages_and_compiling(a_set):
    """What `use_ema` ends with is a member, too, in a step that is compiled by XLA where it can."""
    model = stack((6,), over(layers.Dense(4), kernel=a_set))
    optimizer = keras.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.9)
    jit = keras.backend.backend() != "torch"
    model.compile(optimizer, "mse", jit_compile=jit)
    model.fit(batch(32, 6), batch(32, 2), batch_size=4, verbose=0)
    [weight] = seen(model)
    assert float(a_set.violation(weight)) == 0.0
    ended = array(weight.free)
    np.testing.assert_array_equal(ended, array(optimizer._model_variables_moving_average[0]))


def test_a_config_of_what_is_not_built():
    """A layer is made anew from it, as wrappers of Keras do, and is built when it is called."""
    wrapped = over(layers.Dense(3), kernel=ci.Simplex())
    saved = keras.saving.serialize_keras_object(layers.TimeDistributed(wrapped))
    made = keras.saving.deserialize_keras_object(saved)
    assert made(batch(2, 5, 6)).shape == (2, 5, 3)
    assert float(ci.Simplex().violation(made.layer.kernel)) == 0.0


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9)])
def test_training_far_from_the_base(shape):
    """It sets a new base, at the same member; inference leaves the base as it is."""
    wrapped = ci.Reparametrized(layers.Dense(shape[1], use_bias=False), kernel=ci.Orthogonal())
    wrapped.build((None, shape[0]))
    [weight] = wrapped.seen
    weight.free.assign(weight.free + 0.9 * batch(*shape))
    x, base = batch(3, shape[0]), array(weight.base)
    expected = array(wrapped(x))
    assert np.abs(array(weight) - base[0]).max() > 0.1
    np.testing.assert_array_equal(array(weight.base), base)
    np.testing.assert_allclose(array(wrapped(x, training=True)), expected, atol=2e-6)
    np.testing.assert_allclose(array(weight.base), [array(weight), array(weight.free)], atol=2e-6)
    np.testing.assert_allclose(array(wrapped(x)), expected, atol=2e-6)
    assert float(weight.set.violation(weight)) == 0.0
    member = array(ci.Orthogonal().initializer(5)(shape))
    wrapped.layer.kernel.assign(member)
    np.testing.assert_allclose(array(weight), member, atol=1e-6)


def test_many_long_steps():
    """Members, whatever the optimizer does, also in a compiled step."""
    model = keras.Sequential([
        keras.Input((5, 6)),
        over(layers.LSTM(6), recurrent_kernel=ci.Blocks(ci.Orthogonal(), 4)),
        over(layers.Dense(3), kernel=ci.Orthogonal()),
    ])  # fmt: skip
    model.compile(keras.optimizers.AdamW(0.5), "mse")
    bases = [array(one.base) for one in seen(model)]
    model.fit(batch(64, 5, 6), batch(64, 3), batch_size=4, verbose=0)
    assert all(float(one.set.violation(one)) == 0.0 for one in seen(model))
    assert all(ci.check(model).rows[i].ok for i in range(2))
    assert not any(
        np.array_equal(a, array(b.base)) for a, b in zip(bases, seen(model), strict=True)
    )


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_half_precision(policy):
    """The map is computed in the dtype of the variable, and rounded for the layer only."""
    keras.config.set_dtype_policy(policy)
    try:
        model = stack((6,), over(layers.Dense(8, "relu"), kernel=ci.Box(0.1, 1.0)))
    finally:
        keras.config.set_dtype_policy("float32")
    model.compile(keras.optimizers.AdamW(1e-2), "mse")
    model.fit(batch(16, 6), batch(16, 2), verbose=0)
    [weight] = seen(model)
    stored = "bfloat16" if policy == "bfloat16" else "float32"
    assert keras.backend.standardize_dtype(weight.value.dtype) == stored
    assert float(weight.set.violation(weight)) == 0.0


def test_a_model_that_makes_its_layers():
    """A subclassed model that is built by `fit` starts and stays inside."""

    class Model(keras.Model):
        def __init__(self):
            super().__init__()
            self.first = ci.Reparametrized(layers.Dense(4), kernel=ci.NonNegative())
            self.last = layers.Dense(2)

        def call(self, x):
            return self.last(self.first(x))

    model = Model()
    model.compile("adam", "mse")
    model.fit(batch(16, 6), batch(16, 2), verbose=0)
    assert array(model.first.layer.kernel).min() >= 0


def test_weights_are_kept_and_can_be_assigned():
    """A layer that has weights keeps them; later the layer's own weight can be assigned to."""
    layer = layers.Dense(4)
    layer.build((None, 6))
    before = array(layer.kernel)
    ci.Reparametrized(layer, kernel=ci.MaxAbs(2.0)).build()
    np.testing.assert_allclose(array(layer.kernel), before, atol=1e-6)
    layer.kernel.assign(np.full((6, 4), 0.25, "float32"))
    np.testing.assert_allclose(array(layer.kernel), 0.25, atol=1e-6)
    with pytest.warns(UserWarning, match=r"outside of its set .* at most 1 an entry"):
        layer.kernel.assign(np.full((6, 4), 3.0, "float32"))
    np.testing.assert_allclose(array(layer.kernel), 2.0, atol=1e-6)


NAMED = {
    "dense": (lambda: (over(layers.Dense(3), kernel=ci.Simplex()), (4,)), ["kernel", "bias"]),
    "embedding": (
        lambda: (over(layers.Embedding(5, 3), embeddings=ci.UnitNorm()), (4,)), ["embeddings"],
    ),
    "normalization": (
        lambda: (over(layers.BatchNormalization(), gamma=ci.Positive()), (4,)),
        ["gamma", "beta", "moving_mean"],
    ),
    "nested": (
        lambda: (
            over(over(layers.Dense(3), kernel=ci.Box(0, 1)), bias=ci.Box(1, 2)), (4,)
        ),
        ["kernel", "bias"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_weights_have_their_names_outside_too(name, tmp_path):
    """As of the layer inside: the member, which can be assigned and is saved as ever."""
    make, names = NAMED[name]
    wrapper, shape = make()
    assert not any(hasattr(wrapper, one) for one in names)
    with pytest.raises(AttributeError, match=r"no attribute '\w+', and has no weights before"):
        getattr(wrapper, names[0])
    model = stack(shape, wrapper)
    x = np.ones((2, *shape), "float32")
    for one in names:
        assert getattr(wrapper, one) is getattr(wrapper.layer, one)
    for one in seen(model):
        assert float(one.set.violation(ops.convert_to_tensor(getattr(wrapper, one.name)))) == 0
    weight = getattr(wrapper, names[0])
    swapped = np.flip(array(weight), axis=0)
    weight.assign(swapped)
    np.testing.assert_allclose(array(getattr(wrapper, names[0])), swapped, rtol=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(array(again(x)), array(model(x)))
    np.testing.assert_array_equal(array(getattr(again.layers[0], names[0])), array(weight))


def test_only_weights_have_their_names_outside_too():
    """The rest is the layer's, which errors say; nothing is looked for where there is no layer."""
    wrapper = over(layers.Dense(3, use_bias=False), kernel=ci.Simplex())
    wrapper.build((None, 4))
    assert wrapper.bias is None
    with pytest.raises(
        AttributeError, match=r"'units'\. The layer inside has: write \.layer\.units"
    ):
        _ = wrapper.units
    with pytest.raises(AttributeError, match=r"no attribute 'gamma'$"):
        _ = wrapper.gamma
    with pytest.raises(AttributeError, match="has never been called"):
        _ = wrapper.output
    with pytest.raises(AttributeError, match="'kernel'"):
        _ = ci.Reparametrized.__new__(ci.Reparametrized).kernel
    assert not hasattr(wrapper, "kernel_constraint")


def test_a_chosen_map_is_kept():
    """In the weight, in the constraint that `bake` gives back, and in what is made from that."""
    kernel = ci.Mapped(ci.Box(upper=0.5), "exp")
    plain = stack((6,), layers.Dense(4, kernel_constraint=kernel))
    ci.project(plain)
    model = ci.reparametrize(plain)
    [weight] = seen(model)
    weight.free.assign(weight.free + 0.1)
    t = kernel.transform.deviation((6, 4))
    np.testing.assert_allclose(
        0.5 - array(weight), (0.5 - array(plain.layers[0].kernel)) * np.exp(-0.1 / t), rtol=1e-4
    )
    [again] = seen(ci.reparametrize(ci.bake(model)))
    assert again.set == kernel
    inner = array(weight) < 0.5
    assert inner.sum() >= 6
    np.testing.assert_allclose(array(again.free)[inner], array(weight.free)[inner], atol=1e-5)


def test_the_map_runs_once_a_call(monkeypatch):
    """Not once for each use of the weight or each time step."""
    wrapped = ci.Reparametrized(layers.LSTM(3, unroll=True), recurrent_kernel=ci.MaxNorm(1.0))
    wrapped(batch(2, 7, 4))
    smooth, calls = wrapped.seen[0].set.transform, []
    run = type(smooth).forward
    monkeypatch.setattr(type(smooth), "forward", lambda *a: calls.append(1) or run(*a))
    wrapped(batch(2, 7, 4))
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("a_set", "factor"), [(ci.SumTo(0.0), 0.5), (ci.Box(-1, 1), 1.0), (ci.UnitNorm(), 1.0)]
)
def test_weight_decay(a_set, factor):
    """It acts on the weight where the map is linear, and not at all elsewhere."""
    model = stack((6,), ci.Reparametrized(layers.Dense(3), kernel=a_set))
    optimizer = keras.optimizers.SGD(0.5, weight_decay=1.0)
    [free] = [weight for weight in model.trainable_weights if weight.name == "kernel_free"]
    before = array(free)
    optimizer.build([free])
    optimizer.apply([ops.zeros(free.shape)], [free])
    np.testing.assert_allclose(array(free), factor * before, atol=1e-6)


@pytest.mark.parametrize("by_name", [False, True])
def test_excluded_from_weight_decay(by_name):
    """Who means the weight of the layer means the free value."""
    dense = layers.Dense(3)
    model = stack((6,), ci.Reparametrized(dense, kernel=ci.SumTo(0.0)))
    optimizer = keras.optimizers.AdamW(0.5, weight_decay=1.0)
    chosen = {"var_names": ["kernel"]} if by_name else {"var_list": [dense.kernel]}
    optimizer.exclude_from_weight_decay(**chosen)
    before = array(dense.kernel)
    optimizer.build(model.trainable_variables)
    optimizer.apply([ops.zeros(weight.shape) for weight in model.trainable_variables])
    np.testing.assert_allclose(array(dense.kernel), before, atol=1e-6)


def test_a_frozen_layer():
    """Freezing the layer itself freezes the free value, before and after it is built."""
    dense = layers.Dense(3, trainable=False)
    model = stack((6,), ci.Reparametrized(dense, kernel=ci.Box(0.1, 1)))
    before, x, y = array(dense.kernel), batch(8, 6), batch(8, 2)
    for trainable in (False, True, False):
        dense.trainable = trainable
        assert len(model.trainable_weights) == (4 if trainable else 2)
        model.compile(keras.optimizers.Adam(0.1), "mse")
        model.fit(x, y, verbose=0)
        assert (array(dense.kernel) != before).any() == trainable
        before = array(dense.kernel)


def test_patterns_leave_out_what_is_not_trained():
    """The statistics of a normalisation are no weights that an optimizer moves."""
    norm = layers.BatchNormalization()
    model = stack((6,), ci.Reparametrized(norm, **{"*": ci.Box(-2, 2)}))
    assert [one.name for one in seen(model)] == ["gamma", "beta"]


def test_a_regularizer_acts_on_the_member():
    """As it does on the weight of the plain layer."""
    dense = layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.1))
    model = stack((6,), ci.Reparametrized(dense, kernel=ci.Box(0.5, 1.0)))
    expected = 0.1 * np.sum(array(dense.kernel) ** 2)
    np.testing.assert_allclose(array(ops.stop_gradient(sum(model.losses))), expected, rtol=1e-5)


def convolutional():
    inputs = keras.Input((6, 6, 3))
    h = layers.BatchNormalization(name="norm")(layers.Conv2D(4, 3, name="first")(inputs))
    inner = keras.Sequential([keras.Input((64,)), layers.Dense(5, name="inner")], name="sub")
    h = inner(layers.Flatten()(h))
    return keras.Model(inputs, layers.Add()([h, layers.Dense(5, name="last")(h)]))


def test_a_whole_model_there_and_back(tmp_path):
    """`reparametrize` and `bake` keep the function; the copy trains, and is saved."""
    model, x = convolutional(), batch(8, 6, 6, 3)
    expected = model.predict(x, verbose=0)
    smooth = ci.reparametrize(
        model,
        {
            "first/kernel": ci.MaxAbs(2.0),
            "norm/gamma": ci.Positive(),
            "sub/inner/kernel": ci.MaxNorm(50.0),
            "last/kernel": ci.MaxNorm(5.0),
        },
    )
    assert len(seen(smooth)) == 4
    np.testing.assert_allclose(smooth.predict(x, verbose=0), expected, atol=1e-5)
    np.testing.assert_allclose(ci.bake(smooth).predict(x, verbose=0), expected, atol=1e-5)
    smooth.compile("adam", "mse")
    smooth.fit(x, batch(8, 5), verbose=0)
    trained = smooth.predict(x, verbose=0)
    smooth.save(tmp_path / "m.keras")
    for other in (keras.saving.load_model(tmp_path / "m.keras"), ci.bake(smooth)):
        np.testing.assert_allclose(other.predict(x, verbose=0), trained, rtol=1e-5, atol=1e-6)


def test_a_graph_with_single_operations(rng, tmp_path):
    """A slice, a sum, a negation, and a function of Keras between layers are copied with them."""
    inputs = keras.Input((4,))
    first = layers.Dense(4, "relu")(inputs[:, :3])
    second = ops.abs(layers.Dense(4)(-inputs)) + first
    model = keras.Model(inputs, layers.Dense(1)(ops.relu(second)))
    x = rng.normal(size=(8, 4)).astype("float32")
    smooth = ci.reparametrize(model, {"*/kernel": ci.MaxAbs(4.0)})
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(smooth.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)
    smooth.save(tmp_path / "smooth.keras")
    for made in (keras.saving.load_model(tmp_path / "smooth.keras"), ci.bake(smooth)):
        np.testing.assert_allclose(made.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)


def test_what_layers_were_adapted_to_is_kept(rng):
    """A normalization computes with other tensors than its weights."""
    x = rng.normal(2.0, 5.0, size=(64, 3)).astype("float32")
    scale, bins = layers.Normalization(), layers.Discretization(num_bins=4)
    for layer in (scale, bins):
        layer.adapt(x)
    given = keras.Input((3,))
    table = layers.Embedding(5, 2, embeddings_constraint=ci.MaxAbs(1.0))(bins(given))
    dense = layers.Dense(4, **ci.constrained(kernel=ci.NonNegative()))(scale(given))
    model = keras.Model(given, layers.Concatenate()([layers.Flatten()(table), dense]))
    before = model.predict(x, verbose=0)
    smooth = ci.reparametrize(model)
    for copy in (smooth, ci.bake(model), ci.bake(smooth)):
        np.testing.assert_allclose(copy.predict(x, verbose=0), before, atol=1e-5)
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)


def test_constraints_that_no_config_holds_are_kept(rng):
    """Of weights that Keras has no argument for, and of several weights together."""
    given = keras.Input((4, 8))
    inner = layers.MultiHeadAttention(2, 4, name="mha")(given, given)
    for name in ("a", "b"):
        inner = layers.Dense(8, name=name)(inner)
    model = keras.Model(given, layers.Dense(1, name="o")(inner))
    together = ci.Joint(ci.UnitNorm())
    with pytest.warns(UserWarning, match="Keras can not save the constraint"):
        ci.constrain(model, {"key/kernel": ci.UnitNorm(), ("a/kernel", "b/kernel"): together})
    ci.prepare(model)
    ci.constrain(model, {"o/kernel": "max_norm"})
    with pytest.warns(
        UserWarning, match=r"can not save the constraint of '\S*a/kernel', '\S*b/ker"
    ):
        smooth = ci.reparametrize(model, {"o/kernel": ci.MaxNorm(2.0)})
    x = rng.normal(size=(16, 4, 8)).astype("float32")
    smooth.compile(keras.optimizers.Adam(0.1), "mse")
    smooth.fit(x, x[:, :, :1], epochs=2, verbose=0)
    with pytest.warns(UserWarning, match="Keras can not save the constraint"):
        baked = ci.bake(smooth)
    for copy in (smooth, baked):
        table = ci.check(copy, ["key/kernel", "a/kernel", "b/kernel"])
        assert table.ok, str(table)
        assert any(row.shape == (16, 8) for row in table.rows)


def test_a_baked_weight_obeys_what_it_was_seen_in():
    """The layer's own constraint would move it, and change the function."""
    own = ci.constrained(kernel=ci.UnitNorm())
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3, **own)])
    with (
        pytest.warns(UserWarning, match="outside of its set"),
        pytest.warns(UserWarning, match="had UnitNorm.* and is seen in Box"),
    ):
        plain = ci.bake(ci.reparametrize(model, {"*/kernel": ci.Box(0.5, 1.0)}))
    assert ci.check(plain).ok
    copy = keras.Sequential.from_config(plain.get_config())
    for made in (plain, copy):
        assert made.layers[0].kernel_constraint.describe() == "every weight in [0.5, 1]"


def named(*made):
    given = keras.Input((4,))
    return keras.Model(given, [layer(given) for layer in made])


@pytest.mark.parametrize("functional", [True, False])
def test_a_baked_layer_has_its_own_name_and_its_set(functional, tmp_path):
    """It is trained on inside of the set, and saved with it; taken off, the file is plain Keras."""
    port = ci.Reparametrized(layers.Dense(3, name="port"), kernel=ci.Box(0.1, 1.0))
    model = named(port) if functional else keras.Sequential([keras.Input((4,)), port])
    x = batch(8, 4)
    plain = ci.bake(model)
    np.testing.assert_allclose(array(plain(x)), array(model(x)), atol=1e-6)
    layer = plain.get_layer("port")
    assert type(layer) is layers.Dense
    assert layer.kernel_constraint.describe() == "every weight in [0.1, 1]"
    assert [
        row.weight.split("/", row.weight.count("/") - 1)[-1] for row in ci.check(plain).rows
    ] == ["port/kernel"]
    assert ci.check(plain).ok
    plain.compile(keras.optimizers.SGD(3.0), "mse")
    plain.fit(x, batch(8, 3, seed=1), verbose=0)
    assert ci.check(plain).ok
    plain.save(tmp_path / "set.keras")
    assert ci.check(keras.saving.load_model(tmp_path / "set.keras")).ok
    ci.constrain(plain, {"*/kernel": None})
    assert "constrainit" not in str(plain.get_config())


def test_names_of_baked_layers_do_not_clash():
    """That of the wrapper counts where it was given one, or where another layer has the other."""

    def over(inner, **own):
        return ci.Reparametrized(layers.Dense(3, name=inner), kernel=ci.NonNegative(), **own)

    model = named(
        over("a"), over("b", name="given"), over("c"), layers.Dense(3, name="c"), over("a")
    )
    wrappers = [layer.name for layer in model.layers]
    names = [layer.name for layer in ci.bake(model).layers]
    assert names[1:3] == ["a", "given"]
    assert names[3:] == [wrappers[3], "c", wrappers[5]]


def test_constraints_become_smooth():
    """Without sets each constrained weight goes through the map of its own set, and comes back."""
    model = keras.Sequential([
        keras.Input((6,)),
        layers.Dense(4, **ci.constrained(kernel=ci.Box(0.1, 1.0)), activation="tanh"),
        layers.Dense(2, kernel_constraint=keras.constraints.MaxNorm(3.0)),
    ])  # fmt: skip
    smooth, x = ci.reparametrize(model), batch(8, 6)
    assert [one.set.describe() for one in seen(smooth)] == [row.set for row in ci.check(model).rows]
    assert [row.set.split(", through")[0] for row in ci.check(smooth).rows] == [
        row.set for row in ci.check(model).rows
    ]
    back = ci.bake(smooth)
    assert ci.check(back).ok
    assert len(ci.check(back).rows) == 2
    for one in (smooth, back):
        np.testing.assert_allclose(array(one(x)), array(model(x)), atol=1e-5)


def test_relaxation():
    """What Keras cut off after each step becomes smooth, trains, and comes back as it was."""
    keras_own = keras.constraints
    model = keras.Sequential([
        keras.Input((6, 6, 3)),
        layers.Conv2D(4, 3, kernel_constraint=keras_own.UnitNorm(axis=[0, 1, 2])),
        layers.BatchNormalization(gamma_constraint=keras_own.NonNeg()),
        layers.Flatten(),
        layers.Dense(
            5, kernel_constraint=keras_own.MinMaxNorm(0.5, 1.5), bias_constraint=keras_own.NonNeg()
        ),
        layers.Dense(2, **ci.constrained(kernel=ci.Box(0.1, 1.0))),
    ])  # fmt: skip
    ci.project(model)
    x = 0.1 * batch(4, 6, 6, 3)
    smooth = ci.reparametrize(model)
    assert len(seen(smooth)) == 5
    assert not any(one.constraint for one in [*smooth.weights, *seen(smooth)])
    sharp = ci.bake(smooth)
    for one in (smooth, sharp, ci.reparametrize(sharp)):
        np.testing.assert_allclose(array(one(x)), array(model(x)), rtol=1e-6, atol=1e-6)
    assert ci.check(sharp).ok
    kinds = [[type(one.constraint) for one in each.trainable_weights] for each in (model, sharp)]
    assert kinds[0] == kinds[1]
    smooth.compile(keras.optimizers.Adam(1e-2), "mse")
    smooth.fit(x, batch(4, 2), verbose=0)
    sharp = ci.bake(smooth)
    expected = array(sharp(x))
    np.testing.assert_allclose(array(smooth(x)), expected, rtol=1e-6, atol=1e-6)
    ci.project(sharp)
    np.testing.assert_allclose(array(sharp(x)), expected, rtol=1e-6, atol=1e-6)


def test_weights_outside_go_to_the_nearest_member():
    """With a warning that names the weight and says how far."""
    with pytest.warns(UserWarning, match=r"kernel: the weight is outside of its set"):
        smooth = ci.reparametrize(convolutional(), {"first/kernel": ci.NonNegative()})
    assert array(seen(smooth)[0]).min() >= 0


def constrained_by(a_set, **more):
    """A model of a layer whose kernel has a set, and is in it."""
    return stack((4,), layers.Dense(3, name="d", **ci.constrained(kernel=a_set, **more)))


@pytest.mark.parametrize(
    ("own", "new", "is_told"),
    [
        (ci.NonNegative(), ci.Box(-1, 1), True),
        (ci.NonNegative(), ci.NonNegative(), False),
        (ci.UnitNorm(), ci.UnitNorm(axis=0), False),
        (ci.NonNegative(), ci.NonNegative() & ci.MaxNorm(2.0), False),
        (ci.NonNegative() & ci.MaxNorm(2.0), ci.NonNegative() & ci.MaxNorm(2.0, axis=0), False),
        (ci.UnitNorm(axis=1), ci.UnitNorm(), True),
    ],
)
def test_a_set_that_is_lost_is_told(own, new, is_told):
    """In one warning, by its name and that of the new one; none where it is not lost."""
    model = constrained_by(own)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        ci.reparametrize(model, {"*/kernel": new})
    told = [str(one.message) for one in told if "in the place of" in str(one.message)]
    assert len(told) == is_told
    for one in told:
        assert re.search(r"'[^']*d/kernel' had .*\) and is seen in ", one)


def test_the_way_out_of_a_joint():
    """What the error says to write works."""
    model = stack((4,), layers.Dense(3, name="d"))
    ci.constrain(model, {("d/kernel", "d/bias"): ci.Joint(ci.MaxNorm(0.5))})
    with pytest.raises(ValueError, match="take that off first") as refused:
        ci.reparametrize(model, {"d/kernel": ci.Box(-1, 1)})
    eval(str(refused.value).split("first: ")[1].rstrip("."), {"ci": ci, "model": model})
    assert ci.check(ci.reparametrize(model, {"d/kernel": ci.Box(-1, 1)})).ok


def joined():
    """A model of two weights under one set."""
    joint = ci.Joint(ci.MaxNorm(0.5))
    return constrained_by(joint, bias=joint)


def smooth_one():
    """A model whose kernels are computed."""
    return ci.reparametrize(stack((4,), layers.Dense(3, name="d")), {"*/kernel": ci.MaxNorm(9.0)})


WRONG = [
    (
        lambda: ci.constrain(smooth_one(), {"*/kernel": ci.NonNegative()}),
        r"`\*/kernel` of `constrain`.*'[^']*d/kernel', which .*free value already.*ci\.bake",
    ),
    (
        lambda: ci.constrain(smooth_one(), {("d/bias", "d/kernel"): ci.Joint(ci.MaxNorm(1.0))}),
        "`d/kernel` of `constrain`.*free value already.*ci.bake",
    ),
    (
        lambda: ci.reparametrize(joined(), {"*/kernel": ci.Box(-1, 1)}),
        r"`\*/kernel` of `reparametrize` must not name.*Received: '[^']*d/kernel' of .*Joint\(set="
        r".*ci\.constrain\(model, \{'[^']*d/kernel': None, '[^']*d/bias': None\}\)",
    ),
    (lambda: ci.Reparametrized("x", kernel=ci.NonNegative()), "`layer`.*must be a Keras layer"),
    (lambda: ci.Reparametrized(layers.Dense(2)), "set of at least one weight"),
    (
        lambda: ci.Reparametrized(layers.Dense(2), kernle=ci.NonNegative()).build((None, 3)),
        "`kernle`.*must name a weight of 'dense.*It has 'kernel', 'bias'. Write 'kernel'",
    ),
    (
        lambda: ci.Reparametrized(layers.Lambda(abs), kernel=ci.NonNegative()).build((None, 3)),
        "must name a weight.*It has none",
    ),
    (
        lambda: ci.Reparametrized(layers.Dense(2), kernel=ci.TopK(1)).build((None, 3)),
        "set with a smooth map.*TopK.*none: which weights are zero changes.*Use its projection",
    ),
    (
        lambda: ci.Reparametrized(layers.Dense(2), kernel=ci.SumTo(axis=0) & ci.MaxNorm(1.0)).build(
            (None, 3)
        ),
        "set with a smooth map.*none: a map onto each set is none onto both",
    ),
    (
        lambda: ci.Reparametrized(
            layers.Dense(2), kernel=ci.Monotone(gap=0.5) & ci.Box(0.0, 1.0)
        ).build((None, 3)),
        "`gap` of `Monotone` must leave room between the bounds 0 and 1.*gap=0.5 for 3 weights",
    ),
    (
        lambda: ci.Reparametrized(
            layers.Dense(2), kernel=ci.Convex() & ci.Monotone(gap=0.5) & ci.Box(0.0, 1.0)
        ).build((None, 3)),
        "`gap` of `Monotone` must leave room between the bounds 0 and 1.*gap=0.5 for 3 weights",
    ),
    (
        lambda: (ci.Simplex() & ci.Box(0.5)).transform.forward(np.zeros((3, 2))),
        "`lower` must leave .*of 3 weights it has to be below 0.333.*Received: lower=0.5, where no",
    ),
    (
        lambda: ci.Reparametrized(layers.Dense(2), kernel=ci.Simplex() & ci.Box(upper=0.25)).build(
            (None, 4)
        ),
        "`upper` must leave .*of 4 weights it has to be above 0.25.*could only be 0.25",
    ),
    (
        lambda: ci.Reparametrized(layers.Dense(2), kernel=ci.Simplex() & ci.Box(upper=0.0)).build(
            (None, 4)
        ),
        "Weights within the bounds have a sum of at most 0, which has to be 1",
    ),
    (
        lambda: ci.Reparametrized(layers.Dense(4), kernel=ci.Blocks(ci.TopK(1), 2)).build(
            (None, 3)
        ),
        "Blocks.*none: which weights are zero changes in jumps",
    ),
    (
        lambda: ci.Reparametrized(
            ci.Reparametrized(layers.Dense(2), kernel=ci.Box(0, 1)), kernel=ci.Box(0, 1)
        ).build((None, 3)),
        "`kernel`.*must name a weight that is trained.*free value already.*ci.bake",
    ),
    (
        lambda: ci.reparametrize(
            ci.reparametrize(convolutional(), {"last/kernel": ci.MaxNorm(5.0)}),
            {"last/kernel": ci.MaxNorm(5.0)},
        ),
        "`last/kernel` of `reparametrize`.*free value already.*ci.bake",
    ),
    (
        lambda: ci.reparametrize(stack((6,), layers.Dense(4, kernel_constraint=ops.abs))),
        "kernel` of `reparametrize` must be a set with a smooth map.*nothing but the function",
    ),
    (
        lambda: ci.reparametrize(
            stack((6,), layers.Dense(4, kernel_constraint=ops.abs)),
            {"dense*/kernel": ci.Box(-9, 9)},
        ),
        "Every layer of `model` of `reparametrize` must be made anew",
    ),
    (
        lambda: ci.reparametrize(convolutional(), {"norm/moving_mean": ci.Box(0, 1)}),
        "`norm/moving_mean` of `reparametrize`.*that the optimizer trains.*layer sets itself",
    ),
    (lambda: ci.reparametrize(convolutional(), ["x"]), "`sets` of `reparametrize`.*be a dict"),
    (
        lambda: stack((3,), over(layers.Dense(2), kernel=ci.Box(0, 1))).layers[0].quantize("int8"),
        r"can not be quantized.*ci\.bake",
    ),
    (
        lambda: (
            stack((3,), over(layers.Dense(2), kernel=ci.Box(0, 1))).layers[0].layer.enable_lora(1)
        ),
        r"can not take low-rank adapters.*ci\.bake",
    ),
    (
        lambda: layers.Bidirectional(over(layers.LSTM(2), recurrent_kernel=ci.MaxNorm(1.0))),
        r"must be inside of `Reparametrized`\. Write Reparametrized\(Bidirectional",
    ),
    (
        lambda: layers.RNN(over(layers.LSTMCell(2), recurrent_kernel=ci.MaxNorm(1.0))),
        r"go around `RNN`.*Write Reparametrized\(RNN\(LSTMCell\(\.\.\.\)\), recurrent_kernel=Max",
    ),
    (
        lambda: layers.RNN([layers.GRUCell(2), over(layers.GRUCell(2), kernel=ci.MaxNorm(1.0))]),
        r"go around `RNN`.*Write Reparametrized\(RNN\(GRUCell\(\.\.\.\)\), kernel=Max",
    ),
    (
        lambda: ci.reparametrize(convolutional(), {"nope": ci.Box(0, 1)}),
        "pattern of `reparametrize` must match",
    ),
    (lambda: ci.reparametrize(convolutional()), "none of .* has a constraint. Write"),
    (lambda: ci.reparametrize(keras.Sequential(), {"kernel": ci.Box(0, 1)}), "must be built"),
]


@pytest.mark.parametrize("index", range(len(WRONG)))
def test_wrong_arguments(index):
    """One ValueError that names the argument, what came and the way out."""
    call, message = WRONG[index]
    with pytest.raises(ValueError, match=f"(?s){message}"):
        call()


@keras.saving.register_keras_serializable("tests")
class Twice(layers.Layer):
    """Layers inside, which Keras names anew in each copy."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.first, self.second = layers.Dense(units, "tanh"), layers.Dense(units)

    def build(self, shape):
        self.first.build(shape)
        self.second.build((None, self.units))

    def call(self, x):
        return self.second(self.first(x))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("tests")
class Whole(keras.Model):
    """A model that makes its layers in its own code."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.rows = [Twice(5), Twice(5)]
        self.norm = layers.LayerNormalization()

    def call(self, x):
        for row in self.rows:
            x = row(x)
        return self.norm(x)


def same(one, other, x, within=1e-5):
    np.testing.assert_allclose(array(one(x)), array(other(x)), atol=within)


@pytest.mark.filterwarnings("ignore:Keras can not save the constraint")
@pytest.mark.parametrize("part", [Twice, Whole])
def test_layers_inside_of_an_own_layer(part, tmp_path):
    """They are named anew in a copy and in each session: a set goes with its weight."""
    x = batch(16, 5)
    own = part(5) if part is Twice else part()
    model = keras.Sequential([keras.Input((5,)), own, layers.Dense(2)])
    sets = {"*/kernel": ci.MaxAbs(2.0)}
    if part is Twice:
        own.first.kernel.assign(np.full((5, 5), 0.25, "float32"))
        names = own.first.name, own.second.name
        sets = {f"{names[0]}/kernel": ci.MaxAbs(0.5), f"{names[1]}/kernel": ci.MaxAbs(3)}
    smooth = ci.reparametrize(model, sets)
    same(smooth, model, x)
    smooth.compile("adam", "mse")
    smooth.fit(x, x[:, :2], verbose=0)
    assert ci.check(smooth).ok
    smooth.save(tmp_path / "m.keras")
    # As in a session with other layers before it.
    _ = [layers.Dense(1) for _ in range(3)]
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    same(loaded, smooth, x, 0)
    if part is Twice:
        assert [one.set for one in seen(loaded)] == [ci.MaxAbs(0.5), ci.MaxAbs(3)]
    same(ci.bake(loaded), smooth, x)


@pytest.mark.filterwarnings("ignore:Keras can not save the constraint")
def test_a_model_of_own_code_as_a_whole(tmp_path):
    """`reparametrize` says how: it goes into one `Reparametrized`."""
    x, model = batch(16, 5), Whole()
    before = array(model(x))
    with pytest.raises(ValueError, match=r"Reparametrized\(model, \*\*{"):
        ci.reparametrize(model, {"*/kernel": ci.MaxAbs(2.0)})
    wrapped = ci.Reparametrized(model, **{"*/kernel": ci.MaxAbs(2.0)})
    smooth = keras.Sequential([keras.Input((5,)), wrapped])
    np.testing.assert_allclose(array(smooth(x)), before, atol=1e-5)
    smooth.compile("adam", "mse")
    smooth.fit(x, x, verbose=0)
    assert len(ci.check(smooth).rows) == 4
    smooth.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    same(loaded, smooth, x, 0)
    same(ci.bake(loaded), smooth, x)


@keras.saving.register_keras_serializable("tests")
class Scaled(layers.Layer):
    """A weight that is one number."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, x):
        return x * self.scale


@pytest.mark.parametrize("a_set", [ci.Positive(), ci.Box(0.5, 2), ci.MaxAbs(2), ci.MaxNorm(2)])
def test_a_weight_of_one_number(a_set, tmp_path):
    """A weight without an axis is seen through a map as any other."""
    x = batch(8, 3)
    model = keras.Sequential([keras.Input((3,)), Scaled()])
    smooth = ci.reparametrize(model, {"*/scale": a_set})
    same(smooth, model, x)
    smooth.compile(keras.optimizers.Adam(0.01), "mse")
    smooth.fit(x, 0 * x, verbose=0)
    assert 0.5 < float(array(seen(smooth)[0])) < 1
    smooth.save(tmp_path / "m.keras")
    same(keras.saving.load_model(tmp_path / "m.keras"), smooth, x, 0)


@pytest.mark.parametrize(
    "a_set", [ci.NonNegative(), ci.Box(0, 0.2), ci.Simplex(), ci.Sign(1), ci.MaxNorm(0.5)], ids=repr
)
def test_what_was_far_outside_can_move(a_set):
    """Put at a bound, where the map is flat, it would stay there for good."""
    keras.utils.set_random_seed(1)
    x = batch(64, 12)
    dense = layers.Dense(8, "tanh", kernel_initializer="random_normal")
    model = keras.Sequential([keras.Input((12,)), dense, layers.Dense(1)])
    dense.kernel.assign(5 * dense.kernel)
    value = array(dense.kernel)
    with pytest.warns(UserWarning, match="is outside of its set"):
        smooth = ci.reparametrize(model, {f"{dense.name}/kernel": a_set})
    start = array(seen(smooth)[0])
    nearest = array(smooth.layers[0].seen[0].set.project(value))
    assert np.abs(start - nearest).max() < 0.1 * np.abs(value).max()
    kept = start[value == nearest]
    np.testing.assert_allclose(kept, nearest[value == nearest], rtol=1e-5)
    smooth.compile(keras.optimizers.Adam(0.05), "mse")
    smooth.fit(x, x.sum(axis=1), epochs=5, verbose=0)
    moved = np.abs(array(seen(smooth)[0]) - start)
    assert np.mean(moved > 1e-4) > 0.9


def test_the_doctor_shows_what_is_seen_through_maps():
    """A row for each such weight, with the step that it takes; a layer is told of once."""
    model = stack((5,), layers.Dense(4, "relu", name="inner", kernel_constraint="non_neg"))
    model.layers[0].kernel.assign(ops.abs(model.layers[0].kernel))
    smooth = ci.reparametrize(model)
    smooth.compile("sgd", "mse")
    start = array(seen(smooth)[0])
    report = ci.diagnose(smooth, batch(16, 5), batch(16, 2))
    [row] = report.to_dict()["constrained_weights"]
    assert row["weight"] == seen(smooth)[0].path
    assert row["layer"] == "inner"
    assert row["before"]["norm"] == pytest.approx(np.linalg.norm(start), rel=1e-5)
    assert 0 < row["first_step"] < 1
    assert row["violation"] == row["share_moved"] == 0
    [table] = str(report).split("output of")[1:]
    assert table.count("inner") == 1
    said = " ".join(str(report).split())
    assert f"{row['weight']} can not leave its set (every weight at least 0" in said
    assert row["weight"] in report.to_html()


def squared(y, predicted):
    """A loss that is not registered: no config brings it back."""
    return ops.mean((y - predicted) ** 2)


def test_a_copy_is_not_compiled():
    """Its optimizer has others to train; a loss that has no config is no hindrance either."""
    model = stack((5,), layers.Dense(4, kernel_constraint="max_norm"))
    model.compile("sgd", squared)
    assert not ci.reparametrize(model).compiled
    assert model.compiled


def test_what_has_no_map_is_left_as_it_is():
    """If that is asked for: it keeps its constraint, beside what is seen through a map."""
    constraints = {"kernel_constraint": ci.MaxNorm(9.0), "bias_constraint": ci.TopK(1, axis=0)}
    model = stack((5,), layers.Dense(4, **constraints))
    with pytest.raises(ValueError, match="leave it as it is by skip_unmappable=True"):
        ci.reparametrize(model)
    smooth = ci.reparametrize(model, skip_unmappable=True)
    assert [weight.name for weight in seen(smooth)] == ["kernel"]
    assert isinstance(smooth.layers[0].layer.bias.constraint, ci.TopK)
    same(smooth, model, batch(3, 5))
    for sets in ({"*/kernel": ci.Positive()}, {}):
        with pytest.raises(ValueError, match="`skip_unmappable` of `reparametrize` must be False"):
            ci.reparametrize(model, sets, skip_unmappable=True)
    bias = stack((5,), layers.Dense(4, bias_constraint=ci.TopK(1, axis=0)))
    with pytest.raises(ValueError, match=r"none of .* has a constraint of a set with a smooth map"):
        ci.reparametrize(bias, skip_unmappable=True)


def test_a_lambda_is_told_what_to_write():
    """Keras' own words are of a file from elsewhere."""
    model = stack((5,), layers.Lambda(lambda x: 2 * x, name="twice"), layers.Dense(4))
    with pytest.raises(ValueError, match=r"'twice' can not\. Write a layer class in the place of"):
        ci.reparametrize(model, {"*/kernel": ci.Positive()})


def test_a_name_is_once_in_a_path():
    """The layer and what is around it have one name; so has a weight that is computed."""
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="dense")], name="model")
    smooth = ci.reparametrize(model, {"*/kernel": ci.MaxNorm(9.0)})
    assert [v.path for v in smooth.weights] == ["model/dense/kernel_free", "model/dense/bias"]
    assert [row.weight for row in ci.check(smooth).rows] == ["model/dense/kernel"]
    other = ci.Reparametrized(layers.Dense(2, name="inside"), kernel=ci.MaxNorm(9.0), name="around")
    other.build((None, 3))
    assert other.kernel.path == "around/inside/kernel"

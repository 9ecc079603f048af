"""What `bake` promises: another model of the same function, whatever stands in it."""

import subprocess
import sys
from typing import Any

import keras
import numpy as np
import pytest
from cases import FEW
from conftest import array
from keras import layers

import constrainit as ci


def batch(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def scaled(scale=1.7, activation: Any = "tanh"):
    return ci.OutputScale(activation, scale)


def over(layer, **sets):
    return ci.Reparametrized(layer, **sets)


def scales(model):
    return [one for one in model._flatten_layers() if isinstance(one, ci.OutputScale)]


@keras.saving.register_keras_serializable("bake")
def wave(x):
    """An activation of the user's own, which is no multiple of itself."""
    return keras.ops.sin(3.0 * x)


@keras.saving.register_keras_serializable("bake")
class Named(layers.Dense):
    """A layer of the user's own that only has other defaults."""

    def __init__(self, units=4, **kwargs):
        super().__init__(units, **kwargs)


@keras.saving.register_keras_serializable("bake")
class Squared(layers.Dense):
    """A layer of the user's own that is not linear in its kernel."""

    def call(self, inputs, training=None):
        return self.activation(inputs @ keras.ops.square(self.kernel) + self.bias)


ORTHOGONAL = {"recurrent_kernel": ci.Orthogonal()}

# A layer, the shape of its inputs, the sets of its weights, and whether it can take the scale.
LAYERS = {
    "dense": (lambda: layers.Dense(4, activation=scaled()), (6,), {"kernel": ci.UnitNorm()}, True),
    "no bias": (
        lambda: layers.Dense(4, use_bias=False, activation=scaled()),
        (6,),
        {"kernel": ci.NonNegative()},
        True,
    ),
    "bias alone": (
        lambda: layers.Dense(4, activation=scaled()), (6,), {"bias": ci.Box(0.1, 1.0)}, True,
    ),
    "negative scale": (
        lambda: layers.Dense(4, activation=scaled(-0.3, "relu")),
        (6,),
        {"kernel": ci.Box(0.1, 1.0), "bias": ci.Positive()},
        True,
    ),
    "scale of a scale": (
        lambda: layers.Dense(4, activation=ci.OutputScale(scaled(), 0.6)),
        (6,),
        {"kernel": ci.UnitNorm()},
        False,
    ),
    "own activation": (
        lambda: layers.Dense(4, activation=scaled(1.7, wave)), (6,), {"kernel": ci.Simplex()}, True,
    ),
    "activation with weights": (
        lambda: layers.Dense(4, activation=scaled(1.7, layers.PReLU())),
        (6,),
        {"kernel": ci.MaxNorm(1.0)},
        True,
    ),
    "convolution": (
        lambda: layers.Conv2D(4, 3, activation=scaled()),
        (5, 5, 2),
        {"kernel": ci.UnitNorm()},
        True,
    ),
    "transposed": (
        lambda: layers.Conv1DTranspose(4, 3, activation=scaled()),
        (5, 2),
        {"kernel": ci.UnitNorm()},
        True,
    ),
    "depthwise": (
        lambda: layers.DepthwiseConv2D(3, activation=scaled()),
        (5, 5, 2),
        {"kernel": ci.UnitNorm()},
        True,
    ),
    "separable": (
        lambda: layers.SeparableConv1D(4, 3, activation=scaled()),
        (5, 2),
        {"depthwise_kernel": ci.UnitNorm(), "pointwise_kernel": ci.Box(0.1, 1.0)},
        True,
    ),
    "einsum": (
        lambda: layers.EinsumDense("abc,cd->abd", (5, 4), bias_axes="d", activation=scaled()),
        (5, 6),
        {"kernel": ci.Simplex()},
        True,
    ),
    "rnn": (
        lambda: layers.SimpleRNN(4, activation=scaled(0.6)),
        (5, 3),
        {"kernel": ci.UnitNorm(), **ORTHOGONAL},
        True,
    ),
    "lstm": (
        lambda: layers.LSTM(4, activation=scaled(0.6)),
        (5, 3),
        {"kernel": ci.UnitNorm(), "recurrent_kernel": ci.Blocks(ci.Orthogonal(), 4)},
        False,
    ),
    "gru": (
        lambda: layers.GRU(4, activation=scaled(0.6)), (5, 3), {"kernel": ci.UnitNorm()}, False,
    ),
    "both directions": (
        lambda: layers.Bidirectional(layers.SimpleRNN(4, activation=scaled(0.6))),
        (5, 3),
        {"recurrent_kernel": ci.MaxNorm(1.0)},
        True,
    ),
    "time distributed": (
        lambda: layers.TimeDistributed(layers.Dense(3, activation=scaled())),
        (5, 6),
        {"*kernel": ci.UnitNorm()},
        True,
    ),
    "subclass": (lambda: Named(activation=scaled()), (6,), {"kernel": ci.UnitNorm()}, True),
    "subclass with its own call": (
        lambda: Squared(4, activation=scaled()), (6,), {"kernel": ci.UnitNorm()}, False,
    ),
    "nested": (
        lambda: keras.Sequential(
            [keras.Input((6,)), layers.Dense(5, activation=scaled()), layers.Dense(4)]
        ),
        (6,),
        {"*kernel": ci.UnitNorm()},
        True,
    ),
}  # fmt: skip


def planned(shape, depth):
    start = ci.constrained(kernel=ci.UnitNorm(), activation="tanh", depth=depth)
    return keras.Sequential([keras.Input(shape), layers.Dense(8, **start)])


def same(model, x, tolerance=1e-5):
    """The baked copy, which computes what the model does."""
    baked = ci.bake(model)
    expected = model.predict(x, verbose=0)
    np.testing.assert_allclose(baked.predict(x, verbose=0), expected, tolerance, tolerance)
    return baked


@pytest.mark.parametrize("way", ["plain", "around", "reparametrized", "trained"])
@pytest.mark.parametrize("name", LAYERS)
def test_a_scale_is_taken_or_left(name, way, tmp_path):
    """The same function, with and without maps; the scale is gone where the layer is linear."""
    make, shape, sets, linear = LAYERS[name]
    layer = make()
    if way == "around":
        if layer.built:
            ci.constrain(layer, sets)
            ci.project(layer)
        layer = over(layer, **sets)
    model, x = keras.Sequential([keras.Input(shape), layer, layers.Flatten()]), batch(16, *shape)
    if way in ("reparametrized", "trained"):
        for pattern, a_set in sets.items():
            ci.constrain(model, {pattern: a_set})
        ci.project(model)
        model = ci.reparametrize(model)
    if way == "trained":
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.fit(x, 0.3 * np.ones_like(model.predict(x, verbose=0)), verbose=0)
    baked = same(model, x)
    assert not any(isinstance(one, ci.Reparametrized) for one in baked._flatten_layers())
    assert bool(scales(baked)) == (not linear)
    assert scales(model)
    if way != "plain":
        assert all(row.ok for row in ci.check(baked).rows)
    baked.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), baked.predict(x, verbose=0))
    same(baked, x)


@pytest.mark.parametrize("depth", [1, 4])
def test_a_planned_start_is_baked_out_of_its_map(depth):
    """One of two layers is seen through a map: of both the scale is in the kernel."""
    first, second = planned((8,), depth), planned((8,), depth)
    model, x = keras.Sequential([first, second]), batch(64, 8)
    place = first.layers[0].name
    smooth = ci.reparametrize(model, {f"{place}/kernel": ci.UnitNorm()})
    for copy in (model, smooth):
        baked = same(copy, x)
        assert not scales(baked)
        assert "constrainit" not in str(baked.get_config())
        assert not ci.check(baked).rows


SMOOTH = [
    case for case in FEW if case.make().transform is not None and len(case.shape) in (1, 2, 4)
]


@pytest.mark.parametrize("case", SMOOTH, ids=lambda case: case.name)
def test_every_set_with_a_map_and_a_scale(case):
    """The same function to 1e-5, the kernel being the scale times the member."""
    rank = len(case.shape)
    if rank == 1:
        shape, layer, name = (3,), layers.Dense(case.shape[0], activation=scaled()), "bias"
    elif rank == 2:
        shape, layer, name = case.shape[:1], layers.Dense(case.shape[1], activation=scaled()), None
    else:
        *window, inputs, units = case.shape
        shape, name = (window[0] + 2, window[1] + 2, inputs), None
        layer = layers.Conv2D(units, window, activation=scaled())
    wrapper = over(layer, **{name or "kernel": case.make()})
    model = keras.Sequential([keras.Input(shape), wrapper])
    baked = same(model, batch(16, *shape))
    [member], weight = wrapper.seen, getattr(baked.layers[0], name or "kernel")
    np.testing.assert_allclose(array(weight), 1.7 * array(member), 1e-6)
    assert not scales(baked)


def shared(second):
    scale = scaled(0.6)
    return keras.Sequential([
        keras.Input((5, 3)),
        layers.Dense(3, activation=scale),
        second(4, activation=scale),
    ])  # fmt: skip


def test_a_shared_scale_is_taken_by_all():
    """Of several layers; one that can not take it would have a scale of its own in the copy."""
    assert not scales(same(shared(layers.SimpleRNN), batch(8, 5, 3)))
    with pytest.raises(ValueError, match="must hold its layers in its config"):
        ci.bake(shared(layers.LSTM))


def test_what_is_added_to_a_kernel_takes_the_scale():
    """Low-rank adapters are part of the kernel; a quantized kernel has no room for it."""
    x, adapted = batch(8, 8), layers.Dense(4, activation=scaled())
    model = keras.Sequential([keras.Input((8,)), adapted])
    adapted.enable_lora(2)
    adapted.lora_kernel_b.assign(batch(2, 4))
    assert not scales(same(model, x))
    coarse = layers.Dense(4, activation=scaled())
    model = keras.Sequential([keras.Input((8,)), coarse])
    coarse.quantize("int8")
    assert scales(same(model, x))


ONLY_KERAS = """
import sys, keras, numpy as np
model = keras.saving.load_model(sys.argv[1])
np.save(sys.argv[2], keras.ops.convert_to_numpy(model(np.load(sys.argv[2]))))
assert "constrainit" not in sys.modules
"""


def test_a_baked_file_loads_without_this_library(tmp_path):
    """Layers that were made with `constrained` keep weights, and Keras' own initializers."""
    kernel, units = ci.NonNegative(), ci.UnitNorm()
    model = keras.Sequential([
        keras.Input((6,)),
        layers.Dense(4, **ci.constrained(kernel=units, activation="tanh", depth=2)),
        layers.Dense(4, **ci.constrained(kernel=kernel, bias=ci.Box(-1, 1), activation="relu")),
        layers.BatchNormalization(**ci.constrained(gamma=ci.Positive())),
        ci.Reparametrized(layers.Dense(3, **ci.constrained(kernel=kernel)), kernel=kernel),
        layers.Reshape((3, 1)),
        layers.Bidirectional(layers.SimpleRNN(4, **ci.constrained(recurrent=ci.Orthogonal()))),
    ])  # fmt: skip
    plain = ci.bake(model)
    starts = [plain.layers[0].bias_initializer, plain.layers[2].gamma_initializer]
    assert [type(one).__name__ for one in starts] == ["Zeros", "Ones"]
    ci.constrain(plain, {"*": None})
    file, x = tmp_path / "plain.keras", batch(5, 6)
    plain.save(file)
    np.save(tmp_path / "x.npy", x)
    command = [sys.executable, "-c", ONLY_KERAS, str(file), str(tmp_path / "x.npy")]
    subprocess.run(command, check=True, timeout=200)
    np.testing.assert_allclose(np.load(tmp_path / "x.npy"), array(model(x)), atol=1e-5)


class Unregistered(layers.Layer):
    """A layer of the user's own that Keras knows nothing of."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, shape):
        self.w = self.add_weight((shape[-1], self.units), name="w")

    def call(self, x):
        return keras.ops.tanh(x @ self.w)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def halved(x):
    """An activation that is not registered either."""
    return 0.5 * x


def relu(x):
    """One by a name that Keras has."""
    return 2.0 * keras.ops.relu(x)


UNREGISTERED = {
    "a layer": lambda: Unregistered(4),
    "an activation": lambda: layers.Dense(4, activation=halved),
    "in a wrapper": lambda: layers.TimeDistributed(Unregistered(4)),
    "in a model": lambda: keras.Sequential([keras.Input((5, 6)), Unregistered(4)]),
}


@pytest.mark.filterwarnings("ignore:Keras can not save the constraint")
@pytest.mark.parametrize("name", UNREGISTERED)
def test_what_is_not_registered_is_copied_as_well(name):
    """A copy in the same process needs no file: the classes and functions are at hand."""
    model = keras.Sequential([keras.Input((5, 6)), UNREGISTERED[name](), layers.Flatten()])
    smooth = ci.reparametrize(model, {"*": ci.MaxAbs(2.0)})
    x = batch(8, 5, 6)
    np.testing.assert_allclose(smooth.predict(x, verbose=0), model.predict(x, verbose=0), atol=1e-5)
    for one in (model, smooth):
        assert type(same(one, x).layers[0]) is type(model.layers[0])


@pytest.mark.filterwarnings("ignore:Keras can not save the constraint")
@pytest.mark.parametrize("pattern", ["*", "*/w", "last/*"])
def test_layers_behind_one_of_unknown_shape(pattern):
    """Keras leaves them unbuilt in a copy; built at the first call they would begin anew."""
    unknown = layers.TimeDistributed(Unregistered(4))
    model = keras.Sequential([keras.Input((5, 6)), unknown, layers.Dense(3, name="last")])
    x = batch(8, 5, 6)
    expected = model(x)
    smooth = ci.reparametrize(model, {pattern: ci.MaxAbs(2.0)})
    np.testing.assert_allclose(array(smooth(x)), array(expected), atol=1e-5)
    np.testing.assert_allclose(array(ci.bake(smooth)(x)), array(expected), atol=1e-5)


def of_shared(shared, last=None):
    """Of an inner and of the outer model, which share a layer."""
    outside = keras.Input((4,))
    inner = keras.Sequential([keras.Input((4,)), shared])
    both = layers.Add()([shared(outside), 2.0 * inner(outside)])
    return keras.Model(outside, (last or layers.Dense(4))(both))


@pytest.mark.parametrize("around", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        lambda: of_shared(layers.Dense(4, activation=scaled(), name="own")),
        lambda: of_shared(over(layers.Dense(4, name="own"), kernel=ci.Box(-1, 1))),
        lambda: ci.reparametrize(
            of_shared(layers.Dense(4, name="own")), {"own/kernel": ci.Box(-1, 1)}
        ),
    ],
)
def test_a_layer_that_an_inner_and_the_outer_model_share(make, around):
    """It is one in the copy, too, by itself and in a Sequential around it."""
    model = keras.Sequential([keras.Input((4,)), make()]) if around else make()
    model.compile("sgd", "mse")
    plain, x = ci.bake(model), batch(5, 4)
    np.testing.assert_allclose(array(plain(x)), array(model(x)), rtol=1e-5, atol=1e-5)
    (own,) = {layer for layer in plain._flatten_layers() if layer.name == "own"}
    assert isinstance(own, layers.Dense)
    assert len(plain.weights) == 4
    assert not plain.compiled
    assert not scales(plain)


@keras.saving.register_keras_serializable("bake")
class Around(layers.Wrapper):
    """A layer of the user's own around another."""

    def call(self, inputs):
        return self.layer(inputs)


def test_a_layer_that_is_shared_where_no_copy_can_share_it():
    """It is named; what the error of `reparametrize` says to write keeps it one."""
    own, sets = layers.Dense(4, name="own"), {"*/kernel": ci.MaxAbs(9.0)}
    model, x = of_shared(own, Around(own)), batch(5, 4)
    words = "Received: '.*', a Functional that has 'own' in several of its parts"
    with pytest.raises(ValueError, match=words):
        ci.bake(model)
    words = "Received: '.*', which has 'own' in several of its parts"
    with pytest.raises(ValueError, match=words):
        ci.reparametrize(model, sets)
    expected = array(model(x))
    smooth = keras.Sequential([keras.Input((4,)), over(model, **sets)])
    assert len(smooth.trainable_weights) == 2
    np.testing.assert_allclose(array(smooth(x)), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
@pytest.mark.parametrize("copied", [ci.bake, lambda m: ci.reparametrize(m, {"*": ci.MaxAbs(2)})])
def test_functions_that_a_copy_can_not_have(copied):
    """A lambda is told in a sentence; a name of Keras would bring that function back."""
    for activation, words in (
        (lambda x: 2 * x, r"`activation` of 'own' is a Python lambda.*Give it a function"),
        (relu, r"`activation` of 'own' is a function of your own by a name of Keras, 'relu'"),
    ):
        dense = layers.Dense(4, activation=activation, name="own")
        with pytest.raises(ValueError, match=words):
            copied(keras.Sequential([keras.Input((6,)), dense]))

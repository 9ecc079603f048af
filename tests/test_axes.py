"""`axis=None` becomes the axes that feed one unit, chosen by the layer as it is built."""

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers as L  # noqa: N812

import constrainit as ci


def kernel(**arguments):
    return {"kernel_constraint": ci.UnitNorm(), **arguments}


# layer, input shape, path of the weight's end, axes that feed one unit, shape of the weight
LAYERS = {
    "Dense": (lambda: L.Dense(4, **kernel()), (3,), "kernel", [0], (3, 4)),
    "Conv1D": (lambda: L.Conv1D(4, 3, **kernel()), (8, 2), "kernel", [0, 1], (3, 2, 4)),
    "Conv2D": (lambda: L.Conv2D(4, 3, **kernel()), (8, 8, 2), "kernel", [0, 1, 2], (3, 3, 2, 4)),
    "Conv2D groups": (lambda: L.Conv2D(4, 3, groups=2, **kernel()), (8, 8, 6), "kernel", [0, 1, 2],
                      (3, 3, 3, 4)),
    "Conv3D": (lambda: L.Conv3D(4, 2, **kernel()), (4, 4, 4, 2), "kernel", [0, 1, 2, 3],
               (2, 2, 2, 2, 4)),
    "Conv1DTranspose": (lambda: L.Conv1DTranspose(4, 3, **kernel()), (8, 2), "kernel", [0, 2],
                        (3, 4, 2)),
    "Conv2DTranspose": (lambda: L.Conv2DTranspose(4, 3, **kernel()), (8, 8, 2), "kernel", [0, 1, 3],
                        (3, 3, 4, 2)),
    "Conv3DTranspose": (lambda: L.Conv3DTranspose(4, 2, **kernel()), (4, 4, 4, 2), "kernel",
                        [0, 1, 2, 4], (2, 2, 2, 4, 2)),
    "DepthwiseConv1D": (lambda: L.DepthwiseConv1D(3, depth_multiplier=2,
                                                  depthwise_constraint=ci.UnitNorm()),
                        (8, 2), "kernel", [0], (3, 2, 2)),
    "DepthwiseConv2D": (lambda: L.DepthwiseConv2D(3, depthwise_constraint=ci.UnitNorm()),
                        (8, 8, 2), "kernel", [0, 1], (3, 3, 2, 1)),
    "SeparableConv1D depth": (lambda: L.SeparableConv1D(4, 3, depthwise_constraint=ci.UnitNorm()),
                              (8, 2), "depthwise_kernel", [0], (3, 2, 1)),
    "SeparableConv2D depth": (lambda: L.SeparableConv2D(4, 3, depthwise_constraint=ci.UnitNorm()),
                              (8, 8, 2), "depthwise_kernel", [0, 1], (3, 3, 2, 1)),
    "SeparableConv2D point": (lambda: L.SeparableConv2D(4, 3, pointwise_constraint=ci.UnitNorm()),
                              (8, 8, 2), "pointwise_kernel", [0, 1, 2], (1, 1, 2, 4)),
    "EinsumDense": (lambda: L.EinsumDense("abc,cde->abde", (None, 4, 5), **kernel()), (2, 3),
                    "kernel", [0], (3, 4, 5)),
    "EinsumDense two in": (lambda: L.EinsumDense("abcd,cde->abe", (None, 5), **kernel()), (2, 3, 4),
                           "kernel", [0, 1], (3, 4, 5)),
    "EinsumDense shared": (lambda: L.EinsumDense("abc,bcd->abd", (2, 5), **kernel()), (2, 3),
                           "kernel", [1], (2, 3, 5)),
    "EinsumDense ellipsis": (lambda: L.EinsumDense("...x,xy->...y", 5, **kernel()), (2, 3),
                             "kernel", [0], (3, 5)),
    "LSTM": (lambda: L.LSTM(4, **kernel()), (5, 3), "kernel", [0], (3, 16)),
    "LSTM recurrent": (lambda: L.LSTM(4, recurrent_constraint=ci.UnitNorm()), (5, 3),
                       "recurrent_kernel", [0], (4, 16)),
    "GRU": (lambda: L.GRU(4, recurrent_constraint=ci.UnitNorm()), (5, 3), "recurrent_kernel", [0],
            (4, 12)),
    "SimpleRNN": (lambda: L.SimpleRNN(4, **kernel()), (5, 3), "kernel", [0], (3, 4)),
    "ConvLSTM1D": (lambda: L.ConvLSTM1D(4, 2, **kernel()), (3, 6, 2), "kernel", [0, 1], (2, 2, 16)),
    "ConvLSTM2D": (lambda: L.ConvLSTM2D(4, 2, recurrent_constraint=ci.UnitNorm()), (3, 6, 6, 2),
                   "recurrent_kernel", [0, 1, 2], (2, 2, 4, 16)),
    "Bidirectional": (lambda: L.Bidirectional(L.LSTM(4, **kernel())), (5, 3), "kernel", [0],
                      (3, 16)),
    "TimeDistributed": (lambda: L.TimeDistributed(L.Dense(4, **kernel())), (5, 3), "kernel", [0],
                        (3, 4)),
    "TimeDistributed Conv2DTranspose": (
        lambda: L.TimeDistributed(L.Conv2DTranspose(4, 2, **kernel())), (2, 5, 5, 3), "kernel",
        [0, 1, 3], (2, 2, 4, 3)),
    "bias": (lambda: L.Dense(4, bias_constraint=ci.UnitNorm()), (3,), "bias", [0], (4,)),
    "scale": (lambda: L.LayerNormalization(gamma_constraint=ci.UnitNorm()), (3,), "gamma", [0],
              (3,)),
}  # fmt: skip


def constrained(layer, end):
    found = [v for v in layer.weights if v.name == end and v.constraint is not None]
    assert found
    return found


@pytest.mark.parametrize("name", LAYERS)
def test_axis_is_that_of_the_layer(name):
    """Each layer of Keras gives the axes over which it sums, for every copy of the weight."""
    make, inputs, end, axis, shape = LAYERS[name]
    layer = make()
    layer.build((None, *inputs))
    for variable in constrained(layer, end):
        assert tuple(variable.shape) == shape
        assert variable.constraint.axis == axis
        image = array(variable.constraint(variable))
        np.testing.assert_allclose(np.sum(image**2, axis=tuple(axis)), 1.0, rtol=1e-5)


def test_embedding():
    """A unit of an embedding is a row: the vector of one token."""
    layer = L.Embedding(6, 4, embeddings_constraint=ci.UnitNorm())
    layer.build()
    assert layer.embeddings.constraint.axis == [1]


ATTENTION = {
    "query": ([0], (6, 2, 4)),
    "key": ([0], (6, 2, 4)),
    "value": ([0], (6, 2, 4)),
    "attention_output": ([0, 1], (2, 4, 6)),
}


@pytest.mark.parametrize(
    "make",
    [
        lambda: L.MultiHeadAttention(2, 4, **kernel()),
        lambda: L.GroupQueryAttention(4, 2, 2, **kernel()),
    ],
    ids=["MultiHeadAttention", "GroupQueryAttention"],
)
def test_attention(make):
    """Heads are units on the way in; on the way out a unit is fed by all heads."""
    layer = make()
    layer.build((None, 5, 6), (None, 5, 6))
    axes = {v.path.split("/")[-2]: v.constraint.axis for v in layer.weights if v.name == "kernel"}
    assert axes == {name: axis for name, (axis, _) in ATTENTION.items()}


@pytest.mark.parametrize(
    ("a_set", "axis"),
    [
        (ci.Simplex(), lambda s: s.axis),
        (ci.Orthogonal(), lambda s: s.axis),
        (ci.Masked(ci.SumTo(1.0), np.eye(4, 2) == 0), lambda s: s.set.axis),
        (ci.Blocks(ci.MaxNorm(1.0), 2), lambda s: s.set.axis),
        (ci.NonNegative() & ci.UnitNorm(), lambda s: s.sets[1].axis),
    ],
    ids=["Simplex", "Orthogonal", "Masked", "Blocks", "Intersection"],
)
def test_sets_within_sets_are_resolved(a_set, axis):
    """Combinators pass the layer's axes on; the set that was given is not changed."""
    before = a_set.get_config()
    layer = L.Conv2DTranspose(
        4, 3, kernel_constraint=a_set, kernel_initializer=a_set.initializer(0)
    )
    layer.build((None, 8, 8, 2))
    bound = layer.kernel.constraint
    assert axis(bound) == [0, 1, 3]
    assert a_set.get_config() == before
    assert a_set.unresolved
    assert not bound.unresolved
    # The initializer was told, too: what it drew is a member along the same axes.
    assert float(bound.violation(layer.kernel)) == 0.0


def test_own_axis_is_kept():
    """An axis that the user wrote is not touched."""
    layer = L.Conv2DTranspose(4, 3, kernel_constraint=ci.UnitNorm(axis=[0, 1, 2]))
    layer.build((None, 8, 8, 2))
    assert layer.kernel.constraint.axis == [0, 1, 2]


class Own(L.Layer):
    """A layer of the user's, of which nothing is known."""

    def __init__(self, shape, a_set, positional=False, initializer=None):
        super().__init__()
        self.shape, self.a_set, self.initializer = shape, a_set, initializer
        self.positional = positional

    def build(self, _):
        started = self.initializer or "ones"
        if self.positional:
            self.w = self.add_weight(self.shape, started, constraint=self.a_set)
        else:
            self.w = self.add_weight(
                shape=self.shape, initializer=started, name="mixing", constraint=self.a_set
            )


@pytest.mark.parametrize("a_set", [ci.UnitNorm(), ci.NonNegative() & ci.Simplex()], ids=["a", "b"])
def test_unknown_layer(a_set):
    """Where the axes can not be known, build fails, names the weight and says what to write."""
    message = (
        r"The axes of '.*own.*/mixing' \(3, 4\) that feed one unit of `Own` are not known, so "
        r"`axis=None` of .* can not be resolved. Write the axes yourself, for example axis=\[0\]"
    )
    with pytest.raises(ValueError, match=message):
        Own((3, 4), a_set).build(None)


def test_unknown_layer_initializer():
    """An initializer whose set needs the axes says so, too."""
    with pytest.raises(ValueError, match="can not be resolved"):
        Own((3, 4), None, initializer=ci.Simplex().initializer(0)).build(None)


@pytest.mark.parametrize("positional", [False, True])
def test_unknown_layer_with_what_needs_no_axis(positional):
    """Bounds, an axis written out, and weights of one axis need nothing of the layer."""
    for shape, a_set in [
        ((3, 4), ci.Box(-1, 1)),
        ((3, 4), ci.UnitNorm(axis=1)),
        ((3,), ci.Simplex()),
        ((), ci.MaxNorm(0.5)),
    ]:
        layer = Own(shape, a_set, positional, a_set.initializer(0))
        layer.build(None)
        assert float(layer.w.constraint.violation(layer.w)) == 0.0
        assert layer.w.constraint.describe() == a_set.describe()


@pytest.mark.parametrize(
    ("a_set", "message"),
    [
        (ci.UnitNorm(axis=5), "`axis` of `UnitNorm` must name different axes"),
        (ci.Symmetric(), "`Symmetric` needs a weight whose last two axes"),
        (ci.Blocks(ci.Orthogonal(), 3), "`Blocks` must cut axis -1"),
        (ci.Masked(ci.UnitNorm(), [1, 0]), "`mask` of `Masked` must broadcast"),
    ],
    ids=["axis", "Symmetric", "Blocks", "Masked"],
)
def test_misfit_is_found_at_build(a_set, message):
    """A set without members of the weight's shape fails at build, naming the weight."""
    with pytest.raises(
        ValueError, match=rf"The constraint of 'dense\S*/kernel' does not fit it. {message}"
    ):
        L.Dense(4, kernel_constraint=a_set).build((None, 3))


def test_other_layers_are_untouched():
    """Without a set in it, a layer is built as Keras builds it, built-in constraints included."""
    theirs = keras.constraints.UnitNorm(axis=0)
    layer = L.Dense(4, kernel_constraint=theirs, bias_constraint="non_neg")
    layer.build((None, 3))
    assert layer.kernel.constraint is theirs
    assert type(layer.bias.constraint) is keras.constraints.NonNeg
    assert Own((3, 4), abs)


def test_layer_keeps_the_set_that_was_written():
    """The layer's own attribute and config still hold `axis=None`, for copies of other shapes."""
    layer = L.Conv1D(4, 3, kernel_constraint=ci.UnitNorm())
    layer.build((None, 8, 2))
    assert layer.kernel_constraint.axis is None
    copy = L.Conv1D.from_config(layer.get_config())
    copy.build((None, 8, 5))
    assert copy.kernel.constraint.axis == [0, 1]


def test_gates_of_an_lstm_start_and_stay_orthogonal(rng):
    """The gates of a recurrent kernel are orthogonal from the first forward pass on."""
    a_set = ci.Blocks(ci.Orthogonal(), 4)
    layer = L.LSTM(4, recurrent_constraint=a_set, recurrent_initializer=a_set.initializer(0))
    model = keras.Sequential([keras.Input((5, 3)), layer])

    def orthogonal():
        gates = np.split(array(layer.cell.recurrent_kernel), 4, axis=1)
        return all(np.allclose(g.T @ g, np.eye(4), atol=1e-5) for g in gates)

    assert orthogonal()
    model.compile("sgd", "mse")
    model.fit(rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 4)), verbose=0)
    assert orthogonal()


@pytest.mark.parametrize("a_set", [ci.Monotone(), ci.Convex(), ci.Concave(axis=1)], ids=repr)
def test_an_order_need_not_be_along_a_unit(a_set):
    """The levels of an `Embedding` in their order are what `Monotone` is for."""
    layer = keras.layers.Embedding(6, 4, **ci.constrained(embeddings=a_set))
    layer.build((None,))
    table = ci.check(layer)
    assert table.ok
    assert not table.rows[0].axis


BIAS = ci.constrained(bias=ci.Box(-1, 1))
IDLE = {
    "dense": (lambda: L.Dense(3, use_bias=False, **BIAS), "use_bias=False"),
    "convolution": (lambda: L.Conv1D(3, 2, use_bias=False, **BIAS), "use_bias=False"),
    "einsum": (lambda: L.EinsumDense("abc,cd->abd", (None, 3), **BIAS), "bias_axes=None"),
    "recurrent": (lambda: L.GRU(3, use_bias=False, **BIAS), "use_bias=False"),
    "normalization": (
        lambda: L.BatchNormalization(scale=False, **ci.constrained(gamma=ci.Positive())),
        "scale=False",
    ),
}


@pytest.mark.parametrize("name", IDLE)
def test_a_set_without_a_weight_is_told(name):
    """Once, where the layer is built: it was made without what the set is for."""
    make, off = IDLE[name]
    with pytest.warns(UserWarning, match="has no weight to hold: the layer is made with") as told:
        make().build((None, 5, 4))
    assert len(told) == 1
    assert off in str(told[0].message)


def test_a_set_with_its_weight_is_not_told():
    """Nor are constraints of Keras: that it is silent of those is known."""
    L.Dense(3, **BIAS).build((None, 4))
    L.EinsumDense("ab,bc->ac", 3, bias_axes="c", **BIAS).build((None, 4))
    L.Dense(3, use_bias=False, bias_constraint="non_neg").build((None, 4))

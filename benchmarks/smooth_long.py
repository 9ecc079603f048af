"""Thousands of steps of AdamW on weights that are seen through maps: do they stay members?"""

import keras
import numpy as np
from keras import layers, ops

import constrainit as ci
from constrainit._catalogue import entries
from constrainit.numerics import computed_once

# Every set of the catalogue that has a map of its own, and some that have that of another set.
SETS = (
    "NonNegative()", "Positive()", "Box(-0.05, 0.05)", "MaxAbs(0.1)", "Sign([1, -1] * 8)",
    "Fixed([[True, False] * 8] * 16, 0.5)", "MaxNorm(1.0)", "UnitNorm()", "NormRange(0.5, 1.5)",
    "L1Ball(1.0)", "Simplex()", "SumTo(1.0)", "ZeroMean()", "Halfspace([1.0] * 16, 0.5)",
    "RowStochastic()", "ColumnStochastic()", "DoublyStochastic()", "Monotone()",
    "Monotone('decreasing', gap=0.01)", "Convex()", "Concave()", "Triangular()", "Diagonal()",
    "Banded(2, 2)", "Toeplitz()", "Circulant()", "Symmetric()", "SkewSymmetric()",
    "PositiveSemidefinite(0.1)", "Correlation()", "Orthogonal()", "SpecialOrthogonal()",
    "SpectralNorm()", "ConvSpectralNorm()", "NuclearNorm(2.0)", "LowRank(4)",
    "Masked(NonNegative(), [[True, False] * 8] * 16)", "Blocks(Orthogonal(), 2)",
    "Blocks(LowRank(2), 2)", "Product([Simplex(), UnitNorm()])", "Mapped(Positive(), 'exp')",
    "Box([-0.05, None] * 8, 0.1)", "L1Sphere(2.0)", "GroupL1Ball(8.0)",
    "Affine([1.0, -1.0] * 8, 0.5)", "Transport([2.0, 1.0] * 8, [1.0, 2.0] * 8)", "Unimodal(at=5)",
    "CholeskyFactor(0.1)", "CorrelationCholesky()", "SingularValues(0.5, 1.5)",
    "PositiveSemidefinite(rank=4)", "Dissipative(0.1)", "Mapped(MaxAbs(0.1), 'tanh')",
    "Grid(2**-6)", "Grid(1, -1, 1)", "Polyhedron([[-1.0, 1.0] + [0.0] * 14])",
    "Polyhedron([[1.0, -1.0] * 8, [-1.0, 1.0] * 8, [-1.0] * 16], [0.5, 0.5, 0.0])",
    "Monotone() & Box(0.0, 1.0)", "Simplex() & Box(upper=0.125)", "NonNegative() & MaxNorm(1.0)",
    "Monotone() & Convex()", "Monotone() & Concave() & Box(0.0, 1.0)",
)  # fmt: skip
RATE = 1e-3
_OWN = ("yes", "straight through")


def left_out():
    """The sets of the catalogue with a map of their own that no row has."""
    own = {entry.name.split("(")[0] for entry in entries() if entry.map in _OWN}
    return own - {name.split("(")[0] for name in SETS}


def what_fails(dtype, steps, names=SETS):
    """What is wrong with each row after `steps` steps, in turns; None where nothing is.

    Half of the rows' steps follow the gradient of one linear function with noise, through the map,
    which drives the weight to the edge of its set. The free value is then pushed one way itself.
    On JAX and TensorFlow the steps are a loop in one program, in which each of them is checked; on
    PyTorch every hundredth is, and all of them push the free value itself.
    """
    run = {"jax": _on_jax, "tensorflow": _on_tensorflow}.get(keras.backend.backend(), _one_by_one)
    for name in names:
        seen, layer, x = _seen_through(name, dtype)
        smallest, largest, violation = run(seen, layer, x, steps)
        fine = violation == 0.0 and smallest > 0.0 and np.isfinite(largest)
        shown = f"violation {violation:.2g}, largest entry {smallest:.2g} to {largest:.2g}"
        yield name, None if fine else shown


def _seen_through(name, dtype):
    """A layer of 16 inputs and units with one weight seen through the map of a set."""
    inner, x = layers.Dense(16, use_bias=False, dtype=dtype), np.zeros((1, 16), "float32")
    if name.startswith(("Conv2D", "ConvSpectral")):
        inner = layers.Conv2D(4, 3, use_bias=False, dtype=dtype)
        x = np.zeros((1, 8, 8, 4), "float32")
    layer = ci.Reparametrized(inner, kernel=eval(name, vars(ci)))
    layer(x)
    return layer.seen[0], layer, x


def _measured(seen):
    """The largest entry of a weight, and how far it is outside."""
    # The very numbers that the layer used: a compiler may compute them anew, rounded otherwise.
    w = computed_once(ops.stop_gradient(seen.value))
    return ops.max(ops.abs(ops.cast(w, "float32"))), ops.cast(seen.set.violation(w), "float32")


def _on_jax(seen, layer, x, steps):
    """The least and the most of the largest entry, and the largest violation, of all steps."""
    import jax

    optimizer = keras.optimizers.AdamW(RATE)
    optimizer.build([seen.free])
    slope = jax.random.normal(jax.random.key(0), tuple(seen.shape))
    push = jax.random.normal(jax.random.key(1), tuple(seen.free.shape))
    others = layer.non_trainable_variables

    def member(free, rest):
        pairs = [(seen.free, free), *zip(others, rest, strict=True)]
        with keras.StatelessScope(state_mapping=pairs) as scope:
            layer(x, training=True)
            w = seen.value
            rest = [scope.get_current_value(one) for one in others]
            rest = [
                one.value if now is None else now for one, now in zip(others, rest, strict=True)
            ]
            return w, rest, _measured(seen)

    def linear(free, rest, slope):
        w, rest, found = member(free, rest)
        return ops.sum(ops.cast(w, "float32") * slope), (rest, found)

    def step(state, at):
        free, rest, own, (least, most, away) = state
        noise = jax.random.normal(jax.random.fold_in(jax.random.key(2), at), slope.shape)
        gradient, (rest, found) = jax.grad(linear, has_aux=True)(free, rest, slope + noise)
        pushed = ops.cast(push, gradient.dtype)
        gradient = ops.where(at < steps // 2, gradient, pushed)
        [free], own = optimizer.stateless_apply(own, [gradient], [free])
        size, violation = found
        # Not `ops.minimum`: NaN has to be seen.
        least = ops.where(size >= least, least, size)
        most = ops.where(size <= most, most, size)
        away = ops.where(violation <= away, away, violation)
        return (free, rest, own, (least, most, away)), None

    begin = (np.float32(np.inf), np.float32(0.0), np.float32(0.0))
    begin = (
        seen.free.value, [one.value for one in others], [one.value for one in optimizer.variables],
        tuple(map(ops.convert_to_tensor, begin)),
    )  # fmt: skip
    state, _ = jax.jit(lambda state: jax.lax.scan(step, state, np.arange(steps)))(begin)
    *_, (least, most, away) = state
    return float(least), float(most), float(away)


def _on_tensorflow(seen, layer, x, steps):
    """As `_on_jax`."""
    import tensorflow as tf

    optimizer = keras.optimizers.AdamW(RATE)
    optimizer.build([seen.free])
    slope, push = (
        tf.random.stateless_normal(one.shape, (0, i)) for i, one in enumerate([seen, seen.free])
    )

    # Not by XLA, as no step of Keras on a CPU is: its compiler takes minutes for some rows.
    @tf.function
    def run():
        least, most, away = tf.constant(np.inf), tf.constant(0.0), tf.constant(0.0)
        for step in tf.range(steps):
            with tf.GradientTape() as tape:
                layer(x, training=True)
                w = seen.value
                noise = tf.random.stateless_normal(slope.shape, (2, step))
                value = tf.reduce_sum(tf.cast(w, "float32") * (slope + noise))
            size, violation = _measured(seen)
            gradient = tf.convert_to_tensor(tape.gradient(value, seen.free.value))
            pushed = tf.cast(push, gradient.dtype)
            optimizer.apply([tf.where(step < steps // 2, gradient, pushed)], [seen.free])
            # Not `tf.minimum`: NaN has to be seen.
            least = tf.where(size >= least, least, size)
            most = tf.where(size <= most, most, size)
            away = tf.where(violation <= away, away, violation)
        return least, most, away

    return tuple(float(one) for one in run())


def _one_by_one(seen, layer, x, steps):
    """As `_on_jax`, with a look at every hundredth step."""
    optimizer = keras.optimizers.AdamW(RATE)
    optimizer.build([seen.free])
    rng = np.random.default_rng(0)
    push = ops.convert_to_tensor(rng.normal(size=seen.free.shape), dtype=seen.free.dtype)
    found = []
    for step in range(steps):
        optimizer.apply([push], [seen.free])
        if step % 100 == 99:
            layer(x, training=True)
            found.append([float(one) for one in _measured(seen)])
    sizes, away = zip(*found, strict=True)
    return min(sizes), max(sizes), max(away)

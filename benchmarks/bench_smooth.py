"""Smooth maps: the price of a training step, and ten thousand steps that never leave a set."""

import argparse

import keras
import numpy as np
import sets_timing as timing
from keras import layers, ops

import constrainit as ci

UNITS, BATCH = 1024, 64
SETS = ("Positive()", "Box(-0.05, 0.05)", "Simplex()", "UnitNorm()", "MaxNorm(1.0)")
LONG = (
    *SETS, "NonNegative()", "MaxAbs(0.1)", "Sign([1, -1] * 8)",
    "Fixed([[True, False] * 8] * 16, 0.5)",
    "NormRange(0.5, 1.5)", "L1Ball(1.0)", "SumTo(1.0)", "ZeroMean()", "Halfspace([1.0] * 16, 0.5)",
    "RowStochastic()", "ColumnStochastic()", "DoublyStochastic()", "Monotone()",
    "Monotone('decreasing', gap=0.01)", "Convex()", "Concave()", "Symmetric()", "SkewSymmetric()",
    "Triangular()", "Diagonal()", "Banded(2, 2)", "Toeplitz()", "Circulant()",
    "PositiveSemidefinite(0.1)", "Correlation()", "Orthogonal()", "SpecialOrthogonal()",
    "SpectralNorm()", "NuclearNorm(2.0)", "LowRank(4)", "Blocks(Orthogonal(), 2)",
    "Masked(NonNegative(), [[True, False] * 8] * 16)", "ConvSpectralNorm()",
)  # fmt: skip
GATES = "Blocks(Orthogonal(), 4)"


def model(a_set, units):
    """Two layers, whose kernels are seen through the map of a set if there is one."""
    parts = [layers.Dense(units) for _ in range(2)]
    if a_set is not None:
        parts = [ci.Reparametrized(layers.Dense(units), kernel=a_set) for _ in range(2)]
    made = keras.Sequential([keras.Input((units,)), *parts])
    made.compile(keras.optimizers.Adam(1e-3), "mse")
    return made


def price(name, units, seconds):
    """The time of a step over that of the plain layers."""
    x = np.random.default_rng(0).normal(size=(BATCH, units)).astype("float32")
    made = [model(None, units), model(eval(name, vars(ci)), units)]
    times = timing.race([lambda m=m: m.train_on_batch(x, x) for m in made], seconds)
    return times[1].median / times[0].median


def recurrent(name, units, length):
    """A recurrent network, whose gates are seen through the map of a set if there is one."""
    layer = layers.LSTM(units)
    if name is not None:
        layer = ci.Reparametrized(layer, recurrent_kernel=eval(name, vars(ci)))
    made = keras.Sequential([keras.Input((length, 64)), layer, layers.Dense(10)])
    made.compile(keras.optimizers.Adam(1e-3), "mse")
    return made


def price_of_gates(units, length, seconds):
    """The time of a step of an LSTM with orthogonal gates over that of a plain one."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(BATCH, length, 64)).astype("float32")
    y = rng.normal(size=(BATCH, 10)).astype("float32")
    made = [recurrent(None, units, length), recurrent(GATES, units, length)]
    times = timing.race([lambda m=m: m.train_on_batch(x, y) for m in made], seconds)
    return times[1].median / times[0].median


def seen_through(name, dtype):
    """A layer of 16 inputs and units with one weight seen through the map of a set."""
    inner, inputs = layers.Dense(16, use_bias=False, dtype=dtype), (1, 16)
    if name.startswith("Conv"):
        inner, inputs = layers.Conv2D(4, 3, use_bias=False, dtype=dtype), (1, 8, 8, 4)
    layer = ci.Reparametrized(inner, kernel=eval(name, vars(ci)))
    layer(np.zeros(inputs, "float32"))
    return layer, np.zeros(inputs, "float32")


def endure(dtype, steps):
    """What is wrong after many steps of AdamW with its default weight decay, for each set."""
    rng, wrong = np.random.default_rng(0), dict.fromkeys(LONG)
    made = [seen_through(name, dtype) for name in LONG]
    free = [layer.trainable_weights[0] for layer, _ in made]
    optimizer = keras.optimizers.AdamW(1e-3)
    optimizer.build(free)
    for step in range(1, steps + 1):
        slopes = [ops.cast(ops.convert_to_tensor(rng.normal(size=v.shape) + 0.5), v.dtype)
                  for v in free]  # fmt: skip
        optimizer.apply(slopes, free)
        if step % 100 == 0:
            for name, (layer, x) in zip(LONG, made, strict=True):
                layer(x, training=True)
                weight = ops.stop_gradient(layer.layer.kernel.value)
                size = float(ops.max(ops.abs(ops.cast(weight, "float32"))))
                violation = float(layer.seen[0].set.violation(weight))
                if wrong[name] is None and not (violation == 0 and 0 < size < np.inf):
                    wrong[name] = f"step {step}: violation {violation:.2g}, size {size:.2g}"
    return wrong


def main():
    """Prints the three tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes and few steps")
    parser.add_argument("--only", choices=("price", "gates", "endure"), help="one table")
    given = parser.parse_args()
    units, seconds, steps = (64, 0.2, 200) if given.quick else (UNITS, 8.0, 10_000)
    if given.only in (None, "price"):
        print(f"a training step, 2 x Dense({units}), Adam, over plain layers (goal: at most 1.10)")
        for name in SETS:
            print(f"  {name:18} {price(name, units, seconds):.2f}", flush=True)
    if given.only in (None, "gates"):
        size, length = (16, 8) if given.quick else (256, 128)
        print(f"a training step, LSTM({size}) with {GATES}, sequence {length}, over a plain LSTM "
              f"(goal: at most 1.25): {price_of_gates(size, length, 4 * seconds):.2f}",
              flush=True)  # fmt: skip
    if given.only in (None, "endure"):
        print(f"{steps} steps of AdamW, weight decay 0.004")
        for dtype in ("float32", "bfloat16"):
            wrong = endure(dtype, steps)
            inside = [name for name, what in wrong.items() if what is None]
            print(f"  {dtype:8} {len(inside)} of {len(LONG)} always inside", flush=True)
            for name in LONG:
                if wrong[name]:
                    print(f"    {name}: {wrong[name]}", flush=True)


if __name__ == "__main__":
    main()

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
    *SETS, "NonNegative()", "SumTo(1.0)", "Sign([1, -1] * 8)", "NormRange(0.5, 1.5)",
    "Symmetric()", "Toeplitz()", "Banded(2, 2)", "PositiveSemidefinite(0.1)", "Correlation()",
)  # fmt: skip


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


def endure(name, dtype, steps):
    """What is wrong after many steps of AdamW with its default weight decay; None if nothing is."""
    a_set, rng = eval(name, vars(ci)), np.random.default_rng(0)
    layer = ci.Reparametrized(layers.Dense(16, use_bias=False, dtype=dtype), kernel=a_set)
    layer.build((None, 16))
    [free] = layer.trainable_weights
    optimizer = keras.optimizers.AdamW(1e-3)
    optimizer.build([free])
    for step in range(steps):
        slope = ops.cast(ops.convert_to_tensor(rng.normal(size=(16, 16)) + 0.5), free.dtype)
        optimizer.apply([slope], [free])
        if step % 100 == 99:
            weight = layer.layer.kernel.value
            size = float(ops.max(ops.abs(ops.cast(weight, "float32"))))
            if float(layer.seen[0].set.violation(weight)) != 0 or not 0 < size < np.inf:
                return f"step {step}: violation or size {size}"
    return None


def main():
    """Prints both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes and few steps")
    given = parser.parse_args()
    units, seconds, steps = (64, 0.2, 200) if given.quick else (UNITS, 8.0, 10_000)
    print(f"a training step, 2 x Dense({units}), Adam, over plain layers (goal: at most 1.10)")
    for name in SETS:
        print(f"  {name:18} {price(name, units, seconds):.2f}", flush=True)
    print(f"{steps} steps of AdamW, weight decay 0.004")
    for name in LONG:
        for dtype in ("float32", "bfloat16"):
            wrong = endure(name, dtype, steps)
            print(f"  {name:26} {dtype:8} {wrong or 'always inside'}", flush=True)


if __name__ == "__main__":
    main()

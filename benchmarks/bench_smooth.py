"""Smooth maps: the price of a training step, and ten thousand steps that never leave a set."""

# isort: off
import cores  # noqa: F401
# isort: on

import argparse

import keras
import numpy as np
import sets_timing as timing
import smooth_long as long
from keras import layers

import constrainit as ci

UNITS, BATCH, BATCHES = 1024, 64, (64, 256)
SETS = (
    "Positive()", "Mapped(Positive(), 'exp')", "Box(-0.05, 0.05)",
    "Mapped(Box(-0.05, 0.05), 'tanh')", "Simplex()", "UnitNorm()", "MaxNorm(1.0)",
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


def prices(units, batch, seconds):
    """The times of a step over that of the plain layers, one for each set, all in turns."""
    x = np.random.default_rng(0).normal(size=(batch, units)).astype("float32")
    made = [model(None, units), *[model(eval(name, vars(ci)), units) for name in SETS]]
    plain, *others = timing.race([lambda m=m: m.train_on_batch(x, x) for m in made], seconds)
    return plain.median, [one.median / plain.median for one in others]


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


def main():
    """Prints the three tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes and few steps")
    parser.add_argument("--only", choices=("price", "gates", "endure"), help="one table")
    parser.add_argument("--sets", nargs="+", help="the rows of the third table, as in the code")
    given = parser.parse_args()
    units, seconds, steps = (64, 0.2, 200) if given.quick else (UNITS, 4.0, 10_000)
    if given.only in (None, "price"):
        print(f"a training step, 2 x Dense({units}), Adam, over plain layers (goal: at most 1.10)")
        for batch in BATCHES:
            plain, ratios = prices(units, batch, 3 * seconds)
            print(f"  batch {batch}, plain {plain:.1f} ms", flush=True)
            for name, ratio in zip(SETS, ratios, strict=True):
                print(f"    {name:32} {ratio:.2f}", flush=True)
    if given.only in (None, "gates"):
        size, length = (16, 8) if given.quick else (256, 128)
        print(f"a training step, LSTM({size}) with {GATES}, sequence {length}, over a plain LSTM "
              f"(goal: at most 1.25): {price_of_gates(size, length, 8 * seconds):.2f}",
              flush=True)  # fmt: skip
    if given.only in (None, "endure"):
        print(f"{steps} steps of AdamW, weight decay 0.004, rate {long.RATE}; "
              f"left out: {', '.join(sorted(long.left_out())) or 'none'}")  # fmt: skip
        names = given.sets or long.SETS
        for dtype in ("float32", "bfloat16"):
            inside = 0
            for name, wrong in long.what_fails(dtype, steps, names):
                inside += wrong is None
                print(f"    {dtype:8} {name}: {wrong or 'always a member'}", flush=True)
            print(f"  {dtype:8} {inside} of {len(names)} always members", flush=True)


if __name__ == "__main__":
    main()

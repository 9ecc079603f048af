"""The start: members after rounding, the first step, and plans against draws.

Whole, or in parts: `python benchmarks/bench_start.py --part members --fan-in 1 --fan-in 256`.
On JAX, which compiles each draw, also with `--dtype float32 --in-turn`.
"""

import argparse
import contextlib
import math
import warnings

import keras
import numpy as np
from keras import layers

import constrainit as ci
from constrainit.initializers import Feasible
from constrainit.initializers.laws import Wanted

SETS = (
    ci.NonNegative(), ci.Positive(), ci.Positive(0.2), ci.Box(0.1, 1), ci.Box(-0.02, 0.03),
    ci.Box(-1, 1), ci.MaxAbs(0.2), ci.Grid(1 / 64), ci.MaxNorm(0.5), ci.UnitNorm(),
    ci.NormRange(0.5, 2), ci.L1Ball(1), ci.L1Sphere(1), ci.Simplex(), ci.Simplex(3),
    ci.SumTo(0), ci.SumTo(2), ci.ZeroMean(), ci.RowStochastic(), ci.ColumnStochastic(),
    ci.Monotone(), ci.Monotone("decreasing"), ci.Convex(), ci.Concave(), ci.Unimodal(), ci.TopK(2),
    ci.Triangular(), ci.Diagonal(), ci.Banded(1, 2), ci.Toeplitz(), ci.Orthogonal(),
    ci.SpectralNorm(), ci.SingularValues(0.5, 2), ci.NuclearNorm(2), ci.LowRank(2),
    ci.Blocks(ci.UnitNorm(), 2),
)  # fmt: skip
SQUARE = (
    ci.DoublyStochastic(), ci.Circulant(), ci.Symmetric(), ci.SkewSymmetric(),
    ci.PositiveSemidefinite(0.01), ci.PositiveSemidefinite(rank=1), ci.Dissipative(0.1),
    ci.Correlation(), ci.SpecialOrthogonal(), ci.CholeskyFactor(), ci.CorrelationCholesky(),
)  # fmt: skip
TOGETHER = (
    ci.NonNegative() & ci.UnitNorm(), ci.Box(0, 1) & ci.MaxNorm(1), ci.Simplex() & ci.TopK(2),
)  # fmt: skip
BY_INPUT = (  # sets that are given a value for each input
    lambda fan_in: ci.Sign(np.resize([1, -1], fan_in)),
    lambda fan_in: ci.Fixed(np.resize([[True], [False]], (fan_in, 4)), 0.25),
    lambda fan_in: ci.Halfspace(np.resize([1.0, 2.0], fan_in), 0.5),
    lambda fan_in: ci.Box(np.resize([0.0, -0.1], (fan_in, 1)), np.resize([0.2, 0.1], (fan_in, 1))),
    lambda fan_in: ci.Transport([4.0] * fan_in, [float(fan_in)] * 4),
    lambda fan_in: ci.Masked(ci.NonNegative(), np.resize([[True], [False]], (fan_in, 4))),
)
FAN_INS = (1, 2, 16, 256, 4096, 65_536)
DTYPES = ("float32", "float16", "bfloat16", "float64")


def draws(fan_ins):
    """Each set with each shape that its members are drawn in."""
    for fan_in in fan_ins:
        yield from ((a_set, (fan_in, 4)) for a_set in SETS)
        yield from ((make(fan_in), (fan_in, 4)) for make in BY_INPUT)
        yield from ((a_set, (fan_in, 4)) for a_set in TOGETHER)
        yield ci.ConvSpectralNorm(), (1, 3, fan_in, 4)
        if fan_in > 1:
            yield ci.Affine(np.resize([1.0, 2.0], fan_in), 0.5), (fan_in, 4)
        if fan_in % 4 == 0:
            yield ci.Sparse(2, 4), (fan_in, 4)
        if fan_in <= 256:
            yield from ((a_set, (fan_in, fan_in)) for a_set in SQUARE)


def arithmetic(dtype):
    """A context in which the backend can hold `dtype`: JAX has float64 only where it is let."""
    if keras.backend.backend() == "jax" and dtype == "float64":
        import jax

        return jax.enable_x64(True)
    return contextlib.nullcontext()


def members(fan_ins, dtypes=DTYPES, in_turn=False):
    """How many draws are members after rounding.

    Args:
        fan_ins: How many weights feed a unit.
        dtypes: Storage dtypes.
        in_turn: Whether draws are planned and not planned in turn; else each is both.
    """
    count, outside = 0, []
    for a_set, shape in draws(fan_ins):
        for dtype in dtypes:
            starts = (None, "tanh")
            for phi in starts[count % 2 :][:1] if in_turn else starts:
                with arithmetic(dtype):
                    drawn = Feasible(a_set, count, activation=phi, depth=6)(shape, dtype=dtype)
                    if float(a_set.violation(drawn)) != 0:
                        outside.append(f"{a_set!r:.60} {shape} {dtype} {phi}")
                count += 1
    kinds = len(SETS) + len(BY_INPUT) + len(SQUARE) + len(TOGETHER) + 3
    inputs = ", ".join(f"{fan_in:,}" for fan_in in fan_ins)
    print(
        f"members after rounding: {count - len(outside)} of {count} draws, {kinds} sets, fan-in "
        f"{inputs} (square matrices to 256), "
        f"{', '.join(dtypes)}; goal 100 %",
        flush=True,
    )
    if outside:
        print(f"outside: {', '.join(outside)}", flush=True)


def first_step():
    """How far the first step moves a weight, and how far the gradient alone would."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(128, 256)).astype("float32")
    y = rng.normal(size=(128, 256)).astype("float32")
    pairs = (
        ("NonNegative", keras.constraints.NonNeg(), ci.NonNegative()),
        ("Box(0.1, 1)", ci.Box(0.1, 1), ci.Box(0.1, 1)),
        ("UnitNorm", keras.constraints.UnitNorm(axis=0), ci.UnitNorm()),
    )
    for name, theirs, ours in pairs:
        shown = []
        for start, arguments in (
            ("Keras", {"kernel_constraint": theirs, "activation": "tanh"}),
            ("ours", ci.constrained(kernel=ours, activation="tanh")),
        ):
            keras.utils.set_random_seed(0)
            model = keras.Sequential([keras.Input((256,)), layers.Dense(256, **arguments)])
            kernel = model.layers[0].kernel
            before = np.asarray(keras.ops.convert_to_numpy(kernel), "float64")
            moved, free = [], []
            for constraint, into in ((kernel.constraint, moved), (None, free)):
                kernel.assign(before.astype("float32"))
                kernel.constraint = constraint
                bias = model.layers[0].bias
                kept = keras.ops.convert_to_numpy(bias)
                model.compile(keras.optimizers.SGD(1e-3), "mse")
                model.train_on_batch(x, y)
                bias.assign(kept)
                after = np.asarray(keras.ops.convert_to_numpy(kernel), "float64")
                into.append(np.linalg.norm(after - before) / np.linalg.norm(before))
            shown.append(f"{start} {moved[0]:.3g} = {moved[0] / free[0]:.4g} x the gradient's")
        print(f"first step (SGD 1e-3), {name}: {', '.join(shown)}; goal for ours 1.5 x")


def plans():
    """The largest distance of a law's moments from those of its draws, in standard errors."""
    worst, planned = ("", 0.0), (*SETS, *SQUARE)
    for a_set in planned:
        for wanted in (Wanted(), Wanted(1.2, 1.1, 0.05, even=True)):
            resolved, shape = a_set.resolve((0,)), (128, 128)
            law = resolved._law_of(shape, (0,), wanted)
            draws = [resolved._draw(shape, "float32", s, wanted, (0,)) for s in range(40)]
            w = np.stack(
                [
                    keras.ops.convert_to_numpy(resolved.project(keras.ops.cast(d, "float32")))
                    for d in draws
                ]
            ).astype("float64")
            sums, squares = w.sum(1), np.square(w).sum(1)
            facts = [
                (sums.mean(1), law.total),
                (squares.mean(1), law.norm**2),
            ]
            if law.positive:
                facts.append((sums.mean(1) ** 2 / squares.mean(1), law.effective_inputs))
            for values, expected in facts:
                spread = values.std(ddof=1) / math.sqrt(len(values))
                rounding = 1e-5 * (abs(expected) + law.norm)
                errors = abs(values.mean() - expected) / (spread + rounding / 3)
                worst = max(worst, (repr(a_set), errors), key=lambda pair: pair[1])
    print(
        f"plan against Monte Carlo (mean, norm, effective inputs of {len(planned)} sets): at most "
        f"{worst[1]:.2f} standard errors, {worst[0]}; goal 3"
    )


def signals():
    """How much of the data is left behind 20 layers of 64 units, for sets that atlas has not."""
    rng = np.random.default_rng(1)
    odd, low = np.arange(64)[:, None] % 2, rng.uniform(0, 0.05, (64, 1))
    sets = {
        "L1Sphere(1)": ci.L1Sphere(1), "Unimodal()": ci.Unimodal(),
        "SingularValues(0.5, 2)": ci.SingularValues(0.5, 2),
        "PositiveSemidefinite(rank=8)": ci.PositiveSemidefinite(rank=8),
        "Dissipative(0.1)": ci.Dissipative(0.1), "CholeskyFactor()": ci.CholeskyFactor(),
        "CorrelationCholesky()": ci.CorrelationCholesky(),
        "Simplex() & TopK(4)": ci.Simplex() & ci.TopK(4),
        "Transport, even": ci.Transport([1.0] * 64, [1.0] * 64),
        "Affine, values 0": ci.Affine(rng.normal(size=(3, 64))),
        "Affine, sum 2": ci.Affine(np.ones((1, 64)), 2.0), "SumTo(2)": ci.SumTo(2),
        "Box, lower bounds of 0 to 0.05": ci.Box(low, 1.0),
        "Box, bounds of 0.1 to 1 both ways": ci.Box(-1 + 15 * low, 1 - 15 * low),
        "Box, signs": ci.Box(np.where(odd, 0, -np.inf), np.where(odd, np.inf, 0)),
        "Sign, the same": ci.Sign(np.where(odd, 1, -1)),
    }  # fmt: skip
    x = np.random.default_rng(0).normal(size=(256, 64)).astype("float32")
    for name, a_set in sets.items():
        shown = []
        for activation in ("tanh", "relu"):
            keras.utils.set_random_seed(0)
            model = keras.Sequential([keras.Input((64,))])
            for index in range(20):
                inputs = "data" if index == 0 else None
                start = ci.constrained(kernel=a_set, activation=activation, depth=20, inputs=inputs)
                model.add(layers.Dense(64, **start))
            outputs = keras.ops.convert_to_numpy(model(x))
            shown.append(f"{activation} {outputs.std(axis=0).mean():.2g}")
        print(f"deviation over the data behind 20 layers, {name}: {', '.join(shown)}", flush=True)


PARTS = {"members": members, "first_step": first_step, "plans": plans, "signals": signals}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", action="append", choices=PARTS)
    parser.add_argument("--fan-in", action="append", type=int, choices=FAN_INS, help="of members")
    parser.add_argument("--dtype", action="append", choices=DTYPES, help="of members")
    parser.add_argument("--in-turn", action="store_true", help="half of the draws of members")
    chosen = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)
    for name in chosen.part or PARTS:
        if name == "members":
            members(chosen.fan_in or FAN_INS, chosen.dtype or DTYPES, chosen.in_turn)
        else:
            PARTS[name]()

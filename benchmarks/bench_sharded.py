"""What a projection sends between devices that share a kernel; on JAX, for eight virtual devices.

python benchmarks/bench_sharded.py [SET ...]       # prints a line for each set
python benchmarks/bench_sharded.py --json FILE [SET ...]
python benchmarks/bench_sharded.py --write         # writes docs/sharding.md

Counted in the program that JAX compiles for one projection of a 256x256 kernel: what each device
receives, as the results of its collectives, once each.
"""

import argparse
import json
import os
import re
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
os.environ["XLA_FLAGS"] = (
    f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
)

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

import constrainit as ci

PAGE = Path(__file__).parents[1] / "docs" / "sharding.md"
SIZE = 256
COLLECTIVES = "all-gather|all-reduce|reduce-scatter|collective-permute|all-to-all"
_ROW = np.ones(SIZE, "float32")

SETS = {
    "NonNegative()": ci.NonNegative(),
    "Positive()": ci.Positive(),
    "Box(-1, 1)": ci.Box(-1, 1),
    "MaxAbs(1)": ci.MaxAbs(1),
    "Sign(pattern)": ci.Sign(np.ones((SIZE, SIZE))),
    "Fixed(mask)": ci.Fixed(np.eye(SIZE)),
    "Grid(0.5)": ci.Grid(0.5),
    "UnitNorm()": ci.UnitNorm(),
    "MaxNorm(1)": ci.MaxNorm(1),
    "NormRange(0.5, 2)": ci.NormRange(0.5, 2),
    "L1Ball(1)": ci.L1Ball(1),
    "L1Sphere(1)": ci.L1Sphere(1),
    "GroupL1Ball(1)": ci.GroupL1Ball(1),
    "Simplex()": ci.Simplex(),
    "SumTo(1)": ci.SumTo(1),
    "ZeroMean()": ci.ZeroMean(),
    "Halfspace(normal, 1)": ci.Halfspace(_ROW, 1),
    "Affine(matrix)": ci.Affine(np.eye(2, SIZE)),
    "Polyhedron(matrix)": ci.Polyhedron(np.eye(2, SIZE)),
    "RowStochastic()": ci.RowStochastic(),
    "ColumnStochastic()": ci.ColumnStochastic(),
    "DoublyStochastic()": ci.DoublyStochastic(),
    "Transport(rows, columns)": ci.Transport(_ROW, _ROW),
    "Monotone()": ci.Monotone(),
    "Convex()": ci.Convex(),
    "Concave()": ci.Concave(),
    "Unimodal()": ci.Unimodal(),
    "TopK(4)": ci.TopK(4),
    "Sparse(2, 4)": ci.Sparse(2, 4),
    "Triangular()": ci.Triangular(),
    "Diagonal()": ci.Diagonal(),
    "Banded(1, 1)": ci.Banded(1, 1),
    "Toeplitz()": ci.Toeplitz(),
    "Circulant()": ci.Circulant(),
    "Symmetric()": ci.Symmetric(),
    "SkewSymmetric()": ci.SkewSymmetric(),
    "PositiveSemidefinite()": ci.PositiveSemidefinite(),
    "Dissipative()": ci.Dissipative(),
    "Correlation()": ci.Correlation(),
    "CholeskyFactor()": ci.CholeskyFactor(),
    "CorrelationCholesky()": ci.CorrelationCholesky(),
    "Orthogonal()": ci.Orthogonal(),
    "SpecialOrthogonal()": ci.SpecialOrthogonal(),
    "SingularValues(0.5, 2)": ci.SingularValues(0.5, 2),
    "SpectralNorm(1)": ci.SpectralNorm(1),
    "NuclearNorm(1)": ci.NuclearNorm(1),
    "LowRank(4)": ci.LowRank(4),
}
LEFT_OUT = {
    "as the set in it": (
        "Blocks", "Braked", "Every", "Intersection", "Mapped", "Masked", "Product", "Relaxed",
        "SelfStarting",
    ),
    "as the function": ("Custom",),
    "of kernels of rank four": ("ConvSpectralNorm",),
}  # fmt: skip
"""Sets without a row, by the reason."""

HEAD = """# Kernels that several devices share

Where a kernel is sharded (`keras.distribution.ModelParallel`), what one projection of a
{size}x{size} float32 kernel ({bytes:,} bytes) receives on each of eight devices at a step, in
bytes: the results of the collectives in the program that JAX {jax} compiles, counted by
`python benchmarks/bench_sharded.py --write`. What stands in a loop is counted once. With replicas
(data parallel) each device projects its own copy and sends nothing.

Shard by units where the set is one of units. A set without a row costs what the set in it does,
`Custom` what its function does.

| set | units over the devices | what feeds a unit over the devices |
|---|---|---|
"""


def received(a_set, spec):
    """The bytes that a device receives in one projection of a kernel that is sharded so."""
    mesh = Mesh(np.asarray(jax.devices()), ("model",))
    sharding = NamedSharding(mesh, spec)
    kernel = jax.ShapeDtypeStruct((SIZE, SIZE), "float32", sharding=sharding)
    image = jax.jit(a_set.resolve((0,)).project, out_shardings=sharding)
    text = image.lower(kernel).compile().as_text()
    lines = re.findall(rf" = (.+?) (?:{COLLECTIVES})(?:-start)?\(", text)
    shapes = [part for line in lines for part in re.findall(r"([a-z]+)(\d*)\[([\d,]*)\]", line)]
    return sum(
        # A truth value is `pred`, a byte.
        int(bits or 8) // 8 * int(np.prod([int(n) for n in shape.split(",") if n] or [1]))
        for _, bits, shape in shapes
    )


def measure(name):
    """By units over the devices, and by what feeds a unit over them."""
    specs = PartitionSpec(None, "model"), PartitionSpec("model", None)
    return [received(SETS[name], spec) for spec in specs]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    found = {}
    for name in given.sets or SETS:
        found[name] = measure(name)
        print(f"{name:26} {found[name][0]:>12,} {found[name][1]:>12,}", flush=True)
    if given.json:
        given.json.write_text(json.dumps(found))
    if given.write:
        head = HEAD.format(size=SIZE, bytes=4 * SIZE**2, jax=jax.__version__)
        rows = (f"| `{name}` | {units:,} | {fed:,} |\n" for name, (units, fed) in found.items())
        PAGE.write_text(head + "".join(rows))


if __name__ == "__main__":
    main()

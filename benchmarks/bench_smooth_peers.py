"""Orthogonal and low-rank weights through maps, against geotorch and torch, on PyTorch.

Each row: the weight from its free value and the gradient back to it, once each, in turns with the
others. The error is that of the weight: `||W'W - I||_F`, or the singular value that should be zero.
"""

# isort: off
import cores  # noqa: F401
# isort: on

import argparse
import resource
import subprocess
import sys
import time

import keras
import numpy as np
import sets_timing as timing

import constrainit as ci

# What geotorch does with a tall matrix takes minutes; longer than this nobody waits.
PATIENCE = 120


def main():
    """Prints the three tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--tall", choices=sorted(TALL), help="one row of the second table")
    given = parser.parse_args()
    if keras.backend.backend() != "torch":
        print("the peers are PyTorch's: KERAS_BACKEND=torch")
        return
    if given.tall:
        tall(given.tall, (3000, 20) if given.quick else (30_000, 50))
        return
    import torch

    seconds = 1.0 if given.quick else 10.0
    for size in (64,) if given.quick else (512, 1024):
        table(f"orthogonal {size} x {size} (goal: at most 0.8 of the best peer)", seconds, {
            "constrainit": ours(ci.Orthogonal(), (size, size)),
            "geotorch cayley": geotorch("orthogonal", size, triv="cayley"),
            "geotorch, compiled": geotorch("orthogonal", size, compiled=True, triv="cayley"),
            "geotorch expm": geotorch("orthogonal", size, triv="expm"),
            "torch cayley": torch_orthogonal(size, "cayley"),
            "torch, compiled": torch_orthogonal(size, "cayley", compiled=True),
            "torch matrix_exp": torch_orthogonal(size, "matrix_exp"),
            "torch householder": torch_orthogonal(size, "householder"),
        }, unorthogonal)  # fmt: skip
    size, rank = (64, 4) if given.quick else (1024, 32)
    table(f"rank {rank} of {size} x {size} (goal: at most 0.01 of geotorch)", seconds, {
        "constrainit": ours(ci.LowRank(rank), (size, size)),
        "geotorch": geotorch("low_rank", size, rank=rank),
    }, lambda w: float(torch.linalg.svdvals(w)[rank]))  # fmt: skip
    print("tall orthogonal: made, and one step (goal: seconds, memory near that of the weight)")
    for name in TALL:
        command = [sys.executable, __file__, "--tall", name, *(["--quick"] if given.quick else [])]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
            shown = done.stdout.strip() or f"failed: {done.stderr.strip().splitlines()[-1]}"
        except subprocess.TimeoutExpired:
            shown = f"given up after {PATIENCE} s"
        print(f"  {name:18} {shown}", flush=True)


def table(title, seconds, rows, error):
    """Times the rows in turns, the first one over each."""
    print(title, flush=True)
    times = timing.race([step for step, _ in rows.values()], seconds)
    for (name, (_, weight)), own in zip(rows.items(), times, strict=True):
        ratio = times[0].median / own.median
        print(f"  {name:18} {own.median:9.2f} ms, constrainit over it {ratio:6.3f}, "
              f"error {error(weight().detach()):.1e}", flush=True)  # fmt: skip


def unorthogonal(w):
    """How far a matrix is from orthogonal."""
    w = w.double().numpy()
    return float(np.linalg.norm(w.T @ w - np.eye(w.shape[1])))


def ours(a_set, shape):
    """The step and the weight of this library, as a training step has them."""
    import torch

    smooth, cotangent = a_set.transform, torch.randn(shape)
    w = a_set.initializer(0)(shape)
    start = smooth.right_inverse(w)
    free = torch.nn.Parameter(start + 1e-4 * torch.randn_like(start))
    if smooth.based:
        base = smooth.base(w, smooth.right_inverse(w))
        return stepping(lambda: smooth.around(free, base), free, cotangent)
    return stepping(lambda: smooth.forward(free, shape), free, cotangent)


def stepping(weight, free, cotangent):
    """A step that computes a weight and its gradient."""

    def step():
        free.grad = None
        (weight() * cotangent).sum().backward()

    return step, weight


def geotorch(kind, size, compiled=False, **named):
    """The step and the weight of geotorch."""
    import geotorch
    import torch

    layer = torch.nn.Linear(size, size, bias=False)
    getattr(geotorch, kind)(layer, "weight", **named)
    return of_layer(layer, size, compiled)


def torch_orthogonal(size, kind, compiled=False):
    """The step and the weight of torch's own parametrization."""
    import torch

    layer = torch.nn.Linear(size, size, bias=False)
    torch.nn.utils.parametrizations.orthogonal(layer, orthogonal_map=kind)
    return of_layer(layer, size, compiled)


def of_layer(layer, size, compiled=False):
    """The step and the weight of a layer of torch that is parametrized.

    `parametrize.cached` is left out: it computes a weight once that is read several times, and in
    this step it is read once.
    """
    import torch

    free = list(layer.parameters())
    with torch.no_grad():
        for one in free:
            one += 1e-4 * torch.randn_like(one)
    cotangent = torch.randn(size, size)
    value = (torch.compile if compiled else lambda f: f)(lambda: (layer.weight * cotangent).sum())

    def step():
        for one in free:
            one.grad = None
        value().backward()

    # Compiled before it is timed.
    step()
    return step, lambda: layer.weight


def tall_ours(shape):
    """A layer of this library, and its step."""
    layer = ci.Reparametrized(keras.layers.Dense(shape[1], use_bias=False), kernel=ci.Orthogonal())
    layer.build((None, shape[0]))
    optimizer = keras.optimizers.SGD(0.01)
    [free] = layer.trainable_weights

    def step(x):
        (layer(x) ** 2).sum().backward()
        optimizer.apply([free.value.grad], [free])
        return layer.layer.kernel.value

    return step


def tall_geotorch(shape):
    """A layer of torch with geotorch's map, and its step."""
    import geotorch
    import torch

    layer = torch.nn.Linear(*shape, bias=False)
    geotorch.orthogonal(layer, "weight")
    optimizer = torch.optim.SGD(layer.parameters(), 0.01)

    def step(x):
        (layer(x) ** 2).sum().backward()
        optimizer.step()
        return layer.weight.T

    return step


TALL = {"constrainit": tall_ours, "geotorch": tall_geotorch}


def tall(name, shape):
    """Prints the time and the memory of a layer and one step of it."""
    import torch

    x = torch.randn(8, shape[0])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    weight = TALL[name](shape)(x)
    seconds = time.perf_counter() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    size = 4 * shape[0] * shape[1] / 2**20
    print(f"{seconds:.2f} s, {grown:.0f} MiB more for a weight of {size:.1f} MiB, "
          f"error {unorthogonal(weight.detach()):.1e}")  # fmt: skip


if __name__ == "__main__":
    main()

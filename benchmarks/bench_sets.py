"""Sets against their peers: time, error and violation; the price of a step; growth with size."""

# isort: off
import cores  # noqa: F401
# isort: on

import argparse
from pathlib import Path

import numpy as np
import sets_output as output
import sets_timing as timing
from sets_inputs import array, glorot, inputs, tensor
from sets_matches import MATCHES
from sets_steps import steps

MAIN = ("one step", "Glorot")
SIZES = (64, 128, 256, 512, 1024, 2048, 4096)
LONGEST = 20_000.0  # milliseconds


def quick_shape(shape):
    """A small shape of the same form."""
    return tuple(max(n // 16, 4) for n in shape)


def compare(match, quick, patience):
    """A row for each input: ours and the peers in turns, with errors and violations."""
    shape = quick_shape(match.shape) if quick else match.shape
    if "LowRank" in match.set and quick:
        return
    a_set = match.make()
    runners = {"ours": timing.compiled(a_set)}
    for name, make in match.peers.items():
        try:
            runners[name] = timing.compiled(make(shape))
        except ModuleNotFoundError as missing:
            print(f"{match.set}: without {name}, as {missing.name} is not installed")
    for name, w in inputs(a_set, shape).items():
        taking_part = {
            who: run for who, run in runners.items() if name in MAIN or who not in match.spared
        }
        calls = [lambda run=run, w=w: run(w) for run in taking_part.values()]
        seconds = 0.05 if quick else patience * (8.0 if name in MAIN else 1.0)
        times = timing.race(calls, seconds, new=name in ("one step", "bfloat16"))
        # Of zeros and of a matrix of rank one several invertible ones are nearest.
        several = match.name in ("Orthogonal", "SingularValues") and name in ("zeros", "rank one")
        reference = None if several else match.nearest(array(w))
        for (who, run), time in zip(taking_part.items(), times, strict=True):
            image = array(run(w))
            yield {
                "task": "projection", "set": match.set, "size": "x".join(map(str, shape)),
                "input": name, "who": who, **output.figures(time),
                "error": "" if who.startswith("(map)") else error(image, reference),
                "violation": match.off(image) if np.isfinite(image).all() else np.nan,
                "ratio": times[0].median / time.median if who != "ours" else "",
            }  # fmt: skip


def error(image, reference):
    """The largest difference of an entry, relative to the largest entry of the reference."""
    if reference is None:
        return ""
    return np.abs(image - reference).max() / (np.abs(reference).max() or 1.0)


def growth(match, quick, patience):
    """The time of a projection of a Glorot draw for sizes up to where it takes too long."""
    a_set, median = match.make(), 0.0
    for n in SIZES[:2] if quick else SIZES:
        if 8 * median > LONGEST:
            return
        run, w = timing.compiled(a_set), tensor(glorot((n, n)))
        [time] = timing.race([lambda run=run, w=w: run(w)], 0.05 if quick else patience)
        median = time.median
        yield {
            "task": "growth", "set": match.set, "size": f"{n}x{n}", "input": "Glorot",
            "who": "ours", **output.figures(time),
        }  # fmt: skip


def main():
    """Prints the tables; writes figures and picture set by set, unless it is the quick run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, nothing is written")
    parser.add_argument("--sets", default=[""], nargs="+", help="only sets whose name holds one")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[1] / "docs")
    parser.add_argument("--patience", type=float, default=1.0, help="times the usual seconds")
    given = parser.parse_args()
    chosen = [match for match in MATCHES if any(name in match.set for name in given.sets)]
    how = given.quick, given.patience
    name = "benchmarks-gpu" if timing.ON_GPU else "benchmarks"
    for match in chosen:
        rows = list(compare(match, *how))
        output.print_projections(match, rows)
        if not match.heavy or match.name == "Simplex":
            rows += (found := list(steps(match, *how)))
            output.print_steps(found)
        if match.heavy:
            rows += (found := list(growth(match, *how)))
            output.print_growth(found)
        if not given.quick:
            output.write(rows, given.folder / f"{name}.csv")


if __name__ == "__main__":
    main()

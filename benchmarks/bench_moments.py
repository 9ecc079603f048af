"""How far outside of their sets weights are at each moment, with `constrainit` and without.

Prints the table of the backend that is set; `--write` runs all three and writes docs/moments.md.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "moments.md"
BACKENDS = ("jax", "tensorflow", "torch")
HEAD = """# Moments

How far outside of its set a weight is, in the units of the weight, at the moments at which Keras
does not apply constraints, or not at last. "ours": `constrained`, `KeepFeasible()` where there is a
`fit`, `evaluate` or `predict`, one line of [hold.md](hold.md) elsewhere. "Keras": `NonNeg()`,
`UnitNorm()` and, for the orthogonal matrix that Keras does not have, the polar factor as a
function. 0: within the tolerance of float32. Kernels of 4x3, SGD(0.1). Written by
`python benchmarks/bench_moments.py --write` (Keras {keras}, {versions}).

"""


def measured():
    """The violations of this backend: by title, a pair of dictionaries."""
    import keras
    import moments

    found = {}
    for title, function in moments.MOMENTS.items():
        found[title] = []
        for ours in (True, False):
            keras.utils.set_random_seed(0)
            found[title].append(function(moments.Trial(ours)))
    return found


def _of_backend(backend):
    environment = {**os.environ, "KERAS_BACKEND": backend}
    command = [sys.executable, __file__, "--json"]
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def table(found):
    """Rows of moment and set, with the backends' columns."""
    heads = [f"{who} {backend}" for who in ("ours,", "Keras,") for backend in found]
    lines = [f"| moment | set | {' | '.join(heads)} |", "|---" * (2 + len(heads)) + "|"]
    for title, (first, _) in next(iter(found.values())).items():
        for name in first:
            cells = [f"{found[b][title][who][name]:.3g}" for who in (0, 1) for b in found]
            lines.append(f"| {title} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main():
    """Prints or writes the table."""
    import keras

    if "--write" in sys.argv:
        versions = ", ".join(f"{b} {__import__(b).__version__}" for b in BACKENDS)
        head = HEAD.format(keras=keras.__version__, versions=versions)
        PAGE.write_text(head + table({b: _of_backend(b) for b in BACKENDS}))
    elif "--json" in sys.argv:
        print(json.dumps(measured()))
    else:
        print(table({keras.backend.backend(): measured()}))


if __name__ == "__main__":
    main()

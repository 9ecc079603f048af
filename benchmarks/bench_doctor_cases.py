"""The doctor on real faulty models and healthy controls: is the first finding the right one?

For each case the first finding at warning level or above has to name one of the causes that its
JSON file lists, and its layer or weight where it lists one. Cases whose fault does not happen on
the backend are left out. `--only TEXT` takes the cases whose name holds TEXT.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import keras
from rich.console import Console
from rich.table import Table

import constrainit as ci

CASES = Path(__file__).parents[1] / "tests" / "doctor_cases"
sys.path.insert(0, str(CASES))
import expected  # noqa: E402


def main():
    """Prints a line for each case and the shares over all of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of the name of the cases")
    only = parser.parse_args().only
    warnings.simplefilter("ignore")
    table = Table("case", "first finding", "where", "right", "treatment", "seconds")
    rows = [row for path in expected.faulty() if only in path.stem for row in _faulty(path)]
    for row in rows:
        table.add_row(*map(str, row[:5]), f"{row[5]:.1f}")
    console = Console(width=140)
    console.print(table)
    backend = keras.backend.backend()
    healthy = [p for p in expected.healthy() if only in p.stem and expected.happens(p, backend)]
    alarms = [path.stem for path in healthy if not _report(path)[0].ok]
    right = sum(row[3] == "yes" for row in rows)
    tried = [row for row in rows if row[4] != "none"]
    healed = sum(row[4] == "healed" for row in tried)
    console.print(
        f"{backend}: the first finding is right in {right} of {len(rows)} faulty models; "
        f"a treatment healed {healed} of {len(tried)} that have one; alarms on {len(alarms)} of "
        f"{len(healthy)} healthy ones {alarms or ''}"
    )


def _faulty(path):
    if not expected.happens(path, keras.backend.backend()):
        return
    report, seconds = _report(path)
    counted = [f for f in report.findings if f.counts]
    if not counted:
        yield path.stem, "none", "", "no", "none", seconds
        return
    first = counted[0]
    right = "yes" if expected.is_right(path, first) else "no"
    tried = [f.treatment for f in counted if f.treatment]
    healed = first.treatment is not None and first.treatment.healed
    best = "healed" if healed else "not" if tried else "none"
    yield path.stem, first.code, first.weight or first.layer, right, best, seconds


def _report(path):
    keras.utils.clear_session()
    model, batch = expected.load(path)
    begin = time.perf_counter()
    return ci.diagnose(model, *batch), time.perf_counter() - begin


if __name__ == "__main__":
    main()

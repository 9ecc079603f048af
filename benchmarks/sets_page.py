"""The tables of docs/benchmarks.md, from the figures in docs/benchmarks.csv."""

import csv
import math
import re
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"
FIGURES = PAGE.with_suffix(".csv")
BACKENDS = {"jax": "JAX", "tensorflow": "TensorFlow", "torch": "PyTorch"}
USUAL = ("one step", "Glorot")
# Work on a square matrix of side n grows with this power of n; for all others it is the third.
ORDERS = {"Simplex": 2, "L1Ball": 2, "Monotone": 2}


def rows_of(path=FIGURES):
    """The rows, with numbers for numbers and None for what was left out."""
    numbers = ("median_ms", "best_ms", "first_ms", "ratio", "error", "violation")
    with path.open(newline="") as file:
        return [
            {**row, **{name: float(row[name]) if row[name] else None for name in numbers}}
            for row in csv.DictReader(file)
        ]


def order(a_set):
    """The power of the side with which the work on a square matrix grows."""
    return ORDERS.get(a_set.split("(")[0], 3)


def short(number):
    """Three digits, or nothing."""
    if number is None:
        return ""
    return f"{number:.3g}" if abs(number) < 1000 else f"{number:.0f}"


def markdown(heads, rows):
    """A table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def pick(rows, **wanted):
    """The rows with these values."""
    return [row for row in rows if all(row[name] == value for name, value in wanted.items())]


def names(rows):
    """The sets, in the order of the file."""
    return list(dict.fromkeys(row["set"] for row in rows))


def worst(rows, name):
    """The largest number that was measured, where a NaN is larger than all."""
    found = [row[name] for row in rows if row[name] is not None]
    return max(found, key=lambda x: math.inf if math.isnan(x) else x, default=None)


def projections(rows):
    """Ours beside each peer that projects, for the usual inputs."""
    for row in rows:
        if row["task"] != "projection" or row["input"] not in USUAL or row["ratio"] is None:
            continue
        if row["who"].startswith("(map)"):
            continue
        [ours] = pick(
            rows, task="projection", who="ours",
            **{name: row[name] for name in ("backend", "set", "size", "input")},
        )  # fmt: skip
        yield [
            f"`{row['set']}`, {row['size']}", row["input"], BACKENDS[row["backend"]],
            short(ours["median_ms"]), f"{row['who']} {short(row['median_ms'])}",
            short(row["ratio"]), f"{short(ours['error'])} ({short(row['error'])})",
            f"{short(ours['violation'])} ({short(row['violation'])})",
        ]  # fmt: skip


def matrices(rows):
    """Sets of matrices one step off, and what maps of other libraries take."""
    own = [row for row in pick(rows, task="projection", input="one step") if cubic(row)]
    for a_set in names(own):
        ours = pick(own, set=a_set, who="ours")
        peers = [row for row in pick(own, set=a_set) if row["who"] != "ours"]
        times = {row["backend"]: short(row["median_ms"]) for row in ours}
        yield [
            f"`{a_set}`, {ours[0]['size']}", *(times.get(name, "") for name in BACKENDS),
            short(worst(ours, "error")), short(worst(ours, "violation")),
            ", ".join(f"{beside(row)} {short(row['median_ms'])}" for row in peers),
        ]  # fmt: skip


def cubic(row):
    """Whether a set is one of matrices as a whole."""
    return order(row["set"]) == 3 and row["set"].split("(")[0] not in (
        "NonNegative", "Box", "MaxNorm", "UnitNorm", "DoublyStochastic",
    )  # fmt: skip


def beside(row):
    """A peer, with its backend where that is not PyTorch's alone."""
    return (
        row["who"] if row["backend"] == "torch" else f"{row['who']} on {BACKENDS[row['backend']]}"
    )


def by_backend(rows, cell):
    """A line for each set: what `cell` says of its rows on each backend."""
    for a_set in names(rows):
        own = pick(rows, set=a_set)
        yield [f"`{a_set}`", *(cell(pick(own, backend=backend)) for backend in BACKENDS)]


def hard(rows):
    """The worst error and the worst violation on hard inputs."""
    own = pick(rows, task="projection", who="ours")
    own = [row for row in own if row["input"] not in (*USUAL, "bfloat16")]
    return by_backend(own, lambda r: f"{short(worst(r, 'error'))} / {short(worst(r, 'violation'))}")


def steps(rows):
    """A training step as a multiple of the unconstrained one, and Keras' own in brackets."""

    def cell(found):
        ours = [row["ratio"] for row in found if row["who"] == "ours"]
        peers = [row["ratio"] for row in found if row["who"] not in ("ours", "unconstrained")]
        return " ".join([*map(short, ours), *(f"({short(ratio)})" for ratio in peers)])

    return by_backend(pick(rows, task="step"), cell)


def growth(rows):
    """The power of the side with which the time grew over the last doublings, and up to where."""
    own = pick(rows, task="growth")
    orders = [str(order(a_set)) for a_set in names(own)]
    for (name, *cells), power in zip(by_backend(own, slope), orders, strict=True):
        yield [name, power, *cells]


def slope(rows):
    """Between a quarter of the largest side and the largest, or nothing."""
    times = {int(row["size"].split("x")[0]): row["median_ms"] for row in rows}
    if len(times) < 2:
        return ""
    largest = max(times)
    smaller = largest // 4
    power = math.log(times[largest] / times[smaller]) / math.log(largest / smaller)
    return f"{power:.2f} ({smaller} to {largest})"


TABLES = {
    "projections": (
        ["set", "input", "backend", "ours, ms", "peer, ms", "ours / peer", "error (peer's)",
         "off by (peer's)"], projections),
    "matrices": (
        ["set", *(f"{name}, ms" for name in BACKENDS.values()), "error", "off by",
         "others, ms"], matrices),
    "hard": (["set", *BACKENDS.values()], hard),
    "steps": (["set", *BACKENDS.values()], steps),
    "growth": (["set", "order", *BACKENDS.values()], growth),
}  # fmt: skip


def page(text, rows):
    """The text with its tables made anew."""
    for name, (heads, make) in TABLES.items():
        begin, end = f"<!-- table: {name} -->\n", f"\n<!-- end: {name} -->"
        table = markdown(heads, make(rows))
        pattern = re.escape(begin) + ".*?" + re.escape(end)
        text, found = re.subn(pattern, lambda _, t=begin + table + end: t, text, flags=re.DOTALL)
        if found != 1:
            raise ValueError(f"The page must hold the table {name!r} once, not {found} times.")
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(), rows_of()))

"""Tables, the CSV file and the picture of the benchmark of sets."""

import csv

import keras
import numpy as np
from rich.console import Console
from rich.table import Table

COLUMNS = (
    "backend", "task", "set", "size", "input", "who", "median_ms", "best_ms", "first_ms", "ratio",
    "error", "violation",
)  # fmt: skip
COLOURS = {"jax": "#2f79b5", "tensorflow": "#e6691a", "torch": "#7f2704"}
CONSOLE = Console(width=120)


def figures(time):
    """What a row holds of a `Time`."""
    first = "" if time.first is None else time.first
    return {"median_ms": time.median, "best_ms": time.best, "first_ms": first}


def short(value):
    """A number in three digits."""
    return value if isinstance(value, str) else f"{value:.3g}"


def rank(number):
    """What is worse comes last: a NaN is the worst."""
    return np.inf if np.isnan(number) else number


def hardest(rows):
    """Of the hard inputs, for each runner the worst error and violation and the slowest median."""
    for who in dict.fromkeys(row["who"] for row in rows):
        own = [row for row in rows if row["who"] == who]
        worst = {
            name: max((r[name] for r in own if r[name] != ""), default="", key=rank)
            for name in ("median_ms", "best_ms", "first_ms", "ratio", "error", "violation")
        }
        yield {**own[0], "input": f"worst of {len(own)} hard", **worst}


def print_projections(match, rows):
    """A table of one set: the usual inputs, and the worst of the hard ones."""
    if not rows:
        return
    table = Table(title=f"{match.set}, {rows[0]['size']}; goal {match.goal or 'none'}")
    heads = ("input", "who", "median ms", "best ms", "first ms", "ours / peer", "error", "off by")
    for head in heads:
        table.add_column(head, justify="left" if head in ("input", "who") else "right")
    usual = [row for row in rows if row["input"] in ("one step", "Glorot", "bfloat16")]
    hard = [row for row in rows if row not in usual]
    for row in (*usual, *hardest(hard)):
        names = ("median_ms", "best_ms", "first_ms", "ratio", "error", "violation")
        table.add_row(row["input"], row["who"], *(short(row[name]) for name in names))
    CONSOLE.print(table)


def print_steps(rows):
    """One table: what a training step costs with each set."""
    table = Table(title="training step, 2 x Dense, Adam, batch 64; goal 1.05 x")
    for head in ("set", "who", "median ms", "best ms", "x unconstrained"):
        table.add_column(head, justify="left" if head in ("set", "who") else "right")
    for row in rows:
        names = ("median_ms", "best_ms", "ratio")
        table.add_row(row["set"], row["who"], *(short(row[name]) for name in names))
    CONSOLE.print(table)


def print_growth(rows):
    """One table: milliseconds by size."""
    if not rows:
        return
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    table = Table(title="growth: median ms of a Glorot draw")
    table.add_column("set")
    for size in sizes:
        table.add_column(size, justify="right")
    for name in dict.fromkeys(row["set"] for row in rows):
        found = {row["size"]: short(row["median_ms"]) for row in rows if row["set"] == name}
        table.add_row(name, *(found.get(size, "") for size in sizes))
    CONSOLE.print(table)


def write(rows, path):
    """The rows of these sets in place of this backend's former ones, and the picture of all."""
    backend = keras.backend.backend()
    former, measured = [], {row["set"] for row in rows}
    if path.exists():
        with path.open(newline="") as file:
            former = [
                row
                for row in csv.DictReader(file)
                if row["backend"] != backend or row["set"] not in measured
            ]
    found = [{name: short(row.get(name, "")) for name in COLUMNS[1:]} for row in rows]
    every = [*former, *({"backend": backend, **row} for row in found)]
    tasks = list(dict.fromkeys(row["task"] for row in every))
    every.sort(key=lambda row: (row["backend"], tasks.index(row["task"])))
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(every)
    draw([row for row in every if row["task"] == "growth"], path.with_suffix(".svg"))


def draw(rows, path):
    """A panel for each set: milliseconds against the side of the matrix, on logarithmic axes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row["set"] for row in rows))
    if not names:
        return
    wide = min(len(names), 4)
    tall = -(-len(names) // wide)
    figure = Figure(figsize=(2.6 * wide + 0.6, 2.3 * tall + 0.5), layout="constrained")
    panels = figure.subplots(tall, wide, squeeze=False, sharex=True, sharey=True).ravel()
    for panel, name in zip(panels, names, strict=False):
        for backend, colour in COLOURS.items():
            own = [row for row in rows if row["set"] == name and row["backend"] == backend]
            sides = [int(row["size"].split("x")[0]) for row in own]
            times = [float(row["median_ms"]) for row in own]
            panel.plot(sides, times, "o-", color=colour, label=backend, markersize=3)
        panel.set(title=name.split("(")[0], xscale="log", yscale="log")
        panel.set_xticks([64, 256, 1024, 4096], ["64", "256", "1024", "4096"])
        panel.minorticks_off()
        panel.grid(color="#dddddd", linewidth=0.5)
    for panel in panels[len(names):]:  # fmt: skip
        panel.set_visible(False)
    panels[0].legend(frameon=False, fontsize=7)
    figure.supxlabel("side of the square matrix", fontsize=9)
    figure.supylabel("one projection, ms", fontsize=9)
    with mpl.rc_context({"svg.hashsalt": "constrainit", "svg.fonttype": "none"}):
        figure.savefig(path, metadata={"Date": None})

"""`constrainit log`: what a log holds, for people."""

import csv
import itertools
import os
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from click.testing import CliRunner

from constrainit.cli import cli
from constrainit.log import _command, _table
from constrainit.log._curves import curve, heat, last_of_each, spread
from constrainit.log._outline import outlines
from constrainit.log._reading import frame, opened
from constrainit.log._storage import COLUMNS, Weight
from constrainit.log._writer import Writer

pytestmark = pytest.mark.in_turns(every=4)

# Files, command lines and texts are the same for every backend.

HOSTILE = "<script>alert(1)</script>/kernel"
ABOUT = {
    "model": "m<b>", "class": "Sequential", "backend": "torch", "backend_version": "2",
    "keras": "3", "every": 1,
}  # fmt: skip


@pytest.fixture
def path(tmp_path):
    """A log of two weights over 500 steps, one of which is lost at the end."""
    writer = Writer(tmp_path / "run.db")
    shapes = [Weight(HOSTILE, (2, 3), "float32", "each unit's norm at most 2")]
    writer.begin(ABOUT, [*shapes, Weight("b/bias", (3,), "float32", None)], 0)
    for step in range(500):
        numbers = dict.fromkeys(COLUMNS, 1.0 + step) | {"share_moved": step / 500}
        numbers["violation"] = 77.0 if step == 123 else 0.0
        numbers["after_nonfinite"] = float(step >= 498)
        writer.add(HOSTILE, step, [numbers[name] for name in COLUMNS])
        writer.add("b/bias", step, [2.0, *[None] * (len(COLUMNS) - 1)])
    writer.commit()
    writer.close()
    return tmp_path / "run.db"


def _run(*arguments):
    return CliRunner().invoke(cli, ["log", *map(str, arguments)])


def test_summary_has_a_line_for_each_weight(path):
    """The run, every weight with its numbers, and where a weight was lost."""
    done = _run(path)
    assert done.exit_code == 0, done.output
    assert "run 1" in done.output
    assert "last step 499" in done.output
    line = next(text for text in done.output.splitlines() if text.startswith("<script>"))
    header = done.output[: done.output.index("─")].split("\n")[-4:-1]
    told = [text[header[-1].index("constraint") :].split("  ")[0].strip() for text in header]
    assert told == ["outside by,", "before the", "constraint"]
    for cell in (" 500 ", "1 → 500", " 77 ", "99.8 %"):
        assert cell in line
    assert f"{HOSTILE}: each unit's norm at most 2" in done.output
    assert f"{HOSTILE} is not finite from step 498 on" in done.output
    assert "b/bias" in done.output
    assert HOSTILE not in _run(path, "--weights", "*/bias").output


@pytest.mark.parametrize(("every", "is_told"), [(100, True), (24, False), (5, False)])
def test_a_run_shorter_than_its_cadence_is_told(tmp_path, every, is_told):
    """With what to write to see its steps."""
    writer = Writer(tmp_path / "run.db")
    writer.begin(ABOUT | {"every": every}, [Weight("w", (2, 3), "float32", None)], 0)
    for step in (0, 24):
        writer.add("w", step, [1.0] * len(COLUMNS))
    writer.commit()
    writer.close()
    assert ("WeightLog(..., every=2) logs more" in _run(tmp_path / "run.db").output) == is_told


@pytest.mark.parametrize(("every", "said"), [(1, "every step;"), (5, "every 5 steps;")])
def test_the_cadence_is_said_in_words(tmp_path, every, said):
    """Of one step there is no number to say."""
    writer = Writer(tmp_path / "run.db")
    writer.begin(ABOUT | {"every": every}, [Weight("w", (2, 3), "float32", None)], 0)
    writer.close()
    assert said in " ".join(_run(tmp_path / "run.db").output.split())


def test_page_needs_nothing_else_and_escapes_names(path, tmp_path):
    """One file without a script or an address, well formed, with every weight and its peak."""
    done = _run(path, "--html", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    written = f"{tmp_path / 'page.html'} written: a page of plots, 1000 records of 2 weights\n"
    assert done.output == written
    text = (tmp_path / "page.html").read_text()
    assert "<script" not in text
    assert "m<b>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;/kernel" in text
    assert not {word for word in ("http:", "https:", "src=", "url(") if word in text}
    assert "prefers-color-scheme: dark" in text
    body = text[text.index("<body") : text.index("</html>")]
    tree = ElementTree.fromstring(body)
    assert {h.text for h in tree.iter("h2")} >= {HOSTILE, "b/bias"}
    captions = [c.text for c in tree.iter("figcaption")]
    assert "outside by, before the constraint: 0 to 77" in captions
    assert len(list(tree.iter("rect"))) > 100


def test_the_end_takes_nothing_down_to_zero(tmp_path):
    """Where training ends no step was taken: what constraints did is that of the last step."""
    writer = Writer(tmp_path / "run.db")
    writer.begin(ABOUT, [Weight("w", (2, 3), "float32", "a box")], 0)
    for step, gradient, moved in ((0, None, 0.0), (5, 1.0, 0.25), (10, 1.0, 0.5), (11, None, 0.0)):
        numbers = dict.fromkeys(COLUMNS, 1.0) | {"share_moved": moved, "violation": 4.0 + moved}
        numbers |= {"gradient_norm": gradient, "after_norm": 7.0 + step, "after_nonfinite": 0.0}
        writer.add("w", step, [numbers[name] for name in COLUMNS])
    writer.commit()
    writer.close()
    *_, line, blank, rule = _run(tmp_path / "run.db").output.splitlines()
    assert (blank, rule) == ("", "w: a box")
    assert " 50 % " in line
    assert "7 → 18" in line
    _run(tmp_path / "run.db", "--html", tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "outside by, before the constraint: 4 to 4.5" in text
    outside = text[text.index("outside by") :]
    points = outside[outside.index("points=") :].split('"')[1].split()
    assert points == ["0.0,96.0", "140.0,48.0", "280.0,0.0"]


@pytest.mark.skipif(os.name == "nt", reason="rights of another kind")
def test_a_page_is_as_readable_as_other_files(path, tmp_path):
    """The rights of a new file; those of the file that is replaced."""
    page, other = tmp_path / "page.html", tmp_path / "other"
    other.touch()
    _run(path, "--html", page)
    assert page.stat().st_mode == other.stat().st_mode
    page.chmod(0o640)
    _run(path, "--html", page)
    assert page.stat().st_mode & 0o777 == 0o640


def test_tables_hold_every_record(path, tmp_path):
    """As CSV and as Parquet: a row for each weight and step, empty where there is no number."""
    import pandas as pd

    done = _run(path, "--csv", tmp_path / "t.csv", "--parquet", tmp_path / "t.parquet")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        f"{tmp_path / name} written: a table, 1000 records of 2 weights"
        for name in ("t.csv", "t.parquet")
    ]
    one = _run(path, "--parquet", tmp_path / "one.parquet", "--weights", "*/bias")
    assert one.output.endswith("written: a table, 500 records of 1 weight\n")
    with (tmp_path / "t.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 1000
    assert rows[7]["weight"] == HOSTILE
    assert float(rows[7]["after_norm"]) == 8.0
    assert rows[-1]["after_norm"] == ""
    assert len(pd.read_parquet(tmp_path / "t.parquet")) == 1000


@pytest.mark.parametrize("has_arrow", [True, False])
def test_tables_are_written_in_parts(path, tmp_path, monkeypatch, has_arrow):
    """The same table whoever writes the numbers out, in however many parts, as it is read."""
    import pandas as pd

    monkeypatch.setattr("constrainit.log._reading._TOGETHER", 7)
    monkeypatch.setattr(_table, "_ROWS", 100)
    if not has_arrow:
        monkeypatch.setattr(_table, "find_spec", lambda name: None)
    done = _run(path, "--csv", tmp_path / "t.csv", "--parquet", tmp_path / "t.parquet")
    assert done.exit_code == 0, done.output
    expected = frame(path, None, None)
    columnar = pd.read_parquet(tmp_path / "t.parquet")
    assert columnar["weight"].dtype == "category"
    for found in (columnar, pd.read_csv(tmp_path / "t.csv")):
        found["weight"] = pd.Categorical(found["weight"], expected["weight"].cat.categories)
        found = found.sort_values(["step", "weight"], ignore_index=True)
        pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert {f.name for f in tmp_path.iterdir()} == {"run.db", "t.csv", "t.parquet"}
    path = _written(tmp_path / "thirds.db", 99, violation=lambda step: 2**-20 * step / 3)
    _run(path, "--csv", tmp_path / "t.csv")
    with (tmp_path / "t.csv").open() as stream:
        numbers = [float(row["violation"]) for row in csv.DictReader(stream)]
    assert numbers == [2**-20 * step / 3 for step in range(99)]


def test_a_table_of_nothing_has_its_header(tmp_path):
    """A run without a record yet."""
    path = _written(tmp_path / "run.db", 0)
    done = _run(path, "--csv", tmp_path / "t.csv", "--parquet", tmp_path / "t.parquet")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "t.csv").read_text() == f"weight,step,{','.join(COLUMNS)}\n"
    assert frame(tmp_path / "run.db", None, None).empty
    assert _run(path, "--html", tmp_path / "page.html").exit_code == 0


def test_following_shows_what_is_new(path, monkeypatch):
    """While training goes on, new records are shown; an interruption ends it."""
    writer = Writer(path, seconds=0)
    writer._ids = {"b/bias": 2}
    turns = []

    def later(_):
        turns.append(len(turns))
        if len(turns) == 2:
            raise KeyboardInterrupt
        writer.add("b/bias", 777, [None] * len(COLUMNS))
        writer.commit()

    monkeypatch.setattr(_command.time, "sleep", later)
    done = _run(path, "--follow")
    writer.close()
    assert done.exit_code == 0, done.output
    assert "last step 777" in done.output


def test_following_into_a_pipe_shows_what_is_new_at_once(path, monkeypatch, capsys):
    """A table for each look that found more, which is there before the next; plain text."""
    writer = Writer(path, seconds=0)
    writer._ids = {"b/bias": 2}
    seen = []

    def later(_):
        seen.append(capsys.readouterr().out)
        if len(seen) == 3:
            raise KeyboardInterrupt
        if len(seen) == 1:
            writer.add("b/bias", 777, [None] * len(COLUMNS))
            writer.commit()

    monkeypatch.setattr(_command.time, "sleep", later)
    _command.log.main([str(path), "--follow"], standalone_mode=False)
    writer.close()
    first, second, third = seen
    assert "last step" in first
    assert "777" not in first
    assert "last step 777" in second
    assert third == ""
    assert "\x1b" not in first + second


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no.db"], "There is no log"),
        (["run.db", "--run", "9"], "has no run 9. It has: 1."),
        (["run.db", "--weights", "x"], "matches 'x'"),
        (["run.db", "--html", "no/such/page.html"], "There is no folder"),
        (["run.db", "--csv", "."], "--csv must be the name of a file. '.' is a folder."),
        (["run.db", "--csv", "run.db"], "--csv must not be RUN.db itself: 'run.db' would be lost."),
        (["run.db", "--html", "a", "--csv", "a"], "--csv must not be the same as --html: 'a'"),
    ],
)
def test_what_can_not_be_shown_is_said(path, monkeypatch, arguments, message):
    """One message and status 2."""
    monkeypatch.chdir(path.parent)
    done = _run(*arguments)
    assert done.exit_code == 2
    assert message in done.output


def _written(path, count, weights=1, last=None, **columns):
    """A log whose numbers are functions of the step, 1 where none is given."""
    writer = Writer(path)
    names = [f"layer_{i}/kernel" for i in range(weights)]
    writer.begin(ABOUT, [Weight(name, (2, 3), "float32", "a box") for name in names], 0)
    for step in range(count):
        numbers = dict.fromkeys(COLUMNS, 1.0) | {n: f(step) for n, f in columns.items()}
        for name in names:
            writer.add(name, step, [numbers[column] for column in COLUMNS])
    if last is not None:
        writer.add(names[0], count, [{**numbers, **last}[column] for column in COLUMNS])
    writer.commit()
    writer.close()
    return path


def _outlines(path, weights=1):
    with opened(path) as database:
        return outlines(database, {i + 1: Weight(str(i), (2,), "f4", "") for i in range(weights)})


def test_no_peak_is_lost_of_a_long_training(tmp_path):
    """Of each stretch of time the least and the largest number, wherever a peak of one step is."""
    peaks = {17: 9.0, 4999: -3.0}
    path = _written(
        tmp_path / "run.db", 5000, last={"gradient_norm": None, "violation": 88.0},
        violation=lambda step: peaks.get(step, 0.0), share_moved=lambda step: float(step == 777),
    )  # fmt: skip
    found = _outlines(path)
    (one,) = found.held
    assert (one.records, found.first, found.last, found.is_cut) == (5001, 0, 5000, True)
    stretches = one.curves["violation"]
    assert len(stretches) == 150
    # The end of the training is no step.
    assert [s for s in stretches if s[2:] != (0.0, 0.0)] == [
        (0, 33, 0.0, 9.0),
        (4968, 5000, -3.0, 0.0),
    ]
    assert all(s[0] - 1 == before[1] for before, s in itertools.pairwise(stretches))
    cells = heat(one.curves["share_moved"], 0, 5000, 120)
    assert 1 <= sum(cell == 1.0 for cell in cells) <= 2
    done = _run(path, "--html", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    text = " ".join((tmp_path / "page.html").read_text().split())
    assert "outside by, before the constraint: -3 to 9" in text
    assert "Of more than 300 records a curve is a band: the time is cut into 150 stretches" in text
    assert text.count("<polygon") == 1
    assert 'points="0.9,0.0' in text[text.index("<polygon") :]


def test_a_page_of_many_weights_has_shorter_curves(tmp_path):
    """The page stays small: the time is cut into fewer stretches; of few records each is drawn."""
    path = _written(tmp_path / "run.db", 100, 300, violation=float)
    found = _outlines(path, 300)
    assert (found.stretches, found.is_cut) == (50, False)
    assert [s[3] for s in found.held[299].curves["violation"]] == [*map(float, range(100))]
    path = _written(tmp_path / "other.db", 101, 300, violation=float)
    found = _outlines(path, 300)
    assert found.is_cut
    assert len(found.held[0].curves["violation"]) == 50
    _run(path, "--html", tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 4e6


def test_curves_and_bands_fit_their_axes():
    """One number is a line across; what is infinite lies at the edge; a heat map knows the past."""
    assert curve({"after": []}) is None
    assert curve({"after": [(3, 3, 2.0, 2.0)]})["lines"]["after"] == "0.0,48.0 0.0,48.0"
    drawn = curve({"after": [(0, 9, -1.0, 1.0), (10, 20, 0.0, float("inf"))]})
    assert drawn["bands"]["after"] == "63.0,0.0 210.0,0.0 210.0,48.0 63.0,96.0"
    assert (drawn["low"], drawn["high"], drawn["left"], drawn["right"]) == ("-1", "inf", 0, 20)
    assert heat([(0, 0, 0.0, 0.25), (3, 3, 0.0, 0.5)], 0, 3) == [0.25, 0.25, 0.25, 0.5]


def test_of_many_rows_the_last_of_each_stretch():
    """As many as are asked for, or all."""
    assert last_of_each([*range(1000)], 40)[::39] == [24, 999]
    assert last_of_each([1, 2], 40) == [1, 2]


def test_histograms_are_spread_over_time():
    """Each in bins that all share, every weight counted once."""
    rows = [(0, np.array([6.0, 2.0]), 0.0, 12.0), (5, np.array([4.0, 4.0]), 24.0, 24.0)]
    drawn = spread(rows)
    assert (drawn["across"], drawn["left"], drawn["right"]) == (2, 0, 5)
    assert (drawn["low"], drawn["high"]) == ("0", "24")
    first = {drawn["up"] - 1 - y: share**2 for x, y, share in drawn["cells"] if x == 0}
    assert first == pytest.approx({y: (0.75 if y < 6 else 0.25) / 6 for y in range(12)})
    assert [cell for cell in drawn["cells"] if cell[0] == 1] == [(1, 0, 1.0)]
    assert spread([]) is None
    # A weight of one number is in the bin that begins with it.
    one = spread([rows[0], (1, np.array([8.0, 0.0]), 6.0, 6.0)])
    assert [cell for cell in one["cells"] if cell[0] == 1] == [(1, one["up"] - 1 - 12, 1.0)]

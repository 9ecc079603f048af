"""The forms of a report: each says what the report holds, and obeys no name from a model."""

import dataclasses
import io
import json
import pickle
import unicodedata
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from reports import HOSTILE, healthy, sick
from rich.console import Console
from sarif_kit.validate import validation_errors

from constrainit import _text, _words
from constrainit._words import share
from constrainit.doctor import _finding_page
from constrainit.doctor._choice import chosen, codes_of, fails
from constrainit.doctor._finding import Finding, Treatment
from constrainit.doctor._statistics import numbers

pytestmark = pytest.mark.in_turns(every=4)

# What is written depends on no backend.

DOCS = Path(__file__).parents[1] / "docs"
SCHEMA = json.loads((DOCS / "report.schema.json").read_text())


# The terminal


def test_text_lists_consequences_under_their_cause():
    """The cause with its fix, what was tried, code to paste; then, indented, what follows."""
    rows = str(sick()).splitlines()
    start = rows.index("CW101 infeasible-start (warning) model/first/kernel")
    assert rows[start + 1 : start + 10] == [
        "  starts outside its set (first).",
        "  fix: start first inside.",
        "  tried: first starts inside: violation 0.5 -> 0, share moved 25 % -> 0 %: healed",
        "  to paste:",
        "    ci.prepare('first')",
        "  what follows from it, and is gone with it:",
        "    CW102 start-jump (warning) model/first/kernel",
        "      jumps (first).",
        "      then: step 0.7 -> 0.001",
    ]
    assert rows.index("CW201 constraint-raises (error) model/second/kernel") < start
    at = rows.index("  the change tried:")
    assert rows[at + 4 : at + 6] == ["    -old(first)", "    +new(first)"]
    assert rows[-1] == "1 error, 2 warnings, 1 note; treatments healed 2 of the 3 findings tried"
    assert str(healthy()).endswith("\nhealthy: nothing found")


@pytest.mark.parametrize(
    ("said", "shown"),
    [("is it so", "is it so."), ("is it so?", "is it so?"), ("and so on...", "and so on...")],
)
@pytest.mark.parametrize("form", ["text", "html", "sarif"])
def test_a_sentence_has_one_end(form, said, shown):
    """A question, or what is left open, gets no full stop behind it."""
    report = sick()
    for finding in report.findings:
        finding.message, finding.fix = f"one {said}", f"two {said}"
    text = report.rendered(form)
    for number in ("one", "two"):
        assert f"{number} {shown}" in text
        assert f"{number} {shown}." not in text


@pytest.mark.parametrize("width", [40, 50, 60, 80, 100])
def test_text_fits(width):
    """No line of a table or paragraph is longer than the terminal is wide."""
    report = sick("a_layer_with_a_name_that_is_rather_long")
    text = _text.plain(*report.parts(), width=width)
    tried = [f.treatment for f in report.findings if f.treatment is not None]
    code = {f"    {row}" for one in tried for row in f"{one.code}\n{one.diff}".splitlines()}
    assert max(len(row) for row in text.splitlines() if row not in code) <= width
    assert "[-0.5," in text


@pytest.mark.parametrize("width", [40, 80, 100])
def test_code_is_not_broken(width):
    """A long line to paste, or of a diff, is one line, however narrow the terminal."""
    paste = f"ci.constrain(model, {{{', '.join(['*/kernel: ci.NonNegative()'] * 9)}}})"
    change = f"+    return {' + '.join(['w'] * 60)}"
    done = Treatment("a set", {}, {}, True, paste, f"{change}\n     after\n")
    found = Finding("CW101", "a", "error", "s", "l", "m/l/kernel", "a.", "b", {}, treatment=done)
    lines = _text.plain(*_finding_page.parts([found]), width=width).splitlines()
    # The file is changed before the model is made anew, which the code to paste is for.
    assert lines.index(f"    {change}") < lines.index(f"    {paste}")
    assert "  first, the change to your file:" in lines


def test_what_was_said_above_is_pointed_to():
    """The same fix, change or code of a second finding: it says whose it is, and no more."""
    done = Treatment("a set", {}, {}, True, "ci.prepare(model)", "+new\n")
    other = Treatment("a set", {}, {}, True, "ci.prepare(other)", "+new\n")

    def lines(*found):
        return _text.plain(*_finding_page.parts(found), width=100).splitlines()

    def found(name, treatment, fix="do"):
        return Finding(
            "CW101", "a", "error", "s", "l", f"m/{name}/kernel", "a", fix, {}, treatment=treatment
        )

    first, *_ = rows = lines(found("one", done), found("two", done))
    assert first == ""
    assert rows[rows.index("CW101 a (error) m/two/kernel") + 2 :] == [
        "  fix: as for CW101 m/one/kernel.",
        "  tried: a set: looked at again: healed",
        "  first, the change to your file: as for CW101 m/one/kernel.",
        "  then, once the model is made anew, to paste: as for CW101 m/one/kernel.",
    ]
    assert "    ci.prepare(other)" in lines(found("one", done), found("two", other))
    assert "as for" not in "".join(lines(found("one", done)))
    assert "  fix: undo." in lines(found("one", done), found("two", None, "undo"))


def test_a_change_to_a_file_stands_before_the_code_to_paste():
    """On a page, too; alone neither is said to be first."""
    both, code, diff = (
        Treatment("an edit", {}, {}, True, code=code, diff=diff)
        for code, diff in (
            ("ci.prepare(model)", "+new\n"),
            ("ci.prepare(model)", ""),
            ("", "+new\n"),
        )
    )
    said = {True: ("First, the change", "Then, once the model"), False: ()}
    for treatment in (both, code, diff):
        found = Finding("CW101", "a", "error", "s", "", "w", "a", "b", {}, treatment=treatment)
        page = dataclasses.replace(sick(), findings=(found,)).to_html()
        places = [page.find(text) for text in said[treatment is both]]
        assert places == sorted(places)
        assert -1 not in places
        assert treatment is both or "irst, the change" not in page


@pytest.mark.parametrize("width", [20, 30, 40, 46, 47, 60, 100])
def test_numbers_are_not_broken(width):
    """A table whose numbers would be is a paragraph for each row, with what each of them is."""
    header = ("weight", "range", "moved", "at\nbound", "the set")
    rows = [("model/dense/kernel", "[-0.25, 0.125]", "12.5 %", "3.25 %", "norms at most 1.75"),
            ("and 7 more", "", "", "", "")]  # fmt: skip
    grid = _text.Grid(header, rows, header[2:4], words=header[1:2], paths=header[:1])
    lines = _text.plain(grid, width=width).splitlines()
    assert max(map(len, lines)) <= width
    for words in ("[-0.25,", "0.125]", "12.5 %", "3.25 %"):
        assert any(words in line for line in lines)
    assert any("─" in line for line in lines) == (width >= 47)
    if width == 40:
        assert lines[2:] == ["  range [-0.25, 0.125], moved 12.5 %,",
                             "  at bound 3.25 %,", "  the set norms at most 1.75",
                             "and 7 more"]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "width", "lines"),
    [
        ("model/dense/kernel", 18, ["model/dense/kernel"]),
        ("model/dense/kernel", 17, ["model/dense/", "kernel"]),
        ("model/dense/kernel", 8, ["model/", "dense/", "kernel"]),
        ("model/a_long_name/kernel", 9, ["model/", "a_lo…ame/", "kernel"]),
        ("kernel", 1, ["…"]),
    ],
)
def test_paths_are_broken_at_their_slashes_only(path, width, lines):
    """A name that is too long loses its middle, and no line is wider than the room."""
    assert _text.Path(path).lines(width) == lines
    assert _text.plain(_text.Path(path), width=width).splitlines() == lines


def test_a_range_of_one_number_is_that_number():
    """Where both ends read the same; and a name has its article."""
    assert (_words.span(26.71, 26.74), _words.span(0.5, 1.0)) == ("26.7", "0.5 to 1")
    articles = [_words.with_article(name) for name in ("ndarray", "Adam", "list", "EinsumDense")]
    assert articles == ["an ndarray", "an Adam", "a list", "an EinsumDense"]


def test_text_obeys_no_name():
    """Escapes, line breaks and marks that turn text around are written out."""
    report = sick(HOSTILE, file=f"{HOSTILE}.py")
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, color_system=None, width=100)
    console.print(*report.parts(), sep="\n", crop=False)
    for text in (str(report), stream.getvalue()):
        bad = {c for c in text if unicodedata.category(c) in ("Cc", "Cf")}
        assert bad <= {"\n"}
        assert r"\x1b[31mred\x9b2J\u202etxet" in "".join(text.split())


# JSON


@pytest.mark.parametrize("report", [sick(), healthy(), sick(HOSTILE)], ids=["sick", "well", "bad"])
def test_json_is_as_documented(report):
    """Every key is in the schema of the docs, and JSON holds no NaN and no control characters."""
    text = report.to_json()
    held = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    Draft202012Validator(SCHEMA).validate(held)
    assert {c for c in text if unicodedata.category(c) in ("Cc", "Cf")} <= {"\n"}


def test_json_holds_causes_and_treatments():
    """The cause of a consequence, code and diff of a treatment, and the numbers of both."""
    error, cause, consequence, _ = json.loads(sick().to_json())["findings"]
    assert consequence["cause"] == f"{cause['code']} {cause['weight']}"
    assert cause["cause"] == ""
    assert cause["treatment"]["code"] == "ci.prepare('first')"
    assert "+new(first)" in error["treatment"]["diff"]
    assert error["source"] == {"file": "train.py", "line": 10}
    assert json.loads(sick().to_json())["loss_after_first_step"] == "inf"


# SARIF


def result_of(report, code):
    run = json.loads(report.to_sarif())["runs"][0]
    result = next(r for r in run["results"] if r["ruleId"] == code)
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == code
    return result


@pytest.mark.parametrize("report", [sick(), healthy(), sick(HOSTILE)], ids=["sick", "well", "bad"])
def test_sarif_keeps_to_the_standard(report):
    """The official schema; each result has a rule with help, and a place that a host can show."""
    held = json.loads(report.to_sarif(), parse_constant=lambda name: pytest.fail(name))
    assert validation_errors(held) == []
    (run,) = held["runs"]
    assert len(run["results"]) == len(report.findings)
    for rule in run["tool"]["driver"]["rules"]:
        assert rule["help"]["text"]
        assert rule["help"]["markdown"]
        assert rule["shortDescription"]["text"].endswith(".")
    levels = {"error": "error", "warning": "warning", "info": "note"}
    assert [r["level"] for r in run["results"]] == [levels[f.level] for f in report.findings]
    prints = [r["partialFingerprints"]["finding/v1"] for r in run["results"]]
    assert len(set(prints)) == len(prints)


def test_sarif_places(tmp_path, monkeypatch):
    """The user's own line, relative to this folder; else the model's file; outside of it whole."""
    monkeypatch.chdir(tmp_path)
    report = sick(file=str(tmp_path / "my code" / "train.py"), target="/models/a.keras")
    located = result_of(report, "CW201")["locations"][0]["physicalLocation"]
    assert located["artifactLocation"]["uri"] == "my%20code/train.py"
    assert located["region"] == {"startLine": 10}
    saved = result_of(report, "CW101")["locations"][0]
    assert saved["physicalLocation"]["artifactLocation"]["uri"] == "file:///models/a.keras"
    assert saved["logicalLocations"][0]["fullyQualifiedName"] == "model/first/kernel"
    loose = result_of(sick(target=""), "CW101")["locations"][0]
    assert "physicalLocation" not in loose


def test_sarif_obeys_no_name():
    """A name makes no markup, no control character, no link and no placeholder."""
    text = sick(f"{HOSTILE}[here](http://x){{0}}").to_sarif()
    assert not set("<>&") & set(text)
    assert {c for c in text if unicodedata.category(c) in ("Cc", "Cf")} <= {"\n"}
    for result in json.loads(text)["runs"][0]["results"]:
        said = result["message"]["text"]
        assert "](" not in said
        assert "{" not in said.replace("{{", "")
        assert said.isprintable()
    assert "\x1b" not in str(json.loads(text))


# HTML, as a document and as a cell of a notebook


def elements(text):
    """The names of the elements of a document, and its attributes that act or fetch."""
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attributes):
            fetching = [a for a, value in attributes if a in ("src", "href") and value[:1] != "#"]
            found.append((tag, *fetching, *(a for a, _ in attributes if a.startswith("on"))))

    Reader().feed(text)
    return found


@pytest.mark.parametrize("form", ["to_html", "_repr_html_"])
def test_html_is_the_same_whatever_a_name_is(form):
    """A name is text: it adds no element and no attribute, and no control character."""
    # A line break in a diff makes a line of the diff.
    name = HOSTILE.replace("\n", " ")
    plain, hostile = (getattr(sick(text), form)() for text in ("first", name))
    assert elements(plain) == elements(hostile)
    assert not {"script", "link", "img", "iframe", "object"} & {e[0] for e in elements(plain)}
    assert all(len(element) == 1 for element in elements(plain))
    assert "&lt;script&gt;" in hostile
    assert {c for c in hostile if unicodedata.category(c) in ("Cc", "Cf")} <= {"\n"}


def test_html_stands_alone():
    """A document of one file whose policy lets nothing in; a cell has no ids that could collide."""
    page, piece = sick().to_html(), sick()._repr_html_()
    assert page.lstrip().startswith("<!doctype html>")
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "url(" not in page
    assert " id=" not in piece
    assert piece.strip().startswith('<div class="constrainit">')
    assert "CW101 infeasible-start" in piece
    assert "Healthy: nothing found" in healthy()._repr_html_()


# What is chosen of it


@pytest.mark.parametrize(
    ("select", "ignore", "thresholds", "left"),
    [
        ([], [], {}, ["CW201", "CW101", "CW102", "CW404"]),
        (["CW1"], [], {}, ["CW101", "CW102"]),
        (["infeasible-start", "cw4"], ["CW404"], {}, ["CW101"]),
        ([], ["CW101"], {}, ["CW201", "CW102", "CW404"]),
        ([], [], {"CW101": {"violation": 0.6}}, ["CW201", "CW102", "CW404"]),
        ([], [], {"CW101": {"violation": 0.5}}, ["CW201", "CW101", "CW102", "CW404"]),
    ],
)
def test_findings_are_chosen(select, ignore, thresholds, left):
    """By code, name and beginning, and by their numbers; the rest of the report stays."""
    report = sick()
    made = chosen(report, codes_of(select), codes_of(ignore), thresholds)
    assert [finding.code for finding in made.findings] == left
    assert made.evidence is report.evidence
    assert str(made)


def test_a_report_is_not_written_to():
    """All of its forms are made of the same object, which is whole from the start."""
    report = sick()
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.findings = ()
    with pytest.raises(TypeError):
        report.environment["assumed"] = ()
    assert json.loads(report.to_json())["environment"]["seed"] == report.environment["seed"]
    assert pickle.loads(pickle.dumps(report)).to_json() == report.to_json()


def test_status_is_that_of_a_level():
    """An error fails at `error` and `warning`, a warning at `warning`, nothing at `never`."""
    mild = chosen(sick(), (), ("CW201",), {})
    assert [fails(sick(), level) for level in ("error", "warning", "never")] == [True, True, False]
    assert [fails(mild, level) for level in ("error", "warning", "never")] == [False, True, False]
    assert not fails(healthy(), "warning")


def test_a_threshold_names_a_number():
    """A misspelt number is said, with those that there are."""
    with pytest.raises(ValueError, match=r"CW101 has no number 'violatoin'\. It has: violation"):
        chosen(sick(), (), (), {"CW101": {"violatoin": 1.0}})


def test_what_is_no_number_has_no_threshold():
    """Text of a finding can not be below anything; what its rule has of numbers is said."""
    with pytest.raises(ValueError, match=r"CW201 has no number 'exception'\. It has: none\."):
        chosen(sick(), (), (), {"CW201": {"exception": 1.0}})


def test_a_finding_without_the_number_of_another_kind_is_kept():
    """CW605 tells of a floor, or of a range that has none: a limit for the one is no error."""
    finding = dataclasses.replace(sick().findings[0], code="CW605", evidence={"range": 2.0})
    report = dataclasses.replace(sick(), findings=(finding,))
    assert chosen(report, (), (), {"CW605": {"floor": 0.1}}).findings == (finding,)


def test_files_are_saved_by_their_ends(tmp_path):
    """Each end of a name gives its form; another is refused, with those that there are."""
    for end, start in {"html": "<!doctype", "sarif": "{", "json": "{", "txt": "Seq"}.items():
        sick().save(tmp_path / f"report.{end}")
        assert (tmp_path / f"report.{end}").read_text().lstrip().startswith(start)
    with pytest.raises(ValueError, match=r"must end in \.html, \.json, \.sarif, \.txt or \.md"):
        sick().save(tmp_path / "report.pdf")


# What they are made of


@pytest.mark.parametrize("size", [100, 300_000])
def test_bins_count_what_is_finite(size):
    """Equal bins from the least to the largest entry; of a large weight a fair sample."""
    value = np.append(np.linspace(-1, 1, size - 1), np.nan).reshape(10, -1)
    bins = np.array(numbers(value, binned=True).bins)
    assert bins.sum() == (99 if size == 100 else 100_000)
    assert bins.min() > 0.9 * bins.max() - 1
    assert numbers(np.zeros((2, 2)), binned=True).bins[0] == 4
    assert numbers(value).bins == ()


@pytest.mark.parametrize(
    ("part", "told"),
    [
        (0.638, "63.8 % of its norm"),
        (1.004, "100 % of its norm"),
        (9.5, "950 % of its norm"),
        (16.1, "16 times its norm"),
        (16100.0, "16,100 times its norm"),
        (3e9, "3e+09 times its norm"),
        (float("inf"), "inf of its norm"),
    ],
)
def test_a_large_share_is_told_as_a_multiple(part, told):
    assert share(part, "its norm") == told
    assert share(part) == told.removesuffix(" its norm").removesuffix(" of")

"""The pages of the rules: complete, and true when their code is run."""

import ast
import inspect
import linecache
import re
import sys

import keras
import numpy as np
import pytest
from keras import layers, ops

import constrainit as ci
from constrainit.doctor._diagnose import examine
from constrainit.doctor._explain import find, page_markdown
from constrainit.doctor._own_optimizer import CLIPS
from constrainit.doctor._planned import NUMBERS
from constrainit.doctor.rules import RULES
from constrainit.doctor.rules._of_sines import OF_SINES
from constrainit.doctor.rules._sections import page_of
from constrainit.model import is_built

NAMES = {"keras": keras, "layers": layers, "ops": ops, "np": np, "ci": ci}
OTHERS = ("jax", "tensorflow", "", "")
# What follows from a rule's docstring is the same on every backend, and compiling takes time: of
# four rules JAX and TensorFlow see one each.
TURN = [
    rule
    for index, rule in enumerate(RULES)
    if keras.backend.backend() in (rule.backends or ("torch", OTHERS[index % 4]))
]


def by_code(rule):
    return rule.code


def report_of(code):
    """The report that the last expression of `code` is, or that of the model that it makes."""
    *body, last = ast.parse(code).body
    names = {**NAMES, "__name__": "a_page"}
    # As notebooks do it: the text of the code can be looked up.
    linecache.cache["a page"] = (len(code), None, code.splitlines(keepends=True), "a page")
    exec(compile(ast.Module(body, []), "a page", "exec"), names)
    made = eval(compile(ast.Expression(last.value), "a page", "eval"), names)
    if isinstance(made, ci.Report):
        return made
    if not isinstance(made, keras.Model):
        parts = made if isinstance(made, list) else [made]
        made = keras.Sequential([keras.Input((4,)), *parts])
    return ci.diagnose(made) if is_built(made) else examine(made, None, None, None, None, 0, [(4,)])


def code_of(text):
    """The lines of a section that are neither empty nor a comment."""
    lines = [line for line in text.splitlines() if line.strip()]
    return [line for line in lines if not line.strip().startswith("#")]


def undeclared(report):
    """The numbers of findings that their rules do not name."""
    return {
        (finding.code, name)
        for finding in report.findings
        for name, value in finding.evidence.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
        if name not in find(finding.code).numbers
    }


@pytest.mark.parametrize("rule", RULES, ids=by_code)
def test_a_rule_names_its_numbers(rule):
    """Each is one that its findings give, and stands on its page."""
    module = inspect.getsource(sys.modules[type(rule).__module__])
    of_evidence = {"smallest unit norm", "largest unit norm", *NUMBERS, *CLIPS, *OF_SINES}
    for name in set(rule.numbers) - of_evidence:
        assert f'"{name}":' in module
    assert f"Numbers: {', '.join(rule.numbers) or 'none'}" in page_markdown(rule)


@pytest.mark.parametrize("rule", RULES, ids=by_code)
def test_a_page_has_every_section(rule):
    """A fact on one line, why it matters, an example, a way out, limits and a source."""
    page = rule.page()
    assert page.fact.endswith(".")
    assert len(page.fact) < 100
    for section in (page.why, page.limits, page.source):
        assert section.endswith(".")
    assert not re.search(r"^[A-Z][a-z ]*:$", page.why, flags=re.MULTILINE)
    assert 2 <= len(code_of(page.example)) <= 10
    assert 1 <= len(code_of(page.instead)) <= 12
    assert page.example != page.instead


@pytest.mark.filterwarnings("ignore:The constraint of .* has no weight:UserWarning")
@pytest.mark.parametrize("rule", TURN, ids=by_code)
def test_the_example_has_the_fault_and_what_to_use_instead_has_not(rule):
    """The code of a page, run as it stands, is what the rule finds, and what it does not find."""
    page = rule.page()
    report = report_of(page.example)
    assert rule.code in {found.code for found in report.findings}
    assert undeclared(report) == set()
    assert rule.code not in {found.code for found in report_of(page.instead).findings}


def test_a_docstring_is_taken_apart():
    """Sections keep their lines and inner indentation; what is missing is empty."""

    class Rule:
        """A fact.

        Why: a colon in a paragraph is none of a heading.

        Example:
            def f(w):
                return w

            f

        Source:
            Two
            lines.
        """

    page = page_of(Rule)
    assert page.fact == "A fact."
    assert page.why == "Why: a colon in a paragraph is none of a heading."
    assert page.example == "def f(w):\n    return w\n\nf"
    assert page.source == "Two\nlines."
    assert page.limits == page.instead == ""

"""What the docs list is what the code has."""

import inspect
from pathlib import Path

from constrainit._catalogue import markdown
from constrainit.doctor.rules import RULES

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "findings.md"
SETS = DOCS / "sets.md"
HEAD = """# Findings

What `constrainit doctor` and `diagnose` report, by code. Taken from the rules' docstrings.
"""


def page():
    """The page that the rules' docstrings make."""
    rules = sorted(RULES, key=lambda rule: rule.code)
    parts = [
        f"## {r.code} {r.name} ({r.level})\n\n{inspect.cleandoc(type(r).__doc__ or '')}\n"
        for r in rules
    ]
    return "\n".join([HEAD, *parts])


def test_the_page_of_findings_is_that_of_the_rules():
    """Every code is documented, in the words of its rule; `python tests/test_docs.py` writes it."""
    assert PAGE.read_text() == page()


def test_the_page_of_sets_is_that_of_the_sets():
    """Every set is in the catalogue, in its own words; `python tests/test_docs.py` writes it."""
    assert SETS.read_text() == markdown()


if __name__ == "__main__":
    PAGE.write_text(page())
    SETS.write_text(markdown())

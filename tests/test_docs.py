"""What the docs list is what the code has."""

import inspect
from pathlib import Path

from constrainit.doctor.rules import RULES

PAGE = Path(__file__).parents[1] / "docs" / "findings.md"
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


if __name__ == "__main__":
    PAGE.write_text(page())

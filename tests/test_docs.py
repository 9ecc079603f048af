"""What the docs list is what the code has."""

from pathlib import Path

from constrainit._catalogue import markdown
from constrainit.doctor import _explain

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "findings.md"
SETS = DOCS / "sets.md"


def test_the_page_of_findings_is_that_of_the_rules():
    """Every code is documented, in the words of its rule; `python tests/test_docs.py` writes it."""
    assert PAGE.read_text() == _explain.markdown()


def test_the_page_of_sets_is_that_of_the_sets():
    """Every set is in the catalogue, in its own words; `python tests/test_docs.py` writes it."""
    assert SETS.read_text() == markdown()


if __name__ == "__main__":
    PAGE.write_text(_explain.markdown())
    SETS.write_text(markdown())

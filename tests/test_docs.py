"""What the docs list is what the code has."""

import re
from pathlib import Path

from constrainit._catalogue import markdown
from constrainit.doctor import _explain

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGE = DOCS / "findings.md"
SETS = DOCS / "sets.md"


def test_the_page_of_findings_is_that_of_the_rules():
    """Every code is documented, in the words of its rule; `python tests/test_docs.py` writes it."""
    assert PAGE.read_text() == _explain.markdown()


def test_the_page_of_sets_is_that_of_the_sets():
    """Every set is in the catalogue, in its own words; `python tests/test_docs.py` writes it."""
    assert SETS.read_text() == markdown()


def test_the_code_of_the_readme_runs_from_top_to_bottom(tmp_path, monkeypatch):
    """As a newcomer pastes it, one block after the other."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    names: dict = {}
    for block in blocks:
        exec(block, names)
    assert len(blocks) > 4
    assert (tmp_path / "run.db").exists()
    assert names["ci"].check(names["plain"]).ok


if __name__ == "__main__":
    PAGE.write_text(_explain.markdown())
    SETS.write_text(markdown())

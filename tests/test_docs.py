"""What the docs list is what the code has."""

import re
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import array, tensor

import constrainit as ci
from constrainit import _elsewhere
from constrainit._catalogue import markdown
from constrainit.doctor import _explain

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGE = DOCS / "findings.md"
SETS = DOCS / "sets.md"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
PEERS = (DOCS / "from_other_libraries.md").read_text()


def is_one_hot(w):
    return (np.sort(w, axis=1) == [0] * (w.shape[1] - 1) + [1]).all()


def spectrum(w):
    return np.linalg.svd(w, compute_uv=False)


def near(x, y):
    return np.allclose(x, y, rtol=0, atol=1e-5)


ARGUMENTS_DECIDE = {
    "Chain", "Linear", "clip", "vector", "normalization_order", "trapezoid_trusts",
    "joint_unimodalities", "range_dominances",
}  # fmt: skip
"""What by its name alone is no set, or any."""

MEANT = {
    "ci.Affine([2, -1])": ((2, 5), lambda w: near(w[1], 2 * w[0])),
    "ci.Affine([1, 0, 0, -1])": ((4, 3), lambda w: near(w[0], w[3])),
    "ci.Box(0, 1) & ci.SumTo(2)": ((5, 3), lambda w: near(w.sum(0), 2) and w.min() >= 0),
    "ci.Convex()": ((6, 2), lambda w: np.diff(w, n=2, axis=0).min() >= -1e-5),
    "ci.CorrelationCholesky()": ((4, 4), lambda w: near(np.diag(w @ w.T), 1)),
    "ci.Dissipative(0.1)": ((4, 4), lambda w: np.linalg.eigvals(w).real.max() <= -0.1 + 1e-5),
    "ci.DoublyStochastic()": ((4, 4), lambda w: near(w.sum(0), 1) and near(w.sum(1), 1)),
    "ci.Fixed([[False, True], [True, False]], 0.0)": ((2, 2), lambda w: w[0, 1] == w[1, 0] == 0),
    "ci.Grid(1, 0, 7)": ((4, 4), lambda w: set(w.ravel()) <= set(range(8))),
    "ci.MaxNorm(2, axis=[0, 1])": ((6, 4), lambda w: near(np.linalg.norm(w), 2)),
    "ci.Monotone(axis=-1) & ci.NonNegative()": (
        (3, 5), lambda w: w.min() >= 0 and np.diff(w, axis=1).min() >= 0,
    ),
    "ci.NormRange(2, 2, axis=-1)": ((3, 5), lambda w: near(np.linalg.norm(w, axis=1), 2)),
    "ci.NuclearNorm(2)": ((4, 4), lambda w: near(spectrum(w).sum(), 2)),
    "ci.PositiveSemidefinite(rank=2)": ((4, 4), lambda w: near(spectrum(w)[2:], 0)),
    "ci.Product([ci.Positive(), ci.Simplex(axis=-1)], [2, 3])": (
        (4, 5), lambda w: w[:, :2].min() > 0 and near(w[:, 2:].sum(1), 1),
    ),
    "ci.Sign([1, 0, -1])": ((3, 4), lambda w: w[0].min() >= 0 >= w[2].max()),
    "ci.Simplex() & ci.TopK(4)": (
        (9, 2), lambda w: near(w.sum(0), 1) and ((w > 0).sum(0) <= 4).all(),
    ),
    "ci.Simplex(axis=-1) & ci.TopK(1, axis=-1)": ((3, 5), is_one_hot),
    "ci.SingularValues(0.9, 1.1)": (
        (5, 3), lambda w: 0.9 - 1e-5 <= spectrum(w).min() <= spectrum(w).max() <= 1.1 + 1e-5,
    ),
    "ci.SumTo(axis=0) & ci.SumTo(axis=1)": (
        (3, 4), lambda w: near(w.sum(0), 0) and near(w.sum(1), 0),
    ),
    "ci.TopK(8, axis=[0, 1])": ((5, 4), lambda w: np.count_nonzero(w) == 8),
    "ci.Transport([1, 2], [2, 1])": (
        (2, 2), lambda w: near(w.sum(1), [1, 2]) and near(w.sum(0), [2, 1]),
    ),
    "ci.UnitNorm(axis=[0, 1])": ((4, 3), lambda w: near(np.linalg.norm(w), 1)),
}  # fmt: skip
"""What code of the page of other libraries means, on weights of a shape."""


def test_the_page_of_findings_is_that_of_the_rules():
    """Every code is documented, in the words of its rule; `python tests/test_docs.py` writes it."""
    assert PAGE.read_text() == _explain.markdown()


def test_the_page_of_sets_is_that_of_the_sets():
    """Every set is in the catalogue, in its own words; `python tests/test_docs.py` writes it."""
    assert SETS.read_text() == markdown()


def test_the_tables_of_the_page_of_benchmarks_are_those_of_the_figures(monkeypatch):
    """No number of a table is copied by hand; `python benchmarks/sets_page.py` writes them."""
    monkeypatch.syspath_prepend(str(DOCS.parent / "benchmarks"))
    import sets_page

    text = sets_page.PAGE.read_text()
    assert sets_page.page(text, sets_page.rows_of()) == text
    with pytest.raises(ValueError, match="'growth' once, not 0"):
        sets_page.page(text.replace("table: growth", "growth"), sets_page.rows_of())


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


@pytest.mark.filterwarnings("ignore:.*rounding:UserWarning")
def test_the_first_code_of_the_page_of_smooth_maps_runs():
    """By itself, as a newcomer pastes it."""
    [block, *_] = re.findall(r"```python\n(.*?)```", (DOCS / "smooth.md").read_text(), re.DOTALL)
    names: dict = {}
    exec(block, names)
    kernel = names["plain"].layers[0].kernel
    np.testing.assert_allclose(array(kernel) * 16, np.round(array(kernel) * 16), atol=1e-6)


def test_the_code_of_the_page_of_own_sets_runs_from_top_to_bottom():
    """The set that it defines is tested there, too."""
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "own_sets.md").read_text(), re.DOTALL)
    names: dict = {}
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 3
    assert ci.check(names["model"]).ok
    rule = names["model"].layers[0].kernel.constraint
    assert rule.sets[0].describe() == names["cone"].describe()


def test_our_column_of_the_page_of_other_libraries_can_be_pasted():
    """Every piece of our code there makes what it says."""
    layer = keras.layers.Dense(3)
    names = {"ci": ci, "keras": keras, "layer": layer}
    names["model"] = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    codes = set(re.findall(r"`(ci\.[^`]*)`", PEERS))
    assert len(codes) > 90
    for code in codes:
        made = eval(code, names)
        if isinstance(made, ci.ConstraintSet):
            assert made.describe()
    [block] = re.findall(r"```python\n(.*?)```", PEERS, re.DOTALL)
    exec(block, names)


def anchors(text):
    """The headings of a page as links name them."""
    titles = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_links_between_pages_lead_somewhere(page):
    """Each file is there, and each heading in it."""
    for file, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", page.read_text()):
        target = page.parent / file if file else page
        assert target.exists(), file
        assert not anchor or anchor in anchors(target.read_text()), f"{file}#{anchor}"


def rows_of_peers():
    """The rows of the page: what stands above them, the names there, our code, and all of it."""
    title = ""
    for line in PEERS.splitlines():
        title = line[3:] if line.startswith("## ") else title
        if line.startswith("| ") and not line.startswith("| there"):
            there, here = line.split(" | ", 1)
            names = re.findall(r"`(\w+)(?:[(<][^`]*)?`", there)
            yield title, set(names), set(re.findall(r"`(ci\.[^`]*)`", here)), line


def test_names_of_other_libraries_are_known():
    """Errors know the names of the page, and of each what the page says of it."""
    rows = list(rows_of_peers())
    for library, names in _elsewhere._THERE.items():
        for name, here in names.items():
            assert any(
                name in there and here in ours and (title.startswith(library) or library in line)
                for title, there, ours, line in rows
            ), name
            assert here in _elsewhere.hint(name, ()), name
    known = {_elsewhere._folded(one) for one in ci.__all__}
    for _, there, ours, line in rows:
        if not ours or "| none" in line:
            continue
        for name in there - ARGUMENTS_DECIDE:
            folded = _elsewhere._folded(name)
            assert folded in known or "here ci." in _elsewhere.hint(name, ()), name


@pytest.mark.parametrize("code", MEANT)
def test_a_set_is_what_the_other_library_has(code):
    """By a formula of its own: weights from far outside come to be what is meant."""
    assert f"`{code}`" in PEERS
    shape, meant = MEANT[code]
    w = 3 * np.random.default_rng(0).normal(size=shape)
    assert meant(array(eval(code, {"ci": ci}).project(tensor(w))))


if __name__ == "__main__":
    PAGE.write_text(_explain.markdown())
    SETS.write_text(markdown())

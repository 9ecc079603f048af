"""That the suite itself leaves out what a backend need not run, and no more."""

import types

import pytest
from conftest import _is_dealt

BACKENDS = ("jax", "tensorflow", "torch")


def dealt(count=2000, **marks):
    """For each of so many tests with such marks the backends that run it."""
    items = [
        types.SimpleNamespace(
            nodeid=f"tests/test_this.py::test_that[{number}]",
            get_closest_marker=lambda name: (
                types.SimpleNamespace(kwargs=marks[name]) if name in marks else None
            ),
        )
        for number in range(count)
    ]
    return [{b for b in BACKENDS if _is_dealt(item, b)} for item in items]


def test_each_is_on_pytorch_and_some_on_one_that_compiles():
    """A fifth on JAX, another one on TensorFlow."""
    found = dealt()
    assert all("torch" in one and len(one) < 3 for one in found)
    for backend in ("jax", "tensorflow"):
        assert 320 < sum(backend in one for one in found) < 480


@pytest.mark.parametrize("every", [3, 5, 16])
def test_in_turns_each_is_on_one(every):
    """One in `every` on JAX, one on TensorFlow, the rest on PyTorch."""
    found = dealt(in_turns={"every": every})
    assert all(len(one) == 1 for one in found)
    for backend in ("jax", "tensorflow"):
        share = sum(backend in one for one in found) / len(found)
        assert share == pytest.approx(1 / every, rel=0.25)


@pytest.mark.parametrize("mark", ["everywhere", "skipif"])
@pytest.mark.parametrize("turns", [{}, {"in_turns": {"every": 16}}])
def test_what_each_backend_has_of_its_own_is_on_all(mark, turns):
    """What is skipped somewhere may not be skipped where it would be in turn."""
    assert dealt(20, **turns, **{mark: {}}) == [set(BACKENDS)] * 20

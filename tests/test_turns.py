"""That the suite itself leaves out on JAX and TensorFlow what it may, and no more."""

import types

import pytest
from conftest import _dealt


def _marker(name, mark):
    wanted = name in mark if name == "skipif" else True
    return types.SimpleNamespace(kwargs=mark) if wanted else None


def items(**functions):
    """Tests of a module: of each function as many as it has parameters, in turns or not."""
    return [
        types.SimpleNamespace(
            path="module", cls=None, originalname=name, nodeid=f"{name}[{number}]",
            get_closest_marker=lambda name, mark=mark: mark and _marker(name, mark),
        )
        for name, (count, mark) in functions.items()
        for number in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("every", [2, 3, 5, 9])
def test_each_backend_has_its_own(count, every):
    """One in `every` of the tests on each, none on both."""
    given = items(first=(count, {"every": every}), second=(count, {"every": every}))
    dealt = [_dealt(given, backend) for backend in ("jax", "tensorflow")]
    assert not dealt[0] & dealt[1]
    for share in dealt:
        assert 2 * count // every <= len(share) <= -(-2 * count // every)
    assert every > 2 or sum(map(len, dealt)) == 2 * count


def test_what_is_not_in_turns_is_on_both():
    """Of two tests without parameters that are in turns each backend has one."""
    given = items(always=(3, None), one=(1, {"every": 2}), other=(1, {"every": 2}))
    always = {"always[0]", "always[1]", "always[2]"}
    assert _dealt(given, "jax") == {*always, "one[0]"}
    assert _dealt(given, "tensorflow") == {*always, "other[0]"}


def test_files_and_shares_have_turns_of_their_own():
    """So that a new test does not deal the tests of another file anew."""
    given = items(one=(2, {"every": 2}), other=(4, {"every": 4}))
    assert _dealt(given, "jax") == {"one[0]", "other[0]"}
    assert _dealt(given, "tensorflow") == {"one[1]", "other[2]"}


def test_what_is_skipped_somewhere_is_on_both():
    """Where it is not skipped may be where it would not be in turn."""
    given = items(here=(1, {"skipif": True}), there=(1, {"every": 2}))
    assert _dealt(given, "jax") == {"here[0]", "there[0]"}
    assert _dealt(given, "tensorflow") == {"here[0]"}

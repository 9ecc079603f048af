"""What is public is listed, documented, tested, and its examples are true."""

import doctest
import importlib
import inspect
import pkgutil

import keras
import pytest
from cases import CASES

import constrainit as ci
import constrainit.initializers
import constrainit.numerics
import constrainit.sets

MODULES = sorted(
    f"constrainit.{name}"
    for name in (
        "_set",
        "_precision",
        "_checks",
        "_axes",
        "_attach",
        "_compile",
        "_joint",
        "_step",
        "_hold",
        "callbacks._keep",
    )
) + [
    module.name
    for package in (constrainit.sets, constrainit.numerics, constrainit.initializers)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
]
SETS = [
    thing for name in constrainit.sets.__all__
    if inspect.isclass(thing := getattr(constrainit.sets, name))
]  # fmt: skip


@pytest.mark.parametrize(
    "package", [constrainit.sets, constrainit.numerics], ids=lambda p: p.__name__
)
def test_exports_are_sorted_and_whole(package):
    """`__all__` is sorted and names exactly what the package imports `X as X`."""
    assert package.__all__ == sorted(package.__all__)
    found = {
        name for name, thing in vars(package).items()
        if not name.startswith("_") and not inspect.ismodule(thing)
    }  # fmt: skip
    assert found == set(package.__all__)


def test_all_names_of_the_package():
    """`__all__`, which is `dir`, too, is sorted and names all that is imported, now or on use."""
    assert ci.__all__ == sorted(ci.__all__)
    imported = {
        name for name, thing in vars(ci).items()
        if not name.startswith("_") and not inspect.ismodule(thing)
    }  # fmt: skip
    on_use = {
        "Finding", "KeepFeasible", "Report", "StopAtFault", "Treatment", "WeightLog", "diagnose",
    }  # fmt: skip
    assert imported - {"Any", "TYPE_CHECKING"} | on_use == set(ci.__all__)


def test_every_set_is_public():
    """Every set can be reached from the package itself."""
    for name in constrainit.sets.__all__:
        assert getattr(ci, name) is getattr(constrainit.sets, name)


def test_every_set_class_is_exported():
    """No set without an underscore hides in a module."""
    defined = set()
    for name in MODULES:
        for thing in vars(importlib.import_module(name)).values():
            if inspect.isclass(thing) and issubclass(thing, ci.ConstraintSet):
                defined.add(thing)
    public = {c for c in defined if not c.__name__.startswith("_")} - {ci.ConstraintSet}
    assert public == set(SETS)


@pytest.mark.parametrize("a_class", SETS, ids=lambda c: c.__name__)
def test_every_set_has_a_case(a_class):
    """The contract is tested for every set."""
    assert any(type(case.make()) is a_class for case in CASES)


@pytest.mark.parametrize("a_class", SETS, ids=lambda c: c.__name__)
def test_docstring(a_class):
    """A fact first, then a sum of the set, all arguments, and an example where numbers say more."""
    text = inspect.cleandoc(a_class.__doc__)
    first = text.splitlines()[0]
    assert first.endswith(".")
    assert len(first) <= 100
    assert "initializer" in text or a_class is ci.Positive or a_class is ci.Blocks
    arguments = list(inspect.signature(a_class).parameters)
    assert ("Args:" in text) == bool(arguments)
    for name in arguments:
        assert f"\n    {name}: " in text, name
    assert ">>> import constrainit as ci" in text or a_class is ci.Custom


@pytest.mark.parametrize("a_class", SETS, ids=lambda c: c.__name__)
def test_public_methods_are_documented(a_class):
    """Nothing public is without a docstring, inherited ones included."""
    for name, member in inspect.getmembers(a_class):
        if not name.startswith("_") and (
            inspect.isfunction(member) or isinstance(member, property)
        ):
            assert inspect.getdoc(member), name


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    """The examples in docstrings give the numbers that they show, on every backend."""
    failed, _ = doctest.testmod(importlib.import_module(name))
    assert failed == 0


def test_every_set_is_registered():
    """Keras finds every set by its registered name, `constrainit>Name`."""
    for a_class in SETS:
        registered = keras.saving.get_registered_name(a_class)
        assert registered == f"constrainit>{a_class.__name__}"
        assert keras.saving.get_registered_object(registered) is a_class


def test_what_has_no_smooth_map_says_why(monkeypatch):
    """A set has either a map or a reason."""
    for case in CASES:
        a_set = case.make()
        assert (a_set.transform is None) == bool(a_set.no_map), case.name
    for a_class in (ci.TopK, ci.Sparse, ci.Intersection, ci.Custom):
        assert a_class.no_map
    assert ci.Masked(ci.TopK(1), [1, 0]).no_map == ci.TopK.no_map
    monkeypatch.setattr(type(ci.MaxNorm(1.0).transform), "maskable", False)
    masked = ci.Masked(ci.MaxNorm(1.0), [1, 0])
    assert masked.transform is None
    assert masked.no_map == "that of the inner set takes no mask"

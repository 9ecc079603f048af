"""The public names, and what importing the package costs."""

import json
import subprocess
import sys

import pytest

import constrainit as ci

SETTLED = {
    "ConstraintSet", "NonNegative", "Positive", "Box", "MaxNorm", "UnitNorm", "NormRange",
    "Simplex", "SumTo", "Orthogonal", "Symmetric", "Masked", "Blocks", "Intersection", "as_set",
    "constrained", "constrain", "check", "project", "prepare", "diagnose", "Report", "Finding",
}  # fmt: skip

LOADED = """
import json, sys
import keras
before = set(sys.modules)
import constrainit
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_import_pulls_in_no_reporting_library():
    """`import constrainit` loads nothing for the command line or for reports beside Keras' own."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    loaded = json.loads(done.stdout.splitlines()[-1])
    assert "constrainit.model" in loaded
    heavy = {name for name in loaded if name.split(".")[0] in ("click", "jinja2", "rich")}
    assert heavy == set()
    assert not {
        name for name in loaded if name.startswith(("constrainit.cli", "constrainit._text"))
    }


def test_public_names_exist():
    """Every settled name is there, documented, and in `__all__`."""
    for name in SETTLED:
        assert getattr(ci, name).__doc__, name
        assert name in ci.__all__
    assert ci.__version__
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = ci.no_such_name

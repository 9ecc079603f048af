"""Weight constraints for Keras 3 that hold from the first forward pass on."""

from typing import TYPE_CHECKING, Any

from constrainit import _backend as _backend  # isort: skip  (before Keras is imported)
from constrainit import _attach
from constrainit._bake import bake as bake
from constrainit._calibrate import Calibrated as Calibrated
from constrainit._calibrate import calibrate as calibrate
from constrainit._check import Check as Check
from constrainit._check import check as check
from constrainit._constrain import constrain as constrain
from constrainit._constrained import constrained as constrained
from constrainit._hold import held as held
from constrainit._hold import hold as hold
from constrainit._hold import hold_after as hold_after
from constrainit._hold_optax import optax_hold as optax_hold
from constrainit._joint import Joint as Joint
from constrainit._obey import prepare as prepare
from constrainit._obey import project as project
from constrainit._reparametrize import reparametrize as reparametrize
from constrainit._reparametrized import Reparametrized as Reparametrized
from constrainit._set import ConstraintSet as ConstraintSet
from constrainit.initializers._plan import InitPlan as InitPlan
from constrainit.initializers._plan import plan as plan
from constrainit.layers import OutputScale as OutputScale
from constrainit.sets import Affine as Affine
from constrainit.sets import Banded as Banded
from constrainit.sets import Blocks as Blocks
from constrainit.sets import Box as Box
from constrainit.sets import Braked as Braked
from constrainit.sets import CholeskyFactor as CholeskyFactor
from constrainit.sets import Circulant as Circulant
from constrainit.sets import ColumnStochastic as ColumnStochastic
from constrainit.sets import Concave as Concave
from constrainit.sets import Convex as Convex
from constrainit.sets import ConvSpectralNorm as ConvSpectralNorm
from constrainit.sets import Correlation as Correlation
from constrainit.sets import CorrelationCholesky as CorrelationCholesky
from constrainit.sets import Custom as Custom
from constrainit.sets import Diagonal as Diagonal
from constrainit.sets import Dissipative as Dissipative
from constrainit.sets import DoublyStochastic as DoublyStochastic
from constrainit.sets import Every as Every
from constrainit.sets import Fixed as Fixed
from constrainit.sets import Grid as Grid
from constrainit.sets import GroupL1Ball as GroupL1Ball
from constrainit.sets import Halfspace as Halfspace
from constrainit.sets import Intersection as Intersection
from constrainit.sets import L1Ball as L1Ball
from constrainit.sets import L1Sphere as L1Sphere
from constrainit.sets import LowRank as LowRank
from constrainit.sets import Mapped as Mapped
from constrainit.sets import Masked as Masked
from constrainit.sets import MaxAbs as MaxAbs
from constrainit.sets import MaxNorm as MaxNorm
from constrainit.sets import Monotone as Monotone
from constrainit.sets import NonNegative as NonNegative
from constrainit.sets import NormRange as NormRange
from constrainit.sets import NuclearNorm as NuclearNorm
from constrainit.sets import Orthogonal as Orthogonal
from constrainit.sets import Polyhedron as Polyhedron
from constrainit.sets import Positive as Positive
from constrainit.sets import PositiveSemidefinite as PositiveSemidefinite
from constrainit.sets import Product as Product
from constrainit.sets import Relaxed as Relaxed
from constrainit.sets import RowStochastic as RowStochastic
from constrainit.sets import SelfStarting as SelfStarting
from constrainit.sets import Sign as Sign
from constrainit.sets import Simplex as Simplex
from constrainit.sets import SingularValues as SingularValues
from constrainit.sets import SkewSymmetric as SkewSymmetric
from constrainit.sets import Sparse as Sparse
from constrainit.sets import SpecialOrthogonal as SpecialOrthogonal
from constrainit.sets import SpectralNorm as SpectralNorm
from constrainit.sets import SumTo as SumTo
from constrainit.sets import Symmetric as Symmetric
from constrainit.sets import Toeplitz as Toeplitz
from constrainit.sets import TopK as TopK
from constrainit.sets import Transport as Transport
from constrainit.sets import Triangular as Triangular
from constrainit.sets import Unimodal as Unimodal
from constrainit.sets import UnitNorm as UnitNorm
from constrainit.sets import ZeroMean as ZeroMean
from constrainit.sets import as_set as as_set

if TYPE_CHECKING:
    from constrainit.callbacks import KeepFeasible as KeepFeasible
    from constrainit.callbacks import StopAtFault as StopAtFault
    from constrainit.callbacks import WeightLog as WeightLog
    from constrainit.doctor import Finding as Finding
    from constrainit.doctor import Report as Report
    from constrainit.doctor import Treatment as Treatment
    from constrainit.doctor import diagnose as diagnose

__version__ = "0.1.0"

__all__ = [
    "Affine",
    "Banded",
    "Blocks",
    "Box",
    "Braked",
    "Calibrated",
    "Check",
    "CholeskyFactor",
    "Circulant",
    "ColumnStochastic",
    "Concave",
    "ConstraintSet",
    "ConvSpectralNorm",
    "Convex",
    "Correlation",
    "CorrelationCholesky",
    "Custom",
    "Diagonal",
    "Dissipative",
    "DoublyStochastic",
    "Every",
    "Finding",
    "Fixed",
    "Grid",
    "GroupL1Ball",
    "Halfspace",
    "InitPlan",
    "Intersection",
    "Joint",
    "KeepFeasible",
    "L1Ball",
    "L1Sphere",
    "LowRank",
    "Mapped",
    "Masked",
    "MaxAbs",
    "MaxNorm",
    "Monotone",
    "NonNegative",
    "NormRange",
    "NuclearNorm",
    "Orthogonal",
    "OutputScale",
    "Polyhedron",
    "Positive",
    "PositiveSemidefinite",
    "Product",
    "Relaxed",
    "Reparametrized",
    "Report",
    "RowStochastic",
    "SelfStarting",
    "Sign",
    "Simplex",
    "SingularValues",
    "SkewSymmetric",
    "Sparse",
    "SpecialOrthogonal",
    "SpectralNorm",
    "StopAtFault",
    "SumTo",
    "Symmetric",
    "Toeplitz",
    "TopK",
    "Transport",
    "Treatment",
    "Triangular",
    "Unimodal",
    "UnitNorm",
    "WeightLog",
    "ZeroMean",
    "as_set",
    "bake",
    "calibrate",
    "check",
    "constrain",
    "constrained",
    "diagnose",
    "held",
    "hold",
    "hold_after",
    "optax_hold",
    "plan",
    "prepare",
    "project",
    "reparametrize",
]

_attach.install()


def __dir__() -> list[str]:
    """The public names, those that are imported on first use included."""
    return [*__all__, "__version__"]


def __getattr__(name: str) -> Any:
    """The names of the doctor and of callbacks, imported on first use: not all need them."""
    if name in ("KeepFeasible", "StopAtFault", "WeightLog"):
        from constrainit import callbacks

        return getattr(callbacks, name)
    if name in ("Finding", "Report", "Treatment", "diagnose"):
        from constrainit import doctor

        return getattr(doctor, name)
    words = f"module {__name__!r} has no attribute {name!r}"
    if not name.startswith("_"):
        from constrainit._elsewhere import hint

        words = f"{words}. {hint(name, __all__)}".rstrip(". ")
    # With the name Python adds no guess of its own to the hint.
    raise AttributeError(words, name=name)

"""Why an operation has no finite result, in words."""

from collections.abc import Callable, Sequence
from typing import Any

import ml_dtypes
import numpy as np

NEGATIVE_BASE = "power of a negative number with a fractional exponent"

_OUTSIDE = {
    "arccos": ("arccosine", 1.0),
    "arcsin": ("arcsine", 1.0),
    "arctanh": ("inverse hyperbolic tangent", 1.0),
    "erfinv": ("inverse error function", 1.0),
}
_OF_MATRICES = {
    "cholesky": "Cholesky factor of a matrix that is not positive definite",
    "inverse": "inverse of a singular matrix",
    "solve": "solution of a system with a singular matrix",
    "logdet": "log-determinant of a singular matrix",
}
_WITH_INFINITY = {
    "subtract": "inf - inf",
    "add": "inf - inf",
    "multiply": "0 times infinity",
    "divide": "inf/inf",
    "softmax": "softmax of a row of -inf",
    "log_softmax": "softmax of a row of -inf",
    "sum": "inf - inf",
    "matmul": "a product with infinity",
}


def limit_of(
    name: str,
    operands: Sequence[np.ndarray],
    result: np.ndarray,
    dtype: str,
    wide: Callable[[], Any] | None,
) -> str:
    """What can not be computed, where `operands` in float64 gave `result` in `dtype`."""
    if not all(np.isfinite(operand).all() for operand in operands):
        return _WITH_INFINITY.get(name, f"NaN from an infinite operand of {name}")
    bad = ~np.isfinite(result)
    found = _domain(name, [_at(operand, bad) for operand in operands], result[bad])
    return found or _overflow(name, operands, result, bad, dtype, wide)


flattens = {
    "exp": (0.0,), "square": (0.0,), "multiply": (0.0,), "power": (0.0,), "product": (0.0,),
    "cast": (0.0,), "sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "erf": (-1.0, 1.0),
    "clip": (), "maximum": (), "minimum": (),
}  # fmt: skip
"""Operations, and the numbers that rounding may make of all of their results.

None where these are bounds that it was given.
"""

CUT_OFF = "cut off"
"""How words begin for numbers that all lie beyond bounds."""


def loses_all(name: str, operands: Sequence[np.ndarray], result: np.ndarray, dtype: str) -> str:
    """What is lost where every result is a limit that no operand lies at, or an empty text."""
    limits = flattens[name]
    if not limits:
        return _cut_off(operands, result)
    given = all(np.isfinite(operand).all() for operand in operands)
    # Of a product with zero nothing is lost.
    if not given or not result.size or not np.isin(result, limits).all():
        return ""
    if limits != (0.0,):
        return f"saturated in {dtype}: every result is {_named(result)}, with a derivative of 0"
    if name != "exp" and any((operand == 0).any() for operand in operands):
        return ""
    return f"underflow of {dtype}: every result is 0"


def _cut_off(operands, result):
    """What is lost where bounds leave every example the same, of numbers that differ."""
    given = max(operands, key=np.size)
    if given.shape != result.shape or result.ndim < 2 or len(result) < 2:
        return ""
    if not np.ptp(given, axis=0).any() or np.ptp(result, axis=0).any():
        return ""
    return (
        f"{CUT_OFF} as what comes in, {given.min():.3g} to {given.max():.3g}, is all beyond bounds"
    )


def _named(result):
    return " or ".join(f"{number:g}" for number in np.unique(result))


def _at(operand, bad):
    """The entries of an operand that met the bad entries of the result, or all of them."""
    try:
        return np.broadcast_to(operand, bad.shape)[bad]
    except ValueError:
        return operand.ravel()


def _domain(name, operands, result):
    if name in _OF_MATRICES:
        return _OF_MATRICES[name]
    if name in _DOMAINS and operands:
        return _DOMAINS[name](*operands[:2])
    if name in _OUTSIDE:
        word, bound = _OUTSIDE[name]
        return f"{word} of a number outside of [-{bound:g}, {bound:g}]"
    return ""


def _log(x, *_):
    if (x < 0).any():
        return "log of a negative number"
    return "log of 0" if (x == 0).any() else ""


def _log1p(x, *_):
    if (x < -1).any():
        return "log1p of a number below -1"
    return "log1p of -1" if (x == -1).any() else ""


def _arccosh(x, *_):
    return "inverse hyperbolic cosine of a number below 1" if (x < 1).any() else ""


def _sqrt(x, *_):
    return "square root of a negative number" if (x < 0).any() else ""


def _rsqrt(x, *_):
    if (x < 0).any():
        return "reciprocal square root of a negative number"
    return "reciprocal square root of 0" if (x == 0).any() else ""


def _divide(x, divisor=None):
    if divisor is None:
        return "division by 0" if (x == 0).any() else ""
    if x.shape == divisor.shape and ((x == 0) & (divisor == 0)).any():
        return "0/0"
    return "division by 0" if (divisor == 0).any() else ""


def _remainder(x, divisor=None):
    zero = divisor is not None and (divisor == 0).any()
    return "remainder of a division by 0" if zero else ""


def _power(base, exponent=None):
    if exponent is None or base.shape != exponent.shape:
        return ""
    if ((base < 0) & (exponent != np.round(exponent))).any():
        return NEGATIVE_BASE
    return "0 to a negative power" if ((base == 0) & (exponent < 0)).any() else ""


_DOMAINS = {
    "log": _log,
    "log2": _log,
    "log10": _log,
    "log1p": _log1p,
    "arccosh": _arccosh,
    "sqrt": _sqrt,
    "rsqrt": _rsqrt,
    "divide": _divide,
    "remainder": _remainder,
    "power": _power,
}


def _overflow(name, operands, result, bad, dtype, wide):
    bound = largest(dtype)
    if np.isnan(result[bad]).all():
        return f"{name} gives NaN"
    exact = _exactly(wide, result.shape)
    if exact is not None and not np.isnan(exact[bad]).any():
        peak = exact[bad][np.argmax(np.abs(exact[bad]))]
        if np.isfinite(peak) and abs(peak) > bound:
            side = "above" if peak > 0 else "below -"
            return f"overflow of {dtype}: {peak:.3g} is {side} {bound:.5g}".replace("- ", "-")
    if name == "exp" and operands:
        return f"overflow of {dtype}: exp of {operands[0].max():.3g} is above {bound:.5g}"
    return f"overflow of {dtype}: the result of {name} is above {bound:.5g}"


def _exactly(wide, shape):
    """The result in float64, where the backend can compute it so."""
    if wide is None:
        return None
    # A backend may lack the operation in float64: then the number is not told.
    try:
        with np.errstate(all="ignore"):
            exact = np.asarray(wide(), "float64")
    except Exception:
        return None
    return exact if exact.shape == shape else None


def largest(dtype: str) -> float:
    """The largest number of a float dtype."""
    return float(ml_dtypes.finfo(dtype).max)


_SINGULAR_AT_ZERO = ("log", "log2", "log10", "sqrt", "rsqrt", "norm", "divide", "logdet")
_SINGULAR_AT_ONE = ("arccos", "arcsin", "arctanh", "arccosh")
_OF_ONE = (*_SINGULAR_AT_ZERO, *_SINGULAR_AT_ONE, "exp", "log1p", "square", "power")


def derivative_limit(
    name: str, operands: Sequence[np.ndarray], index: int, bad: np.ndarray, dtype: str
) -> str:
    """Why a derivative is not finite: that by operand `index`, at the entries `bad`."""
    if name == "divide" and len(operands) > 1:
        divisor = operands[1]
        at = divisor[bad] if divisor.shape == bad.shape else divisor
        zero = (at == 0).any()
        return f"derivative of divide at a divisor of {'0' if zero else _least(at)}" + (
            "" if zero else f" overflows {dtype}"
        )
    if name not in _OF_ONE or not operands:
        return f"derivative of {name} overflows {dtype}"
    what = f"derivative of {name}"
    if name == "power" and index == 1:
        what, index = "derivative of power by its exponent", 0
    operand = operands[min(index, len(operands) - 1)]
    at = operand[bad] if operand.shape == bad.shape else operand
    if name in ("log", "sqrt", "rsqrt", "power") and (at < 0).any():
        return f"{what} at a negative number"
    if name in _SINGULAR_AT_ONE and (np.abs(at) >= 1).any():
        return f"{what} at 1"
    if name in (*_SINGULAR_AT_ZERO, "power") and (at == 0).any():
        return f"{what} at 0"
    return f"{what} at {_least(at)} overflows {dtype}"


def _least(values):
    """The number of least magnitude, in two digits."""
    return f"{values.ravel()[np.argmin(np.abs(values))]:.2g}" if values.size else "0"

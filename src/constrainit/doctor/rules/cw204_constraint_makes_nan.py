"""CW204 constraint-makes-nan."""

from constrainit.doctor._breaking import broken_by
from constrainit.doctor.rules._rule import Rule, told
from constrainit.doctor.trace._limits import NEGATIVE_BASE


class ConstraintMakesNan(Rule):
    """A constraint turns finite weights into NaN or infinity.

    The loss of the first step is still finite, that of the second is NaN, and stays so. Frequent
    causes: a division by a sum or norm that is zero, the logarithm or root of a negative weight, a
    norm that overflows in float16.

    Example:
        def sum_to_one(w):
            w = ops.maximum(w, 0.0)
            return w / ops.sum(w, axis=0, keepdims=True)

        layers.Dense(8, kernel_initializer="zeros", kernel_constraint=sum_to_one)

    Use instead:
        layers.Dense(8, **ci.constrained(kernel=ci.Simplex()))

        # its image of zero is defined, as are those of UnitNorm and SumTo

    Known limits:
        Tried on the initial weight, on what it makes of that in six calls if it moves it far, and
        on the weights of the steps. A weight that only later training
        reaches is not tried. The operation is that of a call of the constraint by itself; where
        it gives something finite then, or can not be run so, none is named.

    Source:
        Measured on Keras 3.15.1; a sum to one in this form is the usual answer on forums
        (keras-team/keras#13234).
    """

    code, name, level = "CW204", "constraint-makes-nan", "error"
    numbers = ("nonfinite", "size", "growth")

    def find(self, evidence):
        for made in evidence.constraints:
            lost = broken_by(made)
            if made.grown:
                yield self._grows(made)
            elif lost is not None:
                yield self._breaks(made, *lost)

    def _breaks(self, made, which, image):
        operation = made.operation
        if operation is None:
            at = "; which of its operations does so first could not be located"
        else:
            at = f"; the operation is {told(operation)[0]}"
        return self.at_weight(
            made,
            f"its constraint {made.text} makes {image.nonfinite} of {image.size} weights NaN or "
            f"infinite from a finite {which}{at}",
            f"{_guard(operation)}, or use a set of constrainit, whose image of zero is defined",
            {"nonfinite": image.nonfinite, "size": image.size},
            source=None if operation is None else operation.source,
        )

    def _grows(self, made):
        norms = " -> ".join(f"{norm:.3g}" for norm in made.grown)
        return self.at_weight(
            made,
            f"its constraint {made.text} makes the weight larger at each call until it is not "
            f"finite: its norm goes {norms}",
            "start where its iteration comes nearer to the set: divide the weight by its largest "
            "singular value first, or use a set of constrainit, whose projection does so from "
            "everywhere, as constrainit.Orthogonal()",
            {"growth": made.grown[1] / made.grown[0]},
        )


def _guard(operation):
    """What to write instead, by what can not be computed."""
    limit = operation.limit if operation else ""
    if limit.startswith(("overflow of float16", "overflow of bfloat16")):
        return (
            'compute it in float32, ops.cast(w, "float32"), and cast what is returned back to '
            "w.dtype"
        )
    if "overflow" in limit and operation.name == "exp":
        return "subtract the largest before the exponential is taken: ops.exp(w - ops.max(w))"
    if "overflow" in limit:
        return f"bound what goes into {operation.name}, such as by ops.clip"
    if limit in ("0/0", "division by 0"):
        return (
            "guard the divisor: ops.where(d == 0, 1.0, d), or ops.maximum(d, 1e-6) if it is never "
            "below zero, such as a norm"
        )
    if "outside of [-1, 1]" in limit:
        return f"guard what goes into {operation.name}: ops.clip(x, -1 + 1e-6, 1 - 1e-6)"
    guarded = next((what for words, what in _OF if limit.startswith(words)), "")
    if guarded:
        return f"guard what the {guarded} is taken of: ops.maximum(x, 1e-6)"
    return "guard the division or root"


_OF = (
    (("log of", "log1p"), "logarithm"),
    (("square root", "reciprocal square root"), "root"),
    (("0 to a negative power", NEGATIVE_BASE), "power"),
)
"""How limits begin, and what it is then that has a domain."""

"""CW204 constraint-makes-nan."""

from constrainit.doctor.rules._rule import Rule


class ConstraintMakesNan(Rule):
    """A constraint turns finite weights into NaN or infinity.

    The loss of the first step is still finite, that of the second is NaN, and stays so. Frequent
    causes: a division by a sum or norm that is zero, the logarithm or root of a negative weight, a
    norm that overflows in float16.

    Use a set with a documented image of zero: `Simplex`, `UnitNorm`, `SumTo`.
    """

    code, name, level = "CW204", "constraint-makes-nan", "error"

    def find(self, evidence):
        for made in evidence.constraints:
            images = (("start", made.image), ("weight of the first step", made.after_step))
            for which, image in images:
                if image is not None and image.nonfinite and not made.start.nonfinite:
                    yield self.at_weight(
                        made,
                        f"its constraint {made.text} makes {image.nonfinite} of {image.size} "
                        f"weights NaN or infinite from a finite {which}",
                        "guard the division or root, or use a set of constrainit, whose image of "
                        "zero is defined",
                        {"nonfinite": image.nonfinite, "size": image.size},
                    )
                    break

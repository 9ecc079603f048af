"""CW203 wrong-dtype."""

from constrainit.doctor.rules._rule import Rule


class WrongDtype(Rule):
    """A constraint returns integers, booleans or complex numbers.

    Keras casts what comes back to the dtype of the variable and says nothing: fractions are cut
    off, imaginary parts dropped.

    Example:
        def cut(w):
            return ops.cast(ops.clip(w, -1, 1), "int32")

        layers.Dense(8, kernel_constraint=cut)

    Use instead:
        def cut(w):
            return ops.clip(w, -1, 1)

        layers.Dense(8, kernel_constraint=cut)

    Known limits:
        Another float dtype than that of the weight is let pass: Keras' cast does what is meant.

    Source:
        Measured on Keras 3.15.1: `Variable.assign` casts without a word.
    """

    code, name = "CW203", "wrong-dtype"
    numbers = ()

    def find(self, evidence):
        for made in evidence.constraints:
            if made.dtype is not None and "float" not in made.dtype:
                yield self.at_weight(
                    made,
                    f"its constraint {made.text} turns {made.record.dtype} into {made.dtype}, "
                    "which Keras casts back without a word",
                    "return the dtype that came in: keras.ops.cast(result, w.dtype)",
                    {"dtype": made.record.dtype, "returned_dtype": made.dtype},
                )

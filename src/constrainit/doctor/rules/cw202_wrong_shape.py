"""CW202 wrong-shape."""

from constrainit.doctor._reductions import advice
from constrainit.doctor.rules._rule import Rule
from constrainit.doctor.rules.cw201_constraint_raises import fix_of_shapes, shapes

_FIX = "return a tensor of the shape that came in"


class WrongShape(Rule):
    """A constraint returns a weight of another shape.

    Keras assigns what the constraint returns to the variable, at the first optimizer step, and the
    assignment fails there, also where the shape would broadcast. The kernels of an LSTM or GRU hold
    those of their gates side by side: what is written for one square matrix, such as a QR
    factor, gives another shape for them, and is right for each gate, `ci.Blocks(constraint, 4)`.

    Example:
        def shares(w):
            return ops.max(ops.abs(w), axis=0)

        layers.Dense(8, kernel_constraint=shares)

    Use instead:
        def shares(w):
            return w / ops.maximum(ops.max(ops.abs(w), axis=0, keepdims=True), 1.0)

        layers.Dense(8, kernel_constraint=shares)

    Known limits:
        A square kernel that comes back transposed has the right shape. It is then not its own
        image, see CW205.

    Source:
        Measured on Keras 3.15.1 on all three backends.
    """

    code, name, level = "CW202", "wrong-shape", "error"
    numbers = ()

    def find(self, evidence):
        for made in evidence.constraints:
            if made.shape is not None and made.shape != made.record.shape:
                yield self.at_weight(
                    made,
                    f"its constraint {made.text} turns shape {made.record.shape} into "
                    f"{made.shape}; the first optimizer step can not assign that{shapes(made)}",
                    fix_of_shapes(made)
                    or "; ".join(filter(None, (_FIX, advice(made.record.constraint)))),
                    {"shape": list(made.record.shape), "returned_shape": list(made.shape)},
                )

"""CW304 quantized-away."""

from constrainit.doctor.rules._rule import Rule


class QuantizedAway(Rule):
    """A layer is quantized, and the constraint of its kernel is gone.

    `quantize` replaces the kernel by whole numbers and a scale. The new variable has no constraint,
    and the rounding moves weights out of their set: a sum is no longer one, a column no longer of
    norm one.

    Example:
        head = layers.Dense(8, kernel_constraint="unit_norm")
        model = keras.Sequential([keras.Input((4,)), head])
        model.quantize("int8")
        model

    Use instead:
        head = layers.Dense(8, **ci.constrained(kernel=ci.UnitNorm()))
        keras.Sequential([keras.Input((4,)), head])

    Known limits:
        How far the rounded weights are outside is not measured.

    Source:
        `Dense.quantize` in Keras 3.15.1.
    """

    code, name, stage = "CW304", "quantized-away", "build"
    numbers = ()

    def find(self, evidence):
        for layer, kind in evidence.quantized:
            yield self.made(
                f"{layer!r} is quantized: its constraint {kind} is in its config, but the weight "
                "that it uses has none, and was rounded without it",
                "quantize only where the constraint need not hold exactly, or keep this layer in "
                "floating point: quantize the model by layers",
                {"constraint": kind}, layer=layer,
            )  # fmt: skip

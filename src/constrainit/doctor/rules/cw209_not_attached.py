"""CW209 not-attached."""

from constrainit.doctor.rules._rule import Rule


class NotAttached(Rule):
    """A layer holds a constraint that its weight does not have.

    Keras reads `layer.kernel_constraint` once, while the layer is built. Set afterwards it does
    nothing, but it is saved, so that the loaded model behaves in another way.

    Example:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(8)])
        model.layers[0].kernel_constraint = keras.constraints.NonNeg()
        model

    Use instead:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(8)])
        ci.constrain(model, {"*/kernel": ci.NonNegative()})
        model

    Known limits:
        Knows the arguments of Keras' layers, `..._constraint`. A constraint that a layer of the
        user's own keeps under another name is not found. A constraint that is given to
        `keras.Variable`, which drops it, is read off the source of the layer's class.

    Source:
        keras-team/keras#10226 and keras-team/keras#7628.
    """

    code, name, stage = "CW209", "not-attached", "build"

    def find(self, evidence):
        for record, kind in evidence.unattached:
            yield self.made(
                f"its layer holds the constraint {kind}, but the weight has none: it was set after "
                "the layer was built, or never given to add_weight, and no step applies it",
                f'call constrainit.constrain(model, {{"{record.path}": ...}}), or pass the '
                "constraint to the layer's constructor",
                {"constraint": kind}, layer=record.layer.name, weight=record.path,
            )  # fmt: skip
        for record, text in evidence.dropped:
            yield self.made(
                f"its layer makes it by keras.Variable(..., constraint={text}), which takes no "
                "constraint and says nothing: the weight has none, and no step applies it",
                "make it by self.add_weight(..., constraint=...) in build, or set the attribute "
                f"`constraint` of the variable to {text}",
                {"constraint": text}, layer=record.layer.name, weight=record.path,
            )  # fmt: skip

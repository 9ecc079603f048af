"""CW209 not-attached."""

from constrainit.doctor._attached import PENALTY, held_and_other, held_for
from constrainit.doctor.rules._rule import Rule

_INSTEAD = {
    "activation": "acts on what the layer gives, along the axes of the batch",
    f"activity_{PENALTY}": "is called with what the layer gives for a number to add to the loss",
    PENALTY: "is called with the weight for a number to add to the loss",
}
"""What a constraint does where it was given as something else; elsewhere nothing."""


class NotAttached(Rule):
    """A layer holds a constraint that its weight does not have.

    Keras reads `layer.kernel_constraint` once, while the layer is built. Set afterwards it does
    nothing, but it is saved, so that the loaded model behaves in another way. A weight holds one
    constraint: that of a layer which shares it takes the place of the first. Given as another
    argument, such as the third of `Dense`, which is `use_bias`, it counts as True.

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
        `keras.Variable`, which drops it, is read off the source of the layer's class. That another
        one has taken its place is told of sets of Keras and of this library that the weight leaves.

    Source:
        keras-team/keras#10226 and keras-team/keras#7628.
    """

    code, name, stage = "CW209", "not-attached", "build"
    numbers = ()

    def find(self, evidence):
        for record, kind in evidence.unattached:
            other = held_for(record)
            if other is not None and other[0] == kind:
                yield self._of_another(record, *other)
                continue
            yield self.made(
                f"its layer holds the constraint {kind}, but the weight has none: it was set after "
                "the layer was built, or never given to add_weight, and no step applies it",
                f'call constrainit.constrain(model, {{"{record.path}": ...}}), or pass the '
                "constraint to the layer's constructor",
                {"constraint": kind}, layer=record.layer.name, weight=record.path,
            )  # fmt: skip
        for record in evidence.replaced:
            held, other = held_and_other(record)
            yield self.made(
                f"its layer holds {record.argument}_constraint={held}, but the weight has another "
                f"one, {other}, and leaves the set of the first: a weight holds a single "
                "constraint, and who sets it again, such as a layer that shares the weight, "
                "replaces it",
                f"give both as one where the weight is made: {record.argument}_constraint="
                f"{held} & {other}, or leave one of them out",
                {"constraint": held}, layer=record.layer.name, weight=record.path,
            )  # fmt: skip
        for record, kind, place in evidence.misplaced:
            penalty = _INSTEAD[PENALTY] if PENALTY in place else "constrains nothing"
            does = _INSTEAD.get(place, penalty)
            argument = "constraint" if place == PENALTY else f"{record.argument}_constraint"
            yield self.made(
                f"its layer was given the constraint {kind} as {place}, where it {does}: the "
                "weight has no constraint, and no step applies one",
                f"give it as {argument}={kind}(...), by name"
                + (", to add_weight" if place == PENALTY else ""),
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

    def _of_another(self, record, kind, name):
        """A finding at a layer that holds a constraint for what it does not own."""
        layer = record.layer.name
        return self.made(
            f"it holds the constraint {kind} for `{name}`, which is no weight of its own, as of "
            "a decoder that shares the kernel of its encoder: no step applies it",
            f"give it to the layer that makes the weight of which `{name}` is taken, with the axes "
            "that its kernel has there; ci.Intersection holds two at once",
            {"constraint": kind}, layer=layer,
        )  # fmt: skip

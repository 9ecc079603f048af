"""CW106 identical-weights."""

from constrainit.doctor.rules._rule import Rule


class IdenticalWeights(Rule):
    """Two layers start with the same random weights, and stay the same.

    An initializer with a seed draws the same numbers each time that it is used. Where both layers
    take the same inputs and what follows treats them alike, their gradients are equal, too, and so
    are all later weights: the two count as one.

    Example:
        draw = keras.initializers.GlorotUniform(seed=1)
        x = keras.Input((8,))
        towers = [layers.Dense(8, kernel_initializer=draw)(x) for _ in range(2)]
        model = keras.Model(x, layers.Dot(axes=1)(towers))

    Use instead:
        draws = [keras.initializers.GlorotUniform(seed=seed) for seed in (1, 2)]
        x = keras.Input((8,))
        towers = [layers.Dense(8, kernel_initializer=draw)(x) for draw in draws]
        model = keras.Model(x, layers.Dot(axes=1)(towers))

    Known limits:
        Weights that come apart in the steps that are looked at are not reported, nor are those that
        no step moves, or that hold one number only.

    Source:
        Goodfellow, Bengio and Courville, Deep Learning (2016), section 8.4: initial parameters have
        to break symmetry. Initializers with a seed: the documentation of keras.initializers.
    """

    code, name, stage = "CW106", "identical-weights", "training"
    numbers = ("steps",)

    def find(self, evidence):
        steps = len(evidence.losses) - 1
        for record, twin in evidence.twins:
            yield self.made(
                f"it starts as the same random numbers as {twin.path!r}, and after {steps} steps "
                "the two are still the same: they get equal gradients, and count as one",
                "give each layer an initializer of its own, with another seed or none",
                {"steps": steps},
                layer=record.layer.name, weight=record.path,
            )  # fmt: skip

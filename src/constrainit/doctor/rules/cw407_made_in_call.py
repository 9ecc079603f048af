"""CW407 made-in-call."""

from constrainit.doctor.rules._rule import Rule


class MadeInCall(Rule):
    """A layer makes weights, or a layer that has some, each time that it is called.

    Each call then computes with other random weights. None of them is known to the model: no
    optimizer moves them, and no file holds them. What lies before them learns to live with noise.

    Example:
        class Encode(layers.Layer):
            def call(self, x):
                return layers.Dense(8, activation="relu")(x)
            def compute_output_shape(self, shape):
                return (shape[0], 8)
        [Encode(), layers.Dense(1)]

    Use instead:
        class Encode(layers.Layer):
            def __init__(self):
                super().__init__()
                self.inner = layers.Dense(8, activation="relu")
            def build(self, shape):
                self.inner.build(shape)
            def call(self, x):
                return self.inner(x)
        [Encode(), layers.Dense(1)]

    Known limits:
        Looked at is `add_weight` of layers that the model does not hold, and of layers that are
        built already. A `keras.Variable` that a call makes by itself is not seen. JAX and
        TensorFlow refuse some of these models by themselves. Layers that are made of what `call`
        computes, or in each turn of a loop, are not tried in `__init__`.

    Source:
        keras-team/keras#11736: a `Dense` made in `call` is not trained.
    """

    code, name, level, stage = "CW407", "made-in-call", "error", "forward"
    numbers = ("made",)

    def find(self, evidence):
        seen = set()
        for made in evidence.made:
            if made.layer in seen:
                continue
            seen.add(made.layer)
            total = sum(one.count for one in evidence.made if one.layer == made.layer)
            yield self.made(
                f"each call makes {total} new random numbers as weights (of {made.kind}): they are "
                "others at each step, and no step trains them",
                "make the layer in __init__, build it in build, and only call it in call",
                {"made": total}, layer=made.layer, source=made.source,
            )  # fmt: skip

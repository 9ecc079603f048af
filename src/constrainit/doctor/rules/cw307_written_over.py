"""CW307 written-over."""

from constrainit.doctor.rules._rule import Rule


class WrittenOver(Rule):
    """A layer's call puts a tensor in the place of one of its weights.

    `self.weight = ops.clip(self.weight, 0, 1)` in `call` does not change the weight: it gives the
    name to a tensor of that one call. The next call goes on from that tensor, and nothing reads
    the weight again, which training moves for nothing. JAX and TensorFlow raise, as the tensor was
    one of a compiled function that is over; PyTorch computes on with what was in memory.

    Example:
        class Gate(layers.Layer):
            def build(self, shape):
                self.open = self.add_weight(shape=(4,), initializer="ones", name="open")
            def call(self, x):
                self.open = ops.clip(self.open, 0.0, 1.0)
                return x * self.open
        [Gate(), layers.Dense(1)]

    Use instead:
        class Gate(layers.Layer):
            def build(self, shape):
                self.open = self.add_weight(
                    shape=(4,), initializer="ones", name="open", constraint=ci.Box(0.0, 1.0)
                )
            def call(self, x):
                return x * self.open
        [Gate(), layers.Dense(1)]

    Known limits:
        Looked at are the attributes of the user's own layers, by the source of their class. Where
        there is none, as in some sessions, the attribute has to have the name that `add_weight` was
        given.

    Source:
        `Layer.__setattr__`, Keras 3.15.1: what was a weight stays among the layer's weights when
        its name is given to something else.
    """

    code, name, level, stage = "CW307", "written-over", "error", "forward"
    numbers = ()

    def find(self, evidence):
        for made in evidence.written_over:
            line = "" if made.source is None else f" ({made.source.text})"
            yield self.made(
                f"call gives the name self.{made.name} to a tensor{line}: the next "
                "call goes on from that tensor, and nothing reads the weight again",
                f"keep the result in a local name, {made.name} = ...; where the weight is to stay "
                "in a set, give add_weight that constraint",
                {"attribute": made.name},
                layer=made.record.layer.name, weight=made.record.path, source=made.source,
            )  # fmt: skip

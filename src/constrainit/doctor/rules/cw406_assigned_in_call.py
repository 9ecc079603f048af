"""CW406 assigned-in-call."""

import keras

from constrainit.doctor.rules._rule import Rule


class AssignedInCall(Rule):
    """A layer assigns to a trainable weight while it is called.

    On JAX a training step carries the trainable weights through the optimizer, and what a layer
    assigns to one of them in `call` is lost: training uses the assigned weight, `evaluate` and
    `predict` the other. `keras.layers.SpectralNormalization` does so (Keras 3.15.1).

    Example:
        inner = layers.Dense(8)
        layers.SpectralNormalization(inner)

    Use instead:
        layers.Dense(8, **ci.constrained(kernel=ci.SpectralNorm(1.0)))

    Known limits:
        On TensorFlow and PyTorch the assignment is kept; there it is a note, for whoever moves the
        model to JAX.

    Source:
        `JAXTrainer.compute_loss_and_updates` and `SpectralNormalization.call`, Keras 3.15.1.
    """

    code, name, stage = "CW406", "assigned-in-call", "forward"

    def find(self, evidence):
        lost = keras.backend.backend() == "jax"
        for record in evidence.assigned:
            yield self.made(
                "the forward pass assigns to it"
                + (
                    ": the training step on JAX throws that away, so that fit trains with other "
                    "weights than evaluate and predict use"
                    if lost
                    else "; a training step on JAX would throw that away"
                ),
                "put the rule into a constraint, such as SpectralNorm(1.0), which runs after the "
                "step, or compute with the weight without assigning to it",
                {"assigned": True},
                layer=record.layer.name, weight=record.path, level="warning" if lost else "info",
            )  # fmt: skip

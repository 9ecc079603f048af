"""CW406 assigned-in-call."""

import keras

from constrainit.doctor._recording import is_custom
from constrainit.doctor.rules._rule import Rule
from constrainit.doctor.rules.cw306_computed_once import is_moved


class AssignedInCall(Rule):
    """A layer assigns to a trainable weight while it is called.

    On JAX a training step carries the trainable weights through the optimizer, and what a layer
    assigns to one of them in `call` is lost: training uses the assigned weight, `evaluate` and
    `predict` the other. `keras.layers.SpectralNormalization` does so (Keras 3.15.1). PyTorch can
    not differentiate what was computed of a weight before it was assigned to, and raises; there it
    is an error. What is a state of the layer, such as the vector of a power iteration, is no weight
    to train: `add_weight(trainable=False)`, and `call` computes with a copy of it.

    Example:
        inner = layers.Dense(8)
        layers.SpectralNormalization(inner)

    Use instead:
        layers.Dense(8, **ci.constrained(kernel=ci.SpectralNorm(1.0)))

    Known limits:
        On TensorFlow and PyTorch the assignment is kept, where nothing raises; there it is a note,
        for whoever moves the model to JAX.

    Source:
        `JAXTrainer.compute_loss_and_updates` and `SpectralNormalization.call`, Keras 3.15.1.
    """

    code, name, stage = "CW406", "assigned-in-call", "forward"
    numbers = ()

    def find(self, evidence):
        lost = keras.backend.backend() == "jax"
        raised = evidence.faults.get("gradients")
        fault = raised if raised is not None and is_moved(raised) else None
        for record in evidence.assigned:
            if fault is not None:
                told = (
                    f": the step raises {fault.kind}, as PyTorch can not differentiate what was "
                    "computed of it before; a training step on JAX would throw the assignment away"
                )
            elif lost:
                told = (
                    ": the training step on JAX throws that away, so that fit trains with other "
                    "weights than evaluate and predict use"
                )
            else:
                told = "; a training step on JAX would throw that away"
            yield self.made(
                f"the forward pass assigns to it{told}",
                _fix(record),
                {"assigned": True},
                layer=record.layer.name,
                weight=record.path,
                level="error" if fault else "warning" if lost else "info",
            )


def _fix(record):
    """What to write instead, first of all for what may be a state of the user's own layer."""
    into = (
        "put the rule into a constraint, such as SpectralNorm(1.0), which runs after the step, or "
        "compute with the weight without assigning to it"
    )
    if not is_custom(record.layer):
        return into
    name = record.variable.name
    return (
        f"if {name} is a state that the layer keeps, and nothing to train, make it by "
        f"add_weight(..., trainable=False), and let call compute with a copy, "
        f"ops.stop_gradient(self.{name} + 0.0), before it assigns to it; else {into}"
    )

"""What is told of weights that a `stop_gradient` of the user's own keeps from learning."""

from constrainit.doctor._finding import Finding
from constrainit.doctor._uncut import UncutEvidence
from constrainit.doctor.rules._rule import Rule


def of_uncut(rule: Rule, made: UncutEvidence, numbers: dict[str, float]) -> Finding:
    """Weights that get no gradient, and without the cut make the model learn far more."""
    first, given, other = made.losses
    record, others = made.records[0], [one.path for one in made.records[1:3]]
    also = f", as {', '.join(others)}," if others else ""
    return rule.made(
        f"stop_gradient in line {made.source.line} cuts it off{also} from the loss, though it is "
        f"trainable. In {made.steps} steps on half of the batch the loss of the other half goes "
        f"from {first:.4g} to {given:.4g}, and to {other:.4g} where the gradient gets through",
        "let the gradient through; of a solver that iterates to a fixed point, stop it in front of "
        "one more step, whose result is what the layer gives. What is not to learn is "
        "trainable=False",
        numbers,
        layer=record.layer.name, weight=record.path, source=made.source,
    )  # fmt: skip

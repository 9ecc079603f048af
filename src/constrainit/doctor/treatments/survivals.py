"""A remedy for a loss that takes the logarithm of one less a running sum of chances."""

from constrainit.doctor.treatments._edit_losses import running_product
from constrainit.doctor.treatments._losses import code_of_loss, with_losses
from constrainit.doctor.treatments._remedy import Changed
from constrainit.doctor.treatments._rewriting import rewritten

_FAR_BELOW = -1e-3
"""What is further below zero is no rounding of shares that add up to one."""


def as_a_product(problem, evidence, found):
    """The loss with the product of what each chance leaves, where one less their sum is negative.

    The sum of chances is above one where each is that of a step which the ones before have left.
    """
    operation = evidence.operation
    if operation is None or "log of a negative number" not in operation.limit:
        return None
    if min(one.numbers.minimum for one in operation.operands) > _FAR_BELOW:
        return None
    losses = problem.losses()
    made = [rewritten(code_of_loss(one), running_product) for one in losses]
    edited = [one for one in made if one is not None]
    if not edited:
        return None
    new = [loss if one is None else one[0] for loss, one in zip(losses, made, strict=True)]
    return Changed(edited[0][1], with_losses(problem, new), diff="\n".join(d for *_, d in edited))

"""Constants of a loss or a layer that are not finite, as zeros where they are not."""

from keras import ops

from constrainit.doctor._constants import with_zeros
from constrainit.doctor.treatments._losses import code_of_loss, with_losses
from constrainit.doctor.treatments._remedy import Changed, with_other


def zeros_for_them(problem, evidence, found):
    """The constants with zeros in place of what is not finite."""
    made, losses = evidence.constants, problem.losses()
    if not made:
        return None
    other, done = list(losses), set()
    for one in made:
        if id(one.holder) in done:
            continue
        done.add(id(one.holder))
        new = with_zeros(one)
        if not one.layer:
            other = [
                new if code_of_loss(loss) is one.holder else kept
                for loss, kept in zip(losses, other, strict=True)
            ]
    named = {one.name: "ops" if ops.is_tensor(one.value) else "np" for one in made}
    code = "\n".join(
        f"{name} = {of}.where({of}.isfinite({name}), {name}, 0.0)  # where it is made"
        for name, of in named.items()
    )
    changed = with_losses(problem, other) if any(not m.layer for m in made) else with_other(problem)
    return Changed(f"zeros where {', '.join(named)} is not finite", changed, code)

"""Remedies for a `train_step` of a model's own: what it leaves out is done around it."""

from constrainit._obey import project
from constrainit.doctor.treatments._remedy import Changed, with_other


def cleared(problem, evidence, found):
    """No gradient is left of the step before."""
    other = with_other(problem)

    def clear():
        for variable in problem.model.variables:
            variable.value.grad = None

    other.before_own = clear
    return Changed(
        "gradients are cleared before each step", other, "self.zero_grad()  # comes first"
    )


def compiled_anew(problem, evidence, found):
    """A step that is compiled with the constraints, as it was tried to find out."""
    other = with_other(problem)
    other.late = ()
    return Changed(
        "the step of fit is compiled anew",
        other,
        "model.make_train_function(force=True)  # or model.compile(...)",
    )


def projected(problem, evidence, found):
    """Every weight is brought into its set when the step is over."""
    other = with_other(problem)
    other.after_own = lambda: project(problem.model)
    return Changed(
        "every weight is brought into its set after each step",
        other,
        "ci.project(self)  # last in train_step; or after each batch of fit: "
        "callbacks=[ci.KeepFeasible(every=1)]",
    )

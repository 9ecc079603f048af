"""Remedies for a `train_step` of a model's own: what it leaves out is done around it."""

import ast
from functools import partial

from constrainit._obey import project
from constrainit.doctor.treatments._edits import all_replaced
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._rewriting import rewritten

_CLIPS = ("clip", "clip_by_value", "clamp", "clamp_")
_ALL = ("weights", "variables", "trainable_weights", "trainable_variables")


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


def clipping_kernels(problem, evidence, found):
    """The class of a model whose step clips all weights in a loop, with one over kernels alone."""
    model = problem.model
    made = rewritten(type(model), over_kernels) if evidence.own.clipped else None
    if made is None:
        return None
    new, sentence, diff = made
    # Keras gives a class that makes a graph of layers another base.
    new.__bases__ = type(model).__bases__
    vars(model)["train_step"] = partial(_step_as, new, model)
    return Changed(sentence, with_other(problem), diff=diff)


def _step_as(kind, model, *data):
    """A step of another class of a model: its `super()` takes objects of that alone."""
    own = type(model)
    model.__class__ = kind
    try:
        return kind.train_step(model, *data)
    finally:
        model.__class__ = own


def over_kernels(text):
    """Loops of a `train_step` over all weights that are clipped in it, over the kernels alone."""
    steps = [n for n in ast.walk(ast.parse(text)) if getattr(n, "name", "") == "train_step"]
    loops = [
        loop for step in steps for loop in ast.walk(step)
        if isinstance(loop, ast.For) and _clips(loop) and _is_of_all(loop.iter)
    ]  # fmt: skip
    pairs = [
        (loop.iter, f'[w for w in {ast.unparse(loop.iter)} if w.name == "kernel"]')
        for loop in loops
    ]
    return ("the step clips the kernels alone", all_replaced(text, pairs)) if pairs else None


def _is_of_all(node):
    return isinstance(node, ast.Attribute) and node.attr in _ALL


def _clips(loop):
    calls = [node.func for node in ast.walk(loop) if isinstance(node, ast.Call)]
    return any(isinstance(one, ast.Attribute) and one.attr in _CLIPS for one in calls)


def sparing_normalizations(problem, evidence, found):
    """What a step clips of normalizations stays as the optimizer leaves it."""
    if not evidence.own.clipped:
        return None
    other = with_other(problem)
    other.spares_normalizations = True
    return Changed(
        "scales and statistics of normalizations stay as the optimizer leaves them",
        other,
        "# for the clip: [w for w in self.trainable_variables if w.name == 'kernel']",
    )

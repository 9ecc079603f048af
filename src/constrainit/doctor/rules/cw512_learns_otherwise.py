"""CW512 learns-otherwise."""

from constrainit._words import listed
from constrainit.doctor.rules._rule import Rule


class LearnsOtherwise(Rule):
    """The model learns little as it is, and learns where one thing in its own code is otherwise.

    A weight that starts ten times too wide for what it is multiplied by, a step or a frequency in
    another unit, a rule that forbids what the targets need: nothing is infinite and every weight
    gets a gradient, only that no training comes of it. Which of them it is tells a training with
    each of them changed.

    Example:
        class Before(keras.constraints.Constraint):
            def __call__(self, w):
                return ops.triu(w)
        x = np.random.default_rng(0).normal(size=(128, 6)).astype("float32")
        mix = layers.Dense(6, use_bias=False, kernel_constraint=Before())
        model = keras.Sequential([keras.Input((6,)), mix])
        model.compile(keras.optimizers.Adam(0.05), "mse")
        ci.diagnose(model, x, x @ np.tril(np.ones((6, 6), "float32")))

    Use instead:
        class Before(keras.constraints.Constraint):
            def __call__(self, w):
                return ops.tril(w)
        x = np.random.default_rng(0).normal(size=(128, 6)).astype("float32")
        mix = layers.Dense(6, use_bias=False, kernel_constraint=Before())
        model = keras.Sequential([keras.Input((6,)), mix])
        model.compile(keras.optimizers.Adam(0.05), "mse")
        ci.diagnose(model, x, x @ np.tril(np.ones((6, 6), "float32")))

    Known limits:
        Asked where nothing else was found, of small models with layers or constraints of the
        user's own and data of the user's own: 100 steps on half of the examples must leave more
        than a tenth of the loss that the others have with each other's targets, than 30 % of the
        loss at the start and than 70 % of what 50 leave; 300 the same, of what 100 leave. Tried are
        starts of 0.01, 0.1 and 10 times the size, 3 more and 3 less for constants, numbers of a
        tenth and ten times as much, and no constraint where that is a class of the user's own, each
        for all layers of one class: 16 changes at most, and no more than there is time for in 15
        seconds. Reported is the best one if it leaves at most 35 % of the loss, then and after 300
        steps, and 80 % of the loss with the others' targets. What is told may be next to the cause:
        it is where to look. No constraint is no cure, and is offered as none; where the targets are
        the inputs it is not asked.

    Source:
        Sitzmann et al., Implicit neural representations with periodic activation functions (2020),
        section 3.2 and the supplement, of starts that have to fit a frequency.
    """

    code, name, stage = "CW512", "learns-otherwise", "training"
    numbers = (
        "loss", "loss_as_given", "loss_otherwise", "loss_longer", "loss_otherwise_longer", "factor",
        "shift",
    )  # fmt: skip

    def find(self, evidence):
        made = evidence.otherwise
        if made is None:
            return
        first, given, changed = made.losses
        place = made.records[0] if made.records else None
        what, fix = _told(made)
        yield self.made(
            f"it learns little: {made.steps} steps on half of the examples take the loss of the "
            f"others from {first:.4g} to {given:.4g}. {what} it goes to {changed:.4g}, and in "
            f"three times as many steps to {made.later[1]:.4g} in place of {made.later[0]:.4g}",
            fix,
            {
                "loss": first, "loss_as_given": given, "loss_otherwise": changed,
                "loss_longer": made.later[0], "loss_otherwise_longer": made.later[1],
                "kind": made.kind, "changed": made.name, "factor": made.factor, "shift": made.shift,
            },
            layer=made.layers[0].name if place is None else place.layer.name,
            weight="" if place is None else place.path,
        )  # fmt: skip


def _told(made):
    """What was otherwise, as the begin of a sentence, and what to do."""
    if made.kind == "number":
        layer, now = made.layers[0], getattr(made.layers[0], made.name)
        new = f"{made.name}={now * made.factor:g} in place of {now:g}"
        kind = type(layer).__name__
        return (
            f"With {new} in {kind}",
            f"look at {made.name} of {kind}, at its unit, and at what it is multiplied by",
        )
    named = listed([record.path for record in made.records])
    if made.kind == "constraint":
        return (
            f"Without the constraint {made.name} of {named}",
            f"look at what {made.name} forbids: at its axis, its sign and its bound, and at which "
            "weight it is put on",
        )
    if made.shift:
        how = f"{abs(made.shift):g} {'less' if made.shift < 0 else 'more'}"
        return (
            f"Where {named} starts with {how}",
            f"start {named} elsewhere, and look at the function that it goes through",
        )
    return (
        f"Where {named} starts at {made.factor:g} times the size",
        f"start {named} at another size, one that fits what it is multiplied by and the function "
        "that it goes through",
    )

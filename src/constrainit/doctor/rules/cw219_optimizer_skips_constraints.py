"""CW219 optimizer-skips-constraints."""

from constrainit.doctor._frames import line_of
from constrainit.doctor.rules._rule import Rule, percent

_ROUNDING = 1e-5


class OptimizerSkipsConstraints(Rule):
    """The optimizer is one of the user's own and never calls a constraint.

    Keras calls constraints at the end of `Optimizer.apply`. An optimizer that overrides `apply`,
    and does not call that of Keras, updates the weights and leaves it at that: the constraints are
    attached, and no step runs them.

    Example:
        class Plain(keras.optimizers.SGD):
            def apply(self, grads, trainable_variables=None):
                for gradient, weight in zip(grads, self._trainable_variables):
                    weight.assign(weight - self.learning_rate * gradient)

        last = layers.Dense(1, kernel_constraint="non_neg", kernel_initializer="ones")
        model = keras.Sequential([keras.Input((4,)), last])
        model.compile(Plain(0.5), "mse")
        ci.diagnose(model, np.eye(4), -np.ones((4, 1)))

    Use instead:
        class Plain(keras.optimizers.SGD):
            def update_step(self, gradient, variable, learning_rate):
                self.assign_sub(variable, learning_rate * gradient)

        last = layers.Dense(1, kernel_constraint="non_neg", kernel_initializer="ones")
        model = keras.Sequential([keras.Input((4,)), last])
        model.compile(Plain(0.5), "mse")
        ci.diagnose(model, np.eye(4), -np.ones((4, 1)))

    Known limits:
        Asked of a copy, made from the optimizer's config, in 64 steps of a weight of 2 by 2: one
        that raises there is not known. A note where the constraint has nothing to take back from
        the steps, as where the optimizer keeps a weight in its set by itself. What the doctor says
        of later steps is said of steps after which the constraints were run.

    Source:
        `Optimizer.apply` in Keras' `base_optimizer.py` is the one place where a constraint runs;
        keras-team/keras#8360, of an optimizer that does not apply constraints.
    """

    code, name, stage = "CW219", "optimizer-skips-constraints", "training"
    numbers = ("taken_back",)

    def find(self, evidence):
        kind, own = evidence.skipping, evidence.own
        if kind is None:
            return
        source = None if kind.apply.__module__.startswith("keras.") else line_of(kind.apply)
        alone = None if own is None or own.as_usual else own
        for made in evidence.constraints:
            if not made.overrides or (alone and made.record.path not in alone.handed):
                continue
            harm = _left(alone, made) if alone else _taken_back(made)
            yield self.at_weight(
                made,
                f"its constraint {made.text} is attached, and the optimizer {kind.__name__} never "
                f"calls it{harm}",
                f"override update_step() in {kind.__name__} in place of apply(), or call "
                "variable.constraint at the end of apply(); or take the callback "
                "KeepFeasible(every=1)",
                {"taken_back": made.taken_back},
                level="warning" if harm else "info", source=source,
            )  # fmt: skip


def _taken_back(made):
    """What the constraint took back of the doctor's steps, in words."""
    if not made.taken_back > _ROUNDING:
        return ""
    return f": a step leaves it {percent(made.taken_back, 'its size')} outside"


def _left(own, made):
    """How far outside the steps of the model's own leave a weight, in words."""
    for record, outside in own.outside:
        if record is made.record:
            return f": {own.steps} steps leave it {outside:.3g} outside of its set"
    return ""

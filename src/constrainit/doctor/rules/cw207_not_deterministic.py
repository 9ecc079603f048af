"""CW207 not-deterministic."""

import keras

from constrainit.doctor._frames import line_of
from constrainit.doctor.rules._rule import Rule, percent
from constrainit.doctor.rules.cw201_constraint_raises import fix_of_sharing


class NotDeterministic(Rule):
    """A constraint gives different results for the same weight.

    What is inside after one step may be outside after the next. In a compiled step the random
    numbers are drawn once, when it is traced, or refused. So is a number that a constraint counts
    up, or a bound that it moves: Python runs once, the compiled step goes on with what the number
    was then, and a saved model begins anew. An object that is the constraint of several weights,
    and keeps what it made of the first, gives each of them what depends on which was first.

    A tensor that is kept from one call for the next is another one than meant: `fit` calls a
    constraint after the first update. On JAX it belongs to the compiled step, and the next
    compilation, such as for a last batch of another size, raises. On PyTorch and TensorFlow it may
    be the memory of the weight itself, which changes with it.

    Example:
        seed = keras.random.SeedGenerator(0)

        def noisy(w):
            return ops.clip(w, -1, 1) + 0.01 * keras.random.normal(w.shape, seed=seed)

        layers.Dense(8, kernel_constraint=noisy)

    Use instead:
        def steady(w):
            return ops.clip(w, -1, 1)

        layers.Dense(8, kernel_constraint=steady)

    Known limits:
        Two calls are compared, and what the constraint itself keeps, where that is a number, over
        three; it is told of if other values of it, such as round ones up to 10,000, give other
        results, and not where it is merely noted. A whole number is put back between calls that are
        compared, and a bound that moves is not. A tensor that it keeps is told of where it stays
        the memory of the weight, or where another compilation raises; not where it is what a first
        call has computed. What a constraint changes elsewhere, or in a list that it keeps, is not
        seen unless it shows in its results. On PyTorch, where `fit` runs each call, a count is a
        note; so is a variable of its own that it assigns to, which a step on JAX alone throws away.

    Source:
        keras-team/keras#12050: random numbers in a constraint never change.
    """

    code, name = "CW207", "not-deterministic"
    numbers = ("differ_by", "apart", "changes_by")

    def find(self, evidence):
        for made in evidence.constraints:
            if made.assigned:
                yield self._assigns(made)
            elif made.repeat > 0:
                yield self.at_weight(
                    made,
                    f"two calls of its constraint {made.text} on the same weight differ by "
                    f"{percent(made.repeat, 'its norm')}",
                    "take random numbers and counters out of the constraint",
                    {"differ_by": made.repeat},
                )
            elif made.counted:
                yield self._counts(made)
            elif made.kept is not None:
                yield self._keeps(made)
            elif made.shared is not None and made.shared.apart is not None:
                yield self._of_another(made)

    def _assigns(self, made):
        """Sound where the step assigns to it, which is no part of a saved model."""
        on_jax = keras.backend.backend() == "jax"
        name = f"self.{made.assigned[0]}"
        return self.at_weight(
            made,
            f"its constraint {made.text} keeps {name}, a variable of its own, and assigns to it in "
            "each call: "
            + (
                "the compiled step on JAX throws that away, so that each step begins with what it "
                f"was at first; two calls in a row differ by {percent(made.repeat, 'the weight')}"
                if on_jax
                else "no saved model holds that, and a step on JAX would throw it away"
            ),
            "compute it anew in each call, by enough turns; constrainit.SpectralNorm keeps nothing",
            {"differ_by": made.repeat},
            level="warning" if on_jax else "info",
        )

    def _of_another(self, made):
        one = made.shared
        return self.at_weight(
            made,
            f"its constraint {made.text} gives {percent(one.apart, 'its norm')} besides what an "
            f"object of its own gives: the same object is the constraint of {one.first}, and keeps "
            f"{one.name}, which it made of that weight",
            fix_of_sharing(made),
            {"apart": one.apart},
        )

    def _counts(self, made):
        eager = keras.backend.backend() == "torch"
        name, values = next(iter(made.counted.items()))
        shown = ", ".join(f"{value:.4g}" for value in values)
        return self.at_weight(
            made,
            f"each call of its constraint {made.text} changes self.{name} ({shown}): "
            + (
                "it counts the calls of this process, which a saved model does not have, and under "
                "compilation, as on JAX and TensorFlow, only the first"
                if eager
                else "fit compiles the step and runs this code once, so that the number stays what "
                "it was then, and so does what the constraint does"
            ),
            "let a callback move it: keep the number in a weight of the layer that is not trained "
            "(add_weight(trainable=False)), which the constraint reads; constrainit.Every(set, "
            "steps) counts the steps of the optimizer",
            {"changes_by": values[-1] - values[-2]},
            level="info" if eager else "warning",
        )

    def _keeps(self, made):
        name, raises, apart, _ = made.kept
        depends = ", and what it gives depends on that" if apart else ""
        if raises:
            of_step = ", in which that is the weight as this step has updated it" if apart else ""
            why = (
                f"fit compiles the step{of_step}; the next compilation, such as for a last batch "
                f"of another size, raises {raises}"
            )
        else:
            why = "it is the memory of the weight itself, and changes with it at each step"
        return self.at_weight(
            made,
            f"its constraint {made.text} keeps a tensor of its first call in self.{name}{depends}: "
            + why,
            f"keep plain numbers: once the layer is built, pass keras.ops.convert_to_numpy of its "
            f"{made.record.variable.name} to the constructor, and return them from get_config as a "
            "list"
            if apart
            else f"make self.{name} with NumPy, which belongs to no call",
            {"apart": apart},
            level="error" if raises else "warning",
            source=line_of(type(made.record.constraint).__call__),
        )

"""CW208 not-saved."""

import inspect

from constrainit.doctor._constraint_calls import NOT_REGISTERED
from constrainit.doctor._constructor import config_method, is_registered
from constrainit.doctor._finding import Finding
from constrainit.doctor.rules._rule import Rule
from constrainit.sets.custom import users_own

LOADED = "comes back as it is"
"""What is said of a constraint that can be saved and loaded."""

_LOST = "can not be loaded"

_REGISTER = "@keras.saving.register_keras_serializable()"


def _fix(made):
    constraint = users_own(made.record.constraint)
    if made.text == "<lambda>":
        return "write a class in place of the lambda, registered with Keras"
    own = constraint if inspect.isfunction(constraint) else type(constraint)
    given = f", or load it with custom_objects={{{own.__name__!r}: {own.__name__}}}"
    is_users = own.__module__ != "functools" and not made.left_out
    given = given if made.saving == NOT_REGISTERED and is_users else ""
    if inspect.isfunction(constraint):
        return f"decorate the function with {_REGISTER}{given}"
    kind = type(constraint)
    steps = [] if is_registered(kind) else [f"decorate the class with {_REGISTER}"]
    if made.left_out:
        steps.append(config_method(kind, list(made.left_out)))
    return ", and ".join(steps) + given or (
        "return every argument of its constructor, and nothing else, from get_config"
    )


def is_lost(finding: Finding) -> bool:
    """Whether a finding tells that a constraint can not be loaded by every program, or by none."""
    return finding.code == NotSaved.code and _LOST in finding.evidence.get("reason", "")


def _is_of_none(saving):
    """Whether no program can load it."""
    return _LOST in saving and saving != NOT_REGISTERED


class NotSaved(Rule):
    """A constraint does not survive `save` and `load_model`.

    Keras saves the name and the config of a constraint. A class that is not registered is found
    again only by a program that hands it over as one of the `custom_objects`, and a class with
    arguments but without `get_config` comes back silently with its defaults. That is a warning;
    that no program can load it, as of a lambda, is an error. Training is sound either way: what
    harms it is told first.

    Example:
        class Floor(keras.constraints.Constraint):
            def __init__(self, lower=0.0):
                self.lower = lower
            def __call__(self, w):
                return ops.maximum(w, self.lower)

        layers.Dense(8, kernel_constraint=Floor(0.1))

    Use instead:
        layers.Dense(8, **ci.constrained(kernel=ci.Positive(0.1)))

        # or @keras.saving.register_keras_serializable() on the class, and a
        # get_config that returns {"lower": self.lower}

    Known limits:
        A note where the arguments that the config lacks have their defaults, as they have in a
        model that has been cloned or loaded already; a warning inside of `Bidirectional`, which
        makes its layers from a config, even if the defaults were asked for. The constraint alone is
        saved and loaded, in the same process, where a class may be found that another process would
        have to import. What comes back is compared by its arguments, as far as these are numbers or
        texts, and by what it makes of the start, of larger and smaller ones, and of a drawn weight.

    Source:
        tensorflow/tensorflow#26061; measured on Keras 3.15.1: a class without `get_config` comes
        back with its defaults.
    """

    code, name, level, stage = "CW208", "not-saved", "error", "save and load"
    of_class = True
    numbers = ()

    def find(self, evidence):
        for made in evidence.constraints:
            if made.saving:
                yield self.at_weight(
                    made,
                    f"its constraint {made.text} {made.saving}",
                    _fix(made),
                    {"reason": made.saving},
                    level=self.level if _is_of_none(made.saving) else "warning",
                )
            elif made.left_out:
                names = ", ".join(f"{name}={value!r}" for name, value in made.left_out.items())
                when = (
                    f"Bidirectional {made.rebuilt_by!r} makes its layers from the config of the "
                    "one that it is given, so that these defaults hold in this model already, "
                    "whatever was asked for"
                    if made.rebuilt_by
                    else "a clone or a saved model gets the defaults, which these are now, "
                    "whatever was asked for where the model came from"
                )
                yield self.at_weight(
                    made,
                    f"the config of its constraint {made.text} leaves out {names}: {when}",
                    _fix(made) + (", and make the model anew" if made.rebuilt_by else ""),
                    {"reason": "an argument is left out"},
                    level="warning" if made.rebuilt_by else "info",
                )

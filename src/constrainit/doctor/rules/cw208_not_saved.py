"""CW208 not-saved."""

from constrainit.doctor.rules._rule import Rule


def _fix(made):
    if made.text == "<lambda>":
        return "write a class in place of the lambda, registered with Keras"
    return (
        "decorate the class with @keras.saving.register_keras_serializable() and return every "
        "argument of its constructor from get_config"
    )


class NotSaved(Rule):
    """A constraint does not survive `save` and `load_model`.

    Keras saves the name and the config of a constraint. A class that is not registered can not be
    found again in another process, a lambda never, and a class with arguments but without
    `get_config` comes back silently with its defaults.
    """

    code, name, stage = "CW208", "not-saved", "save and load"

    def find(self, evidence):
        for made in evidence.constraints:
            if made.saving:
                yield self.at_weight(
                    made,
                    f"its constraint {made.text} {made.saving}",
                    _fix(made),
                    {"reason": made.saving},
                    level="error" if "can not be loaded" in made.saving else self.level,
                )

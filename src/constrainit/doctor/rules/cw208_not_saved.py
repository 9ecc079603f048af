"""CW208 not-saved."""

from constrainit.doctor.rules._rule import Rule


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
                    "decorate the class with @keras.saving.register_keras_serializable() and "
                    "return every argument from get_config",
                    {"reason": made.saving},
                )

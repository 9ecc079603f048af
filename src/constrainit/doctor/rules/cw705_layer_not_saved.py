"""CW705 layer-not-saved."""

from constrainit.doctor._constructor import config_method
from constrainit.doctor._frames import line_of
from constrainit.doctor.rules._rule import Rule


class LayerNotSaved(Rule):
    """A layer of your own comes back from its config with other arguments.

    Keras makes the layers of a saved model, and of a clone, from their configs. What a config
    leaves out gets its default, without a word, and with the trained weights the loaded model
    computes something else.

    Example:
        class Waves(layers.Layer):
            def __init__(self, period=24.0, **kwargs):
                super().__init__(**kwargs)
                self.period = period
            def call(self, x):
                return ops.sin(x / self.period)
            def get_config(self):
                return super().get_config()
        [layers.Dense(4), Waves(168.0), layers.Dense(1)]

    Use instead:
        class Waves(layers.Layer):
            def __init__(self, period=24.0, **kwargs):
                super().__init__(**kwargs)
                self.period = period
            def call(self, x):
                return ops.sin(x / self.period)
            def get_config(self):
                return {**super().get_config(), "period": self.period}
        [layers.Dense(4), Waves(168.0), layers.Dense(1)]

    Known limits:
        Compared are numbers, texts, truth values, None, and lists of them, which the constructor
        keeps as they are and no other method sets. Not looked at are classes without source, layers
        that hold a model or more than 10 million weights, and models of one's own. Nothing is said
        of a layer whose config raises, as it can not be saved at all.

    Source:
        Measured on Keras 3.15.1: where a class defines `get_config`, Keras adds nothing to it.
    """

    code, name, stage = "CW705", "layer-not-saved", "save and load"

    def find(self, evidence):
        for lost in evidence.reloaded:
            kind, names = type(lost.layer), list(lost.arguments)
            told = " and ".join(
                f"{name}={now!r} in place of {was!r}" for name, (was, now) in lost.arguments.items()
            )
            yield self.made(
                f"the config of {kind.__name__} leaves {' and '.join(names)} out: where the model "
                f"is saved and loaded, or cloned, this layer gets {told}, and no error tells",
                config_method(kind, names, "**super().get_config()"),
                {"left_out": len(names)},
                layer=lost.layer.name,
                source=line_of(vars(kind).get("get_config") or kind.__init__),
            )

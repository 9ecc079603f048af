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
        of a layer whose config raises, as it can not be saved at all. An argument that has its
        default can not be told from a lost one: of constraints that are None it is told where the
        layer is not finite with weights below zero, and these are there, or mostly above it.

    Source:
        Measured on Keras 3.15.1: where a class defines `get_config`, Keras adds nothing to it.
    """

    code, name, stage = "CW705", "layer-not-saved", "save and load"
    numbers = ("left_out",)

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
        for lost in evidence.lost_constraints:
            yield self._constraint(lost)

    def _constraint(self, lost):
        record, kind = lost.record, type(lost.record.layer)
        what = "" if lost.operation is None else f": {lost.operation.name}, {lost.operation.limit}"
        return self.made(
            f"the config of {kind.__name__} leaves {lost.argument} out, which is None here: where "
            "this layer comes from clone_model or a file, its constraint was lost there. Nothing "
            f"keeps {record.variable.name} from below zero, where the layer is not finite{what}; "
            + ("training is there" if lost.reached else "no step has come there yet"),
            f"{config_method(kind, [lost.argument], '**super().get_config()')}, with "
            f"keras.constraints.serialize(self.{lost.argument}), and make the model anew; or give "
            "this layer its constraint, such as NonNegative()",
            {"left_out": 1},
            layer=record.layer.name,
            weight=record.path,
            level="error" if lost.reached else "warning",
            source=line_of(vars(kind).get("get_config") or kind.__init__),
        )

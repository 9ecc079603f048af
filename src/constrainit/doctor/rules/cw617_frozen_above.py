"""CW617 frozen-above."""

from constrainit.doctor.rules._rule import Rule

_NOTHING = 0.02
"""The part of a loss by which it may fall with a few weights that can not learn the task."""


class FrozenAbove(Rule):
    """A layer is set to be trained inside of a model that is frozen, or all of a model is frozen.

    `model.trainable = False` freezes the model and all of its layers. To switch one of them on
    again does not switch on the model: as long as its own flag is off it has no weights to train.
    The loss stays what it is, and constraints are never applied. So it is where a loop that was to
    freeze a backbone runs over the new head, too: a compiled model of which nothing is trained.

    Example:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(1)])
        model.trainable = False
        model.layers[-1].trainable = True
        model.compile("sgd", "mse")
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Use instead:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(8, "relu"), layers.Dense(1)])
        for layer in model.layers[:-1]:
            layer.trainable = False
        model.compile("sgd", "mse")
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Known limits:
        Told of models, and of models that are parts of it, with layers of both kinds. A part that
        is frozen with all of its layers is meant to be, and one with none of them frozen may have
        got its flag before its layers. Of a model that is frozen as a whole it is told only if it
        is compiled and has no step of its own; of one of which up to a thousandth is trained, if
        none of that is in the layers at its end, and the loss does not fall.

    Source:
        `keras.Layer.trainable_variables`; keras-team/keras#4674, keras-team/keras#4910.
    """

    code, name, stage = "CW617", "frozen-above", "training"
    numbers = ("to_train", "frozen")

    def find(self, evidence):
        for one in evidence.frozen:
            if not one.meant:
                if one.whole or not _falls(evidence.losses):
                    yield self._of_all(one)
                continue
            names = ", ".join(layer.name for layer in one.layers[:3])
            what = "no weight is trained" if one.whole else "none of its weights is trained"
            yield self.made(
                f"{names} in {one.model.name!r}, with {len(one.layers)} of its "
                f"{len(one.layers) + len(one.frozen)} layers that have weights, is set to be "
                f"trained, but {one.model.name!r} itself is not: {what}",
                "set the flag of the model, then switch off the layers that are to stay, and "
                "compile after that",
                {"to_train": len(one.layers), "frozen": len(one.frozen)},
                layer=one.record.layer.name, weight=one.record.path,
            )  # fmt: skip

    def _of_all(self, one):
        """A finding of a model that was compiled to be trained, with nothing to train."""
        last = " and ".join(repr(layer.name) for layer in one.layers[:3])
        count = len(one.layers) + len(one.frozen)
        are = "is" if len(one.layers) == 1 else "are"
        if one.rest:
            names = ", ".join(record.path for record in one.rest[:3])
            said = f"of its weights {names} alone is trained, with which the loss does not fall"
            said += f": {last} at its end {are} frozen, too"
        elif one.frozen:
            said = f"no weight is trained: all of its {count} layers that have weights are frozen, "
            said += f"the last of them, {last}, too"
        else:
            said = f"no weight is trained: {last}, its only layer that has weights, {are} frozen"
        return self.made(
            said,
            f"leave {last} out of what is frozen, and compile after that",
            {"to_train": 0, "frozen": count},
            layer=one.record.layer.name, weight=one.record.path,
        )  # fmt: skip


def _falls(losses):
    """Whether a loss is less at the end of the steps by more than what one step may give."""
    return len(losses) > 1 and losses[-1] < (1 - _NOTHING) * losses[0]

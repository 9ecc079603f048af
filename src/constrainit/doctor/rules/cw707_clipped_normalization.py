"""CW707 clipped-normalization."""

from constrainit._words import listed
from constrainit.doctor._clipped_scales import STATISTICS
from constrainit.doctor.rules._rule import Rule

_FEW = 3
_BETTER = 0.9
"""The share of the loss that is left at most where the normalizations are left alone."""


class ClippedNormalization(Rule):
    """A model's own train_step clips the scales or the statistics of its normalizations, too.

    A clip of all weights, as that of a Wasserstein critic is often written, holds the scale of a
    normalization, which starts at one, at the bound, and makes each such layer's output as many
    times smaller. Moving statistics are no weights at all: once they are clipped, `predict` and
    `evaluate` normalize by numbers that are not those of the data.

    On JAX a step that assigns to variables itself, beside the state that it returns, does nothing:
    what it assigns is thrown away.

    Example:
        class Critic(keras.Sequential):
            def train_step(self, *data):
                result = super().train_step(*data)
                for weight in self.weights:
                    weight.assign(ops.clip(weight, -0.1, 0.1))
                return result

        parts = [layers.Dense(4), layers.BatchNormalization(), layers.Dense(1)]
        model = Critic([keras.Input((4,)), *parts])
        model.compile("rmsprop", "mse")
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Use instead:
        bound = {"kernel_constraint": ci.Box(-0.1, 0.1)}
        parts = [layers.Dense(4, **bound), layers.BatchNormalization(), layers.Dense(1, **bound)]
        model = keras.Sequential([keras.Input((4,)), *parts])
        model.compile("rmsprop", "mse")
        ci.prepare(model)
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Known limits:
        Normalizations of Keras only, and steps that hand gradients to an optimizer of Keras. Where
        only scales are clipped it is a note unless the loss that the step reports ends a tenth
        lower with the scales left alone.

    Source:
        Arjovsky, Chintala, Bottou, "Wasserstein GAN" (2017), Algorithm 1, whose critics are clipped
        without regard to normalizations; `JAXTrainer.train_step` in Keras for what is thrown away.
    """

    code, name, stage = "CW707", "clipped-normalization", "training"
    numbers = ("bound", "clipped", "loss_clipped", "loss_spared", "in_vain")

    def find(self, evidence):
        own = evidence.own
        if own is None or evidence.faults or evidence.fault_step is not None:
            return
        if own.clipped:
            yield self._of_clip(own)
        if own.in_vain:
            yield self._of_vain(own)

    def _of_clip(self, own):
        record, bound = own.clipped[0]
        paths = [r.path for r, _ in own.clipped]
        statistics = any(r.variable.name in STATISTICS for r, _ in own.clipped)
        numbers, shown, better = {"bound": bound, "clipped": len(paths)}, "", False
        if own.spared is not None:
            given, spared, steps = own.spared
            numbers |= {"loss_clipped": given, "loss_spared": spared}
            better = spared < _BETTER * given
            shown = (
                f". In {steps} steps the loss that it reports comes to {given:.4g}, and to "
                f"{spared:.4g} where these are left alone"
            )
        told = "; moving statistics are then not those of the data" if statistics else ""
        return self.made(
            f"its own train_step clips weights of normalizations to [{-bound:.3g}, {bound:.3g}] "
            f"once the optimizer is done: {listed(paths, _FEW)}{told}{shown}",
            "clip the kernels alone: [w for w in self.trainable_variables if w.name == 'kernel']; "
            f"or give their layers kernel_constraint=ci.Box({-bound:.3g}, {bound:.3g}), and leave "
            "the step as it is",
            numbers, layer=record.layer.name, weight=record.path, source=own.source,
            level="warning" if statistics or better else "info",
        )  # fmt: skip

    def _of_vain(self, own):
        paths = [record.path for record in own.in_vain]
        return self.made(
            "its own train_step assigns to weights, and throws that away: on JAX they become what "
            f"the state that it returns holds. So it is with {listed(paths, _FEW)}",
            "change the values in the state that it returns; or let a constraint do it, such as "
            "kernel_constraint=ci.Box(-c, c) for a clip; or a callback, between batches",
            {"in_vain": len(paths)}, source=own.source,
        )  # fmt: skip

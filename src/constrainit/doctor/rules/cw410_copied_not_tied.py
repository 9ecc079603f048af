"""CW410 copied-not-tied."""

from constrainit.doctor.rules._rule import Rule


class CopiedNotTied(Rule):
    """A weight starts as the transpose of another one, and does not follow it.

    A decoder whose kernel is that of the encoder, turned, has half as many weights to learn. If its
    layer copies the values when it is built, they are those of the first moment for ever: the
    encoder is trained, the copy is not, and no constraint of the one holds for the other. If they
    are the start of a weight that is trained, too, the two part with the first step.

    Example:
        encoder = layers.Dense(3)
        encoder.build((None, 4))
        turned = encoder.get_weights()[0].T.copy()
        copy = layers.Dense(4, kernel_initializer=lambda *_, **__: turned, trainable=False)
        [encoder, copy]

    Use instead:
        class Turned(layers.Layer):
            def __init__(self, encoder):
                super().__init__()
                self.encoder = encoder
            def call(self, x):
                return x @ ops.transpose(self.encoder.kernel)
        encoder = layers.Dense(3)
        [encoder, Turned(encoder)]

    Known limits:
        Only weights that are not trained, and start as the transpose of a trained one, are looked
        at, weights of the user's own layers that start as that of a layer which they keep, and
        tensors and arrays that such layers keep as attributes and compute with. A copy as it stands
        may be the target that a network is trained towards, or a start: of a weight that is not
        trained it is not told, of others as a note.

    Source:
        cognitivehub.in/decoders-weights-of-autoencoder-with-tied-weights-in-keras, and other pages
        on tied autoencoders, some of which copy the values.
    """

    code, name, stage = "CW410", "copied-not-tied", "training"
    numbers = ("size",)

    def find(self, evidence):
        for made in evidence.copied:
            copy, own = made.copy, made.record
            what = f"the transpose of {own.path}" if made.turned else own.path
            living = f"ops.transpose({made.path})" if made.turned else made.path
            stays = "stays what it was while that is trained"
            stays = "both are trained, each by itself" if copy.variable.trainable else stays
            meant = "; to start there and go on apart may be meant" * copy.variable.trainable
            yield self.made(
                f"it was made from {what}, and {stays}: the two are not tied",
                "keep the layer, not its values: let `call` compute with "
                f"{living if made.path else f'ops.transpose of {own.path}'}{meant}",
                {"size": float(copy.shape[0] * copy.shape[1])},
                layer=copy.layer.name, weight=copy.path,
                level="warning" if made.turned else "info",
            )  # fmt: skip
        # What was computed so is told by its own rule, and what is to stay is no mistake.
        known = {(id(made.holder), made.name) for made in evidence.computed} | evidence.to_stay
        for kept in evidence.kept_copies:
            if (id(kept.layer), kept.name) not in known:
                yield self._of_tensor(kept)

    def _of_tensor(self, kept):
        """A finding where a layer has kept the numbers of a weight, and no weight at all."""
        own = kept.path or kept.record.path
        what = f"the transpose of {kept.record.path}" if kept.turned else kept.record.path
        return self.made(
            f"its {kept.name!r} holds what {what} was at the start, entry by entry, and stays that "
            "while the weight is trained: it is a copy, and the two are not tied",
            "keep the layer, not its values: let `call` compute with "
            f"{f'ops.transpose({own})' if kept.turned else own}",
            {"size": float(kept.record.shape[0] * kept.record.shape[1])},
            layer=kept.layer.name, weight=kept.record.path,
            level="warning" if kept.turned else "info",
        )  # fmt: skip

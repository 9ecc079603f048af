"""CW225 mask-beside-softmax."""

from constrainit.doctor.rules._rule import Rule, percent


class MaskBesideSoftmax(Rule):
    """A mask of zeros is multiplied with what a softmax is given or gives, and shares are wrong.

    A score of zero is no score: its exponential is one, so that what is hidden gets a share as
    large as that of many that are shown. And what is left of shares that are set to zero behind
    the softmax no longer adds up to one: the fewer are shown, the less comes out.

    Example:
        def near_mean(given):
            x, scores, near = given
            return ops.softmax(ops.transpose(scores, (0, 2, 1)) * near) @ x[..., :1]
        x = np.random.default_rng(0).normal(size=(64, 12, 4))
        near = np.maximum(np.random.default_rng(1).uniform(size=(64, 12, 12)) < 0.2, np.eye(12))
        i, j = keras.Input((12, 4)), keras.Input((12, 12))
        scores = layers.Dense(1, use_bias=False)(i)
        model = keras.Model([i, j], layers.Lambda(near_mean)([i, scores, j]))
        model.compile(keras.optimizers.Adam(0.05), "mse")
        ci.diagnose(model, [x, near], near @ x[..., :1] / near.sum(-1, keepdims=True))

    Use instead:
        def near_mean(given):
            x, scores, near = given
            scores = ops.where(near > 0, ops.transpose(scores, (0, 2, 1)), -1e9)
            return ops.softmax(scores) @ x[..., :1]
        x = np.random.default_rng(0).normal(size=(64, 12, 4))
        near = np.maximum(np.random.default_rng(1).uniform(size=(64, 12, 12)) < 0.2, np.eye(12))
        i, j = keras.Input((12, 4)), keras.Input((12, 12))
        scores = layers.Dense(1, use_bias=False)(i)
        model = keras.Model([i, j], layers.Lambda(near_mean)([i, scores, j]))
        model.compile(keras.optimizers.Adam(0.05), "mse")
        ci.diagnose(model, [x, near], near @ x[..., :1] / near.sum(-1, keepdims=True))

    Known limits:
        Asked of models whose steps are cheap, that have not been trained, with examples that are
        given. The product is found in the code of the class or function of a layer that calls the
        softmax: as an operand, or by a name that one assignment gives it. The mask is of zeros and
        ones, hides a tenth at least, shows two entries of a row or more on average, and is the same
        with other weights: gates that are learnt, and choices of the best few, are left alone.
        Reported where hidden entries get more than a fifth of a row, or less than 0.8 of one is
        left, and where with the mask in its place 100 steps on half of the batch take the loss of
        the other half to less than a half, if that misses a fifth of the fall. Not looked at are
        Keras' own layers, products in the graph of a model, and softmaxes that are written as an
        exponential over its sum.

    Source:
        Velickovic et al., Graph attention networks (2018), section 2.1, and Vaswani et al.,
        Attention is all you need (2017), section 3.2.3: what is hidden is minus infinity for the
        softmax. georg-wolflein/good-features#1; PetarV-/GAT#39.
    """

    code, name, stage = "CW225", "mask-beside-softmax", "forward"
    numbers = ("hidden", "share", "loss", "loss_at_the_end", "loss_with_the_mask_first")

    def find(self, evidence):
        made = evidence.masked_softmax
        if made is None:
            return
        first, given, other = made.losses
        names, mask = ", ".join(made.layers[:3]), made.masking.mask
        if made.masking.before:
            what = (
                f"what the softmax in line {made.source.line} of {names} is given is multiplied by "
                f"{mask}, which is 0 for {percent(made.hidden)} of it: a score of 0 counts as "
                f"exp(0) = 1, and what is hidden gets {percent(made.share)} of a row"
            )
            then = "with -1e9 there"
            fix = f"ops.softmax(ops.where({mask} != 0, scores, -1e9))"
        else:
            what = (
                f"what the softmax in line {made.source.line} of {names} gives is multiplied by "
                f"{mask}, which is 0 for {percent(made.hidden)} of it, and what is left adds up to "
                f"{made.share:.2g} and not to one"
            )
            then = "divided by that sum"
            fix = "divide what is left by its sum, or put -1e9 for what is hidden in the softmax"
        yield self.made(
            f"{what}. In {made.steps} steps on half of the batch the loss of the other half goes "
            f"from {first:.4g} to {given:.4g}, and to {other:.4g} {then}",
            fix,
            {"hidden": made.hidden, "share": made.share, "loss": first, "loss_at_the_end": given,
             "loss_with_the_mask_first": other},
            layer=made.layers[0], source=made.source,
        )  # fmt: skip

"""CW415 examples-mixed."""

from constrainit.doctor.rules._rule import Rule, percent


class ExamplesMixed(Rule):
    """What the model predicts for an example depends on the others of its batch.

    An operation runs along the examples, such as a softmax or a norm along the first axis in place
    of a later one, or a reshape that lets numbers of one example pass to the next. Training works
    to some degree, as all batches are of one size; predictions change with the batch, and of a
    batch of one the softmax is always one, and what is left of it less its mean is zero.

    Example:
        class Attend(layers.Layer):
            def build(self, shape):
                self.ask = self.add_weight(shape=(shape[-1], 1))

            def call(self, x):
                return ops.sum(ops.softmax(ops.matmul(x, self.ask), axis=0) * x, axis=1)

        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3, 4)), Attend(), layers.Dense(1)])
        model.compile("adam", "mse")
        x = np.random.default_rng(0).normal(size=(16, 3, 4))
        ci.diagnose(model, x, x[:, 0, :1])

    Use instead:
        class Attend(layers.Layer):
            def build(self, shape):
                self.ask = self.add_weight(shape=(shape[-1], 1))

            def call(self, x):
                return ops.sum(ops.softmax(ops.matmul(x, self.ask), axis=1) * x, axis=1)

        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((3, 4)), Attend(), layers.Dense(1)])
        model.compile("adam", "mse")
        x = np.random.default_rng(0).normal(size=(16, 3, 4))
        ci.diagnose(model, x, x[:, 0, :1])

    Known limits:
        Three passes in prediction, in models whose steps are cheap: the batch twice, and its first
        half; only where there is a layer, function or graph of somebody's own, or an axis 0. Named
        is the first layer whose output for that half changes by a hundredth of its spread, and by
        more than rounding, which a pass with the last digit of the inputs changed tells. Where
        weights that are all alike, or zero, let an output differ by rounding only, it is asked
        after the steps. Models of a batch of one size, with states that are kept, or whose passes
        differ by themselves are not asked. A model that is to compare examples within its call is
        told of, too; a loss that does so is not.

    Source:
        The axis of `torch.nn.Softmax(dim=0)` and `keras.ops.softmax(x, axis=0)`; asked about as
        predictions that change with the size of the batch, brjathu/deepcaps#13.
    """

    code, name, stage = "CW415", "examples-mixed", "forward"
    numbers = ("apart",)

    def find(self, evidence):
        if evidence.mixed is None:
            return
        layer, apart = evidence.mixed
        yield self.made(
            f"what it gives for the first half of the batch changes by {percent(apart)} of its "
            "spread when the other half is left out: in prediction, too, an example depends on "
            "the others of its batch",
            "let softmax, sums and norms run along an axis of the example, such as axis=1 or "
            "axis=-1, write ops.sum(a * b, axis=-1) for products of each example, which "
            "ops.tensordot(a, b, 2) adds up over the batch, and keep the first axis in every "
            "reshape. What is centred or scaled over the batch in training needs statistics that "
            "it keeps for predictions, as BatchNormalization does, or is centred in its weights",
            {"apart": apart},
            layer=layer,
        )  # fmt: skip

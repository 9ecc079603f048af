"""CW419 backwards-steps."""

from constrainit._words import listed
from constrainit.doctor.rules._rule import Rule


class BackwardsSteps(Rule):
    """A recurrence goes backwards, and gives its steps in that order.

    With `go_backwards=True` a recurrent layer reads its input from the last step to the first, and
    `return_sequences=True` gives what it made of them in the same order: first of the last step.
    Put beside the steps of the input, of another sequence or of the targets, each meets the one at
    the other end. Nothing raises, and the model has to carry over the whole sequence what it could
    read at one place. `Bidirectional` turns them.

    Example:
        x = np.random.default_rng(0).normal(size=(64, 8, 2)).astype("float32")
        y = np.concatenate([x[:, 1:, :1], np.zeros((64, 1, 1))], axis=1)
        keras.utils.set_random_seed(0)
        given = keras.Input((8, 2))
        there = layers.GRU(6, return_sequences=True)(given)
        back = layers.GRU(6, return_sequences=True, go_backwards=True)(given)
        model = keras.Model(given, layers.Dense(1)(layers.Concatenate()([there, back])))
        model.compile(keras.optimizers.Adam(0.03), "mse")
        ci.diagnose(model, x, y)

    Use instead:
        x = np.random.default_rng(0).normal(size=(64, 8, 2)).astype("float32")
        y = np.concatenate([x[:, 1:, :1], np.zeros((64, 1, 1))], axis=1)
        keras.utils.set_random_seed(0)
        given = keras.Input((8, 2))
        both = layers.Bidirectional(layers.GRU(6, return_sequences=True))(given)
        model = keras.Model(given, layers.Dense(1)(both))
        model.compile(keras.optimizers.Adam(0.03), "mse")
        ci.diagnose(model, x, y)

    Known limits:
        Asked of models whose steps are cheap, that have not been trained and keep more than a fifth
        of the loss, of recurrences of Keras outside of `Bidirectional` that go backwards and give
        sequences, unless all that takes these in the graph turns them, slices them, or goes
        backwards, too. Reported where 100 steps on one half of the examples with all of them turned
        take more than twice as much off the loss of the other half, and a fifth of it at least.

    Source:
        `keras.layers.RNN`, argument `go_backwards`: "process the input sequence backwards and
        return the reversed sequence"; asked about in keras-team/keras#3163.
    """

    code, name, stage = "CW419", "backwards-steps", "forward"
    numbers = ("loss_of_half", "loss_as_given", "loss_turned")

    def find(self, evidence):
        made = evidence.backwards
        if made is None:
            return
        first, given, other = made.losses
        names = listed([repr(one.name) for one in made.layers])
        verb = "goes" if len(made.layers) == 1 else "go"
        yield self.made(
            f"{names} {verb} backwards, and what comes first of a sequence that this gives belongs "
            f"to the last step of the input. In {made.steps} steps on half of the batch the loss "
            f"of the other half goes from {first:.4g} to {given:.4g}, and to {other:.4g} with it "
            "turned along time",
            "turn it, keras.ops.flip(x, axis=1), before it meets other sequences or targets, or "
            "let layers.Bidirectional run both ways, which does so",
            {"loss_of_half": first, "loss_as_given": given, "loss_turned": other},
            layer=made.layers[0].name,
        )  # fmt: skip

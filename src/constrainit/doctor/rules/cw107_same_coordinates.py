"""CW107 same-coordinates."""

from constrainit._words import listed
from constrainit.doctor.rules._rule import Rule


class SameCoordinates(Rule):
    """Layers that each leave some of the coordinates as they are all leave the same ones.

    A coupling layer passes one half on and changes the other by what the first one tells; the next
    one has to pass on the other half. With the same mask in all of them, or no change of sides
    between them, the first half leaves the model as it came in, whatever is learnt.

    Example:
        class Coupling(layers.Layer):
            def build(self, shape):
                self.net = layers.Dense(1, kernel_initializer="zeros")
                self.net.build((None, 1))
            def call(self, x):
                return ops.concatenate([x[:, :1], x[:, 1:] + self.net(x[:, :1])], axis=-1)
        model = keras.Sequential([keras.Input((2,)), Coupling(), Coupling()])
        model.compile(keras.optimizers.Adam(0.05), lambda _, z: ops.sum(z**2, axis=-1))
        x = np.random.default_rng(0).normal(size=(64, 1)) * [[2.0, 1.0]]
        ci.diagnose(model, x, 0 * x)

    Use instead:
        class Coupling(layers.Layer):
            def build(self, shape):
                self.net = layers.Dense(1, kernel_initializer="zeros")
                self.net.build((None, 1))
            def call(self, x):
                x = ops.flip(x, axis=-1)
                return ops.concatenate([x[:, :1], x[:, 1:] + self.net(x[:, :1])], axis=-1)
        model = keras.Sequential([keras.Input((2,)), Coupling(), Coupling()])
        model.compile(keras.optimizers.Adam(0.05), lambda _, z: ops.sum(z**2, axis=-1))
        x = np.random.default_rng(0).normal(size=(64, 1)) * [[2.0, 1.0]]
        ci.diagnose(model, x, 0 * x)

    Known limits:
        Asked of models of one input, whose steps are cheap, with two layers or more of a class of
        the user's own that have weights and give what has the shape of what the first of them is
        given: columns of the input, each but for a factor and a number, and beside them such that
        start as one number, as a sum of logarithms does. Of several tensors the first one counts.
        Reported where columns come out of all of them to the bit after the steps, though each of
        them changes something, and the loss of examples that are not trained on falls farther, by a
        tenth of its fall at least, in 150 steps in which every second layer is given its columns in
        another order. Not asked where the loss reads targets, or not what these columns come to:
        what a prediction is to see, or a likelihood is given, is passed on by purpose.

    Source:
        Dinh, Sohl-Dickstein and Bengio, Density estimation using Real NVP (2017), section 3.5: the
        coordinates that are left by one layer are changed by the next.
    """

    code, name, stage = "CW107", "same-coordinates", "training"
    numbers = ("columns", "loss_at_the_end", "loss_in_turns")

    def find(self, evidence):
        made = evidence.untouched
        if made is None:
            return
        first, given, other = made.losses
        columns = made.columns
        few = listed([str(one) for one in columns]) if len(columns) <= 6 else str(len(columns))
        which = f"columns {few}" if len(columns) <= 6 else f"{few} columns"
        last = made.layers[-1].name
        yield self.made(
            f"{which} of the {len(made.varying)} coordinates come out of all {len(made.layers)} "
            "layers "
            f"up to {last!r} as they went in, to the bit: each leaves them as they are. With every "
            f"second layer given the columns in another order, {made.steps} steps on half of the "
            f"examples take the loss of the others from {first:.4g} to {other:.4g}, as they are "
            f"to {given:.4g}",
            "let layers take turns: the mask of every second one the other way around, such as "
            "1 - mask, or the columns in reverse order between them (ops.flip(x, axis=-1))",
            {"columns": len(columns), "loss_at_the_end": given, "loss_in_turns": other},
            layer=made.layers[1].name,
        )  # fmt: skip

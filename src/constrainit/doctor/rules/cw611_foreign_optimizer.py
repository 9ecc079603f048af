"""CW611 foreign-optimizer."""

from constrainit.doctor.rules._rule import Rule


class ForeignOptimizer(Rule):
    """The optimizer was built for other variables than the model trains.

    An optimizer keeps numbers for each variable that it was built for, at its first step or by
    `build`. Given to a second model, or after layers were unfrozen, it knows nothing of the new
    ones, and `fit` raises at its first step: "Unknown variable", or on JAX that a value does not
    fit. No constraint and no shape of the data is at fault.

    Example:
        adam = keras.optimizers.Adam()
        first = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
        first.compile(adam, "mse")
        first.fit(np.zeros((8, 4)), np.zeros((8, 2)), verbose=0)
        model = keras.Sequential([keras.Input((4,)), first, layers.Dense(1)])
        model.compile(adam, "mse")
        ci.diagnose(model, np.ones((8, 4)), np.ones((8, 1)))

    Use instead:
        first = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
        first.compile(keras.optimizers.Adam(), "mse")
        first.fit(np.zeros((8, 4)), np.zeros((8, 2)), verbose=0)
        model = keras.Sequential([keras.Input((4,)), first, layers.Dense(1)])
        model.compile(keras.optimizers.Adam(), "mse")
        ci.diagnose(model, np.ones((8, 4)), np.ones((8, 1)))

    Known limits:
        Optimizers that other code wraps are looked at by what Keras keeps of them; a `train_step`
        of the model's own may hold optimizers that are not looked at.

    Source:
        `Optimizer._check_variables_are_known` in Keras 3.15.1; asked about in
        mrosol/Nonlincausality#12 and rstudio/ai-blog#224.
    """

    code, name, level, stage = "CW611", "foreign-optimizer", "error", "gradients"
    numbers = ("unknown",)

    def find(self, evidence):
        unknown = evidence.unknown
        if not unknown:
            return
        count, record = len(unknown), unknown[0]
        few = f"{count} of the weights to train, such as {record.path}"
        yield self.made(
            f"the optimizer was built for other variables and does not know {few}: fit raises at "
            "its first step",
            "compile with a new optimizer: one that has been built belongs to the variables that "
            "it was built for",
            {"unknown": count}, layer=record.layer.name, weight=record.path,
        )  # fmt: skip

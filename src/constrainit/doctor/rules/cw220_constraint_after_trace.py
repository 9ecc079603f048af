"""CW220 constraint-after-trace."""

from constrainit.doctor.rules._rule import Rule, percent


class ConstraintAfterTrace(Rule):
    """A constraint was attached after fit had compiled its step, which does not run it.

    JAX and TensorFlow compile the step of `fit` at the first batch, with the constraints that the
    weights have then. What is attached to a variable later is not a part of it, and Keras keeps the
    compiled step for the next `fit`: no error comes, and the weights leave their set.

    Example:
        last = layers.Dense(1, name="last")
        model = keras.Sequential([keras.Input((4,)), last])
        model.compile("sgd", "mse")
        model.fit(np.eye(4), np.ones((4, 1)), verbose=0)
        last.kernel.constraint = keras.constraints.NonNeg()
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Use instead:
        last = layers.Dense(1, name="last")
        model = keras.Sequential([keras.Input((4,)), last])
        model.compile("sgd", "mse")
        model.fit(np.eye(4), np.ones((4, 1)), verbose=0)
        ci.constrain(model, {"last/kernel": ci.NonNegative()})  # has the step compiled anew
        ci.project(model)
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Known limits:
        Asked of models of up to two million weights, with one step of a batch of the size that the
        step was compiled for, where that is the size of the given batch or a usual one. Of weights
        that such a step makes not finite, and of constraints that change their own result, nothing
        is known. A batch of another size is mostly compiled anew, with the constraint: then only
        those of the old size are trained without it. PyTorch compiles no step.

    Source:
        `Trainer.make_train_function` of Keras' backends, which keeps what is there;
        keras-team/keras#7628, #7532 and #6405: what was changed needs another `compile`.
    """

    code, name, stage = "CW220", "constraint-after-trace", "training"
    backends = ("jax", "tensorflow")
    numbers = ("left_outside", "batch")

    def find(self, evidence):
        known = {id(made.record.variable): made for made in evidence.constraints}
        for one in evidence.late:
            made = known[id(one.variable)]
            others = "; batches of another size are compiled anew, with it" if one.anew else ""
            yield self.at_weight(
                made,
                f"its constraint {made.text} was attached after fit had compiled its step for "
                f"{one.size} example{'s' * (one.size > 1)}, which does not run it: such a step "
                f"leaves a weight {percent(one.left, 'its size')} outside{others}",
                "have the step compiled again once constraints are attached, by model.compile(...) "
                "or model.make_train_function(force=True), as constrainit.constrain(model, ...) "
                "does",
                {"left_outside": one.left, "batch": one.size},
            )  # fmt: skip

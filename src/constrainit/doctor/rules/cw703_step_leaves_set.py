"""CW703 step-leaves-set."""

from constrainit.doctor.rules._rule import Rule


class StepLeavesSet(Rule):
    """A model's own train_step moves a weight out of the set that its constraint keeps.

    Keras calls constraints in `Optimizer.apply` and nowhere else. A step that assigns to weights
    itself, that trains by an optimizer of the backend, or that changes weights after the optimizer
    is done (an average, noise, a clip of its own) leaves them wherever that ends.

    Example:
        class Own(keras.Sequential):
            def train_step(self, data):
                for weight in self.trainable_variables:
                    weight.assign(weight - 0.1)
                return {}

        last = layers.Dense(1, kernel_constraint="non_neg", kernel_initializer="ones")
        model = Own([keras.Input((4,)), last])
        model.compile()
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Use instead:
        class Own(keras.Sequential):
            def train_step(self, data):
                for weight in self.trainable_variables:
                    weight.assign(weight - 0.1)
                ci.project(self)
                return {}

        last = layers.Dense(1, kernel_constraint="non_neg", kernel_initializer="ones")
        model = Own([keras.Input((4,)), last])
        model.compile()
        ci.diagnose(model, np.eye(4), np.ones((4, 1)))

    Known limits:
        Looked at after the last step only, and reported from a thousandth of the largest entry on.
        Constraints that move their own result are left out.

    Source:
        `Optimizer.apply` in Keras' `base_optimizer.py` is the one place where a constraint runs.
    """

    code, name, stage = "CW703", "step-leaves-set", "training"
    backends = ("torch", "tensorflow")
    numbers = ("outside",)

    def find(self, evidence):
        own = evidence.own
        if own is None:
            return
        known = {id(made.record): made for made in evidence.constraints}
        for record, outside in own.outside:
            # An optimizer that calls no constraint is a finding of its own.
            if evidence.skipping is not None and record.path in own.handed:
                continue
            why = (
                "something changes it after the optimizer has applied its constraint"
                if record.path in own.handed
                else "it is handed to no optimizer of Keras, which alone would apply it"
            )
            yield self.at_weight(
                known[id(record)],
                f"{own.steps} steps of the model's own train_step leave it outside of its set "
                f"({known[id(record)].text}) by up to {outside:.3g}: {why}",
                "hand its gradient to optimizer.apply(gradients, weights) as the last change, or "
                "end with constrainit.project(self), or take the callback KeepFeasible(every=1)",
                {"outside": outside}, source=own.source,
            )  # fmt: skip

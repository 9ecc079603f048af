"""Constraints that no step runs: an optimizer that calls none, a step compiled before them."""

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers, ops

import constrainit as ci

pytestmark = pytest.mark.in_turns(every=16)
X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = -X.sum(axis=1, keepdims=True)
BACKEND = keras.backend.backend()


class Plain(keras.optimizers.Optimizer):
    """Overrides `apply`, and runs no constraint."""

    def apply(self, grads, trainable_variables=None):
        for gradient, variable in self.pairs(grads, trainable_variables):
            variable.assign(variable - self.learning_rate * gradient)
            self.moved(variable)
        self.iterations.assign_add(1)

    def pairs(self, grads, trainable_variables):
        variables = self._trainable_variables
        if trainable_variables is not None:
            variables = list(trainable_variables)
            if not self.built:
                self.build(variables)
        return list(zip(grads, variables, strict=True))

    def moved(self, variable):
        pass


class Calling(Plain):
    """Runs constraints itself."""

    def moved(self, variable):
        if variable.constraint is not None:
            variable.assign(variable.constraint(variable))


class Inside(Plain):
    """Keeps every weight positive in its own way."""

    def moved(self, variable):
        variable.assign(ops.maximum(variable, 0.0))


class Particular(Plain):
    """Raises for weights of another shape than those of its model."""

    def moved(self, variable):
        assert variable.shape[-1] == 1


class Usual(keras.optimizers.SGD):
    """Calls the `apply` of Keras."""

    def apply(self, grads, trainable_variables=None):
        super().apply([0.5 * g for g in grads], trainable_variables)


class Gathering(keras.optimizers.SGD):
    """Calls it at each fourth batch."""

    def build(self, variables):
        super().build(variables)
        self.sums = [self.add_variable_from_reference(v, "sum") for v in variables]
        self.batches = self.add_variable((), "zeros", "int32", name="batches")

    def apply(self, grads, trainable_variables=None):
        if not self.built:
            self.build(list(trainable_variables))
        for total, gradient in zip(self.sums, grads, strict=True):
            total.assign_add(gradient)
        self.batches.assign_add(1)
        if int(self.batches) % 4 == 0:
            super().apply([ops.convert_to_tensor(s) for s in self.sums], trainable_variables)
            for total in self.sums:
                total.assign(ops.zeros_like(total))


class Own(keras.Sequential):
    """A `train_step` that trains as that of Keras, twice as fast."""

    def train_step(self, *given):
        if BACKEND == "jax":
            state, (x, y) = given
            value, gradients = self._gradients(state, x, 2 * y)
            trained, slots = self.optimizer.stateless_apply(state[2], gradients, state[0])
            return {"loss": value}, (trained, state[1], slots, state[3])
        ((x, y),) = given
        value, gradients = self._gradients(None, x, 2 * y)
        self.steps_with().apply(gradients, self.trainable_variables)
        return {"loss": value}

    def steps_with(self):
        return self.optimizer

    def _gradients(self, state, x, y):
        if BACKEND == "jax":
            import jax

            def loss(values):
                return ops.mean(ops.square(self.stateless_call(values, state[1], x)[0] - y))

            return jax.value_and_grad(loss)(state[0])
        if BACKEND == "tensorflow":
            import tensorflow as tf

            with tf.GradientTape() as tape:
                value = ops.mean(ops.square(self(x) - y))
            return value, tape.gradient(value, [v.value for v in self.trainable_variables])
        self.zero_grad()
        value = ops.mean(ops.square(self(x) - y))
        value.backward()
        return value, [v.value.grad for v in self.trainable_variables]


class Second(Own):
    """Steps with an optimizer that was not compiled."""

    def compile(self, *arguments, **named):
        super().compile(*arguments, **named)
        self.second = keras.optimizers.SGD(0.1, momentum=0.9)

    def steps_with(self):
        return self.second


def made(optimizer, kind=keras.Sequential, constraint="non_neg"):
    keras.utils.set_random_seed(0)
    last = layers.Dense(1, kernel_constraint=constraint, kernel_initializer="ones", name="last")
    model = kind([keras.Input((4,)), last])
    model.compile(optimizer, "mse")
    return model


def found(model, code, x=X, y=Y):
    """The findings of a rule, of a model that stays as it is."""
    before = [array(v) for v in (*model.variables, *model.optimizer.variables)]
    report = ci.diagnose(model, x, y)
    after = [array(v) for v in (*model.variables, *model.optimizer.variables)]
    assert all(map(np.array_equal, before, after))
    return [finding for finding in report.findings if finding.code == code]


@pytest.mark.parametrize("scaled", [False, True])
def test_an_optimizer_that_calls_no_constraint(scaled):
    """Also one inside of a loss scale; what is to be pasted makes fit run them."""
    optimizer = Plain(0.1)
    model = made(keras.optimizers.LossScaleOptimizer(optimizer) if scaled else optimizer)
    (one,) = found(model, "CW219")
    assert (one.level, one.layer) == ("warning", "last")
    assert "Plain never calls it" in one.message
    assert one.source.text.startswith("def apply")
    assert one.treatment.healed
    names = {"Plain": Plain, "keras": keras}
    exec(one.treatment.code.split("\n\n")[0], names)
    for optimizer, callbacks in (
        (Plain(0.1), []), (Plain(0.1), [ci.KeepFeasible(every=1)]), (names["Kept"](0.1), []),
    ):  # fmt: skip
        model = made(optimizer)
        model.fit(X, Y, batch_size=32, epochs=5, verbose=0, callbacks=callbacks)
        is_inside = array(model.layers[0].kernel).min() >= 0
        assert is_inside == (type(optimizer) is not Plain or bool(callbacks))


@pytest.mark.parametrize("optimizer", [Calling, Usual, Particular, Gathering, keras.optimizers.SGD])
def test_an_optimizer_that_calls_them_or_is_not_known_to_skip_them(optimizer):
    """By itself, by Keras' `apply`, now and then; and one that raises on what it is asked with."""
    if optimizer is Gathering and BACKEND == "jax":
        pytest.skip("JAX compiles steps, in which no number can be asked for")
    assert not found(made(optimizer(0.01)), "CW219")


def test_an_optimizer_that_keeps_weights_inside_by_itself():
    """A note, as the constraint has nothing to do."""
    assert [f.level for f in found(made(Inside(0.1)), "CW219")] == ["info"]


def test_weights_without_constraints_ask_for_none():
    """Nobody is missed."""
    assert not found(made(Plain(0.1), constraint=None), "CW219")


def test_a_step_of_the_models_own_hands_its_gradients_to_it():
    """The optimizer is named, not what comes after it."""
    model = made(Plain(0.1), Own)
    (one,) = found(model, "CW219")
    assert one.level == "warning"
    assert one.treatment.healed, one.treatment
    assert not found(model, "CW703")
    assert not found(made(keras.optimizers.SGD(0.1), Own), "CW219")


COMPILES = pytest.mark.skipif(BACKEND == "torch", reason="compiles no step")


def fitted(attached, kind=keras.Sequential, size=32, eagerly=False, optimizer=None):
    """A model that was trained on batches of a size, and given its constraint then or before."""
    keras.utils.set_random_seed(0)
    last = layers.Dense(1, "tanh", kernel_initializer="ones", name="last")
    first = layers.Dense(4, kernel_constraint="non_neg", kernel_initializer="ones", name="first")
    model = kind([keras.Input((4,)), first, layers.Dropout(0.1), last])
    if attached == "before":
        last.kernel.constraint = keras.constraints.NonNeg()
    model.compile(optimizer or keras.optimizers.Adam(0.01), "mse", run_eagerly=eagerly)
    model.fit(X, np.sign(Y), batch_size=size, epochs=2, verbose=0)
    last.kernel.constraint = keras.constraints.NonNeg()
    last.kernel.assign(np.abs(array(last.kernel)))
    return model


def leaves(model, size=32):
    """Whether more training takes the last kernel out of its set."""
    last = model.layers[-1]
    last.kernel.assign(np.full((4, 1), 0.01, "float32"))
    model.fit(X, np.sign(Y), batch_size=size, epochs=10, verbose=0)
    return array(last.kernel).min() < 0


@pytest.mark.parametrize("kind", [keras.Sequential, Own])
def test_a_constraint_that_was_attached_after_fit(kind):
    """It is named, of the two that there are; compiled again, the step runs it."""
    model = fitted("after", kind)
    late = found(model, "CW220", X[:24], np.sign(Y[:24]))
    if BACKEND == "torch":
        assert not late
        return
    (one,) = late
    assert (one.level, one.layer, one.evidence["batch"]) == ("warning", "last", 32)
    assert "another size are compiled anew" in one.message
    assert one.treatment.healed, one.treatment
    if kind is keras.Sequential:
        assert not leaves(model, 16)
        assert leaves(model)
        exec(one.treatment.code, {"model": model})
        assert not leaves(model)
        assert not found(model, "CW220")


@pytest.mark.skipif(BACKEND != "tensorflow", reason="JAX hands over the state of one optimizer")
def test_the_state_of_every_optimizer_comes_back():
    """One that the step of the model's own has beside the one of compile."""
    model = fitted("after", Second)
    before = [array(v) for v in model.second.variables]
    assert len(before) > 2
    assert found(model, "CW220")
    assert all(map(np.array_equal, before, map(array, model.second.variables)))


@COMPILES
def test_a_step_for_batches_of_any_size():
    """TensorFlow compiles one where a batch is smaller than the others, JAX one for each."""
    model = fitted("after", size=24)
    (one,) = found(model, "CW220")
    sizes = {"jax": (16, True), "tensorflow": (64, False)}[BACKEND]
    assert (one.evidence["batch"], "compiled anew, with it" in one.message) == sizes


@pytest.mark.parametrize(
    "how",
    [{"attached": "before"}, {"eagerly": True}, {"optimizer": Plain(0.01)}],
    ids=["before", "eagerly", "plain"],
)
def test_a_step_that_runs_its_constraints_or_never_would(how):
    """Attached in time, not compiled, or left out by the optimizer, which is told as that."""
    model = fitted(**{"attached": "after", **how})
    assert not found(model, "CW220")


def test_a_model_that_is_compiled_again():
    """Its new step knows the constraint."""
    model = fitted("after")
    model.compile("sgd", "mse")
    model.fit(X, np.sign(Y), verbose=0)
    assert not found(model, "CW220")

"""A `train_step` of a model's own: it is run, what is said is of it, and nothing stays."""

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers, ops
from own_steps import BACKEND, Adversaries, Autoencoder, Contrast, Regression, Trained, net
from test_doctor import changes, shown, snapshot

import constrainit as ci

X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")
Y = X[:, :1].copy()
NAN = float("nan")


@pytest.fixture(autouse=True)
def _without_treatments(request, monkeypatch):
    """Treatments have tests of their own."""
    if "treated" not in request.node.name:
        monkeypatch.setattr("constrainit.doctor._diagnose.treat", lambda *arguments: None)


def constant(value):
    return keras.initializers.Constant(value)


def counted(report):
    return [finding for finding in report.findings if finding.counts]


def adversaries(**kwargs):
    model = Adversaries(**kwargs)
    model.compile(keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3))
    return model


HEALTHY = {
    "autoencoder": (Autoencoder, X, None, {"loss", "kl_loss"}),
    "adversaries": (adversaries, X, None, {"d_loss", "g_loss"}),
    "contrast": (Contrast, X, None, {"contrastive_loss"}),
    "regression": (Regression, X, Y, {"loss"}),
    "constrained": (
        lambda: Autoencoder(kernel_constraint="max_norm"), X, None, {"loss", "kl_loss"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HEALTHY)
def test_a_sound_step_is_run_and_nothing_is_said_or_changed(name):
    """Several optimizers, no `call`, no loss to compile: nothing is left out, or left behind."""
    make, x, y, reported = HEALTHY[name]
    model = make()
    before = snapshot(model)
    slots = steppers(model)
    report = ci.diagnose(model, x, y)
    assert changes(before, snapshot(model)) == {}
    assert steppers(model) == slots
    assert report.ok, str(report)
    assert report.environment["left_out"] == ()
    own = report.evidence.own
    assert set(own.reported) == reported
    assert {len(values) for values in own.reported.values()} == {21}
    assert str(report).splitlines()[-1].startswith("healthy")
    assert own.as_usual == (name == "regression")
    assert {o.layer for o in report.evidence.outputs} >= {
        r.layer.name for r in report.evidence.weights
    }


def steppers(model):
    """All that a model's optimizers hold, by value."""
    held = [v for v in vars(model).values() if isinstance(v, keras.optimizers.Optimizer)]
    return [
        (one.built, {name: shown(v) for name, v in vars(one).items()},
         [(v.path, array(v).tolist()) for v in one.variables])
        for one in held
    ]  # fmt: skip


def test_the_steps_are_those_of_fit():
    """What it reports step by step is what `fit` reports of as many epochs of one batch."""
    keras.utils.set_random_seed(0)
    report = ci.diagnose(adversaries(), X, steps=3)
    keras.utils.set_random_seed(0)
    model = adversaries()
    history = model.fit(X, batch_size=len(X), epochs=4, verbose=0, shuffle=False).history
    for name, values in report.evidence.own.reported.items():
        np.testing.assert_allclose(values, history[name], rtol=1e-4)


def broken_after(model, path="critic"):
    """Noise of a step of its own, past the optimizer."""

    def after():
        kernel = getattr(model, path).layers[-1].kernel
        kernel.assign(kernel / 0.0)

    model.after = after
    return model


class Moves(Regression):
    """Weights are moved by hand, and their constraints are not asked."""

    def __init__(self, project=False):
        super().__init__(kernel_constraint="non_neg", kernel_initializer="ones")
        self.project = project

    def after(self):
        for weight in self.trainable_variables:
            weight.assign(weight - 0.2)
            if self.project and weight.constraint:
                weight.assign(weight.constraint(weight))


class Odd(Regression):
    """Reports a number that has no value, and a loss that has."""

    def objectives(self, data):
        return {**super().objectives(data), "correlation": ops.log(ops.mean(data[0] * 0.0) - 1.0)}


class Floored(Trained):
    """One of two losses is the logarithm of what falls to zero."""

    def __init__(self, floor):
        super().__init__(name="floored")
        self.body, self.floor = net(4, 1, name="body", kernel_initializer="ones"), floor
        self.compile(keras.optimizers.SGD(0.5))

    def objectives(self, data):
        kernel = self.body.layers[0].kernel
        rest = ops.maximum(ops.mean(kernel), self.floor)
        return {"main_loss": ops.mean(kernel) + 0.0 * ops.mean(self.body(data)),
                "side_loss": ops.log(ops.stop_gradient(rest))}  # fmt: skip


class Root(Regression):
    """The gradient of a root at zero."""

    def objectives(self, data):
        x, y = data
        return {"loss": ops.mean(ops.square(self(x) - y)) + ops.mean(ops.sqrt(0.0 * self(x)))}


FAULTY = {
    "set": (Moves, X, Y, "CW703", "body"),
    "weight": (lambda: broken_after(adversaries()), X, None, "CW701", "critic"),
    "loss": (lambda: Floored(0.0), X, None, "CW701", ""),
    "gradient": (Root, X, Y, "CW501", "body"),
    "growth": (
        lambda: Regression(rate=0.3, function=lambda d: 3 * ops.square(d)), X, Y, "CW505", "",
    ),
    "layer": (lambda: Regression(bias_initializer=constant(NAN)), X, Y, "CW103", "dense"),
}  # fmt: skip
SOUND = {
    "set": (lambda: Moves(project=True), X, Y),
    "weight": (adversaries, X, None),
    "loss": (lambda: Floored(1e-3), X, None),
    "odd": (Odd, X, Y),
}


@pytest.mark.parametrize("name", FAULTY)
def test_what_is_wrong_with_the_steps(name):
    """It is named by the first finding."""
    make, x, y, code, place = FAULTY[name]
    report = ci.diagnose(make(), x, y)
    # Units that saturate as the loss grows may be named as well.
    found = [f for f in counted(report) if name != "growth" or f.code != "CW402"]
    assert found[0].code == code, str(report)
    first = found[0]
    assert place in (first.weight or first.layer)
    if code.startswith("CW7"):
        assert "def train_step" in first.source.text


@pytest.mark.parametrize("name", SOUND)
def test_what_comes_near_to_it(name):
    """The same without the fault is not reported."""
    make, x, y = SOUND[name]
    report = ci.diagnose(make(), x, y)
    assert report.ok, str(report)
    assert report.evidence.own.steps == 21
    if name == "odd":
        assert [(f.code, f.level) for f in report.findings] == [("CW701", "info")]


class Drawn(Autoencoder):
    """What the decoder is given is drawn from the distribution, not made of its mean."""

    def __init__(self, stopped=True):
        super().__init__()
        self.stopped = stopped

    def objectives(self, data):
        mean = self.encoder(data)[:, :2]
        drawn = mean + keras.random.normal(ops.shape(mean), seed=self.noise)
        passed = STOP(drawn) if self.stopped else drawn
        return {"loss": ops.mean(ops.square(self.decoder(passed) - data))}


# Under its own name the word would say that it is meant.
STOP = ops.stop_gradient


@pytest.mark.parametrize("stopped", [True, False])
@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_a_part_whose_gradient_is_cut_although_the_loss_changes_with_it(stopped):
    """The encoder that a sample is drawn from, and not made of, learns nothing."""
    report = ci.diagnose(Drawn(stopped), X)
    codes = {f.code for f in counted(report)}
    assert codes == ({"CW503"} if stopped else set()), str(report)
    if stopped:
        layers_of = {f.layer for f in counted(report)}
        assert len(layers_of) == 2
        assert "although the loss changes with it" in report.findings[0].message
        assert "at any of 21 steps" in report.findings[0].message


def test_one_of_two_that_is_not_trained_is_a_note():
    """It may be meant: a teacher, or features that are only read."""
    report = ci.diagnose(adversaries(critic=False), X)
    assert report.ok, str(report)
    note = next(f for f in report.findings if f.code == "CW702")
    assert "4 of its 8" in note.message


class Idle(Regression):
    def parts(self):
        return {}

    def objectives(self, data):
        raise AssertionError("is not called")


def test_a_step_that_trains_nothing():
    """It reports nothing, and no weight moves."""
    (first,) = counted(ci.diagnose(Idle(), X, Y))
    assert (first.code, first.evidence["handed"]) == ("CW702", 0)


class Raises(Regression):
    def objectives(self, data):
        x, y = data
        return {"loss": ops.mean(ops.square(self.no_such_part(x) - y))}


def test_what_the_step_raises_is_told_with_its_line():
    """Also where targets are missing; and nothing else is made up."""
    report = ci.diagnose(Raises(), X, Y)
    (first,) = counted(report)
    assert (first.code, first.stage, first.evidence["exception"]) == (
        "CW001", "train_step", "AttributeError",
    )  # fmt: skip
    assert "no_such_part" in first.source.text
    (first,) = counted(ci.diagnose(Regression(), X))
    assert first.code == "CW001"
    assert "x alone where no targets were given" in first.fix


@pytest.mark.parametrize("built", [True, False])
def test_a_model_without_call(built):
    """On JAX and PyTorch `fit` wants it called or marked as built; the finding says which words."""
    model = adversaries()
    model.built = built
    found = counted(ci.diagnose(model, X))
    if built or BACKEND == "tensorflow":
        assert found == []
        return
    (first,) = found
    assert first.code == "CW001"
    assert (
        "raises RuntimeError: Unable to automatically build the model. Model Adv" in first.message
    )
    assert first.message.endswith("does not have a `call()` method implemented")
    assert "call(self, x)" in first.fix
    assert "self.built = True" in first.fix
    assert "line above" not in first.fix


class Branches(Regression):
    """Python asks for the value of a tensor, which a compiled step has not."""

    def objectives(self, data):
        found = super().objectives(data)
        return {"loss": 2 * found["loss"]} if found["loss"] > 0 else found


@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch compiles no step")
def test_what_only_the_compiled_step_raises():
    """It runs as it is, and `fit` would raise all the same."""
    model = Branches()
    first = counted(ci.diagnose(model, X, Y))[0]
    assert (first.code, first.stage) == ("CW001", "train_step")
    model.run_eagerly = True
    assert ci.diagnose(model, X, Y).ok


@pytest.mark.skipif(BACKEND != "torch", reason="only PyTorch keeps gradients")
@pytest.mark.parametrize("clears", [True, False])
def test_gradients_that_add_up(clears):
    """A second step from the same weights tells; what was kept before is put back."""
    model = Regression() if clears else adding_up()
    model(X).sum().backward()
    held = [(v.value.grad, v.value.grad.clone()) for v in model.trainable_variables]
    report = ci.diagnose(model, X, Y)
    assert [f.code for f in counted(report)][:1] == ([] if clears else ["CW704"]), str(report)
    for variable, (gradient, value) in zip(model.trainable_variables, held, strict=True):
        assert variable.value.grad is gradient
        assert np.array_equal(gradient.numpy(), value.numpy())


def test_what_was_not_run_is_not_called_healthy():
    """A step that does not take what was drawn, or is not compiled, is left out, as is said."""
    inputs = keras.Input((4,))
    model = Wants(inputs, layers.Dense(1)(inputs))
    for compiled in (False, True):
        if compiled:
            model.compile("sgd", "mse")
        report = ci.diagnose(model)
        assert report.environment["left_out"] == ("its own train_step",)
        assert report.ok
        assert "which leaves out its own train_step" in str(report).splitlines()[-1]
        said = " ".join(report.environment["assumed"])
        assert ("not take what was drawn" if compiled else "not compiled") in said


class Wants(keras.Model):
    def train_step(self, *arguments):
        raise KeyError("mask")


def test_a_model_of_built_parts_needs_no_call():
    """As of a maker and a critic; one that makes weights in `build` is not built by its parts."""
    assert ci.check(Parts())
    with pytest.raises(ValueError, match="must be built"):
        ci.check(Late())


class Parts(keras.Model):
    def __init__(self):
        super().__init__()
        self.maker, self.critic = net(2, 4), net(4, 1)


class Late(Parts):
    def build(self, shape):
        self.scale = self.add_weight(shape=(1,))


@pytest.mark.parametrize("name", ["set"] + ["gradients"] * (BACKEND == "torch") + ["rate"])
def test_what_is_treated_around_the_step(name):
    """What the step leaves out is done for it; a lower rate is that of its own optimizer."""
    make, code, change = {
        "set": (Moves, "CW703", "into its set after each step"),
        "gradients": (adding_up, "CW704", "cleared before each step"),
        "rate": (FAULTY["growth"][0], "CW601", "learning rate of"),
    }[name]
    model = make()
    before = snapshot(model)
    first = counted(ci.diagnose(model, X, Y))[0]
    assert changes(before, snapshot(model)) == {}
    assert first.code == code
    assert first.treatment.healed
    assert change in first.treatment.change


def adding_up():
    model = Regression()
    model.zero_grad = lambda: None
    return model


class Price(Regression):
    """Its loss broadcasts, unless the targets are made a column."""

    def __init__(self, column=False):
        super().__init__()
        self.column = column

    def objectives(self, data):
        x, y = data
        y = ops.expand_dims(y, -1) if self.column else y
        return {"distance": ops.mean(ops.square(y - self(x)))}


@pytest.mark.parametrize(
    ("column", "y", "codes"), [(False, Y[:, 0], ["CW603"]), (True, Y[:, 0], []), (False, Y, [])]
)
def test_targets_that_a_step_compares_with_all_predictions_treated(column, y, codes):
    """Their order makes no difference then; a column of them is the cure."""
    model = Price(column)
    model.compile(keras.optimizers.SGD(0.1))
    found = counted(ci.diagnose(model, X, y))
    assert [f.code for f in found] == codes
    assert all(f.treatment.healed and "y[:, None]" in f.treatment.code for f in found)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="gradients are kept on PyTorch")
def test_gradients_that_add_up_in_a_step_without_an_optimizer():
    """A step that moves its weights itself is asked, too; and is healthy once it clears them."""

    class ByHand(keras.Model):
        clears = False

        def train_step(self, data):
            x, y = data
            if self.clears:
                self.zero_grad()
            loss = self.compute_loss(x, y, self(x, training=True))
            loss.backward()
            for weight in self.trainable_weights:
                weight.assign(weight.value.detach() - 0.01 * weight.value.grad)
            return {"loss": loss}

    def found(clears):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((4,))
        model = ByHand(inputs, keras.layers.Dense(1)(inputs))
        model.clears = clears
        model.compile("sgd", "mse")
        x = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")
        return [f.code for f in ci.diagnose(model, x, x[:, :1]).findings if f.counts]

    assert found(clears=False) == ["CW704"]
    assert found(clears=True) == []


def test_a_dead_start_is_treated_where_no_one_loss_is_known():
    """Of two losses none is the one that has to fall farther: the signal tells of the cure."""
    model = adversaries(kernel_constraint=ci.MaxNorm(3.0))
    critic = model.critic.layers[0]
    critic.activation = keras.activations.relu
    kernel = array(critic.kernel)
    # Six of eight units see what is below zero for all examples.
    kernel[:, :6], x = -np.abs(kernel[:, :6]), np.abs(X)
    critic.kernel.assign(kernel)
    critic.bias.assign(np.full(8, -0.05))
    model.maker.layers[-1].activation = keras.activations.softplus
    report = ci.diagnose(model, x)
    (finding,) = report.findings
    assert finding.code == "CW403", str(report)
    assert finding.treatment.healed

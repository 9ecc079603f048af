"""The moments in the life of a weight at which Keras leaves it outside of its set, or may.

Each is a function of a `Trial`: it makes three layers, one for each set, brings them to its moment,
and says how far outside their kernels are, with `constrainit` or with plain Keras.
"""

import json
import tempfile
import warnings
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

import constrainit as ci

MOMENTS = {}
BATCH = 4


def polar(w):
    """The nearest matrix with orthonormal columns, as a user would write it."""
    u, _, v = ops.svd(w, full_matrices=False)
    return ops.matmul(u, v)


# A set, and what plain Keras has for it.
SETS = {
    "NonNegative": (ci.NonNegative, keras.constraints.NonNeg),
    "UnitNorm": (ci.UnitNorm, keras.constraints.UnitNorm),
    "Orthogonal": (ci.Orthogonal, lambda: polar),
}


def moment(title):
    """Adds a function to the table, under what the page calls it."""

    def add(function):
        MOMENTS[title] = function
        return function

    return add


class Trial:
    """A model with a kernel in each set, data, and the helper of whoever holds them there."""

    def __init__(self, ours):
        self.ours = ours
        rng = np.random.default_rng(0)
        self.x = rng.normal(size=(3 * BATCH, 4)).astype("float32")
        self.y = rng.normal(size=(3 * BATCH, 1)).astype("float32")
        self.outside = [rng.normal(size=(4, 3)).astype("float32") * 3 - 2 for _ in SETS]

    def constraint(self, name):
        """The arguments of a layer whose kernel is in a set."""
        a_set, plain = SETS[name]
        return ci.constrained(kernel=a_set()) if self.ours else {"kernel_constraint": plain()}

    def model(self, optimizer=None, wrap=lambda layer: layer, cut=lambda x: x, **named):
        """Three layers side by side and a head, compiled."""
        x = keras.Input((4,))
        outputs = []
        for name in SETS:
            dense = layers.Dense(3, use_bias=False, name=name, **self.constraint(name))
            outputs.append(wrap(dense)(x))
        head = layers.Dense(1, name="head")
        model = keras.Model(x, head(cut(layers.Add()(outputs))))
        model.compile(optimizer or keras.optimizers.SGD(0.1), "mse", **named)
        return model

    def take_outside(self, model):
        """Gives the three kernels values outside of their sets, as loading may do."""
        for name, value in zip(SETS, self.outside, strict=True):
            layer(model, name).kernel.assign(value)

    def fit(self, model, *callbacks, **named):
        """`fit`, one of our callbacks behind those that change weights."""
        keep = [ci.KeepFeasible()] if self.ours else []
        callbacks = [c for c in callbacks if not isinstance(c, Probe)] + keep + [
            c for c in callbacks if isinstance(c, Probe)
        ]  # fmt: skip
        model.fit(self.x, self.y, batch_size=BATCH, verbose=0, callbacks=callbacks, **named)

    def callbacks(self):
        """What is given to `evaluate` and `predict`."""
        return [ci.KeepFeasible()] if self.ours else []


class Probe(keras.callbacks.Callback):
    """Looks at the kernels when something happens in `fit`, the first time."""

    def __init__(self, event):
        super().__init__()
        self.found = None
        setattr(self, event, self._look)

    def _look(self, *_, **__):
        if self.found is None:
            self.found = violations(self.model)


def layer(model, name):
    """The layer whose kernel is in a set, also inside of a wrapper."""
    return next(one for one in model._flatten_layers() if one.name == name)


def violations(model):
    """How far outside of its set each kernel is."""
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()
    return {
        name: float(a_set().resolve((0,)).violation(layer(model, name).kernel))
        for name, (a_set, _) in SETS.items()
    }


@moment("the first forward pass")
def first_pass(trial):
    return violations(trial.model())


@moment("a step of `fit` (two in one execution, but for PyTorch)")
def step(trial):
    together = 1 if keras.backend.backend() == "torch" else 2
    model = trial.model(steps_per_execution=together)
    trial.fit(model)
    return violations(model)


@moment("after `set_weights`, at `predict`")
def set_weights(trial):
    model = trial.model()
    trial.take_outside(model)
    model.predict(trial.x, verbose=0, callbacks=trial.callbacks())
    return violations(model)


@moment("after `load_model`")
def load(trial):
    model = trial.model()
    trial.take_outside(model)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        model = keras.saving.load_model(path, custom_objects={"polar": polar})
    if trial.ours:
        ci.project(model)
    return violations(model)


@moment("`fit` with a frozen layer")
def frozen(trial):
    model = trial.model()
    trial.take_outside(model)
    for name in SETS:
        layer(model, name).trainable = False
    model.compile("sgd", "mse")
    trial.fit(model)
    return violations(model)


@moment("`fit` without a gradient")
def no_gradient(trial):
    model = trial.model(cut=layers.Lambda(ops.stop_gradient, output_shape=(3,)))
    trial.take_outside(model)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Gradients do not exist")
        trial.fit(model)
    return violations(model)


@moment("a float16 step that is skipped")
def skipped(trial):
    model = trial.model(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)))
    trial.take_outside(model)
    trial.x[:] = np.inf
    trial.fit(model)
    return violations(model)


@moment("between the updates of accumulated gradients")
def accumulated(trial):
    model = trial.model(keras.optimizers.SGD(0.1, gradient_accumulation_steps=4))
    trial.take_outside(model)
    trial.fit(model)
    return violations(model)


@moment("a step that takes over the moving average")
def overwritten(trial):
    ema = keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3)
    model = trial.model(ema)
    probe = Probe("on_epoch_end")
    trial.fit(model, probe)
    return probe.found


@moment("the end of `fit` with `use_ema`")
def averaged(trial):
    model = trial.model(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    trial.fit(model)
    return violations(model)


@moment("validation with `SwapEMAWeights`")
def swapped(trial):
    model = trial.model(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5))
    probe = Probe("on_test_batch_begin")
    data = trial.x[:BATCH], trial.y[:BATCH]
    trial.fit(model, keras.callbacks.SwapEMAWeights(), probe, validation_data=data)
    return probe.found


@moment("`BackupAndRestore` of weights from outside")
def restored(trial):
    model = trial.model()
    with tempfile.TemporaryDirectory() as folder:
        backup = keras.callbacks.BackupAndRestore(folder)
        backup.set_model(model)
        trial.take_outside(model)
        model.save_weights(backup._weights_path)
        metadata = {"epoch": 1, "batch": 0}
        Path(backup._training_metadata_path).write_text(json.dumps(metadata))
        model, probe = trial.model(), Probe("on_train_batch_begin")
        trial.fit(model, keras.callbacks.BackupAndRestore(folder), probe, epochs=2)
    return probe.found


@moment("`SpectralNormalization`, evaluated after a call in training")
def spectral(trial):
    model = trial.model(wrap=layers.SpectralNormalization)
    model(trial.x, training=True)
    model.evaluate(trial.x, trial.y, verbose=0, callbacks=trial.callbacks())
    return violations(model)


@moment("a step of an optimizer that is not Keras'")
def foreign(trial):
    model = trial.model()
    _FOREIGN[keras.backend.backend()](trial, model)
    return violations(model)


def _torch_step(trial, model):
    import torch

    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    x, y = torch.tensor(trial.x), torch.tensor(trial.y)
    if trial.ours:
        ci.hold_after(optimizer, model)
    for _ in range(2):
        optimizer.zero_grad()
        ((model(x) - y) ** 2).mean().backward()
        optimizer.step()


def _tensorflow_step(trial, model):
    import tensorflow as tf

    @tf.function
    def train_step(x, y):
        with tf.GradientTape() as tape:
            loss = ops.mean((model(x) - y) ** 2)
        weights = [v.value for v in model.trainable_variables]
        for gradient, w in zip(tape.gradient(loss, weights), weights, strict=True):
            w.assign_sub(0.1 * gradient)
        if trial.ours:
            ci.hold(model)

    for _ in range(2):
        train_step(trial.x, trial.y)


def _jax_step(trial, model):
    import jax

    def loss(params, state):
        out, _ = model.stateless_call(params, state, trial.x)
        return ops.mean((out - trial.y) ** 2)

    @jax.jit
    def train_step(params, state):
        gradients = jax.grad(loss)(params, state)
        params = [p - 0.1 * g for p, g in zip(params, gradients, strict=True)]
        return ci.held(model, params) if trial.ours else params

    params = [v.value for v in model.trainable_variables]
    state = [v.value for v in model.non_trainable_variables]
    for _ in range(2):
        params = train_step(params, state)
    for variable, value in zip(model.trainable_variables, params, strict=True):
        variable.assign(value)


_FOREIGN = {"torch": _torch_step, "tensorflow": _tensorflow_step, "jax": _jax_step}

"""A model, a batch, a loss and an optimizer: one training problem that can be stepped."""

import contextlib
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src.backend import compute_output_spec
from keras.src.trainers.compile_utils import CompileLoss

from constrainit.doctor import _batch
from constrainit.doctor._state import attribute
from constrainit.doctor._statistics import activation_of, summarize, to_numpy
from constrainit.doctor.engines import engine


class Problem:
    """What a probe steps through; it records the layers' outputs as it computes the loss.

    Attributes:
        model: The built model.
        x: The inputs as tensors.
        y: The targets as tensors.
        trainable: Its trainable variables.
        others: Its other variables.
        optimizer: A copy of the model's optimizer.
        said: What was chosen for the user, in sentences.
        named: For each recorded output, the layer's name, class and activation.
    """

    def __init__(self, model: keras.Model, x: Any, y: Any, loss: Any, optimizer: Any, seed: int):
        self.model, self.seed = model, seed
        self.said: list[str] = []
        self.named: list[tuple[str, str, str]] = []
        self.trainable = list(model.trainable_variables)
        kept = {id(v) for v in self.trainable}
        self.others = [v for v in model.variables if id(v) not in kept]
        self.x, self.y = _tensors(x), y
        self._loss = loss
        self._chosen_optimizer = optimizer
        self._compiled_loss: Any = None
        self._step: Any = None
        self._loss_is_set = self._adds_losses = False
        self.loss_name = ""
        if type(model).train_step is not keras.Model.train_step:
            self.said.append("its own train_step is not run: the step is that of keras.Model")

    def trace_outputs(self) -> Any:
        """The shapes that the model gives for the batch, found without computing."""

        def trace(x):
            with keras.StatelessScope(collect_losses=True):
                outputs = self.model(x, training=True)
                self._adds_losses = bool(self.model.losses)
            return outputs

        # Calling the model itself on symbolic inputs would leave a node in its graph.
        specs = keras.tree.map_structure(lambda t: keras.KerasTensor(t.shape, _dtype(t)), self.x)
        return compute_output_spec(trace, specs)

    def set_loss(self) -> None:
        """Traces the forward pass, chooses the loss and, if none came, the targets."""
        outputs = self.trace_outputs()
        if self._loss_is_set:
            return
        self._loss_is_set = True
        own = getattr(self.model, "_compile_loss", None)
        loss, weights = self._loss, None
        if loss is None and own is not None:
            loss, weights = own._user_loss, own._user_loss_weights
        overrides = type(self.model).compute_loss is not keras.Model.compute_loss
        if loss is None and not overrides and not (self.model.compiled and self._adds_losses):
            loss, sentence = _batch.default_loss(self.model, outputs, self.y)
            self.said.append(sentence)
        if self.y is None:
            self.y = _batch.targets_for(self.model, outputs, loss, self.seed)
            self.said.append("targets drawn at random, as none were given")
        self.y = _tensors(self.y)
        if loss is not None:
            names = getattr(self.model, "output_names", None)
            self._compiled_loss = CompileLoss(loss, weights, output_names=names)
            self._compiled_loss.build(self.y, outputs)
        self.loss_name = _loss_name(loss)

    def step(self) -> Any:
        """One training step without constraints, as the engine gives it; compiled once."""
        if self._step is None:
            self._set_optimizer()
            self._step = engine().compile_step(self)
        found = self._step()
        while self._would_be_skipped(found[0], found[2]):
            found = self._step()
        return found

    def _would_be_skipped(self, loss, gradients):
        """Whether a float16 loss scale makes the gradients overflow; halves it, as Keras does."""
        scale = getattr(self.optimizer, "dynamic_scale", None)
        if scale is None or not np.isfinite(to_numpy(loss)) or to_numpy(scale) <= 1:
            return False
        if all(np.isfinite(to_numpy(g)).all() for g in gradients if g is not None):
            return False
        scale.assign(scale.value / 2)
        return True

    def _set_optimizer(self) -> None:
        """Copies the optimizer, with its state, or takes Adam."""
        optimizer = self._chosen_optimizer or getattr(self.model, "optimizer", None)
        if optimizer is None:
            optimizer = keras.optimizers.Adam()
            self.said.append("not compiled: Adam with its default learning rate")
        optimizer = keras.optimizers.get(optimizer)
        self.optimizer = type(optimizer).from_config(optimizer.get_config())
        self.optimizer.build(self.trainable)
        if optimizer.built and len(optimizer.variables) == len(self.optimizer.variables):
            for copy, original in zip(self.optimizer.variables, optimizer.variables, strict=True):
                copy.assign(original)

    def loss(self, x: Any, y: Any) -> tuple[Any, list[Any]]:
        """The loss of a batch in training mode, and the statistics of every layer's output."""
        with self._recording() as outputs:
            predictions = self.model(x, training=True)
        with attribute(self.model, "_compile_loss", self._compiled_loss):
            loss = self.model.compute_loss(x=x, y=y, y_pred=predictions, sample_weight=None)
        return ops.cast(loss, "float32"), outputs

    @contextlib.contextmanager
    def _recording(self):
        self.named, outputs = [], []
        with contextlib.ExitStack() as stack:
            for layer in _observable(self.model):
                record = self._recorder(layer, outputs)
                stack.enter_context(attribute(layer, "call", record))
            yield outputs

    def _recorder(self, layer, outputs):
        call = layer.call

        def record(*args, **kwargs):
            result = call(*args, **kwargs)
            for value in keras.tree.flatten(result):
                if ops.is_tensor(value) and "float" in _dtype(value) and value.shape:
                    kind, activation = type(layer).__name__, activation_of(layer)
                    self.named.append((layer.name, kind, activation))
                    outputs.append(summarize(ops.stop_gradient(value), activation))
            return result

        return record


def _observable(model):
    """The layers whose outputs can be looked at: those not run inside a loop over time."""
    layers = [model]
    for layer in layers:
        if not isinstance(layer, (keras.layers.RNN, keras.layers.TimeDistributed)):
            layers.extend(inner for inner in layer._layers if inner not in layers)
    return [layer for layer in layers if not isinstance(layer, keras.layers.InputLayer)]


def _loss_name(loss):
    if loss is None:
        return "the model's own"
    return (
        loss
        if isinstance(loss, str)
        else getattr(loss, "name", None) or str(getattr(loss, "__name__", type(loss).__name__))
    )


def _dtype(value):
    return keras.backend.standardize_dtype(value.dtype)


def _tensors(values):
    return keras.tree.map_structure(ops.convert_to_tensor, values)

"""A model, a batch, a loss and an optimizer: one training problem that can be stepped."""

import contextlib
import inspect
import math
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src.backend import compute_output_spec
from keras.src.trainers.compile_utils import CompileLoss

from constrainit.doctor import _batch
from constrainit.doctor._frames import Source, running_line
from constrainit.doctor._state import attribute, snapshot
from constrainit.doctor._statistics import activation_of, to_numpy
from constrainit.doctor.engines import engine
from constrainit.doctor.engines._result import Stepped

_SOFTMAX_OF_ONE = "You are using a softmax over axis"
"""How Keras' warning of a softmax over an axis of size 1 begins."""

_STEPS = ((20, 2_000_000), (5, 20_000_000), (2, 100_000_000), (1, math.inf))
"""How many steps a probe takes, for up to so many weights and numbers between the layers."""


class Problem:
    """What a probe steps through; it records the layers' outputs as it computes the loss.

    Attributes:
        model: The built model.
        steps: How many steps a probe takes; if none were given, 0 until the loss is set.
        x: The inputs as tensors.
        y: The targets as tensors.
        specs: The shapes that the model gives for the batch.
        trainable: Its trainable variables.
        others: Its other variables.
        optimizer: A copy of the model's optimizer.
        said: What was chosen for the user, in sentences.
        named: For each recorded output, the layer's name, class and activation.
        watched: For each tensor whose gradient is looked at, the layer's name, and the index of
            the recorded output, or None for an input of the layer.
        assigned: The trainable variables that a forward pass assigns to.
        alone: Where a softmax runs over a single entry: the layer, and the user's own line.
        raised_in: The name of the layer that raised in the last forward pass, or an empty string.
    """

    def __init__(
        self,
        model: keras.Model,
        x: Any,
        y: Any,
        loss: Any,
        optimizer: Any,
        seed: int,
        steps: int | None = None,
    ):
        self.model, self.seed = model, seed
        self.said: list[str] = []
        self.named: list[tuple[str, str, str]] = []
        self.watched: list[tuple[str, int | None]] = []
        self.assigned: list[Any] = []
        self.alone: list[tuple[str, Source | None]] = []
        self.running: list[str] = []
        self.raised_in = ""
        self.trainable = list(model.trainable_variables)
        kept = {id(v) for v in self.trainable}
        self.others = [v for v in model.variables if id(v) not in kept]
        self.x, self.y = _tensors(x), y
        self.given_loss, self.given_optimizer = loss, optimizer
        self.optimizer: Any = None
        self.projects_averages = False
        self._compiled_loss: Any = None
        self.specs: Any = None
        self._step: Any = None
        self._loss_is_set = self._adds_losses = False
        self._between = 0
        self._looking = True
        self.loss_name = ""
        self.steps = steps or 0
        if type(model).train_step is not keras.Model.train_step:
            self.said.append("its own train_step is not run: the step is that of keras.Model")

    def _affordable(self):
        """The steps that a probe takes of itself: fewer where each is dear."""
        weights = sum(map(_count, self.model.variables))
        steps = next(n for n, most in _STEPS if weights + self._between <= most)
        if steps < _STEPS[0][0]:
            self.said.append(
                f"{steps} step{'s' * (steps > 1)} only, as it has {weights:,} weights and "
                f"{self._between:,} numbers between its layers; ask for more by steps"
            )
        return steps

    def says(self, layer: str, word: str) -> bool:
        """Whether the code of the class of a layer holds a word."""
        kinds = {type(one) for one in _observable(self.model) if one.name == layer}
        try:
            return any(word in inspect.getsource(kind) for kind in kinds)
        # Classes made in a session have no source.
        except (OSError, TypeError):
            return False

    def losses(self) -> list[Any]:
        """The loss of each output, as Keras resolves it; an empty list for a model's own."""
        if self._compiled_loss is None:
            return []
        return [function for _, function, *_ in self._compiled_loss._flat_losses]

    def trace_outputs(self) -> Any:
        """The shapes that the model gives for the batch, found without computing."""

        def trace(x):
            with (
                keras.StatelessScope(collect_losses=True) as scope,
                self._recording(_as_it_is, _count) as sizes,
                self._noting_softmax_of_one(),
            ):
                outputs = self.model(x, training=True)
                self._between = sum(sizes)
                self._adds_losses = bool(self.model.losses)
            self.assigned = [v for v in self.trainable if scope.get_current_value(v) is not None]
            return outputs

        # Calling the model itself on symbolic inputs would leave a node in its graph.
        specs = keras.tree.map_structure(lambda t: keras.KerasTensor(t.shape, _dtype(t)), self.x)
        return compute_output_spec(trace, specs)

    @contextlib.contextmanager
    def _noting_softmax_of_one(self):
        """Keras warns of it, without a word on where."""
        self.alone = []
        with warnings.catch_warnings():
            show = warnings.showwarning

            def note(message, *others, **named):
                if not str(message).startswith(_SOFTMAX_OF_ONE):
                    show(message, *others, **named)
                    return
                line = running_line(above=(__file__, "record"))
                self.alone.append((self.running[-1] if self.running else "", line))

            warnings.showwarning = note
            warnings.filterwarnings("always", message=_SOFTMAX_OF_ONE)
            yield

    def set_loss(self) -> None:
        """Traces the forward pass, chooses the loss and, if none came, the targets."""
        outputs = self.specs = self.trace_outputs()
        if self._loss_is_set:
            return
        self._loss_is_set = True
        self.steps = self.steps or self._affordable()
        own = getattr(self.model, "_compile_loss", None)
        loss, weights = self.given_loss, None
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

    def step(self, looking: bool = True) -> Stepped:
        """One training step without constraints, as the engine gives it; compiled once.

        Without `looking`, engines that run op by op leave the layers' outputs out.
        """
        self._looking = looking
        if self._step is None:
            self.set_optimizer()
            self._step = engine().compile_step(self)
        found = self._step()
        while self._would_be_skipped(found):
            found = self._step()
        return found

    def advance(self, stepped: Stepped) -> None:
        """Keeps what a step left in the optimizer and in the model's other variables."""
        pairs = []
        if stepped.slots is not None:
            pairs += zip(self.optimizer.variables, stepped.slots, strict=True)
        if stepped.others is not None:
            pairs += zip(self.others, stepped.others, strict=True)
        for variable, value in pairs:
            variable.assign(value)
        stepped.slots = stepped.others = None

    def with_rate(self, rate: float) -> "Problem":
        """This problem with another learning rate, until the optimizer is put back."""
        optimizer = self.optimizer
        try:
            optimizer.learning_rate = rate
        except TypeError:  # A schedule can not be set.
            config = {**optimizer.get_config(), "learning_rate": rate}
            slower = type(optimizer).from_config(config)
            return Problem(
                self.model, self.x, self.y, self.given_loss, slower, self.seed, self.steps
            )
        return self

    @contextlib.contextmanager
    def keeping_optimizer(self) -> Iterator[None]:
        """Restores the optimizer's variables, the learning rate among them."""
        optimizer = self.optimizer
        held = [] if optimizer is None else [(v, _state(v)) for v in optimizer.variables]
        try:
            yield
        finally:
            for variable, value in held:
                variable.assign(ops.zeros_like(variable) if value is None else value)

    @property
    def loss_scale(self) -> float:
        """The factor by which gradients are larger than those of the loss."""
        scale = getattr(self.optimizer, "dynamic_scale", None)
        return 1.0 if scale is None else float(to_numpy(scale))

    def _would_be_skipped(self, found):
        """Whether a float16 loss scale makes the gradients overflow; halves it, as Keras does."""
        scale = getattr(self.optimizer, "dynamic_scale", None)
        if scale is None or not np.isfinite(to_numpy(found.loss)) or to_numpy(scale) <= 1:
            return False
        if all(to_numpy(weight)[1] == 0 for weight in found.weights):
            return False
        scale.assign(scale.value / 2)
        return True

    def set_optimizer(self) -> None:
        """Copies the optimizer, with its state, or takes Adam."""
        optimizer = self.given_optimizer or getattr(self.model, "optimizer", None)
        if optimizer is None:
            optimizer = keras.optimizers.Adam()
            self.said.append("not compiled: Adam with its default learning rate")
        optimizer = keras.optimizers.get(optimizer)
        self.optimizer = type(optimizer).from_config(optimizer.get_config())
        self.optimizer.build(self.trainable)
        if optimizer.built and len(optimizer.variables) == len(self.optimizer.variables):
            for copy, original in zip(self.optimizer.variables, optimizer.variables, strict=True):
                copy.assign(original)

    def loss(self, x: Any, y: Any, watch: Any = None) -> tuple[Any, list[Any]]:
        """The loss of a batch in training mode, and the statistics of every layer's output.

        `watch(tensor, place)` is put into the flow of every output of a layer and of every input
        of a layer that is not Keras' own, and must give the tensor back.
        """
        if self._looking or watch is None:
            with self._recording(watch or _as_it_is, engine().summarize) as outputs:
                predictions = self.model(x, training=True)
        else:
            predictions, outputs = self.model(x, training=True), []
        with attribute(self.model, "_compile_loss", self._compiled_loss):
            loss = loss_of(self.model, x, y, predictions)
        return ops.cast(loss, "float32"), outputs

    @contextlib.contextmanager
    def _recording(self, watch, summarize):
        self.named, self.watched, self.raised_in, outputs = [], [], "", []
        with contextlib.ExitStack() as stack:
            for layer in _observable(self.model):
                record = self._recorder(layer, outputs, watch, summarize)
                stack.enter_context(attribute(layer, "call", record))
            yield outputs

    def _recorder(self, layer, outputs, watch, summarize):
        call = layer.call

        def seen(value, place=None):
            self.watched.append((layer.name, place))
            return watch(value, len(self.watched) - 1)

        def enter(value):
            return seen(value) if _is_float(value) else value

        def leave(value):
            if not _is_float(value):
                return value
            kind, activation = type(layer).__name__, activation_of(layer)
            self.named.append((layer.name, kind, activation))
            outputs.append(summarize(ops.stop_gradient(value), activation))
            return seen(value, len(outputs) - 1)

        def record(*args, **kwargs):
            if is_custom(layer):
                args = keras.tree.map_structure(enter, args)
            self.running.append(layer.name)
            try:
                result = call(*args, **kwargs)
            except Exception:
                # The innermost layer comes first.
                self.raised_in = self.raised_in or layer.name
                raise
            finally:
                self.running.pop()
            return keras.tree.map_structure(leave, result)

        return record


def loss_of(model: keras.Model, x: Any, y: Any, predictions: Any) -> Any:
    """The loss of predictions; NaN where PyTorch raises because they are not finite.

    Its binary cross-entropy refuses a NaN, for which the other backends give NaN.
    """
    try:
        return model.compute_loss(x=x, y=y, y_pred=predictions, sample_weight=None)
    except RuntimeError:
        total = sum(ops.sum(one) for one in keras.tree.flatten(predictions) if _is_float(one))
        if keras.backend.backend() != "torch" or bool(ops.isfinite(total)):
            raise
        return total * math.nan


def is_custom(layer: Any) -> bool:
    """Whether a layer or model is neither Keras' own nor one of this library."""
    return type(layer).__module__.split(".")[0] not in ("keras", "constrainit")


def _as_it_is(value, place):
    return value


def _count(value, *_):
    return math.prod(size or 1 for size in value.shape)


def _is_float(value):
    return ops.is_tensor(value) and "float" in _dtype(value) and len(value.shape) > 0


def _observable(model):
    """The layers whose outputs can be looked at: those not run inside a loop over time."""
    layers = [model]
    for layer in layers:
        if not isinstance(layer, (keras.layers.RNN, keras.layers.TimeDistributed)):
            layers.extend(inner for inner in layer._layers if inner not in layers)
    return [layer for layer in layers if not isinstance(layer, keras.layers.InputLayer)]


def _state(variable):
    """The value of a variable; None for zeros, which fill an optimizer that has not stepped."""
    value = ops.convert_to_tensor(variable)
    zeros = keras.backend.backend() != "jax" and "float" in _dtype(value) and len(value.shape) > 0
    if zeros and float(ops.max(value)) == 0 == float(ops.min(value)):
        return None
    return snapshot(variable)


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

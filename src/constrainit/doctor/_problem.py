"""A model, a batch, a loss and an optimizer: one training problem that can be stepped."""

import contextlib
import copy
import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import ops
from keras.src.backend import compute_output_spec
from keras.src.trainers.compile_utils import CompileLoss

from constrainit._precision import dtype_of
from constrainit.doctor import _batch, _own_optimizer
from constrainit.doctor._orders import as_outputs, filled, losses_of
from constrainit.doctor._pace import Pace
from constrainit.doctor._recording import Recording, as_it_is, count_of
from constrainit.doctor._state import attribute
from constrainit.doctor.engines import engine
from constrainit.doctor.engines._result import Stepped

_STEPS = ((20, 2_000_000), (5, 20_000_000), (1, math.inf))
"""How many steps a probe takes, for up to so many weights and numbers between the layers."""

_MORE = 2
"""How many more if the first of few steps makes the loss grow."""


class Problem:
    """What a probe steps through; it records the layers' outputs as it computes the loss.

    Attributes:
        model: The built model.
        steps: How many steps a probe takes; if none were given, 0 until the loss is set.
        more: How many more steps it takes if the first one makes the loss grow.
        x: The inputs as tensors.
        y: The targets as tensors.
        specs: The shapes that the model gives for the batch.
        trainable: Its trainable variables.
        others: Its other variables.
        optimizer: A copy of the model's optimizer.
        said: What was chosen for the user, in sentences.
        assigned: The trainable variables that a forward pass assigns to.
        recording: The layers' outputs, as the loss is computed.
        given_y: The targets as they were given, None if none were.
        unread: The places of targets that were not given, as their outputs have no loss.
        drawn: Whether the inputs were drawn at random.
        compiled_loss: The losses that Keras has made; None before, or where there are none.
        loss_weights: The weights of the losses, where a treatment has given others.
        of_file: Whether the model came from a file, without what trained it.
        before_own: Is called before each step of the model's own.
        after_own: Is called after it.
        factor_of_own: What the learning rates of such steps are multiplied by.
        spares_normalizations: Whether what such a step does to the scales and statistics of
            normalizations after the optimizer is done is undone.
        late: The constraints that were attached after `fit` had compiled; None if not known yet.
        faint: What was found of a signal that fades, in the model as it came; None if nothing was.
        adds_losses: Whether layers add to the loss, as penalties on weights do.
        operations: How many operations a loss takes, as its first step has shown; 0 if not known.
        came_with: The constraints that the model came with, by variable; None before a look.
        start: Where the model was before a kept step was put in place; None if none was.
        backward: Whether a step that is taken op by op goes backward, too.
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
        self.recording = Recording(model)
        self.assigned: list[Any] = []
        self.trainable = list(model.trainable_variables)
        kept = {id(v) for v in self.trainable}
        self.others = [v for v in model.variables if id(v) not in kept]
        self.x, self.y = _tensors(x), y
        self.given_loss, self.given_optimizer = loss, optimizer
        self.loss_weights: Any = None
        self.optimizer: Any = None
        self.projects_averages = False
        self.compiled_loss: Any = None
        self.specs: Any = None
        self._step: Any = None
        self._loss_is_set = self.adds_losses = False
        self._between = 0
        self._looking = self.backward = True
        self.loss_name = ""
        self.given_steps, self.steps, self.more = steps, steps or 0, 0
        self.given_y = None if y is None else _tensors(y)
        self.unread: list[Any] = []
        self.drawn = self.of_file = False
        self.before_own: Callable[[], Any] = _nothing
        self.after_own: Callable[[], Any] = _nothing
        self.factor_of_own = 1.0
        self.spares_normalizations = False
        self.late: Any = None
        self.faint: Any = None
        self.operations, self.pace = 0, Pace(engine().QUICKER)
        self.came_with: dict[int, Any] | None = None
        self.start: Any = None

    def count_steps(self, between: int) -> None:
        """Chooses how many steps are taken where the layers give so many numbers in one."""
        self._between = self._between or between
        self.steps = self.steps or self._affordable()

    def _affordable(self):
        """The steps that a probe takes of itself: fewer where each is dear."""
        weights = sum(map(count_of, self.model.variables))
        steps = next(n for n, most in _STEPS if weights + self._between <= most)
        self.more = _MORE if steps == 1 else 0
        if steps < _STEPS[0][0]:
            self.said.append(
                f"{steps} step{'s' * (steps > 1)} only, as it has {weights:,} weights and "
                f"{self._between:,} numbers between its layers; ask for more by steps"
            )
        return steps

    @property
    def is_small(self) -> bool:
        """Whether a step is cheap enough for many more of them."""
        return self.numbers <= _STEPS[0][1] and not self.pace.is_dear

    @property
    def numbers(self) -> int:
        """How many numbers its weights have, and its layers give in one step."""
        return sum(map(count_of, self.model.variables)) + self._between

    @contextlib.contextmanager
    def taking(self, steps: int) -> Iterator[None]:
        """A probe takes this many steps for a while, one of a problem made from this one, too."""
        held = self.given_steps, self.steps, self.more
        self.given_steps, self.steps, self.more = steps, steps, 0
        try:
            yield
        finally:
            self.given_steps, self.steps, self.more = held

    def afresh(self) -> "Problem":
        """This problem with a step of its own, for a model that has changed since the last one."""
        other = copy.copy(self)
        other._step = None
        return other

    def losses(self) -> list[Any]:
        """The loss of each output, as Keras resolves it; an empty list for a model's own."""
        return [] if self.compiled_loss is None else losses_of(self.compiled_loss, self.specs)

    def trace_outputs(self) -> Any:
        """The shapes that the model gives for the batch, found without computing."""

        def trace(x):
            with (
                keras.StatelessScope(collect_losses=True) as scope,
                self.recording.of(as_it_is, count_of) as sizes,
                self.recording.noting_softmax_of_one(),
                self.recording.noting_new_weights(),
            ):
                outputs = self.model(x, training=True)
                self._between = sum(sizes)
                self.adds_losses = bool(self.model.losses)
            self.assigned = [v for v in self.trainable if scope.get_current_value(v) is not None]
            return outputs

        # Calling the model itself on symbolic inputs would leave a node in its graph.
        specs = keras.tree.map_structure(lambda t: keras.KerasTensor(t.shape, dtype_of(t)), self.x)
        return compute_output_spec(trace, specs)

    def set_loss(self) -> None:
        """Traces the forward pass, chooses the loss and, if none came, the targets."""
        outputs = self.specs = self.trace_outputs()
        if self._loss_is_set:
            return
        self._loss_is_set = True
        self.count_steps(self._between)
        own = getattr(self.model, "_compile_loss", None)
        loss, weights = self.given_loss, self.loss_weights
        if loss is None and own is not None:
            loss, weights = own._user_loss, own._user_loss_weights
        overrides = type(self.model).compute_loss is not keras.Model.compute_loss
        if loss is None and not overrides and not (self.model.compiled and self.adds_losses):
            loss, sentence = _batch.default_loss(self.model, outputs, self.y)
            self.said.append(sentence)
        if self.y is None:
            self.y = _batch.targets_for(self.model, outputs, loss, self.seed)
            self.said.append("targets drawn at random, as none were given")
        names = getattr(self.model, "output_names", None)
        self.y = as_outputs(self.y, outputs, names)
        if loss is not None and not overrides:
            self.y, unread = filled(self.y, loss, outputs)
            self.unread = self.unread or unread
        self.y = _tensors(self.y)
        if loss is not None:
            self.compiled_loss = CompileLoss(loss, weights, output_names=names)
            self.compiled_loss.build(self.y, outputs)
        self.loss_name = _batch.name_of_loss(loss)

    def step(self, looking: bool = True) -> Stepped:
        """One training step without constraints, as the engine gives it; compiled once.

        Without `looking`, engines that run op by op leave the layers' outputs out.
        """
        self._looking = looking
        is_first = self._step is None
        if is_first:
            self.set_optimizer()
            self._step = engine().compile_step(self)
        with contextlib.nullcontext() if is_first else self.pace.timing():
            found = self._step(self)
        while _own_optimizer.would_skip(self.optimizer, found):
            found = self._step(self)
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
            other = self.afresh()
            other.given_optimizer = type(optimizer).from_config(config)
            return other
        return self

    def keeping_optimizer(self) -> contextlib.AbstractContextManager[None]:
        """Restores the optimizer's variables, the learning rate among them."""
        return _own_optimizer.keeping(self.optimizer)

    @property
    def loss_scale(self) -> float:
        """The factor by which gradients are larger than those of the loss."""
        return _own_optimizer.scale_of(self.optimizer)

    def set_optimizer(self) -> None:
        """Copies the optimizer, with its state, or takes Adam."""
        optimizer = self.given_optimizer or getattr(self.model, "optimizer", None)
        if optimizer is None:
            optimizer = keras.optimizers.Adam()
            self.said.append("not compiled: Adam with its default learning rate")
        batches = _own_optimizer.gathers(optimizer)
        if batches > 1:
            self.said.append(
                f"the optimizer adds up {batches} batches for one update: fewer change no weight; "
                "each step below is a whole update"
            )
        self.optimizer = _own_optimizer.copied(optimizer, self.trainable)

    def loss(self, x: Any, y: Any, watch: Callable | None = None) -> tuple[Any, list[Any]]:
        """The loss of a batch in training mode, and the statistics of every layer's output.

        `watch(tensor, place)` is put into the flow of every output of a layer and of every input
        of a layer that is not Keras' own, and must give the tensor back.
        """
        if self._looking or watch is None:
            with self.recording.of(watch or as_it_is, engine().summarize) as outputs:
                predictions = self.model(x, training=True)
        else:
            predictions, outputs = self.model(x, training=True), []
        with attribute(self.model, "_compile_loss", self.compiled_loss):
            loss = _batch.loss_of(self.model, x, y, predictions)
        return ops.cast(loss, "float32"), outputs


def _nothing() -> None:
    """What is done before and after a step that is taken as it is."""


def _tensors(values):
    return keras.tree.map_structure(
        lambda part: None if part is None else ops.convert_to_tensor(part), values
    )

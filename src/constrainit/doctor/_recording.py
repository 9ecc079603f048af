"""What the layers of a model give while it runs, and what goes wrong in them."""

import contextlib
import functools
import inspect
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from constrainit._precision import dtype_of
from constrainit.doctor._code import code_of
from constrainit.doctor._evidence import MadeEvidence
from constrainit.doctor._frames import Source, running_line
from constrainit.doctor._state import attribute
from constrainit.doctor._statistics import activation_of, to_numpy
from constrainit.doctor._straight import swapped
from constrainit.doctor.engines import engine

_LIBRARIES = ("keras", "constrainit")

_SOFTMAX_OF_ONE = "You are using a softmax over axis"
"""How Keras' warning of a softmax over an axis of size 1 begins."""


class Recording:
    """Records the outputs of the layers of a model.

    Attributes:
        named: For each recorded output, the layer's name, class and activation.
        watched: For each tensor whose gradient is looked at, the layer's name, and the index of
            the recorded output, or None for an input of the layer.
        unwatched: The places in `watched` whose tensors had to be left as they are.
        alone: Where a softmax runs over a single entry: the layer, and the user's own line.
        made: Weights that a call of the model makes anew.
        lone: The cells that were given a single time step, as layers.
        raised_in: The name of the layer that raised in the last forward pass, or an empty string.
    """

    def __init__(self, model: keras.Model):
        self.model = model
        self.named: list[tuple[str, str, str]] = []
        self.watched: list[tuple[str, int | None]] = []
        self.unwatched: set[int] = set()
        self.alone: list[tuple[str, Source | None]] = []
        self.made: list[MadeEvidence] = []
        self.lone: list[Any] = []
        self.raised_in = ""
        self._running: list[str] = []
        self._outside: Any = None

    def says(self, layer: str, word: str) -> bool:
        """Whether the user's code of a layer holds a word: of its class, or of a function in it."""
        try:
            return any(word in inspect.getsource(code) for code in self._codes(layer))
        # Classes made in a session have no source.
        except (OSError, TypeError):
            return False

    def is_swapped(self, layer: str) -> bool:
        """Whether the user's code of a layer has a straight-through estimator the wrong way."""
        known = [code for one in self._codes(layer) if (code := code_of(one)) is not None]
        return any(swapped(code.tree) is not None for code in known)

    def _codes(self, layer):
        named = [one for one in _observable(self.model) if one.name == layer]
        own = {own_function(one) for one in named} - {None}
        return own | {type(one) for one in named if is_custom(one)}

    @contextlib.contextmanager
    def of(
        self, watch: Callable, summarize: Callable, anywhere: bool = False
    ) -> Iterator[list[Any]]:
        """While the model runs, a list is filled with what `summarize` makes of each output.

        Layers that the user's code calls inside of a transformation of JAX, such as `vmap` or
        `grad`, are left out: what they give does not exist outside of it.

        Args:
            watch: Given a tensor and its place, is put into the flow of every output of a layer
                and of every input of a layer that is not Keras' own; gives the tensor back.
            summarize: Given an output and the name of the activation it comes out of.
            anywhere: Whether outputs are looked at inside of transformations, too.
        """
        self.named, self.watched, self.raised_in, outputs = [], [], "", []
        self.lone, self.unwatched = [], set()
        self._outside = None if anywhere else engine().transformation()
        with contextlib.ExitStack() as stack:
            for layer in _observable(self.model):
                record = self._recorder(layer, outputs, watch, summarize)
                stack.enter_context(attribute(layer, "call", record))
            yield outputs

    @contextlib.contextmanager
    def noting_softmax_of_one(self) -> Iterator[None]:
        """Fills `alone`: Keras warns of it, without a word on where."""
        self.alone = []
        with warnings.catch_warnings():
            show = warnings.showwarning

            def note(message, *others, **named):
                if not str(message).startswith(_SOFTMAX_OF_ONE):
                    show(message, *others, **named)
                    return
                line = running_line(above=(__file__, "record"))
                self.alone.append((self._running[-1] if self._running else "", line))

            warnings.showwarning = note
            warnings.filterwarnings("always", message=_SOFTMAX_OF_ONE)
            yield

    @contextlib.contextmanager
    def noting_new_weights(self) -> Iterator[None]:
        """Fills `made`: a model that is built has all its weights before it is called."""
        self.made = []
        known = {id(layer): layer.built for layer in self.model._flatten_layers()}
        add = keras.layers.Layer.add_weight

        @functools.wraps(add)
        def note(layer, *args, **kwargs):
            made = add(layer, *args, **kwargs)
            # A layer inside of another one may be built as late as that.
            if self._running and known.get(id(layer), True):
                line = running_line(above=(__file__, "record"))
                kind, count = type(layer).__name__, count_of(made)
                self.made.append(MadeEvidence(self._running[-1], kind, count, line))
            return made

        keras.layers.Layer.add_weight = note
        try:
            yield
        finally:
            keras.layers.Layer.add_weight = add

    def _recorder(self, layer, outputs, watch, summarize):
        call = layer.call
        custom, kind = runs_own_code(layer), type(layer).__name__

        def seen(value, place=None):
            self.watched.append((layer.name, place))
            return watch(value, len(self.watched) - 1)

        def enter(value):
            return seen(value) if is_float(value) else value

        def leave(value):
            if not is_float(value):
                return value
            activation = activation_of(layer)
            self.named.append((layer.name, kind, activation))
            outputs.append(summarize(ops.stop_gradient(value), activation))
            return seen(value, len(outputs) - 1)

        def record(*args, **kwargs):
            seen_here = self._outside is None or self._outside == engine().transformation()
            if custom and seen_here:
                args = keras.tree.map_structure(enter, args)
            if isinstance(layer, keras.layers.RNN) and _is_one_step(args, kwargs):
                self.lone += layer._flatten_layers()
            self._running.append(layer.name)
            try:
                result = call(*args, **kwargs)
            except Exception:
                # The innermost layer comes first.
                self.raised_in = self.raised_in or layer.name
                raise
            finally:
                self._running.pop()
            if not seen_here:
                return result
            # Walking the structure leaves cycles behind, of which a collector has to be rid.
            return (
                leave(result) if ops.is_tensor(result) else keras.tree.map_structure(leave, result)
            )

        return record


def given_in_prediction(model: keras.Model, x: Any) -> list[tuple[str, np.ndarray]]:
    """The name of each layer and what it gives, in the order of execution.

    It is recorded apart from what a step records: that may call other layers than a prediction.
    """
    recording = Recording(model)
    with recording.of(as_it_is, lambda value, _: to_numpy(value)) as outputs:
        model(x, training=False)
    return [(name, value) for (name, *_), value in zip(recording.named, outputs, strict=True)]


def is_custom(layer: Any) -> bool:
    """Whether a layer or model is neither Keras' own nor one of this library."""
    return type(layer).__module__.split(".")[0] not in _LIBRARIES


def runs_own_code(layer: Any) -> bool:
    """Whether a layer is of the user's own, or calls a function that is."""
    return is_custom(layer) or own_function(layer) is not None


def own_function(layer: Any) -> Any:
    """The user's own function that a `Lambda` or an activation calls; None if there is none."""
    given = getattr(layer, "function", None) or getattr(layer, "activation", None)
    own = inspect.isfunction(given) and given.__module__.split(".")[0] not in _LIBRARIES
    return given if own else None


def _is_one_step(args, kwargs):
    """Whether a layer of a recurrence is given a sequence of one time step."""
    given: Any = next(iter((*args, *kwargs.values())), None)
    return ops.is_tensor(given) and len(given.shape) > 2 and given.shape[1] == 1


def as_it_is(value: Any, *_: Any) -> Any:
    """The value; a `watch` that looks at no gradient."""
    return value


def count_of(value: Any, *_: Any) -> int:
    """How many numbers a tensor holds, whose batch may be unknown."""
    return math.prod(size or 1 for size in value.shape)


def is_float(value: Any) -> bool:
    """Whether a value is a tensor of a float dtype that is no scalar."""
    return ops.is_tensor(value) and "float" in dtype_of(value) and len(value.shape) > 0


def _observable(model):
    """The layers whose outputs can be looked at: those not run inside a loop over time."""
    layers = [model]
    for layer in layers:
        if not isinstance(layer, (keras.layers.RNN, keras.layers.TimeDistributed)):
            layers.extend(inner for inner in layer._layers if inner not in layers)
    return [layer for layer in layers if not isinstance(layer, keras.layers.InputLayer)]

"""A problem's forward pass and loss, run so that a recorder knows which layer is running."""

import contextlib
import functools
import linecache
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from keras.src.backend.common import global_state

from constrainit.doctor._batch import loss_of
from constrainit.doctor._frames import Source, _is_users
from constrainit.doctor._state import attribute, borrowed
from constrainit.doctor.trace._record import Recorder

_is_user_file = functools.lru_cache(maxsize=4096)(_is_users)
_KERAS_OPS = str(Path(str(keras.__file__)).parent / "src" / "ops")


def entered(function: Callable[..., Any], *arguments: Any) -> Any:
    """Calls `function`; what is above this frame in a stack is not the model's code."""
    return function(*arguments)


def user_line(frames: Iterable[tuple[str, int, str]]) -> tuple[Source | None, str]:
    """The innermost line of the user's, and the function of Keras that it called.

    Args:
        frames: File, line and function, innermost first.
    """
    own, called, of_this_run, in_loop = None, "", False, False
    for file, line, function in frames:
        # JAX leaves out the frames beyond a loop: the call of a layer is the last one known.
        of_this_run = of_this_run or (file == __file__ and function in _OF_A_RUN)
        if of_this_run and (own is not None or function == entered.__name__):
            break
        if own is None and _is_user_file(file):
            own = Source(file, line, function, linecache.getline(file, line).strip())
            in_loop = True
        elif own is None:
            called = f"keras.ops.{function}" if file.startswith(_KERAS_OPS) else ""
        # The stack of what a loop repeats ends there: in functions of the user's own.
        in_loop = in_loop and function != "<module>" and _is_user_file(file)
    # Else it was traced before this run and kept by the backend: the caller may be another.
    return (own, called) if own and (of_this_run or in_loop) else (None, "")


_OF_A_RUN = ("entered", "told")


def running_frames(frame: Any) -> Iterator[tuple[str, int, str]]:
    """The frames of a running stack, innermost first."""
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name
        frame = frame.f_back


def run(problem: Any, recorder: Recorder, x: Any, y: Any, mark: Any = None) -> tuple[Any, Any]:
    """The scaled loss of the batch in training mode, and the predictions.

    Args:
        problem: What is run.
        recorder: Is told which layer and which stage is running.
        x: The batch.
        y: Its targets.
        mark: Gives a context in which a call of a layer, by its number, or the loss (None) runs.
    """
    model = problem.model
    mark = mark or (lambda number: contextlib.nullcontext())
    with _told(model, recorder, mark):
        predictions = model(x, training=True)
    with recorder.during("loss"), mark(None):
        with attribute(model, "_compile_loss", problem.compiled_loss):
            loss = loss_of(model, x, y, predictions)
        loss = ops.cast(loss, "float32")
        optimizer = getattr(problem, "optimizer", None)
        if optimizer is not None:
            loss = optimizer.scale_loss(loss)
    return loss, predictions


@contextlib.contextmanager
def _told(model, recorder, mark):
    """While a model runs, each call of one of its layers is told to the recorder."""

    def telling(layer):
        call = layer.call

        # Keras reads the signature.
        @functools.wraps(call)
        def told(*args, **kwargs):
            with recorder.call(layer.name) as number, mark(number):
                return call(*args, **kwargs)

        return told

    layers = {id(layer): layer for layer in (model, *model._flatten_layers())}
    with contextlib.ExitStack() as stack:
        for layer in layers.values():
            if not isinstance(layer, keras.layers.InputLayer):
                stack.enter_context(attribute(layer, "call", telling(layer)))
        yield


@contextlib.contextmanager
def untouched(model: keras.Model) -> Iterator[None]:
    """Restores the model and all random state; Keras shows its own frames meanwhile."""
    seeds = global_state.get_global_attribute("global_seed_generator")
    seed = None if seeds is None else ops.copy(ops.convert_to_tensor(seeds.state))
    drawn, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    filtering = keras.config.is_traceback_filtering_enabled()
    keras.config.disable_traceback_filtering()
    try:
        with borrowed(model):
            yield
    finally:
        if filtering:
            keras.config.enable_traceback_filtering()
        random.setstate(drawn)
        np.random.set_state(of_numpy)  # noqa: NPY002
        if seeds is None:
            global_state.set_global_attribute("global_seed_generator", None)
        else:
            seeds.state.assign(seed)

"""TensorFlow: every operation as it runs eagerly, forward and in the gradient functions."""

import contextlib
import sys
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context, execute
from tensorflow.python.framework import op_callbacks

from constrainit.doctor._statistics import numbers
from constrainit.doctor.trace import _blame
from constrainit.doctor.trace._limits import derivative_limit
from constrainit.doctor.trace._names import canonical
from constrainit.doctor.trace._operation import Operation
from constrainit.doctor.trace._record import Place, Recorder, Seen, Step, Value
from constrainit.doctor.trace._run import entered, run, running_frames, untouched, user_line


def locate(problem: Any) -> Operation | None:
    """As `constrainit.doctor.trace.locate`."""
    recorder = Recorder()
    with untouched(problem.model):
        with tf.GradientTape() as tape:
            noting, loss, predictions = forward(problem, recorder)
        last = noting.value(loss)
        if last.nonfinite:
            step = _blame.first_fault([last])
        else:
            step = _backward(noting, recorder, tape, loss, problem.trainable)
            if step is None:
                outputs = [noting.value(one) for one in keras.tree.flatten(predictions)]
                step = _blame.first_fault([one for one in outputs if one.nan])
        return None if step is None else _blame.as_operation(recorder, step)


def forward(problem: Any, recorder: Recorder) -> Any:
    """Notes a forward pass and the loss; gives what a backward pass begins with."""
    noting = _Noting(recorder)
    for variable in [*problem.trainable, *problem.others]:
        value = Value(flags_of(variable.value), weight=variable.path)
        noting.know_handle(variable.value, value)
    for part in keras.tree.flatten((problem.x, problem.y)):
        noting.know(part, Value(flags_of(part), data=True))
    with noting.on():
        return noting, *entered(run, problem, recorder, problem.x, problem.y)


def locate_constraint(constraint: Any, variable: Any, value: Any) -> Operation | None:
    """As `constrainit.doctor.trace.locate_constraint`."""
    recorder = Recorder()
    copy = keras.Variable(value, dtype=variable.dtype, name=variable.name)
    noting = _Noting(recorder)
    noting.know_handle(copy.value, Value(flags_of(copy.value), weight=variable.path))
    with recorder.during("constraint"), noting.on():
        found = keras.ops.convert_to_tensor(entered(constraint, copy))
    step = _blame.first_fault_of_constraint([noting.value(found)])
    return None if step is None else _blame.as_operation(recorder, step)


def flags_of(tensor: Any) -> tuple[bool, bool]:
    """Whether a tensor holds anything that is not finite, and whether a NaN."""
    if not tf.as_dtype(tensor.dtype).is_floating:
        return False, False
    held = _array(tensor)
    if np.isfinite(held).all():
        return False, False
    return True, bool(np.isnan(held).any())


def _array(tensor):
    return np.asarray(tf.convert_to_tensor(tensor).numpy())


def seen(tensor: Any) -> Seen:
    """A tensor as the recorder takes it."""
    name = tf.as_dtype(tensor.dtype).name
    return Seen(flags_of(tensor), name, lambda: np.asarray(_array(tensor), "float64"))


def _is_number(tensor):
    kind = tf.as_dtype(tensor.dtype)
    return kind.is_floating or kind.is_integer or kind.is_bool


def _buffer(tensor):
    """Where the entries of a tensor lie; NaN, which nothing equals, for a dtype of no buffer."""
    try:
        return np.asarray(memoryview(tensor)).ctypes.data
    # Resources, bfloat16 and empty tensors have none.
    except (TypeError, ValueError, RuntimeError):
        return float("nan")


def _in_float64(kind, inputs, attributes, count):
    """What an operation gives where nothing overflows."""
    wide = [tf.cast(one, tf.float64) if one.dtype.is_floating else one for one in inputs]
    known = [
        tf.float64.as_datatype_enum
        if isinstance(one, int) and name in _DTYPES and tf.as_dtype(one).is_floating
        else one
        for name, one in zip((None, *attributes), attributes, strict=False)
    ]
    found = execute.execute(kind, count, wide, tuple(known), context.context())
    return found[0].numpy()


# The attributes of operations that are the dtype of their operands or of their results.
_DTYPES = ("T", "DstT", "dtype", "Tout")


class _Noting:
    """Notes every operation that runs while it is on."""

    def __init__(self, recorder: Recorder):
        self.recorder = recorder
        self._values: dict[int, Value] = {}
        self._handles: dict[int, Value] = {}
        # An operator of TensorFlow reads a variable untold; what was read shares its memory.
        self._buffers: dict[float, Value] = {}
        self._kept: list[Any] = []
        self._of: dict[tuple[str, int], tuple[Step, list[Any]]] = {}

    @contextlib.contextmanager
    def on(self, note: Any = None) -> Any:
        """While operations are noted."""
        note = note or self.forward

        def callback(kind, inputs, attributes, outputs, op_name=None, graph=None):
            if graph is None:
                # The operations of TensorFlow's own Python code come with their name in bytes.
                kind = kind.decode() if isinstance(kind, bytes) else kind
                note(kind, list(inputs), attributes, list(outputs))

        with _calling(callback):
            yield

    def know(self, tensor: Any, value: Value) -> None:
        """What a tensor is known as."""
        self._values[id(tensor)] = value
        # Its identity must not go to another tensor.
        self._kept.append(tensor)

    def know_handle(self, variable: Any, value: Value) -> None:
        """What is read from a variable."""
        self._handles[id(variable.handle)] = value
        held = variable.value()
        self._buffers[_buffer(held)] = value
        self._kept += [variable.handle, held]

    def value(self, tensor: Any) -> Value:
        """What a tensor is known as, or a constant."""
        found = self._values.get(id(tensor))
        if found is None:
            found = self._buffers.get(_buffer(tensor))
        if found is None:
            found = Value(flags_of(tensor) if _is_number(tensor) else (False, False))
            self.know(tensor, found)
        return found

    def forward(self, kind: str, inputs: list[Any], attributes: Any, outputs: list[Any]) -> None:
        """Notes an operation of the forward pass."""
        read = self._handles.get(id(inputs[0])) if inputs else None
        if read is not None and kind.lower() == "readvariableop":
            self.know(outputs[0], read)
            return
        given = [one for one in inputs if _is_number(one)]
        known = [] if read is None else [read]
        known += [self.value(one) for one in given]
        results = [one for one in outputs if _is_number(one)]
        source, called = user_line(running_frames(sys._getframe(2)))
        place = Place(self.recorder.stage, tuple(self.recorder.running), source, called)
        step = self.recorder.step(
            canonical(kind), place, known, [seen(one) for one in given],
            [seen(one) for one in results],
            lambda: _in_float64(kind, inputs, attributes, len(outputs)),
        )  # fmt: skip
        for one, value in zip(results, step.values, strict=True):
            self.know(one, value)
        for held in (*inputs, *outputs):
            self._of.setdefault((kind, id(held)), (step, given))
        self._kept += inputs

    def backward(self, kind: str, inputs: list[Any], _: Any, outputs: list[Any]) -> None:
        """Notes an operation inside of the gradient function of one of the forward pass."""
        given = [one for one in inputs if _is_number(one)]
        known = [self.value(one) for one in given]
        results = [one for one in outputs if _is_number(one)]
        lost = [flags_of(one) for one in results]
        forward = self._differentiated(sys._getframe(2))
        spoiled = any(one.nonfinite for one in known)
        if forward is None or spoiled or not any(flags for flags, _ in lost):
            step = Step(canonical(kind), Place("gradients"), known, self.recorder.count)
            self.recorder.count += 1
            step.values = [Value(flags, step) for flags in lost]
        else:
            step = self._of_forward(*forward, results, known)
        for one, value in zip(results, step.values, strict=True):
            self.know(one, value)

    def _of_forward(self, forward, operands, results, known):
        """An operation that turns finite gradients into others, as a derivative of `forward`."""
        found = self.recorder.derivative(forward, known, [seen(one) for one in results])
        if found.bad is not None:
            at, bad = found.bad
            shapes = [tuple(one.shape) for one in operands]
            shape = tuple(results[at].shape)
            place = shapes.index(shape) if shape in shapes else 0
            arrays = [seen(one).array() for one in operands]
            found.shown = tuple(map(numbers, arrays))
            found.limit = derivative_limit(forward.name, arrays, place, bad, found.dtype)
        return found

    def _differentiated(self, frame):
        """The step of the forward pass whose gradient function is running, and its operands."""
        while frame is not None:
            op = frame.f_locals.get("op")
            if frame.f_code.co_name.startswith("_") and hasattr(op, "type"):
                # TensorFlow leaves out of them what the gradient function does not need.
                held = [*(op.outputs or ()), *(op.inputs or ())]
                keys = [(op.type, id(one)) for one in held if one is not None]
                return next((self._of[key] for key in keys if key in self._of), None)
            frame = frame.f_back
        return None


@contextlib.contextmanager
def _calling(callback):
    op_callbacks.add_op_callback(callback)
    try:
        yield
    finally:
        op_callbacks.remove_op_callback(callback)


def _backward(noting, recorder, tape, loss, trainable):
    """The first derivative that is not finite of finite ones, and reaches a weight."""
    with noting.on(noting.backward):
        gradients = tape.gradient(loss, [v.value for v in trainable])
    found = []
    for gradient in gradients:
        if isinstance(gradient, tf.IndexedSlices):
            gradient = gradient.values
        if gradient is not None:
            found.append(noting.value(gradient))
    return _blame.first_fault([value for value in found if value.nonfinite])

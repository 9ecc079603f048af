"""The tracer names the operation that first makes something non-finite, on each backend."""

import keras
import numpy as np
import pytest
from conftest import same_bits
from keras import layers, ops

from constrainit.doctor._problem import Problem
from constrainit.doctor.trace import locate, locate_constraint

pytestmark = pytest.mark.everywhere


class Own(layers.Layer):
    """A layer of the user's: `function(x, weight)`, with a weight of one constant."""

    def __init__(self, function, start=0.0, shape=(4,), **kwargs):
        super().__init__(name="own", **kwargs)
        self.function, self.start, self.wanted = function, start, shape

    def build(self, input_shape):
        """One weight."""
        start = keras.initializers.Constant(self.start)
        self.w = self.add_weight(shape=self.wanted, initializer=start, name="w")

    def call(self, x):
        """The user's function."""
        return self.function(x, self.w)


class Cell(layers.Layer):
    """A cell of the user's whose state doubles and goes through an exponential."""

    state_size = output_size = 4

    def build(self, input_shape):
        """One weight."""
        self.w = self.add_weight(shape=(4,), initializer=keras.initializers.Constant(40.0))

    def call(self, x, states):
        """Overflows from the third step on."""
        state = states[0] + self.w
        return ops.exp(state), [state]


def _log(x, w):
    return x + ops.log(w)


def _sqrt(x, w):
    return x * ops.sqrt(w)


def _normalised(x, w):
    return x * (w / ops.sum(w))


def _power(x, w):
    return x + ops.power(w, 0.5)


def _rsqrt(x, w):
    return x * ops.rsqrt(w)


def _cholesky(x, w):
    return ops.matmul(x, ops.cholesky(w))


def _squared(x, w):
    return ops.cast(x, "float16") + ops.sum(ops.square(ops.cast(w, "float16")))


def _product(x, w):
    return ops.matmul(ops.cast(x, "float16") * 0 + 300, ops.cast(w, "float16"))


def _masked(x, w):
    return ops.where(w > 0, x / w, 0.0)


def _infinite_mask(x, w):
    mask = ops.convert_to_tensor(np.array([0, 0, 0, -np.inf], "float32"))
    return ops.softmax(x + w + mask)


def _norm(x, w):
    return x + ops.sqrt(ops.sum(ops.square(w)))


def _lost_quotient(y_true, y_pred):
    zero = ops.sum(y_true - y_true)
    return ops.mean(ops.square(y_pred)) * (zero / zero)


def _problem(model, loss="mse", x=None):
    x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32") if x is None else x
    if not model.built:
        model(x)
    problem = Problem(model, x, np.ones((len(x), 4), "float32"), loss, None, seed=0)
    problem.set_loss()
    problem.set_optimizer()
    return problem


def _around(layer):
    """A model of the user's layer and a healthy one."""
    return keras.Sequential([keras.Input((4,)), layer, layers.Dense(4, name="last")])


# What the user's layer computes, the start of its weight and its shape: operation, stage, limit.
FAULTS = {
    "log": (_log, 0.0, (4,), "log", "forward", "log of 0"),
    "sqrt": (_sqrt, -1.0, (4,), "sqrt", "forward", "square root of a negative number"),
    "quotient": (_normalised, 0.0, (4,), "divide", "forward", "0/0"),
    "power": (
        _power, -1.0, (4,), "power", "forward",
        "power of a negative number with a fractional exponent",
    ),
    "rsqrt": (_rsqrt, 0.0, (4,), "rsqrt", "forward", "reciprocal square root of 0"),
    "cholesky": (
        _cholesky, -1.0, (4, 4), "cholesky", "forward",
        "Cholesky factor of a matrix that is not positive definite",
    ),
    "sum": (
        _squared, 200.0, (4,), "sum", "forward", "overflow of float16: 1.6e+05 is above 65504",
    ),
    "matmul": (
        _product, 100.0, (4, 4), "matmul", "forward",
        "overflow of float16: 1.2e+05 is above 65504",
    ),
    "slope of sqrt": (_sqrt, 0.0, (4,), "sqrt", "gradients", "derivative of sqrt at 0"),
    "slope of norm": (_norm, 0.0, (4,), "sqrt", "gradients", "derivative of sqrt at 0"),
    "slope behind where": (
        _masked, 0.0, (4,), "divide", "gradients", "derivative of divide at a divisor of 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_the_operation_of_a_layer_is_named(fault):
    """Its name, its stage, its layer, why, the user's line, and the weight that entered it."""
    if fault == "cholesky" and keras.backend.backend() != "jax":
        pytest.skip("this backend raises, which the doctor reports by itself")
    function, start, shape, name, stage, limit = FAULTS[fault]
    found = locate(_problem(_around(Own(function, start, shape))))
    assert found is not None
    assert (found.name, found.stage, found.layer, found.limit) == (name, stage, "own", limit)
    assert found.source is not None
    assert found.source.function == function.__name__
    assert found.source.file == __file__
    assert any(weight.endswith("/w") for one in found.operands for weight in one.weights)
    assert found.result.nonfinite > 0
    assert all(one.numbers.nonfinite == 0 for one in found.operands)


def test_what_is_healthy_is_not_blamed():
    """An infinite mask that a softmax consumes, and a model with nothing at fault."""
    assert locate(_problem(_around(Own(_infinite_mask)))) is None
    assert locate(_problem(_around(Own(_log, 1.0)))) is None


def test_a_batch_that_is_not_finite_is_no_operations_fault():
    """NaN in the data is not located in the model."""
    x = np.full((3, 4), np.nan, "float32")
    assert locate(_problem(_around(Own(_log, 1.0)), x=x)) is None


def test_the_loss_of_the_user_is_named():
    """0/0 in a custom loss: no layer, and data entered it."""
    found = locate(_problem(_around(layers.Dense(4)), _lost_quotient))
    assert found is not None
    assert (found.name, found.stage, found.layer, found.limit) == ("divide", "loss", "", "0/0")
    assert found.source is not None
    assert found.source.function == "_lost_quotient"
    assert all(one.data and not one.weights for one in found.operands)


def test_whoever_called_the_doctor_is_not_to_blame():
    """An overflow in a loss of Keras' own has no line of the user's."""
    found = locate(_problem(_around(Own(lambda x, w: x + w, 1e30))))
    assert found is not None
    assert (found.stage, found.source) == ("loss", None)


def test_inside_of_a_loop_over_time():
    """The exponential of a cell of the user's overflows from the third of four steps on."""
    steps = keras.Sequential([keras.Input((4, 4)), layers.RNN(Cell(name="own"))])
    found = locate(_problem(steps, x=np.zeros((3, 4, 4), "float32")))
    assert found is not None
    assert (found.name, found.stage, found.layer) == ("exp", "forward", "own")
    assert found.limit.startswith("overflow of float32: ")
    # A backend may not keep the outputs of the steps before the last.
    assert found.operands[0].numbers.maximum in (120.0, 160.0)
    assert found.source is not None
    assert "ops.exp(state)" in found.source.text


def test_inside_of_a_nested_model_and_a_shared_layer():
    """The innermost layer is named, in the call that is at fault."""
    inner = _around(Own(lambda x, w: ops.log(x + w), 1.0))
    x = keras.Input((4,))
    healthy = inner(ops.abs(x))
    model = keras.Model(x, healthy + inner(ops.abs(x) * 0 - 1))
    found = locate(_problem(model))
    assert found is not None
    assert (found.name, found.layer, found.limit) == ("log", "own", "log of 0")
    assert found.operands[0].data


@pytest.mark.parametrize(("start", "limit"), [(0.0, "0/0"), (1.0, None)])
def test_inside_of_a_constraint(start, limit):
    """0/0 in a constraint of the user's; nothing where the weights are healthy."""

    def sums_to_one(w):
        w = ops.convert_to_tensor(w)
        return w / ops.sum(w)

    variable = keras.Variable(np.full(4, 3.0, "float32"), name="w")
    found = locate_constraint(sums_to_one, variable, np.full(4, start, "float32"))
    assert (found and found.limit) == limit
    if found:
        assert (found.name, found.stage, found.layer) == ("divide", "constraint", "")
        assert found.source is not None
        assert found.source.function == "sums_to_one"
    assert same_bits(ops.convert_to_numpy(variable), np.full(4, 3.0, "float32"))


def test_the_model_and_random_state_come_back():
    """Weights, moving statistics, seeds of dropout and Python's and NumPy's own, to the bit."""
    model = keras.Sequential(
        [keras.Input((4,)), Own(_log), layers.BatchNormalization(), layers.Dropout(0.5)]
    )
    problem = _problem(model)
    before = [ops.convert_to_numpy(v).copy() for v in model.variables]
    attributes = [sorted(vars(layer)) for layer in model.layers]
    np.random.seed(3)  # noqa: NPY002
    drawn = np.random.rand(2)  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    assert locate(problem) is not None
    assert same_bits(np.random.rand(2), drawn)  # noqa: NPY002
    assert all(map(same_bits, map(ops.convert_to_numpy, model.variables), before))
    assert [sorted(vars(layer)) for layer in model.layers] == attributes

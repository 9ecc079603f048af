"""Layers of one's own that come back from their config with other arguments."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from keras.src.backend.common import global_state

import constrainit as ci
from constrainit.doctor._constructor import is_same
from constrainit.doctor._reloaded import names_as_before
from constrainit.doctor.treatments._config_edits import with_layer_config

# What the rules say follows from numbers and from the user's Python, on any backend.
pytestmark = pytest.mark.in_turns(every=16)

RNG = np.random.default_rng(0)
X = RNG.uniform(0, 50, size=(64, 1)).astype("float32")
Y = np.sin(X / 20)


class Waves(layers.Layer):
    """A period that the config leaves out, beside an order that it has."""

    def __init__(self, period=24.0, order=2, **kwargs):
        super().__init__(**kwargs)
        self._period = float(period)
        self.order = order

    def call(self, x):
        angles = x * ops.arange(1, self.order + 1, dtype="float32") / self._period
        return ops.concatenate([ops.sin(angles), ops.cos(angles)], -1)

    def get_config(self):
        config = super().get_config()
        config["order"] = self.order
        return config


class Complete(Waves):
    """The same, with a config that has all of its arguments under names of its own."""

    def get_config(self):
        return {**super().get_config(), "hours": self._period}

    @classmethod
    def from_config(cls, config):
        return cls(period=config.pop("hours"), **config)


class Later(Waves):
    """An argument that `build` settles, and that is the same after loading."""

    def __init__(self, width=None, **kwargs):
        super().__init__(**kwargs)
        self.width = width

    def build(self, shape):
        self.width = shape[-1]


class Raises(Waves):
    """A layer that can not be saved."""

    def get_config(self):
        raise NotImplementedError


class Plain(layers.Layer):
    """A layer whose config is Keras' own."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return x * self.factor


def diagnosed(*parts):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), *parts, layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return ci.diagnose(model, X, Y)


def found_by(report):
    return [f for f in report.findings if f.code == "CW705"]


def test_a_config_that_leaves_an_argument_out():
    """Both values are named, the line to write, and an edit of the class, which heals."""
    report = diagnosed(Waves(168.0, name="here"))
    [found] = found_by(report)
    assert (found.level, found.layer) == ("warning", "here")
    assert "gets period=24.0 in place of 168.0" in found.message
    assert found.fix == 'add {"period": self._period} to what its get_config returns'
    assert found.treatment.healed, str(report)
    assert '+        config["period"] = self._period' in found.treatment.diff


def test_several_layers_are_mended_together():
    """The class is edited once, and each layer healed."""
    report = diagnosed(Waves(168.0, name="a"), layers.Dense(1), Waves(30.0, name="b"))
    assert [(f.layer, f.treatment.healed) for f in found_by(report)] == [("a", True), ("b", True)]


@pytest.mark.parametrize(
    "layer",
    [Waves, lambda: Complete(168.0), Later, lambda: Raises(168.0), lambda: Plain(3.0)],
    ids=["default", "other name", "settled by build", "can not be saved", "config of Keras"],
)
def test_nothing_is_said_of_layers_that_come_back(layer):
    """Nor of those that have the default now, or can not be saved."""
    report = diagnosed(layer())
    assert not found_by(report), str(report)


def test_a_default_that_is_no_number_is_the_same():
    """NaN comes back as NaN."""
    assert is_same((1, float("nan")), [1, float("nan")])
    assert not is_same(float("nan"), 1.0)


def test_making_the_layer_anew_counts_no_names():
    """A layer made next is named as if the doctor had not looked."""
    before = dict(global_state.get_global_attribute("object_name_uids") or {})
    with names_as_before():
        assert Waves().name.startswith("waves")
    assert global_state.get_global_attribute("object_name_uids") == before


def test_what_harms_training_comes_first():
    """How a layer is saved does not explain why it does not train."""
    report = diagnosed(
        Waves(168.0), layers.Dense(4, kernel_initializer="zeros"), layers.Activation("relu")
    )
    codes = [f.code for f in report.findings if f.counts]
    assert codes[-1] == "CW705"
    assert len(codes) > 1


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("return {'order': self.order}", "return {'order': self.order, \"period\": self.period}"),
        ("return super().get_config()", 'return {**super().get_config(), "period": self.period}'),
        ("config = {}\n        return config", 'config["period"] = self.period'),
        ("return {} if self.period else {'order': 2}", None),
    ],
)
def test_how_the_argument_is_added(body, line):
    """To the dictionary that the one `return` has."""
    text = (
        "class A(Layer):\n    def __init__(self, period=1):\n        self.period = period\n"
        f"    def get_config(self):\n        {body}\n"
    )
    done = with_layer_config(["period"])(text)
    if line is None:
        assert done is None
    else:
        assert line in done[1]


def test_a_class_without_a_config_gets_one():
    """It goes on with that of the class above."""
    text = "class A(Base):\n    def __init__(self, period=1):\n        self.period = period\n"
    _, new = with_layer_config(["period"])(text)
    assert new.endswith('        return {**super().get_config(), "period": self.period}\n')

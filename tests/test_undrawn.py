"""What `constrainit check` loads is not drawn beforehand."""

import keras
import numpy as np
import pytest
from conftest import array
from keras import layers

import constrainit as ci
from constrainit.doctor._target import TargetError, load_target
from constrainit.doctor._undrawn import undrawn
from constrainit.initializers import Feasible


@keras.saving.register_keras_serializable("test_undrawn")
class Kept(layers.Layer):
    """A layer with a weight that its file does not have."""

    def build(self, shape):
        self.noise = self.add_weight(shape=shape[1:], initializer="random_normal", name="noise")

    def call(self, x):
        return x + self.noise

    def save_own_variables(self, store):
        pass

    def load_own_variables(self, store):
        pass


def saved(folder, *parts):
    model = keras.Sequential([keras.Input((6,)), *parts])
    model.save(folder / "m.keras")
    return model


def test_a_file_is_loaded_without_a_draw(tmp_path, monkeypatch):
    """The weights are those of the file, and the initializers of the layers stay theirs."""
    dense = layers.Dense(4, **ci.constrained(kernel=ci.NonNegative()))
    smooth = ci.Reparametrized(layers.Dense(4), kernel=ci.Orthogonal())
    model = saved(tmp_path, dense, layers.Dropout(0.5), layers.Dense(4), smooth)
    drawn = []
    for kind in (Feasible, keras.initializers.GlorotUniform):
        call = kind.__call__
        monkeypatch.setattr(
            kind, "__call__", lambda self, *given, call=call, **named: (
                drawn.append(self), call(self, *given, **named)
            )[1],
        )  # fmt: skip
    loaded, _ = load_target(str(tmp_path / "m.keras"), (), compiled=False)
    # A free value begins by code of the `Reparametrized`, which is not only a draw.
    assert [repr(one) for one in drawn] == ["Feasible(Orthogonal(axis=[0]))"]
    for one, other in zip(loaded.weights, model.weights, strict=True):
        np.testing.assert_array_equal(array(one), array(other))
    assert ci.check(loaded).ok
    assert isinstance(loaded.layers[0].kernel_initializer, Feasible)
    fresh = layers.Dense(4, **ci.constrained(kernel=ci.NonNegative()))
    fresh.build((None, 6))
    assert array(fresh.kernel).any()


def test_what_the_file_lacks_is_drawn(tmp_path):
    """At the end, as it would have been."""
    saved(tmp_path, Kept(), layers.Dense(2, kernel_constraint="non_neg"))
    loaded, _ = load_target(str(tmp_path / "m.keras"), (), compiled=False)
    assert array(loaded.layers[0].noise).all()


def test_nothing_is_left_behind(tmp_path):
    """Neither where loading fails."""
    held = keras.Variable.__init__, keras.Variable._direct_assign
    (tmp_path / "m.keras").write_text("no archive")
    with pytest.raises(TargetError):
        load_target(str(tmp_path / "m.keras"), (), compiled=False)
    with pytest.raises(ZeroDivisionError), undrawn():
        1 / 0  # noqa: B018
    assert (keras.Variable.__init__, keras.Variable._direct_assign) == held

"""Layers of this library."""

from typing import Any

import keras

from constrainit import _checks
from constrainit._precision import wide_dtype


@keras.saving.register_keras_serializable(package="constrainit")
class OutputScale(keras.layers.Layer):
    """`activation(scale * x)`: the scale of a layer whose weights can not have it themselves.

    Weights of norm one, weights between 0.1 and 1, or weights that sum to one fix the size of a
    layer's output; this gives the size back without leaving the set. It stands in the place of a
    layer's activation, `Dense(64, activation=OutputScale("relu"), kernel_constraint=UnitNorm())`,
    where `calibrate` sets it and `bake` multiplies it into the kernel for export. Behind a layer,
    as a layer of its own, it scales too; there both leave it as it is. The scale is one number, a
    weight of the layer, saved and loaded with it.

    Args:
        activation: Applied after the scale: a name, a callable or None.
        scale: A number; or None, as `constrained` writes it: the layer whose activation this is
            sets it at build, from the plan of its kernel.
        trainable: Whether the scale is trained.

    Raises:
        ValueError: `activation` is unknown, `scale` is 0 or not finite, or at the first call still
            None.
    """

    def __init__(
        self, activation: Any = None, scale: float | None = None, *, trainable: bool = False,
        **kwargs: Any,
    ):  # fmt: skip
        super().__init__(trainable=trainable, **kwargs)
        try:
            self.activation = keras.activations.get(activation)
        except (TypeError, ValueError):
            must = "be the name of an activation of Keras, a callable or None"
            raise _checks.fail("OutputScale", "activation", must, activation) from None
        self._initial = None if scale is None else _checks.number("OutputScale", "scale", scale)
        if scale == 0:
            raise _checks.fail("OutputScale", "scale", "not be 0: no signal would pass", scale)
        self.scale: Any = None
        if self._initial is not None:
            self.start_at(self._initial)

    def start_at(self, scale: float, policy: Any = None) -> None:
        """Makes the weight, at this value; a scale that was given stays.

        Args:
            scale: The value.
            policy: The dtype policy of the layer that this one serves.
        """
        if policy is not None:
            self.dtype_policy = policy
        if self.scale is not None:
            return
        # In half precision a scale would be off by 0.4 %, the same way in every layer of a stack.
        self.scale = self.add_weight(
            shape=(),
            initializer=keras.initializers.Constant(scale),
            dtype="float32",
            autocast=False,
            trainable=self.trainable,
            name="scale",
        )
        self.built = True

    def build(self, input_shape):
        """Nothing to make: the weight is made with the layer or by the layer that it serves."""
        if self.scale is None:
            raise ValueError(
                "`scale` of `OutputScale` must be a number where no plan sets it. Received: None. "
                "Write OutputScale(activation, scale=...), or give the layer "
                "**constrained(kernel=..., activation=...)."
            )

    def call(self, inputs):
        """The activation of the scaled inputs."""
        dtype = keras.backend.standardize_dtype(inputs.dtype)
        wide = keras.ops.cast(inputs, wide_dtype(dtype))
        scaled = wide * keras.ops.cast(self.scale, wide.dtype)
        return self.activation(keras.ops.cast(scaled, dtype))

    def compute_output_shape(self, input_shape):
        """The shape of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "activation": keras.activations.serialize(self.activation),
            "scale": self._initial,
        }

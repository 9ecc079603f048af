"""Functions that bring the rule of their differential with them."""

import functools

import keras


def with_rule(image, slope, v, linear=True):
    """`image(v)[0]`, whose differential is `slope(step, v, *image(v))`.

    Each backend would find that rule itself, with a pass over memory for each operation that it
    goes back through. The rule has to be symmetric, as is that of every function that is a gradient
    itself: then it takes a step of `v` forward and a gradient back. It is differentiable in turn
    where its own operations are.

    Args:
        image: Gives a tuple: the value at `v`, of its shape, and what else the rule needs.
        slope: Linear in its first argument, unless it is said not to be.
        v: A tensor.
        linear: Whether `slope` is. One that is not takes a gradient back, and no step forward.
    """
    backend = keras.backend.backend()
    if backend == "jax" and not linear:
        return _back_on_jax(image, slope, v)
    return _functions()[backend](image, slope, v)


def may_write_over(x=None):
    """Whether a new tensor may be written over: on PyTorch, where no gradient needs its values.

    Args:
        x: The tensor; None where gradients may go through it.
    """
    if keras.backend.backend() != "torch":
        return False
    import torch

    return not torch.is_grad_enabled() or (x is not None and not x.requires_grad)


def _back_on_jax(image, slope, v):
    import jax

    @jax.custom_vjp
    def ruled(v):
        return image(v)[0]

    def forward(v):
        found = image(v)
        return found[0], (v, *found)

    ruled.defvjp(forward, lambda kept, step: (slope(step, *kept),))
    return ruled(v)


def _on_jax(image, slope, v):
    import jax

    @jax.custom_jvp
    def ruled(v):
        return image(v)[0]

    @ruled.defjvp
    def _(values, steps):
        [v], [step] = values, steps
        found = image(v)
        return found[0], slope(step, v, *found)

    return ruled(v)


def _on_tensorflow(image, slope, v):
    import tensorflow as tf

    @tf.custom_gradient
    def ruled(v):
        found = image(v)
        return found[0], lambda step: slope(step, v, *found)

    return ruled(v)


def _on_torch(image, slope, v):
    return _torch_function().apply(v, image, slope)


def _functions():
    return {"jax": _on_jax, "tensorflow": _on_tensorflow, "torch": _on_torch}


@functools.cache
def _torch_function():
    import torch

    class Ruled(torch.autograd.Function):
        """A function of PyTorch that keeps what its rule needs."""

        @staticmethod
        def forward(ctx, v, image, slope):  # pyright: ignore[reportIncompatibleMethodOverride]
            found = image(v)
            ctx.save_for_backward(v, *found)
            ctx.image, ctx.slope = image, slope
            return found[0]

        @staticmethod
        def backward(ctx, step):  # pyright: ignore[reportIncompatibleMethodOverride]
            v, w, *more = ctx.saved_tensors
            if more and torch.is_grad_enabled():
                # For a second derivative, by operations that are seen.
                more = ctx.image(v)[1:]
            return ctx.slope(step, v, w, *more), None, None

    return Ruled

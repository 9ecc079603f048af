"""How long momentum keeps a weight at a bound after its gradient has turned.

A weight is pushed against its bound for fifty steps by a gradient of one, then pulled by a
gradient of minus one; counted are the steps until it has left the bound, compiled as `fit` does it.
"""

import keras
import numpy as np

import constrainit as ci

PUSHES, STEPS = 50, 100
OPTIMIZERS = {
    "SGD": lambda: keras.optimizers.SGD(0.1),
    "SGD, momentum 0.9": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "SGD, Nesterov 0.9": lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "Adam": lambda: keras.optimizers.Adam(0.1),
    "AdamW": lambda: keras.optimizers.AdamW(0.1),
}
SETS = {"NonNegative": ci.NonNegative, "braked": lambda: ci.Braked(ci.NonNegative())}


def stuck(optimizer, a_set):
    """The number of steps after the turn until the weight is off its bound."""
    model = keras.Sequential(
        [
            keras.Input((1,)),
            keras.layers.Dense(
                1, use_bias=False, kernel_initializer="ones", kernel_constraint=a_set
            ),
        ]
    )
    # A loss that is linear in the weight: its gradient is what the target says.
    model.compile(optimizer, lambda target, out: target * out)
    x = np.ones((1, 1), "float32")
    for _ in range(PUSHES):
        model.train_on_batch(x, np.ones((1, 1), "float32"))
    for step in range(1, STEPS + 1):
        model.train_on_batch(x, -np.ones((1, 1), "float32"))
        if float(model.layers[0].get_weights()[0][0, 0]) > 0:
            return step
    return None


def main():
    """Prints a line for each optimizer."""
    for name, make in OPTIMIZERS.items():
        found = {kind: stuck(make(), a_set()) for kind, a_set in SETS.items()}
        shown = ", ".join(f"{kind} {steps}" for kind, steps in found.items())
        print(f"steps until the weight leaves its bound, {name}: {shown}", flush=True)


if __name__ == "__main__":
    main()

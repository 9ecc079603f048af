"""The price of constraints in a training step of a model."""

import keras
import numpy as np
import sets_output as output
import sets_timing as timing
from keras import layers

WIDTH, BATCH = 1024, 64


def model(width, constraint):
    """Two dense layers with Adam, compiled as `fit` compiles them."""
    keras.utils.set_random_seed(0)
    rows = [layers.Dense(width, kernel_constraint=constraint) for _ in range(2)]
    made = keras.Sequential([keras.Input((width,)), *rows])
    made.compile("adam", "mse")
    return made


def steps(match, quick, patience):
    """Steps without the set, with it and with Keras' own constraint, in turns: a row for each."""
    width = 64 if quick else WIDTH
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, BATCH, width)).astype("float32")
    runners = {"unconstrained": None, "ours": match.make()}
    if not match.heavy:
        runners |= {name: make((width, width)) for name, make in match.peers.items()}
    models = [model(width, constraint) for constraint in runners.values()]
    calls = [lambda m=m: m.train_on_batch(x, y) for m in models]
    times = timing.race(calls, 0.1 if quick else 20.0 * patience)
    for who, time in zip(runners, times, strict=True):
        yield {
            "task": "step", "set": match.set, "size": f"{width}x{width}", "input": "",
            "who": who, **output.figures(time), "ratio": time.median / times[0].median,
        }  # fmt: skip

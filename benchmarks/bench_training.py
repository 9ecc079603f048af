"""Training from Keras' start and from ours: the same layers, constraints, steps and data.

For each task and start the learning rate is the best of a fixed list, by the median over the seeds.
Run on JAX only: the tasks are about the start, which is the same on every backend.
"""

import functools
import statistics
import sys
import time

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.model_selection import train_test_split

import constrainit as ci

SEEDS = (0, 1, 2)
STARTS = ("Keras", "ours")


def planned(start, a_set, phi, depth, first):
    """The arguments of a constrained layer, from Keras' start or from ours."""
    if start == "Keras":
        return {"kernel_constraint": a_set, "activation": phi}
    inputs = "data" if first else None
    return ci.constrained(kernel=a_set, activation=phi, depth=depth, inputs=inputs)


def stack(start, a_set, phi, depth, width):
    """Hidden layers, all constrained."""
    return [
        layers.Dense(width, **planned(start, a_set, phi, depth, index == 0))
        for index in range(depth)
    ]


def head(start, a_set, phi, units, activation="linear"):
    """The output layer, constrained too if there is a set."""
    if a_set is None:
        return layers.Dense(units, activation=activation)
    if start == "Keras":
        return layers.Dense(units, kernel_constraint=a_set, activation=activation)
    arguments = ci.constrained(kernel=a_set, activation="linear", inputs=phi)
    return layers.Dense(units, **{**arguments, "activation": activation})


def synthetic(seed):
    """A target that rises with each of eight inputs and is neither convex nor concave."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2048, 8))
    y = np.tanh(x[:, 0] + x[:, 1]) + np.tanh(2 * x[:, 2] - 1) + 0.5 * np.tanh(3 * x[:, 3])
    y += 0.5 * np.maximum(x[:, 4], x[:, 5]) + 0.3 * (x[:, 6] + np.minimum(x[:, 7], 0))
    return standard(x), standard(y[:, None])


def standard(x):
    """Mean 0, deviation 1."""
    return ((x - x.mean(0)) / x.std(0)).astype("float32")


def monotone(start, phi, depth):
    """A network that rises with every input."""
    a_set = keras.constraints.NonNeg() if start == "Keras" else ci.NonNegative()
    rows = stack(start, a_set, phi, depth, 64)
    return keras.Sequential([keras.Input((8,)), *rows, head(start, a_set, phi, 1)])


def partly_monotone(start, rising, features, depth, activation):
    """A network that rises with some features and is free in the others."""
    a_set = keras.constraints.NonNeg() if start == "Keras" else ci.NonNegative()
    x = keras.Input((features,))
    up = keras.ops.take(x, rising, axis=1)
    free = layers.Dense(32, activation="tanh")(x_free(x, rising))
    h = layers.Concatenate()([up, free])
    for row in stack(start, a_set, "tanh", depth, 32):
        h = row(h)
    return keras.Model(x, head(start, a_set, "tanh", 1, activation)(h))


def x_free(x, rising):
    """The features that may act in any way."""
    others = [i for i in range(x.shape[1]) if i not in rising]
    return keras.ops.take(x, others, axis=1)


def digits_network(start):
    """Twenty sigmoid layers whose units have weights of norm one."""
    a_set = keras.constraints.UnitNorm(axis=0) if start == "Keras" else ci.UnitNorm()
    rows = stack(start, a_set, "sigmoid", 20, 64)
    return keras.Sequential([keras.Input((64,)), *rows, layers.Dense(10)])


def train(make, data, rate, seed, steps, loss, batch, fitted):
    """The loss over the last epoch, and predictions for the test data."""
    x, y, test = data
    keras.utils.set_random_seed(seed)
    model = make()
    if fitted:
        ci.calibrate(model, x[:256])
    model.compile(
        keras.optimizers.Adam(rate), loss, steps_per_execution=min(steps, len(x) // batch)
    )
    epochs = max(round(steps * batch / len(x)), 1)
    history = model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0, shuffle=True)
    last = history.history["loss"][-1]
    keras.backend.clear_session()
    return last if np.isfinite(last) else float("inf"), model.predict(test, verbose=0)


def compare(title, make, data, rates, steps, loss, score, goal="", batch=128, fitted=False):
    """Prints the two starts side by side; `fitted`: ours is calibrated on 256 examples."""
    shown = []
    for start in STARTS:
        found = {}
        for rate in rates:
            runs = [
                train(
                    functools.partial(make, start),
                    data[:3],
                    rate,
                    s,
                    steps,
                    loss,
                    batch,
                    fitted and start == "ours",
                )
                for s in SEEDS
            ]
            found[rate] = (
                statistics.median(score(run, data[3]) for run in runs),
                [score(run, data[3]) for run in runs],
            )
        better = max if "accuracy" in title else min
        rate = better(found, key=lambda r: found[r][0])
        low, high = min(found[rate][1]), max(found[rate][1])
        shown.append(f"{start} {found[rate][0]:.4g} ({low:.4g} to {high:.4g}, rate {rate:g})")
    print(f"{title}: {', '.join(shown)}{goal}", flush=True)


def last_loss(run, _):
    """The training loss of the last epoch."""
    return run[0]


def accuracy(run, truth):
    """Share of the test data that is classified rightly."""
    guess = run[1]
    found = guess.argmax(1) if guess.shape[1] > 1 else (guess[:, 0] > 0.5).astype(int)
    return float(np.mean(found == truth))


def error(run, truth):
    """Mean squared error on the test data."""
    return float(np.mean(np.square(run[1][:, 0] - truth)))


def main():
    """Prints a line for each task."""
    if keras.backend.backend() != "jax":
        print("(on JAX only)")
        return
    begin, only = time.time(), sys.argv[1:]
    rates = (1e-3, 3e-3, 1e-2)
    x, y = synthetic(0)
    line = (x, y, x[:1], None)
    for phi, depth, goal in (
        ("tanh", 8, "; goal 0.01"), ("sigmoid", 4, "; goal 0.08"), ("relu", 8, ""),
        ("tanh", 2, " (shallow)"), ("relu", 2, " (shallow)"),
    ):  # fmt: skip
        if not only or "synthetic" in only:
            compare(
                f"monotone regression, {phi} {depth}x64, loss after 960 steps",
                lambda start, phi=phi, depth=depth: monotone(start, phi, depth),
                line, rates, 960, "mse", last_loss, goal,
            )  # fmt: skip
    if not only or "digits" in only:
        images, labels = load_digits(return_X_y=True)
        parts = train_test_split(
            (images / 8 - 1).astype("float32"), labels, test_size=0.25, random_state=0
        )
        cross = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        compare(
            "digits, unit-norm sigmoid 20x64, test accuracy after 420 steps",
            digits_network, (parts[0], parts[2], parts[1], parts[3]), (5e-4, *rates), 420, cross,
            accuracy, "; goal 0.975", fitted=True,
        )  # fmt: skip
    if not only or "real" in only:
        real(rates)
    print(f"({time.time() - begin:.0f} s)")


def real(rates):
    """Real data, monotone in features of which that is known."""
    sick = load_diabetes()
    x, y = standard(sick.data), standard(sick.target[:, None])
    rising = [sick.feature_names.index(name) for name in ("bmi", "bp", "s5")]
    parts = train_test_split(x, y, test_size=0.25, random_state=0)
    for depth in (2, 8):
        compare(
            f"diabetes, rising in bmi, bp and s5, tanh {depth}x32, test error after 300 steps",
            lambda start, depth=depth: partly_monotone(start, rising, 10, depth, "linear"),
            (parts[0], parts[2], parts[1], parts[3][:, 0]), rates, 300, "mse", error,
            batch=110, fitted=True,
        )  # fmt: skip
    tumors = load_breast_cancer()
    names = list(tumors.feature_names)
    rising = [names.index(n) for n in ("worst radius", "worst texture", "worst concave points")]
    # Malignant is 1: it grows likelier with size, roughness and concavity.
    parts = train_test_split(
        standard(tumors.data), 1 - tumors.target, test_size=0.25, random_state=0
    )
    for depth in (2, 8):
        compare(
            f"breast cancer, rising in 3 features, tanh {depth}x32, test accuracy, 300 steps",
            lambda start, depth=depth: partly_monotone(start, rising, 30, depth, "sigmoid"),
            (parts[0], parts[2], parts[1], parts[3]), rates, 300, "binary_crossentropy", accuracy,
            batch=106, fitted=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()

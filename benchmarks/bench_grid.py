"""Rounded weights on the digits of scikit-learn: straight through, projected, or rounded last."""

# isort: off
import cores  # noqa: F401
# isort: on

import argparse
import statistics
import warnings

import keras
import numpy as np
from keras import layers

import constrainit as ci

GRIDS = {
    "binary, -1/8 and 1/8": ci.Grid(0.25, -0.125, 0.125),
    "ternary, -1/4, 0 and 1/4": ci.Grid(0.25, -0.25, 0.25),
    "nine points, -1 to 1": ci.Grid(0.25, -1, 1),
}


def digits(seed):
    """Images and classes, a quarter of them for the test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    return train_test_split((x / 16).astype("float32"), y, test_size=0.25, random_state=seed)


def network(a_set=None):
    """Two layers of 64 and one of 10, whose kernels are projected if there is a set."""
    given = {} if a_set is None else {"kernel_constraint": a_set}
    sizes = ((64, "relu"), (64, "relu"), (10, None))
    return keras.Sequential([keras.Input((64,)), *(layers.Dense(*one, **given) for one in sizes)])


def trained(model, x, y, epochs, rate=3e-3):
    """The model, after training."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate), loss)
    model.fit(x, y, batch_size=64, epochs=epochs, verbose=0)
    return model


def right(model, test, truth):
    """The share of the test images whose class is found."""
    return float(np.mean(model.predict(test, verbose=0).argmax(-1) == truth))


def straight(model, a_set):
    """The model with its kernels seen through the map of the grid, its floats kept."""
    with warnings.catch_warnings():
        # That rounding takes half of such weights is what the table is about.
        warnings.filterwarnings("ignore", "(?s).*rounding moves it", UserWarning)
        return ci.reparametrize(model, {"*/kernel": a_set})


def run(seed, epochs):
    """The accuracy of each way on each grid, and that of floats."""
    keras.utils.set_random_seed(seed)
    x, test, y, truth = digits(seed)
    plain = network()
    start = plain.get_weights()
    floats = trained(plain, x, y, epochs)
    found = {("floats", "unconstrained"): right(floats, test, truth)}
    learned = floats.get_weights()
    for name, a_set in GRIDS.items():
        for way, begin, model, steps in (
            ("rounded after training", learned, network(a_set), 0),
            ("projected after each step", start, network(a_set), epochs),
            ("straight through", start, network(), epochs),
            ("straight through, from the trained floats", learned, network(), epochs // 4),
        ):
            model.set_weights(begin)
            model = straight(model, a_set) if way.startswith("straight") else model
            if steps:
                trained(model, x, y, steps)
            else:
                ci.project(model)
            found[name, way] = right(model, test, truth)
    return found


def main():
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one seed, two epochs")
    given = parser.parse_args()
    seeds, epochs = (range(1), 2) if given.quick else (range(5), 30)
    runs = [run(seed, epochs) for seed in seeds]
    print(f"digits, accuracy on the test after {epochs} epochs, median of {len(seeds)} seeds")
    for key in runs[0]:
        each = [one[key] for one in runs]
        print(f"  {key[0]:26} {key[1]:42} {statistics.median(each):.3f}  "
              f"({min(each):.3f} to {max(each):.3f})")  # fmt: skip


if __name__ == "__main__":
    main()

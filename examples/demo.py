"""The article's three programs under the doctor, then their treated versions in training.

Run it with `make demo`. About one minute on two cores.
"""

import importlib
import sys
from pathlib import Path

import keras
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import constrainit as ci

ARTICLE = Path(__file__).parent / "article"
PROGRAMS = ("positive", "bounded", "max_norm")
EPOCHS = 60


def main():
    sys.path.insert(0, str(ARTICLE))
    for name in PROGRAMS:
        program = importlib.import_module(name)
        title(f"examples/article/{name}.py: {program.__doc__}")
        keras.utils.set_random_seed(0)
        print(ci.diagnose(program.make_model(), *program.make_batch()))
    title("The treated programs, trained on scikit-learn's digits (64 inputs, 10 classes)")
    for name in PROGRAMS:
        train(name)


def train(name):
    """Trains the treated version and says whether its weights stayed inside."""
    keras.utils.set_random_seed(0)
    model = importlib.import_module(f"{name}_treated").make_model(inputs=64)
    model.compile(keras.optimizers.Adam(0.01), model.loss, metrics=["accuracy"])
    x_train, x_test, y_train, y_test = digits()
    start = ci.check(model)
    first = model.evaluate(x_train, y_train, verbose=0)[0]
    history = model.fit(x_train, y_train, epochs=EPOCHS, batch_size=64, verbose=0).history
    accuracy = model.evaluate(x_test, y_test, verbose=0)[1]
    print(
        f"{name + '_treated':17} inside at the start: {yes(start.ok)}, "
        f"loss {first:.2f} -> {history['loss'][-1]:.2f}, test accuracy {accuracy:.3f}, "
        f"inside after {EPOCHS} epochs: {yes(ci.check(model).ok)}"
    )


def digits():
    data = load_digits()
    return train_test_split(data.data / 16.0, data.target, test_size=0.25, random_state=0)


def yes(is_so):
    return "yes" if is_so else "no"


def title(text):
    print(f"\n{text}\n{'=' * len(text)}")


if __name__ == "__main__":
    main()

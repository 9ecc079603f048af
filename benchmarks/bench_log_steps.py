"""What `WeightLog` and `StopAtFault` add to a training step.

python benchmarks/bench_log_steps.py --model dense     # 2 x Dense(1024), batch 64
python benchmarks/bench_log_steps.py --model resnet    # ResNet50 of 224x224 images, batch 8

On the backend that KERAS_BACKEND names. The trainings take turns, some steps each; the first turn,
which compiles, does not count. What is measured is the time of the processor on one core, which
does not depend on what else the machine does.
"""

import argparse
import os
import statistics
import tempfile
import threading
import time
import warnings

# Before a backend counts the cores: threads that wait for one another would be counted as work.
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import keras  # noqa: E402
import numpy as np  # noqa: E402

import constrainit as ci  # noqa: E402

NEVER = 10**9
MODELS = {"dense": 100, "resnet": 4}
"""The steps of a turn."""


def dense():
    """Two layers of a million weights with constraints, and their data."""
    layers = [
        keras.layers.Dense(1024, **ci.constrained(kernel=ci.NonNegative())),
        keras.layers.Dense(1024, **ci.constrained(kernel=ci.UnitNorm())),
    ]
    model = keras.Sequential([keras.Input((1024,)), *layers])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(64, 1024)).astype("float32")
    return model, (x, x)


def resnet():
    """ResNet50 with a bound on the norms of all kernels."""
    model = keras.applications.ResNet50(weights=None, classes=10)
    ci.constrain(model, {"*/kernel": ci.MaxNorm(2)})
    model.compile("adam", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    return model, (rng.normal(size=(8, 224, 224, 3)).astype("float32"), rng.integers(0, 10, 8))


class Turns:
    """Trainings that take turns, each in a thread of its own, an epoch each."""

    def __init__(self, names):
        self.names, self.changed, self.now = names, threading.Condition(), 0
        self.steps = {name: [] for name in names}
        self.ends = {name: [] for name in names}

    def wait(self, name):
        """Until it is the turn of a training."""
        with self.changed:
            self.changed.wait_for(lambda: self.names[self.now % len(self.names)] == name)

    def pass_on(self):
        """It is the next one's turn."""
        with self.changed:
            self.now += 1
            self.changed.notify_all()


class Begin(keras.callbacks.Callback):
    """Before all others: waits, notes when a turn begins and when its last step has ended."""

    def __init__(self, turns, name):
        super().__init__()
        self.turns, self.name = turns, name

    def on_epoch_begin(self, epoch, logs=None):
        self.turns.wait(self.name)
        self.begun = time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        float(logs["loss"])
        self.ended = time.process_time()


class End(keras.callbacks.Callback):
    """Behind all others: what they did where the turn ended is theirs."""

    def __init__(self, begin):
        super().__init__()
        self.begin = begin

    def on_epoch_end(self, epoch, logs=None):
        begin, now = self.begin, time.process_time()
        if epoch:
            begin.turns.steps[begin.name].append(begin.ended - begin.begun)
            begin.turns.ends[begin.name].append(now - begin.ended)
        else:
            print(f"  {begin.name}: first turn {now - begin.begun:.0f} s", flush=True)
        begin.turns.pass_on()


def measure(make, count, rounds, parts):
    """The seconds of turns and of their ends, by the names of the trainings."""
    turns = Turns(["without", *parts])
    with tempfile.TemporaryDirectory() as folder:
        watching = {
            "without": list,
            "between": lambda: [ci.WeightLog(f"{folder}/between.db", every=NEVER)],
            "every 100": lambda: [ci.WeightLog(f"{folder}/hundred.db")],
            "every step": lambda: [ci.WeightLog(f"{folder}/each.db", every=1)],
            "fault": lambda: [ci.StopAtFault(None)],
        }

        def train(name):
            model, (x, y) = make()
            begin = Begin(turns, name)
            # Not a generator, for which TensorFlow gives back all memory after each operation.
            model.fit(
                np.concatenate(count * [x]), np.concatenate(count * [y]), batch_size=len(x),
                epochs=rounds + 1, verbose=0, callbacks=[begin, *watching[name](), End(begin)],
            )  # fmt: skip

        threads = [threading.Thread(target=train, args=(name,)) for name in turns.names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return turns


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=MODELS, default="dense")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, help="Steps of a turn.")
    parser.add_argument(
        "--parts", nargs="+", default=["every 100", "every step", "fault"],
        choices=["between", "every 100", "every step", "fault"],
    )  # fmt: skip
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    count = given.steps or MODELS[given.model]
    turns = measure(globals()[given.model], count, given.rounds, given.parts)
    base = turns.steps["without"]
    told = f"{keras.backend.backend()} {given.model}, {count} steps a turn"
    print(f"{told}: {1e3 * statistics.median(base) / count:.1f} ms a step without")
    for name in given.parts:
        pairs = list(zip(turns.steps[name], turns.ends[name], base, strict=True))
        shares = [steps / alone - 1 for steps, _, alone in pairs]
        ends = [end / (alone / count) for _, end, alone in pairs]
        print(
            f"{name:10} {100 * statistics.median(shares):+.1f} % a step ({100 * min(shares):+.1f} "
            f"to {100 * max(shares):+.1f}); where a turn ends {statistics.median(ends):.2f} steps"
        )


if __name__ == "__main__":
    main()

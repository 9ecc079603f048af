"""What `WeightLog`, `StopAtFault` and `KeepFeasible` add to a training step.

python benchmarks/bench_log_steps.py --model dense     # 2 x Dense(1024), batch 64
python benchmarks/bench_log_steps.py --model resnet    # ResNet50 of 224x224 images, batch 8

On the backend that KERAS_BACKEND names. One model is trained with and without callbacks in turns,
some steps each, in an order that is drawn anew in each round: whatever the machine or the memory
does slowly hits all of them. The first round, which compiles, does not count. What is measured is
the time of the processor on one core. On Linux the allocator of glibc is told to keep the memory
that it has: it otherwise hands pages back and takes them anew in some turns and not in others.

python benchmarks/bench_log_steps.py --hooks

Counts by a profiler what the callbacks themselves do in a step that is not logged, where Keras does
what it does without them: a few microseconds, which turns of a whole training do not show.
"""

import argparse
import cProfile
import os
import pstats
import random
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

KEEPING = {"MALLOC_TRIM_THRESHOLD_": "4000000000", "MALLOC_MMAP_THRESHOLD_": "4000000000"}
if __name__ == "__main__" and sys.platform == "linux" and not KEEPING.items() <= os.environ.items():
    # glibc reads them where a process begins.
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **KEEPING})

# Before a backend counts the cores: threads that wait for one another would be counted as work.
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import keras  # noqa: E402
import numpy as np  # noqa: E402

import constrainit as ci  # noqa: E402

NEVER = 10**9
MODELS = {"dense": (100, 64), "resnet": (4, 8)}
"""The steps of a turn, and the examples of a batch."""


def dense(batch):
    """Two layers of a million weights with constraints, and their data."""
    layers = [
        keras.layers.Dense(1024, **ci.constrained(kernel=ci.NonNegative())),
        keras.layers.Dense(1024, **ci.constrained(kernel=ci.UnitNorm())),
    ]
    model = keras.Sequential([keras.Input((1024,)), *layers])
    model.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(batch, 1024)).astype("float32")
    return model, (x, x)


def resnet(batch):
    """ResNet50 with a bound on the norms of all kernels."""
    model = keras.applications.ResNet50(weights=None, classes=10)
    ci.constrain(model, {"*/kernel": ci.MaxNorm(2)})
    model.compile("adam", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(batch, 224, 224, 3)).astype("float32")
    return model, (x, rng.integers(0, 10, batch))


class Clock(keras.callbacks.Callback):
    """Before all others: when the first step begins and when the last one has ended."""

    def on_train_batch_begin(self, batch, logs=None):
        if batch == 0:
            self.begun = time.process_time()

    def on_epoch_end(self, epoch, logs=None):
        float(logs["loss"])
        self.ended = time.process_time()


def watching(name, folder):
    """The callbacks of a kind of training."""
    return {
        "without": list,
        "between": lambda: [ci.WeightLog(f"{folder}/between.db", every=NEVER)],
        "every 100": lambda: [ci.WeightLog(f"{folder}/hundred.db")],
        "every step": lambda: [ci.WeightLog(f"{folder}/each.db", every=1)],
        "fault": lambda: [ci.StopAtFault(None)],
        "keep": lambda: [ci.KeepFeasible()],
    }[name]()


PARTS = ("between", "every 100", "every step", "fault", "keep")


def measure(model, data, count, rounds, parts):
    """The seconds of turns and of their ends, by the names of the trainings."""
    names, draw = ["without", *parts], random.Random(0)
    steps, ends = ({name: [] for name in names} for _ in range(2))
    x, y = (np.concatenate(count * [part]) for part in data)
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds + 1):
            for name in draw.sample(names, len(names)):
                clock, began = Clock(), time.process_time()
                # Not a generator, for which TensorFlow gives back all memory after each operation.
                model.fit(
                    x, y, batch_size=len(data[0]), verbose=0,
                    callbacks=[clock, *watching(name, folder)],
                )  # fmt: skip
                now = time.process_time()
                if turn == 0:
                    print(f"  {name}: first turn {now - began:.0f} s", flush=True)
                else:
                    steps[name].append(clock.ended - clock.begun)
                    ends[name].append(clock.begun - began + now - clock.ended)
    return steps, ends


def hooks(model, data):
    """The microseconds of a step that is not logged in functions of this library.

    The difference of fits of unequal length, without what begins and ends a fit; of each the least
    of three. What a profiler adds to each call is in it.
    """
    spent = {}
    with tempfile.TemporaryDirectory() as folder:
        for count in (20, *3 * (20, 120)):
            x, y = (np.concatenate(count * [part]) for part in data)
            profile, callbacks = cProfile.Profile(), watching("between", folder)
            profile.runcall(
                model.fit, x, y, batch_size=len(data[0]), verbose=0, callbacks=callbacks
            )
            found = ours(pstats.Stats(profile))
            spent[count] = min(spent.get(count, found), found)
    return 1e6 * (spent[120] - spent[20]) / 100


def ours(stats):
    """The seconds in functions of the callbacks, and in builtins that they call."""
    folder, total = str(Path(ci.__file__).parent / "callbacks"), 0.0
    for (file, _, _), (_, _, own, _, callers) in stats.stats.items():
        if file.startswith(folder):
            total += own
        elif file == "~":
            total += sum(by[2] for caller, by in callers.items() if caller[0].startswith(folder))
    return total


def interval(numbers):
    """Between which of some numbers their median lies, in nineteen of twenty such measurements."""
    draw, count = np.random.default_rng(0), len(numbers)
    drawn = np.median(draw.choice(numbers, (10_000, count)), axis=1)
    return np.quantile(drawn, [0.025, 0.975])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=MODELS, default="dense")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, help="Steps of a turn.")
    parser.add_argument("--batch", type=int, help="Examples of a batch.")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--hooks", action="store_true", help="Steps that are not logged.")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    count, batch = given.steps or MODELS[given.model][0], given.batch or MODELS[given.model][1]
    model, data = globals()[given.model](batch)
    if given.hooks:
        spent = hooks(model, data)
        print(f"{keras.backend.backend()}: {spent:.0f} us a step that is not logged in WeightLog")
        return
    steps, ends = measure(model, data, count, given.rounds, given.parts)
    base = steps["without"]
    one = statistics.median(base) / count
    told = f"{keras.backend.backend()} {given.model}, batch {batch}, {count} steps a turn"
    print(f"{told}, {given.rounds} rounds: {1e3 * one:.1f} ms a step without")
    for name in given.parts:
        shares = [100 * (mine / alone - 1) for mine, alone in zip(steps[name], base, strict=True)]
        low, high = interval(shares)
        more = statistics.median(ends[name]) - statistics.median(ends["without"])
        print(
            f"{name:10} {statistics.median(shares):+.2f} % a step (the median lies between "
            f"{low:+.2f} and {high:+.2f}); {1e3 * more:.0f} ms more where a turn begins and ends"
        )


if __name__ == "__main__":
    main()

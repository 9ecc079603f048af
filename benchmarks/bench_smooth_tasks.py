"""Three tasks at equal time: weights through smooth maps, projected, and by peers, on PyTorch.

The same layers, data, optimizer and initial weights; only how a weight is kept in its set differs.
A run ends when it has used its seconds of one core (CPU time of one thread, which is the time by
the clock where nothing else runs; evaluation is not counted). For each way the learning rate is the
best of a fixed list, by the median over the seeds.
"""

# isort: off
import cores  # noqa: F401
# isort: on

import argparse
import csv
import statistics
import time
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

import constrainit as ci

SEEDS = (0, 1)
RATES = {"copying": (3e-3,)}
OTHER_RATES = (3e-3, 1e-2)
TABLE = Path(__file__).parents[1] / "docs" / "smooth_tasks.csv"


class Own(layers.Layer):
    """A layer whose weights in sets are kept there as `how` says.

    Args:
        how: "smooth", "projected", "plain" (not at all), or a dict from the names of weights to
            functions that give a torch module whose `weight` is in the set.
    """

    def __init__(self, how, **named):
        super().__init__(**named)
        self.how, self.modules_of, self.sets = how, {}, {}

    def add(self, name, shape, a_set=None, start="glorot_uniform"):
        """Makes a weight."""
        if a_set is not None:
            self.sets[name] = a_set
        if a_set is not None and isinstance(self.how, dict):
            module = self.how[name](shape)
            self.modules_of[name] = module
            setattr(self, name, layers.TorchModuleWrapper(module))
            return
        constraint = a_set if self.how == "projected" else None
        weight = self.add_weight(shape=shape, initializer=start, constraint=constraint, name=name)
        setattr(self, name, weight)

    def read(self, name):
        """The weight, as a tensor."""
        if name in self.modules_of:
            return self.modules_of[name].weight
        return ops.convert_to_tensor(getattr(self, name))

    def begin_at(self, name, value):
        """Starts a weight at a value."""
        if name in self.modules_of:
            import torch

            with torch.no_grad():
                self.modules_of[name].weight = torch.from_numpy(value)
        else:
            getattr(self, name).assign(value)


# Copying: symbols are to be said again after many blanks


TOKENS, BLANKS, SYMBOLS, UNITS = 5, 20, 8, 128


class Recurrent(Own):
    """`h = modrelu(h W + x K)`, whose last states are read out."""

    def build(self, shape):
        self.add("kernel", (SYMBOLS + 2, UNITS))
        self.add("recurrent", (UNITS, UNITS), ci.Orthogonal(axis=[0]), "orthogonal")
        self.add("bias", (UNITS,), start="zeros")

    def call(self, x):
        import torch

        recurrent, bias = self.read("recurrent"), self.read("bias")
        inputs = x @ self.read("kernel")
        state, found = torch.zeros_like(inputs[:, 0]), []
        for step in range(inputs.shape[1]):
            z = state @ recurrent + inputs[:, step]
            state = torch.sign(z) * torch.relu(torch.abs(z) + bias)
            found.append(state)
        return torch.stack(found[-TOKENS:], dim=1)

    def compute_output_shape(self, shape):
        return (shape[0], TOKENS, UNITS)


def copied(rng, count):
    """Sequences, and the symbols in them."""
    symbols = rng.integers(SYMBOLS, size=(count, TOKENS))
    filled = np.full((count, BLANKS + 2 * TOKENS), SYMBOLS)
    filled[:, :TOKENS] = symbols
    filled[:, -TOKENS - 1] = SYMBOLS + 1
    return np.eye(SYMBOLS + 2, dtype="float32")[filled], symbols


def copying(how):
    """The model, its layers that have sets, and their initial values."""
    layer = Recurrent(how)
    inputs = keras.Input((BLANKS + 2 * TOKENS, SYMBOLS + 2))
    model = keras.Model(inputs, layers.Dense(SYMBOLS)(through(layer)(inputs)))
    return model, [layer], [{"recurrent": array(ci.Orthogonal(axis=[0]).initializer(seed_of())(
        (UNITS, UNITS)))}]  # fmt: skip


# Monotone regression


class Rising(Own):
    """A dense layer that rises with its inputs."""

    def __init__(self, how, units, activation):
        super().__init__(how)
        self.units, self.activation = units, keras.activations.get(activation)

    def build(self, shape):
        self.add("kernel", (shape[-1], self.units), ci.NonNegative())
        self.add("bias", (self.units,), start="zeros")

    def call(self, x):
        return self.activation(ops.matmul(x, self.read("kernel")) + self.read("bias"))

    def compute_output_shape(self, shape):
        return (*shape[:-1], self.units)


def rising(rng, count):
    """Inputs, and a target that rises with each and is neither convex nor concave."""
    x = rng.normal(size=(count, 8))
    y = np.tanh(x[:, 0] + x[:, 1]) + np.tanh(2 * x[:, 2] - 1) + 0.5 * np.tanh(3 * x[:, 3])
    y += 0.5 * np.maximum(x[:, 4], x[:, 5]) + 0.3 * (x[:, 6] + np.minimum(x[:, 7], 0))
    return x.astype("float32"), y[:, None].astype("float32")


def regression(how):
    """Four layers of 64 and one output, all with kernels that are not negative."""
    sizes = [(8, 64), (64, 64), (64, 64), (64, 64), (64, 1)]
    made = [Rising(how, units, "tanh" if units > 1 else "linear") for _, units in sizes]
    model = keras.Sequential([keras.Input((8,)), *map(through, made)])
    starts = []
    for index, size in enumerate(sizes):
        start = ci.NonNegative().initializer(seed_of() + index, activation="tanh", depth=4)
        starts.append({"kernel": array(start(size)), "bias": np.zeros(size[1], "float32")})
        if size[1] > 1:
            # The bias that belongs to this start.
            plan = ci.plan(ci.NonNegative(), size[0], size[1], activation="tanh", depth=4)
            starts[-1]["bias"] += plan.bias
    return model, made, starts


# Digits as mixtures


KINDS, PIXELS, CLASSES = 20, 64, 10


class Mixture(Own):
    """The log-likelihood of black and white images in each class, a mixture of templates."""

    def build(self, shape):
        self.add("mixing", (KINDS, CLASSES), ci.Simplex(axis=[0]))
        self.add("black", (PIXELS, KINDS * CLASSES), ci.Box(0.02, 0.98))

    def call(self, x):
        black = self.read("black")
        each = x @ ops.log(black) + (1 - x) @ ops.log(1 - black)
        each = ops.reshape(each, (-1, KINDS, CLASSES))
        most = ops.stop_gradient(ops.max(each, axis=1, keepdims=True))
        total = ops.sum(self.read("mixing") * ops.exp(each - most), axis=1)
        return ops.log(total + 1e-30) + most[:, 0]

    def compute_output_shape(self, shape):
        return (shape[0], CLASSES)


def digits():
    """Black and white images and their classes, of training and test."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    x, y = load_digits(return_X_y=True)
    x, test, y, truth = train_test_split(x > 7, y, test_size=0.25, random_state=0)
    return (x.astype("float32"), y), (test.astype("float32"), truth)


def mixture(how):
    """Templates that start near images of their class."""
    layer, rng = Mixture(how), np.random.default_rng(seed_of())
    (x, y), _ = digits()
    chosen = [rng.choice(np.flatnonzero(y == c), KINDS) for c in range(CLASSES)]
    near = 0.3 + 0.4 * x[np.stack(chosen, axis=1).ravel()]
    start = {
        "mixing": np.full((KINDS, CLASSES), 1 / KINDS, "float32"),
        "black": near.T.astype("float32").copy(),
    }
    return keras.Sequential([keras.Input((PIXELS,)), through(layer)]), [layer], [start]


def likelihood(truth, logs):
    """The loss: of the class that an image has."""
    return -ops.mean(ops.take_along_axis(logs, ops.cast(truth, "int32")[:, None], axis=1))


# The ways


def through(layer):
    """The layer, in a `Reparametrized` if its weights are to be seen through maps."""
    if layer.how != "smooth":
        return layer
    sets = {
        Recurrent: {"recurrent": ci.Orthogonal(axis=[0])},
        Rising: {"kernel": ci.NonNegative()},
        Mixture: {"mixing": ci.Simplex(axis=[0]), "black": ci.Box(0.02, 0.98)},
    }
    return ci.Reparametrized(layer, **sets[type(layer)])


def geotorch(triv):
    """A square weight of geotorch."""

    def made(shape):
        import geotorch
        import torch

        layer = torch.nn.Linear(*shape, bias=False)
        geotorch.orthogonal(layer, "weight", triv=triv)
        return layer

    return made


def torch_orthogonal(kind):
    """A square weight of torch's own parametrization."""

    def made(shape):
        import torch

        layer = torch.nn.Linear(*shape, bias=False)
        return torch.nn.utils.parametrizations.orthogonal(layer, orthogonal_map=kind)

    return made


def by_hand(forward, inverse):
    """A weight of `torch.nn.utils.parametrize` with a map as one writes it."""

    def made(shape):
        import torch

        class Map(torch.nn.Module):
            def forward(self, v):
                return forward(v)

            def right_inverse(self, w):
                return inverse(w)

        layer = torch.nn.Module()
        layer.weight = torch.nn.Parameter(torch.full(shape, 0.5))
        torch.nn.utils.parametrize.register_parametrization(layer, "weight", Map(), unsafe=True)
        return layer

    return made


def softplus(v):
    """Positive numbers."""
    import torch

    return torch.nn.functional.softplus(v)


def hand_made():
    """The maps that people write."""
    import torch

    return {
        "softplus": by_hand(softplus, lambda w: torch.log(torch.expm1(w.clamp(min=1e-6)))),
        "abs": by_hand(torch.abs, lambda w: w),
        "softmax": by_hand(lambda v: torch.softmax(v, 0), torch.log),
        "sigmoid": by_hand(
            lambda v: 0.02 + 0.96 * torch.sigmoid(v), lambda w: torch.logit((w - 0.02) / 0.96)
        ),
    }


def tasks():
    """For each task: model, training data, test data, loss, score, its words, ways, seconds."""
    cross = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    hand, rng = hand_made(), np.random.default_rng(1)
    ours = {"smooth": "smooth", "projected": "projected", "unconstrained": "plain"}
    told, (images, test) = rising(rng, 4096), digits()
    return {
        "copying": (
            copying, lambda rng: copied(rng, 64), copied(rng, 512), cross, right,
            "accuracy", True, 6.0,
            {**ours, "geotorch cayley": {"recurrent": geotorch("cayley")},
             "torch cayley": {"recurrent": torch_orthogonal("cayley")},
             "torch matrix_exp": {"recurrent": torch_orthogonal("matrix_exp")}},
        ),
        "monotone regression": (
            regression, lambda rng: part(told, rng, 128), rising(rng, 2048),
            keras.losses.MeanSquaredError(), distance, "squared error", False, 5.0,
            {**ours, "torch softplus": {"kernel": hand["softplus"]},
             "torch abs": {"kernel": hand["abs"]}},
        ),
        "mixtures of digits": (
            mixture, lambda rng: part(images, rng, 128), test, likelihood, surprise,
            "negative log-likelihood", False, 5.0,
            {"smooth": "smooth", "projected": "projected",
             "torch softmax, sigmoid": {"mixing": hand["softmax"], "black": hand["sigmoid"]}},
        ),
    }  # fmt: skip


def part(data, rng, count):
    """Some of the data."""
    chosen = rng.choice(len(data[0]), count)
    return data[0][chosen], data[1][chosen]


def right(found, truth):
    """The share of symbols that are right."""
    return float(np.mean(found.argmax(-1) == truth))


def distance(found, truth):
    """The mean squared error."""
    return float(np.mean(np.square(found - truth)))


def surprise(found, truth):
    """The mean negative log-likelihood of an image in its class."""
    return -float(np.mean(found[np.arange(len(truth)), truth]))


# Training


_seed = [0]


def seed_of():
    """The seed of this run."""
    return _seed[0]


def array(x):
    """As NumPy."""
    return ops.convert_to_numpy(x)


def run(task, how, rate, seed, seconds):
    """The scores after a quarter, half and all of the time, and the number of steps."""
    make, batch, test, loss, score, *_ = task
    _seed[0] = seed
    keras.utils.set_random_seed(seed)
    model, made, starts = make(how)
    for layer, start in zip(made, starts, strict=True):
        for name, value in start.items():
            layer.begin_at(name, value)
    model.compile(keras.optimizers.Adam(rate), loss)
    rng, used, steps, found = np.random.default_rng(seed), 0.0, 0, []
    model.train_on_batch(*batch(rng))
    for end in (seconds / 4, seconds / 2, seconds):
        while used < end:
            data, begin = batch(rng), time.process_time()
            model.train_on_batch(*data)
            used += time.process_time() - begin
            steps += 1
        found.append(score(model.predict(test[0], verbose=0), test[1]))
    return found, steps


def compare(name, task, seconds):
    """The rows of a task, printed."""
    *_, words, larger, _, ways = task
    print(f"{name}, {words} after {seconds / 4:g}, {seconds / 2:g} and {seconds:g} s", flush=True)
    rows = []
    for way, how in ways.items():
        best = None
        for rate in RATES.get(name, OTHER_RATES):
            runs = [run(task, how, rate, seed, seconds) for seed in SEEDS]
            scores = [statistics.median(at) for at in zip(*[one for one, _ in runs], strict=True)]
            steps = statistics.median(count for _, count in runs)
            if best is None or (scores[-1] > best[0][-1]) == larger:
                best = scores, rate, steps
        scores, rate, steps = best
        shown = " ".join(f"{one:9.4g}" for one in scores)
        print(f"  {way:24} {shown}  {steps:6.0f} steps, rate {rate:g}", flush=True)
        rows.append([name, words, way, *[f"{one:.4g}" for one in scores], f"{steps:.0f}", rate,
                     seconds])  # fmt: skip
    return rows


def main():
    """Prints a table for each task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one second a run")
    parser.add_argument("--only", help="one task: copying, monotone or mixtures")
    parser.add_argument("--write", action="store_true", help=f"write docs/{TABLE.name}")
    given = parser.parse_args()
    if keras.backend.backend() != "torch":
        print("the peers are PyTorch's: KERAS_BACKEND=torch")
        return
    rows = []
    for name, task in tasks().items():
        if given.only is None or name.startswith(given.only):
            rows += compare(name, task, 1.0 if given.quick else task[-2])
    if given.write:
        write(rows)


def write(rows):
    """Puts rows into the table, in the place of those of the same task."""
    tasks_now, head = {row[0] for row in rows}, [
        "task", "score", "way", "after a quarter", "after half", "at the end", "steps", "rate",
        "seconds",
    ]  # fmt: skip
    kept = []
    if TABLE.exists():
        with TABLE.open() as file:
            kept = [row for row in csv.reader(file) if row[0] not in {*tasks_now, head[0]}]
    with TABLE.open("w", newline="") as file:
        csv.writer(file).writerows([head, *kept, *rows])


if __name__ == "__main__":
    main()

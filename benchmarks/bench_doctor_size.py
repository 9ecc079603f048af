"""The doctor over compile and the first step of `fit`, in time and memory, for large models.

Each is a process of its own on one thread. The time is the CPU time of the call, without imports
and building, which other work on the machine changes least; the memory is the peak of the process.
`--model NAME` takes one of the models, `--runs` the median of several.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

import numpy as np

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
}
MODELS = {
    "resnet50": "resnet50()",
    "transformer, 12 layers": "transformer(12, 256)",
    "transformer, 24 layers": "transformer(24, 256)",
    "dense, 12 layers": "dense(12, 256)",
    "dense, 24 layers": "dense(24, 256)",
    "dense, 48 layers": "dense(48, 256)",
    "50 M weights": "dense(12, 2048)",
    "100 M weights": "dense(24, 2048)",
    "200 M weights": "dense(48, 2048)",
    "500 M weights": "dense(30, 4096)",
}


def main():
    """Prints a line for each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", action="append", choices=MODELS, help="one of the models")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--only", choices=("fit", "doctor"), help="one of the two")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(one(chosen.model[0], chosen.one)))
        return
    for name in chosen.model or MODELS:
        kinds = [chosen.only] if chosen.only else ["fit", "doctor"]
        runs = {kind: [measured(name, kind) for _ in range(chosen.runs)] for kind in kinds}
        found = {
            kind: [statistics.median(run[of] for run in runs[kind]) for of in ("seconds", "gib")]
            for kind in kinds
        }
        shown = "; ".join(f"{k} {s:.1f} s, {g:.2f} GiB" for k, (s, g) in found.items())
        if len(kinds) == 2:
            fit, doctor = found["fit"], found["doctor"]
            shown += f"; ratios {doctor[0] / fit[0]:.2f} and {doctor[1] / fit[1]:.2f}"
        print(f"{name}: {shown} ({runs[kinds[-1]][-1]['said']})", flush=True)


def measured(name, kind):
    """One of the two in a process of its own."""
    command = [sys.executable, __file__, "--model", name, "--one", kind]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **ONE_THREAD})
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return json.loads(done.stdout.splitlines()[-1])


def one(name, kind):
    """Seconds and peak memory of fitting one batch, or of the diagnosis."""
    import keras

    import constrainit as ci

    _ = ci.diagnose  # imports the doctor
    model, x, y = eval(MODELS[name])
    begin = time.process_time()
    if kind == "fit":
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(x, y, batch_size=len(x), verbose=0)
        said = ""
    else:
        model.compile("adam", "sparse_categorical_crossentropy")
        report = ci.diagnose(model, x, y)
        said = ", ".join(sorted({f.code for f in report.findings if f.counts})) or "healthy"
    seconds = time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": seconds, "gib": peak, "said": f"{keras.backend.backend()} {said}"}


def resnet50():
    """ResNet50 on eight images of 224 x 224, with Keras' MaxNorm on its last kernel."""
    import keras

    model = keras.applications.ResNet50(weights=None)
    model.layers[-1].kernel.constraint = keras.constraints.MaxNorm(2, axis=0)
    draws = np.random.default_rng(0)
    return model, draws.normal(size=(8, 224, 224, 3)).astype("float32"), draws.integers(0, 1000, 8)


def transformer(layers, width):
    """Blocks of attention and two dense layers on eight sequences of 64 words."""
    import keras
    from keras.layers import Add, Dense, Embedding, LayerNormalization, MultiHeadAttention

    norm = keras.constraints.MaxNorm(3, axis=0)
    inputs = keras.Input((64,), dtype="int32")
    x = Embedding(8192, width)(inputs)
    for _ in range(layers):
        y = LayerNormalization()(x)
        x = Add()([x, MultiHeadAttention(4, width // 4)(y, y)])
        y = Dense(4 * width, activation="gelu", kernel_constraint=norm)(LayerNormalization()(x))
        x = Add()([x, Dense(width)(y)])
    x = keras.layers.GlobalAveragePooling1D()(LayerNormalization()(x))
    model = keras.Model(inputs, Dense(10, activation="softmax")(x))
    draws = np.random.default_rng(0)
    return model, draws.integers(0, 8192, size=(8, 64)), draws.integers(0, 10, size=8)


def dense(layers, width):
    """Dense layers of equal width with constraints, on a batch of eight."""
    import keras
    from keras.layers import Dense

    model = keras.Sequential([keras.Input((width,))])
    for _ in range(layers):
        norm = keras.constraints.MaxNorm(3, axis=0)
        model.add(Dense(width, "gelu", kernel_initializer="he_normal", kernel_constraint=norm))
    model.add(Dense(10, activation="softmax"))
    draws = np.random.default_rng(0)
    return model, draws.normal(size=(8, width)).astype("float32"), draws.integers(0, 10, size=8)


if __name__ == "__main__":
    main()

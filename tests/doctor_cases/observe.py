"""Runs the cases of a folder for 50 steps and writes what happens into their JSON.

    KERAS_BACKEND=torch python tests/doctor_cases/observe.py FOLDER [NAME ...]

Nothing of constrainit is used: this is what a person sees who trains the model.
"""

import importlib.util
import json
import os
import sys
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

STEPS = 50


def main():
    folder, *names = sys.argv[1:]
    for path in sorted(Path(folder).glob("*.py")):
        if names and not any(path.stem.startswith(name) for name in names):
            continue
        record = path.with_suffix(".json")
        facts = json.loads(record.read_text())
        facts["observed"][keras.backend.backend()] = observed = observe(path)
        record.write_text(json.dumps(facts, indent=1) + "\n")
        print(f"{path.stem}: {observed['label']}: {observed['text']}", flush=True)


def observe(path):
    """`label` in a word, `text` in a sentence: what happens to the model of the file at `path`."""
    keras.utils.clear_session()
    warnings.simplefilter("ignore")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    label, remarks = "", []
    try:
        model, (x, y) = module.make_model(), module.make_batch()
        remarks += about_constraints(model)
        before = {v.path: np.array(v) for v in model.trainable_variables}
        first = loss_of(model, x, y)
    except Exception as exception:
        return {"label": "forward_error", "text": "; ".join([one_line(exception), *remarks])}
    if not np.isfinite(first):
        label = "nonfinite_loss_at_init"
    done, second = 0, first
    try:
        for _ in range(STEPS):
            model.reset_metrics()
            loss = float(np.mean(model.train_on_batch(x, y)))
            done += 1
            if done == 1:
                second = loss_of(model, x, y)
                bad = nonfinite(model)
                if bad:
                    label = label or "nonfinite_after_first_step"
                    remarks.append("not finite after step 1: " + ", ".join(bad))
            if not np.isfinite(loss):
                label = label or f"nonfinite_at_step_{done}"
    except Exception as exception:
        return {
            "label": f"raises_at_step_{done + 1}" if done else "raises_at_first_step",
            "text": "; ".join([f"train step raises: {one_line(exception)}", *remarks]),
        }
    last = loss_of(model, x, y)
    if not np.isfinite(last):
        label = label or "nonfinite_after_training"
    remarks.insert(0, f"loss {first:.4g} -> after step 1 {second:.4g} -> after {STEPS} {last:.4g}")
    after = {v.path: np.array(v) for v in model.trainable_variables}
    still = [path for path, value in before.items() if np.array_equal(value, after[path])]
    if still:
        remarks.append("never moved: " + ", ".join(still))
    outside = [f"{v.path} ({change:.2g})" for v, change in violations(model) if change > 1e-3]
    if outside:
        remarks.append("outside its set after training: " + ", ".join(outside))
    reload = about_reload(model)
    remarks += reload
    if reload:
        label = label or "trains_but_" + reload[0].split(":")[0].replace(" ", "_")
    return {"label": label or "trains_finite", "text": "; ".join(remarks)}


def loss_of(model, x, y):
    """The loss in inference mode; without the reset Keras gives the mean over all calls."""
    model.reset_metrics()
    return float(np.mean(model.test_on_batch(x, y)))


def one_line(exception):
    return f"{type(exception).__name__}: {str(exception).strip().splitlines()[0][:160]}"


def nonfinite(model):
    values = {v.path: np.asarray(v, "float32") for v in model.trainable_variables}
    return [path for path, value in values.items() if not np.isfinite(value).all()]


def constrained(model):
    return [v for v in model.trainable_variables if v.constraint is not None]


def project(variable, value=None):
    value = variable.value if value is None else value
    return np.asarray(keras.ops.convert_to_numpy(variable.constraint(value)), "float32")


def violations(model):
    """How far each constraint moves its weight, as a share of the weight's largest entry."""
    found = []
    for variable in constrained(model):
        try:
            value = np.asarray(variable, "float32")
            found.append((variable, np.abs(project(variable) - value).max() / np.abs(value).max()))
        except Exception:
            continue
    return found


def about_constraints(model):
    remarks = []
    for variable in constrained(model):
        kind = getattr(variable.constraint, "__name__", type(variable.constraint).__name__)
        name = f"{variable.path} ({kind})"
        value = np.asarray(variable, "float32")
        try:
            once, again = project(variable), project(variable)
            if once.shape != value.shape:
                remarks.append(f"{name}: shape {value.shape} -> {once.shape}")
                continue
            twice = project(
                variable, keras.ops.cast(keras.ops.convert_to_tensor(once), variable.dtype)
            )
        except Exception as exception:
            remarks.append(f"{name} raises {type(exception).__name__}")
            continue
        size = np.abs(value).max() or 1.0
        if not np.array_equal(once, again, equal_nan=True):
            remarks.append(f"{name} is not deterministic")
        if not np.isfinite(once).all():
            remarks.append(f"{name} gives values that are not finite")
        elif np.abs(once - value).max() > 1e-3 * size:
            remarks.append(
                f"{name} starts outside: moved by {np.abs(once - value).max() / size:.2g}"
            )
        if np.abs(twice - once).max() > 1e-3 * (np.abs(once).max() or 1.0):
            remarks.append(
                f"{name} is not idempotent: {np.abs(twice - once).max() / np.abs(once).max():.2g}"
            )
    return remarks


def about_reload(model):
    with tempfile.TemporaryDirectory() as folder:
        place = str(Path(folder) / "model.keras")
        try:
            model.save(place)
        except Exception as exception:
            return [f"save raises: {one_line(exception)}"]
        try:
            again = keras.saving.load_model(place, safe_mode=False)
        except Exception as exception:
            return [f"reload raises: {one_line(exception)}"]
    remarks = []
    for old, new in zip(model.trainable_variables, again.trainable_variables, strict=False):
        if (old.constraint is None) != (new.constraint is None):
            change = "gained" if old.constraint is None else "lost"
            remarks.append(f"reload changes constraint: {old.path} has {change} it")
        elif old.constraint is not None:
            probe = keras.ops.convert_to_tensor(
                np.random.default_rng(1).normal(size=old.shape), old.dtype
            )
            try:
                same = np.allclose(
                    project(old, probe), project(new, probe), atol=1e-3, equal_nan=True
                )
            except Exception:
                continue
            if not same:
                remarks.append(f"reload changes constraint: that of {old.path} acts otherwise")
    return remarks


if __name__ == "__main__":
    main()

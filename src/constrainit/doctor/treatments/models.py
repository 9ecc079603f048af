"""Remedies that need another model: made from the config of the first, with its weights."""

import copy

import keras

from constrainit._obey import prepare
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.sets import SpectralNorm

_HALF = ("float16", "bfloat16")


def in_float32(problem, evidence, found):
    """Every layer of the model in float32."""
    config, changed = copy.deepcopy(_config(problem.model)), []

    def edit(part):
        policy = part.get("config", {}).get("dtype")
        name = policy.get("config", {}).get("name") if isinstance(policy, dict) else policy
        if isinstance(name, str) and any(half in name for half in _HALF):
            part["config"]["dtype"] = "float32"
            changed.append(part["config"].get("name", part.get("class_name")))

    _each(config, edit)
    if not changed:
        return None
    other = _made(problem, config)
    return Changed(
        f"{', '.join(map(str, changed[:3]))} computed and stored in float32", other,
        'keras.layers.Dense(..., dtype="float32")',
    )  # fmt: skip


def spectral_constraint(problem, evidence, found):
    """A constraint on the spectral norm in place of the wrapper that assigns in `call`."""
    config, changed = copy.deepcopy(_config(problem.model)), []

    def edit(part):
        if part.get("class_name") == "SpectralNormalization":
            inner = part["config"]["layer"]
            inner["config"]["kernel_constraint"] = keras.saving.serialize_keras_object(
                SpectralNorm(1.0)
            )
            inner["config"]["name"] = part["config"].get("name", inner["config"]["name"])
            changed.append(inner["config"]["name"])
            kept = {k: v for k, v in part.items() if k in ("name", "inbound_nodes")}
            part.clear()
            part.update({**inner, **kept})

    _each(config, edit)
    if not changed:
        return None
    other = _made(problem, config, exact=False)
    prepare(other.model, seed=problem.seed)
    return Changed(
        f"a constraint SpectralNorm(1.0) in place of SpectralNormalization around "
        f"{', '.join(changed[:3])}",
        other,
        "keras.layers.Dense(..., **ci.constrained(kernel=ci.SpectralNorm(1.0)))",
    )


def own_classes(model: keras.Model) -> dict[str, type]:
    """The classes of the parts of a model by name, for a model that is made like it."""
    parts = [part for layer in model._flatten_layers() for part in (layer, *vars(layer).values())]
    parts += [getattr(variable, "constraint", None) for variable in model.variables]
    return {type(part).__name__: type(part) for part in parts}


def _config(model):
    return keras.saving.serialize_keras_object(model)


def _each(part, edit):
    """Calls `edit` on every serialized object of a config, outermost first."""
    if isinstance(part, dict):
        if isinstance(part.get("config"), dict):
            edit(part)
        for value in list(part.values()):
            _each(value, edit)
    elif isinstance(part, list):
        for value in part:
            _each(value, edit)


def _made(problem, config, exact=True):
    """A problem with the model of a config; with the weights of the first where they fit."""
    with keras.saving.custom_object_scope(own_classes(problem.model)):
        model = keras.saving.deserialize_keras_object(config)
    if not model.built:
        model(problem.x)
    if exact:
        for old, new in zip(problem.model.variables, model.variables, strict=True):
            new.assign(old.value)
    model._compile_loss = problem.model._compile_loss
    model.optimizer = getattr(problem.model, "optimizer", None)
    return with_other(problem, model=model)

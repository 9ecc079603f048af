"""Remedies that need another model: made from the config of the first, with its weights."""

import keras

from constrainit._calibrate import calibrate, can_be_fitted
from constrainit._carried import carry_adapted
from constrainit._obey import prepare
from constrainit._words import listed
from constrainit.doctor._problem import Problem
from constrainit.doctor._state import compiled_as, take_in
from constrainit.doctor._twin import own_classes
from constrainit.doctor.treatments._configs import config_of, each
from constrainit.doctor.treatments._remedy import Changed, with_other
from constrainit.doctor.treatments._written import layers_code
from constrainit.layers import OutputScale
from constrainit.model import walk
from constrainit.sets import SpectralNorm

_HALF = ("float16", "bfloat16")
_SCALED = "keras.layers.Dense(..., activation=ci.OutputScale(activation, scale=1.0))"
_BOUNDED = "ci.constrained(kernel=ci.SpectralNorm(1.0))"


def in_float32(problem, evidence, found):
    """Every layer of the model in float32."""
    return _with_policy(problem, found, _HALF, "float32", "computed and stored in float32")


def in_mixed_precision(problem, evidence, found):
    """Every layer whose weights are in half precision with weights in float32, computed in half."""
    kinds = {finding.weight: finding for finding in found}
    dtypes = {r.dtype for r in walk(problem.model) if r.path in kinds}
    if len(dtypes) != 1:
        return None
    [half] = dtypes
    return _with_policy(problem, found, (half,), f"mixed_{half}", "with weights in float32")


def _with_policy(problem, found, wrong, name, said):
    """The layers of the model that are of another precision with a policy of this name."""
    config, changed, kinds = config_of(problem.model), [], {}

    def edit(part):
        policy = part.get("config", {}).get("dtype")
        own = policy.get("config", {}).get("name") if isinstance(policy, dict) else policy
        if isinstance(own, str) and own.removeprefix("mixed_") in wrong and own != name:
            part["config"]["dtype"] = name
            changed.append(part["config"].get("name", part.get("class_name")))
            kinds[changed[-1]] = part.get("class_name", "Dense").split(">")[-1]

    each(config, edit)
    if not changed:
        return None
    kind = kinds[next((f.layer for f in found if f.layer in kinds), changed[0])]
    module = "keras.layers." if hasattr(keras.layers, kind) else ""
    said, made = f"{listed(changed)} {said}", made_from(problem, config)
    code = layers_code(made.model, changed, f'{module}{kind}(..., dtype="{name}")')
    return Changed(said, made, code)


def spectral_constraint(problem, evidence, found):
    """A constraint on the spectral norm in place of the wrapper that assigns in `call`."""
    config, changed, kinds = config_of(problem.model), [], set()

    def edit(part):
        if part.get("class_name") == "SpectralNormalization":
            inner = part["config"]["layer"]
            own = inner["config"]
            own["kernel_constraint"] = keras.saving.serialize_keras_object(SpectralNorm(1.0))
            own["name"] = part["config"].get("name", own["name"])
            changed.append(own["name"])
            kinds.add(inner["class_name"])
            kept = {k: v for k, v in part.items() if k in ("name", "inbound_nodes")}
            part.clear()
            part.update({**inner, **kept})

    each(config, edit)
    if not changed:
        return None
    other = made_from(problem, config, exact=False)
    prepare(other.model, seed=problem.seed)
    usual = "\n".join(f"keras.layers.{kind}(..., **{_BOUNDED})" for kind in sorted(kinds))
    return Changed(
        f"a constraint SpectralNorm(1.0), not SpectralNormalization around {listed(changed)}",
        other,
        f"{layers_code(other.model, changed, usual)}\nci.prepare(model)  # once the model is built",
    )


def scaled_outputs(problem, evidence, found):
    """An output scale in the layers with a constrained kernel, fitted to the batch."""
    names = {
        record.layer.name
        for record in walk(problem.model)
        if can_be_fitted(record) and not isinstance(record.layer.activation, OutputScale)
    }
    config, changed = config_of(problem.model), []

    def edit(part):
        own = part["config"]
        if own.get("name") in names and isinstance(own.get("activation"), str):
            scaled = OutputScale(own["activation"], scale=1.0)
            own["activation"] = keras.saving.serialize_keras_object(scaled)
            changed.append(own["name"])

    each(config, edit)
    if not changed:
        return None
    other = made_from(problem, config)
    prepare(other.model, seed=problem.seed)
    calibrate(other.model, other.x)
    return Changed(
        f"an output scale around the activation of {listed(changed)}, fitted to the batch",
        other,
        f"{layers_code(other.model, changed, _SCALED)}\n"
        "ci.calibrate(model, x)  # once the model is built",
    )


def with_derivatives(problem, evidence, found):
    """The hyperbolic tangent in place of activations of straight pieces."""
    return _with_tanh(problem, evidence.kinks.layers)


def bending_both_ways(problem, evidence, found):
    """The hyperbolic tangent in place of activations that only bend up."""
    return _with_tanh(problem, evidence.bending.layers)


def _with_tanh(problem, names):
    for layer in problem.model._flatten_layers():
        if layer.name in names:
            layer.activation = keras.activations.tanh
    return Changed(
        f"tanh as the activation of {listed(names)}", with_other(problem),
        layers_code(problem.model, names, 'keras.layers.Dense(..., activation="tanh")'),
    )  # fmt: skip


def unit_for_each_class(problem, evidence, found):
    """As many units in the last layer as the labels name classes."""
    wanted = {f.layer: int(f.evidence["high"]) + 1 for f in found if "classes" in f.evidence}
    low = min((f.evidence["low"] for f in found if "classes" in f.evidence), default=-1)
    changed = []

    def edit(part):
        own = part["config"]
        if own.get("name") in wanted and "units" in own:
            own["units"] = wanted[own["name"]]
            changed.append(own["name"])

    config = config_of(problem.model)
    each(config, edit)
    if not changed or low < 0:
        return None
    units, made = wanted[changed[0]], made_from(problem, config)
    code = layers_code(made.model, changed, f"keras.layers.Dense({units}, ...)")
    return Changed(f"{listed(changed)} with {units} units", made, code)


def more_rows(problem, evidence, found):
    """As many rows in a table as it is asked for; those that are new are drawn at random."""
    wanted = {table.layer: table.high + 1 for table in evidence.beyond if table.low >= 0}
    changed = []

    def edit(part):
        own = part["config"]
        if own.get("name") in wanted and "input_dim" in own:
            own["input_dim"] = wanted[own["name"]]
            changed.append(own["name"])

    config = config_of(problem.model)
    each(config, edit)
    if not changed:
        return None
    rows, made = wanted[changed[0]], made_from(problem, config)
    code = layers_code(made.model, changed, f"keras.layers.Embedding({rows}, ...)")
    return Changed(f"{listed(changed)} with {rows} rows", made, code)


def made_weights(problem, evidence, found):
    """Weights in place of plain tensors."""
    names, lines = {finding.layer for finding in found}, []
    for made in evidence.plain:
        if made.holder.name in names:
            weight = keras.Variable(made.value, name=made.name)
            take_in(made.holder, weight)
            vars(made.holder)[made.name] = weight
            shape = f"self.add_weight(shape={made.shape}, name={made.name!r}, initializer=...)"
            lines.append(f"self.{made.name} = {shape}  # in build of {type(made.holder).__name__}")
    if not lines:
        return None
    return Changed(
        f"weights in place of {listed([made.name for made in evidence.plain])}",
        with_other(problem),
        "\n".join(dict.fromkeys(lines)),
    )


def made_from(problem: Problem, config: dict, exact: bool = True) -> Problem:
    """A problem with the model of a config; with the weights of the first where they fit."""
    with keras.saving.custom_object_scope(own_classes(problem.model)):
        model = keras.saving.deserialize_keras_object(config)
    if not model.built:
        model(problem.x)
    _keep_paths(problem.model, model)
    if exact:
        _take_over(problem.model, model)
    carry_adapted(problem.model, model)
    return in_place(problem, model)


def _keep_paths(model, other):
    """Gives the weights of another model the paths that they have in the first one.

    Keras names them by what they are built in, which is another when a model is made from its
    config: what is found of a weight would seem to be gone.
    """
    for old, new in _pairs(model, other):
        if old.name == new.name:
            new._path = old.path


def in_place(problem: Problem, model: keras.Model) -> Problem:
    """A problem with another model, trained in the same way."""
    model.optimizer = getattr(problem.model, "optimizer", None)
    compiled_as(problem.model, model)
    return with_other(problem, model=model)


def _take_over(model, other):
    """Gives another model the values and constraints of the weights that fit."""
    for old, new in _pairs(model, other):
        if tuple(old.shape) == tuple(new.shape):
            new.assign(old.value)
            if hasattr(old, "constraint"):
                new.constraint = old.constraint


def _pairs(model, other):
    """The weights of a model, each with that of another one which is made like it."""
    mine, theirs = model.variables, other.variables
    if len(mine) == len(theirs):
        return list(zip(mine, theirs, strict=True))
    ends = [(v, [m for m in mine if f"/{m.path}".endswith(f"/{v.path}")]) for v in theirs]
    return [(found[0], v) for v, found in ends if len(found) == 1]

"""One set that several weights obey together, as one matrix.

Keras hands a constraint one weight. So the constraint of each weight of a group does nothing by
itself; `Optimizer.apply`, which `_attach` wraps, lets the group act once when all weights are
changed. A group holds its variables: those of one layer find each other while it is built.
"""

from collections.abc import Iterator
from typing import Any

import keras
from keras import ops

from constrainit import _checks
from constrainit._axes import resolve, unit_axes
from constrainit._folding import Folding
from constrainit._signatures import Told
from constrainit.sets.combine import applied_set

_GROUPS = "_constrainit_groups"


@keras.saving.register_keras_serializable(package="constrainit")
class Joint(Told, keras.constraints.Constraint):
    """Several weights obey one set together: each is a block of rows of one matrix.

    The matrix is (what feeds a unit, units): a kernel of any rank in that form, a bias as one row
    more. With `Joint(MaxNorm(1))` as `kernel_constraint` and `bias_constraint` of a layer the norm
    of all that feeds a unit, bias included, is at most one. Blocks stand in the order in which the
    layer makes its weights. For weights of several layers: `constrain(model, {("a/kernel",
    "b/kernel"): Joint(set)})`.

    It acts at the end of each step of a Keras optimizer, and in `check`, `project` and `prepare`;
    the weights are of one dtype and are trained all or none. `constrained(kernel=joint,
    bias=joint)` draws the kernel from the set and starts the bias at zero, which is inside
    wherever a row of zeros is; elsewhere `prepare(model)` takes the group inside. `calibrate` and
    the doctor do not look at weights under a `Joint`.

    Args:
        set: The set of the matrix; anything that `as_set` takes. `axis=None` means its columns.
        axis: 0: the weights are stacked as rows, feeding the same units; 1: as columns, for
            weights with the same inputs.

    Raises:
        ValueError: `axis` is neither 0 nor 1; at use, the weights do not fit together.

    >>> import keras
    >>> import numpy as np
    >>> import constrainit as ci
    >>> joint = ci.Joint(ci.SumTo(1.0))
    >>> layer = keras.layers.Dense(2, kernel_constraint=joint, bias_constraint=joint)
    >>> layer.build((None, 3))
    >>> layer.set_weights([np.float32([[0, 1], [0, 1], [0, 1]]), np.float32([0, 2])])
    >>> moved = ci.project(layer)
    >>> print(layer.get_weights()[0][0], layer.get_weights()[1])
    [0.25 0.  ] [0.25 1.  ]
    """

    of_several = True

    def __init__(self, set: Any, axis: int = 0):
        self.set = applied_set("Joint", set)
        if not isinstance(axis, int) or isinstance(axis, bool) or axis not in (0, 1):
            raise _checks.fail("Joint", "axis", "be 0 or 1", axis)
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        raise ValueError(
            f"{self!r} must be given to a layer, for two of its weights, or to `constrain`: by "
            "itself it does not know the other weights."
        )

    def __and__(self, other: Any) -> Any:
        raise _alone(self, other)

    def __rand__(self, other: Any) -> Any:
        raise _alone(other, self)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"set": keras.saving.serialize_keras_object(self.set), "axis": self.axis}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Joint":
        """The constraint that `get_config` was taken from."""
        return cls(keras.saving.deserialize_keras_object(config["set"]), config["axis"])

    def __repr__(self) -> str:
        return f"Joint(set={self.set!r}, axis={self.axis})"


def _alone(left, right):
    return ValueError(
        f"All that several weights obey together must be inside of one `Joint`. Received: "
        f"{left!r} & {right!r}. Write Joint(a & b)."
    )


class Member(keras.constraints.Constraint):
    """The constraint of one weight of a group: it leaves the acting to the group."""

    of_several = True

    def __init__(self, group: "Group", path: str, folding: Folding):
        self.group, self.path, self.folding = group, path, folding
        self.variable: Any = None

    def __call__(self, w: Any) -> Any:
        """The weight as it is."""
        return w


class Group:
    """The weights that obey a `Joint` together.

    Attributes:
        joint: What they obey.
        set: The set of their matrix.
        members: The members, in the order of their blocks.
    """

    def __init__(self, joint: Joint):
        self.set = joint.set.resolve((0,))
        self.members: list[Member] = []
        self.joint = joint

    def member(self, layer: Any, name: str, shape: tuple[int, ...], path: str) -> Member:
        """A further member, for a weight of a layer."""
        rows = unit_axes(layer, name, shape) if len(shape) > 1 else ()
        if rows is None or not shape:
            raise ValueError(
                f"The axes of {path!r} {shape} that feed one unit of `{type(layer).__name__}` are "
                f"not known, so it can not be a part of {self.joint!r}."
            )
        made, side = Member(self, path, Folding(shape, rows)), 1 - self.joint.axis
        for other in self.members:
            if other.folding.size[side] != made.folding.size[side]:
                sizes = f"{other.path!r} {other.folding.size} and {path!r} {made.folding.size}"
                raise ValueError(
                    f"The weights of {self.joint!r} must agree in the number of "
                    f"{('inputs', 'units')[side]}. Received, as matrices: {sizes}."
                )
        self.members.append(made)
        return made

    def bind(self, member: Member, variable: Any) -> None:
        """Gives a member its variable."""
        dtypes = {keras.backend.standardize_dtype(v.dtype) for v in (variable, *self._bound())}
        if len(dtypes) > 1:
            raise ValueError(
                f"The weights of {self.joint!r} must be of one dtype. Received: "
                f"{', '.join(sorted(dtypes))} with {self.path!r}."
            )
        member.variable = variable

    def _bound(self):
        return [member.variable for member in self.members if member.variable is not None]

    @property
    def path(self) -> str:
        """The paths of the weights."""
        return " + ".join(member.path for member in self.members)

    @property
    def variables(self) -> list[Any]:
        """The variables.

        Raises:
            ValueError: One of them has another constraint by now.
        """
        for member in self.members:
            if getattr(member.variable, "constraint", None) is not member:
                raise ValueError(
                    f"The weights {self.path!r} must obey {self.joint!r} together. Received: "
                    f"another constraint for {member.path!r}. Give all of them a new one."
                )
        return self._bound()

    def value(self) -> Any:
        """The weights as one matrix."""
        values = zip(self.members, self.variables, strict=True)
        parts = [m.folding.matrix(ops.convert_to_tensor(v)) for m, v in values]
        return ops.concatenate(parts, axis=self.joint.axis)

    def blocks(self, matrix: Any) -> Iterator[tuple[Any, Any]]:
        """Each variable with its block of a matrix, in the variable's own form."""
        start = 0
        for member, variable in zip(self.members, self.variables, strict=True):
            end = start + member.folding.size[self.joint.axis]
            block = matrix[start:end] if self.joint.axis == 0 else matrix[:, start:end]
            yield variable, member.folding.weight(block)
            start = end

    def assign(self, matrix: Any) -> None:
        """Gives each weight its block of a matrix."""
        for variable, block in self.blocks(matrix):
            variable.assign(block)

    @property
    def size(self) -> tuple[int, ...]:
        """The shape of the matrix."""
        size = list(self.members[0].folding.size)
        size[self.joint.axis] = sum(m.folding.size[self.joint.axis] for m in self.members)
        return tuple(size)

    def check_shape(self) -> None:
        """Raises ValueError if the set has no members of the shape of the matrix."""
        resolve(self.set, None, "", self.size, self.path)


def group_of(layer: Any, joint: Joint) -> Group:
    """The group of a layer's weights that have an equal `Joint`."""
    groups = layer.__dict__.setdefault(_GROUPS, {})
    return groups.setdefault(repr(joint), Group(joint))


def groups_of(variables: list[Any]) -> list[Group]:
    """The groups that variables belong to, each once."""
    members = [getattr(variable, "constraint", None) for variable in variables]
    return list({id(m.group): m.group for m in members if isinstance(m, Member)}.values())


def act(optimizer: Any) -> None:
    """Lets the groups act whose weights an optimizer trains."""
    trained = optimizer._trainable_variables
    known = {id(v) for v in trained}
    for group in groups_of(trained):
        missing = [m.path for m in group.members if id(m.variable) not in known]
        if missing:
            raise ValueError(
                f"The weights {group.path!r} must be trained together, by one optimizer. "
                f"Received: {', '.join(map(repr, missing))} is not trained. Freeze all or none."
            )
        group.assign(group.set(group.value()))

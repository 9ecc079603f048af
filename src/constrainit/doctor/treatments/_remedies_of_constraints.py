"""What is tried first: that constraints run, and are what they are meant to be."""

from constrainit.doctor.treatments import (
    axes,
    breaking,
    constraints,
    copies,
    data,
    one_sign,
    outputs,
    roomy,
    rounding,
    source,
    steps,
    swapped,
    thresholds,
    together,
    training,
)  # fmt: skip
from constrainit.doctor.treatments._apart import each_constraint, for_all_of_a_class
from constrainit.doctor.treatments._remedy import Remedy

_CONSTRAINT = (
    "CW201", "CW202", "CW203", "CW204", "CW205", "CW207", "CW210", "CW211", "CW215",
)  # fmt: skip

OF_CONSTRAINTS = (
    Remedy(("CW206",), constraints.run_call, brings=("CW208",), saved=False),
    Remedy(("CW209",), constraints.attach),
    Remedy(("CW209",), together.both_at_once),
    Remedy(("CW704",), steps.cleared, saved=False),
    Remedy(("CW220",), steps.compiled_anew, saved=False),
    Remedy(("CW219",), training.running_constraints, saved=False),
    Remedy(("CW703",), steps.projected, saved=False),
    Remedy(("CW707",), steps.clipping_kernels, saved=False),
    Remedy(("CW707",), steps.sparing_normalizations, saved=False),
    Remedy(("CW604",), data.finite_rows, saved=False),
    Remedy(("CW603",), outputs.targets_first, saved=False, trains=True),
    Remedy(("CW603",), data.labels_exchanged, saved=False, trains=True),
    Remedy(("CW603",), outputs.crossentropy_of_the_labels),
    Remedy(("CW603",), outputs.crossentropy_of_labels_and_output),
    Remedy(("CW603",), outputs.crossentropy_of_labels_from_zero, saved=False),
    Remedy(("CW603",), outputs.binary_crossentropy_of_one, trains=True),
    Remedy(("CW603",), outputs.other_logits),
    Remedy(("CW603",), data.targets_in_a_column, saved=False),
    Remedy(("CW603",), data.targets_laid_out, saved=False),
    Remedy(("CW213",), roomy.with_room),
    Remedy(("CW301",), constraints.along_the_right_axes),
    Remedy(("CW301",), axes.along_other_axes),
    each_constraint(("CW301",), axes.with_the_axes_of_units),
    Remedy(("CW301",), constraints.inside_as_given, moves=True),
    Remedy(("CW207", "CW301"), axes.spectral_norm_of_the_convolution),
    each_constraint(("CW301",), for_all_of_a_class(source.along_units), saved=False),
    each_constraint(("CW301",), axes.exact_sets_of_units),
    each_constraint(("CW212",), source.along_a_longer_axis, saved=False),
    each_constraint(("CW212",), thresholds.smaller, saved=False),
    Remedy(("CW212",), training.along_the_gradient),
    Remedy(("CW212",), constraints.off_single_numbers, trains=True),
    Remedy(("CW212",), rounding.straight_through),
    each_constraint(("CW201", "CW202", "CW207"), copies.of_their_own),
    each_constraint(("CW201", "CW202"), source.with_a_fitting_constant, saved=False),
    each_constraint(("CW201", "CW202"), copies.for_each_gate),
    each_constraint(
        ("CW201", "CW202", "CW204", "CW205"),
        source.along_each_unit,
        beside=source.edited,
        saved=False,
    ),
    each_constraint(
        (*_CONSTRAINT, "CW206", "CW212"), source.edited, brings=("CW208",), saved=False
    ),
    each_constraint(("CW204",), breaking.guarded, brings=("CW208",), saved=False, again=True),
    each_constraint(("CW212",), swapped.bounds_swapped),
    each_constraint(("CW208",), source.edited, saved=False),
    each_constraint((*_CONSTRAINT, "CW208", "CW212"), constraints.exact_set),
    each_constraint(("CW211",), one_sign.of_one_sign, moves=True),
    each_constraint(("CW204",), constraints.bounds_of_its_images),
    each_constraint(("CW204",), source.along_inputs, brings=("CW208",), saved=False),
)

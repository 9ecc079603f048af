"""What is tried for which findings, the smallest change first."""

from constrainit.doctor.treatments import (
    adapted,
    axes,
    constraints,
    copies,
    data,
    drawn_in,
    dropouts,
    entries,
    factors,
    finite_starts,
    fitting_starts,
    flags,
    guards,
    hidden,
    inside,
    kept_in,
    masks,
    models,
    one_sign,
    opened,
    outputs,
    penalties,
    pruned,
    recurrences,
    rescaled,
    rounding,
    source,
    starts,
    steps,
    stored,
    training,
    wider,
)  # fmt: skip
from constrainit.doctor.treatments._apart import each_constraint
from constrainit.doctor.treatments._remedy import Remedy, both

_BROKEN = ("CW401", "CW501", "CW502")
_SIGNAL = ("CW402", "CW403", "CW404", "CW405", "CW504")
_TRAINING = ("CW505",)
_CONSTRAINT = (
    "CW201", "CW202", "CW203", "CW204", "CW205", "CW207", "CW210", "CW211", "CW215",
)  # fmt: skip

REMEDIES = (
    Remedy(("CW206",), constraints.run_call, brings=("CW208",), saved=False),
    Remedy(("CW209",), constraints.attach),
    Remedy(("CW704",), steps.cleared, saved=False),
    Remedy(("CW220",), steps.compiled_anew, saved=False),
    Remedy(("CW219",), training.running_constraints, saved=False),
    Remedy(("CW703",), steps.projected, saved=False),
    Remedy(("CW604",), data.finite_rows, saved=False),
    Remedy(("CW603",), outputs.targets_first, saved=False, trains=True),
    Remedy(("CW603",), outputs.other_logits),
    Remedy(("CW603",), data.targets_in_a_column, saved=False),
    Remedy(("CW301",), constraints.along_the_right_axes),
    Remedy(("CW301",), axes.along_other_axes),
    Remedy(("CW301",), constraints.inside_as_given, moves=True),
    Remedy(("CW207", "CW301"), axes.spectral_norm_of_the_convolution),
    each_constraint(("CW301",), source.along_units, saved=False),
    each_constraint(("CW212",), source.along_a_longer_axis, saved=False),
    Remedy(("CW212",), rounding.straight_through),
    each_constraint(("CW201", "CW202", "CW207"), copies.of_their_own),
    each_constraint(("CW201", "CW202"), source.with_a_fitting_constant, saved=False),
    each_constraint(("CW201", "CW202"), copies.for_each_gate),
    each_constraint((*_CONSTRAINT, "CW206"), source.edited, brings=("CW208",), saved=False),
    each_constraint(("CW208",), source.edited, saved=False),
    each_constraint((*_CONSTRAINT, "CW208", "CW212"), constraints.exact_set),
    each_constraint(("CW211",), one_sign.of_one_sign, moves=True),
    each_constraint(("CW204",), source.along_inputs, brings=("CW208",), saved=False),
    Remedy(("CW617",), flags.model_switched_on),
    Remedy(("CW223",), adapted.to_the_batch),
    Remedy(("CW103",), finite_starts.finite_entries),
    Remedy(("CW101", "CW102", "CW104"), starts.inside, moves=True),
    Remedy(("CW106",), starts.drawn_apart),
    Remedy(("CW411", "CW101", "CW102", "CW104"), constraints.off_scales_and_biases),
    Remedy(("CW101", "CW102", "CW104"), entries.bounded_entries),
    *(Remedy(("CW411",), wider.wider_bounds(factor), saved=False) for factor in (10, 30)),
    Remedy(("CW214",), constraints.off_mapped_weights, saved=False),
    Remedy(("CW302",), drawn_in.bounds_drawn_in, saved=False),
    Remedy(("CW302",), inside.inside_the_bounds),
    *(
        Remedy(("CW302",), both(inside.inside_where_met, training.lower_rate(f)), factor=f)
        for f in (0.1, 0.01)
    ),
    Remedy(("CW406",), models.spectral_constraint),
    Remedy(("CW406",), stored.as_states_of_their_layers, saved=False),
    Remedy(("CW611",), training.new_optimizer, saved=False),
    Remedy(("CW508",), training.larger_epsilon),
    Remedy(("CW216",), source.sum_in_its_set, saved=False),
    Remedy(("CW705",), source.with_its_arguments, saved=False, again=True),
    Remedy(("CW705",), finite_starts.non_negative_again, saved=False),
    Remedy(("CW706",), stored.as_weights_of_their_layers, saved=False, again=True),
    Remedy(("CW307",), source.kept_in_call, saved=False),
    Remedy(("CW306",), source.computed_in_call, saved=False, again=True),
    Remedy(("CW409",), models.made_weights, saved=False),
    Remedy(("CW218",), pruned.zeros_fixed),
    Remedy(("CW413",), hidden.weights_of_the_layer, saved=False),
    Remedy(("CW609",), penalties.weaker_penalty),
    Remedy(("CW612",), penalties.fixed_weight, saved=False),
    Remedy(("CW305",), training.average_at_the_end),
    Remedy(("CW303",), training.projected_averages, saved=False),
    Remedy(("CW605",), data.targets_in_other_order, saved=False),
    Remedy(("CW605",), data.labels_from_zero, saved=False),
    Remedy(("CW605",), data.labels_of_both_signs, saved=False),
    Remedy(("CW605",), models.bias_at_the_end),
    Remedy(("CW605",), outputs.no_last_activation),
    Remedy(("CW605",), data.labels_that_fit, saved=False),
    Remedy(("CW606",), inside.adding_up_to_one, saved=False, trains=True),
    Remedy(("CW607",), outputs.absolute_error),
    Remedy(("CW608",), training.steady_rate),
    Remedy(("CW613",), training.longer_schedule),
    Remedy(("CW615",), training.higher_rate),
    Remedy(("CW614",), dropouts.what_is_kept),
    Remedy(("CW408",), models.more_rows),
    Remedy(("CW509",), models.with_derivatives),
    Remedy(("CW605",), models.scaled_logits),
    Remedy(("CW605",), models.unit_for_each_class),
    Remedy(("CW405",), outputs.sigmoid_of_one),
    Remedy(("CW405",), opened.scales_of_ones),
    Remedy(("CW405",), opened.masked, saved=False),
    *(
        Remedy(("CW405",), source.smoothed(sharpness), saved=False, trains=True)
        for sharpness in (10.0, 1.0)
    ),
    Remedy(("CW616",), outputs.softplus_for_the_sign),
    Remedy(("CW502",), outputs.softplus_at_the_end),
    Remedy(("CW401", "CW502"), outputs.softplus_under_a_power, trains=True),
    Remedy(("CW404",), recurrences.bounded_recurrence),
    Remedy(("CW412",), models.in_float32),
    Remedy(("CW412",), data.scaled_data, saved=False),
    Remedy(("CW412",), starts.redrawn, moves=True),
    Remedy(("CW201",), constraints.along_an_axis_that_exists),
    Remedy(("CW001", *_BROKEN), constraints.definite),
    Remedy(("CW502",), starts.spread, brings=("CW302",), moves=True),
    Remedy(("CW401", "CW502"), starts.off_zero, brings=("CW302",), moves=True),
    Remedy(_BROKEN, kept_in.in_their_domain),
    Remedy(("CW401",), masks.floored_counts, saved=False),
    Remedy(_BROKEN, guards.exact_near_zero, saved=False),
    Remedy(_BROKEN, guards.guarded, saved=False, again=True),
    Remedy(_BROKEN, guards.clipped_in_graph, saved=False),
    Remedy(("CW001", *_BROKEN), guards.jittered, brings=("CW302",), saved=False),
    Remedy(
        ("CW401", "CW404", "CW501"), fitting_starts.scaled_down, ("CW302",), moves=True, trains=True
    ),
    Remedy(("CW504",), starts.fitted_where_it_fades, moves=True),
    Remedy(("CW404", "CW504"), rescaled.to_unit_size, moves=True, trains=True),
    Remedy((*_BROKEN, *_SIGNAL, *_TRAINING), data.scaled_data, trial="data", saved=False),
    Remedy((*_BROKEN, *_TRAINING), data.divided_targets, trial="data", saved=False, trains=True),
    Remedy(("CW502",), fitting_starts.bias_for_the_targets, ("CW302",), moves=True, trains=True),
    Remedy(
        ("CW502",),
        both(guards.exact_near_zero, fitting_starts.bias_for_the_targets),
        ("CW302",),
        saved=False,
        moves=True,
        trains=True,
    ),
    Remedy((*_BROKEN, *_SIGNAL), starts.of_the_right_size, moves=True),
    Remedy(_SIGNAL, starts.calibrated, moves=True),
    Remedy(("CW402",), fitting_starts.off_the_flat_ends, ("CW302",), moves=True, trains=True),
    Remedy(("CW105", "CW001", *_BROKEN, *_SIGNAL), starts.redrawn, moves=True),
    Remedy(("CW105",), starts.of_the_right_size, moves=True),
    Remedy(_SIGNAL, models.scaled_outputs),
    Remedy(("CW504",), both(models.scaled_outputs, training.lower_rate(0.1)), factor=0.1),
    Remedy((*_BROKEN, *_SIGNAL, "CW506", "CW210"), models.in_float32),
    *(
        Remedy(("CW510",), training.lower_rate(factor), factor=factor, trains=True)
        for factor in (0.1, 0.01)
    ),
    Remedy(("CW510",), inside.off_the_bound, saved=False, trains=True),
    Remedy(("CW503",), outputs.softmax_along_time),
    Remedy(("CW503",), source.softmax_along_time, saved=False),
    Remedy(("CW503",), source.with_a_gradient, saved=False),
    *(
        Remedy(("CW503",), source.smoothed(sharpness), saved=False, trains=True)
        for sharpness in (10.0, 1.0)
    ),
    Remedy(("CW503",), factors.one_of_zeros),
    Remedy(("CW503",), starts.redrawn),
    # A high rate hides that the first step throws a weight into its set.
    *(
        Remedy(
            (*_BROKEN, *_SIGNAL, *_TRAINING), lower(factor), ("CW102",), trial="rate", factor=factor
        )
        for lower, factors in (
            (training.lower_rate, (0.1, 0.01, 0.001)),
            (training.far_lower_rate, (1e-5, 1e-7, 1e-9)),
        )
        for factor in factors
    ),
)

"""The cases and which findings name their cause, for the tests and the benchmark of the doctor."""

import importlib.util
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent

# The causes that a held-out case lists, and the rules that name them.
OF_KIND = {
    "argmax": ("CW503",),
    "assigned_in_call": ("CW406",),
    "attached_too_late": ("CW209",),
    "average_overwrites": ("CW305",),
    "against_the_data": ("CW610",),
    "batch_leak": ("CW415",),
    "beyond_range": ("CW412",),
    "bfloat16_rounding": ("CW506",),
    "bias_by_epsilon": ("CW205",),
    "binds_one_unit": ("CW217",),
    "binds_nothing": ("CW218",),
    "bound_too_narrow": ("CW224",),
    "bounded_twice": ("CW214",),
    "called_once": ("CW209",),
    "clip": ("CW503", "CW405"),
    "codes_unused": (),
    "computed_once": ("CW306",),
    "constraint_after_trace": ("CW220",),
    "constraint_kills_signal": ("CW411",),
    "constant_output": ("CW405",),
    "constant_statistics": ("CW223",),
    "copied_not_tied": ("CW410",),
    "constraint_nan": ("CW204",),
    "constraint_raises": ("CW201",),
    "dead_units": ("CW403",),
    "division_by_zero": ("CW401", "CW204"),
    "domain_division": ("CW302", "CW401", "CW501"),
    "domain_inverse": ("CW001", "CW401", "CW302"),
    "domain_log": ("CW302", "CW401", "CW501", "CW502"),
    "domain_pow": ("CW302", "CW401", "CW501"),
    "domain_sqrt": ("CW302", "CW401", "CW501"),
    "dropout_rate": ("CW614",),
    "ema": ("CW303",),
    "epsilon_underflows": ("CW508",),
    "explosion": ("CW404",),
    "float16_overflow": ("CW210", "CW401"),
    "float16_underflow": ("CW401", "CW501", "CW506", "CW508"),
    "float32_cancellation": ("CW507",),
    "foreign_optimizer": ("CW611",),
    "fractional_index": ("CW414",),
    "frozen_weights": ("CW506",),
    "gradient_cut": ("CW503",),
    "gradients_add_up": ("CW704",),
    "hidden_weights": ("CW413",),
    "identical_units": ("CW105",),
    "identical_weights": ("CW106",),
    "impossible_alignment": ("CW605",),
    "index_out_of_range": ("CW408",),
    "inf_in_targets": ("CW604",),
    "infeasible_start": ("CW101",),
    "keeps_a_tensor": ("CW207",),
    "labels_out_of_range": ("CW605",),
    "learning_rate": ("CW601", "CW608"),
    "late_statistics": ("CW222",),
    "layer_not_saved": ("CW705",),
    "leaping": ("CW215",),
    "lost_constraint": ("CW705",),
    "loss_floor": ("CW605",),
    "loss_switched_off": ("CW612",),
    "loss_underflow": ("CW503", "CW502", "CW412"),
    "nan_after_first_step": ("CW401", "CW501"),
    "nan_forward": ("CW401",),
    "nan_gradient": ("CW501", "CW401"),
    "nan_in_data": ("CW604",),
    "negative_sum": ("CW211", "CW204", "CW205"),
    "never_called": ("CW206", "CW209"),
    "never_moves": ("CW506",),
    "never_moves_from_zero": ("CW503",),
    "no_second_derivative": ("CW509",),
    "nonfinite_start": ("CW103",),
    "nonfinite_loss": ("CW502",),
    "norm_for_range": ("CW101",),
    "not_adapted": ("CW223",),
    "not_a_variable": ("CW409",),
    "not_attached": ("CW209", "CW304"),
    "not_deterministic": ("CW207",),
    "not_idempotent": ("CW205",),
    "not_serialisable": ("CW208",),
    "not_traceable": ("CW201",),
    "nothing_trains": ("CW617",),
    "only_convex": ("CW619",),
    "optimizer": ("CW303", "CW506"),
    "optimizer_skips_constraints": ("CW219",),
    "output_range": ("CW605",),
    "penalty_outweighs": ("CW609",),
    "posterior_collapse": ("CW609",),
    "quantization": ("CW304",),
    "rate_too_low": ("CW615",),
    "reload_differs": ("CW208",),
    "rounded_to_zero": ("CW403", "CW405"),
    "saturation": ("CW402",),
    "schedule_ends": ("CW613",),
    "shared_statistics": ("CW221",),
    "sign": ("CW503",),
    "singular_matrix": ("CW001", "CW401"),
    "softmax_of_one": ("CW503",),
    "spectral_norm_state": ("CW406",),
    "start_jump": ("CW102",),
    "state_not_saved": ("CW706",),
    "step_leaves_set": ("CW703",),
    "stop_gradient": ("CW503",),
    "stuck_at_bound": ("CW510",),
    "sum_below_zero": ("CW616",),
    "sum_leaves_set": ("CW216",),
    "swapped_targets": ("CW605",),
    "target_falls": ("CW610",),
    "turned_loss": ("CW603",),
    "train_eval_mismatch": ("CW406",),
    "unbounded_loss": ("CW606",),
    "unconnected": ("CW503",),
    "unscaled_input": ("CW602",),
    "unscaled_targets": ("CW602",),
    "update_undone": ("CW212",),
    "untracked_weights": ("CW407",),
    "vanishing": ("CW504", "CW405"),
    "wrong_activation": ("CW605", "CW405"),
    "wrong_axis": ("CW301",),
    "wrong_dtype": ("CW203",),
    "wrong_loss": ("CW603", "CW502", "CW606", "CW607"),
    "wrong_loss_shape": ("CW603",),
    "wrong_shape": ("CW202",),
    "wrong_shape_broadcast": ("CW202", "CW205"),
    "written_over": ("CW307",),
    "zero_sum": ("CW204", "CW211"),
    "zero_update": ("CW506",),
    "zero_vector": ("CW401", "CW204"),
}

_TRIED = {"learning_rate", "unscaled_input", "unscaled_targets"}

# The first samples list one cause in words; these are the rules for it.
OF_SAMPLE = {
    "01_k_abs_missing": ("CW201",),
    "02_item_assignment": ("CW201",),
    "04_keepdims_square_silent": ("CW205",),
    "06_unregistered_constraint": ("CW208",),
    "09_sn_constraint_fresh_u": ("CW201", "CW207"),
    "12_sum_to_one_zero_sum": ("CW204",),
    "14_gem_trainable_p": ("CW401",),
    "16_log_of_nonneg": ("CW302",),
    "18_normalize_zero_vector": ("CW501",),
    "20_normalize_float16": ("CW501",),
    "21_cholesky_free_cov": ("CW001", "CW401"),
    "23_closed_interval_rho": ("CW302",),
    "25_mdn_underflow": ("CW502",),
    "28_nonneg_negative_init": ("CW101", "CW403"),
    "29_nonneg_he_half_lost": ("CW101",),
    "31_icnn_explodes": ("CW404",),
    "33_lognormal_tanh_saturation": ("CW402",),
    "35_maxnorm_conv_axis": ("CW301",),
    "37_attach_after_build": ("CW209",),
    "39_infeasible_init_jump": ("CW101",),
    "41_bump_sigma_disconnected": ("CW503",),
    "42_constant_init_symmetry": ("CW105",),
    "45_float16_maxnorm_overflow": ("CW210",),
    "47_minnorm_zero_rows": ("CW101",),
    "50_sn_wrapper_train_eval_mismatch": ("CW406",),
}

# The loss is at fault, not the weight that the sample names; or it is one of several alike.
ANYWHERE = (
    "25_mdn_underflow",
    "50_sn_wrapper_train_eval_mismatch",
    "H290_softplus_of_glorot",
)

# What the doctor does not know, by the number of the case.
MISSED = {
    "H152": "a clone has the defaults that its constraint's config leaves out: a note",
    "H156": "which of two paths a convex model needs the constraint on is not known",
    "H178": "that a map gives rotations only is not compared with what the targets need",
    "H202": "that a model is to be convex, which its activations make it not, is not known",
    "H207": "that outputs are to add up to zero, which a bias breaks, is not known",
    "H230": "that a model is to have slopes of at most one, which a scale breaks, is not known",
    "H235": "that a loss needs its examples in order is not known",
    "H266": "moving statistics that are late are a note: how long a training takes is not known",
    "H296": "that most rows of a table of codes are nearest to nothing is not looked at",
}


def faulty():
    """The files of the faulty models."""
    return _in_order([*HERE.glob("faulty/*.py"), *HERE.glob("held_out/faulty/*.py")])


def healthy():
    """The files of the models that nothing is wrong with."""
    return _in_order([*HERE.glob("healthy/*.py"), *HERE.glob("held_out/healthy/*.py")])


def _in_order(paths):
    """By their numbers: H9 before H10, so that new ones come last."""
    numbered = re.compile(r"\d+")
    return sorted(paths, key=lambda p: numbered.sub(lambda n: n[0].zfill(6), str(p)))


def happens(path, backend):
    """Whether a case can be run, or its fault shows, on a backend."""
    return backend in _case(path).get("backends_affected", [backend])


def is_told_by_a_trial(path, backend):
    """Whether treatments tell the cause: of a rate, of data, of what only training breaks."""
    case = _case(path)
    label = case["observed"].get(backend, {}).get("label", "")
    return label.startswith("nonfinite_at_step") or not _TRIED.isdisjoint(case.get("kinds", ()))


def load(path):
    """The model and the batch of a case."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module.make_model(), module.make_batch()


def _case(path):
    return json.loads(path.with_suffix(".json").read_text())


def is_right(path, finding):
    """Whether a finding names one of the causes of a case, and its layer or weight."""
    case = _case(path)
    codes = OF_SAMPLE.get(case["id"]) or {
        code for kind in case["kinds"] for code in OF_KIND.get(kind, ())
    }
    layer = (case["layer"] or "").split("/")[-1]
    places = {*finding.weight.split("/"), finding.layer}
    # What is said of the loss, the data or the rate is said of the model.
    found = not layer or not any(places) or case["id"] in ANYWHERE or layer in places
    return finding.code in codes and found

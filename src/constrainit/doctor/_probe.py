"""One look at a model: build, forward, loss, gradients, constraints, and some steps."""

from dataclasses import replace
from typing import Any

from constrainit.doctor._across import mixes_examples, mixes_later
from constrainit.doctor._added import leaves_by_a_sum
from constrainit.doctor._alike import alike
from constrainit.doctor._atoms import note_atoms
from constrainit.doctor._attached import misplaced, quantized, replaced, unattached
from constrainit.doctor._backwards import backwards
from constrainit.doctor._bending import bending
from constrainit.doctor._beyond import beyond
from constrainit.doctor._clipped import clipped
from constrainit.doctor._computed import computed_once
from constrainit.doctor._constants import nonfinite_constants
from constrainit.doctor._constraints import Constraints
from constrainit.doctor._copies import copies, kept_behind, kept_copies, left_behind
from constrainit.doctor._costly_truth import costly_truth
from constrainit.doctor._data import describe_data, describe_losses
from constrainit.doctor._drawn_anew import drawn_anew
from constrainit.doctor._dropped import dropped
from constrainit.doctor._dropped_units import drops_most
from constrainit.doctor._endless import endless
from constrainit.doctor._equal_entries import equal_entries
from constrainit.doctor._erasing import erasing
from constrainit.doctor._evidence import Evidence
from constrainit.doctor._exchanged_labels import exchanged_labels
from constrainit.doctor._far_targets import far_targets
from constrainit.doctor._finite_inside import finite_inside, lost_inside
from constrainit.doctor._following_weights import is_to_stay, of_weights, with_live_views
from constrainit.doctor._frames import fault, layer_in
from constrainit.doctor._frozen import all_frozen, frozen_above
from constrainit.doctor._gains import gains
from constrainit.doctor._graph_constants import graph_constants
from constrainit.doctor._halves import values_of
from constrainit.doctor._held_by_functions import with_trainings
from constrainit.doctor._hidden import hidden_weights
from constrainit.doctor._identities import identities
from constrainit.doctor._in_prediction import in_prediction
from constrainit.doctor._indices import cut_indices
from constrainit.doctor._jumps import with_jumps
from constrainit.doctor._late import late
from constrainit.doctor._levelled import levelled
from constrainit.doctor._losses_at import looked
from constrainit.doctor._lost_constraints import lost_constraints
from constrainit.doctor._lost_starts import lost_starts
from constrainit.doctor._loud_noise import loud_noise
from constrainit.doctor._mapped import note_mapped
from constrainit.doctor._masked_softmaxes import masked_softmax
from constrainit.doctor._masking import masked, masked_in_training
from constrainit.doctor._monotone import falling
from constrainit.doctor._moving import moving
from constrainit.doctor._not_skew import not_skew
from constrainit.doctor._of_the_batch import of_the_batch
from constrainit.doctor._one_argument import note_one_argument
from constrainit.doctor._ordered_against import ordered_against
from constrainit.doctor._out_of_reach import out_of_reach
from constrainit.doctor._overwritten import overwritten
from constrainit.doctor._own_copies import note_own_copies
from constrainit.doctor._own_optimizer import has_stepped
from constrainit.doctor._own_step import has_own_step
from constrainit.doctor._own_training import OwnTraining
from constrainit.doctor._padded import padded
from constrainit.doctor._pairs import own_loss_compares_all
from constrainit.doctor._picked_rows import picked_rows
from constrainit.doctor._plain import plain_tensors
from constrainit.doctor._pressed import pressed
from constrainit.doctor._problem import Problem
from constrainit.doctor._rebuilt import note_rebuilt
from constrainit.doctor._reloaded import lost_by_config
from constrainit.doctor._reshaped import reshaped
from constrainit.doctor._rounded_away import rounded_away
from constrainit.doctor._same_inside import same_inside
from constrainit.doctor._scales import unfit
from constrainit.doctor._schedules import ends_early
from constrainit.doctor._severed import severed
from constrainit.doctor._sharp import sharp
from constrainit.doctor._skipping import skipping
from constrainit.doctor._slow import too_slow
from constrainit.doctor._small_exponentials import small_exponentials
from constrainit.doctor._stretches import stretches
from constrainit.doctor._sums_of_shares import sums_of_shares
from constrainit.doctor._training import Training
from constrainit.doctor._transposed import transposed
from constrainit.doctor._turned import turned
from constrainit.doctor._twice import bounded_twice
from constrainit.doctor._uncounted import uncounted
from constrainit.doctor._uncut import uncut
from constrainit.doctor._unfit_batch import widths
from constrainit.doctor._untouched import untouched
from constrainit.doctor._wide_sines import wide_sines
from constrainit.doctor._wide_steps import wide_steps
from constrainit.doctor._windows import windows
from constrainit.doctor._within_reach import within_reach
from constrainit.doctor._written_over import written_over
from constrainit.model import walk


def probe(problem: Problem) -> Evidence:
    """Measures a problem. The model's weights change; the caller restores them."""
    evidence = Evidence(weights=walk(problem.model))
    evidence.trained = has_stepped(problem.model)
    evidence.lost_starts = lost_starts(evidence.weights)
    evidence.unattached = unattached(evidence.weights)
    if problem.came_with is None:
        problem.came_with = {id(r.variable): r.constraint for r in evidence.weights}
    evidence.replaced = replaced(evidence.weights, problem.came_with)
    evidence.misplaced = misplaced(evidence.weights)
    evidence.dropped = dropped(evidence.weights)
    evidence.quantized = quantized(evidence.weights)
    evidence.frozen = frozen_above(problem.model, evidence.weights)
    if not evidence.frozen and not has_own_step(problem.model):
        evidence.frozen = all_frozen(problem.model, evidence.weights)
    note_mapped(problem.model, evidence)
    constraints = Constraints(evidence)
    constraints.run()
    evidence.skipping = skipping(problem) if evidence.constraints else None
    evidence.late = _late(problem, constraints)
    note_own_copies(evidence.constraints)
    note_one_argument(problem.model, evidence.constraints)
    note_rebuilt(problem.model, evidence.constraints)
    evidence.reloaded = lost_by_config(problem.model)
    if not has_own_step(problem.model):
        _usual(problem, constraints, evidence)
        return evidence
    return _own(problem, constraints, evidence)


def _late(problem, constraints):
    """Those of the constraints that were late at first and are in their places."""
    if problem.late is None:
        problem.late = late(problem, constraints)
    return [one for one in problem.late if constraints.of(one.variable) is one.constraint]


def _own(problem, constraints, evidence):
    """A look at the steps of the model's own, with all else if that turns out to be theirs, too."""
    training = OwnTraining(problem, constraints, evidence)
    why = "" if problem.model.compiled else "the model is not compiled"
    if not why:
        training.run()
    said, failed = len(problem.said), training.evidence.faults.get("train_step")
    if failed is not None and problem.drawn:
        why = f"it does not take what was drawn ({failed})"
    if why:
        problem.said.append(f"its own train_step is left out, as {why}: the step is Keras'")
        _usual(problem, constraints, evidence)
        return evidence
    own = training.own
    if training.evidence.losses and failed is None:
        _usual(problem, constraints, evidence)
        own.as_usual = training.is_as_usual(evidence)
    else:
        _called(problem, evidence, problem.trace_outputs)
        evidence.data = describe_data(problem)
    if not own.as_usual:
        del problem.said[said:]
        problem.said.append("the steps are those of its own train_step, and of no other")
        problem.loss_name = "the model's own"
        evidence = training.alone(evidence)
    evidence.own = own
    return evidence


def _usual(problem, constraints, evidence):
    """A look at the steps of `keras.Model`."""
    if not _called(problem, evidence, problem.set_loss):
        return
    evidence.data = describe_data(problem)
    note_atoms(problem, evidence.constraints)
    evidence.cut, evidence.faint = cut_indices(problem), problem.faint
    evidence.scales = unfit(problem)
    evidence.mixed = mixes_examples(problem)
    evidence.plain = plain_tensors(problem)
    evidence.hidden = hidden_weights(problem)
    kept = kept_copies(problem, evidence.weights)
    constraints.hold(problem.assigned)
    pairs, start = copies(evidence.weights), values_of(problem.model) if problem.is_small else []
    evidence.stretches = stretches(problem.model)
    evidence.gains = gains(evidence.weights) if problem.is_small else []
    training, both = Training(problem, constraints, evidence), (problem, evidence)
    _stage(problem, evidence, "gradients", training.run)
    evidence.constants = looked(problem, "constants", nonfinite_constants, *both, otherwise=[])
    evidence.lost_constraints = lost_constraints(problem, evidence)
    evidence.copied, evidence.kept_copies = left_behind(pairs), kept_behind(kept)
    evidence.summed = leaves_by_a_sum(evidence)
    evidence.twice = bounded_twice(evidence, constraints.known)
    if evidence.faults or evidence.fault_step == 0:
        evidence.beyond = beyond(problem)
        evidence.finite_inside = finite_inside(problem, constraints, evidence, start)
    evidence.transposed = transposed(constraints, evidence, start)
    evidence.lost_inside = lost_inside(problem, constraints, evidence, start)
    evidence.same_inside = looked(
        problem, "starts inside", same_inside, problem, constraints, evidence, start,
        otherwise=set(),
    )  # fmt: skip
    evidence.losses_of = looked(problem, "the least loss", describe_losses, *both, otherwise=[])
    evidence.severed = severed(problem, evidence)
    jumps = looked(problem, "jumps of the loss", with_jumps, *both)
    evidence.severed |= {"": jumps} if jumps else {}
    evidence.padded = looked(problem, "padding", padded, *both)
    evidence.masked = looked(problem, "hidden steps", masked, *both)
    evidence.erasing = looked(problem, "what layers let through", erasing, *both, otherwise=[])
    begun = problem, evidence, start
    evidence.rounded_away = looked(problem, "roundings", rounded_away, *begun, otherwise=[])
    evidence.not_skew = looked(problem, "Cayley transforms", not_skew, *begun)
    evidence.uncounted = looked(problem, "losses that do not count", uncounted, *both, otherwise=[])
    evidence.pairs = own_loss_compares_all(problem)
    evidence.turned = looked(problem, "turned losses", turned, *begun, otherwise=[])
    evidence.identities = identities(problem, evidence, start)
    if evidence.fault_step is None:
        of_batch = looked(problem, "numbers of the batch", of_the_batch, *both, otherwise=set())
        evidence.of_batch = of_batch
    if evidence.fault_step is None and not evidence.faults:
        if evidence.losses:
            evidence.endless = looked(
                problem, "a loss without an end", endless, problem, constraints
            )
            evidence.moving = moving(problem)
            evidence.in_prediction = in_prediction(problem, evidence)
        if evidence.mixed is None:
            evidence.mixed = looked(problem, "mixed examples", mixes_later, *both)
        evidence.falling = falling(problem, evidence, start)
        evidence.bending = bending(problem, evidence, start)
        reach = problem, constraints, evidence, start
        evidence.losses_of = looked(
            problem, "how far outputs go", within_reach, *reach, otherwise=evidence.losses_of
        )
        evidence.end = ends_early(problem, evidence, start)
        evidence.slow = too_slow(problem, evidence, start)
        evidence.far_targets = far_targets(problem, evidence, start) or out_of_reach(
            problem, constraints, evidence, start
        )
        # Of weights that have far to go there, the targets are the cause.
        evidence.slow = None if evidence.far_targets else evidence.slow
        evidence.masked = evidence.masked or masked_in_training(problem, evidence, start)
        evidence.clipped = clipped(problem, evidence, start)
        evidence.uncut = uncut(problem, evidence, start)
        evidence.picked_rows = picked_rows(problem, evidence, start)
        evidence.alike = alike(problem, evidence, start)
        evidence.drops = drops_most(problem, start)
        evidence.masked_softmax = masked_softmax(problem, evidence, start)
        evidence.loud_noise = loud_noise(problem, evidence, start)
        evidence.sharp = sharp(problem, evidence, start)
        evidence.windows = windows(problem, evidence, start)
        evidence.small_exponentials = small_exponentials(problem, evidence, start)
        evidence.equal_entries = equal_entries(problem, evidence, start)
        evidence.untouched = untouched(problem, evidence, start)
        evidence.levelled = levelled(problem, evidence, start)
        evidence.wide_sines = wide_sines(problem, evidence, start)
        evidence.reshaped = reshaped(problem, evidence, start)
        evidence.backwards = backwards(problem, evidence, start)
        evidence.exchanged_labels = exchanged_labels(problem, evidence, start)
        evidence.sums_of_shares = looked(problem, "sums of shares", sums_of_shares, *both)
        evidence.costly_truth = costly_truth(problem, evidence, start)
        evidence.hidden = with_trainings(problem, evidence.hidden, start)
        evidence.wide_steps = wide_steps(problem, constraints, evidence, start)
        evidence.pressed = pressed(problem, constraints, evidence, start)
        evidence.ordered_against = ordered_against(problem, constraints, evidence, start)
        evidence.overwrites = overwritten(problem, evidence, start)


def _called(problem, evidence, trace):
    """Traces a call of the model, and notes what goes on in it; whether it does not raise."""
    sound = _stage(problem, evidence, "forward", trace)
    evidence.made, evidence.alone = problem.recording.made, problem.recording.alone
    evidence.lone = problem.recording.lone
    assigned = {id(variable) for variable in problem.assigned}
    evidence.written_over = written_over(evidence.weights)
    computed, others = computed_once(problem, evidence.weights) if sound else ([], [])
    drawn = drawn_anew(problem, computed) if sound else []
    unlike, evidence.drawn_anew = of_weights(others, drawn)
    evidence.to_stay = {(id(made.holder), made.name) for made in others if is_to_stay(made)}
    evidence.computed = with_live_views(computed) + unlike
    evidence.graph_constants = graph_constants(problem.model, evidence.weights)
    evidence.assigned = [r for r in evidence.weights if id(r.variable) in assigned]
    return sound


def _stage(problem: Problem, evidence: Evidence, name: str, run: Any) -> bool:
    """Runs a stage; what it raises becomes evidence."""
    try:
        run()
    # Whatever the user's model raises is what the doctor was called for.
    except Exception as exception:
        raised_in = problem.recording.raised_in
        # A step that is not looked at has no recording.
        raised_in = raised_in or layer_in(
            exception, problem.model._flatten_layers(include_self=False)
        )
        found = fault(exception)
        # What another layer has given may be as wide as the batch.
        wide = None if problem.recording.named else widths(found.message, problem.x)
        evidence.faults[name] = replace(found, layer=raised_in, widths=wide)
        return False
    return True

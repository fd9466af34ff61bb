//! The verdict on a change as the answer states it: what `analyze` computed, in the wire's shape, with bounded lists.

use kino_analyze::verify as analyze;
use kino_wire::compare::Sides;
use kino_wire::verify::{Reason, StructureChange, Verify, VerifyState, VerifyVerdict};

use crate::{compare, errors, to_wire as wire};

/// Reasons in one answer; the deciding ones come first.
const REASONS_MAX: usize = 50;
/// Names of calls on each side of one structural change.
const NAMES_MAX: usize = 20;
/// Structural changes in one answer.
const STRUCTURE_MAX: usize = 50;
/// Kinds of new errors in one answer.
const ERRORS_MAX: usize = 20;
/// Findings of each sort in one answer.
const FINDINGS_MAX: usize = 20;

/// Writes the verdict, its reasons and what was left out into the answer.
pub(super) fn fill(verify: &mut Verify, judged: analyze::Verification, traces: Sides<u64>) {
    let beyond = |length: usize, limit: usize| length.saturating_sub(limit) as u64;
    let left_out = &mut verify.left_out;
    left_out.traces = traces;
    left_out.reasons = beyond(judged.reasons.len(), REASONS_MAX) + beyond(judged.structure.len(), STRUCTURE_MAX);
    left_out.new_errors = beyond(judged.new_errors.len(), ERRORS_MAX);
    left_out.findings = beyond(judged.fixed.len(), FINDINGS_MAX) + beyond(judged.opened.len(), FINDINGS_MAX);
    left_out.findings_undecided = judged.unjudged;
    verify.state = VerifyState::Done;
    verify.verdict = Some(to_wire(judged.verdict));
    verify.reasons = judged.reasons.into_iter().take(REASONS_MAX).map(reason).collect();
    verify.before.executions = judged.comparison.executions_before;
    verify.after.executions = judged.comparison.executions_after;
    verify.comparison = Some(compare::answer(judged.comparison, traces));
    verify.structure = judged.structure.into_iter().take(STRUCTURE_MAX).map(structure).collect();
    verify.new_errors = judged.new_errors.into_iter().take(ERRORS_MAX).map(errors::group_answer).collect();
    verify.findings_fixed = judged.fixed.into_iter().take(FINDINGS_MAX).map(wire::finding).collect();
    verify.findings_opened = judged.opened.into_iter().take(FINDINGS_MAX).map(wire::finding).collect();
}

/// A reason about the whole verification, without numbers.
pub(super) fn plain_reason(code: &str, decides: Option<VerifyVerdict>, text: &str) -> Reason {
    Reason {
        code: code.to_owned(),
        decides,
        operation: String::new(),
        service: String::new(),
        numbers: Vec::new(),
        text: text.to_owned(),
    }
}

pub(super) fn to_wire(verdict: analyze::Verdict) -> VerifyVerdict {
    match verdict {
        analyze::Verdict::Pass => VerifyVerdict::Pass,
        analyze::Verdict::Fail => VerifyVerdict::Fail,
        analyze::Verdict::Undecided => VerifyVerdict::Undecided,
    }
}

fn reason(reason: analyze::Reason) -> Reason {
    let (service, operation) = reason.operation.unwrap_or_default();
    Reason {
        code: reason.code.to_owned(),
        decides: reason.decides.map(to_wire),
        operation,
        service,
        numbers: reason.numbers.iter().map(wire::number).collect(),
        text: reason.text,
    }
}

fn structure(change: analyze::StructureChange) -> StructureChange {
    let left_out = change.appeared.len().saturating_sub(NAMES_MAX) + change.vanished.len().saturating_sub(NAMES_MAX);
    StructureChange {
        service: change.operation.0,
        operation: change.operation.1,
        appeared: change.appeared.into_iter().take(NAMES_MAX).collect(),
        vanished: change.vanished.into_iter().take(NAMES_MAX).collect(),
        left_out: left_out as u64,
    }
}

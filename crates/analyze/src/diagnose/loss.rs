//! What a finding costs: the part of its entry operation's time, executions, calls, tokens or memory that is lost.
//!
//! Where a finding claims a saving, that is the loss. The others are measured by their own numbers.

use super::{Loss, Of};
use crate::execution::Execution;
use crate::finding::{Code, Finding};

/// How many times the median an execution must take to count as slow, as `what_differs` has it.
const SLOW: f64 = 2.0;

/// Whether such a finding says where the time is, or what it follows, and names no cause of it.
pub(super) fn says_where(code: Code) -> bool {
    matches!(code, Code::Bottleneck | Code::DeadTime | Code::LatencyGrowsWithInput)
}

/// Whether such a finding costs neither time nor executions as long as it goes well.
pub(super) fn costs_nothing_now(code: Code) -> bool {
    matches!(code, Code::MemoryGrowth | Code::CacheKeyCollision | Code::TimeoutBudgetExceeded | Code::ErrorCluster)
}

/// What is lost by it in executions of one entry operation.
pub(super) fn of(finding: &Finding, executions: &[Execution<'_, '_>]) -> Option<Loss> {
    let durations: Vec<f64> =
        executions.iter().filter_map(Execution::duration).map(|duration| duration as f64).collect();
    let count = durations.len().max(1) as f64;
    let total: f64 = durations.iter().sum();
    let mean = total / count;
    let part = |part: f64, whole: f64| if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 0.0 };
    let time = |share: f64| Some(Loss { share, of: Of::Time });
    let number =
        |name: &str| finding.numbers.iter().find(|number| number.name == name).map_or(0.0, |number| number.value);
    if let Some(saving) = finding.saving_nanos {
        return time(part(saving as f64, mean));
    }
    let executions = |cases: f64| Some(Loss { share: part(cases, count), of: Of::Executions });
    match finding.code {
        Code::Bottleneck => time(part(number("half_saves"), mean)),
        Code::DeadTime => time(number("share").clamp(0.0, 1.0)),
        Code::LatencyGrowsWithInput => time(part(mean - number("at_smallest"), mean)),
        Code::TimeoutCluster => time(part(number("timeouts") * number("limit"), total)),
        Code::TimeoutBudgetExceeded => executions(number("cases")),
        Code::Deadlock => executions(number("waiting")),
        Code::BrokenTrace => executions(number("traces")),
        Code::ErrorCluster => executions(number("executions_failed")),
        Code::RateLimited => Some(Loss { share: part(number("refusals"), number("requests")), of: Of::Calls }),
        Code::LlmTokenWaste => {
            let wasted = number("tokens_sent_again").max(number("tokens_in_question"));
            Some(Loss { share: part(wasted, number("tokens_sent")), of: Of::Tokens })
        }
        Code::MemoryGrowth => {
            Some(Loss { share: part(number("last") - number("first"), number("last")), of: Of::Memory })
        }
        Code::WhatDiffers => time(part(excess(&durations), total)),
        // The answers, or the times, are wrong wherever it applies.
        Code::CacheKeyCollision | Code::ClockSkew => Some(Loss { share: 1.0, of: Of::Executions }),
        _ => None,
    }
}

/// The time that slow executions take beyond the median.
fn excess(durations: &[f64]) -> f64 {
    let mut sorted = durations.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = crate::statistics::quantile_f64(&sorted, 0.5);
    durations.iter().filter(|duration| **duration > SLOW * median).map(|duration| duration - median).sum()
}

//! A figure: what was measured, what was hoped for, what came out; and quantiles of repeated measurements.

use std::time::{Duration, Instant};

/// One line of the report.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// What was measured.
    pub what: String,
    /// What the design hopes for; empty where it says nothing.
    pub goal: String,
    /// What came out.
    pub measured: String,
    /// Whether the goal is met; `None` without a goal.
    pub met: Option<bool>,
}

impl Figure {
    /// A figure without a goal.
    pub(crate) fn plain(what: impl Into<String>, measured: impl Into<String>) -> Self {
        Self { what: what.into(), goal: String::new(), measured: measured.into(), met: None }
    }

    /// A figure with a goal.
    pub(crate) fn with_goal(what: impl Into<String>, goal: &str, measured: impl Into<String>, met: bool) -> Self {
        Self { what: what.into(), goal: goal.into(), measured: measured.into(), met: Some(met) }
    }
}

/// Durations of one thing done again and again.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Duration>);

impl Samples {
    /// Does `work` and keeps how long it took.
    pub(crate) fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let started = now();
        let done = work();
        self.0.push(started.elapsed());
        done
    }

    /// The value that a share `quantile` of the samples does not exceed (nearest rank).
    pub(crate) fn quantile(&self, quantile: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (quantile * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or_default()
    }

    /// `p50 A, p95 B, p99 C (n)`.
    pub(crate) fn summary(&self) -> String {
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|quantile| millis(self.quantile(quantile)));
        format!("p50 {p50}, p95 {p95}, p99 {p99} (n={})", self.0.len())
    }
}

/// Real time: what a benchmark is for.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// `1.23 ms`.
pub(crate) fn millis(duration: Duration) -> String {
    kino_model::DurationNanos(duration.as_nanos() as i64).to_string()
}

/// `12,345,678`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

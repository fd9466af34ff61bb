//! What the engine counts about itself since it started: for `kino status` and `/metrics`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Upper ends of the histogram's buckets, in seconds: from a memory copy to a disk that is far behind.
pub const APPEND_BUCKETS_SECONDS: [f64; 12] =
    [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5];

/// Counters since the start.
#[derive(Debug, Default)]
pub struct Metrics {
    pub(crate) spans: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) links: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) spans_evaluated: AtomicU64,
    pub(crate) evaluation_nanos: AtomicU64,
    pub(crate) traces_dropped: AtomicU64,
    refused: Mutex<BTreeMap<&'static str, u64>>,
    append_buckets: [AtomicU64; APPEND_BUCKETS_SECONDS.len()],
    append_count: AtomicU64,
    append_nanos: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsSnapshot {
    /// Rows acknowledged, by table.
    pub accepted: BTreeMap<&'static str, u64>,
    /// Bytes of request bodies taken in, decompressed.
    pub bytes: u64,
    /// Requests taken in.
    pub requests: u64,
    /// Requests that were refused whole, by reason.
    pub refused: BTreeMap<&'static str, u64>,
    /// Appends no longer than each of [`APPEND_BUCKETS_SECONDS`]; cumulative.
    pub append_buckets: Vec<u64>,
    /// Spans evaluated for findings.
    pub spans_evaluated: u64,
    /// The time of these evaluations, loading included.
    pub evaluation_time: Duration,
    /// Traces that arrived faster than they could be evaluated, and were not.
    pub traces_dropped: u64,
    pub append_count: u64,
    /// Their time.
    pub append_time: Duration,
}

impl Metrics {
    /// Counts a request that was refused whole.
    pub fn refuse(&self, reason: &'static str) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(reason).or_default() += 1;
    }

    pub(crate) fn appended(&self, nanos: u64) {
        self.append_count.fetch_add(1, Ordering::Relaxed);
        self.append_nanos.fetch_add(nanos, Ordering::Relaxed);
        let seconds = nanos as f64 / 1e9;
        for (bucket, end) in self.append_buckets.iter().zip(APPEND_BUCKETS_SECONDS) {
            if seconds <= end {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// The counters now.
    pub fn snapshot(&self) -> MetricsSnapshot {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let accepted = [("spans", &self.spans), ("events", &self.events), ("links", &self.links)];
        MetricsSnapshot {
            accepted: accepted.into_iter().map(|(name, counter)| (name, load(counter))).collect(),
            bytes: load(&self.bytes),
            requests: load(&self.requests),
            spans_evaluated: load(&self.spans_evaluated),
            evaluation_time: Duration::from_nanos(load(&self.evaluation_nanos)),
            traces_dropped: load(&self.traces_dropped),
            refused: self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            append_buckets: self.append_buckets.iter().map(load).collect(),
            append_count: load(&self.append_count),
            append_time: Duration::from_nanos(load(&self.append_nanos)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_append_counts_in_every_bucket_that_it_fits() {
        let metrics = Metrics::default();
        metrics.appended(2_000_000);
        let snapshot = metrics.snapshot();
        let fits: Vec<bool> = APPEND_BUCKETS_SECONDS.iter().map(|end| *end >= 0.002).collect();
        assert_eq!(snapshot.append_buckets, fits.iter().map(|fits| u64::from(*fits)).collect::<Vec<_>>());
        assert_eq!((snapshot.append_count, snapshot.append_time), (1, Duration::from_millis(2)));
    }
}

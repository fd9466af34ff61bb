//! Judges each record alone: what is refused, what is mended, and under which name.
//!
//! | name | what happens |
//! |---|---|
//! | `invalid_trace_id`, `invalid_span_id` | all zero or of a wrong length: the span is refused |
//! | `invalid_parent_span_id` | of a wrong length: the span is kept as a root |
//! | `invalid_link` | a link without valid ids is dropped, its span is kept |
//! | `invalid_log_ids` | ids of a wrong length: the log is kept outside any trace |
//! | `end_before_start` | the end is set to the start |
//! | `start_time_missing` | the start is set to the end, or to the time of arrival |
//! | `time_out_of_range` | beyond the year 2262: clamped to it |
//! | `time_in_future`, `time_before_2000` | kept as they are |
//! | `unknown_span_kind`, `unknown_status_code` | read as unspecified, unset |
//! | `invalid_utf8` | replaced by U+FFFD |
//! | `value_too_deep` | nested deeper than the model keeps: left empty |
//! | `value_cut` | longer than the limit: cut |

use kino_model::exact::any_value::Faults;
use kino_model::{SpanId, SpanKind, StatusCode, TraceId, UnixNanos, Value};

use crate::{Issues, Limits};

/// The first day of the year 2000. Earlier times come from unset clocks.
const YEAR_2000: i64 = 946_684_800_000_000_000;

/// A judge of one body.
#[derive(Debug)]
pub(crate) struct Judge<'l> {
    limits: &'l Limits,
    pub issues: Issues,
}

impl<'l> Judge<'l> {
    pub(crate) fn new(limits: &'l Limits) -> Self {
        Self { limits, issues: Issues::default() }
    }

    /// A span's ids; `None` refuses it.
    pub(crate) fn ids(&mut self, trace_id: &[u8], span_id: &[u8], name: impl AsRef<[u8]>) -> Option<(TraceId, SpanId)> {
        let name = || String::from_utf8_lossy(name.as_ref());
        let Some(trace) = TraceId::from_slice(trace_id).filter(|id| !id.is_zero()) else {
            self.issues
                .add("invalid_trace_id", || format!("span {:?} has a trace id of {} bytes", name(), trace_id.len()));
            return None;
        };
        let Some(span) = SpanId::from_slice(span_id).filter(|id| !id.is_zero()) else {
            self.issues
                .add("invalid_span_id", || format!("span {:?} has a span id of {} bytes", name(), span_id.len()));
            return None;
        };
        Some((trace, span))
    }

    pub(crate) fn parent(&mut self, parent: &[u8]) -> Option<SpanId> {
        let id = SpanId::from_slice(parent);
        if id.is_none() && !parent.is_empty() {
            self.issues.add("invalid_parent_span_id", || format!("{} bytes", parent.len()));
        }
        id.filter(|id| !id.is_zero())
    }

    pub(crate) fn link_ids(&mut self, trace_id: &[u8], span_id: &[u8]) -> Option<(TraceId, SpanId)> {
        let ids = TraceId::from_slice(trace_id).zip(SpanId::from_slice(span_id));
        let ids = ids.filter(|(trace, span)| !trace.is_zero() && !span.is_zero());
        if ids.is_none() {
            self.issues.add("invalid_link", || format!("ids of {} and {} bytes", trace_id.len(), span_id.len()));
        }
        ids
    }

    pub(crate) fn log_ids(&mut self, trace_id: &[u8], span_id: &[u8]) -> (Option<TraceId>, Option<SpanId>) {
        let (trace, span) = (TraceId::from_slice(trace_id), SpanId::from_slice(span_id));
        if (trace.is_none() && !trace_id.is_empty()) || (span.is_none() && !span_id.is_empty()) {
            self.issues.add("invalid_log_ids", || format!("{} and {} bytes", trace_id.len(), span_id.len()));
        }
        (trace.filter(|id| !id.is_zero()), span.filter(|id| !id.is_zero()))
    }

    /// A span's start and end; an end of zero is unset: the span is open.
    pub(crate) fn span_times(&mut self, start: u64, end: u64) -> (UnixNanos, Option<UnixNanos>) {
        let end = (end != 0).then(|| self.time(end));
        let start = if start == 0 {
            self.issues.add("start_time_missing", || "a span without a start".to_owned());
            end.unwrap_or(self.limits.now)
        } else {
            self.time(start)
        };
        match end {
            Some(end) if end < start => {
                self.issues.add("end_before_start", || format!("a span ends {} before it starts", start.since(end)));
                (start, Some(start))
            }
            other => (start, other),
        }
    }

    /// A time that a sender may leave unset or take from elsewhere: only what cannot be kept is named.
    pub(crate) fn time_within_range(&mut self, nanos: u64) -> UnixNanos {
        if i64::try_from(nanos).is_err() {
            self.issues.add("time_out_of_range", || format!("{nanos} ns"));
        }
        UnixNanos::from_u64(nanos)
    }

    pub(crate) fn time(&mut self, nanos: u64) -> UnixNanos {
        let time = self.time_within_range(nanos);
        if i64::try_from(nanos).is_err() {
            return time;
        }
        if time.0 < YEAR_2000 {
            self.issues.add("time_before_2000", || format!("{nanos} ns"));
        } else if self.limits.now.0 > 0 && time.since(self.limits.now) > self.limits.ahead_max {
            self.issues.add("time_in_future", || format!("{nanos} ns"));
        }
        time
    }

    pub(crate) fn kind(&mut self, number: i64) -> SpanKind {
        SpanKind::from_number(number).unwrap_or_else(|| {
            self.issues.add("unknown_span_kind", || number.to_string());
            SpanKind::Unspecified
        })
    }

    pub(crate) fn status(&mut self, number: i64) -> StatusCode {
        StatusCode::from_number(number).unwrap_or_else(|| {
            self.issues.add("unknown_status_code", || number.to_string());
            StatusCode::Unset
        })
    }

    /// Texts up to this length stay whole.
    pub(crate) fn value_bytes_max(&self) -> usize {
        self.limits.value_bytes_max
    }

    /// Cuts texts past the limit, however deep they lie.
    pub(crate) fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) if text.len() > self.limits.value_bytes_max => {
                self.issues.add("value_cut", || format!("{} bytes", text.len()));
                text.truncate(text.floor_char_boundary(self.limits.value_bytes_max));
            }
            Value::Bytes(bytes) if bytes.len() > self.limits.value_bytes_max => {
                self.issues.add("value_cut", || format!("{} bytes", bytes.len()));
                bytes.truncate(self.limits.value_bytes_max);
            }
            Value::Array(members) => members.iter_mut().for_each(|member| self.value(member)),
            Value::Map(members) => members.iter_mut().for_each(|(_, member)| self.value(member)),
            _ => {}
        }
    }

    pub(crate) fn faults(&mut self, faults: Faults) {
        self.issues.add_many("invalid_utf8", faults.invalid_utf8, || "text that is not UTF-8".to_owned());
        self.issues.add_many("value_too_deep", faults.too_deep, || "a value nested too deep".to_owned());
    }
}

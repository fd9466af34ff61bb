//! Judges each record alone: what is refused, what is mended, and under which name.
//!
//! | name | what happens |
//! |---|---|
//! | `invalid_trace_id`, `invalid_span_id` | all zero or of a wrong length: the span is refused |
//! | `invalid_parent_span_id` | of a wrong length: the span becomes a root |
//! | `invalid_link` | a link without valid ids is dropped, its span is not |
//! | `invalid_log_ids` | ids of a wrong length: the log belongs to no trace |
//! | `end_before_start` | the end is set to the start |
//! | `start_time_missing` | the start is set to the end, or to the time of arrival |
//! | `time_out_of_range` | beyond the year 2262: clamped to it |
//! | `time_in_future`, `time_before_2000` | stored as they are |
//! | `unknown_span_kind`, `unknown_status_code` | read as unspecified, unset |
//! | `invalid_utf8` | replaced by U+FFFD |
//! | `value_too_deep` | nested deeper than the model stores: left empty |
//! | `value_cut` | longer than the limit: cut |
//! | `attributes_cut` | more attributes than the limit: the last are left out, and count as dropped in the record |

use kino_model::exact::any_value::Faults;
use kino_model::{Attributes, SpanId, SpanKind, StatusCode, TraceId, UnixNanos, Value};

use crate::{Issues, Limits};

/// An id as it was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum RawId<'a> {
    /// In binary.
    Bytes(&'a [u8]),
    /// In hex.
    Text(&'a str),
}

impl RawId<'_> {
    fn trace(self) -> Option<TraceId> {
        match self {
            Self::Bytes(bytes) => TraceId::from_slice(bytes),
            Self::Text(text) => text.parse().ok(),
        }
    }

    fn span(self) -> Option<SpanId> {
        match self {
            Self::Bytes(bytes) => SpanId::from_slice(bytes),
            Self::Text(text) => text.parse().ok(),
        }
    }

    fn is_empty(self) -> bool {
        match self {
            Self::Bytes(bytes) => bytes.is_empty(),
            Self::Text(text) => text.is_empty(),
        }
    }

    /// What keeps it from being an id of `length` bytes other than zero.
    fn fault(self, length: usize) -> String {
        match self {
            _ if self.is_empty() => "it is missing".to_owned(),
            Self::Bytes(bytes) if bytes.len() != length => format!("it has {} bytes instead of {length}", bytes.len()),
            Self::Text(text) if text.chars().count() != 2 * length => {
                format!("it has {} characters instead of {} hex digits", text.chars().count(), 2 * length)
            }
            Self::Text(text) if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                "it has characters other than hexadecimal digits".to_owned()
            }
            _ => "it is all zeros".to_owned(),
        }
    }
}

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
    pub(crate) fn ids(
        &mut self,
        trace_id: RawId<'_>,
        span_id: RawId<'_>,
        name: impl AsRef<[u8]>,
    ) -> Option<(TraceId, SpanId)> {
        let of = || format!("of span {:?}", String::from_utf8_lossy(name.as_ref()));
        let Some(trace) = trace_id.trace().filter(|id| !id.is_zero()) else {
            self.issues.add("invalid_trace_id", || format!("{}, {}", trace_id.fault(TraceId::LEN), of()));
            return None;
        };
        let Some(span) = span_id.span().filter(|id| !id.is_zero()) else {
            self.issues.add("invalid_span_id", || format!("{}, {}", span_id.fault(SpanId::LEN), of()));
            return None;
        };
        Some((trace, span))
    }

    pub(crate) fn parent(&mut self, parent: RawId<'_>) -> Option<SpanId> {
        let id = parent.span();
        if id.is_none() && !parent.is_empty() {
            self.issues.add("invalid_parent_span_id", || parent.fault(SpanId::LEN));
        }
        id.filter(|id| !id.is_zero())
    }

    pub(crate) fn link_ids(&mut self, trace_id: RawId<'_>, span_id: RawId<'_>) -> Option<(TraceId, SpanId)> {
        let trace = trace_id.trace().filter(|id| !id.is_zero());
        let span = span_id.span().filter(|id| !id.is_zero());
        if trace.is_none() {
            self.issues.add("invalid_link", || format!("its trace id: {}", trace_id.fault(TraceId::LEN)));
        } else if span.is_none() {
            self.issues.add("invalid_link", || format!("its span id: {}", span_id.fault(SpanId::LEN)));
        }
        trace.zip(span)
    }

    pub(crate) fn log_ids(&mut self, trace_id: RawId<'_>, span_id: RawId<'_>) -> (Option<TraceId>, Option<SpanId>) {
        let (trace, span) = (trace_id.trace(), span_id.span());
        if trace.is_none() && !trace_id.is_empty() {
            self.issues.add("invalid_log_ids", || format!("its trace id: {}", trace_id.fault(TraceId::LEN)));
        } else if span.is_none() && !span_id.is_empty() {
            self.issues.add("invalid_log_ids", || format!("its span id: {}", span_id.fault(SpanId::LEN)));
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

    /// A time that a sender may leave unset or take from elsewhere: only a time out of range is counted.
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

    /// Leaves out a record's attributes past the limit: they join those that the sender dropped itself.
    pub(crate) fn attributes(&mut self, attributes: &mut Attributes, dropped: &mut u32) {
        attributes.truncate(self.attributes_within(attributes.len(), dropped));
    }

    /// How many of a record's attributes stay; as [`Self::attributes`].
    pub(crate) fn attributes_within(&mut self, all: usize, dropped: &mut u32) -> usize {
        let max = self.limits.attributes_max;
        if all > max {
            self.issues.add_many("attributes_cut", (all - max) as u64, || format!("a record has {all} of them"));
            *dropped = dropped.saturating_add(u32::try_from(all - max).unwrap_or(u32::MAX));
        }
        all.min(max)
    }

    /// Cuts texts past the limit, however deep they lie.
    pub(crate) fn value(&mut self, value: &mut Value) {
        match value {
            Value::String(text) if text.len() > self.limits.value_bytes_max => {
                self.issues.add("value_cut", || format!("{} bytes", text.len()));
                *text = text[..text.floor_char_boundary(self.limits.value_bytes_max)].into();
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

//! An endless stream of OTLP requests, fast enough that a benchmark measures the receiver and not its own sender.
//!
//! Requests are encoded once as templates; each is sent again with fresh ids and later times written over the old ones.

use std::collections::{HashMap, VecDeque};

use kino_model::{Span, SpanId, TraceId, UnixNanos};

use crate::otlp::{Offsets, traces_request_with_offsets};
use crate::random::mix;
use crate::shop::Shop;

/// How many spans a request holds: the batch size that OpenTelemetry's SDKs use by default.
pub const SPANS_PER_REQUEST: usize = 512;

/// How many requests later comes what comes late or again: more spans than a store gathers before it writes a file.
const LATER_REQUESTS: u64 = 600;
/// Requests whose late roots are sent as one.
const ROOTS_TOGETHER: u64 = 64;

/// What does not come once and whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unrest {
    /// Of a hundred traces, how many have a root that comes long after the rest.
    pub split_percent: u64,
    /// Of a hundred requests, how many come once more, long after.
    pub doubled_percent: u64,
}

/// Requests without end.
#[derive(Debug)]
pub struct RequestStream {
    templates: Vec<Template>,
    sent: u64,
    seed: u64,
    unrest: Unrest,
    /// What comes later, with after how many requests, and its number of spans.
    later: VecDeque<(u64, Vec<u8>, usize)>,
    /// Roots that are gathered for one later request.
    roots: (Vec<u8>, usize),
    /// The later request that was given last.
    given: Vec<u8>,
    /// What each round of all templates adds to every time.
    round_nanos: i64,
}

#[derive(Debug)]
struct Template {
    now: StreamPart,
    /// The roots that come late.
    late: StreamPart,
}

/// A request, or a part of one.
#[derive(Debug)]
struct StreamPart {
    bytes: Vec<u8>,
    patches: Vec<Patch>,
    spans: usize,
}

/// One span's offsets, with the values that the template has there.
#[derive(Debug)]
struct Patch {
    at: Offsets,
    trace_id: u64,
    span_id: u64,
    parent_span_id: u64,
    start: i64,
    end: i64,
}

impl RequestStream {
    /// A stream of `templates` distinct requests (each of about [`SPANS_PER_REQUEST`] spans in whole traces) that
    /// repeat with fresh ids, from `now` on.
    pub fn new(seed: u64, templates: usize, now: UnixNanos) -> Self {
        Self::with_unrest(seed, templates, now, Unrest::default())
    }

    /// As [`RequestStream::new`], with roots that come late and requests that come again.
    pub fn with_unrest(seed: u64, templates: usize, now: UnixNanos, unrest: Unrest) -> Self {
        let mut shop = Shop::new(seed, now);
        let templates: Vec<_> = (0..templates).map(|_| Template::new(&mut shop, unrest.split_percent)).collect();
        let starts = templates.iter().flat_map(|template| template.now.patches.iter().map(|patch| patch.start));
        let latest = starts.max().unwrap_or(now.0);
        Self {
            templates,
            sent: 0,
            seed: mix(seed),
            unrest,
            later: VecDeque::new(),
            roots: (Vec::new(), 0),
            given: Vec::new(),
            round_nanos: latest - now.0 + 1_000_000,
        }
    }

    /// The next request's bytes, with how many spans it holds.
    pub fn next_request(&mut self) -> (&[u8], usize) {
        if self.later.front().is_some_and(|(due, ..)| *due <= self.sent)
            && let Some((_, bytes, spans)) = self.later.pop_front()
        {
            self.given = bytes;
            return (&self.given, spans);
        }
        let count = self.templates.len() as u64;
        let round = self.sent / count;
        let template = &mut self.templates[(self.sent % count) as usize];
        self.sent += 1;
        let salt = mix(self.seed ^ round);
        template.now.patch(salt, self.round_nanos * round as i64);
        let due = self.sent + LATER_REQUESTS;
        if mix(self.sent) % 100 < self.unrest.doubled_percent {
            self.later.push_back((due, template.now.bytes.clone(), template.now.spans));
        }
        if template.late.spans > 0 {
            template.late.patch(salt, self.round_nanos * round as i64);
            // Messages of protobuf that follow each other are one with the members of both.
            self.roots.0.extend_from_slice(&template.late.bytes);
            self.roots.1 += template.late.spans;
            if self.sent.is_multiple_of(ROOTS_TOGETHER) {
                let (bytes, spans) = std::mem::take(&mut self.roots);
                self.later.push_back((due, bytes, spans));
            }
        }
        (&template.now.bytes, template.now.spans)
    }

    /// What would come later, now; `None` when all of it has come.
    pub fn next_late(&mut self) -> Option<(&[u8], usize)> {
        let (bytes, spans) = match self.later.pop_front() {
            Some((_, bytes, spans)) => (bytes, spans),
            None => std::mem::take(&mut self.roots),
        };
        self.given = bytes;
        (spans > 0).then_some((&self.given, spans))
    }

    /// The trace ids of the request that [`Self::next_request`] gave last, each once.
    pub fn last_trace_ids(&self) -> Vec<TraceId> {
        let last = (self.sent.saturating_sub(1) % self.templates.len() as u64) as usize;
        let template = &self.templates[last].now;
        let mut ids: Vec<_> = template.patches.iter().map(|patch| template.trace_id_at(patch)).collect();
        ids.dedup();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

impl Template {
    fn new(shop: &mut Shop, split_percent: u64) -> Self {
        let mut spans = Vec::with_capacity(SPANS_PER_REQUEST + 64);
        while spans.len() < SPANS_PER_REQUEST {
            spans.extend(shop.next_trace());
        }
        let is_late = |span: &Span| span.parent_span_id.is_none() && mix(number(span.span_id.0)) % 100 < split_percent;
        let (late, now): (Vec<Span>, Vec<Span>) = spans.into_iter().partition(is_late);
        let numbers: HashMap<SpanId, u64> =
            now.iter().chain(&late).map(|span| (span.span_id, number(span.span_id.0))).collect();
        Self { now: StreamPart::new(&now, &numbers), late: StreamPart::new(&late, &numbers) }
    }
}

impl StreamPart {
    fn new(spans: &[Span], numbers: &HashMap<SpanId, u64>) -> Self {
        let (bytes, offsets) = traces_request_with_offsets(spans);
        let patches = offsets.into_iter().map(|(index, at)| {
            let span = &spans[index];
            Patch {
                at,
                trace_id: u64::from_be_bytes(span.trace_id.0[..8].try_into().expect("eight of sixteen bytes")),
                span_id: numbers[&span.span_id],
                parent_span_id: span.parent_span_id.map_or(0, |parent| number(parent.0)),
                start: span.start.0,
                end: span.end.unwrap_or(span.start).0,
            }
        });
        Self { patches: patches.collect(), bytes, spans: spans.len() }
    }

    fn patch(&mut self, salt: u64, later_nanos: i64) {
        for patch in &self.patches {
            let trace = mix(patch.trace_id ^ salt);
            let mut write = |at: usize, bytes: [u8; 8]| self.bytes[at..at + 8].copy_from_slice(&bytes);
            write(patch.at.trace_id, trace.to_be_bytes());
            write(patch.at.trace_id + 8, mix(trace).to_be_bytes());
            write(patch.at.span_id, (mix(patch.span_id ^ salt) | 1).to_be_bytes());
            if let Some(at) = patch.at.parent_span_id {
                write(at, (mix(patch.parent_span_id ^ salt) | 1).to_be_bytes());
            }
            write(patch.at.start, (patch.start + later_nanos).to_le_bytes());
            write(patch.at.end, (patch.end + later_nanos).to_le_bytes());
        }
    }

    fn trace_id_at(&self, patch: &Patch) -> TraceId {
        TraceId::from_slice(&self.bytes[patch.at.trace_id..patch.at.trace_id + 16]).expect("sixteen bytes")
    }
}

fn number(id: [u8; 8]) -> u64 {
    u64::from_be_bytes(id)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn late_roots_and_doubled_requests_come_in_their_share_and_all_in_the_end() {
        let start = UnixNanos(1_700_000_000_000_000_000);
        let mut plain = RequestStream::new(1, 40, start);
        let expected: usize = (0..2_000).map(|_| plain.next_request().1).sum();
        let unrest = Unrest { split_percent: 20, doubled_percent: 5 };
        let mut stream = RequestStream::with_unrest(1, 40, start, unrest);
        let mut spans = 0;
        while stream.sent < 2_000 {
            spans += stream.next_request().1;
        }
        assert!(spans < expected * 104 / 100, "some are yet to come");
        while let Some((request, count)) = stream.next_late() {
            assert!(!request.is_empty());
            spans += count;
        }
        let more = spans as f64 / expected as f64 - 1.0;
        assert!((0.03..0.07).contains(&more), "{more} come twice");
        let roots: usize = stream.templates.iter().map(|template| template.late.spans).sum();
        let traces: usize = (0..40)
            .map(|_| {
                plain.next_request();
                plain.last_trace_ids().len()
            })
            .sum();
        let share = roots as f64 / traces as f64;
        assert!((0.12..0.28).contains(&share), "{share} are split");
    }

    #[test]
    fn no_id_comes_twice() {
        let mut stream = RequestStream::new(1, 3, UnixNanos(1_700_000_000_000_000_000));
        let mut seen = HashSet::new();
        let mut bytes = 0;
        let mut spans = 0;
        for _ in 0..12 {
            let (request, count) = stream.next_request();
            bytes += request.len();
            spans += count;
            for id in stream.last_trace_ids() {
                assert!(seen.insert(id), "{id} again");
            }
        }
        let mean = bytes / spans;
        assert!((250..=450).contains(&mean), "{mean} bytes a span");
    }
}

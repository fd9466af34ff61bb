//! An endless stream of OTLP requests, fast enough that a benchmark measures the receiver and not its own sender.
//!
//! Requests are encoded once as templates; each is sent again with fresh ids and later times written over the old ones.

use std::collections::HashMap;

use kino_model::{SpanId, TraceId, UnixNanos};

use crate::otlp::{Offsets, traces_request_with_offsets};
use crate::random::mix;
use crate::shop::Shop;

/// How many spans a request holds: the batch size that OpenTelemetry's SDKs use by default.
pub const SPANS_PER_REQUEST: usize = 512;

/// Requests without end.
#[derive(Debug)]
pub struct RequestStream {
    templates: Vec<Template>,
    sent: u64,
    seed: u64,
    /// What each round of all templates adds to every time.
    round_nanos: i64,
}

#[derive(Debug)]
struct Template {
    bytes: Vec<u8>,
    patches: Vec<Patch>,
    spans: usize,
}

/// One span's places, with what stands there in the template.
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
        let mut shop = Shop::new(seed, now);
        let templates: Vec<_> = (0..templates).map(|_| Template::new(&mut shop)).collect();
        let starts = templates.iter().flat_map(|template| template.patches.iter().map(|patch| patch.start));
        let latest = starts.max().unwrap_or(now.0);
        Self { templates, sent: 0, seed: mix(seed), round_nanos: latest - now.0 + 1_000_000 }
    }

    /// The next request's bytes, with how many spans it holds.
    pub fn next_request(&mut self) -> (&[u8], usize) {
        let count = self.templates.len() as u64;
        let round = self.sent / count;
        let template = &mut self.templates[(self.sent % count) as usize];
        self.sent += 1;
        let salt = mix(self.seed ^ round);
        template.patch(salt, self.round_nanos * round as i64);
        (&template.bytes, template.spans)
    }

    /// The trace ids of the request that [`Self::next_request`] gave last, each once.
    pub fn last_trace_ids(&self) -> Vec<TraceId> {
        let last = (self.sent.saturating_sub(1) % self.templates.len() as u64) as usize;
        let template = &self.templates[last];
        let mut ids: Vec<_> = template.patches.iter().map(|patch| template.trace_id_at(patch)).collect();
        ids.dedup();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

impl Template {
    fn new(shop: &mut Shop) -> Self {
        let mut spans = Vec::with_capacity(SPANS_PER_REQUEST + 64);
        while spans.len() < SPANS_PER_REQUEST {
            spans.extend(shop.next_trace());
        }
        let (bytes, offsets) = traces_request_with_offsets(&spans);
        let numbers: HashMap<SpanId, u64> = spans.iter().map(|span| (span.span_id, number(span.span_id.0))).collect();
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

//! The load: batches that follow from their number, a book of what was acknowledged, and workers that never give up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;

use super::engine::{ANSWER_LIMIT, Addresses, ask};
use crate::random::mix;

/// Traces in one request.
pub(super) const TRACES_PER_BATCH: usize = 5;
pub(super) const SPANS_PER_TRACE: usize = 40;
/// The first span's start: a recent year, so that no clock window minds.
const START: u64 = 1_760_000_000_000_000_000;
/// A worker's pause after a refusal.
const PAUSE: Duration = Duration::from_millis(20);
/// Batches acknowledged in one life after which the load slows down: all of them are looked at in the end.
const FULL_SPEED_BATCHES: usize = 100;
/// A worker's pause from then on.
const PACE: Duration = Duration::from_millis(100);
/// The pause between two asked flushes.
const FLUSH_PAUSE: Duration = Duration::from_millis(120);

/// What was sent and what was acknowledged.
#[derive(Debug)]
pub(super) struct Book {
    seed: u64,
    next: u64,
    /// Sent and not acknowledged, to be sent again.
    open: Vec<u64>,
    acknowledged: Vec<u64>,
    life: usize,
    resent: u64,
}

impl Book {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, next: 0, open: Vec::new(), acknowledged: Vec::new(), life: 0, resent: 0 }
    }

    pub(super) fn begin_life(&mut self) {
        self.life = self.acknowledged.len();
    }

    pub(super) fn acknowledged(&self) -> &[u64] {
        &self.acknowledged
    }

    pub(super) fn of_last_life(&self) -> &[u64] {
        &self.acknowledged[self.life..]
    }

    pub(super) fn resent(&self) -> u64 {
        self.resent
    }

    fn take(&mut self) -> u64 {
        if let Some(batch) = self.open.pop() {
            self.resent += 1;
            return batch;
        }
        self.next += 1;
        self.next
    }

    fn trace(&self, batch: u64, trace: usize) -> [u8; 16] {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&mix(self.seed ^ mix(batch * 64 + trace as u64)).to_be_bytes());
        id[8..].copy_from_slice(&batch.to_be_bytes());
        id
    }

    pub(super) fn trace_ids(&self, batch: u64) -> Vec<String> {
        (0..TRACES_PER_BATCH).map(|trace| hex(&self.trace(batch, trace))).collect()
    }

    pub(super) fn span_keys(&self, batch: u64) -> Vec<(String, String)> {
        let traces = self.trace_ids(batch);
        traces
            .into_iter()
            .flat_map(|trace| (0..SPANS_PER_TRACE).map(move |span| (trace.clone(), hex(&span_id(span)))))
            .collect()
    }

    /// An OTLP `ExportTraceServiceRequest`.
    fn body(&self, batch: u64) -> Vec<u8> {
        let mut scope_spans = Vec::new();
        for trace in 0..TRACES_PER_BATCH {
            let trace_id = self.trace(batch, trace);
            for span in 0..SPANS_PER_TRACE {
                field(&mut scope_spans, 2, &span_message(trace_id, span, batch));
            }
        }
        let mut service = Vec::new();
        field(&mut service, 1, b"service.name");
        let mut value = Vec::new();
        field(&mut value, 1, b"crash-test");
        field(&mut service, 2, &value);
        let mut resource = Vec::new();
        field(&mut resource, 1, &service);
        let mut resource_spans = Vec::new();
        field(&mut resource_spans, 1, &resource);
        field(&mut resource_spans, 2, &scope_spans);
        let mut request = Vec::new();
        field(&mut request, 1, &resource_spans);
        request
    }
}

fn span_id(span: usize) -> [u8; 8] {
    (span as u64 + 1).to_be_bytes()
}

fn span_message(trace_id: [u8; 16], span: usize, batch: u64) -> Vec<u8> {
    let start = START + batch * 1_000_000 + span as u64 * 1_000;
    let mut message = Vec::new();
    field(&mut message, 1, &trace_id);
    field(&mut message, 2, &span_id(span));
    if span > 0 {
        field(&mut message, 4, &span_id(span / 2));
    }
    field(&mut message, 5, format!("step {}", span % 7).as_bytes());
    message.extend([6 << 3, 1]);
    fixed64(&mut message, 7, start);
    fixed64(&mut message, 8, start + 500 + mix(batch ^ span as u64) % 1_000_000);
    message
}

/// A length-delimited field.
fn field(out: &mut Vec<u8>, number: u8, content: &[u8]) {
    out.push(number << 3 | 2);
    let mut length = content.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(content);
}

fn fixed64(out: &mut Vec<u8>, number: u8, value: u64) {
    out.push(number << 3 | 1);
    out.extend(value.to_le_bytes());
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).expect("four bits are one hex digit");
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// Sends batches until the engine is gone, and puts back what was not acknowledged.
pub(super) fn send_until(over: &AtomicBool, addresses: &Addresses, book: &Mutex<&mut Book>) {
    let book = || book.lock().unwrap_or_else(PoisonError::into_inner);
    let url = format!("http://{}/v1/traces", addresses.otlp);
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(ANSWER_LIMIT)).http_status_as_error(false).build().into();
    while !over.load(Ordering::Acquire) {
        let (batch, body) = {
            let mut book = book();
            let batch = book.take();
            (batch, book.body(batch))
        };
        let answer = agent.post(&url).header("Content-Type", "application/x-protobuf").send(&body[..]);
        let mut book = book();
        match answer {
            Ok(response) if response.status() == 200 => {
                book.acknowledged.push(batch);
                let enough = book.of_last_life().len() > FULL_SPEED_BATCHES;
                drop(book);
                if enough {
                    std::thread::sleep(PACE);
                }
            }
            // Refused or cut off: the engine may have it or not, and is sent it again.
            Ok(_) | Err(_) => {
                book.open.push(batch);
                drop(book);
                std::thread::sleep(PAUSE);
            }
        }
    }
}

/// Asks for flushes until the engine is gone.
pub(super) fn flush_until(over: &AtomicBool, addresses: &Addresses) {
    while !over.load(Ordering::Acquire) {
        // The engine may die meanwhile: that is the point.
        drop(ask(addresses, "lake_files", &json!({ "flush": true })));
        std::thread::sleep(FLUSH_PAUSE);
    }
}

//! The outline of OTLP protobuf: which spans of which trace and service a message has, without decoding the spans.
//!
//! ```text
//!  TraceByIDResponse  1 Trace, 3 status (1: partial), 4 message
//!  Trace              1 ResourceSpans
//!  ResourceSpans      1 Resource (1 KeyValue: 1 key, 2 AnyValue: 1 text)   2 ScopeSpans, before OTLP 0.15 at 1000
//!  ScopeSpans         2 Span: 1 trace id, 8 end
//! ```
//!
//! Sources: `trace.proto` of OTLP, `tempo.proto` of github.com/grafana/tempo. Total: any bytes give an outline, or what is
//! wrong with them.

use kino_model::TraceId;
use kino_model::exact::protobuf::{Payload, Reader};
use sha2::{Digest, Sha256};

use super::api::Trace;

/// One field of a message.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Goes through the fields of a message; those of four bytes mean nothing here.
fn each<'a>(
    message: &'a [u8],
    mut take: impl FnMut(u32, Field<'a>) -> Result<(), &'static str>,
) -> Result<(), &'static str> {
    let mut message = Reader::new(message);
    while let Some((number, payload)) = message.field().map_err(|error| error.what)? {
        match payload {
            Payload::Varint(value) | Payload::Fixed64(value) => take(number, Field::Number(value))?,
            Payload::Delimited(bytes) => take(number, Field::Bytes(bytes.bytes()))?,
            Payload::Fixed32(_) => {}
        }
    }
    Ok(())
}

/// The trace in an answer of `/api/v2/traces/ID`, and what the server says where it is not whole.
pub(super) fn unwrapped(answer: &[u8]) -> Result<(Vec<u8>, Option<String>), &'static str> {
    let (mut trace, mut is_partial, mut message) = (Vec::new(), false, String::new());
    each(answer, |number, field| {
        match (number, field) {
            (1, Field::Bytes(part)) => trace.extend_from_slice(part),
            (3, Field::Number(status)) => is_partial = status == 1,
            (4, Field::Bytes(text)) => message = String::from_utf8_lossy(text).into_owned(),
            _ => {}
        }
        Ok(())
    })?;
    Ok((trace, is_partial.then_some(message)))
}

/// Looks through a trace; `None` where it has no span.
pub(super) fn outlined(body: Vec<u8>, asked: TraceId) -> Result<Option<Trace>, &'static str> {
    let mut outline = Outline { asked, spans: Vec::new(), services: Vec::new(), end_nanos: 0, has_other_ids: false };
    each(&body, |number, field| match (number, field) {
        (1, Field::Bytes(resource)) => outline.resource_spans(resource),
        _ => Ok(()),
    })?;
    let Outline { mut spans, mut services, end_nanos, has_other_ids, .. } = outline;
    if spans.is_empty() {
        return Ok(None);
    }
    spans.sort_unstable();
    services.sort_unstable();
    services.dedup();
    let hash = Sha256::digest(spans.concat());
    let fingerprint = u64::from_be_bytes(hash[..8].try_into().expect("eight bytes"));
    let end_unix_nanos = i64::try_from(end_nanos).unwrap_or(i64::MAX);
    Ok(Some(Trace { fingerprint, end_unix_nanos, services, has_other_ids, incomplete: None, body }))
}

struct Outline {
    asked: TraceId,
    /// A hash of each.
    spans: Vec<[u8; 32]>,
    services: Vec<String>,
    end_nanos: u64,
    has_other_ids: bool,
}

impl Outline {
    fn resource_spans(&mut self, message: &[u8]) -> Result<(), &'static str> {
        let (mut service, before) = (String::new(), self.spans.len());
        each(message, |number, field| match (number, field) {
            (1, Field::Bytes(resource)) => each(resource, |number, field| {
                if let (1, Field::Bytes(pair)) = (number, field) {
                    named(pair, &mut service)?;
                }
                Ok(())
            }),
            (2 | 1000, Field::Bytes(scope)) => each(scope, |number, field| match (number, field) {
                (2, Field::Bytes(span)) => self.span(span),
                _ => Ok(()),
            }),
            _ => Ok(()),
        })?;
        if self.spans.len() > before {
            self.services.push(service);
        }
        Ok(())
    }

    fn span(&mut self, span: &[u8]) -> Result<(), &'static str> {
        let mut id = None;
        each(span, |number, field| {
            match (number, field) {
                (1, Field::Bytes(bytes)) => id = TraceId::from_slice(bytes),
                (8, Field::Number(end)) => self.end_nanos = self.end_nanos.max(end),
                _ => {}
            }
            Ok(())
        })?;
        self.has_other_ids |= id != Some(self.asked);
        self.spans.push(Sha256::digest(span).into());
        Ok(())
    }
}

/// The text of `service.name`, where that is what the pair is.
fn named(pair: &[u8], service: &mut String) -> Result<(), &'static str> {
    let (mut is_it, mut value) = (false, None);
    each(pair, |number, field| {
        match (number, field) {
            (1, Field::Bytes(key)) => is_it = key == b"service.name",
            (2, Field::Bytes(any)) => value = Some(any),
            _ => {}
        }
        Ok(())
    })?;
    match value {
        Some(any) if is_it => each(any, |number, field| {
            if let (1, Field::Bytes(text)) = (number, field) {
                *service = String::from_utf8_lossy(text).into_owned();
            }
            Ok(())
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: TraceId = TraceId([9; 16]);

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        assert!(bytes.len() < 128 && number < 16);
        [&[number << 3 | 2, bytes.len() as u8], bytes].concat()
    }

    fn span(trace: TraceId, span: u8) -> Vec<u8> {
        [field(1, &trace.0), field(2, &[span; 8]), vec![8 << 3 | 1], 77u64.to_le_bytes().to_vec()].concat()
    }

    fn trace(spans: &[Vec<u8>]) -> Vec<u8> {
        let scope: Vec<u8> = spans.iter().flat_map(|span| field(2, span)).collect();
        let name = [field(1, b"service.name"), field(2, &field(1, b"shop"))].concat();
        field(1, &[field(1, &field(1, &name)), field(2, &scope)].concat())
    }

    #[test]
    fn services_spans_and_ids_are_found() {
        let found = outlined(trace(&[span(ASKED, 1)]), ASKED).unwrap().unwrap();
        assert_eq!(
            (found.services.as_slice(), found.has_other_ids, found.end_unix_nanos),
            (["shop".to_owned()].as_slice(), false, 77)
        );
        assert!(outlined(trace(&[span(TraceId([1; 16]), 1)]), ASKED).unwrap().unwrap().has_other_ids);
        assert!(outlined(trace(&[]), ASKED).unwrap().is_none() && outlined(Vec::new(), ASKED).unwrap().is_none());
        let print = |spans: &[Vec<u8>]| outlined(trace(spans), ASKED).unwrap().unwrap().fingerprint;
        assert_eq!(print(&[span(ASKED, 1), span(ASKED, 2)]), print(&[span(ASKED, 2), span(ASKED, 1)]));
        assert_ne!(print(&[span(ASKED, 1)]), print(&[span(ASKED, 1), span(ASKED, 2)]));
    }

    #[test]
    fn a_partial_trace_says_so() {
        let answer = [field(1, b"abc"), vec![3 << 3, 1], field(4, b"too large")].concat();
        assert_eq!(unwrapped(&answer).unwrap(), (b"abc".to_vec(), Some("too large".to_owned())));
        assert_eq!(unwrapped(&field(1, b"abc")).unwrap(), (b"abc".to_vec(), None));
    }

    #[test]
    fn any_bytes_give_an_outline_or_a_reason() {
        let whole = trace(&[span(ASKED, 1), span(ASKED, 2)]);
        for cut in 0..whole.len() {
            assert!(cut == 0 || outlined(whole[..cut].to_vec(), ASKED).is_err(), "{cut}");
            for bit in 0..8 {
                let mut flipped = whole.clone();
                flipped[cut] ^= 1 << bit;
                drop(outlined(flipped.clone(), ASKED));
                drop(unwrapped(&flipped));
            }
        }
        assert!(outlined(b"{\"batches\":[]}".to_vec(), ASKED).is_err());
        assert!(outlined(vec![0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01], ASKED).is_err());
    }
}

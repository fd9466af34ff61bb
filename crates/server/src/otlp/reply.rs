//! The bodies of OTLP's answers: export responses and `google.rpc.Status`, in protobuf and JSON.
//!
//! Written by hand: five small messages do not need a code generator.
//!
//! ```text
//!  Export*ServiceResponse { 1: partial_success { 1: rejected (int64), 2: error_message } }
//!  google.rpc.Status      { 1: code (int32), 2: message, 3: details (Any { 1: type_url, 2: value }) }
//!  google.rpc.RetryInfo   { 1: retry_delay (Duration { 1: seconds, 2: nanos }) }
//! ```

use std::time::Duration;

use kino_engine::{Encoding, Signal};
use kino_model::exact::protobuf::{put_bytes_field, put_varint_field};

/// gRPC's code for a request that can never succeed.
pub(crate) const INVALID_ARGUMENT: i32 = 3;
/// gRPC's code for a limit that was hit; retryable only with a `RetryInfo`.
pub(crate) const RESOURCE_EXHAUSTED: i32 = 8;
/// gRPC's code for something that is not served.
pub(crate) const UNIMPLEMENTED: i32 = 12;
/// gRPC's code for a service that does not take requests now; always retryable.
pub(crate) const UNAVAILABLE: i32 = 14;
/// gRPC's code for a missing or wrong key.
pub(crate) const UNAUTHENTICATED: i32 = 16;

/// Encodes the response to an export. As OTLP demands, `partial_success` is set only where something was rejected or there
/// is a message.
pub(crate) fn export_response(signal: Signal, rejected: u64, message: &str, encoding: Encoding) -> Vec<u8> {
    let nothing_to_say = rejected == 0 && message.is_empty();
    match encoding {
        Encoding::Protobuf if nothing_to_say => Vec::new(),
        Encoding::Protobuf => {
            let mut partial = Vec::new();
            put_integer(&mut partial, 1, rejected);
            put_text(&mut partial, 2, message);
            let mut response = Vec::new();
            put_bytes_field(&mut response, 1, &partial);
            response
        }
        Encoding::Json if nothing_to_say => b"{}".to_vec(),
        Encoding::Json => {
            let rejected_name = match signal {
                Signal::Traces => "rejectedSpans",
                Signal::Logs => "rejectedLogRecords",
                Signal::Metrics => "rejectedDataPoints",
            };
            // proto3's JSON writes 64-bit integers as text.
            let partial = serde_json::json!({ rejected_name: rejected.to_string(), "errorMessage": message });
            serde_json::json!({ "partialSuccess": partial }).to_string().into_bytes()
        }
    }
}

/// Encodes a `google.rpc.Status`; with `retry_after`, a `RetryInfo` is among its details.
pub(crate) fn status(code: i32, message: &str, retry_after: Option<Duration>, encoding: Encoding) -> Vec<u8> {
    const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";
    match encoding {
        Encoding::Protobuf => {
            let mut status = Vec::new();
            put_integer(&mut status, 1, u64::from(code.unsigned_abs()));
            put_text(&mut status, 2, message);
            if let Some(delay) = retry_after {
                let mut duration = Vec::new();
                put_integer(&mut duration, 1, delay.as_secs());
                put_integer(&mut duration, 2, u64::from(delay.subsec_nanos()));
                let mut info = Vec::new();
                put_bytes_field(&mut info, 1, &duration);
                let mut any = Vec::new();
                put_bytes_field(&mut any, 1, RETRY_INFO.as_bytes());
                put_bytes_field(&mut any, 2, &info);
                put_bytes_field(&mut status, 3, &any);
            }
            status
        }
        Encoding::Json => {
            let details = retry_after.map(|delay| {
                let text = format!("{}.{:09}s", delay.as_secs(), delay.subsec_nanos());
                serde_json::json!({ "@type": RETRY_INFO, "retryDelay": text })
            });
            let details: Vec<_> = details.into_iter().collect();
            serde_json::json!({ "code": code, "message": message, "details": details }).to_string().into_bytes()
        }
    }
}

/// Writes an integer; proto3 leaves a zero out.
fn put_integer(out: &mut Vec<u8>, field: u32, value: u64) {
    if value != 0 {
        put_varint_field(out, field, value);
    }
}

/// Writes a text; proto3 leaves an empty one out.
fn put_text(out: &mut Vec<u8>, field: u32, text: &str) {
    if !text.is_empty() {
        put_bytes_field(out, field, text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_success_is_an_empty_message() {
        assert_eq!(export_response(Signal::Traces, 0, "", Encoding::Protobuf), b"");
        assert_eq!(export_response(Signal::Traces, 0, "", Encoding::Json), b"{}");
    }

    #[test]
    fn a_partial_success_says_how_many_and_why() {
        let expected = [&[0x0a, 9, 0x08, 0xac, 0x02, 0x12, 4][..], b"oops"].concat();
        assert_eq!(export_response(Signal::Logs, 300, "oops", Encoding::Protobuf), expected);
        assert_eq!(
            export_response(Signal::Logs, 300, "oops", Encoding::Json),
            br#"{"partialSuccess":{"rejectedLogRecords":"300","errorMessage":"oops"}}"#
        );
    }

    #[test]
    fn a_status_carries_its_retry_delay() {
        let json = status(RESOURCE_EXHAUSTED, "full", Some(Duration::from_millis(1_500)), Encoding::Json);
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(json["code"], 8);
        assert_eq!(json["details"][0]["retryDelay"], "1.500000000s");
        let bytes = status(INVALID_ARGUMENT, "no", None, Encoding::Protobuf);
        assert_eq!(bytes, [0x08, 3, 0x12, 2, b'n', b'o']);
    }
}

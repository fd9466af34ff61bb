//! What a failed span says of how it failed: a timeout, a refusal for too many requests, an exception.

use kino_model::Span;

/// Whether it ended because somebody stopped waiting.
pub(crate) fn is_timeout(span: &Span) -> bool {
    let by_status =
        matches!(span.int("http.response.status_code"), Some(408 | 504)) || span.int("rpc.grpc.status_code") == Some(4);
    by_status || (span.is_error() && words(span).any(|text| contains_any(text, &["timeout", "timed out", "deadline"])))
}

/// Whether the other side refused because of too many requests.
pub(super) fn is_rate_limited(span: &Span) -> bool {
    let by_status = span.int("http.response.status_code") == Some(429) || span.int("rpc.grpc.status_code") == Some(8);
    let said = ["ratelimit", "rate limit", "rate_limit", "toomanyrequests", "too many requests", "throttl"];
    // gRPC uses the same status for messages that are too large.
    let too_large = ["larger than max", "too large", "exceeds maximum", "out of memory"];
    let says = |parts: &[&str]| span.is_error() && words(span).any(|text| contains_any(text, parts));
    (by_status && !says(&too_large)) || says(&said)
}

/// What names the failure.
fn words(span: &Span) -> impl Iterator<Item = &str> {
    let exceptions = span.events.iter().filter(|event| event.name == "exception").flat_map(|event| {
        ["exception.type", "exception.message"]
            .into_iter()
            .filter_map(|key| kino_model::attribute::find(&event.attributes, key)?.as_str())
    });
    span.text("error.type").into_iter().chain([span.status.message.as_str()]).chain(exceptions)
}

fn contains_any(text: &str, parts: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    parts.iter().any(|part| text.contains(part))
}

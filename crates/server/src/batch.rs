//! MCP messages over HTTP, one in a body or several (batches, which protocol 2025-03-26 has).
//!
//! Each message of a batch is served by itself, as if it had come alone, and the answers are sent together as one list.
//! Progress and other notifications have no place in it and are left out.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use kino_mcp::{BatchPart, HttpService};
use serde_json::Value as Json;

/// Bytes of what one message is answered, its notifications included. An answer has a budget of tokens; evidence that is
/// opened whole is the largest.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Serves one message.
pub(crate) async fn serve(mut service: HttpService, request: Request) -> Response {
    match tower::Service::call(&mut service, request).await {
        Ok(answer) => answer.into_response(),
        Err(never) => match never {},
    }
}

/// Serves the messages of a batch, one after another. Where one cannot be served at all (a session that is gone, say),
/// neither can the others, and that refusal is the answer.
pub(crate) async fn answer(service: &HttpService, parts: &Parts, messages: Vec<BatchPart>) -> Response {
    let mut answers = Vec::new();
    for message in messages {
        let message = match message {
            BatchPart::Message(message) => message,
            BatchPart::Refused(answer) => {
                answers.push(answer);
                continue;
            }
        };
        let mut parts = parts.clone();
        // It was the whole batch's.
        parts.headers.remove(CONTENT_LENGTH);
        let response = serve(service.clone(), Request::from_parts(parts, Body::from(message))).await;
        if !response.status().is_success() {
            return response;
        }
        let is_stream =
            response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/event"));
        let Ok(body) = axum::body::to_bytes(response.into_body(), ANSWER_BYTES_MAX).await else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        answers.extend(responses(&body, is_stream));
    }
    if answers.is_empty() { StatusCode::ACCEPTED.into_response() } else { axum::Json(answers).into_response() }
}

/// The responses in a body: of JSON, or of a stream of events, each with its data on one line.
fn responses(body: &[u8], is_stream: bool) -> Vec<Json> {
    let texts: Vec<&[u8]> = if is_stream {
        body.split(|byte| *byte == b'\n').filter_map(|line| line.strip_prefix(b"data:")).collect()
    } else {
        vec![body]
    };
    let messages = texts.into_iter().filter_map(|text| serde_json::from_slice::<Json>(text).ok());
    messages.filter(|message| message.get("result").is_some() || message.get("error").is_some()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn responses_are_picked_from_a_stream_of_events() {
        let stream = b"id: 0\nretry: 3000\ndata: \n\n\
            data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n: ping\n\n\
            id: 1\ndata: {\"id\":1,\"result\":{}}\n\n";
        assert_eq!(responses(stream, true), [json!({"id": 1, "result": {}})]);
        assert_eq!(responses(b"{\"id\":1,\"error\":{}}", false), [json!({"id": 1, "error": {}})]);
        assert_eq!(responses(b"", false), Vec::<Json>::new());
    }
}

//! JSON-RPC messages as they arrive, over any transport: which are none, and what their sender is answered.

use rmcp::model::{ClientJsonRpcMessage, ErrorCode};
use serde_json::{Value as Json, json};

use crate::REQUEST_BYTES_MAX;

/// The longest message over standard input, in bytes.
pub(crate) const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// The most messages of a batch.
pub(crate) const BATCH_MAX: usize = 1_000;
/// The most bytes of an id that is returned to a sender.
const ID_BYTES_MAX: usize = 256;

/// Why a text is no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    NotJson,
    /// It is JSON, and no request, notification or response.
    NoMessage,
    /// It is longer than a message may be.
    TooLong,
    /// It is a batch of none, or of too many messages.
    Batch,
    /// It begins a session within a batch.
    BeginsInBatch,
}

impl Malformed {
    /// The answer: an error of JSON-RPC for the request of that id, if one could be read.
    #[must_use]
    pub fn answer(self, id: &Json) -> Json {
        let (code, message) = match self {
            Self::NotJson => (ErrorCode::PARSE_ERROR, "the message is not JSON".to_owned()),
            Self::NoMessage => (
                ErrorCode::INVALID_REQUEST,
                "no JSON-RPC 2.0 message: a request has jsonrpc, id, method and params".to_owned(),
            ),
            Self::TooLong => (
                ErrorCode::INVALID_REQUEST,
                format!(
                    "the message is longer than {} MiB, over HTTP {} MiB",
                    MESSAGE_BYTES_MAX >> 20,
                    REQUEST_BYTES_MAX >> 20
                ),
            ),
            Self::Batch => (ErrorCode::INVALID_REQUEST, format!("a batch has 1 to {BATCH_MAX} messages")),
            Self::BeginsInBatch => {
                (ErrorCode::INVALID_REQUEST, "initialize is sent by itself, not in a batch".to_owned())
            }
        };
        json!({"jsonrpc": "2.0", "id": id, "error": {"code": code.0, "message": message}})
    }
}

/// The body of an HTTP request.
#[derive(Clone, Debug, PartialEq)]
pub enum HttpBody {
    /// An object: the protocol's library says whether it is a message.
    Message,
    /// Protocol 2025-03-26 has them.
    Batch(Vec<BatchPart>),
    Malformed(Malformed),
}

/// One part of a batch. Notifications that this protocol does not have are left out.
#[derive(Clone, Debug, PartialEq)]
pub enum BatchPart {
    /// To be served by itself.
    Message(Vec<u8>),
    /// The answer to what is no message.
    Refused(Json),
}

impl HttpBody {
    /// Reads a body.
    #[must_use]
    pub fn read(body: &[u8]) -> Self {
        match serde_json::from_slice::<Json>(body) {
            Err(_) => Self::Malformed(Malformed::NotJson),
            Ok(Json::Object(_)) => Self::Message,
            Ok(Json::Array(parts)) if parts.is_empty() || parts.len() > BATCH_MAX => Self::Malformed(Malformed::Batch),
            Ok(Json::Array(parts)) => Self::Batch(parts.iter().filter_map(part).collect()),
            Ok(_) => Self::Malformed(Malformed::NoMessage),
        }
    }
}

fn part(message: &Json) -> Option<BatchPart> {
    let text = message.to_string().into_bytes();
    match read(&text) {
        Read::Message(_) if message["method"] == "initialize" => {
            Some(BatchPart::Refused(Malformed::BeginsInBatch.answer(&id_of(message))))
        }
        Read::Message(_) => Some(BatchPart::Message(text)),
        Read::Ignored => None,
        Read::Malformed(answer) => Some(BatchPart::Refused(answer)),
    }
}

/// What a text is read as.
pub(crate) enum Read {
    Message(Box<ClientJsonRpcMessage>),
    /// A notification that this protocol does not have, or an answer to nothing that was asked.
    Ignored,
    Malformed(Json),
}

/// Reads one message.
pub(crate) fn read(text: &[u8]) -> Read {
    if let Ok(message) = serde_json::from_slice(text) {
        return Read::Message(Box::new(message));
    }
    let Ok(json) = serde_json::from_slice::<Json>(text) else {
        return Read::Malformed(Malformed::NotJson.answer(&Json::Null));
    };
    let is_notification = json["method"].is_string() && json.get("id").is_none();
    let is_answer = json.get("method").is_none() && (json.get("result").is_some() || json.get("error").is_some());
    if is_notification || is_answer {
        Read::Ignored
    } else {
        Read::Malformed(Malformed::NoMessage.answer(&id_of(&json)))
    }
}

/// The id of a message that cannot be read as one; `null` where it has none.
fn id_of(message: &Json) -> Json {
    match &message["id"] {
        id @ Json::Number(_) => id.clone(),
        Json::String(id) if id.len() <= ID_BYTES_MAX => json!(id),
        _ => Json::Null,
    }
}

/// Finds the `id` of a message that is too long to be read whole: fed byte by byte, it keeps a few of them.
#[derive(Debug, Default)]
pub(crate) struct IdScanner {
    depth: usize,
    in_text: bool,
    is_escaped: bool,
    /// The text before the next colon is a name of the outermost object.
    expects_name: bool,
    name: Vec<u8>,
    /// The value of `id`, while it is read.
    value: Option<Vec<u8>>,
    found: Option<Json>,
}

impl IdScanner {
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.take(*byte);
        }
    }

    /// The id, once all was fed; `null` where there is none.
    pub(crate) fn id(self) -> Json {
        self.found.unwrap_or_default()
    }

    fn take(&mut self, byte: u8) {
        if self.in_text {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.in_text = false,
                _ => {}
            }
            if self.depth == 1 && self.expects_name && self.in_text && self.name.len() <= 2 {
                self.name.push(byte);
            }
            self.keep(byte);
            return;
        }
        match byte {
            b'"' => {
                self.in_text = true;
                self.name.clear();
                self.keep(byte);
            }
            b'{' | b'[' => {
                self.depth += 1;
                self.expects_name = self.depth == 1 && byte == b'{';
                self.value = None;
            }
            b'}' | b']' => {
                self.end_value();
                self.depth = self.depth.saturating_sub(1);
            }
            b':' if self.depth == 1 && self.expects_name => {
                self.expects_name = false;
                self.value = (self.name == b"id").then(Vec::new);
            }
            b',' if self.depth == 1 => {
                self.end_value();
                self.expects_name = true;
            }
            _ => self.keep(byte),
        }
    }

    fn keep(&mut self, byte: u8) {
        if let Some(value) = &mut self.value {
            value.push(byte);
            if value.len() > ID_BYTES_MAX {
                self.value = None;
            }
        }
    }

    fn end_value(&mut self) {
        let value = self.value.take().and_then(|value| serde_json::from_slice(&value).ok());
        if let Some(id @ (Json::Number(_) | Json::String(_))) = value {
            self.found = Some(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(text: &str) -> Json {
        let mut scanner = IdScanner::default();
        // In pieces, as it is read.
        for piece in text.as_bytes().chunks(3) {
            scanner.feed(piece);
        }
        scanner.id()
    }

    #[test]
    fn an_id_is_found_wherever_it_is() {
        let long = "x".repeat(10_000);
        for (text, id) in [
            (format!(r#"{{"jsonrpc":"2.0","id":7,"params":{{"id":8,"a":"{long}"}}}}"#), json!(7)),
            (format!(r#"{{"method":"m","params":{{"a":["{long}",{{"id":8}}]}},"id" : "a\"b"}}"#), json!("a\"b")),
            (format!(r#"{{"params":"\",\"id\":9,{long}","id":1}}"#), json!(1)),
            (format!(r#"{{"id":{{"id":3}},"a":"{long}"}}"#), Json::Null),
            (format!(r#"{{"id":"{long}"}}"#), Json::Null),
            (format!(r#"[{{"id":3}},"{long}"]"#), Json::Null),
            (format!(r#"{{"a":"id","ida":4,"{long}":1"#), Json::Null),
            (format!("]]]}}{long}"), Json::Null),
        ] {
            assert_eq!(scanned(&text), id, "{text:.60}");
        }
    }

    #[test]
    fn a_body_is_a_message_or_a_batch_or_refused() {
        assert_eq!(HttpBody::read(b"{"), HttpBody::Malformed(Malformed::NotJson));
        assert_eq!(HttpBody::read(b"[]"), HttpBody::Malformed(Malformed::Batch));
        assert_eq!(HttpBody::read(b"3"), HttpBody::Malformed(Malformed::NoMessage));
        assert_eq!(HttpBody::read(br#"{"jsonrpc":"2.0","method":"ping","id":1}"#), HttpBody::Message);
        let many = json!(vec![json!({"jsonrpc": "2.0", "method": "ping", "id": 1}); BATCH_MAX + 1]).to_string();
        assert_eq!(HttpBody::read(many.as_bytes()), HttpBody::Malformed(Malformed::Batch));
        let ping = json!({"jsonrpc": "2.0", "method": "ping", "id": 1});
        let batch = json!([ping, {"jsonrpc": "2.0", "method": "no/such"}, 5, {"jsonrpc": "2.0", "id": 2,
            "method": "initialize", "params": {"protocolVersion": "2025-03-26", "capabilities": {},
            "clientInfo": {"name": "a", "version": "1"}}}]);
        let HttpBody::Batch(parts) = HttpBody::read(batch.to_string().as_bytes()) else { panic!("no batch") };
        let refused = |why: Malformed, id: Json| BatchPart::Refused(why.answer(&id));
        assert_eq!(parts[0], BatchPart::Message(ping.to_string().into_bytes()));
        assert!(parts.contains(&refused(Malformed::NoMessage, Json::Null)));
        assert!(parts.contains(&refused(Malformed::BeginsInBatch, json!(2))));
    }
}

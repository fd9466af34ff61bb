//! Where recordings are passed on to: the URL that was given, and requests to it over HTTP.
//!
//! A peer's answer is hostile: its body is read up to a bound, no redirect is followed, all of it takes a bounded time, and
//! none of its text is shown.

use std::net::{SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Duration;

use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use kino_engine::config::Forward;
use kino_engine::{ForwardPeer, Reply, Signal};
use kino_model::exact::protobuf::{Reader, WireError};
use kino_wire::admin::Listeners;

use crate::outgoing::{self, AddressError, ServerAddress};

/// Names the engines that a request came through.
pub(crate) const FORWARDERS: &str = "kino-forwarders";
/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 64 << 10;
/// How long connecting may take where a person waits for the answer.
const REACH_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a request with its answer may take, of whatever speed the peer is.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Headers that a request has of its own.
const OWN_HEADERS: [&str; 8] = [
    "host",
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "expect",
    FORWARDERS,
];
/// The usual port of OTLP over gRPC.
const GRPC_PORT: u16 = 4317;

/// Why recordings cannot be passed on as it was said.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// It is no URL that requests can be sent to.
    #[error("it is not the URL of an OTLP endpoint over HTTP: give it as http://HOST:4318, without query or `#`")]
    Url,
    /// It has a user and a password.
    #[error(
        "a URL with a user or password is not used: put what the endpoint wants into [forward] headers of config.toml, or \
         into KINO_FORWARD_HEADERS"
    )]
    Credentials,
    /// It wants TLS.
    #[error(
        "this build does not speak TLS: give an OpenTelemetry Collector on this machine, such as http://127.0.0.1:14318, that \
         passes on over https (docs/forwarding.md)"
    )]
    Tls,
    /// It is on another machine, and nothing is encrypted.
    #[error(
        "{host} is not this machine, and http:// is not encrypted: everyone on the way could read recordings and \
         credentials. Give a Collector on this machine (docs/forwarding.md), or, where the network is yours, \
         --forward-insecure or `insecure = true` under [forward]"
    )]
    Insecure {
        /// The endpoint's host.
        host: String,
    },
    /// A header cannot be sent.
    #[error("the header {name:?} cannot be sent along: {why}")]
    Header {
        /// As it was written; its value is never shown.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It is this engine.
    #[error("{address} is this engine's own address: what is passed on would come back for ever")]
    Own {
        /// One of its listeners.
        address: SocketAddr,
    },
}

impl From<AddressError> for ForwardError {
    fn from(error: AddressError) -> Self {
        match error {
            AddressError::Credentials => Self::Credentials,
            AddressError::Tls => Self::Tls,
            _ => Self::Url,
        }
    }
}

/// An endpoint that requests can be sent to.
#[derive(Debug)]
pub(crate) struct ForwardTarget {
    address: ServerAddress,
    /// Where paths of OTLP begin.
    base: String,
    headers: HeaderMap,
}

impl ForwardTarget {
    /// Reads what was given; `None` where nothing is passed on.
    pub(crate) fn of(forward: &Forward) -> Result<Option<Self>, ForwardError> {
        let Some(url) = &forward.url else { return Ok(None) };
        let address = ServerAddress::parse(url)?;
        if !address.is_this_machine() && !forward.insecure {
            return Err(ForwardError::Insecure { host: address.host().to_owned() });
        }
        let base = address.to_string();
        // Some give the URL of one signal, as for one exporter.
        let base =
            base.strip_suffix("/v1/traces").or_else(|| base.strip_suffix("/v1/logs")).unwrap_or(&base).to_owned();
        Ok(Some(Self { address, base, headers: headers(forward)? }))
    }

    /// Refuses an endpoint that is one of these listeners.
    pub(crate) fn refuse_own(&self, listeners: &Listeners) -> Result<(), ForwardError> {
        let own = [&listeners.http, &listeners.otlp_grpc, &listeners.otlp_http];
        let own: Vec<SocketAddr> = own.into_iter().filter_map(|address| address.parse().ok()).collect();
        // A name that is not found now may be later: requests then wait, and their header ends a circle.
        let found = (self.address.host(), self.address.port()).to_socket_addrs().into_iter().flatten();
        let is_own = |address: &SocketAddr| {
            // Only an address of this machine can be bound.
            let is_here = || UdpSocket::bind((address.ip(), 0)).is_ok();
            own.iter().any(|own| own.port() == address.port()) && is_here()
        };
        match found.into_iter().find(is_own) {
            Some(address) => Err(ForwardError::Own { address }),
            None => Ok(()),
        }
    }

    /// A sentence for a person where the port is another protocol's as a rule.
    pub(crate) fn note(&self) -> Option<String> {
        let said = "is the usual port of OTLP over gRPC; requests go over HTTP, whose usual port is 4318";
        let port = self.address.port();
        (port == GRPC_PORT).then(|| format!("--forward: {port} {said}"))
    }
}

fn headers(forward: &Forward) -> Result<HeaderMap, ForwardError> {
    let mut headers = HeaderMap::new();
    for (name, value) in forward.headers.iter() {
        let refuse = |why| ForwardError::Header { name: name.to_owned(), why };
        let known = HeaderName::try_from(name).map_err(|_| refuse("no header can have that name"))?;
        if OWN_HEADERS.contains(&known.as_str()) {
            return Err(refuse("requests have one of their own"));
        }
        let mut value =
            HeaderValue::try_from(value).map_err(|_| refuse("its value has characters that none may have"))?;
        value.set_sensitive(true);
        headers.insert(known, value);
    }
    Ok(headers)
}

/// An endpoint over HTTP.
pub(crate) struct HttpPeer {
    agent: ureq::Agent,
    target: ForwardTarget,
}

impl HttpPeer {
    pub(crate) fn new(target: ForwardTarget, version: &str) -> Self {
        Self { agent: outgoing::agent(REQUEST_TIMEOUT, version), target }
    }
}

impl ForwardPeer for HttpPeer {
    fn send(&self, signal: Signal, body: &[u8], forwarders: &str) -> Reply {
        let path = if signal == Signal::Logs { "logs" } else { "traces" };
        let mut request = self.agent.post(format!("{}/v1/{path}", self.target.base));
        for (name, value) in &self.target.headers {
            request = request.header(name, value);
        }
        let request = request.header(CONTENT_TYPE, "application/x-protobuf").header(FORWARDERS, forwarders);
        match request.send(body) {
            Ok(mut response) => {
                let status = response.status();
                let header = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
                let retry_after = header(RETRY_AFTER).map(str::to_owned);
                let is_json =
                    header(CONTENT_TYPE).is_some_and(|kind| kind.trim_start().starts_with("application/json"));
                if !status.is_success() {
                    return not_taken(status, retry_after);
                }
                // It was taken, whatever the answer is beside that.
                let answer =
                    response.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().unwrap_or_default();
                Reply::Taken { rejected: rejected(&answer, is_json) }
            }
            Err(error) => Reply::Later { why: unreached(&error).to_owned(), retry_after: None },
        }
    }

    fn reach(&self) -> Result<(), String> {
        let found = (self.target.address.host(), self.target.address.port()).to_socket_addrs();
        let address = found.ok().and_then(|mut found| found.next()).ok_or("the endpoint's host is not found")?;
        TcpStream::connect_timeout(&address, REACH_TIMEOUT)
            .map(drop)
            .map_err(|error| unreached(&ureq::Error::Io(error)).to_owned())
    }
}

/// What OTLP says of an answer that is no success.
fn not_taken(status: StatusCode, retry_after: Option<String>) -> Reply {
    let why = format!("the endpoint answered {}", status.as_u16());
    match status.as_u16() {
        429 | 502 | 503 | 504 => Reply::Later { why, retry_after },
        508 => Reply::Loop,
        300..=399 => Reply::Refused { why: format!("{why}, a redirect, which is not followed") },
        401 | 403 => Reply::Refused { why: format!("{why}: it wants credentials, or others") },
        404 => Reply::Refused { why: format!("{why}: no OTLP over HTTP is served there") },
        _ => Reply::Refused { why },
    }
}

fn unreached(error: &ureq::Error) -> &'static str {
    match error {
        ureq::Error::Timeout(_) => "the endpoint does not answer in time",
        ureq::Error::HostNotFound => "the endpoint's host is not found",
        ureq::Error::ConnectionFailed => "the endpoint is not reached",
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            "the endpoint is not reached: nothing listens there"
        }
        ureq::Error::Io(_) => "the connection to the endpoint broke",
        _ => "the endpoint does not answer in HTTP",
    }
}

/// The records that an answer says were refused; 0 where it cannot be read.
fn rejected(answer: &[u8], is_json: bool) -> u64 {
    if is_json {
        let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
        let partial = &answer["partialSuccess"];
        let count = [&partial["rejectedSpans"], &partial["rejectedLogRecords"]];
        // proto3's JSON writes 64-bit integers as text.
        let number = |value: &serde_json::Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
        return count.into_iter().find_map(number).unwrap_or_default();
    }
    rejected_in(answer).unwrap_or_default()
}

fn rejected_in(answer: &[u8]) -> Result<u64, WireError> {
    let (mut answer, mut rejected) = (Reader::new(answer), 0);
    while let Some((field, payload)) = answer.field()? {
        if field == 1 {
            let mut partial = payload.delimited(&answer)?;
            while let Some((field, payload)) = partial.field()? {
                if field == 1 {
                    rejected = payload.varint(&partial)?;
                }
            }
        }
    }
    // A negative number is nonsense.
    Ok(u64::try_from(rejected.cast_signed()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, insecure: bool) -> Result<ForwardTarget, ForwardError> {
        let forward = Forward { url: Some(url.to_owned()), insecure, ..Forward::default() };
        ForwardTarget::of(&forward).map(|target| target.unwrap())
    }

    #[test]
    fn urls_are_read_as_exporters_read_them() {
        for (url, base, port) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318", 4318),
            ("http://localhost:4318/", "http://localhost:4318", 4318),
            ("http://[::1]:1/otlp/", "http://[::1]:1/otlp", 1),
            ("http://127.9.9.9/v1/traces", "http://127.9.9.9", 80),
        ] {
            let target = target(url, false).unwrap();
            assert_eq!((target.base.as_str(), target.address.port()), (base, port), "{url}");
        }
        assert!(target("http://127.0.0.1:4317", false).unwrap().note().unwrap().contains("4318"));
    }

    #[test]
    fn urls_that_would_give_something_away_are_refused_without_being_repeated() {
        for url in
            ["http://me:hush@127.0.0.1:1", "http://127.0.0.1:1/?key=hush", "http://127.0.0.1:1/#hush", "hush", ""]
        {
            let refused = target(url, true).unwrap_err().to_string();
            assert!(!refused.contains("hush"), "{refused}");
        }
        assert!(matches!(target("https://127.0.0.1:1", true), Err(ForwardError::Tls)));
        assert!(matches!(target("ftp://127.0.0.1:1", true), Err(ForwardError::Url)));
        for elsewhere in
            ["http://collector:4318", "http://10.0.0.1:4318", "http://localhost.example.org", "http://0.0.0.0:1"]
        {
            assert!(matches!(target(elsewhere, false), Err(ForwardError::Insecure { .. })), "{elsewhere}");
            assert!(target(elsewhere, true).is_ok(), "{elsewhere}");
        }
    }

    #[test]
    fn headers_that_would_change_the_request_are_refused_without_their_values() {
        for (name, value) in [("Host", "hush"), ("kino-forwarders", "hush"), ("a b", "hush"), ("a", "hush\r\nb: c")] {
            let headers = [(name.to_owned(), value.to_owned())].into_iter().collect();
            let url = Some("http://127.0.0.1:1".to_owned());
            let refused = ForwardTarget::of(&Forward { url, headers, ..Forward::default() }).unwrap_err().to_string();
            assert!(refused.contains(name) && !refused.contains("hush"), "{refused}");
        }
    }

    #[test]
    fn own_listeners_are_recognised_by_any_of_their_addresses() {
        let listeners = Listeners {
            http: "127.0.0.1:7001".to_owned(),
            otlp_grpc: "127.0.0.1:7002".to_owned(),
            otlp_http: "0.0.0.0:7003".to_owned(),
        };
        for own in ["http://127.0.0.1:7003", "http://localhost:7001", "http://127.0.0.2:7002", "http://0.0.0.0:7003"] {
            let refused = target(own, true).unwrap().refuse_own(&listeners);
            assert!(matches!(refused, Err(ForwardError::Own { .. })), "{own}");
        }
        // An address for documentation, which no machine has.
        for other in ["http://127.0.0.1:7004", "http://192.0.2.1:7003"] {
            assert!(target(other, true).unwrap().refuse_own(&listeners).is_ok(), "{other}");
        }
    }

    #[test]
    fn answers_are_judged_as_otlp_says() {
        for code in [429, 502, 503, 504] {
            let reply = not_taken(StatusCode::from_u16(code).unwrap(), Some("3".to_owned()));
            assert!(matches!(reply, Reply::Later { retry_after: Some(_), .. }), "{code}");
        }
        for code in [301, 307, 400, 401, 404, 408, 413, 500, 501, 599] {
            assert!(matches!(not_taken(StatusCode::from_u16(code).unwrap(), None), Reply::Refused { .. }), "{code}");
        }
        assert_eq!(not_taken(StatusCode::LOOP_DETECTED, None), Reply::Loop);
    }

    #[test]
    fn what_an_answer_refuses_is_counted_and_nonsense_is_nothing() {
        assert_eq!(rejected(b"\x0a\x07\x08\x05\x12\x03bad", false), 5);
        assert_eq!(rejected(b"{\"partialSuccess\":{\"rejectedSpans\":\"5\"}}", true), 5);
        assert_eq!(rejected(b"{\"partialSuccess\":{\"rejectedLogRecords\":6}}", true), 6);
        for nonsense in [&b""[..], b"\x0a\xff", b"<html>", b"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"] {
            assert_eq!((rejected(nonsense, false), rejected(nonsense, true)), (0, 0), "{nonsense:?}");
        }
    }
}

//! Asks a server over HTTP: one request after another, each bounded in bytes and time. It follows no redirect to another
//! host, takes no proxy from the environment, and asks for nothing compressed.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use ureq::http::{HeaderMap, Response, Uri, header};
use ureq::{Agent, Body};

use super::api::RequestFault;
use crate::failure::{Failure, code};
use crate::render;

/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long one request may take, its answer included: servers search for up to a minute or so before they give up.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(2);
/// How often one request is sent where the server is busy or the connection breaks.
const ATTEMPTS_MAX: u32 = 5;
/// The longest that a server is waited for before the next attempt, whatever it asks.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Redirects within the server: a path without its slash is one.
const REDIRECTS_MAX: u32 = 3;
/// The part of a refusal that is read, and the part that is shown.
const REFUSAL_BYTES_MAX: u64 = 64 << 10;
const REFUSAL_SHOWN_CHARS: usize = 300;

/// Where a server is: scheme, host and port, and the path before its API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    /// Host and port, in lower case.
    authority: String,
    host: String,
    /// Without a slash at its end; empty for none.
    path: String,
}

impl Address {
    /// Reads `http://HOST[:PORT][/PATH]`.
    ///
    /// # Errors
    /// What is wrong; what may be a secret in it is not repeated.
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| Failure::new(code::WRONG, format!("{why}; http://HOST:PORT is expected"));
        if text.contains('@') {
            return Err(wrong(
                "the URL has a user name or password, which others see in the list of processes: put credentials into \
                 KINO_PULL_HEADERS, or [[sources]] in config.toml",
            ));
        }
        if text.contains(['?', '#']) {
            return Err(wrong("the URL has a query or a fragment, which the API's own take the place of"));
        }
        let (scheme, _) = text.split_once("://").ok_or_else(|| wrong("that is no URL"))?;
        if scheme.eq_ignore_ascii_case("https") {
            return Err(Failure::new(
                code::UNAVAILABLE,
                "https:// is not spoken: let a tunnel on this machine speak it, and name its http:// address \
                 (docs/importing.md shows three)",
            ));
        }
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(wrong("that is no URL of the web"));
        }
        let uri: Uri = text.parse().map_err(|_| wrong("the URL cannot be read"))?;
        let authority = uri.authority().filter(|authority| !authority.host().is_empty());
        let authority = authority.ok_or_else(|| wrong("the URL has no host"))?;
        if authority.port_u16().is_none() && authority.as_str() != authority.host() {
            return Err(wrong("the URL's port cannot be read"));
        }
        Ok(Self {
            authority: authority.as_str().to_ascii_lowercase(),
            host: authority.host().to_ascii_lowercase(),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Whether it is the same server as `other`, at its path or below.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        let below = self.path.strip_prefix(&other.path);
        self.authority == other.authority && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether it says by itself that nothing leaves this machine.
    pub(super) fn is_this_machine(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

/// A server, and what was asked of it so far.
pub(super) struct Server {
    agent: Agent,
    pub(super) address: Address,
    headers: Vec<(String, String)>,
    pub(super) requests: u64,
    /// Bytes of its answers.
    pub(super) bytes: u64,
}

/// What came of one attempt.
enum Attempt {
    Answer(Vec<u8>),
    /// To be sent again, after this long at least where the server says so.
    Again(Option<Duration>, Failure),
}

impl Server {
    pub(super) fn new(address: Address, headers: Vec<(String, String)>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_global(Some(REQUEST_TIMEOUT))
            .user_agent(concat!("kino/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), address, headers, requests: 0, bytes: 0 }
    }

    /// The answer to `GET PATH`, with what is in `query` encoded behind it.
    pub(super) fn get(
        &mut self,
        path: &str,
        query: &[(&str, &str)],
        accept: &str,
        bytes_max: u64,
    ) -> Result<Vec<u8>, RequestFault> {
        let mut target = format!("{}{path}", self.address.path);
        for (index, (name, value)) in query.iter().enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target.push_str(name);
            target.push('=');
            target.push_str(&encoded(value));
        }
        let mut pause = Duration::from_secs(1);
        for attempt in 1.. {
            match self.attempt(target.clone(), accept, bytes_max)? {
                Attempt::Answer(body) => return Ok(body),
                Attempt::Again(_, failure) if attempt == ATTEMPTS_MAX => return Err(RequestFault::Failed(failure)),
                Attempt::Again(asked, _) => thread::sleep(asked.unwrap_or(pause).min(PAUSE_MAX)),
            }
            pause *= 2;
        }
        unreachable!("the last attempt returns")
    }

    fn attempt(&mut self, mut target: String, accept: &str, bytes_max: u64) -> Result<Attempt, RequestFault> {
        for _ in 0..=REDIRECTS_MAX {
            self.requests += 1;
            let mut request =
                self.agent.get(format!("http://{}{target}", self.address.authority)).header(header::ACCEPT, accept);
            for (name, value) in &self.headers {
                request = request.header(name, value);
            }
            let mut response = match request.call() {
                Ok(response) => response,
                Err(error) => return self.unreachable(&error),
            };
            match response.status().as_u16() {
                200 => return self.body(&mut response, bytes_max),
                301 | 302 | 303 | 307 | 308 => target = self.redirected(response.headers())?,
                status => return self.refused(status, &mut response),
            }
        }
        Err(RequestFault::Failed(Failure::new(code::FAILED, format!("{} redirects in circles", self.address))))
    }

    fn body(&mut self, response: &mut Response<Body>, bytes_max: u64) -> Result<Attempt, RequestFault> {
        match response.body_mut().with_config().limit(bytes_max).read_to_vec() {
            Ok(body) => {
                self.bytes += body.len() as u64;
                Ok(Attempt::Answer(body))
            }
            Err(ureq::Error::BodyExceedsLimit(_)) => {
                self.bytes += bytes_max;
                Err(RequestFault::TooLarge)
            }
            Err(error) => self.unreachable(&error),
        }
    }

    /// The path that a redirect leads to, on this server alone.
    fn redirected(&self, headers: &HeaderMap) -> Result<String, RequestFault> {
        let location = headers.get(header::LOCATION).and_then(|location| location.to_str().ok()).unwrap_or_default();
        let here = format!("http://{}/", self.address.authority);
        let path = match location.get(..here.len()) {
            Some(begin) if begin.eq_ignore_ascii_case(&here) => &location[here.len() - 1..],
            _ => location,
        };
        if path.starts_with('/') && !path.starts_with("//") {
            return Ok(path.to_owned());
        }
        let message = format!(
            "{} redirects to {:?}, and no redirect to another host is followed: name that server in the URL if you trust it \
             (a sign-in page needs credentials instead: KINO_PULL_HEADERS)",
            self.address,
            render::clean(location)
        );
        Err(RequestFault::Failed(Failure::new(code::FAILED, message)))
    }

    fn refused(&mut self, status: u16, response: &mut Response<Body>) -> Result<Attempt, RequestFault> {
        let asked =
            response.headers().get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.trim().parse().ok());
        let body = response.body_mut().with_config().limit(REFUSAL_BYTES_MAX).read_to_vec().unwrap_or_default();
        let message: String = String::from_utf8_lossy(&body).trim().chars().take(REFUSAL_SHOWN_CHARS).collect();
        let message = render::clean(&message).into_owned();
        let address = &self.address;
        match status {
            401 | 403 => Err(RequestFault::Failed(Failure::new(
                code::FAILED,
                format!(
                    "{address} wants other credentials (status {status}): put them into KINO_PULL_HEADERS \
                     (Authorization=Bearer%20…, X-Scope-OrgID=…) or [[sources]] in config.toml. It says: {message}"
                ),
            ))),
            429 | 502 | 503 | 504 => Ok(Attempt::Again(
                asked.map(Duration::from_secs),
                Failure::new(
                    code::TRY_AGAIN,
                    format!("{address} is busy (status {status}): try again later. It says: {message}"),
                ),
            )),
            _ => Err(RequestFault::Status { status, message }),
        }
    }

    /// What to say where nothing whole came back; a connection that broke is tried again.
    fn unreachable(&self, error: &ureq::Error) -> Result<Attempt, RequestFault> {
        let address = &self.address;
        let kind = match error {
            ureq::Error::Io(error) => Some(error.kind()),
            _ => None,
        };
        let mut is_final = true;
        let message = match error {
            ureq::Error::HostNotFound => format!("no host has the name {}", self.address.host),
            _ if kind == Some(io::ErrorKind::ConnectionRefused) => {
                format!("nothing listens at {address}: Jaeger's query service is usually at port 16686, Tempo at 3200")
            }
            ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => {
                format!("{address} does not answer in HTTP ({error}): a port that speaks TLS or gRPC looks so")
            }
            ureq::Error::Http(_) => format!("a header cannot be sent: {error}"),
            ureq::Error::Timeout(_) => format!("{address} does not answer in time ({error})"),
            error => {
                is_final = false;
                let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
                format!("{address} cannot be asked: {error}{cause}")
            }
        };
        let failure = Failure::new(code::FAILED, message);
        if is_final { Err(RequestFault::Failed(failure)) } else { Ok(Attempt::Again(None, failure)) }
    }
}

/// A value for a query or a part of a path: every byte that could mean something there is encoded.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value)]);
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn addresses_are_read_and_written() {
        for (text, written) in [
            ("http://localhost:16686", "http://localhost:16686"),
            ("HTTP://Tempo:3200/", "http://tempo:3200"),
            ("http://[::1]:3200/jaeger//", "http://[::1]:3200/jaeger"),
        ] {
            assert_eq!(address(text).to_string(), written);
        }
        assert!(address("http://[::1]:3200").is_this_machine() && address("http://127.0.0.9").is_this_machine());
        assert!(!address("http://localhost.example:1").is_this_machine());
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_secrets() {
        for (text, why) in [
            ("http://me:hush@host:1", "KINO_PULL_HEADERS"),
            ("http://host/?token=hush", "query"),
            ("http://host/#hush", "fragment"),
            ("localhost:16686", "no URL"),
            ("file:///etc/passwd", "no URL of the web"),
            ("http://", "read"),
            ("http:///x", "read"),
            ("http://ho st", "read"),
            ("http://host:port", "port"),
            ("http://host:70000", "port"),
            ("https://host", "tunnel"),
        ] {
            let failure = Address::parse(text).unwrap_err();
            assert!(failure.message.contains(why) && !failure.message.contains("hush"), "{text}: {failure}");
        }
    }

    #[test]
    fn headers_belong_to_one_server_and_path() {
        let of = address("http://a:1/x");
        assert!(address("http://A:1/x/").is_within(&of) && address("http://a:1/x/y").is_within(&of));
        for other in ["http://a:2/x", "http://b:1/x", "http://a:1", "http://a:1/xy", "http://a:1.evil/x"] {
            assert!(Address::parse(other).map_or(true, |other| !other.is_within(&of)), "{other}");
        }
    }

    #[test]
    fn redirects_stay_on_the_server() {
        let server = Server::new(address("http://a:1/x"), Vec::new());
        let to = |location: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::LOCATION, location.parse().unwrap());
            server.redirected(&headers)
        };
        assert_eq!(to("/y?z=1").unwrap(), "/y?z=1");
        assert_eq!(to("http://A:1/y").unwrap(), "/y");
        for away in ["http://b:1/y", "//b/y", "https://a:1/y", "http://a:1.b/y", "http://a:1@b/y", "y", ""] {
            assert!(
                matches!(to(away), Err(RequestFault::Failed(failure)) if failure.message.contains("no redirect")),
                "{away}"
            );
        }
    }

    #[test]
    fn what_means_something_in_a_url_is_encoded() {
        assert_eq!(encoded("a b&c=d/é%"), "a%20b%26c%3Dd%2F%C3%A9%25");
    }
}

//! Asks a server over HTTP: one request after another, each bounded in bytes and time. It follows no redirect to another
//! host, takes no proxy from the environment, and asks for nothing compressed.

use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use kino_model::{Clock, UnixNanos};
use kino_server::outgoing::{self, AddressError, ServerAddress};
use kino_text::percent;
use kino_text::time::parse_retry_after;
use ureq::http::{HeaderMap, Response, header};
use ureq::{Agent, Body};

use super::api::RequestFault;
use crate::failure::{Failure, code};
use crate::render;

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

/// Reads the address of a server.
///
/// # Errors
/// What is wrong, and what to give instead; what may be a secret in it is not repeated.
pub(super) fn address(text: &str) -> Result<ServerAddress, Failure> {
    let wrong = |why: &str| Failure::new(code::WRONG, format!("{why}; http://HOST:PORT is expected"));
    ServerAddress::parse(text).map_err(|error| match error {
        AddressError::Credentials => wrong(
            "the URL has a user name or password, which others see in the list of processes: put credentials into \
             KINO_PULL_HEADERS, or [[sources]] in config.toml",
        ),
        AddressError::Query => wrong("the URL has a query or a fragment, which the API's own take the place of"),
        AddressError::Tls => Failure::new(
            code::UNAVAILABLE,
            "https:// is not spoken: let a tunnel on this machine speak it, and name its http:// address \
             (docs/importing.md shows three)",
        ),
        error => wrong(&error.to_string()),
    })
}

/// A server, and what was asked of it so far.
pub(super) struct Server {
    agent: Agent,
    pub(super) address: ServerAddress,
    headers: Vec<(String, String)>,
    clock: Arc<dyn Clock>,
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
    pub(super) fn new(address: ServerAddress, headers: Vec<(String, String)>, clock: Arc<dyn Clock>) -> Self {
        let agent = outgoing::agent(REQUEST_TIMEOUT, env!("CARGO_PKG_VERSION"));
        Self { agent, address, headers, clock, requests: 0, bytes: 0 }
    }

    /// The answer to `GET PATH`, with what is in `query` encoded behind it.
    pub(super) fn get(
        &mut self,
        path: &str,
        query: &[(&str, &str)],
        accept: &str,
        bytes_max: u64,
    ) -> Result<Vec<u8>, RequestFault> {
        let mut target = format!("{}{path}", self.address.path());
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
                self.agent.get(format!("http://{}{target}", self.address.authority())).header(header::ACCEPT, accept);
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
        let here = format!("http://{}/", self.address.authority());
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
        let asked = pause_asked(response.headers(), self.clock.now());
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
                asked,
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
            ureq::Error::HostNotFound => format!("no host has the name {}", self.address.host()),
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

/// How long the server asks to be left alone; `None` where it does not say.
fn pause_asked(headers: &HeaderMap, now: UnixNanos) -> Option<Duration> {
    parse_retry_after(headers.get(header::RETRY_AFTER)?.to_str().ok()?, now)
}

/// A value for a query or a part of a path: every byte that could mean something there is encoded.
pub(super) fn encoded(text: &str) -> String {
    percent::encoded(text, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused_with_what_to_do_and_without_its_secrets() {
        for (text, why) in [
            ("http://me:hush@host:1", "KINO_PULL_HEADERS"),
            ("http://host/?token=hush", "query"),
            ("localhost:16686", "does not begin with http://; http://HOST:PORT is expected"),
            ("http://host:port", "port"),
            ("https://host", "tunnel"),
        ] {
            let failure = address(text).unwrap_err();
            assert!(failure.message.contains(why) && !failure.message.contains("hush"), "{text}: {failure}");
        }
    }

    #[test]
    fn a_busy_server_may_ask_for_a_pause_in_seconds_or_until_a_date() {
        let asked = |value: &str| {
            let headers = [(header::RETRY_AFTER, value.parse().unwrap())].into_iter().collect();
            pause_asked(&headers, UnixNanos(784_111_777_000_000_000))
        };
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:47 GMT"), Some(Duration::from_secs(10)));
        assert_eq!(asked("soon"), None);
    }

    #[test]
    fn redirects_stay_on_the_server() {
        let server =
            Server::new(address("http://a:1/x").unwrap(), Vec::new(), Arc::new(crate::clock::SystemClock::new()));
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

//! Authorization: the owner's token, keys, and the checks of `Host` and `Origin` against web pages.
//!
//! Every user of the machine can reach loopback, so a request over TCP needs the token or a key; only sending OTLP from
//! this machine needs none. Requests over the Unix socket are the owner's.
//!
//! A web page that the user visits can reach loopback too: under its own origin, or under a foreign host when its name is
//! rebound (DNS rebinding). The browser shows both in the headers that it sets.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{Extensions, HeaderMap, Method, StatusCode, Uri};
use kino_wire::Access;

use crate::keys::{self, Keys};

/// The answer to a request without a key.
const NO_KEY: &str =
    "this engine asks for a key: `kino key new NAME` makes one; send the header Authorization: Bearer KEY";

/// Marks a request that came over the Unix socket, which no other user can reach.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner;

/// Decides which requests are allowed. Clones share the keys.
#[derive(Clone, Debug)]
pub(crate) struct Guard(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: Keys,
    /// The SHA-256 of the token in the engine's file, which the owner alone can read.
    owner_token_hash: Vec<u8>,
    /// Hosts that a request may name besides loopback's.
    hosts: Vec<String>,
}

impl Guard {
    pub(crate) fn new(keys: Keys, owner_token: &str, hosts: Vec<String>) -> Self {
        Self(Arc::new(Inner { keys, owner_token_hash: keys::hash(owner_token.as_bytes()), hosts }))
    }

    /// Checks that a request may do what `access` covers.
    ///
    /// # Errors
    /// Where it may not: with what to send instead.
    pub(crate) fn allows(
        &self,
        headers: &HeaderMap,
        extensions: &Extensions,
        access: Access,
    ) -> Result<(), &'static str> {
        if extensions.get::<Owner>().is_some() { Ok(()) } else { self.key(headers, access) }
    }

    /// Checks that a request may send OTLP. Every program of this machine may; others need a key.
    ///
    /// # Errors
    /// Where it may not: with what to send instead.
    pub(crate) fn takes_otlp(&self, headers: &HeaderMap, peer: Option<SocketAddr>) -> Result<(), &'static str> {
        let here = peer.is_some_and(|peer| peer.ip().to_canonical().is_loopback());
        if here { Ok(()) } else { self.key(headers, Access::Ingest) }
    }

    /// Returns the hash of the token or key in a request; `None` where there is none, or none is needed.
    pub(crate) fn caller(headers: &HeaderMap, extensions: &Extensions) -> Option<Vec<u8>> {
        if extensions.get::<Owner>().is_some() { None } else { bearer_hash(headers) }
    }

    /// Returns what the key with this hash allows now; nothing where there is no such key.
    pub(crate) fn scopes(&self, given: &[u8]) -> Vec<Access> {
        self.0.keys.scopes(given)
    }

    fn key(&self, headers: &HeaderMap, access: Access) -> Result<(), &'static str> {
        let Some(given) = bearer_hash(headers) else { return Err(NO_KEY) };
        let allowed = keys::same(&given, &self.0.owner_token_hash) | self.0.keys.allow(&given, access);
        if allowed { Ok(()) } else { Err("this key is not known, or does not allow that") }
    }

    fn host_allowed(&self, host: &str) -> bool {
        let name = without_port(host);
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost")
            || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
            || self.0.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }

    /// Returns whether every origin is one of this machine's, or of a listed host.
    fn is_origin_near(&self, headers: &HeaderMap) -> bool {
        let near = |origin| authority(origin).is_some_and(|authority| self.host_allowed(authority));
        headers.get_all(ORIGIN).iter().all(|value| value.to_str().is_ok_and(near))
    }

    fn host_fits(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let mut hosts = headers.get_all(HOST).iter().map(|value| value.to_str().unwrap_or_default());
        let first = hosts.next().or_else(|| uri.authority().map(http::uri::Authority::as_str));
        hosts.next().is_none() && first.is_some_and(|host| self.host_allowed(host))
    }
}

fn bearer_hash(headers: &HeaderMap) -> Option<Vec<u8>> {
    let (scheme, key) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| keys::hash(key.trim().as_bytes()))
}

/// Refuses requests of web pages that this listener did not serve itself: a page on another port of this machine is as
/// foreign as any.
pub(crate) async fn allow_own_pages(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if !guard.host_fits(request.headers(), request.uri()) {
        return forbidden("Host", "; list the host under `listen.hosts` to allow it");
    }
    if !origin_is_own(request.headers(), request.uri()) {
        return forbidden("Origin", "");
    }
    next.run(request).await
}

/// Refuses requests of foreign web pages, and allows OpenTelemetry in local pages (CORS). `Host` is not checked:
/// containers reach the listener under names of their own.
pub(crate) async fn allow_local_pages(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if !guard.is_origin_near(request.headers()) {
        return forbidden("Origin", "; list the host under `listen.hosts` to allow it");
    }
    let origin = request.headers().get(ORIGIN).cloned();
    let preflight = request.method() == Method::OPTIONS && origin.is_some();
    let mut response = if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(http::header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(http::header::VARY, http::HeaderValue::from_static("Origin"));
        if preflight {
            let methods = http::HeaderValue::from_static("POST");
            let allowed = http::HeaderValue::from_static("authorization, content-type, content-encoding");
            headers.insert(http::header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            headers.insert(http::header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        }
    }
    response
}

fn forbidden(header: &str, remedy: &str) -> Response {
    (StatusCode::FORBIDDEN, format!("requests under this {header} are not served{remedy}\n")).into_response()
}

/// Returns whether every origin is the address that the request was sent to.
fn origin_is_own(headers: &HeaderMap, uri: &Uri) -> bool {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    let host = host.or_else(|| uri.authority().map(http::uri::Authority::as_str));
    let own = |origin| authority(origin).zip(host).is_some_and(|(origin, host)| origin.eq_ignore_ascii_case(host));
    headers.get_all(ORIGIN).iter().all(|value| value.to_str().is_ok_and(own))
}

/// Returns host and port of a web page's origin.
fn authority(origin: &str) -> Option<&str> {
    origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use http::HeaderValue;
    use kino_engine::config::ApiKey;

    use super::*;

    fn guard(keys: &[ApiKey]) -> Guard {
        Guard::new(Keys::new(Path::new(""), keys).unwrap(), "owner", vec!["kino.example".to_owned()])
    }

    fn with(name: http::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn only_loopback_and_listed_hosts_are_served() {
        let guard = guard(&[]);
        for host in ["127.0.0.1:4319", "localhost", "LOCALHOST:1", "[::1]:4319", "kino.example:80"] {
            assert!(guard.host_fits(&with(HOST, host), &Uri::from_static("/")), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example:4319", "localhost.evil.example", "10.0.0.1", ""] {
            assert!(!guard.host_fits(&with(HOST, host), &Uri::from_static("/")), "{host}");
        }
        assert!(!guard.host_fits(&HeaderMap::new(), &Uri::from_static("/")));
    }

    #[test]
    fn local_pages_may_send_and_only_the_listeners_own_pages_may_ask() {
        let guard = guard(&[]);
        let uri = Uri::from_static("/");
        let to = |origin: &str, host: &str| {
            HeaderMap::from_iter([(ORIGIN, origin.parse().unwrap()), (HOST, host.parse().unwrap())])
        };
        assert!(guard.is_origin_near(&HeaderMap::new()) && origin_is_own(&with(HOST, "localhost:4319"), &uri));
        assert!(guard.is_origin_near(&with(ORIGIN, "http://localhost:3000")));
        for origin in ["https://evil.example", "null", "file://", "http://localhost.evil.example"] {
            assert!(!guard.is_origin_near(&with(ORIGIN, origin)), "{origin}");
            assert!(!origin_is_own(&to(origin, "localhost:4319"), &uri), "{origin}");
        }
        assert!(origin_is_own(&to("http://localhost:4319", "localhost:4319"), &uri));
        for origin in ["http://localhost:3000", "http://localhost", "http://127.0.0.1:4319", "http://localhost:43190"] {
            assert!(!origin_is_own(&to(origin, "localhost:4319"), &uri), "{origin}");
        }
        let two = HeaderMap::from_iter([(HOST, "a".parse().unwrap()), (ORIGIN, "http://a".parse().unwrap())]);
        let mut two = two;
        two.append(ORIGIN, "http://b".parse().unwrap());
        assert!(!origin_is_own(&two, &uri));
    }

    #[test]
    fn sending_needs_a_key_only_from_other_machines() {
        let guard = guard(&[]);
        let [here, mapped, there] = ["127.0.0.1:5", "[::ffff:127.0.0.1]:5", "10.0.0.7:5"].map(|peer| peer.parse().ok());
        assert!(guard.takes_otlp(&HeaderMap::new(), here).is_ok());
        assert!(guard.takes_otlp(&HeaderMap::new(), mapped).is_ok());
        assert!(guard.takes_otlp(&HeaderMap::new(), there).is_err());
        assert!(guard.takes_otlp(&HeaderMap::new(), None).is_err());
        assert!(guard.takes_otlp(&with(AUTHORIZATION, "Bearer owner"), there).is_ok());
    }

    #[test]
    fn without_any_key_the_token_or_the_socket_is_needed() {
        let guard = guard(&[]);
        let nothing = http::Extensions::new();
        let mut socket = http::Extensions::new();
        socket.insert(Owner);
        assert!(guard.allows(&HeaderMap::new(), &nothing, Access::Read).is_err());
        assert!(guard.allows(&with(AUTHORIZATION, "Bearer owner"), &nothing, Access::Admin).is_ok());
        assert!(guard.allows(&HeaderMap::new(), &socket, Access::Admin).is_ok());
    }

    #[test]
    fn a_key_allows_its_scopes_alone() {
        // SHA-256 of `s3cret`.
        let sha256 = "1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0";
        let guard = guard(&[ApiKey { name: "ci".to_owned(), sha256: sha256.to_owned(), scopes: vec![Access::Ingest] }]);
        let key = with(AUTHORIZATION, "Bearer s3cret");
        assert!(guard.key(&key, Access::Ingest).is_ok());
        assert!(guard.key(&key, Access::Read).is_err());
        assert!(guard.key(&with(AUTHORIZATION, "Bearer other"), Access::Ingest).is_err());
        assert!(guard.key(&HeaderMap::new(), Access::Ingest).is_err());
        assert!(guard.key(&with(AUTHORIZATION, "bearer owner"), Access::Admin).is_ok());
    }
}

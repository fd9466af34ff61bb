//! Who may ask: the `Host` and `Origin` checks against web pages, and API keys.
//!
//! A web page that the user happens to visit can reach loopback too, under its own origin or, by rebinding a name of
//! its own, under a foreign host. Both show in the headers that the browser sets.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, Method, StatusCode, Uri};
use kino_engine::config::ApiKey;
pub(crate) use kino_engine::config::KeyScope as Scope;
use sha2::{Digest, Sha256};

/// Who may ask.
#[derive(Clone, Debug)]
pub(crate) struct Guard(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: Vec<(Vec<u8>, Vec<Scope>)>,
    /// Who can read the engine's file owns the engine.
    owner_token_hash: Vec<u8>,
    /// Names under which the engine may be addressed besides loopback's.
    hosts: Vec<String>,
}

impl Guard {
    /// # Errors
    /// A key whose hash is not 64 hex digits, by name.
    pub(crate) fn new(keys: &[ApiKey], owner_token: &str, hosts: Vec<String>) -> Result<Self, String> {
        let read = |key: &ApiKey| {
            let hash = from_hex(&key.sha256).filter(|hash| hash.len() == 32);
            let hash = hash.ok_or_else(|| format!("the key {:?}: sha256 must be 64 hex digits", key.name))?;
            Ok((hash, key.scopes.clone()))
        };
        let keys = keys.iter().map(read).collect::<Result<_, String>>()?;
        Ok(Self(Arc::new(Inner { keys, owner_token_hash: hash(owner_token.as_bytes()), hosts })))
    }

    /// Whether a request may do what `scope` covers. Without configured keys everyone on loopback may.
    ///
    /// # Errors
    /// What to send instead.
    pub(crate) fn key(&self, headers: &HeaderMap, scope: Scope) -> Result<(), &'static str> {
        if self.0.keys.is_empty() {
            return Ok(());
        }
        let value = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = value.and_then(|value| value.split_once(' '));
        let Some((_, key)) = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
            return Err("this engine asks for a key: send the header Authorization: Bearer KEY");
        };
        let given = hash(key.trim().as_bytes());
        // Every key is compared, whole, so that time tells nothing.
        let mut allowed = same(&given, &self.0.owner_token_hash);
        for (known, scopes) in &self.0.keys {
            allowed |= same(&given, known) & (scopes.contains(&scope) | scopes.contains(&Scope::Admin));
        }
        if allowed { Ok(()) } else { Err("this key is not known, or does not allow that") }
    }

    fn host_allowed(&self, host: &str) -> bool {
        let name = without_port(host);
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        name.eq_ignore_ascii_case("localhost")
            || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
            || self.0.hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
    }

    fn origin_allowed(&self, origin: &str) -> bool {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        authority.is_some_and(|authority| self.host_allowed(authority))
    }

    fn origin_fits(&self, headers: &HeaderMap) -> bool {
        headers.get_all(ORIGIN).iter().all(|value| value.to_str().is_ok_and(|origin| self.origin_allowed(origin)))
    }

    fn host_fits(&self, headers: &HeaderMap, uri: &Uri) -> bool {
        let mut hosts = headers.get_all(HOST).iter().map(|value| value.to_str().unwrap_or_default());
        let first = hosts.next().or_else(|| uri.authority().map(http::uri::Authority::as_str));
        hosts.next().is_none() && first.is_some_and(|host| self.host_allowed(host))
    }
}

/// Refuses what a foreign web page sent: both headers are checked.
pub(crate) async fn host_and_origin(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if !guard.host_fits(request.headers(), request.uri()) {
        return forbidden("Host");
    }
    origin(State(guard), request, next).await
}

/// Refuses what a foreign web page sent, and lets local pages' OpenTelemetry send. `Host` is not checked: containers
/// reach the listener under names of their own.
pub(crate) async fn origin(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    if !guard.origin_fits(request.headers()) {
        return forbidden("Origin");
    }
    let origin = request.headers().get(ORIGIN).cloned();
    let preflight = request.method() == Method::OPTIONS && origin.is_some();
    let mut response = if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    if let Some(origin) = origin {
        let headers = response.headers_mut();
        headers.insert(http::header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(http::header::VARY, http::HeaderValue::from_static("Origin"));
        if preflight {
            let methods = http::HeaderValue::from_static("GET, POST, DELETE");
            let allowed = http::HeaderValue::from_static(
                "authorization, content-type, content-encoding, mcp-session-id, mcp-protocol-version, last-event-id",
            );
            headers.insert(http::header::ACCESS_CONTROL_ALLOW_METHODS, methods);
            headers.insert(http::header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        }
    }
    response
}

fn forbidden(header: &str) -> Response {
    let text = format!("requests under this {header} are not served; list the host under `listen.hosts` to allow it\n");
    (StatusCode::FORBIDDEN, text).into_response()
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') && port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => authority,
    }
}

fn hash(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0)?;
    Some(digits.chunks_exact(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn guard(keys: &[ApiKey]) -> Guard {
        Guard::new(keys, "owner", vec!["kino.example".to_owned()]).unwrap()
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
    fn foreign_origins_are_refused_and_none_at_all_is_fine() {
        let guard = guard(&[]);
        assert!(guard.origin_fits(&HeaderMap::new()));
        assert!(guard.origin_fits(&with(ORIGIN, "http://localhost:3000")));
        for origin in ["https://evil.example", "null", "file://", "http://localhost.evil.example"] {
            assert!(!guard.origin_fits(&with(ORIGIN, origin)), "{origin}");
        }
    }

    #[test]
    fn keys_open_their_scopes_alone() {
        // SHA-256 of `s3cret`.
        let sha256 = "1ec1c26b50d5d3c58d9583181af8076655fe00756bf7285940ba3670f99fcba0";
        let guard = guard(&[ApiKey { name: "ci".to_owned(), sha256: sha256.to_owned(), scopes: vec![Scope::Ingest] }]);
        let key = with(AUTHORIZATION, "Bearer s3cret");
        assert!(guard.key(&key, Scope::Ingest).is_ok());
        assert!(guard.key(&key, Scope::Read).is_err());
        assert!(guard.key(&with(AUTHORIZATION, "Bearer other"), Scope::Ingest).is_err());
        assert!(guard.key(&HeaderMap::new(), Scope::Ingest).is_err());
        assert!(guard.key(&with(AUTHORIZATION, "bearer owner"), Scope::Admin).is_ok());
    }

    #[test]
    fn a_key_that_is_no_hash_is_refused_by_name() {
        let key = ApiKey { name: "ci".to_owned(), sha256: "s3cret".to_owned(), scopes: Vec::new() };
        assert!(Guard::new(&[key], "owner", Vec::new()).unwrap_err().contains("\"ci\""));
    }
}

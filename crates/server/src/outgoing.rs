//! How servers that are not ours are asked: their address as people write it, and the rules for requests to them.
//!
//! An address has no credentials and no query, and nothing here speaks TLS. A refusal repeats no part of it: one may be a
//! secret. A request takes no proxy from the environment, follows no redirect and ends in a bounded time.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use http::Uri;

/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The port of `http://` where none is named.
const HTTP_PORT: u16 = 80;

/// Why requests cannot be sent to what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It has a user name or a password.
    #[error("the URL has a user name or password")]
    Credentials,
    /// It has a query or a fragment.
    #[error("the URL has a query or a fragment")]
    Query,
    /// It wants TLS.
    #[error("https:// is not spoken")]
    Tls,
    /// It begins with another scheme, or with none.
    #[error("the URL does not begin with http://")]
    Scheme,
    /// It has characters that no URL has.
    #[error("the URL cannot be read")]
    Unreadable,
    /// It names no host.
    #[error("the URL has no host")]
    Host,
    /// Its port is not a number up to 65,535.
    #[error("the URL's port cannot be read")]
    Port,
}

/// Where a server is: `http://HOST[:PORT][/PATH]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAddress {
    /// Host and port as they were given, in lower case.
    authority: String,
    /// In lower case, without the brackets of IPv6.
    host: String,
    port: u16,
    /// Without a slash at its end; empty for none.
    path: String,
}

impl ServerAddress {
    /// Reads `http://HOST[:PORT][/PATH]`.
    ///
    /// # Errors
    /// What is wrong, without what may be a secret in it.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.contains('@') {
            return Err(AddressError::Credentials);
        }
        if text.contains(['?', '#']) {
            return Err(AddressError::Query);
        }
        let (scheme, _) = text.split_once("://").ok_or(AddressError::Scheme)?;
        if scheme.eq_ignore_ascii_case("https") {
            return Err(AddressError::Tls);
        }
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(AddressError::Scheme);
        }
        let uri: Uri = text.parse().map_err(|_| AddressError::Unreadable)?;
        let authority = uri.authority().filter(|authority| !authority.host().is_empty()).ok_or(AddressError::Host)?;
        let port = authority.port_u16();
        if port.is_none() && authority.as_str() != authority.host() {
            return Err(AddressError::Port);
        }
        Ok(Self {
            authority: authority.as_str().to_ascii_lowercase(),
            host: authority.host().trim_matches(['[', ']']).to_ascii_lowercase(),
            port: port.unwrap_or(HTTP_PORT),
            path: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Host and port, as requests name them.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host alone, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, which is 80 where none is named.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path before that of an API, without a slash at its end; empty for none.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it is the same server as `other`, at its path or below.
    pub fn is_within(&self, other: &Self) -> bool {
        let below = self.path.strip_prefix(&other.path);
        self.authority == other.authority && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether it says by itself that nothing leaves this machine.
    pub fn is_this_machine(&self) -> bool {
        self.host == "localhost" || self.host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
    }
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

/// Returns a client for such servers. An answer of any status is an answer, a redirect is not followed, and a request with
/// its answer may take `request_timeout`, of whatever speed the server is.
pub fn agent(request_timeout: Duration, version: &str) -> ureq::Agent {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        // The environment's proxies are for other programs: requests go where it was said.
        .proxy(None)
        .max_redirects(0)
        .max_redirects_will_error(false)
        // One request after another goes to one server.
        .max_idle_connections(1)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(Some(request_timeout))
        .user_agent(format!("kino/{version}"))
        .build();
    ureq::Agent::new_with_config(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> ServerAddress {
        ServerAddress::parse(text).unwrap()
    }

    #[test]
    fn addresses_are_read_and_written() {
        for (text, written, host, port) in [
            ("http://localhost:16686", "http://localhost:16686", "localhost", 16_686),
            ("HTTP://Tempo:3200/", "http://tempo:3200", "tempo", 3200),
            ("http://[::1]:3200/jaeger//", "http://[::1]:3200/jaeger", "::1", 3200),
            ("http://127.9.9.9/x", "http://127.9.9.9/x", "127.9.9.9", 80),
        ] {
            let address = address(text);
            assert_eq!((address.to_string().as_str(), address.host(), address.port()), (written, host, port));
        }
        assert!(address("http://[::1]:3200").is_this_machine() && address("http://127.0.0.9").is_this_machine());
        for other in ["http://localhost.example:1", "http://0.0.0.0:1", "http://10.0.0.1"] {
            assert!(!address(other).is_this_machine(), "{other}");
        }
    }

    #[test]
    fn what_is_not_an_address_is_refused_by_what_is_wrong_with_it() {
        for (text, expected) in [
            ("http://me:hush@host:1", AddressError::Credentials),
            ("http://host/?token=hush", AddressError::Query),
            ("http://host/#hush", AddressError::Query),
            ("localhost:16686", AddressError::Scheme),
            ("", AddressError::Scheme),
            ("file:///etc/passwd", AddressError::Scheme),
            ("http://", AddressError::Unreadable),
            ("http:///x", AddressError::Unreadable),
            ("http://ho st", AddressError::Unreadable),
            ("http://host:port", AddressError::Port),
            ("http://host:70000", AddressError::Port),
            ("https://host", AddressError::Tls),
        ] {
            assert_eq!(ServerAddress::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn an_address_is_within_one_server_and_path() {
        let of = address("http://a:1/x");
        assert!(address("http://A:1/x/").is_within(&of) && address("http://a:1/x/y").is_within(&of));
        for other in ["http://a:2/x", "http://b:1/x", "http://a:1", "http://a:1/xy", "http://a.evil:1/x"] {
            assert!(!address(other).is_within(&of), "{other}");
        }
        assert!(ServerAddress::parse("http://a:1.evil/x").is_err());
    }
}

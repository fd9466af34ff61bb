//! Opens the three listeners: on the configured addresses, or on the default ones.

use std::io;
use std::net::SocketAddr;

use kino_engine::config::Listen;
use kino_wire::admin::Listeners;
use tokio::net::TcpListener;

use crate::ServeError;

/// The default addresses: OpenTelemetry's two ports, and the next one for everything else.
const DEFAULT_OTLP_GRPC: &str = "127.0.0.1:4317";
const DEFAULT_OTLP_HTTP: &str = "127.0.0.1:4318";
const DEFAULT_HTTP: &str = "127.0.0.1:4319";

/// The sockets that accept connections, and where.
#[derive(Debug)]
pub(crate) struct OpenListeners {
    pub(crate) http: TcpListener,
    pub(crate) otlp_grpc: TcpListener,
    pub(crate) otlp_http: TcpListener,
    pub(crate) addresses: Listeners,
    /// Sentences on default ports that were busy.
    pub(crate) notes: Vec<String>,
}

pub(crate) async fn open(config: &Listen, keys: bool) -> Result<OpenListeners, ServeError> {
    let mut notes = Vec::new();
    let http = one("--addr", config.addr.as_deref(), DEFAULT_HTTP, keys, &mut notes).await?;
    let otlp_grpc = one("--otlp-grpc", config.otlp_grpc.as_deref(), DEFAULT_OTLP_GRPC, keys, &mut notes).await?;
    let otlp_http = one("--otlp-http", config.otlp_http.as_deref(), DEFAULT_OTLP_HTTP, keys, &mut notes).await?;
    let address = |listener: &TcpListener| {
        listener.local_addr().map(|address| address.to_string()).map_err(|source| ServeError::Listener { source })
    };
    let addresses =
        Listeners { http: address(&http)?, otlp_grpc: address(&otlp_grpc)?, otlp_http: address(&otlp_http)? };
    Ok(OpenListeners { http, otlp_grpc, otlp_http, addresses, notes })
}

/// Opens one listener. Fails where a chosen address is busy; takes a free port instead of a default one that is.
async fn one(
    option: &'static str,
    chosen: Option<&str>,
    default: &str,
    keys: bool,
    notes: &mut Vec<String>,
) -> Result<TcpListener, ServeError> {
    let text = chosen.unwrap_or(default);
    let bad = |source| ServeError::Address { option, address: text.to_owned(), source };
    let resolved: Vec<SocketAddr> = tokio::net::lookup_host(text).await.map_err(bad)?.collect();
    let address = resolved.first().copied().ok_or_else(|| bad(io::ErrorKind::AddrNotAvailable.into()))?;
    if !address.ip().is_loopback() && !keys {
        return Err(ServeError::NeedsKey { option, address: text.to_owned() });
    }
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(source) if source.kind() == io::ErrorKind::AddrInUse && chosen.is_none() => {
            let listener = TcpListener::bind(SocketAddr::new(address.ip(), 0)).await.map_err(bad)?;
            let free = listener.local_addr().map_err(bad)?;
            notes.push(format!("{default} is in use by another program; listening on {free} instead"));
            Ok(listener)
        }
        Err(source) if source.kind() == io::ErrorKind::AddrInUse => {
            Err(ServeError::Busy { option, address: text.to_owned() })
        }
        Err(source) => Err(bad(source)),
    }
}

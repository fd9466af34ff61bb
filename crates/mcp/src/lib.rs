//! An MCP server over any [`Backend`]: what an assistant may ask of Kinescope.
//!
//! ```text
//! client ──stdio──► stdio()        ┐
//!                                  ├─► Server ─► arguments ─► question ─► Backend
//! client ──HTTP───► http_service() ┘      ◄── budgeted answer ◄── wire's answer
//! ```
//!
//! Two rules shape every answer. It fits a budget of tokens and says what was left out and how to get it. And what
//! was recorded from programs is data: it is only in fields named `untrusted.*`, cleaned and bounded, or, whole,
//! between random markers in what `open_evidence` returns. Nothing here writes, executes, or reads a clock of its own:
//! what `verify_change` executes, a [`Verifier`] starts, if the user's configuration allows it.

mod answer;
mod arguments;
mod handler;
mod lacking;
mod leases;
mod lines;
mod messages;
mod progress;
mod prompts;
mod sessions;
mod subscriptions;
mod tools;
mod untrusted;
mod uri;
mod value;
mod worktree;

use std::path::PathBuf;
use std::sync::Arc;

use self::leases::Leases;
use self::lines::Lines;
use kino_model::Clock;
use kino_wire::Backend;
use rmcp::ServiceExt;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};

pub use handler::Handler;
pub use leases::Lease;
pub use messages::{BatchPart, HttpBody, Malformed};
pub use sessions::Sessions;
pub use tools::sql::{Ran, SqlRows, SqlRunner};
pub use tools::verify::{Starting, Verifier, VerifyRequest, Verifying};

/// The largest request body over HTTP: questions are small.
pub const REQUEST_BYTES_MAX: usize = 1 << 20;

/// The MCP server: what it asks, and on whose behalf.
#[derive(Clone)]
pub struct Server {
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    sql: Option<Arc<dyn SqlRunner>>,
    verifier: Option<Arc<dyn Verifier>>,
    directory: Option<PathBuf>,
    searches: bool,
    allowed_hosts: Vec<String>,
    listener: Option<Listener>,
}

/// What is called with the client's name whenever it asks for the tools or calls one.
pub type Listener = Arc<dyn Fn(&str) + Send + Sync>;

impl Server {
    /// A server whose answers come from `backend`. The clock resolves times such as "1h ago".
    pub fn new(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>) -> Self {
        let allowed_hosts = ["localhost", "127.0.0.1", "::1"].map(String::from).to_vec();
        Self {
            backend,
            clock,
            sql: None,
            verifier: None,
            directory: None,
            searches: false,
            allowed_hosts,
            listener: None,
        }
    }

    /// Sets the directory that the client works in: its project is the scope, unless the client's roots say otherwise.
    #[must_use]
    pub fn with_directory(mut self, directory: PathBuf) -> Self {
        self.directory = Some(directory);
        self
    }

    /// Sets what runs `query_sql`. Without it the tool says how to get `kino-sql`.
    #[must_use]
    pub fn with_sql(mut self, runner: Arc<dyn SqlRunner>) -> Self {
        self.sql = Some(runner);
        self
    }

    /// Sets what starts `verify_change`. Without it the tool only reads verifications that others made.
    #[must_use]
    pub fn with_verifier(mut self, verifier: Arc<dyn Verifier>) -> Self {
        self.verifier = Some(verifier);
        self
    }

    /// Lets the backend search the client's worktree for places in the code that spans do not name: for clients that may
    /// do everything, since the engine reads these files.
    #[must_use]
    pub fn with_search(mut self) -> Self {
        self.searches = true;
        self
    }

    /// Sets what is called with the client's name whenever it speaks.
    #[must_use]
    pub fn with_listener(mut self, listener: Listener) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Sets the `Host` names that HTTP requests may carry; loopback names when nothing is said.
    #[must_use]
    pub fn with_allowed_hosts(mut self, hosts: Vec<String>) -> Self {
        self.allowed_hosts = hosts;
        self
    }
}

/// Why serving ended other than by the client's wish.
#[derive(Debug, thiserror::Error)]
pub enum McpError {
    /// The client's first messages were not MCP's handshake.
    #[error("begin the MCP session")]
    Begin(#[source] Box<rmcp::service::ServerInitializeError>),
    /// The task that served it ended abnormally.
    #[error("serve the MCP session")]
    Serve(#[from] tokio::task::JoinError),
}

/// Serves one client on standard input and output until it hangs up.
///
/// # Errors
/// [`McpError`] when the client does not speak MCP or serving breaks.
pub async fn stdio(server: Server) -> Result<(), McpError> {
    Box::pin(serve(server, rmcp::transport::stdio())).await
}

/// Serves one client over any pair of byte streams until it hangs up.
///
/// # Errors
/// As [`stdio`].
pub async fn serve<R, W>(server: Server, (reader, writer): (R, W)) -> Result<(), McpError>
where
    R: tokio::io::AsyncRead + Send + Unpin + 'static,
    W: tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let running = match Handler::new(server, Leases::default()).serve(Lines::new(reader, writer)).await {
        Ok(running) => running,
        // A client that leaves before it says a word has done nothing wrong.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(McpError::Begin(Box::new(error))),
    };
    running.waiting().await?;
    Ok(())
}

/// A `tower` service that speaks MCP's streamable HTTP: `router.nest_service("/mcp", http_service(server))`.
pub type HttpService = StreamableHttpService<Handler, Sessions>;

/// Serves many clients over HTTP. `Host` must be one of the allowed names; an `Origin`, where there is one, must be
/// loopback's.
pub fn http_service(server: Server) -> HttpService {
    let config = StreamableHttpServerConfig::default()
        .with_allowed_hosts(server.allowed_hosts.clone())
        .with_allowed_origins(["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"])
        .enforce_origin_validation()
        .with_max_request_body_bytes(REQUEST_BYTES_MAX);
    let leases = Leases::that_end_unattended();
    StreamableHttpService::new(
        move || Ok(Handler::new(server.clone(), leases.clone())),
        Arc::new(Sessions::default()),
        config,
    )
}

//! Opens everything in the right order, and closes it in the reverse one.
//!
//! The store first, so that a second engine on the same home fails before it takes a port; then the listeners, which
//! queue connections until they are served; then the servers; last `engine.json`, by which clients find them.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kino_engine::{Engine, EngineConfig, OpenReport, StoreError};
use kino_mcp::{SqlRunner, Verifier};
use kino_model::Clock;
use kino_wire::admin::{EngineFile, Listeners};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::descriptors::Shares;
use crate::guard::Guard;
use crate::otlp::Otlp;
use crate::otlp::body::Budget;
use crate::sender::Senders;
use crate::{api, connections, engine_file, life, listen, otlp};

/// How long requests that are under way at a stop may take to finish. Clients of streams would hold it up for ever.
const FINISH_MAX: Duration = Duration::from_secs(5);

/// What to serve.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The engine's configuration, addresses and keys included.
    pub engine: EngineConfig,
    /// The version that `/healthz` names.
    pub version: String,
    /// End on SIGTERM and SIGINT.
    pub signals: bool,
}

/// A running server.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub listeners: Listeners,
    /// Sentences a person should see: usual ports that were busy.
    pub notes: Vec<String>,
    /// What opening the store found.
    pub report: OpenReport,
    /// The engine behind it.
    pub engine: Engine,
    ended: JoinHandle<Result<(), ServeError>>,
}

/// Why serving failed. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The engine did not open.
    #[error(transparent)]
    Open(#[from] kino_engine::OpenError),
    /// A chosen address is taken.
    #[error("{option} {address} is in use by another program; choose another, or port 0 for a free one")]
    Busy {
        /// Which address.
        option: &'static str,
        /// As it was given.
        address: String,
    },
    /// An address cannot be used.
    #[error("failed to listen on {option} {address}; give HOST:PORT")]
    Address {
        /// Which address.
        option: &'static str,
        /// As it was given.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Listening beyond this machine without a key.
    #[error(
        "{option} {address} can be reached from other machines: configure a key in config.toml under [[keys]] first"
    )]
    NeedsKey {
        /// Which address.
        option: &'static str,
        /// As it was given.
        address: String,
    },
    /// A key is malformed.
    #[error("failed to read the keys: {0}")]
    Keys(String),
    /// A listener broke.
    #[error("failed to listen")]
    Listener {
        /// Why.
        source: io::Error,
    },
    /// `engine.json` cannot be written.
    #[error("failed to write {} in {}: {}", engine_file::ENGINE_FILE, home.display(), remedy(source.kind()))]
    EngineFile {
        /// The home.
        home: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store did not close cleanly.
    #[error("failed to write everything out at the end; the log holds it, and the next start takes it up")]
    Close(#[source] StoreError),
    /// The home, or a part of it, was taken away while the engine ran.
    #[error("failed to write everything out at the end; what was in memory alone is lost")]
    Gone(#[source] StoreError),
    /// A task ended early.
    #[error("a server task ended early")]
    Task(#[from] tokio::task::JoinError),
}

/// What helps where the home cannot be written.
fn remedy(kind: io::ErrorKind) -> &'static str {
    match kind {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space, the disk is full",
        io::ErrorKind::ReadOnlyFilesystem => "mount the disk for writing, or set KINO_HOME to another place",
        _ => "check that its owner may write there",
    }
}

/// Opens the engine and its listeners. When this returns, every listener answers.
///
/// # Errors
/// As [`ServeError`] says; nothing is left open then.
pub async fn serve(config: ServerConfig, clock: Arc<dyn Clock>) -> Result<Running, ServeError> {
    serve_with_programs(config, clock, Programs::default()).await
}

/// What starts other programs for MCP's tools; without it, they say what is missing.
#[derive(Clone, Default)]
pub struct Programs {
    /// Runs the statements that `query_sql` is given.
    pub sql: Option<Arc<dyn SqlRunner>>,
    /// Starts what `verify_change` is given.
    pub verifier: Option<Arc<dyn Verifier>>,
}

/// As [`serve`], with what starts other programs.
///
/// # Errors
/// As [`serve`].
pub async fn serve_with_programs(
    config: ServerConfig,
    clock: Arc<dyn Clock>,
    programs: Programs,
) -> Result<Running, ServeError> {
    let (engine, report) = Engine::open(config.engine.clone(), &config.version, Arc::clone(&clock)).await?;
    match start(&config, &engine, clock, programs).await {
        Ok((listeners, notes, ended)) => Ok(Running { listeners, notes, report, engine, ended }),
        Err(error) => {
            if let Err(close) = engine.close().await {
                tracing::warn!(error = %close, "failed to close the store after a failed start");
            }
            Err(error)
        }
    }
}

impl Running {
    /// Waits until the engine was asked to stop and has written everything out.
    ///
    /// # Errors
    /// Where not everything could be written; the log holds it.
    pub async fn wait(self) -> Result<(), ServeError> {
        self.ended.await?
    }
}

type Started = (Listeners, Vec<String>, JoinHandle<Result<(), ServeError>>);

async fn start(
    config: &ServerConfig,
    engine: &Engine,
    clock: Arc<dyn Clock>,
    programs: Programs,
) -> Result<Started, ServeError> {
    let listen = &config.engine.listen;
    let token = kino_engine::random_hex().map_err(|source| ServeError::Listener { source })?;
    let guard = Guard::new(&config.engine.keys, &token, listen.hosts.clone()).map_err(ServeError::Keys)?;
    let open = listen::open(listen, !config.engine.keys.is_empty()).await?;
    engine.set_listeners(open.addresses.clone());

    let limits = &config.engine.limits;
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let otlp = Arc::new(Otlp {
        engine: engine.clone(),
        senders: Senders::new(Arc::clone(&clock)),
        guard: guard.clone(),
        body_bytes_max: bytes(limits.body_bytes_max),
        budget: Budget::new(bytes(limits.in_flight_bytes_max)),
    });
    let (stop, stopping) = watch::channel(false);
    let mut mcp = kino_mcp::Server::new(Arc::new(engine.clone()), clock);
    if let Some(sql) = programs.sql {
        mcp = mcp.with_sql(sql);
    }
    if let Some(verifier) = programs.verifier {
        mcp = mcp.with_verifier(verifier);
    }
    let hosts = ["localhost", "127.0.0.1", "::1"].into_iter().map(str::to_owned).chain(listen.hosts.clone());
    let mcp = kino_mcp::http_service(mcp.with_allowed_hosts(hosts.collect()));
    let shares = Shares::available();
    let serve = |listener, routes, share| tokio::spawn(connections::serve(listener, routes, share, stopping.clone()));
    let tasks = [
        serve(open.http, api::routes(&otlp, mcp), shares.rest),
        serve(open.otlp_http, otlp::http::routes(Arc::clone(&otlp)), shares.otlp_http),
        serve(open.otlp_grpc, otlp::grpc::routes(otlp), shares.otlp_grpc),
    ];

    let home = config.engine.home.clone();
    let addresses = open.addresses;
    let file = EngineFile {
        version: config.version.clone(),
        pid: std::process::id(),
        http: addresses.http.clone(),
        otlp_grpc: addresses.otlp_grpc.clone(),
        otlp_http: addresses.otlp_http.clone(),
        started_unix_nanos: engine.started().0,
        token,
    };
    engine_file::write(&home, &file).map_err(|source| ServeError::EngineFile { home: home.clone(), source })?;

    let (engine, signals) = (engine.clone(), config.signals);
    let ended = tokio::spawn(async move {
        life::until_the_end(&engine, &home, signals).await;
        engine.request_stop();
        stop.send_replace(true);
        finish(tasks).await;
        let closed = engine.close().await.map_err(|error| match error {
            StoreError::Gone(_) => ServeError::Gone(error),
            _ => ServeError::Close(error),
        });
        engine_file::remove(&home, file.pid);
        closed
    });
    Ok((addresses, open.notes, ended))
}

/// Lets requests under way finish, and ends what does not.
async fn finish(tasks: [JoinHandle<()>; 3]) {
    let deadline = tokio::time::sleep(FINISH_MAX);
    tokio::pin!(deadline);
    for mut task in tasks {
        tokio::select! {
            ended = &mut task => match ended {
                Ok(()) => {}
                Err(error) => tracing::warn!(%error, "a listener's task ended early"),
            },
            () = &mut deadline => {
                tracing::info!("open connections were cut at the stop");
                task.abort();
            }
        }
    }
}

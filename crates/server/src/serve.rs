//! Opens everything in the right order, and closes it in the reverse one.
//!
//! The home first, so that a second engine on it fails before it takes a port; then the listeners, which queue
//! connections until they are served, and `engine.json`, so that a command that reports to them need not wait for the
//! log to be read back; then the store, the socket, by which commands find the engine, and the servers.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use kino_engine::{Claim, Engine, EngineConfig, OpenReport, StoreError};
use kino_mcp::{SqlRunner, Verifier};
use kino_model::{Clock, UnixNanos};
use kino_wire::admin::{EngineFile, Listeners};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::api::Mcp;
use crate::descriptors::Shares;
use crate::guard::{Guard, Owner};
use crate::keys::Keys;
use crate::otlp::Otlp;
use crate::otlp::body::Budget;
use crate::sender::Senders;
use crate::socket::{SocketError, SocketPlaces};
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
    /// `XDG_RUNTIME_DIR`: where the socket lies that the home does not take.
    pub runtime: Option<PathBuf>,
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
    #[error("{option} {address} can be reached from other machines: make a key first, with `kino key new NAME`")]
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
    /// There is no socket for the commands.
    #[error(transparent)]
    Socket(#[from] SocketError),
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

impl ServeError {
    /// Whether another engine has the home, so that using that one makes sense.
    pub fn is_taken(&self) -> bool {
        match self {
            Self::Open(open) => open.is_locked(),
            Self::Socket(socket) => matches!(socket, SocketError::InUse(_)),
            _ => false,
        }
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
    // Nothing runs yet that these milliseconds could hold up.
    let claim = Claim::of(&config.engine.home).map_err(kino_engine::OpenError::from)?;
    let door = Door::open(&config, clock.now()).await?;
    let started = start(&config, claim, door, clock, programs).await;
    if started.is_err() {
        engine_file::remove(&config.engine.home, std::process::id());
    }
    started
}

/// Listeners that are open and queue connections, but are not served yet, with their addresses.
struct Door {
    open: listen::Open,
    guard: Guard,
    file: EngineFile,
}

impl Door {
    async fn open(config: &ServerConfig, now: UnixNanos) -> Result<Self, ServeError> {
        let listen = &config.engine.listen;
        let token = kino_engine::random_hex().map_err(|source| ServeError::Listener { source })?;
        let keys = Keys::new(&config.engine.home, &config.engine.keys).map_err(ServeError::Keys)?;
        let open = listen::open(listen, keys.exist()).await?;
        let Listeners { http, otlp_grpc, otlp_http } = open.addresses.clone();
        let guard = Guard::new(keys, &token, listen.hosts.clone());
        let file = EngineFile {
            version: config.version.clone(),
            pid: std::process::id(),
            http,
            otlp_grpc,
            otlp_http,
            started_unix_nanos: now.0,
            starting: true,
            socket: String::new(),
            token,
        };
        engine_file::announce(&config.engine.home, &file);
        Ok(Self { open, guard, file })
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

async fn start(
    config: &ServerConfig,
    claim: Claim,
    door: Door,
    clock: Arc<dyn Clock>,
    programs: Programs,
) -> Result<Running, ServeError> {
    let version = &config.version;
    let (engine, report) = Engine::open_claimed(claim, config.engine.clone(), version, Arc::clone(&clock)).await?;
    match serve_opened(config, &engine, door, clock, programs) {
        Ok((listeners, notes, ended)) => Ok(Running { listeners, notes, report, engine, ended }),
        Err(error) => {
            if let Err(close) = engine.close().await {
                tracing::warn!(error = %close, "failed to close the store after a failed start");
            }
            Err(error)
        }
    }
}

type Served = (Listeners, Vec<String>, JoinHandle<Result<(), ServeError>>);

fn serve_opened(
    config: &ServerConfig,
    engine: &Engine,
    door: Door,
    clock: Arc<dyn Clock>,
    programs: Programs,
) -> Result<Served, ServeError> {
    let Door { open, guard, file } = door;
    let listen = &config.engine.listen;
    engine.set_listeners(open.addresses.clone());
    let home = config.engine.home.clone();
    let bound = SocketPlaces::of(&home, config.runtime.as_deref()).bind()?;
    let socket = bound.path.display().to_string();
    let (own, remover) = bound.split().map_err(|source| ServeError::Listener { source })?;

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
    let hosts = ["localhost", "127.0.0.1", "::1"].into_iter().map(str::to_owned).chain(listen.hosts.clone());
    let mcp = mcp.with_allowed_hosts(hosts.collect());
    let executing = programs.verifier.map_or_else(|| mcp.clone(), |verifier| mcp.clone().with_verifier(verifier));
    let mcp = Mcp { reading: kino_mcp::http_service(mcp), executing: kino_mcp::http_service(executing) };
    let shares = Shares::available();
    let routes = api::routes(&otlp, mcp, shares.rest);
    let serve = |listener, routes, share| tokio::spawn(connections::serve(listener, routes, share, stopping.clone()));
    let for_the_owner = routes.clone().layer(Extension(Owner));
    let tasks = [
        tokio::spawn(connections::serve(own, for_the_owner, shares.rest, stopping.clone())),
        serve(open.http, routes, shares.rest),
        serve(open.otlp_http, otlp::http::routes(Arc::clone(&otlp)), shares.otlp_http),
        serve(open.otlp_grpc, otlp::grpc::routes(otlp), shares.otlp_grpc),
    ];

    let file = EngineFile { started_unix_nanos: engine.started().0, starting: false, socket, ..file };
    engine_file::announce(&home, &file);

    let (engine, signals) = (engine.clone(), config.signals);
    let ended = tokio::spawn(async move {
        life::until_the_end(&engine, &home, signals).await;
        engine.request_stop();
        stop.send_replace(true);
        finish(tasks).await;
        // While this engine has the home: afterwards the name may be a successor's.
        drop(remover);
        let closed = engine.close().await.map_err(|error| match error {
            StoreError::Gone(_) => ServeError::Gone(error),
            _ => ServeError::Close(error),
        });
        engine_file::remove(&home, file.pid);
        closed
    });
    Ok((open.addresses, open.notes, ended))
}

/// Lets requests under way finish, and ends what does not.
async fn finish(tasks: [JoinHandle<()>; 4]) {
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

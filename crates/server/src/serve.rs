//! Starts an engine and its listeners, and stops them in the reverse order.
//!
//! First it claims the home, so that a second engine fails before it takes a port. Then it opens the listeners, which
//! queue connections until they are served, and writes `engine.json`, so that programs that send to them need not wait
//! for the replay of the log. Then it opens the store and the socket, by which commands find the engine, and serves.

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
use crate::channel::ProgramChannel;
use crate::descriptors::Shares;
use crate::forward::{ForwardError, ForwardTarget, HttpPeer};
use crate::guard::{Guard, Owner};
use crate::keys::{KeyError, Keys};
use crate::otlp::Otlp;
use crate::otlp::body::Budget;
use crate::sender::Senders;
use crate::socket::{SocketError, SocketPlaces};
use crate::{api, connections, engine_file, listen, otlp, shutdown};

/// How long requests that are under way at a stop may take to finish: streams may never end by themselves.
const FINISH_MAX: Duration = Duration::from_secs(5);

/// What to serve.
#[derive(Clone, Debug)]
pub struct ServerConfig {
    /// The engine's configuration, addresses and keys included.
    pub engine: EngineConfig,
    /// The version that `/healthz` names.
    pub version: String,
    /// `XDG_RUNTIME_DIR`: the folder of the socket where the home takes none.
    pub runtime: Option<PathBuf>,
    /// Whether SIGTERM and SIGINT stop the server.
    pub signals: bool,
}

/// A server between its start and its end.
#[derive(Debug)]
pub struct RunningServer {
    /// Where it listens.
    pub listeners: Listeners,
    /// Sentences for a person: default ports that were busy.
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
    /// A configured key cannot be used.
    #[error("failed to read the keys")]
    Keys(#[from] KeyError),
    /// A listener broke.
    #[error("failed to listen")]
    Listener {
        /// Why.
        source: io::Error,
    },
    /// Recordings cannot be passed on as it was said.
    #[error("failed to pass recordings on")]
    Forward(#[from] ForwardError),
    /// There is no socket for the commands.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The store did not close cleanly.
    #[error("failed to flush everything at the stop; the log has it, and the next start reads it from there")]
    Close(#[source] StoreError),
    /// The home, or a part of it, was taken away while the engine ran.
    #[error("failed to flush everything at the stop; what was in memory alone is lost")]
    Gone(#[source] StoreError),
    /// A task ended early.
    #[error("a server task ended early")]
    Task(#[from] tokio::task::JoinError),
}

impl ServeError {
    /// Returns whether another engine owns the home, so that it can be used instead.
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
pub async fn serve(config: ServerConfig, clock: Arc<dyn Clock>) -> Result<RunningServer, ServeError> {
    serve_with_programs(config, clock, Programs::default()).await
}

/// What starts other programs for MCP's tools; a tool whose program is missing says so.
#[derive(Clone, Default)]
pub struct Programs {
    /// Runs the statements of `query_sql`.
    pub sql: Option<Arc<dyn SqlRunner>>,
    /// Starts the verifications of `verify_change`.
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
) -> Result<RunningServer, ServeError> {
    // It blocks for milliseconds, while nothing else runs yet.
    let claim = Claim::of(&config.engine.home).map_err(kino_engine::OpenError::from)?;
    let queued = QueuedListeners::open(&config, clock.now()).await?;
    let started = start(&config, claim, queued, clock, programs).await;
    if started.is_err() {
        engine_file::remove(&config.engine.home, std::process::id());
    }
    started
}

/// Listeners that are open but not served yet: their connections queue.
struct QueuedListeners {
    open: listen::OpenListeners,
    /// Where recordings are passed on to; `None` where they are not.
    target: Option<ForwardTarget>,
    guard: Guard,
    file: EngineFile,
}

impl QueuedListeners {
    async fn open(config: &ServerConfig, now: UnixNanos) -> Result<Self, ServeError> {
        let listen = &config.engine.listen;
        let token = kino_engine::random_hex().map_err(|source| ServeError::Listener { source })?;
        let keys = Keys::new(&config.engine.home, &config.engine.keys)?;
        let target = ForwardTarget::of(&config.engine.forward)?;
        let mut open = listen::open(listen, keys.exist()).await?;
        if let Some(target) = &target {
            target.refuse_own(&open.addresses)?;
            open.notes.extend(target.note());
        }
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
            channel: String::new(),
            token,
        };
        engine_file::announce(&config.engine.home, &file);
        Ok(Self { open, target, guard, file })
    }
}

impl RunningServer {
    /// Waits until the engine has been stopped and has flushed everything.
    ///
    /// # Errors
    /// Where not everything could be flushed; the log has it.
    pub async fn wait(self) -> Result<(), ServeError> {
        self.ended.await?
    }
}

async fn start(
    config: &ServerConfig,
    claim: Claim,
    queued: QueuedListeners,
    clock: Arc<dyn Clock>,
    programs: Programs,
) -> Result<RunningServer, ServeError> {
    let version = &config.version;
    let (engine, report) = Engine::open_claimed(claim, config.engine.clone(), version, Arc::clone(&clock)).await?;
    match serve_opened(config, &engine, queued, clock, programs) {
        Ok((listeners, notes, ended)) => Ok(RunningServer { listeners, notes, report, engine, ended }),
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
    queued: QueuedListeners,
    clock: Arc<dyn Clock>,
    programs: Programs,
) -> Result<Served, ServeError> {
    let QueuedListeners { open, target, guard, file } = queued;
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
    let executing = mcp.clone().with_search();
    let executing = match programs.verifier {
        Some(verifier) => executing.with_verifier(verifier),
        None => executing,
    };
    let mcp = Mcp { reading: kino_mcp::http_service(mcp), executing: kino_mcp::http_service(executing) };
    let shares = Shares::available();
    let routes = api::routes(&otlp, mcp, shares.rest);
    let serve = |listener, routes, share| tokio::spawn(connections::serve(listener, routes, share, stopping.clone()));
    let owner_routes = routes.clone().layer(Extension(Owner));
    let tasks = [
        tokio::spawn(connections::serve(own, owner_routes, shares.rest, stopping.clone())),
        serve(open.http, routes, shares.rest),
        serve(open.otlp_http, otlp::ports::http(Arc::clone(&otlp)), shares.otlp_http),
        serve(open.otlp_grpc, otlp::ports::grpc(otlp), shares.otlp_grpc),
    ];

    let channel = ProgramChannel::open(engine);
    let place = channel.as_ref().map(ProgramChannel::path).unwrap_or_default();
    let started_unix_nanos = engine.started().0;
    let file = EngineFile { started_unix_nanos, starting: false, socket, channel: place, ..file };
    engine_file::announce(&home, &file);

    let forwarding = target.map(|target| {
        let (engine, peer) = (engine.clone(), Arc::new(HttpPeer::new(target, &config.version)));
        tokio::spawn(async move { engine.forward(peer).await })
    });
    let reading = channel.map(|channel| tokio::spawn(channel.pass_on(engine.clone(), stopping)));
    let (engine, signals) = (engine.clone(), config.signals);
    let ended = tokio::spawn(async move {
        shutdown::requested(&engine, &home, signals).await;
        engine.request_stop();
        stop.send_replace(true);
        finish(tasks).await;
        if let Some(reading) = reading
            && let Err(error) = reading.await
        {
            tracing::warn!(%error, "reading spans of programs ended early");
        }
        if let Some(forwarding) = forwarding
            && let Err(error) = forwarding.await
        {
            tracing::warn!(%error, "passing recordings on ended early");
        }
        // While this engine owns the home: afterwards the socket's name may be a successor's.
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

/// Waits for requests under way, at most [`FINISH_MAX`], then ends them.
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

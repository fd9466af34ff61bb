//! Serves the connections of a listener, within limits of their number and of their times.
//!
//! ```text
//!  accept ─► below the limit? ── no ─► the connection that has waited longest for its peer is asked to close
//!             │ yes                     (HTTP/2: GOAWAY, so that no call is lost; a peer that does not close is cut)
//!             ▼
//!         HTTP/1.1 or HTTP/2 ─► routes          every few seconds: connections beyond a time limit are closed
//! ```
//!
//! Each connection takes a descriptor, of which the store needs some too: the limit is [`Shares`](crate::descriptors).
//! A connection whose request is being answered, or whose stream waits for news, is never closed for another.

mod slot;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use http::{Request, Response};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tower::Service;

use self::slot::{Incoming, Outgoing, Slot, Watched};

/// Calls at one time on one connection of HTTP/2; exporters use one or a few.
const STREAMS_MAX: u32 = 256;
/// How often time limits are checked.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// How long a connection that was asked to close may take, to answer a call that came meanwhile.
const CLOSING_MAX: Duration = Duration::from_secs(1);
/// Connections that may be closing at one time, beside those that are open, before the oldest is cut.
const CLOSING_AT_ONCE: usize = 32;
/// How often a connection to close is searched for while all are being answered.
const RETRY_EVERY: Duration = Duration::from_millis(20);
/// The pause after the system refused another connection, mostly for lack of descriptors.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);
/// How long an HTTP/2 peer may be silent before it is pinged.
const PING_EVERY: Duration = Duration::from_mins(1);
/// How long it may take to answer the ping.
const PING_MAX: Duration = Duration::from_secs(20);

/// The address of a connection's other end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// A source of connections.
pub(crate) trait Listener: Send + 'static {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Returns the next connection, and the address of its other end; `None` on a Unix socket.
    fn accept(&self) -> impl Future<Output = io::Result<(Self::Stream, Option<Peer>)>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<(TcpStream, Option<Peer>)> {
        let (stream, peer) = self.accept().await?;
        // Small answers must not wait for the acknowledgement of the one before.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "failed to set TCP_NODELAY on a connection");
        }
        Ok((stream, Some(Peer(peer))))
    }
}

/// Serves `routes` to at most `connections_max` connections at one time. Returns after a stop, once the requests under way
/// are answered.
pub(crate) async fn serve<L: Listener>(
    listener: L,
    routes: Router,
    connections_max: usize,
    mut stopping: watch::Receiver<bool>,
) {
    let open = Arc::new(OpenConnections { connections_max, slots: Mutex::default(), closed: Notify::new() });
    let mut tasks = JoinSet::new();
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    let stop = stopping.clone();
    let mut stopped = pin!(stopped(&mut stopping));
    for id in 0_u64.. {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener, &open, &mut sweep) => accepted,
            () = &mut stopped => break,
        };
        let slot = Slot::new(Instant::now());
        let guard = SlotGuard { open: Arc::clone(&open), id };
        open.slots().insert(id, Arc::clone(&slot));
        tasks.spawn(connection(stream, peer, slot, guard, routes.clone(), stop.clone()));
        while tasks.try_join_next().is_some() {}
    }
    drop(listener);
    while tasks.join_next().await.is_some() {}
}

/// Accepts the next connection, and waits until one more may be open.
async fn accept<L: Listener>(
    listener: &L,
    open: &OpenConnections,
    sweep: &mut tokio::time::Interval,
) -> (L::Stream, Option<Peer>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            now = sweep.tick() => {
                open.close_overdue(now);
                continue;
            }
        };
        match accepted {
            Ok(accepted) => {
                open.make_room().await;
                return accepted;
            }
            Err(error) => {
                tracing::debug!(%error, "a connection was not accepted");
                open.close_longest_waiting();
                tokio::time::sleep(REFUSED_PAUSE).await;
            }
        }
    }
}

/// The open connections of one listener, in the order in which they were accepted.
#[derive(Debug)]
struct OpenConnections {
    connections_max: usize,
    slots: Mutex<BTreeMap<u64, Arc<Slot>>>,
    /// Notified when a connection has closed.
    closed: Notify,
}

impl OpenConnections {
    fn slots(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close_overdue(&self, now: Instant) {
        let slots = self.slots();
        for slot in slots.values().filter(|slot| !slot.is_closing() && slot.is_overdue(now)) {
            slot.close();
        }
    }

    /// Asks the connection to close that has waited longest for its peer; returns `false` where none waits.
    fn close_longest_waiting(&self) -> bool {
        let now = Instant::now();
        let slots = self.slots();
        let waiting = slots.values().filter(|slot| !slot.is_closing());
        let longest = waiting.filter_map(|slot| Some((slot.waits_since(now)?, slot))).min_by_key(|(since, _)| *since);
        longest.map(|(_, slot)| slot.close()).is_some()
    }

    /// Returns once one more connection may be open.
    async fn make_room(&self) {
        loop {
            let closing = {
                let slots = self.slots();
                let mut closing: Vec<_> = slots.values().filter(|slot| slot.is_closing()).cloned().collect();
                if slots.len() - closing.len() < self.connections_max {
                    return;
                }
                closing.truncate(CLOSING_AT_ONCE);
                closing
            };
            if closing.len() == CLOSING_AT_ONCE {
                // Asked a second time, the oldest is cut.
                closing[0].close();
            } else if self.close_longest_waiting() {
                return;
            }
            tokio::select! {
                () = self.closed.notified() => {}
                () = tokio::time::sleep(RETRY_EVERY) => {}
            }
        }
    }
}

/// Removes a connection from the open ones when it is dropped.
#[derive(Debug)]
struct SlotGuard {
    open: Arc<OpenConnections>,
    id: u64,
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        self.open.slots().remove(&self.id);
        self.open.closed.notify_one();
    }
}

/// Serves one connection until it ends, is asked to close, or the engine stops.
async fn connection(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    peer: Option<Peer>,
    slot: Arc<Slot>,
    _guard: SlotGuard,
    routes: Router,
    mut stopping: watch::Receiver<bool>,
) {
    let answering = Arc::clone(&slot);
    let service = service_fn(move |request| answer(routes.clone(), Arc::clone(&answering), peer, request));
    let mut builder = Builder::new(TokioExecutor::new());
    // The slot limits the time of a header: hyper's own limit would end idle connections too.
    builder.http1().timer(TokioTimer::new()).header_read_timeout(None);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_MAX);
    let watched = Watched { stream, slot: Arc::clone(&slot) };
    let mut served = pin!(builder.serve_connection(TokioIo::new(watched), service));
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = slot.asked_to_close() => {
            served.as_mut().graceful_shutdown();
            tokio::select! {
                ended = served.as_mut() => ended,
                // Dropping it cuts the connection.
                () = tokio::time::sleep(CLOSING_MAX) => Ok(()),
                () = slot.asked_to_close() => Ok(()),
            }
        }
        () = stopped(&mut stopping) => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended early");
    }
}

async fn answer(
    mut routes: Router,
    slot: Arc<Slot>,
    peer: Option<Peer>,
    request: Request<hyper::body::Incoming>,
) -> Result<Response<Outgoing>, Infallible> {
    let under_way = slot.begin();
    let mut request = request.map(|body| Body::new(Incoming::new(body, &slot)));
    if let Some(peer) = peer {
        request.extensions_mut().insert(ConnectInfo(peer));
    }
    // A router is always ready.
    let response = routes.call(request).await?;
    Ok(response.map(|body| Outgoing::new(body, under_way)))
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    if stopping.wait_for(|stop| *stop).await.is_err() {
        tracing::debug!("the server was dropped without a stop");
    }
}

//! The state of one connection: what is under way on it, and since when it waits for its peer.
//!
//! Three wrappers report to it: the stream ([`Watched`]), the bodies of requests ([`Incoming`]), and the bodies of
//! answers ([`Outgoing`]). A connection waits for its peer while no request is under way, and while every request under
//! way is stalled: its next piece does not arrive, or the last piece of its answer is not read. It does not wait for its
//! peer while the engine works or a stream waits for news.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

/// How long a request's header may take, and how long an HTTP/1.1 connection may stay without its first request.
const HEADER_MAX: Duration = Duration::from_secs(30);
/// How long a connection may stay open with nothing under way. Clients reconnect when they need to.
const IDLE_MAX: Duration = Duration::from_mins(10);
/// How long a peer may read nothing of an answer, or send nothing of a request.
const STALLED_MAX: Duration = Duration::from_secs(30);
/// A request or an answer that stalls for less does not count as waiting for its peer.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a sender may pause in a body, all pauses together, in addition to what its bytes grant it.
const BODY_GRACE: Duration = Duration::from_secs(30);
/// Bytes of a body that grant one more second.
const BODY_BYTES_PER_SECOND: u64 = 8 << 10;

/// The first bytes of an HTTP/2 connection; no method of HTTP/1.1 has this name.
const HTTP2_BEGIN: &[u8] = b"PRI";

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Slot {
    state: Mutex<State>,
    close: Notify,
}

#[derive(Debug)]
struct State {
    opened: Instant,
    /// Requests whose answers are not completely written.
    under_way: usize,
    /// Those of them whose next piece, in either direction, the peer has to send or to read.
    stalled: usize,
    /// When a piece of any body was last transferred in either direction.
    moved: Instant,
    /// Whether there has been any request.
    was_asked: bool,
    /// Since when nothing is under way.
    idle_since: Instant,
    /// When the first byte of the next request's header arrived.
    header_since: Option<Instant>,
    /// Since when the peer has read nothing of what waits to be written.
    unread_since: Option<Instant>,
    /// Bytes of [`HTTP2_BEGIN`] that the connection began with; `None` where it began otherwise.
    http2_begin: Option<usize>,
    closing: bool,
}

impl State {
    fn is_http2(&self) -> bool {
        self.http2_begin == Some(HTTP2_BEGIN.len())
    }

    /// Returns since when every request under way has been stalled.
    fn stalled_since(&self) -> Option<Instant> {
        let all = self.under_way > 0 && self.stalled == self.under_way;
        self.unread_since.or_else(|| all.then_some(self.moved))
    }
}

impl Slot {
    pub(super) fn new(now: Instant) -> Arc<Self> {
        let state = State {
            opened: now,
            under_way: 0,
            stalled: 0,
            moved: now,
            was_asked: false,
            idle_since: now,
            header_since: None,
            unread_since: None,
            http2_begin: Some(0),
            closing: false,
        };
        Arc::new(Self { state: Mutex::new(state), close: Notify::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns since when the connection waits for its peer; `None` where the peer waits for the engine.
    pub(super) fn waits_since(&self, now: Instant) -> Option<Instant> {
        let state = self.state();
        if state.under_way == 0 {
            return Some(state.idle_since);
        }
        state.stalled_since().filter(|since| now.saturating_duration_since(*since) >= PAUSE)
    }

    /// Returns whether a time limit has passed.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        let state = self.state();
        let passed = |since: Instant, limit| now.saturating_duration_since(since) >= limit;
        let header_since = if state.was_asked { state.header_since } else { Some(state.opened) };
        state.stalled_since().is_some_and(|since| passed(since, STALLED_MAX))
            || state.under_way == 0
                && (passed(state.idle_since, IDLE_MAX)
                    || !state.is_http2() && header_since.is_some_and(|since| passed(since, HEADER_MAX)))
    }

    /// Asks the connection's task to close it; the second time, without waiting for answers.
    pub(super) fn close(&self) {
        self.state().closing = true;
        self.close.notify_one();
    }

    /// Returns whether it has been asked to close.
    pub(super) fn is_closing(&self) -> bool {
        self.state().closing
    }

    /// Returns once it has been asked to close.
    pub(super) async fn asked_to_close(&self) {
        self.close.notified().await;
    }

    fn read(&self, bytes: &[u8]) {
        let mut state = self.state();
        if let Some(known) = state.http2_begin.filter(|known| *known < HTTP2_BEGIN.len()) {
            let rest = &HTTP2_BEGIN[known..];
            let length = rest.len().min(bytes.len());
            state.http2_begin = (rest[..length] == bytes[..length]).then_some(known + length);
        }
        if state.under_way == 0 && state.header_since.is_none() {
            state.header_since = Some(Instant::now());
        }
    }

    fn wrote(&self, done: bool) {
        let mut state = self.state();
        if done {
            state.unread_since = None;
        } else if state.unread_since.is_none() {
            state.unread_since = Some(Instant::now());
        }
    }

    fn moves(&self, stalled: impl FnOnce(usize) -> usize) {
        let mut state = self.state();
        state.stalled = stalled(state.stalled);
        state.moved = Instant::now();
    }

    /// Records a request, which is under way until the guard is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> UnderWay {
        let mut state = self.state();
        state.under_way += 1;
        state.was_asked = true;
        state.header_since = None;
        UnderWay(Arc::clone(self))
    }
}

/// A request that is under way.
#[derive(Debug)]
pub(super) struct UnderWay(Arc<Slot>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.under_way -= 1;
        if state.under_way == 0 {
            state.idle_since = Instant::now();
        }
    }
}

/// A request whose next piece the peer has to send or to read.
#[derive(Debug)]
struct Stalled(Arc<Slot>);

impl Stalled {
    fn new(slot: &Arc<Slot>) -> Self {
        slot.moves(|stalled| stalled + 1);
        Self(Arc::clone(slot))
    }
}

impl Drop for Stalled {
    fn drop(&mut self) {
        self.0.moves(|stalled| stalled - 1);
    }
}

/// The stream of a connection.
#[derive(Debug)]
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) slot: Arc<Slot>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if read.is_ready() && buffer.filled().len() > before {
            self.slot.read(&buffer.filled()[before..]);
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.slot.wrote(wrote.is_ready());
        wrote
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(cx, pieces);
        self.slot.wrote(wrote.is_ready());
        wrote
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// A sender that took too long over its body.
#[derive(Debug, thiserror::Error)]
#[error("the body came too slowly")]
struct TooSlow;

/// The body of a request. It fails once its sender has paused for longer, in all, than what came of it allows.
#[derive(Debug)]
pub(super) struct Incoming {
    body: hyper::body::Incoming,
    slot: Arc<Slot>,
    bytes: u64,
    /// How long it was waited for, up to the last piece.
    waited: Duration,
    waiting: Option<PieceWait>,
}

/// The wait for the next piece.
#[derive(Debug)]
struct PieceWait {
    since: Instant,
    too_long: Pin<Box<Sleep>>,
    _stalled: Stalled,
}

impl Incoming {
    pub(super) fn new(body: hyper::body::Incoming, slot: &Arc<Slot>) -> Self {
        Self { body, slot: Arc::clone(slot), bytes: 0, waited: Duration::ZERO, waiting: None }
    }

    fn wait(&self) -> PieceWait {
        let allowed = BODY_GRACE + Duration::from_secs(self.bytes / BODY_BYTES_PER_SECOND);
        let since = Instant::now();
        let too_long = Box::pin(tokio::time::sleep_until(since + allowed.saturating_sub(self.waited)));
        PieceWait { since, too_long, _stalled: Stalled::new(&self.slot) }
    }
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            let mut waiting = self.waiting.take().unwrap_or_else(|| self.wait());
            let is_over = waiting.too_long.as_mut().poll(cx).is_ready();
            self.waiting = Some(waiting);
            return if is_over { Poll::Ready(Some(Err(TooSlow.into()))) } else { Poll::Pending };
        };
        if let Some(waiting) = self.waiting.take() {
            self.waited += waiting.since.elapsed();
        }
        if let Some(Ok(frame)) = &frame {
            self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer. The request is under way until it is dropped.
#[derive(Debug)]
pub(super) struct Outgoing {
    body: axum::body::Body,
    slot: Arc<Slot>,
    /// The last piece is not known to be taken: the next has not been asked for.
    untaken: Option<Stalled>,
    _under_way: UnderWay,
}

impl Outgoing {
    pub(super) fn new(body: axum::body::Body, under_way: UnderWay) -> Self {
        Self { body, slot: Arc::clone(&under_way.0), untaken: None, _under_way: under_way }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        self.untaken = None;
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_ready() {
            self.untaken = Some(Stalled::new(&self.slot));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_waits_for_its_peer_unless_a_request_is_worked_on() {
        let begun = Instant::now();
        let later = || Instant::now() + PAUSE;
        let slot = Slot::new(begun);
        assert_eq!(slot.waits_since(begun), Some(begun));
        slot.read(b"POST / HTTP/1.1\r\n\r\n");
        let request = slot.begin();
        let works = || {
            assert_eq!(slot.waits_since(later()), None, "the engine works, or the stream has nothing to say");
            assert!(!slot.is_overdue(Instant::now() + IDLE_MAX * 2), "it may do so for as long as it likes");
        };
        let stalls = || {
            assert_eq!(slot.waits_since(begun), None, "the next piece may be on its way");
            assert!(slot.waits_since(later()).is_some_and(|since| since >= begun));
        };
        works();
        let body = Stalled::new(&slot);
        stalls();
        let other = slot.begin();
        works();
        drop((body, other));
        works();
        slot.wrote(false);
        stalls();
        slot.wrote(true);
        works();
        drop(request);
        assert!(slot.waits_since(begun).is_some_and(|since| since >= begun));
    }

    #[test]
    fn headers_answers_and_idle_connections_have_their_time() {
        let check = |limit: Duration, prepare: fn(&Arc<Slot>)| {
            let begun = Instant::now();
            let slot = Slot::new(begun);
            prepare(&slot);
            assert!(!slot.is_overdue(begun + limit - Duration::from_nanos(1)));
            assert!(slot.is_overdue(Instant::now() + limit));
        };
        check(HEADER_MAX, |_| {});
        check(HEADER_MAX, |slot| slot.read(b"GET / HT"));
        check(IDLE_MAX, |slot| drop(slot.begin()));
        check(HEADER_MAX, |slot| {
            drop(slot.begin());
            slot.read(b"GET / HT");
        });
        // Pings and settings are no beginnings of headers.
        check(IDLE_MAX, |slot| {
            slot.read(b"P");
            slot.read(b"RI * HTTP/2.0");
            slot.read(b"ping");
        });
        check(STALLED_MAX, |slot| {
            std::mem::forget(slot.begin());
            slot.wrote(false);
        });
        check(STALLED_MAX, |slot| std::mem::forget((slot.begin(), Stalled::new(slot))));
    }
}

//! The one thread that writes the log.
//!
//! It takes what waits in its bounded queue, writes it in one go, syncs as the policy says, makes the rows visible and
//! only then acknowledges. Segments are made when the first record needs one, so a full disk never prevents
//! freezing what is already in memory.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use kino_model::Clock;
use tokio::sync::oneshot;

use super::extents::Extents;
use super::segment::{self, RecordKind};
use crate::config::SyncPolicy;
use crate::disk::{Disk, DiskFile};
use crate::error::AppendError;
use crate::hot::{Accepted, Generation, HotState};
use crate::lock::{self, HomeMark};
use crate::log_position::LogPosition;

/// Requests that may wait. Each carries at most one client's request, whose memory is already reserved.
const QUEUE_LEN: usize = 1024;
/// Bytes written in one go before the writer applies the sync policy again.
const GROUP_BYTES: usize = 8 << 20;
/// When a client may come back after the queue or the disk was full.
pub(crate) const RETRY_AFTER: Duration = Duration::from_millis(200);
/// How long the thread sleeps when nothing is unsynced. It wakes at once for a request.
const IDLE: Duration = Duration::from_hours(1);

/// Where and how the writer writes.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) folder: PathBuf,
    pub(crate) sync: SyncPolicy,
    pub(crate) segment_bytes: u64,
    /// The number of the next segment that it makes.
    pub(crate) next_segment: u64,
    /// The extents of the segments so far.
    pub(crate) extents: Extents,
    /// The home to which the log belongs.
    pub(crate) home: HomeMark,
}

/// One record, ready to be written.
pub(crate) struct Append {
    pub(crate) kind: RecordKind,
    /// The payload's checksum.
    pub(crate) check: u32,
    pub(crate) payload: Vec<u8>,
    pub(crate) accepted: Accepted,
    pub(crate) reply: oneshot::Sender<Result<(), AppendError>>,
}

/// A frozen generation, and the first segment that is still needed once the lake has it.
#[derive(Debug)]
pub(crate) struct Frozen {
    pub(crate) generation: Arc<Generation>,
    pub(crate) position: u64,
}

enum WriterRequest {
    Append(Box<Append>),
    Freeze(oneshot::Sender<Option<Frozen>>),
    Close,
}

/// The store's end of the writer's queue.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: SyncSender<WriterRequest>,
    thread: std::sync::Mutex<Option<JoinHandle<()>>>,
}

struct Segment {
    number: u64,
    file: Box<dyn DiskFile>,
    path: PathBuf,
    length: u64,
}

struct WriterState {
    options: Options,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    shared: Arc<HotState>,
    current: Option<Segment>,
    /// When the oldest unsynced byte was written, by the monotonic clock.
    unsynced_since: Option<u64>,
    buffer: Vec<u8>,
}

impl Writer {
    pub(crate) fn start(
        options: Options,
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        shared: Arc<HotState>,
    ) -> io::Result<Self> {
        let (queue, requests) = sync_channel(QUEUE_LEN);
        shared.log_end.send_replace(LogPosition { segment: options.next_segment, offset: 0 });
        let state =
            WriterState { options, disk, clock, shared, current: None, unsynced_since: None, buffer: Vec::new() };
        let thread = std::thread::Builder::new().name("kino-wal".to_owned()).spawn(move || state.run(&requests))?;
        Ok(Self { queue, thread: std::sync::Mutex::new(Some(thread)) })
    }

    /// Queues one record; its answer comes through the record's own channel.
    pub(crate) fn append(&self, append: Append) -> Result<(), AppendError> {
        self.queue.try_send(WriterRequest::Append(Box::new(append))).map_err(|error| match error {
            TrySendError::Full(_) => AppendError::Full { retry_after: RETRY_AFTER },
            TrySendError::Disconnected(_) => AppendError::Closed,
        })
    }

    /// Ends the active generation; `None` when it has nothing. Blocks while the queue is full.
    pub(crate) fn freeze(&self) -> Option<Frozen> {
        let (reply, answer) = oneshot::channel();
        self.queue.send(WriterRequest::Freeze(reply)).ok()?;
        answer.blocking_recv().ok()?
    }

    /// Writes and syncs what waits, and ends the thread. Blocks.
    pub(crate) fn close(&self) {
        // The thread is gone already where this fails, which is what is wanted.
        drop(self.queue.send(WriterRequest::Close));
        let thread = self.thread.lock().expect("no holder of this lock panics").take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the log's writer panicked");
        }
    }
}

impl WriterState {
    fn run(mut self, requests: &Receiver<WriterRequest>) {
        loop {
            let first = match requests.recv_timeout(self.sync_timeout()) {
                Ok(request) => request,
                Err(RecvTimeoutError::Timeout) => {
                    self.sync_if_due();
                    continue;
                }
                // Dropped without a close: as after a crash, what was written stays, nothing more is promised.
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut next = Some(first);
            while let Some(request) = next.take() {
                match request {
                    WriterRequest::Append(append) => next = self.append_group(*append, requests),
                    WriterRequest::Freeze(reply) => {
                        // The requester may be gone; the generation then stays frozen for the next flush.
                        drop(reply.send(self.freeze()));
                    }
                    WriterRequest::Close => {
                        self.finish_segment();
                        return;
                    }
                }
            }
            self.sync_if_due();
        }
    }

    /// The time until the next sync is due.
    fn sync_timeout(&self) -> Duration {
        let (SyncPolicy::Interval(interval), Some(since)) = (self.options.sync, self.unsynced_since) else {
            return IDLE;
        };
        interval.saturating_sub(Duration::from_nanos(self.clock.monotonic_nanos().saturating_sub(since)))
    }

    /// Writes `first` and the appends that wait behind it; returns the first request of another kind, if it took one.
    fn append_group(&mut self, first: Append, requests: &Receiver<WriterRequest>) -> Option<WriterRequest> {
        let mut group = Vec::new();
        let mut left_over = None;
        self.buffer.clear();
        // A segment that is not there yet begins with its header.
        let begin = self.current.as_ref().map_or(segment::HEADER_LEN as u64, |segment| segment.length);
        let mut next = Some(first);
        while let Some(append) = next.take() {
            let place = begin + self.buffer.len() as u64;
            let Append { kind, check, accepted, payload, .. } = &append;
            self.buffer.extend_from_slice(&segment::header_of(*kind, accepted.arrival, payload, *check, place));
            self.buffer.extend_from_slice(&append.payload);
            group.push((append.accepted, append.reply));
            if self.buffer.len() >= GROUP_BYTES {
                break;
            }
            match requests.try_recv() {
                Ok(WriterRequest::Append(append)) => next = Some(*append),
                Ok(other) => left_over = Some(other),
                Err(_) => {}
            }
        }
        let outcome = self.write_buffer(begin);
        let (accepted, replies): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        match outcome {
            Ok(()) => {
                self.shared.push(accepted, self.clock.monotonic_nanos());
                for reply in replies {
                    // A client that hung up does not change what is stored.
                    drop(reply.send(Ok(())));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the log refused {} appends", replies.len());
                if error.kind() == io::ErrorKind::NotFound {
                    // The log is gone: what is in memory has only the lake to go to.
                    self.shared.ask_for_flush();
                }
                for (accepted, reply) in accepted.into_iter().zip(replies) {
                    self.shared.release(accepted.reserved);
                    drop(reply.send(Err(refusal(&error))));
                }
            }
        }
        left_over
    }

    /// Appends the buffer, whose records say that it begins at `begin`.
    fn write_buffer(&mut self, begin: u64) -> io::Result<()> {
        let mut segment = match self.current.take() {
            Some(segment) => segment,
            None => self.open_segment()?,
        };
        assert_eq!(segment.length, begin, "a record would not be where it says");
        assert!(!self.buffer.is_empty(), "an append has a record");
        let always = self.options.sync == SyncPolicy::Always;
        let written = segment
            .file
            .append(&self.buffer)
            .and_then(|()| if always { segment.file.sync() } else { Ok(()) })
            .and_then(|()| self.still_there(&segment));
        if let Err(error) = written {
            // None of it was acknowledged. Where the file cannot be cut back, the next segment takes over and replay
            // recognises the torn record.
            if segment.file.truncate(segment.length).is_ok() {
                self.current = Some(segment);
            }
            return Err(error);
        }
        let written = self.buffer.len() as u64;
        segment.length += written;
        self.shared.wal_bytes_add(written);
        self.shared.log_end.send_replace(LogPosition { segment: segment.number, offset: segment.length });
        if !always {
            self.unsynced_since.get_or_insert_with(|| self.clock.monotonic_nanos());
        }
        let full = segment.length >= self.options.segment_bytes;
        self.current = Some(segment);
        if full {
            self.finish_segment();
        }
        Ok(())
    }

    /// Fails where a segment's path names another file or none: what is written to it then cannot be read back.
    fn still_there(&self, segment: &Segment) -> io::Result<()> {
        if segment.file.is_at(&segment.path)? { Ok(()) } else { Err(lock::gone(&self.options.folder)) }
    }

    fn open_segment(&mut self) -> io::Result<Segment> {
        // By now another engine's home may be at this path.
        self.options.home.check()?;
        let number = self.options.next_segment;
        let path = super::segment_path(&self.options.folder, number);
        let made = self.disk.create(&path).and_then(|mut file| {
            file.append(&segment::header(number))?;
            file.sync()?;
            self.disk.sync_dir(&self.options.folder)?;
            Ok(file)
        });
        match made {
            Ok(file) => {
                let length = segment::HEADER_LEN as u64;
                self.options.extents.note(self.disk.as_ref(), number, length);
                self.options.next_segment += 1;
                Ok(Segment { number, file, path, length })
            }
            Err(error) => {
                // A half-made file would block the next attempt under its number.
                if self.disk.remove(&path).is_err() {
                    self.options.next_segment += 1;
                }
                Err(error)
            }
        }
    }

    fn freeze(&mut self) -> Option<Frozen> {
        self.finish_segment();
        let generation = self.shared.freeze()?;
        Some(Frozen { generation, position: self.options.next_segment })
    }

    fn finish_segment(&mut self) {
        self.sync();
        if let Some(segment) = self.current.take()
            && self.options.home.check().is_ok()
        {
            self.options.extents.note(self.disk.as_ref(), segment.number, segment.length);
        }
    }

    fn sync_if_due(&mut self) {
        if self.unsynced_since.is_some() && self.sync_timeout().is_zero() {
            self.sync();
        }
    }

    fn sync(&mut self) {
        if self.unsynced_since.take().is_none() {
            return;
        }
        let Some(segment) = &mut self.current else { return };
        if let Err(error) = segment.file.sync() {
            // The kernel drops pages that it could not write, so a second sync would succeed without them. The rows are
            // still in memory: a flush brings them to the lake.
            tracing::error!(%error, "failed to sync the log");
            self.shared.warn(format!(
                "the log could not be synced ({error}): check the disk; rows are being written to the lake instead"
            ));
            self.shared.ask_for_flush();
            self.current = None;
        }
    }
}

fn refusal(error: &io::Error) -> AppendError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => AppendError::DiskFull { retry_after: RETRY_AFTER },
        kind => AppendError::Io(
            error.raw_os_error().map_or_else(|| io::Error::new(kind, error.to_string()), io::Error::from_raw_os_error),
        ),
    }
}

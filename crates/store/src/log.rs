//! The log as a reader sees it: what was acknowledged, in order, from any position that is still there.
//!
//! ```text
//!  wal/  5 ───── 6 ───── 7 ──────── 8 ─────┐
//!        │ retained: in the lake, not read │ the store's own: in memory, too
//!        └ released position               └ catalog's position              log end: a reader goes no further
//! ```
//!
//! Segments whose rows are in the lake stay up to `retained_log_bytes` and `SEGMENTS_MAX` while their reader has not
//! released them. What goes unread is counted first, under `forward/missed_…`. It never writes a segment, and never delays an
//! append. Segments go whole, so that a crash in between counts what is in one twice and never not at all.

mod read;

use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use kino_model::Batch;

use crate::error::StoreError;
use crate::inner::{Inner, blocking};
use crate::log_position::LogPosition;
use crate::store::Store;
use crate::wal;

/// Segments that stay for a reader, at most: a quiet engine makes one a flush, and each takes a block of the disk.
const SEGMENTS_MAX: usize = 4_096;
/// Counters of what went unread.
pub const MISSED_SPANS: &str = "forward/missed_spans";
/// See [`MISSED_SPANS`].
pub const MISSED_LOG_RECORDS: &str = "forward/missed_log_records";
/// Segments that went unread, those included that were gone when a reader came: their rows are then not known.
pub const MISSED_SEGMENTS: &str = "forward/missed_segments";

/// Rows that were acknowledged together.
#[derive(Clone, Debug)]
pub struct LoggedBatch {
    /// When they arrived, in Unix nanoseconds.
    pub arrival: i64,
    /// The rows.
    pub batch: Batch,
}

/// A stretch of the log.
#[derive(Clone, Debug, Default)]
pub struct LogPiece {
    /// What is in it, in order. Empty at the end of the log, and where there is nothing but large values.
    pub batches: Vec<LoggedBatch>,
    /// The segment in which it begins.
    pub segment: u64,
    /// Where the next one begins.
    pub next: LogPosition,
    /// Segments before it that were gone, and of which nothing was counted.
    pub missing_segments: u64,
    /// Records and stretches in it that cannot be read.
    pub unreadable: u64,
}

impl Store {
    /// Returns where the log ends.
    pub fn log_end(&self) -> LogPosition {
        *self.inner.shared.log_end.borrow()
    }

    /// Returns once the log goes beyond `position`.
    pub async fn log_grown(&self, position: LogPosition) {
        let mut end = self.inner.shared.log_end.subscribe();
        if end.wait_for(|end| *end > position).await.is_err() {
            tracing::debug!("the log ended");
        }
    }

    /// Reads the log from a position on: about a mebibyte, or one record where that is larger. A position that is gone, or
    /// that this log never had, leads to the first segment after it that is there.
    ///
    /// # Errors
    /// [`StoreError`]: where the disk cannot be read.
    pub async fn read_log(&self, from: LogPosition) -> Result<LogPiece, StoreError> {
        let inner = Arc::clone(&self.inner);
        Ok(blocking(move || inner.read_log(from)).await??)
    }

    /// Whether a segment was removed. What a reader has in hand of one that it did not release was counted as missed, and is
    /// to be dropped, since it may be forgotten.
    pub fn is_log_dropped(&self, segment: u64) -> bool {
        segment < self.inner.shared.retained_log.state().dropped_before
    }

    /// Returns a position at which a reader had all of the log: the same, or where its segment is gone the next one's
    /// beginning. A segment that is yet to be written is not gone.
    pub fn log_position_after(&self, read: LogPosition) -> LogPosition {
        if read.segment >= self.log_end().segment {
            return read;
        }
        let path = wal::segment_path(&self.inner.log_folder(), read.segment);
        match self.inner.disk.length(&path) {
            Err(error) if is_gone(&error) => LogPosition { segment: read.segment + 1, offset: 0 },
            _ => read,
        }
    }

    /// Lets go of the log before a position, for good.
    ///
    /// # Errors
    /// [`StoreError`]: where segments cannot be removed; the next flush tries again.
    pub async fn release_log(&self, position: LogPosition) -> Result<(), StoreError> {
        let before = self.inner.shared.retained_log.state().released.replace(position);
        if before.is_some_and(|before| before.segment == position.segment) {
            return Ok(());
        }
        let inner = Arc::clone(&self.inner);
        blocking(move || inner.drop_segments(inner.catalog.state()?.wal_position)).await?
    }

    /// Returns the bytes of the log from a position on.
    ///
    /// # Errors
    /// Where the log's folder cannot be read.
    pub fn log_bytes_after(&self, position: LogPosition) -> Result<u64, StoreError> {
        let segments = self.inner.segments(|number| number >= position.segment)?;
        let bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
        let read = segments.first().filter(|first| first.number == position.segment);
        Ok(bytes - read.map_or(0, |segment| position.offset.min(segment.bytes)))
    }

    /// Returns the bytes of segments that stay for the reader alone.
    pub fn retained_log_bytes(&self) -> u64 {
        self.inner.shared.retained_log.bytes()
    }
}

/// A segment that is there.
struct Segment {
    number: u64,
    path: PathBuf,
    bytes: u64,
}

impl Inner {
    /// Removes the log segments before `position`, whose rows are in the lake, but for those that stay for a reader.
    pub(crate) fn drop_segments(&self, position: u64) -> Result<(), StoreError> {
        self.drop_log(position, |segments| {
            let bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
            segments.len() > SEGMENTS_MAX || bytes > self.config.retained_log_bytes
        })
    }

    /// Removes all that stays for the reader.
    pub(crate) fn drop_retained_log(&self) -> Result<(), StoreError> {
        self.drop_log(self.catalog.state()?.wal_position, |_| true)
    }

    /// Removes what stays for the reader although all of it arrived before `horizon`, in Unix nanoseconds.
    pub(crate) fn expire_retained_log(&self, horizon: i64) -> Result<(), StoreError> {
        let position = self.catalog.state()?.wal_position;
        let folder = wal::folder(&self.config.home);
        self.drop_log(position, |segments| {
            let next = segments.get(1).map_or_else(|| wal::segment_path(&folder, position), |next| next.path.clone());
            // All of a segment arrived before the first record of the next.
            self.first_arrival(&next).is_some_and(|arrival| arrival < horizon)
        })
    }

    /// Removes segments before `position`: those that the reader has released, and the oldest others as long as `is_over`
    /// says so of all that are left, oldest first.
    fn drop_log(&self, position: u64, is_over: impl Fn(&[Segment]) -> bool) -> Result<(), StoreError> {
        let _turn = self.shared.retained_log.removing.lock().unwrap_or_else(PoisonError::into_inner);
        let released = self.shared.retained_log.state().released;
        let has_reader = self.config.retained_log_bytes > 0;
        let mut wanted = Vec::new();
        for segment in self.segments(|number| number < position)? {
            let unread = LogPosition { segment: segment.number, offset: segment.bytes };
            // A reader at the end of a segment has all of it.
            if has_reader && released.is_none_or(|released| released < unread) {
                wanted.push(segment);
            } else {
                self.remove_segment(&segment)?;
                self.shared.retained_log.state().gone_before(segment.number + 1);
            }
        }
        let mut left = &wanted[..];
        while let [oldest, rest @ ..] = left
            && is_over(left)
        {
            self.count_missed(oldest, released)?;
            self.remove_segment(oldest)?;
            self.shared.retained_log.state().gone_before(oldest.number + 1);
            left = rest;
        }
        self.shared.retained_log.state().bytes = left.iter().map(|segment| segment.bytes).sum();
        Ok(())
    }

    fn remove_segment(&self, segment: &Segment) -> Result<(), StoreError> {
        self.disk.remove(&segment.path)?;
        self.shared.wal_bytes_drop(segment.bytes);
        Ok(())
    }

    /// Counts the rows of a segment that the reader has not released, for good.
    fn count_missed(&self, segment: &Segment, released: Option<LogPosition>) -> Result<(), StoreError> {
        let read = released.filter(|released| released.segment == segment.number).map_or(0, |released| released.offset);
        let (spans, logs) = self.rows_after(&segment.path, read)?;
        let counts = [(MISSED_SPANS, spans), (MISSED_LOG_RECORDS, logs), (MISSED_SEGMENTS, 1)];
        {
            let mut pending = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
                *pending.entry(name.to_owned()).or_default() += count;
            }
        }
        tracing::warn!(spans, logs, "a segment of the log was let go before it was passed on");
        self.persist_counts()
    }

    /// The segments that are there and wanted, by number.
    fn segments(&self, is_wanted: impl Fn(u64) -> bool) -> Result<Vec<Segment>, StoreError> {
        let numbered = |path: PathBuf| Some((wal::segment_number(&path)?, path));
        let mut segments = Vec::new();
        for (number, path) in self.disk.list(&self.log_folder())?.into_iter().filter_map(numbered) {
            if is_wanted(number) {
                match self.disk.length(&path) {
                    Ok(bytes) => segments.push(Segment { number, path, bytes }),
                    Err(error) if is_gone(&error) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        segments.sort_by_key(|segment| segment.number);
        Ok(segments)
    }

    fn log_folder(&self) -> PathBuf {
        wal::folder(&self.config.home)
    }
}

fn is_gone(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound
}

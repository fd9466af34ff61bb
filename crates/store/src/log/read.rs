//! Reads records of segments that a writer may still append to, up to where it has written.
//!
//! Records are read one by one by their headers. Where that fails, by damage or by an early layout, the whole segment is
//! searched as at a start.

use std::io;
use std::path::Path;

use kino_model::batch::rows;

use super::{LogPiece, LoggedBatch, is_gone};
use crate::inner::Inner;
use crate::log_position::LogPosition;
use crate::wal::segment::{self, HEADER_LEN, Next, RecordKind, SegmentRecord};
use crate::wal::{payload, segment_number, segment_path};

/// Bytes of the log that are read at once; a larger record is read alone.
const WINDOW_BYTES: u64 = 1 << 20;
/// The beginning of a segment with the header of its first record.
const BEGINNING_BYTES: u64 = (HEADER_LEN + segment::RECORD_HEADER_LEN) as u64;

impl Inner {
    pub(super) fn read_log(&self, from: LogPosition) -> io::Result<LogPiece> {
        let end = *self.shared.log_end.borrow();
        let folder = self.log_folder();
        let mut piece = LogPiece { segment: from.segment, next: from, ..LogPiece::default() };
        if from.segment > end.segment {
            // This log never had it: its home is another one.
            piece.next = LogPosition { segment: self.next_segment(&folder, 0, end)?, offset: 0 };
        }
        while piece.batches.is_empty() && piece.unreadable == 0 && piece.next < end {
            piece.segment = piece.next.segment;
            let path = segment_path(&folder, piece.next.segment);
            let length = match self.disk.length(&path) {
                Ok(_) if piece.segment == end.segment => end.offset,
                Ok(length) => length,
                Err(error) if is_gone(&error) => {
                    let wanted = piece.next.segment;
                    self.skip_missing(&mut piece, wanted, end)?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            if piece.next.offset < length {
                match self.read_window(&path, length, &mut piece) {
                    Err(error) if is_gone(&error) => {}
                    read => read?,
                }
            } else if piece.segment == end.segment {
                break;
            } else {
                let wanted = piece.segment + 1;
                self.skip_missing(&mut piece, wanted, end)?;
            }
        }
        Ok(piece)
    }

    /// Goes on to the first segment from `wanted` on that is there, and notes how many are not.
    fn skip_missing(&self, piece: &mut LogPiece, wanted: u64, end: LogPosition) -> io::Result<()> {
        let found = self.next_segment(&self.log_folder(), wanted, end)?;
        let counted = self.shared.retained_log.state().dropped_before;
        piece.missing_segments += found.saturating_sub(wanted.max(counted));
        piece.next = LogPosition { segment: found, offset: 0 };
        if found == end.segment
            && piece.next < end
            && self.disk.length(&segment_path(&self.log_folder(), found)).is_err()
        {
            // What is being written is gone: nothing is read until the next segment.
            piece.next = end;
        }
        Ok(())
    }

    /// The first segment from `wanted` on that is there, or the one that is written.
    fn next_segment(&self, folder: &Path, wanted: u64, end: LogPosition) -> io::Result<u64> {
        let there = self.disk.list(folder)?.iter().filter_map(|path| segment_number(path)).collect::<Vec<_>>();
        Ok(there.into_iter().filter(|number| *number >= wanted).min().unwrap_or(end.segment).min(end.segment))
    }

    /// Reads whole records from the piece's next position on, up to `length` of the segment.
    fn read_window(&self, path: &Path, length: u64, piece: &mut LogPiece) -> io::Result<()> {
        if piece.next.offset == 0 {
            let header = self.disk.read_at(path, 0, HEADER_LEN as u64)?;
            if !segment::is_placed(&header) {
                return self.search(path, length, piece);
            }
            piece.next.offset = HEADER_LEN as u64;
        }
        let begin = piece.next.offset;
        let mut bytes = self.disk.read_at(path, begin, WINDOW_BYTES.min(length - begin.min(length)))?;
        loop {
            let read = (piece.next.offset - begin) as usize;
            let rest = bytes.get(read..).unwrap_or_default();
            match segment::next_at(rest, piece.next.offset) {
                Next::Record(record) => {
                    take(&record, piece);
                    piece.next.offset += (segment::RECORD_HEADER_LEN + record.payload.len()) as u64;
                }
                Next::Longer(whole) if piece.next.offset + whole as u64 <= length => {
                    if read > 0 {
                        return Ok(());
                    }
                    bytes = self.disk.read_at(path, begin, whole as u64)?;
                    if bytes.len() < whole {
                        return self.search(path, length, piece);
                    }
                }
                // The header of the next record may be cut by the window's end.
                Next::Nothing if rest.len() < segment::RECORD_HEADER_LEN && read > 0 => return Ok(()),
                Next::Nothing | Next::Longer(_) => return self.search(path, length, piece),
            }
        }
    }

    /// Searches a whole segment for records from the piece's next position on.
    fn search(&self, path: &Path, length: u64, piece: &mut LogPiece) -> io::Result<()> {
        let bytes = self.disk.read(path)?;
        let bytes = &bytes[..bytes.len().min(length as usize)];
        let scanned = segment::scan(bytes);
        let from = piece.next.offset as usize;
        let (mut taken, mut last) = (0, length);
        for record in scanned.records.iter().filter(|record| record.at >= from) {
            if taken >= WINDOW_BYTES {
                last = record.at as u64;
                break;
            }
            take(record, piece);
            taken += record.payload.len() as u64;
        }
        let within = |at: usize| at >= from && (at as u64) < last;
        piece.unreadable += scanned.damaged.iter().filter(|(at, _)| within(*at)).count() as u64;
        piece.unreadable += u64::from(matches!(scanned.header, segment::Header::Newer { .. }));
        piece.next.offset = last;
        Ok(())
    }

    /// When the first record of a segment arrived, in Unix nanoseconds; `None` where that cannot be read.
    pub(super) fn first_arrival(&self, path: &Path) -> Option<i64> {
        let bytes = self.disk.read_at(path, 0, BEGINNING_BYTES).ok()?;
        segment::is_placed(&bytes).then(|| segment::arrival_at(bytes.get(HEADER_LEN..)?, HEADER_LEN as u64))?
    }

    /// The spans and log records of a segment after an offset.
    pub(super) fn rows_after(&self, path: &Path, offset: u64) -> io::Result<(u64, u64)> {
        let bytes = self.disk.read(path)?;
        let (mut spans, mut logs) = (0, 0);
        for record in segment::scan(&bytes).records.iter().filter(|record| record.at as u64 >= offset) {
            if let (RecordKind::Batch, Ok(batch)) = (record.kind, payload::decode(record.payload)) {
                spans += batch.spans.num_rows() as u64;
                logs += rows::log_count(&batch) as u64;
            }
        }
        Ok((spans, logs))
    }
}

fn take(record: &SegmentRecord<'_>, piece: &mut LogPiece) {
    if record.kind == RecordKind::Batch {
        match payload::decode(record.payload) {
            Ok(batch) => piece.batches.push(LoggedBatch { arrival: record.arrival, batch }),
            Err(error) => {
                tracing::error!(%error, "a record of the log cannot be read");
                piece.unreadable += 1;
            }
        }
    }
}

//! Reading the log back when a store opens.
//!
//! Torn tails and damaged stretches are copied aside, counted, and named in the report. Acknowledged records before and
//! after a damaged stretch are taken in.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::extents::{Extents, SEGMENTS_MAX};
use super::segment::{self, Header, RecordKind};
use super::{aside_folder, payload, returned, segment_number};
use crate::disk::Disk;
use crate::hot::{Accepted, Content};
use kino_lake::blobs;

/// The longest stretch that is copied aside, in bytes; a longer one is a broken disk, and a copy of it is of no use.
const ASIDE_BYTES_MAX: usize = 256 << 20;

/// What was found in the log.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// In the order of their arrival.
    pub(crate) accepted: Vec<Accepted>,
    /// The first number that no segment has.
    pub(crate) next_segment: u64,
    /// Bytes of the segments, those included whose rows are in the lake.
    pub(crate) bytes: u64,
    /// The segments that are still needed, and their lengths.
    pub(crate) extents: Extents,
    /// Neither a segment nor the record of segments was found.
    pub(crate) is_blank: bool,
    pub(crate) report: WalReport,
    /// The version of a segment that this build must not touch.
    pub(crate) newer: Option<String>,
}

/// What replaying the log found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WalReport {
    /// Segments read.
    pub segments: u64,
    /// Nothing of the log is there, nor the record of its extents, and the last engine had not ended in order.
    pub is_gone: bool,
    /// Segments that an earlier process wrote, that no flush has taken over, and that are not there.
    pub missing_segments: u64,
    /// Segments that are shorter than they were when they were synced, or empty.
    pub cut_segments: u64,
    /// Bytes that the segments of these two kinds surely had and have not.
    pub missing_bytes: u64,
    /// Segments that were put back into the log's folder `returned`, and are part of the log again.
    pub returned_segments: u64,
    /// Segments there that wait for the next open.
    pub waiting_segments: u64,
    /// Records taken in.
    pub records: u64,
    /// Bytes at the end of a segment that are no whole record: a write that a crash cut short, never acknowledged.
    pub torn_bytes: u64,
    /// Stretches within a segment that could not be read.
    pub damaged_stretches: u64,
    /// Their bytes.
    pub damaged_bytes: u64,
    /// Records whose checksum holds but whose content this build cannot read.
    pub unreadable_records: u64,
    /// The files with copies of the torn, damaged and unreadable bytes.
    pub copies: Vec<PathBuf>,
    /// Torn, damaged and unreadable bytes of which there is no copy.
    pub uncopied_bytes: u64,
}

/// Reads every segment from `position` on, and those that were put back. Only if `writable` these are renamed, and copies
/// of what is damaged written.
pub(crate) fn replay(disk: &dyn Disk, folder: &Path, position: u64, writable: bool) -> io::Result<Replayed> {
    let mut replayed = Replayed { next_segment: position, ..Replayed::default() };
    let known = Extents::read(disk, folder);
    if writable {
        let taken = known.as_ref().map_or(0, Extents::next);
        let last = disk.list(folder)?.iter().filter_map(|path| segment_number(path)).max();
        let next = position.max(taken).max(last.map_or(0, |last| last + 1));
        let report = &mut replayed.report;
        (report.returned_segments, report.waiting_segments) = returned::take(disk, folder, next)?;
    }
    let mut found = BTreeMap::new();
    for path in disk.list(folder)? {
        let Some(number) = segment_number(&path) else { continue };
        replayed.next_segment = replayed.next_segment.max(number + 1);
        if number < position {
            // Its rows are in the lake: it stays for a reader of the log, or goes as soon as the store is open.
            replayed.bytes += disk.length(&path)?;
            continue;
        }
        let bytes = disk.read(&path)?;
        replayed.bytes += bytes.len() as u64;
        found.insert(number, bytes.len() as u64);
        let mut aside = Aside { disk, folder, number, writable };
        read_segment(&bytes, &mut replayed, &mut |report, at, stretch| aside.copy(report, at, stretch))?;
        replayed.report.segments += 1;
    }
    if let Some(known) = &known {
        replayed.next_segment = replayed.next_segment.max(known.next());
    }
    compare(known.as_ref(), &found, position, &mut replayed.report);
    replayed.is_blank = known.is_none() && replayed.next_segment == position;
    replayed.extents = Extents::of(folder, found);
    Ok(replayed)
}

impl Replayed {
    /// Marks the log as gone. Its numbers are not given again: what is put back must not meet a new file.
    pub(crate) fn mark_gone(&mut self) {
        self.report.is_gone = true;
        self.next_segment += SEGMENTS_MAX as u64;
    }
}

/// Counts what is missing of the log: `known` is what an earlier process recorded, `found` what is there. Old
/// builds recorded nothing: then gaps between the numbers and segments without a header show what is missing.
fn compare(known: Option<&Extents>, found: &BTreeMap<u64, u64>, position: u64, report: &mut WalReport) {
    let Some(known) = known else {
        let last = found.last_key_value().map_or(position, |(number, _)| *number);
        report.missing_segments += (position..last).filter(|number| !found.contains_key(number)).count() as u64;
        report.cut_segments += found.values().filter(|bytes| **bytes < segment::HEADER_LEN as u64).count() as u64;
        return;
    };
    for (number, bytes) in known.since(position) {
        match found.get(&number) {
            None => {
                report.missing_segments += 1;
                report.missing_bytes = report.missing_bytes.saturating_add(bytes);
            }
            Some(found) if *found < bytes => {
                report.cut_segments += 1;
                report.missing_bytes = report.missing_bytes.saturating_add(bytes - found);
            }
            Some(_) => {}
        }
    }
}

/// Receives each stretch that cannot be read, with its offset in the segment.
pub(super) type CopyAside<'a> = dyn FnMut(&mut WalReport, usize, &[u8]) -> io::Result<()> + 'a;

/// Takes one segment in.
pub(super) fn read_segment(bytes: &[u8], replayed: &mut Replayed, copy_aside: &mut CopyAside<'_>) -> io::Result<()> {
    let scanned = segment::scan(bytes);
    if let Header::Newer { version, schema_version } = scanned.header {
        replayed.newer = Some(format!("the log has version {version} with schema {schema_version}"));
        return Ok(());
    }
    let report = &mut replayed.report;
    for (at, length) in scanned.damaged {
        report.damaged_stretches += 1;
        report.damaged_bytes += length as u64;
        copy_aside(report, at, &bytes[at..at + length])?;
    }
    if let Some(at) = scanned.torn_at {
        report.torn_bytes += (bytes.len() - at) as u64;
        copy_aside(report, at, &bytes[at..])?;
    }
    for record in scanned.records {
        let content = match record.kind {
            RecordKind::Batch => match payload::decode(record.payload) {
                Ok(batch) => Content::Batch(batch),
                Err(error) => {
                    tracing::error!(%error, "a record of the log cannot be read");
                    report.unreadable_records += 1;
                    // The payload's own offset, which names the copy.
                    let at = record.payload.as_ptr().addr() - bytes.as_ptr().addr();
                    copy_aside(report, at, record.payload)?;
                    continue;
                }
            },
            RecordKind::Blob => Content::Blob(blobs::hash_of(record.payload), Bytes::copy_from_slice(record.payload)),
        };
        report.records += 1;
        let reserved = match &content {
            Content::Batch(batch) => batch.memory_size() as u64,
            Content::Blob(_, bytes) => bytes.len() as u64,
        };
        replayed.accepted.push(Accepted { content, arrival: record.arrival, reserved });
    }
    Ok(())
}

struct Aside<'a> {
    disk: &'a dyn Disk,
    folder: &'a Path,
    number: u64,
    writable: bool,
}

impl Aside<'_> {
    fn copy(&mut self, report: &mut WalReport, at: usize, stretch: &[u8]) -> io::Result<()> {
        if !self.writable || stretch.len() > ASIDE_BYTES_MAX {
            report.uncopied_bytes += stretch.len() as u64;
            return Ok(());
        }
        let folder = aside_folder(self.folder);
        self.disk.create_dir_all(&folder)?;
        let path = folder.join(format!("{:016}-{at:012}.bytes", self.number));
        // After a crash before the next flush the same stretch is found again: one copy is enough.
        if !self.disk.list(&folder)?.contains(&path) {
            let mut file = self.disk.create(&path)?;
            file.append(stretch)?;
            file.sync()?;
            self.disk.sync_dir(&folder)?;
        }
        report.copies.push(path);
        Ok(())
    }
}

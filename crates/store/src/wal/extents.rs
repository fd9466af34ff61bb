//! Records the segments of the log and their lengths beside its folder, so that a missing or cut segment is noticed.
//!
//! ```text
//!  wal.extents   a line a segment: number, bytes it surely has       7 67108912
//!                                                                    8 28          (the one being written: its header)
//! ```
//!
//! It is not synced: after a power cut it may be older than the log and then lists less, never more, since a line is
//! written after the bytes that it counts were synced. A line that is cut short is ignored.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::NUMBER_MAX;
use crate::disk::Disk;

/// The file beside the log's folder.
const FILE: &str = "wal.extents";
/// Segments that it lists, at most: their rows are more than fit in memory.
pub(super) const SEGMENTS_MAX: usize = 256;

/// Segments with the bytes of each that are synced.
#[derive(Debug, Default)]
pub(crate) struct Extents {
    path: PathBuf,
    bytes: BTreeMap<u64, u64>,
}

impl Extents {
    /// Reads what an earlier process recorded of the log in `folder`; `None` where there is no record.
    pub(super) fn read(disk: &dyn Disk, folder: &Path) -> Option<Self> {
        let path = folder.with_file_name(FILE);
        let text = String::from_utf8(disk.read(&path).ok()?).ok()?;
        let line = |line: &str| {
            let (number, bytes) = line.strip_suffix('\n')?.split_once(' ')?;
            let number = number.parse().ok().filter(|number| *number <= NUMBER_MAX)?;
            Some((number, bytes.parse().ok()?))
        };
        Some(Self { path, bytes: text.split_inclusive('\n').filter_map(line).collect() })
    }

    /// Makes a record of segments that were just read.
    pub(super) fn of(folder: &Path, bytes: BTreeMap<u64, u64>) -> Self {
        Self { path: folder.with_file_name(FILE), bytes }
    }

    /// The number after the last.
    pub(super) fn next(&self) -> u64 {
        self.bytes.last_key_value().map_or(0, |(number, _)| number + 1)
    }

    /// Segments from `position` on, with their bytes.
    pub(super) fn since(&self, position: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.bytes.range(position..).map(|(number, bytes)| (*number, *bytes))
    }

    /// Records the synced bytes of a segment, and writes the file.
    pub(super) fn note(&mut self, disk: &dyn Disk, number: u64, bytes: u64) {
        self.bytes.insert(number, bytes);
        while self.bytes.len() > SEGMENTS_MAX {
            self.bytes.pop_first();
        }
        self.write(disk);
    }

    /// Writes the file; returns whether that worked. Without it the next open notices less, and nothing else.
    pub(crate) fn write(&self, disk: &dyn Disk) -> bool {
        let lines: Vec<String> = self.bytes.iter().map(|(number, bytes)| format!("{number} {bytes}\n")).collect();
        let written = disk.write(&self.path, lines.concat().as_bytes());
        if let Err(error) = &written {
            tracing::debug!(%error, "the log's extents could not be written");
        }
        written.is_ok()
    }
}

//! Segments that were missing and that a person puts back.
//!
//! ```text
//!  wal/returned/0000000000000007.wal  ─► renamed ─► wal/0000000000000042.wal, the last of the log
//! ```
//!
//! Under its own number a segment that comes late is not read: the log's position is past it once a flush has
//! written what was there, and the next flush removes it. Renamed, it is a segment like any other: read by this open or,
//! after a crash, by the next one.

use std::io;
use std::path::Path;

use super::{returned_folder, segment_number, segment_path};
use crate::disk::Disk;

/// Segments that one open takes in, at most: their rows are in memory together.
pub(super) const RETURNED_MAX: usize = 4;

/// Renames returned segments to follow the others, from the number `next` on. Returns how many it renamed, and how many
/// wait for the next open.
pub(super) fn take(disk: &dyn Disk, folder: &Path, next: u64) -> io::Result<(u64, u64)> {
    let from = returned_folder(folder);
    let listed = match disk.list(&from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
        listed => listed?,
    };
    let returned: Vec<_> = listed.into_iter().filter(|path| segment_number(path).is_some()).collect();
    let taken = returned.len().min(RETURNED_MAX);
    for (path, number) in returned.iter().take(taken).zip(next..) {
        let last = segment_path(folder, number);
        assert!(disk.length(&last).is_err(), "{} would be replaced", last.display());
        disk.rename(path, &last)?;
    }
    if taken > 0 {
        disk.sync_dir(folder)?;
        disk.sync_dir(&from)?;
    }
    Ok((taken as u64, (returned.len() - taken) as u64))
}

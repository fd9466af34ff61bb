//! The write-ahead log: acknowledged rows are here until they are in the lake.
//!
//! ```text
//!  wal/0000000000000007.wal   header │ record │ record │ …     (format in `segment`)
//!  wal/aside/                 torn or damaged stretches, copied for a person to examine
//!  wal/returned/              segments that a person puts back, taken in when a store opens (`returned`)
//!  wal.extents                beside the folder: which segments there are and how long (`extents`)
//! ```
//!
//! One thread writes; many appends share a write and a sync. A *generation* of hot rows ends exactly where a segment
//! ends, so that one number, the first segment still needed, is the log's whole position.

mod columns;
mod extents;
#[doc(hidden)]
pub mod fuzzing;
pub(crate) mod payload;
pub mod replay;
mod returned;
pub(crate) mod segment;
pub(crate) mod writer;

use std::path::{Path, PathBuf};

/// The log's folder within the home.
const FOLDER: &str = "wal";
/// Damaged stretches within the log's folder.
const ASIDE: &str = "aside";
/// Segments that are put back, within the log's folder.
const RETURNED: &str = "returned";
/// A segment's extension.
const EXTENSION: &str = "wal";
/// The largest number of a segment: the catalog stores the number after it, and those of segments that follow.
const NUMBER_MAX: u64 = 1 << 62;

pub(crate) fn folder(home: &Path) -> PathBuf {
    home.join(FOLDER)
}

pub(crate) fn aside_folder(folder: &Path) -> PathBuf {
    folder.join(ASIDE)
}

pub(crate) fn returned_folder(folder: &Path) -> PathBuf {
    folder.join(RETURNED)
}

pub(crate) fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:016}.{EXTENSION}"))
}

/// The number in a segment's file name; `None` where it is not one that the log gives.
pub(crate) fn segment_number(path: &Path) -> Option<u64> {
    if path.extension()? != EXTENSION {
        return None;
    }
    path.file_stem()?.to_str()?.parse().ok().filter(|number| *number <= NUMBER_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_that_the_log_gives_are_read_from_file_names() {
        let number = |name: &str| segment_number(Path::new(name));
        assert_eq!(number("wal/0000000000000007.wal"), Some(7));
        assert_eq!(segment_number(&segment_path(Path::new("wal"), NUMBER_MAX)), Some(NUMBER_MAX));
        for other in ["wal/18446744073709551615.wal", "wal/copy of 7.wal", "wal/7.txt", "wal/aside"] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}

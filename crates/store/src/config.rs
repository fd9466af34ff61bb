//! Everything that may be set on a store, in one struct. Each limit has a default with its reason.

use std::path::PathBuf;
use std::time::Duration;

use crate::kill_points::KillPoints;

/// When an append counts as done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Written at once, which survives the process; synced at least this often, which survives the machine.
    Interval(Duration),
    /// Synced before it is acknowledged.
    Always,
}

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The folder that holds the log, the metadata and, by default, the lake.
    pub home: PathBuf,
    /// Where the lake is, as an `object_store` URL; `None` for the folder `lake` in the home.
    pub lake_url: Option<String>,
    /// When an append counts as done.
    pub sync: SyncPolicy,
    /// Bytes of memory for rows not yet in the lake, their indexes, the copies that a flush makes of them, and what a
    /// merge holds. Over it appends are refused until a flush has made room. Beside it stand the readers' caches
    /// ([`Self::footer_bytes_max`], and the scans' 48 MiB of rollups and distinct values).
    pub hot_bytes_max: u64,
    /// Hot bytes at which a flush begins without being asked.
    pub flush_bytes: u64,
    /// Hot rows at which a flush begins without being asked.
    pub flush_rows: u64,
    /// How long the hot rows must have been left alone before they are flushed for their quietness.
    pub quiet: Duration,
    /// The age at which hot rows are flushed however busy it is.
    pub flush_age: Duration,
    /// Size at which a log segment is closed and the next begun.
    pub segment_bytes: u64,
    /// Bytes of log segments whose rows are in the lake that stay for a reader of the log ([`crate::Store::read_log`]);
    /// the oldest go first, and what is in them is counted. 0: the log has no reader.
    pub retained_log_bytes: u64,
    /// Free disk space under which appends are refused, so that the catalog and a flush still find room.
    pub disk_reserve_bytes: u64,
    /// Bytes that the lake may take; the oldest arrivals go first. `None` for no limit.
    pub lake_bytes_max: Option<u64>,
    /// How long rows are retained after their arrival; `None` is for ever.
    pub retention: Option<Duration>,
    /// How long a retired file stays for readers outside this process.
    pub grace: Duration,
    /// How often the background looks for work.
    pub tick: Duration,
    /// Whether the background merges small files.
    pub compaction: bool,
    /// Bytes of file footers that are cached for readers.
    pub footer_bytes_max: usize,
    /// The largest blob that is taken in.
    pub blob_bytes_max: usize,
    /// Crash tests only.
    pub kill_points: KillPoints,
}

impl StoreConfig {
    /// The defaults, for a home.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            lake_url: None,
            sync: SyncPolicy::Interval(Duration::from_millis(100)),
            // A flush of the largest generation takes a second on two cores; this is room for it, its copies, and for
            // what arrives meanwhile at full speed.
            hot_bytes_max: 1 << 30,
            // Small generations: what is hot is looked at row by row, and a flush copies what it flushes.
            flush_bytes: 128 << 20,
            flush_rows: 250_000,
            quiet: Duration::from_secs(30),
            flush_age: Duration::from_mins(5),
            segment_bytes: 64 << 20,
            retained_log_bytes: 0,
            disk_reserve_bytes: 64 << 20,
            lake_bytes_max: None,
            retention: None,
            grace: Duration::from_mins(5),
            tick: Duration::from_millis(250),
            compaction: true,
            // Those of about 100 M spans.
            footer_bytes_max: 96 << 20,
            blob_bytes_max: 64 << 20,
            kill_points: KillPoints::NONE,
        }
    }
}

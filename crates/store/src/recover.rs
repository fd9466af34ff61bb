//! Opening a home that was claimed: catalog, lake, log, in this order; what a crash left behind is put right here.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kino_model::Clock;
use tokio::sync::watch;

use crate::catalog::sqlite::SqliteCatalog;
use crate::catalog::{Catalog, CatalogContents, DamagedEntry, EntryState, Leftover};
use crate::claim::Claim;
use crate::config::StoreConfig;
use crate::disk::Disk;
use crate::error::OpenError;
use crate::hot::{HotState, Quarantined};
use crate::inner::Inner;
use crate::kill_points::KillPoint;
use crate::recognise::{expect_database, recognise};
use crate::retained::{Exempt, Retired};
use crate::storage::Storage;
use crate::wal::replay::{self, Replayed, WalReport};
use crate::wal::writer::{Options, Writer};
use crate::written::Written;
use kino_lake::group::Group;
use kino_lake::read::LakeReader;

/// The metadata database within the home.
pub(crate) const DATABASE: &str = "meta.sqlite";
/// The counters of log segments that were missing, or cut, when a store opened.
const MISSING_SEGMENT: &str = "issue/log_segment_missing";
const CUT_SEGMENT: &str = "issue/log_segment_cut";
/// The counter of logs that were gone as a whole.
const MISSING_LOG: &str = "issue/log_missing";
/// The log's position in a new catalog.
const FIRST_POSITION: u64 = 1;

/// What opening a store found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// What was found in the log.
    pub wal: WalReport,
    /// Rows of the log that are in memory again.
    pub replayed_rows: u64,
    /// Half-done groups and packs of an earlier process, which will be swept.
    pub swept: u64,
    /// Groups that cannot be used.
    pub quarantined: u64,
    /// Why the store is read-only; `None` where it is not.
    pub read_only: Option<String>,
    /// What a person should know, in sentences.
    pub warnings: Vec<String>,
}

/// Opens a home that this process has. Blocks.
pub(crate) fn open(
    claim: Claim,
    mut config: StoreConfig,
    clock: Arc<dyn Clock>,
    disk: Arc<dyn Disk>,
) -> Result<(Inner, OpenReport), OpenError> {
    if config.kill_points.is_armed(KillPoint::InRetention) {
        // The point would be met only after minutes otherwise.
        config.grace = Duration::ZERO;
    }
    let Claim { home, lock, read_only } = claim;
    config.home = home;
    let storage = Storage::open(config.lake_url.as_deref(), &config.home, &disk, read_only.is_none())?;
    let mut report = OpenReport { read_only, ..OpenReport::default() };
    let (catalog, loaded, lake, written) = open_catalog(&config.home, &storage, disk.as_ref(), &mut report)?;
    let mut read_only = report.read_only.take();
    let shared = Arc::new(HotState::new(config.hot_bytes_max));

    let folder = crate::wal::folder(&config.home);
    let refuse = |source| OpenError::Home { path: folder.clone(), source };
    let has_log = disk.list(&folder).is_ok();
    let mut replayed = if read_only.is_some() && !has_log {
        Replayed { is_blank: true, ..Replayed::default() }
    } else {
        disk.create_dir_all(&folder).map_err(refuse)?;
        replay::replay(disk.as_ref(), &folder, loaded.wal_position, read_only.is_none()).map_err(refuse)?
    };
    if replayed.is_blank && expects_log(&loaded, has_log) {
        replayed.mark_gone();
    }
    read_only = read_only.or(replayed.newer.take().map(|what| format!("{what}, newer than this build: upgrade kino")));

    (report.wal, report.read_only) = (replayed.report.clone(), read_only.clone());
    let now = clock.now().0;
    let retired = fill_view(&shared, &loaded, now, &mut report);
    let next_segment = replayed.next_segment.max(loaded.wal_position);
    let extents = std::mem::take(&mut replayed.extents);
    take_in(&shared, replayed, clock.monotonic_nanos(), &mut report);
    describe(&mut report, &folder);
    for warning in &report.warnings {
        tracing::warn!("{warning}");
        shared.warn(warning.clone());
    }
    let home = lock.as_ref().map(|lock| lock.mark(&config.home)).transpose().map_err(refuse)?;
    let writer = if let Some(home) = home.clone().filter(|_| read_only.is_none()) {
        let is_written = extents.write(disk.as_ref());
        disk.sync_dir(&config.home).map_err(refuse)?;
        if is_written && loaded.log_in_use != Some(true) {
            // Only now: where the catalog says so, folder and record of the log are durable.
            note_log_in_use(catalog.as_ref(), true);
        }
        let (sync, segment_bytes) = (config.sync, config.segment_bytes);
        let options = Options { folder: folder.clone(), sync, segment_bytes, next_segment, extents, home };
        Some(Writer::start(options, Arc::clone(&disk), Arc::clone(&clock), Arc::clone(&shared)).map_err(refuse)?)
    } else {
        None
    };
    let reader =
        Arc::new(LakeReader::in_folder(Arc::clone(&storage.objects), storage.folder(), config.footer_bytes_max));
    let inner = Inner {
        config,
        clock,
        disk,
        reader,
        caches: Arc::default(),
        storage,
        catalog: Arc::<SqliteCatalog>::clone(&catalog),
        documents: catalog,
        shared,
        writer,
        read_only,
        waiting: Mutex::new(VecDeque::new()),
        flushing: tokio::sync::Mutex::new(()),
        rewriting: tokio::sync::Mutex::new(()),
        retired: Mutex::new(retired),
        exempt: Mutex::new(Exempt::default()),
        retention: Mutex::default(),
        exempt_groups: Mutex::default(),
        counts: Mutex::new(BTreeMap::new()),
        disk_low: AtomicBool::new(false),
        closing: watch::Sender::new(false),
        tasks: Mutex::new(Vec::new()),
        lock: Mutex::new(lock),
        home,
        lake,
        written: tokio::sync::Mutex::new(written),
        copied: Mutex::default(),
    };
    inner.count_missing(&report.wal);
    Ok((inner, report))
}

/// Opens the catalog, if it is the one of the lake that is there. The number is the lake's.
fn open_catalog(
    home: &Path,
    storage: &Storage,
    disk: &dyn Disk,
    report: &mut OpenReport,
) -> Result<(Arc<SqliteCatalog>, CatalogContents, u64, Written), OpenError> {
    let database = home.join(DATABASE);
    let names = storage.names().map_err(|source| OpenError::Home { path: database.clone(), source })?;
    expect_database(&database, &names, disk)?;
    let (catalog, newer) = SqliteCatalog::open(&database, report.read_only.is_none())?;
    report.read_only = report.read_only.take().or(newer);
    let (loaded, state) = (catalog.load()?, catalog.state()?);
    let written = match recognise(&database, &names, &state, &loaded, disk) {
        Err(error) if report.read_only.is_some() => {
            // A read-only disk does not give back the end of the catalog's journal.
            report.warnings.push(error.to_string());
            Written::default()
        }
        written => written?,
    };
    if let Some(lacking) = written.lacking.describe() {
        let and = match report.read_only {
            None => "They are written again from the catalog",
            Some(_) => "They cannot be written again, since the store is read-only",
        };
        let lake = storage.folder().unwrap_or_default();
        report.warnings.push(format!("{lacking}. {and}; check what removes files in {}", lake.display()));
    }
    if written.current.is_none() && written.inventories.last() == Some(&state.sequence) && report.read_only.is_none() {
        catalog.touch()?;
    }
    Ok((Arc::new(catalog), loaded, state.home, written))
}

/// Whether there must be a log, or the record of one: an engine made both and did not end in order. An earlier build
/// did not note its end, but it made the folder.
fn expects_log(loaded: &CatalogContents, has_folder: bool) -> bool {
    loaded.log_in_use.unwrap_or(!has_folder && loaded.wal_position > FIRST_POSITION)
}

/// Where that fails, a log that vanishes before the next start is not noticed, or an empty one is reported as missing.
pub(crate) fn note_log_in_use(catalog: &dyn Catalog, in_use: bool) {
    if let Err(error) = catalog.set_log_in_use(in_use) {
        tracing::debug!(%error, "whether the log is in use could not be noted");
    }
}

fn fill_view(shared: &HotState, loaded: &CatalogContents, now: i64, report: &mut OpenReport) -> Vec<Retired> {
    let mut groups = Vec::with_capacity(loaded.groups.len());
    let mut view = shared.view();
    for row in &loaded.groups {
        match Group::new(row.id, row.meta.clone(), row.files.clone()) {
            Ok(group) => groups.push(Arc::new(group)),
            Err(error) => {
                view.quarantined.insert(row.id, Quarantined { spans: row.meta.spans, group: None });
                report.quarantined += 1;
                report.warnings.push(format!(
                    "the catalog's entry of group {} is damaged ({error}): its {} spans are left out of every answer",
                    row.id.0, row.meta.spans
                ));
            }
        }
        view.blob_refs.insert(row.id, row.blobs.clone());
    }
    for DamagedEntry { id, is_pack, spans, why } in &loaded.damaged {
        view.quarantined.insert(*id, Quarantined { spans: *spans, group: None });
        report.quarantined += 1;
        let what = if *is_pack { "the large values in it".to_owned() } else { format!("its {spans} spans") };
        report.warnings.push(format!(
            "the catalog's entry of group {} is damaged ({why}): {what} are left out of every answer; `kino stop`, then \
             `kino doctor --rebuild` restores the entry",
            id.0
        ));
    }
    view.groups = Arc::new(groups);
    view.packed.clone_from(&loaded.packed);
    view.pack_sizes.clone_from(&loaded.pack_sizes);
    view.hidden = Arc::new(loaded.tombstones.iter().copied().collect::<HashSet<_>>());
    let is_pending = |leftover: &&Leftover| leftover.state == EntryState::Pending;
    report.swept = loaded.leftovers.iter().filter(is_pending).count() as u64;
    let retired = |leftover: &Leftover| {
        // An earlier process announced the files of a pending one, and is not writing them any more.
        let since = if is_pending(&leftover) { i64::MIN } else { leftover.since.min(now) };
        Retired::leftover(leftover, since)
    };
    loaded.leftovers.iter().map(retired).collect()
}

fn take_in(shared: &HotState, replayed: Replayed, now: u64, report: &mut OpenReport) {
    shared.wal_bytes_add(replayed.bytes);
    let mut view = shared.view();
    for accepted in replayed.accepted {
        shared.reserve_replayed(accepted.reserved);
        view.active.push(accepted, now);
    }
    report.replayed_rows = view.active.rows;
}

impl Inner {
    /// Counts what the log misses for good: the warning goes with this process.
    fn count_missing(&self, wal: &WalReport) {
        let missing = [
            (MISSING_SEGMENT, wal.missing_segments),
            (CUT_SEGMENT, wal.cut_segments),
            (MISSING_LOG, u64::from(wal.is_gone)),
        ];
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts
            .extend(missing.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name.to_owned(), count)));
    }
}

fn describe(report: &mut OpenReport, log: &Path) {
    let wal = &report.wal;
    let returned = crate::wal::returned_folder(log);
    let put_back = format!("segments that turn up again are taken in at a start if they lie in {}", returned.display());
    if wal.torn_bytes > 0 {
        report.warnings.push(format!(
            "the log ended in a record that is cut short or broken ({} bytes): after a crash that is a write that was \
             not acknowledged, and its sender sends it again. If nothing crashed, the end of the log is lost, and what \
             was acknowledged may have stood in it: check the disk. A copy of the record is in the log's folder `aside`",
            wal.torn_bytes
        ));
    }
    if wal.is_gone {
        report.warnings.push(format!(
            "the log is gone (the folder `wal` or all that was in it, and `wal.extents` beside it), and the last engine \
             had not ended in order: what it had acknowledged and not yet written to files, if anything, is lost; check \
             the disk and what removes files there; {put_back}"
        ));
    }
    if wal.missing_segments > 0 || wal.cut_segments > 0 {
        report.warnings.push(format!(
            "of the log {} segments are missing and {} are cut short or empty (at least {} bytes that were there): what was \
             acknowledged and stood in them alone is not in any answer; check the disk and what removes files there; \
             {put_back}",
            wal.missing_segments, wal.cut_segments, wal.missing_bytes
        ));
    }
    if wal.returned_segments > 0 || wal.waiting_segments > 0 {
        report.warnings.push(format!(
            "{} segments of the log that were put back were taken in, and {} wait for the next start",
            wal.returned_segments, wal.waiting_segments
        ));
    }
    if wal.damaged_stretches > 0 || wal.unreadable_records > 0 {
        report.warnings.push(format!(
            "the log was damaged in {} places ({} bytes) and had {} unreadable records: what could be read was taken in, \
             copies of the rest are in the log's folder `aside`; check the disk",
            wal.damaged_stretches, wal.damaged_bytes, wal.unreadable_records
        ));
    }
    if wal.uncopied_bytes > 0 {
        report.warnings.push(format!("{} damaged bytes of the log were not copied aside", wal.uncopied_bytes));
    }
    if let Some(reason) = &report.read_only {
        report.warnings.push(format!("the store is read-only: {reason}"));
    }
}

//! What the durability tests share: batches, a disk that loses power, and a look at every stored span.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::builder::{MapBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, FixedSizeBinaryArray, Int8Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::Schema;
use kino_model::columns::Table;
use kino_model::{Batch, SpanId, TraceId, UnixNanos};
use kino_store::disk::{Disk, DiskFile, SystemDisk};
use kino_store::{OpenError, OpenReport, Store, StoreConfig};
use kino_testkit::TestClock;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// A span by its trace and its number.
pub(crate) type Key = (u8, u32);

pub(crate) const START: UnixNanos = UnixNanos(1_700_000_000_000_000_000);

pub(crate) fn trace_id(trace: u8) -> TraceId {
    let mut id = [trace; 16];
    id[0] = trace.wrapping_mul(37) | 1;
    TraceId(id)
}

pub(crate) fn span_id(number: u32) -> SpanId {
    SpanId((u64::from(number) + 1).to_be_bytes())
}

/// One span a key. Each has `attribute`.
pub(crate) fn batch_with(keys: &[Key], attribute: Option<(&str, &str)>) -> Batch {
    let traces = keys.iter().map(|(trace, _)| trace_id(*trace).0);
    let spans = keys.iter().map(|(_, span)| span_id(*span).0);
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("trace_id", Arc::new(FixedSizeBinaryArray::try_from_iter(traces).unwrap())),
        ("span_id", Arc::new(FixedSizeBinaryArray::try_from_iter(spans).unwrap())),
        ("start_unix_nanos", Arc::new(Int64Array::from_iter_values(keys.iter().map(|key| START.0 + i64::from(key.1))))),
        ("duration_nanos", Arc::new(Int64Array::from(vec![1_000; keys.len()]))),
        ("name", Arc::new(StringArray::from_iter_values(keys.iter().map(|key| format!("operation-{}", key.1 % 3))))),
        ("kind", Arc::new(Int8Array::from(vec![1; keys.len()]))),
        ("status_code", Arc::new(Int8Array::from(vec![0; keys.len()]))),
    ];
    if let Some((key, value)) = attribute {
        let names = arrow_array::builder::MapFieldNames {
            entry: "entries".to_owned(),
            key: "keys".to_owned(),
            value: "values".to_owned(),
        };
        let mut map = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
        for _ in keys {
            map.keys().append_value(key);
            map.values().append_value(value);
            map.append(true).unwrap();
        }
        columns.push(("attributes", Arc::new(map.finish())));
    }
    let schema = Table::Spans.schema();
    let field = |name: &str| schema.field_with_name(name).unwrap().clone();
    let schema = Schema::new(columns.iter().map(|(name, _)| field(name)).collect::<Vec<_>>());
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    Batch { spans: RecordBatch::try_new(Arc::new(schema), columns).unwrap(), ..Batch::empty() }
}

pub(crate) fn batch(keys: &[Key]) -> Batch {
    batch_with(keys, None)
}

/// How often a home that is locked is tried again, every ten milliseconds.
const LOCKED_TRIES: usize = 500;

/// A store that does nothing by itself.
pub(crate) fn quiet(home: &Path) -> StoreConfig {
    StoreConfig {
        tick: Duration::from_hours(1),
        compaction: false,
        grace: Duration::ZERO,
        disk_reserve_bytes: 0,
        ..StoreConfig::new(home)
    }
}

pub(crate) fn clock() -> Arc<TestClock> {
    Arc::new(TestClock::at(START))
}

/// Opens a home whose owner was dropped a moment ago.
pub(crate) async fn open(config: StoreConfig) -> (Store, OpenReport) {
    open_on(config, Arc::new(SystemDisk)).await
}

/// As [`open`], on another disk. Work of the owner that was under way may hold the home a little longer.
pub(crate) async fn open_on(config: StoreConfig, disk: Arc<dyn Disk>) -> (Store, OpenReport) {
    for _ in 0..LOCKED_TRIES {
        match Store::open_on(config.clone(), clock(), Arc::clone(&disk)).await {
            Err(OpenError::Locked { .. }) => tokio::time::sleep(Duration::from_millis(10)).await,
            opened => return opened.unwrap(),
        }
    }
    panic!("the home stayed locked");
}

/// How often each span is there, hot or in files, hidden traces left out.
pub(crate) fn stored(store: &Store) -> BTreeMap<(TraceId, SpanId), usize> {
    let snapshot = store.snapshot();
    let lake = store.lake_url().strip_prefix("file://").unwrap().to_owned();
    let mut batches: Vec<RecordBatch> = snapshot.hot().into_iter().map(|batch| batch.spans).collect();
    for file in snapshot.files() {
        if file.path.starts_with("spans/") {
            let file = File::open(Path::new(&lake).join(&file.path)).unwrap();
            let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
            batches.extend(reader.map(Result::unwrap));
        }
    }
    let mut seen = BTreeMap::new();
    for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
        let traces = batch.column_by_name("trace_id").unwrap().as_fixed_size_binary();
        let spans = batch.column_by_name("span_id").unwrap().as_fixed_size_binary();
        let starts = batch.column_by_name("start_unix_nanos").unwrap().as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            assert!(starts.value(row) >= START.0, "the columns belong together");
            let key = (TraceId::from_slice(traces.value(row)).unwrap(), SpanId::from_slice(spans.value(row)).unwrap());
            if !snapshot.hidden().contains(&key.0) {
                *seen.entry(key).or_default() += 1;
            }
        }
    }
    seen
}

/// Asserts that exactly `expected` is stored, each once.
pub(crate) fn check(store: &Store, expected: impl IntoIterator<Item = Key>) {
    let expected: BTreeMap<_, _> =
        expected.into_iter().map(|(trace, span)| ((trace_id(trace), span_id(span)), 1)).collect();
    assert_eq!(stored(store), expected);
}

/// The system's disk, which forgets on [`LossyDisk::lose_power`] what was not synced.
#[derive(Debug, Default)]
pub(crate) struct LossyDisk {
    state: Arc<Mutex<Unsynced>>,
}

#[derive(Debug, Default)]
struct Unsynced {
    /// Synced lengths of the files that were made here.
    synced: BTreeMap<PathBuf, u64>,
    /// Files whose folder was not synced since they were made.
    new: Vec<PathBuf>,
    /// Files whose folder was not synced since they were removed, with their content.
    removed: Vec<(PathBuf, Vec<u8>)>,
    /// Writes fail from now on, with this error.
    broken: Option<io::ErrorKind>,
}

#[derive(Debug)]
struct LossyFile {
    file: File,
    path: PathBuf,
    state: Arc<Mutex<Unsynced>>,
}

impl LossyDisk {
    /// Loses what was not synced; of the unsynced end of each file about `survival_percent` survives. The store must be
    /// gone.
    pub(crate) fn lose_power(&self, survival_percent: u64) {
        let mut state = self.state.lock().unwrap();
        for (path, synced) in std::mem::take(&mut state.synced) {
            let Ok(meta) = fs::metadata(&path) else { continue };
            let length = synced + (meta.len() - synced) * survival_percent / 100;
            OpenOptions::new().write(true).open(&path).unwrap().set_len(length).unwrap();
        }
        for path in std::mem::take(&mut state.new) {
            drop(fs::remove_file(path));
        }
        for (path, bytes) in std::mem::take(&mut state.removed) {
            fs::write(path, bytes).unwrap();
        }
    }

    /// Makes every write fail from now on, or work again.
    pub(crate) fn break_with(&self, kind: Option<io::ErrorKind>) {
        self.state.lock().unwrap().broken = kind;
    }

    fn fault(&self) -> io::Result<()> {
        self.state.lock().unwrap().broken.map_or(Ok(()), |kind| Err(kind.into()))
    }
}

impl Disk for LossyDisk {
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        SystemDisk.create_dir_all(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        SystemDisk.list(dir)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        SystemDisk.read(path)
    }

    fn read_at(&self, path: &Path, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        SystemDisk.read_at(path, offset, length)
    }

    fn length(&self, path: &Path) -> io::Result<u64> {
        SystemDisk.length(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.fault()?;
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        let mut state = self.state.lock().unwrap();
        state.synced.insert(path.to_path_buf(), 0);
        state.new.push(path.to_path_buf());
        Ok(Box::new(LossyFile { file, path: path.to_path_buf(), state: Arc::clone(&self.state) }))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.fault()?;
        SystemDisk.write(path, bytes)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        SystemDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let bytes = fs::read(path)?;
        fs::remove_file(path)?;
        let mut state = self.state.lock().unwrap();
        state.synced.remove(path);
        let was_new = state.new.iter().position(|new| new == path);
        match was_new {
            Some(index) => drop(state.new.remove(index)),
            None => state.removed.push((path.to_path_buf(), bytes)),
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.fault()?;
        let mut state = self.state.lock().unwrap();
        state.new.retain(|path| path.parent() != Some(dir));
        state.removed.retain(|(path, _)| path.parent() != Some(dir));
        Ok(())
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

impl DiskFile for LossyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(kind) = self.state.lock().unwrap().broken {
            // As a full disk does: some of it got through.
            self.file.append(&bytes[..bytes.len() / 2])?;
            return Err(kind.into());
        }
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        self.state.lock().unwrap().synced.insert(self.path.clone(), length);
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        let mut state = self.state.lock().unwrap();
        if let Some(synced) = state.synced.get_mut(&self.path) {
            *synced = length.min(*synced);
        }
        Ok(())
    }

    fn is_at(&self, path: &Path) -> io::Result<bool> {
        self.file.is_at(path)
    }
}

//! Bits that flip on the disk: no answer changes unsaid, and what is whole answers.
//!
//! A home with several groups is asked everything once as it is, and once without each of its groups. Then one bit
//! after another is flipped, in files of every kind and in the catalog's entries; each answer must be that of the whole
//! home, or that without the damaged group after the store has said so.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kino_model::{Batch, BlobHash, Event, LogRecord, Span, TraceId, UnixNanos, Value, thin_vec};
use kino_store::snapshot::{EventFilter, OperationFilter, TraceFilter};
use kino_store::{OpenError, Store, StoreConfig};
use kino_testkit::{Random, Shop, TestClock};
use rusqlite::types::Value as Sql;

const START: UnixNanos = UnixNanos(1_760_000_000_000_000_000);
const GROUPS: usize = 4;
const TRACES_A_GROUP: usize = 9;

/// What a home answers, by question.
type Answers = BTreeMap<&'static str, String>;

struct Home {
    folder: tempfile::TempDir,
    traces: Vec<TraceId>,
    blob: BlobHash,
    whole: Answers,
    /// By groups, one or two: what is answered without them.
    without: BTreeMap<BTreeSet<u64>, Answers>,
}

async fn open(home: &Path) -> Result<Store, OpenError> {
    let config = StoreConfig {
        tick: Duration::from_hours(1),
        compaction: false,
        grace: Duration::ZERO,
        disk_reserve_bytes: 0,
        ..StoreConfig::new(home)
    };
    for _ in 0..1_000 {
        match Store::open(config.clone(), Arc::new(TestClock::at(START))).await {
            Err(OpenError::Locked { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
            opened => return opened.map(|(store, _)| store),
        }
    }
    panic!("the home stayed locked");
}

impl Home {
    /// Groups with every table, a trace in two of them, a log outside any trace, and a large value.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await.unwrap();
        let mut shop = Shop::new(7, START);
        let mut traces = BTreeSet::new();
        let blob = store.put_blob(&b"a large value ".repeat(300)).await.unwrap();
        let mut split: Vec<Span> = Vec::new();
        for number in 0..GROUPS {
            let mut spans: Vec<Span> = (0..TRACES_A_GROUP).flat_map(|_| shop.next_trace()).collect();
            let time = spans[2].start;
            spans[2].events.push(Event {
                time,
                name: "exception".into(),
                attributes: thin_vec![
                    ("exception.type".into(), Value::from("Broken")),
                    ("exception.message".into(), Value::from(format!("group {number}"))),
                ],
                dropped_attributes_count: 0,
            });
            let (id, start, span_id) = (spans[0].trace_id, spans[0].start, spans[1].span_id);
            spans[0].links.push(kino_model::Link { trace_id: id, span_id, ..Default::default() });
            spans[0].attributes.push(("kino.output".into(), Value::from(blob.to_string())));
            spans.append(&mut split);
            split.extend(shop.next_trace());
            spans.extend(split.drain(..split.len() / 2));
            traces.extend(spans.iter().map(|span| span.trace_id));
            let log = |trace_id: Option<TraceId>, body: &str| LogRecord {
                trace_id,
                event: Event { time: start, ..Event::default() },
                body: Value::from(format!("{body} {number}")),
                ..LogRecord::default()
            };
            let logs = [log(None, "alone"), log(Some(id), "within")];
            store.append(Batch::from_rows(&spans, &logs)).await.unwrap();
            store.flush().await.unwrap();
        }
        let mut home = Self {
            folder,
            traces: traces.into_iter().collect(),
            blob,
            whole: Answers::new(),
            without: BTreeMap::new(),
        };
        store.close().await.unwrap();
        drop(store);
        let store = open(home.folder.path()).await.unwrap();
        home.whole = home.ask(&store, |_| {}).await.unwrap();
        let files = store.snapshot().files();
        drop(store);
        let groups: BTreeSet<u64> = files.iter().map(|file| file.group.0).collect();
        for one in &groups {
            for other in groups.range(one..) {
                home.answer_without(&files, BTreeSet::from([*one, *other])).await;
            }
        }
        home
    }

    /// Asks everything of the home without these groups.
    async fn answer_without(&mut self, files: &[kino_store::FileEntry], lost: BTreeSet<u64>) {
        let paths: Vec<PathBuf> =
            files.iter().filter(|file| lost.contains(&file.group.0)).map(|file| self.lake(&file.path)).collect();
        let saved: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
        for path in &paths {
            fs::remove_file(path).unwrap();
        }
        let store = open(self.folder.path()).await.unwrap();
        assert!(!store.check_files().await.unwrap().damaged.is_empty());
        let answers = self.ask(&store, |_| {}).await.unwrap();
        assert_eq!(store.damage().groups, lost.len() as u64);
        assert_ne!(answers, self.whole);
        drop(store);
        self.without.insert(lost, answers);
        for (path, bytes) in paths.iter().zip(saved) {
            fs::write(path, bytes).unwrap();
        }
    }

    fn lake(&self, path: &str) -> PathBuf {
        self.folder.path().join("lake").join(path)
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("meta.sqlite")
    }

    /// Everything that a store can be asked. `after` is called after each answer.
    async fn ask(&self, store: &Store, mut after: impl FnMut(&Answers)) -> Result<Answers, String> {
        let mut answers = Answers::new();
        let events = EventFilter::default();
        macro_rules! ask {
            ($name:literal, $snapshot:ident, $answer:expr) => {{
                let $snapshot = store.snapshot();
                let answer = $answer.await.map_err(|error| format!("{}: {error:?}", $name))?;
                answers.insert($name, format!("{answer:?}"));
                after(&answers);
            }};
        }
        let named = TraceFilter { name: Some("POST /checkout".to_owned()), ..TraceFilter::default() };
        let attribute = ("http.request.method".to_owned(), "POST".to_owned());
        let attribute = TraceFilter { attributes: vec![attribute], ..TraceFilter::default() };
        let operation = OperationFilter { name: Some("POST /checkout".to_owned()), ..OperationFilter::default() };
        ask!("find", snapshot, snapshot.find(&TraceFilter::default(), 1_000, None));
        ask!("find by name", snapshot, snapshot.find(&named, 1_000, None));
        ask!("find by attribute", snapshot, snapshot.find(&attribute, 1_000, None));
        ask!("trace ids", snapshot, snapshot.trace_ids_of(&attribute));
        ask!("operations", snapshot, snapshot.operations(None));
        ask!("newest spans", snapshot, snapshot.newest_spans(&operation, 50));
        ask!("latest traces", snapshot, snapshot.latest_traces(&operation, 50));
        ask!("exceptions", snapshot, snapshot.exceptions(&events, 50));
        ask!("one trace", snapshot, snapshot.trace(self.traces[5]));
        ask!("traces", snapshot, snapshot.traces(&self.traces));
        ask!("span count", snapshot, snapshot.span_count());
        ask!("trace count", snapshot, snapshot.trace_count());
        ask!("doubled span ids", snapshot, snapshot.duplicate_span_ids());
        ask!("overlay", snapshot, snapshot.overlay());
        let snapshot = store.snapshot();
        let mut logs = Vec::new();
        for source in 0..snapshot.log_sources() {
            logs.extend(snapshot.logs(source, &events).await.map_err(|error| format!("logs: {error:?}"))?);
        }
        answers.insert("logs", format!("{logs:?}"));
        after(&answers);
        let blob = match store.blob(self.blob).await {
            Ok(blob) => format!("{blob:?}"),
            Err(error) => format!("damaged: {error}"),
        };
        answers.insert("blob", blob);
        Ok(answers)
    }

    /// Asks everything of a home with one flipped bit; `what` says which. Gives whether the flip was noticed.
    async fn look(&self, what: &str) -> bool {
        let store = open(self.folder.path()).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let answers = self.ask(&store, |answers| {
            let changed = answers.iter().find(|(name, answer)| **answer != self.whole[*name]);
            assert!(changed.is_none() || store.damage().groups > 0, "{what}: changed unsaid: {changed:?}");
        });
        let answers = answers.await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let checked = store.check_files().await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let damage = store.damage();
        let is_noticed = damage.groups > 0 || !checked.damaged.is_empty();
        let is_a_rest = self.without.values().any(|rest| self.fits(&answers, rest));
        assert!(is_a_rest, "{what}: more than two groups are lost: {:?}", store.status().warnings);
        drop(store);
        is_noticed
    }

    /// Whether each of these answers is that of the whole home or of this rest.
    fn fits(&self, answers: &Answers, rest: &Answers) -> bool {
        answers.iter().all(|(name, answer)| {
            *answer == self.whole[name] || *answer == rest[name] || (*name == "blob" && answer.starts_with("damaged"))
        })
    }
}

fn flip(path: &Path, at: u64, bit: u8) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at as usize] ^= 1 << bit;
    fs::write(path, bytes).unwrap();
}

/// Flips bits of files, as many of each kind.
async fn flip_files(flips: u64) {
    let home = Home::new().await;
    let store = open(home.folder.path()).await.unwrap();
    let mut paths: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in store.snapshot().files() {
        paths.entry(file.meta.table.name().to_owned()).or_default().push(home.lake(&file.path));
    }
    drop(store);
    let packs = fs::read_dir(home.lake("blobs")).unwrap().map(|pack| pack.unwrap().path());
    paths.insert("blobs".to_owned(), packs.collect());
    assert_eq!(paths.len(), 6, "every kind of file is there");
    let mut random = Random::new(1);
    let mut unnoticed = Vec::new();
    for number in 0..flips {
        let (kind, files) = paths.iter().nth((number % paths.len() as u64) as usize).unwrap();
        let path = random.pick(files);
        let bytes = fs::metadata(path).unwrap().len();
        // Every other one is in the first bytes or where footers and indexes are.
        let at = match number / paths.len() as u64 % 4 {
            0 => bytes - 1 - random.below(bytes.min(2_000)),
            1 => random.below(bytes.min(64)),
            _ => random.below(bytes),
        };
        let bit = random.below(8) as u8;
        let what = format!("bit {bit} of byte {at} of {} ({kind})", path.display());
        flip(path, at, bit);
        if !home.look(&what).await {
            unnoticed.push(what);
        }
        flip(path, at, bit);
    }
    // A value is verified by its own hash: what surrounds it may change without changing it.
    unnoticed.retain(|what| !what.ends_with("(blobs)"));
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

/// Flips bits of the catalog's entries.
async fn flip_entries(flips: u64) {
    let home = Home::new().await;
    let saved = tree(home.folder.path());
    let mut random = Random::new(2);
    let tables = ["groups", "files", "blobs", "blob_refs"];
    let mut unnoticed = Vec::new();
    for number in 0..flips {
        let table = tables[(number % 4) as usize];
        let Some(what) = flip_entry(&home.database(), table, &mut random) else { continue };
        // When a pack was handed in last is no part of an answer.
        if !home.look(&what).await && !what.contains("groups.since") {
            unnoticed.push(what);
        }
        restore(home.folder.path(), &saved);
    }
    assert!(unnoticed.is_empty(), "{unnoticed:#?}");
}

/// Every file below a folder, with its bytes.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(tree(&path));
        } else {
            files.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    files
}

/// Brings a home back to what it was, the lake's account of itself included.
fn restore(folder: &Path, saved: &BTreeMap<PathBuf, Vec<u8>>) {
    for path in tree(folder).into_keys().filter(|path| !saved.contains_key(path)) {
        fs::remove_file(path).unwrap();
    }
    for (path, bytes) in saved {
        fs::write(path, bytes).unwrap();
    }
}

/// Flips a bit of one value of one row. `None` where there is none to flip.
fn flip_entry(database: &Path, table: &str, random: &mut Random) -> Option<String> {
    let connection = rusqlite::Connection::open(database).unwrap();
    connection.pragma_update(None, "foreign_keys", "OFF").unwrap();
    connection.pragma_update(None, "ignore_check_constraints", "ON").unwrap();
    let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1")).unwrap();
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let mut rows: Vec<Vec<Sql>> = Vec::new();
    let mut found = statement.query([]).unwrap();
    while let Some(row) = found.next().unwrap() {
        rows.push((0..columns.len()).map(|column| row.get(column).unwrap()).collect());
    }
    if rows.is_empty() {
        return None;
    }
    let row = random.pick(&rows).clone();
    let at = random.below(columns.len() as u64) as usize;
    let flipped_in = |bytes: &mut Vec<u8>, random: &mut Random| {
        let at = random.below(bytes.len() as u64) as usize;
        bytes[at] ^= 1 << random.below(8);
    };
    let mut value = row[at].clone();
    let mut is_text = false;
    match &mut value {
        Sql::Integer(number) => *number ^= 1 << random.below(63),
        Sql::Text(text) if !text.is_empty() => {
            let mut bytes = std::mem::take(text).into_bytes();
            flipped_in(&mut bytes, random);
            (value, is_text) = (Sql::Blob(bytes), true);
        }
        Sql::Blob(bytes) if !bytes.is_empty() => flipped_in(bytes, random),
        _ => return None,
    }
    let value_sql = if is_text { "CAST(?1 AS TEXT)" } else { "?1" };
    let sql = format!("UPDATE OR REPLACE {table} SET {} = {value_sql} WHERE {} = ?2", columns[at], columns[0]);
    connection.execute(&sql, rusqlite::params![value, row[0]]).unwrap();
    Some(format!("{table}.{} of {:?}", columns[at], row[0]))
}

#[tokio::test]
async fn a_flipped_bit_of_a_file_changes_no_answer_unsaid() {
    flip_files(36).await;
}

#[tokio::test]
async fn a_flipped_bit_of_a_catalog_entry_changes_no_answer_unsaid() {
    flip_entries(24).await;
}

#[tokio::test]
#[ignore = "2,000 flips take ten minutes: cargo test -p kino-store --test damage -- --ignored"]
async fn two_thousand_flipped_bits_change_no_answer_unsaid() {
    tokio::join!(flip_files(1_400), flip_entries(600));
}

/// Brings the catalog back to what version 2 wrote.
fn downgrade(database: &Path) {
    let connection = rusqlite::Connection::open(database).unwrap();
    let sql = "ALTER TABLE groups DROP COLUMN checksum; ALTER TABLE files DROP COLUMN blocks; PRAGMA user_version = 2;";
    connection.execute_batch(sql).unwrap();
}

fn without_blocks(database: &Path) -> i64 {
    let connection = rusqlite::Connection::open(database).unwrap();
    let sql = "SELECT count(*) FROM files WHERE tab IS NOT NULL AND blocks IS NULL";
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn files_of_an_earlier_version_are_verified_whole_and_have_block_sums_from_then_on() {
    let home = Home::new().await;
    downgrade(&home.database());
    let store = open(home.folder.path()).await.unwrap();
    assert!(without_blocks(&home.database()) > 0, "the upgrade reads no file");
    assert_eq!(home.ask(&store, |_| {}).await.unwrap(), home.whole);
    assert_eq!(store.check_files().await.unwrap().damaged, [""; 0]);
    store.snapshot().files_with_blocks().await.unwrap();
    store.retain().await.unwrap();
    assert_eq!(without_blocks(&home.database()), 0);
    drop(store);
    let store = open(home.folder.path()).await.unwrap();
    assert_eq!((home.ask(&store, |_| {}).await.unwrap(), store.damage().groups), (home.whole.clone(), 0));
}

#[tokio::test]
async fn a_bit_that_flipped_before_the_upgrade_is_noticed_and_no_merge_hides_it() {
    let home = Home::new().await;
    downgrade(&home.database());
    let store = open(home.folder.path()).await.unwrap();
    let file = store.snapshot().files().into_iter().find(|file| file.path.starts_with("spans/")).unwrap();
    flip(&home.lake(&file.path), file.meta.bytes / 2, 3);
    store.compact().await.unwrap();
    let answers = home.ask(&store, |_| {}).await.unwrap();
    assert_eq!(answers, home.without[&BTreeSet::from([file.group.0])]);
    assert_eq!(store.damage().groups, 1);
    assert!(home.lake(&file.path).exists());
}

#[tokio::test]
async fn what_is_forgotten_stays_hidden_while_a_damaged_group_may_hold_it() {
    let home = Home::new().await;
    let store = open(home.folder.path()).await.unwrap();
    let file = store.snapshot().files().into_iter().find(|file| file.path.starts_with("spans/")).unwrap();
    let whole = fs::read(home.lake(&file.path)).unwrap();
    flip(&home.lake(&file.path), 100, 3);
    assert_eq!(store.check_files().await.unwrap().damaged.len(), 1);
    store.forget(kino_store::Forget::Traces(home.traces.clone())).await.unwrap();
    assert_eq!(store.snapshot().trace_count().await.unwrap(), 0);
    store.close().await.unwrap();
    drop(store);
    // A person restores the file: what was forgotten in it does not come back.
    fs::write(home.lake(&file.path), whole).unwrap();
    let store = open(home.folder.path()).await.unwrap();
    assert_eq!((store.snapshot().trace_count().await.unwrap(), store.damage().groups), (0, 0));
    store.forget(kino_store::Forget::Traces(vec![home.traces[0]])).await.unwrap();
    assert_eq!(store.status().hidden_traces, 0);
    let files = store.snapshot().files();
    assert!(
        files.iter().all(|file| file.path.starts_with("events/")),
        "only logs outside of traces are left: {files:?}"
    );
}

#[tokio::test]
async fn a_replaced_snapshot_that_meets_damage_answers_with_an_error() {
    let home = Home::new().await;
    let store = open(home.folder.path()).await.unwrap();
    let old = store.snapshot();
    let file = old.files().into_iter().find(|file| file.path.starts_with("spans/")).unwrap();
    store.forget(kino_store::Forget::Traces(home.traces[..30].to_vec())).await.unwrap();
    let path = home.lake(&file.path);
    let changed: Vec<u8> = fs::read(&path).unwrap().into_iter().map(|byte| byte ^ 1).collect();
    fs::write(path, changed).unwrap();
    assert!(old.traces(&home.traces).await.is_err(), "its rows are nowhere else");
    assert_eq!(store.damage().groups, 0);
}

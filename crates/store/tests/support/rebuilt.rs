//! A catalog that is lost, older or another's is noticed; what a rebuild brings back is what was there.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kino_store::disk::{Disk, SystemDisk};
use kino_store::{Forget, OpenError, Rebuilt, Store, StoreConfig};

use crate::support::{batch, batch_with, check, clock, open, quiet, trace_id};
use crate::with_home;

/// Removes the catalog with all that SQLite puts beside it.
pub(crate) fn lose_catalog(home: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        drop(fs::remove_file(home.join(format!("meta.sqlite{suffix}"))));
    }
}

/// Rebuilds a home whose owner was dropped a moment ago.
pub(crate) async fn rebuild(home: &Path) -> Rebuilt {
    rebuild_on(home, Arc::new(SystemDisk)).await
}

/// As [`rebuild`], on another disk.
pub(crate) async fn rebuild_on(home: &Path, disk: Arc<dyn Disk>) -> Rebuilt {
    loop {
        match kino_store::rebuild_on(&quiet(home), clock().as_ref(), &disk) {
            Err(OpenError::Locked { .. }) => tokio::time::sleep(Duration::from_millis(10)).await,
            rebuilt => return rebuilt.unwrap(),
        }
    }
}

/// Waits until the owner is gone: it would write its last to what a test takes away.
pub(crate) async fn free(home: &Path) {
    while fs::File::open(home.join("lock")).unwrap().try_lock().is_err() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Loses the catalog, and restores all of it.
pub(crate) async fn lose_and_rebuild(home: &Path) {
    free(home).await;
    lose_catalog(home);
    let rebuilt = rebuild(home).await;
    assert!(rebuilt.damaged.is_empty() && rebuilt.lost.is_empty() && !rebuilt.is_last_inventory_lost, "{rebuilt:?}");
}

/// The sentence with which a home does not open.
async fn refusal(home: &Path) -> String {
    loop {
        match Store::open(quiet(home), clock()).await {
            Err(OpenError::Locked { .. }) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error @ OpenError::UnknownLake { .. }) => return error.to_string(),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn numbers(home: &Path, folder: &str) -> Vec<u64> {
    let files = fs::read_dir(home.join("lake").join(folder)).unwrap();
    let number = |path: std::path::PathBuf| path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let mut numbers: Vec<u64> = files.map(|file| number(file.unwrap().path())).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn a_lake_without_its_catalog_does_not_open_and_comes_back_whole() {
    for is_emptied in [false, true] {
        with_home(|home| async move {
            let (store, _) = open(quiet(&home)).await;
            let output = "the output of a run\n".repeat(1000);
            let hash = store.put_blob(output.as_bytes()).await.unwrap();
            store.append(batch_with(&[(1, 0)], Some(("kino.run.stdout", &hash.to_string())))).await.unwrap();
            store.flush().await.unwrap();
            store.append(batch(&[(1, 1), (2, 0)])).await.unwrap();
            store.flush().await.unwrap();
            store.put_record("run", "r1", &serde_json::json!({ "label": "first" })).await.unwrap();
            store.add_counts(&[("issue/too_deep".to_owned(), 2)].into());
            store.close().await.unwrap();
            store.append(batch(&[(3, 0)])).await.unwrap_err();
            drop(store);
            let (store, _) = open(quiet(&home)).await;
            store.append(batch(&[(3, 0)])).await.unwrap();
            drop(store);
            let last = *numbers(&home, "spans").last().unwrap();
            let database = home.join("meta.sqlite");
            free(&home).await;
            lose_catalog(&home);
            if is_emptied {
                fs::write(&database, b"").unwrap();
            }
            for _ in 0..2 {
                let message = refusal(&home).await;
                assert!(message.contains("kino doctor --rebuild") && message.contains("missing or empty"), "{message}");
            }
            assert_eq!(fs::metadata(&database).map_or(0, |metadata| metadata.len()), 0, "nothing was changed");
            let rebuilt = rebuild(&home).await;
            assert_eq!((rebuilt.groups, rebuilt.spans, rebuilt.packs, rebuilt.blobs), (2, 3, 1, 1));
            let documents = rebuilt.documents.unwrap();
            assert_eq!((documents.from, documents.records), (home.join("meta.copy.sqlite"), 1));
            let (store, report) = open(quiet(&home)).await;
            assert!(report.warnings.is_empty(), "{:?}", report.warnings);
            check(&store, [(1, 0), (1, 1), (2, 0), (3, 0)]);
            assert_eq!(store.blob(hash).await.unwrap().unwrap(), output);
            assert_eq!(store.record("run", "r1").await.unwrap().unwrap()["label"], "first");
            assert_eq!(store.counts().await.unwrap()["issue/too_deep"], 2);
            store.flush().await.unwrap();
            assert!(*numbers(&home, "spans").last().unwrap() > last, "numbers go on");
            store.compact().await.unwrap();
            store.retain().await.unwrap();
            check(&store, [(1, 0), (1, 1), (2, 0), (3, 0)]);
        });
    }
}

#[test]
fn an_older_catalog_is_refused_and_brings_back_nothing_that_was_merged_or_forgotten() {
    with_home(|home| async move {
        let database = home.join("meta.sqlite");
        let (store, _) = open(quiet(&home)).await;
        for span in 0..3 {
            store.append(batch(&[(1, span), (2, span)])).await.unwrap();
            store.flush().await.unwrap();
        }
        store.put_record("run", "old", &serde_json::json!({})).await.unwrap();
        store.close().await.unwrap();
        drop(store);
        let old = fs::read(&database).unwrap();
        let (store, _) = open(quiet(&home)).await;
        // What is pinned stays on the disk.
        let pinned = store.snapshot();
        for span in 3..8 {
            store.append(batch(&[(1, span), (2, span)])).await.unwrap();
            store.flush().await.unwrap();
        }
        store.compact().await.unwrap();
        store.forget(Forget::Traces(vec![trace_id(2)])).await.unwrap();
        store.append(batch(&[(3, 0)])).await.unwrap();
        store.remove_record("run", "old").await.unwrap();
        store.put_record("run", "new", &serde_json::json!({})).await.unwrap();
        assert!(numbers(&home, "spans").len() > 1, "replaced files lie there");
        drop(pinned);
        store.close().await.unwrap();
        drop(store);
        let expected: Vec<_> = (0..8).map(|span| (1, span)).chain([(3, 0)]).collect();
        // The catalog before all that, and the same again after each of two rebuilds.
        for _ in 0..2 {
            free(&home).await;
            fs::write(&database, &old).unwrap();
            let message = refusal(&home).await;
            assert!(message.contains("older one"), "{message}");
            let rebuilt = rebuild(&home).await;
            assert!(rebuilt.damaged.is_empty() && rebuilt.lost.is_empty() && rebuilt.aside.is_empty(), "{rebuilt:?}");
            assert!(rebuilt.old_database.unwrap().exists());
            let (store, _) = open(quiet(&home)).await;
            check(&store, expected.clone());
            assert!(store.record("run", "new").await.unwrap().is_some());
            assert_eq!(store.record("run", "old").await.unwrap(), None);
            store.retain().await.unwrap();
            check(&store, expected.clone());
            store.close().await.unwrap();
        }
    });
}

#[test]
fn a_database_without_its_journal_and_another_homes_are_refused() {
    with_home(|folder| async move {
        let (home, other) = (folder.join("home"), folder.join("other"));
        let database = home.join("meta.sqlite");
        let (store, _) = open(quiet(&home)).await;
        store.append(batch(&[(1, 0)])).await.unwrap();
        store.flush().await.unwrap();
        // As a kill leaves it, but for the journal.
        let without_journal = fs::read(&database).unwrap();
        drop(store);
        free(&home).await;
        fs::write(&database, without_journal).unwrap();
        refusal(&home).await;
        rebuild(&home).await;
        let (store, _) = open(quiet(&home)).await;
        check(&store, [(1, 0)]);
        store.close().await.unwrap();
        drop(store);
        // One that has come further than this one.
        let (store, _) = open(quiet(&other)).await;
        for span in 0..5 {
            store.append(batch(&[(7, span)])).await.unwrap();
            store.flush().await.unwrap();
        }
        store.close().await.unwrap();
        drop(store);
        free(&other).await;
        fs::copy(other.join("meta.sqlite"), &database).unwrap();
        let message = refusal(&home).await;
        assert!(message.contains("another catalog"), "{message}");
        let rebuilt = rebuild(&home).await;
        assert_eq!(rebuilt.documents.unwrap().from, home.join("meta.copy.sqlite"));
        check(&open(quiet(&home)).await.0, [(1, 0)]);
    });
}

#[test]
fn damage_is_left_out_by_name_and_the_rest_comes_back() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        for trace in 1..=4 {
            store.append(batch(&[(trace, 0)])).await.unwrap();
            store.flush().await.unwrap();
        }
        store.close().await.unwrap();
        let files: Vec<_> = numbers(&home, "spans");
        drop(store);
        free(&home).await;
        lose_catalog(&home);
        let lake = home.join("lake");
        let spans = lake.join(format!("spans/{:012}.parquet", files[0]));
        let whole = fs::read(&spans).unwrap();
        let mut bytes = whole.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&spans, bytes).unwrap();
        fs::remove_file(lake.join(format!("traces/{:012}.parquet", files[1]))).unwrap();
        fs::write(lake.join(format!("manifests/{:012}.manifest", files[2])), b"KINOMAN1").unwrap();
        fs::remove_file(home.join("meta.copy.sqlite")).unwrap();
        let rebuilt = rebuild(&home).await;
        assert_eq!((rebuilt.groups, rebuilt.damaged.len(), rebuilt.lost.len()), (1, 2, 1));
        assert!(rebuilt.damaged[0].0.contains("spans/") && rebuilt.damaged[1].0.contains("traces/"), "{rebuilt:?}");
        assert!(rebuilt.lost[0].contains("manifests/") && rebuilt.documents.is_none(), "{rebuilt:?}");
        assert!(!rebuilt.aside.is_empty() && rebuilt.aside.iter().all(|path| path.exists()));
        let (store, _) = open(quiet(&home)).await;
        assert_eq!(store.check_files().await.unwrap().damaged.len(), 2);
        check(&store, [(4, 0)]);
        drop(store);
        fs::write(&spans, whole).unwrap();
        let (store, _) = open(quiet(&home)).await;
        assert_eq!(store.check_files().await.unwrap().damaged.len(), 1, "what is put back is whole again");
        check(&store, [(1, 0), (4, 0)]);
        store.forget(Forget::Everything).await.unwrap();
        assert!(rebuilt.aside.iter().all(|path| !path.exists()), "what is forgotten is not left aside");
    });
}

#[test]
fn without_its_last_inventory_the_one_before_is_used_and_said() {
    last_inventory_lost_by(|last| fs::write(last, b"").unwrap());
    last_inventory_lost_by(|last| fs::remove_file(last).unwrap());
}

fn last_inventory_lost_by(lose: fn(&Path)) {
    with_home(move |home| async move {
        let (store, _) = open(quiet(&home)).await;
        for trace in 1..=3 {
            store.append(batch(&[(trace, 0)])).await.unwrap();
            store.flush().await.unwrap();
        }
        store.close().await.unwrap();
        drop(store);
        free(&home).await;
        lose_catalog(&home);
        let last = home.join(format!("lake/inventory/{:012}.inventory", numbers(&home, "inventory").last().unwrap()));
        lose(&last);
        fs::remove_file(home.join("lake.inventory")).unwrap();
        let rebuilt = rebuild(&home).await;
        assert!(rebuilt.is_last_inventory_lost);
        assert_eq!((rebuilt.groups, rebuilt.aside.is_empty()), (2, false));
        check(&open(quiet(&home)).await.0, [(1, 0), (2, 0)]);
        free(&home).await;
        lose_catalog(&home);
        for number in numbers(&home, "inventory") {
            fs::remove_file(home.join(format!("lake/inventory/{number:012}.inventory"))).unwrap();
        }
        fs::remove_file(home.join("lake.inventory")).unwrap();
        let error = kino_store::rebuild(&quiet(&home), clock().as_ref()).unwrap_err();
        assert!(matches!(error, OpenError::NoInventory { .. }), "{error}");
    });
}

#[test]
fn a_store_of_an_earlier_build_is_described_when_it_opens() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        let hash = store.put_blob(b"a large value").await.unwrap();
        store.append(batch_with(&[(1, 0)], Some(("kino.run.stdout", &hash.to_string())))).await.unwrap();
        store.flush().await.unwrap();
        store.close().await.unwrap();
        drop(store);
        free(&home).await;
        // One that the first opening of this build left when it was cut short, the other not yet there.
        let numbers = numbers(&home, "manifests");
        let manifest = |number: u64| home.join(format!("lake/manifests/{number:012}.manifest"));
        fs::write(manifest(numbers[0]), b"KINO").unwrap();
        fs::remove_file(manifest(numbers[1])).unwrap();
        fs::remove_dir_all(home.join("lake/inventory")).unwrap();
        let database = rusqlite::Connection::open(home.join("meta.sqlite")).unwrap();
        database.execute("DELETE FROM meta WHERE key != 'wal_position'", []).unwrap();
        drop(database);
        drop(open(quiet(&home)).await);
        lose_and_rebuild(&home).await;
        let (store, _) = open(quiet(&home)).await;
        check(&store, [(1, 0)]);
        assert_eq!(store.blob(hash).await.unwrap().unwrap(), &b"a large value"[..]);
    });
}

#[test]
fn a_file_that_is_there_is_never_written_over() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        store.append(batch(&[(1, 0)])).await.unwrap();
        store.flush().await.unwrap();
        let next = home.join(format!("lake/traces/{:012}.parquet", numbers(&home, "spans")[0] + 1));
        fs::write(&next, b"foreign").unwrap();
        store.append(batch(&[(2, 0)])).await.unwrap();
        assert!(store.flush().await.is_err());
        check(&store, [(1, 0), (2, 0)]);
        store.flush().await.unwrap();
        assert_eq!(fs::read(&next).unwrap(), b"foreign");
        check(&store, [(1, 0), (2, 0)]);
    });
}

#[test]
fn a_rebuild_waits_for_no_engine_and_documents_are_copied_while_it_runs() {
    with_home(|home| async move {
        let config = StoreConfig { tick: Duration::from_millis(2), ..quiet(&home) };
        let (store, _) = open(config).await;
        store.append(batch(&[(1, 0)])).await.unwrap();
        store.put_record("run", "r", &serde_json::json!({})).await.unwrap();
        let error = kino_store::rebuild(&quiet(&home), clock().as_ref()).unwrap_err();
        assert!(matches!(error, OpenError::Locked { .. }), "{error}");
        while !home.join("meta.copy.sqlite").exists() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        store.close().await.unwrap();
    });
}

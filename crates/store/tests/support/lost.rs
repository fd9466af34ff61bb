//! What is taken away under the store: files of the log, folders while the engine runs.

use std::fs;
use std::path::Path;

use kino_store::{AppendError, Store, StoreError};

use crate::rebuilt::free;
use crate::support::{batch, check, clock, open, quiet};
use crate::with_home;

#[test]
fn a_missing_segment_is_noticed_also_if_it_is_the_only_one_and_a_clean_end_is_none() {
    with_home(|home| async move {
        let (store, report) = open(quiet(&home)).await;
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        store.append(batch(&[(1, 0)])).await.unwrap();
        drop(store);
        fs::remove_file(home.join("wal/0000000000000001.wal")).unwrap();
        let (store, report) = open(quiet(&home)).await;
        assert_eq!((report.wal.missing_segments, report.wal.cut_segments), (1, 0));
        assert!(report.warnings[0].contains("1 segments are missing"), "{:?}", report.warnings);
        assert_eq!(store.counts().await.unwrap()["issue/log_segment_missing"], 1);
        store.append(batch(&[(2, 0)])).await.unwrap();
        assert!(!home.join("wal/0000000000000001.wal").exists(), "a number is never given twice");
        drop(store);
        for ends_in_close in [true, false] {
            let (store, report) = open(quiet(&home)).await;
            assert_eq!(report.wal.missing_segments, 0, "it is said once");
            assert!(report.warnings.is_empty(), "{:?}", report.warnings);
            check(&store, [(2, 0)]);
            if ends_in_close {
                store.close().await.unwrap();
            }
        }
        let (store, report) = open(quiet(&home)).await;
        assert!(report.warnings.is_empty(), "nothing was in the log: {:?}", report.warnings);
        assert_eq!(store.counts().await.unwrap()["issue/log_segment_missing"], 1);
    });
}

#[test]
fn emptied_and_cut_segments_are_noticed() {
    with_home(|home| async move {
        // Each batch fills a segment.
        let config = kino_store::StoreConfig { segment_bytes: 1, ..quiet(&home) };
        let (store, _) = open(config.clone()).await;
        for trace in 1..=4 {
            store.append(batch(&[(trace, 0)])).await.unwrap();
        }
        drop(store);
        let segment = |number: u64| home.join(format!("wal/{number:016}.wal"));
        fs::write(segment(1), b"").unwrap();
        // Cut where a record ends: the rest reads well.
        fs::write(segment(2), &fs::read(segment(2)).unwrap()[..28]).unwrap();
        fs::remove_file(segment(3)).unwrap();
        let (store, report) = open(config).await;
        assert_eq!((report.wal.missing_segments, report.wal.cut_segments), (1, 2));
        assert!(report.wal.missing_bytes > 28, "{:?}", report.wal);
        check(&store, [(4, 0)]);
        let counts = store.counts().await.unwrap();
        assert_eq!((counts["issue/log_segment_missing"], counts["issue/log_segment_cut"]), (1, 2));
    });
}

#[test]
fn a_segment_that_is_put_back_after_a_flush_is_taken_in_once() {
    with_home(|home| async move {
        let config = kino_store::StoreConfig { segment_bytes: 1, ..quiet(&home) };
        let (store, _) = open(config.clone()).await;
        for trace in 1..=3 {
            store.append(batch(&[(trace, 0)])).await.unwrap();
        }
        drop(store);
        free(&home).await;
        let segment = |number: u64| home.join(format!("wal/{number:016}.wal"));
        let (missing, cut) = (fs::read(segment(1)).unwrap(), fs::read(segment(2)).unwrap());
        fs::remove_file(segment(1)).unwrap();
        fs::write(segment(2), &cut[..28]).unwrap();
        let (store, report) = open(config.clone()).await;
        let returned = home.join("wal/returned");
        assert!(report.warnings[0].contains(returned.to_str().unwrap()), "{:?}", report.warnings);
        store.flush().await.unwrap();
        // Under their own numbers they would be removed now.
        fs::create_dir(&returned).unwrap();
        fs::write(returned.join("0000000000000001.wal"), missing).unwrap();
        fs::write(returned.join("0000000000000002.wal"), cut).unwrap();
        store.append(batch(&[(4, 0)])).await.unwrap();
        store.flush().await.unwrap();
        check(&store, [(3, 0), (4, 0)]);
        drop(store);
        free(&home).await;
        let all = [(1, 0), (2, 0), (3, 0), (4, 0)];
        for returned in [2, 0, 0] {
            let (store, report) = open(config.clone()).await;
            assert_eq!((report.wal.returned_segments, report.wal.waiting_segments), (returned, 0));
            assert_eq!((report.wal.missing_segments, report.wal.cut_segments), (0, 0));
            check(&store, all);
            if returned == 0 {
                store.flush().await.unwrap();
                check(&store, all);
            }
            drop(store);
            free(&home).await;
        }
    });
}

#[test]
fn segments_that_are_put_back_are_taken_in_few_at_a_time() {
    with_home(|home| async move {
        let config = kino_store::StoreConfig { segment_bytes: 1, ..quiet(&home) };
        let (store, _) = open(config.clone()).await;
        for trace in 1..=6 {
            store.append(batch(&[(trace, 0)])).await.unwrap();
        }
        drop(store);
        free(&home).await;
        let returned = home.join("wal/returned");
        fs::create_dir(&returned).unwrap();
        for number in 1..=6u64 {
            let name = format!("{number:016}.wal");
            fs::rename(home.join("wal").join(&name), returned.join(&name)).unwrap();
        }
        let (store, report) = open(config.clone()).await;
        assert_eq!((report.wal.returned_segments, report.wal.waiting_segments), (4, 2));
        check(&store, (1..=4).map(|trace| (trace, 0)));
        drop(store);
        free(&home).await;
        let (store, report) = open(config).await;
        assert_eq!((report.wal.returned_segments, report.wal.waiting_segments), (2, 0));
        check(&store, (1..=6).map(|trace| (trace, 0)));
    });
}

#[test]
fn gaps_and_empty_segments_are_counted_without_a_record_of_extents() {
    with_home(|home| async move {
        let config = kino_store::StoreConfig { segment_bytes: 1, ..quiet(&home) };
        let (store, _) = open(config.clone()).await;
        for trace in 1..=3 {
            store.append(batch(&[(trace, 0)])).await.unwrap();
        }
        drop(store);
        fs::remove_file(home.join("wal.extents")).unwrap();
        fs::remove_file(home.join("wal/0000000000000001.wal")).unwrap();
        fs::write(home.join("wal/0000000000000002.wal"), b"").unwrap();
        let (store, report) = open(config).await;
        assert_eq!((report.wal.missing_segments, report.wal.cut_segments), (1, 1));
        check(&store, [(3, 0)]);
    });
}

/// Removes the log with its record, or its segments alone with the record.
fn lose_log(home: &Path, with_folder: bool) {
    let log = home.join("wal");
    if with_folder {
        fs::remove_dir_all(&log).unwrap();
    } else {
        for segment in fs::read_dir(&log).unwrap() {
            fs::remove_file(segment.unwrap().path()).unwrap();
        }
    }
    fs::remove_file(home.join("wal.extents")).unwrap();
}

#[test]
fn a_log_that_vanished_with_its_record_is_noticed_once_and_a_clean_end_lost_nothing() {
    for with_folder in [true, false] {
        with_home(|home| async move {
            let (store, _) = open(quiet(&home)).await;
            store.append(batch(&[(1, 0)])).await.unwrap();
            store.flush().await.unwrap();
            store.append(batch(&[(2, 0)])).await.unwrap();
            drop(store);
            free(&home).await;
            lose_log(&home, with_folder);
            let (store, report) = open(quiet(&home)).await;
            assert!(report.wal.is_gone && report.warnings[0].contains("the log is gone"), "{:?}", report.warnings);
            assert_eq!(store.status().warnings, report.warnings);
            assert_eq!(store.counts().await.unwrap()["issue/log_missing"], 1);
            store.append(batch(&[(3, 0)])).await.unwrap();
            assert!(!home.join("wal/0000000000000002.wal").exists(), "a number is never given twice");
            drop(store);
            let (store, report) = open(quiet(&home)).await;
            assert!(report.warnings.is_empty(), "it is said once: {:?}", report.warnings);
            check(&store, [(1, 0), (3, 0)]);
            store.close().await.unwrap();
            drop(store);
            lose_log(&home, with_folder);
            let (store, report) = open(quiet(&home)).await;
            assert!(report.warnings.is_empty(), "nothing was in the log: {:?}", report.warnings);
            check(&store, [(1, 0), (3, 0)]);
            assert_eq!(store.counts().await.unwrap()["issue/log_missing"], 1);
        });
    }
}

#[test]
fn a_missing_log_is_noticed_without_the_note_that_it_was_in_use() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        store.append(batch(&[(1, 0)])).await.unwrap();
        store.flush().await.unwrap();
        drop(store);
        free(&home).await;
        let database = rusqlite::Connection::open(home.join("meta.sqlite")).unwrap();
        database.execute("DELETE FROM meta WHERE key = 'log_in_use'", []).unwrap();
        drop(database);
        lose_log(&home, true);
        let (_, report) = open(quiet(&home)).await;
        assert!(report.wal.is_gone, "{:?}", report.warnings);
    });
}

/// What is done to a home under a running engine.
#[derive(Clone, Copy, Debug)]
enum Vanishing {
    Removed,
    Renamed,
    Replaced,
    LogRemoved,
    LogRenamed,
}

#[test]
fn nothing_is_acknowledged_once_the_home_or_the_log_has_vanished() {
    use Vanishing::{LogRemoved, LogRenamed, Removed, Renamed, Replaced};
    for vanishing in [Removed, Renamed, Replaced, LogRemoved, LogRenamed] {
        // With a segment open, and with none.
        for is_open in [true, false] {
            with_home(|folder| async move {
                let (home, other) = (folder.join("home"), folder.join("other"));
                let (store, _) = open(quiet(&home)).await;
                store.append(batch(&[(1, 0)])).await.unwrap();
                if !is_open {
                    store.flush().await.unwrap();
                }
                assert_eq!(store.vanished(), None);
                match vanishing {
                    Removed => fs::remove_dir_all(&home).unwrap(),
                    Renamed => fs::rename(&home, &other).unwrap(),
                    Replaced => {
                        fs::rename(&home, &other).unwrap();
                        drop(Store::open(quiet(&home), clock()).await.unwrap());
                    }
                    LogRemoved => fs::remove_dir_all(home.join("wal")).unwrap(),
                    LogRenamed => fs::rename(home.join("wal"), &other).unwrap(),
                }
                for span in 1..11 {
                    let refused = store.append(batch(&[(1, span)])).await;
                    assert!(matches!(refused, Err(AppendError::Io(_))), "{vanishing:?} {is_open}: {refused:?}");
                }
                let what = store.vanished().unwrap();
                assert!(what.contains("removed, renamed or replaced"), "{what}");
                assert!(store.status().warnings[0].contains(&what));
                assert!(!home.join("wal").exists() || fs::read_dir(home.join("wal")).unwrap().count() == 0);
                let refused = store.flush().await;
                assert!(!is_open || matches!(refused, Err(StoreError::Gone(_))), "{refused:?}");
                assert!(matches!(store.close().await, Err(StoreError::Gone(_))));
                if matches!(vanishing, Renamed | Replaced) {
                    drop(store);
                    let (store, report) = open(quiet(&other)).await;
                    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
                    check(&store, [(1, 0)]);
                }
            });
        }
    }
}

#[test]
fn a_home_that_comes_back_takes_rows_again() {
    with_home(|folder| async move {
        let (home, other) = (folder.join("home"), folder.join("other"));
        let (store, _) = open(quiet(&home)).await;
        store.append(batch(&[(1, 0)])).await.unwrap();
        fs::rename(&home, &other).unwrap();
        assert!(store.append(batch(&[(1, 1)])).await.is_err());
        fs::rename(&other, &home).unwrap();
        store.append(batch(&[(1, 2)])).await.unwrap();
        assert_eq!(store.vanished(), None);
        drop(store);
        let (store, _) = open(quiet(&home)).await;
        check(&store, [(1, 0), (1, 2)]);
    });
}

#[test]
fn a_database_that_was_deleted_under_the_engine_takes_no_commit_and_the_log_stays() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        store.append(batch(&[(1, 0)])).await.unwrap();
        fs::remove_file(home.join("meta.sqlite")).unwrap();
        assert!(store.vanished().unwrap().contains("meta.sqlite"));
        assert!(matches!(store.flush().await, Err(StoreError::Gone(_))));
        assert!(store.put_record("run", "r", &serde_json::json!({})).await.is_err());
        store.append(batch(&[(1, 1)])).await.unwrap();
        assert_eq!(fs::read_dir(home.join("wal")).unwrap().count(), 2, "what was frozen, and what came after it");
        check(&store, [(1, 0), (1, 1)]);
    });
}

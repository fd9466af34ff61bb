//! What is acknowledged is there exactly once, whatever happened in between.

#![expect(clippy::unwrap_used, reason = "a test ends where something unexpected happens")]

#[path = "support/cancelled.rs"]
mod cancelled;
#[path = "support/described.rs"]
mod described;
#[path = "support/logged.rs"]
mod logged;
#[path = "support/lost.rs"]
mod lost;
#[path = "support/rebuilt.rs"]
mod rebuilt;
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use kino_store::{
    AppendError, Exempt, Forget, KillMode, KillPoint, KillPoints, OpenError, Store, StoreConfig, StoreError, SyncPolicy,
};
use proptest::prelude::*;
use support::{Key, LossyDisk, batch, batch_with, check, clock, open, quiet, span_id, stored, trace_id};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Runs a test with a home of its own.
fn with_home<F: Future<Output = ()>>(test: impl FnOnce(std::path::PathBuf) -> F) {
    let home = tempfile::tempdir().unwrap();
    runtime().block_on(test(home.path().to_path_buf()));
}

#[test]
fn rows_survive_every_way_of_ending() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        store.append(batch(&[(1, 0), (1, 1), (2, 0)])).await.unwrap();
        check(&store, [(1, 0), (1, 1), (2, 0)]);
        drop(store);
        let (store, report) = open(quiet(&home)).await;
        assert_eq!(report.replayed_rows, 3);
        check(&store, [(1, 0), (1, 1), (2, 0)]);
        store.append(batch(&[(2, 1)])).await.unwrap();
        store.close().await.unwrap();
        assert!(matches!(store.append(batch(&[(3, 0)])).await, Err(AppendError::Closed)));
        let (store, report) = open(quiet(&home)).await;
        assert_eq!(report.replayed_rows, 0);
        assert_eq!(store.status().wal_bytes, 0);
        check(&store, [(1, 0), (1, 1), (2, 0), (2, 1)]);
    });
}

#[test]
fn a_second_engine_fails_with_the_pid_of_the_homes_owner() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        let refused = Store::open(quiet(&home), clock()).await.unwrap_err();
        let OpenError::Locked { pid, .. } = &refused else { panic!("{refused}") };
        assert_eq!(*pid, std::process::id().to_string());
        store.close().await.unwrap();
        open(quiet(&home)).await;
    });
}

#[test]
fn no_kill_point_loses_or_doubles_a_row() {
    // With its catalog, and with one that was restored after each kill.
    for (point, is_lost) in KillPoint::ALL.into_iter().flat_map(|point| [(point, false), (point, true)]) {
        with_home(|home| async move {
            let armed = StoreConfig { kill_points: KillPoints::armed(point, KillMode::Fail), ..quiet(&home) };
            let keys: Vec<Key> = (0..40).map(|number| (number as u8 % 4, number)).collect();
            for part in keys.chunks(10) {
                let (store, _) = open(quiet(&home)).await;
                store.append(batch(part)).await.unwrap();
                store.flush().await.unwrap();
                store.append(batch(&[(9, part[0].1)])).await.unwrap();
                drop(store);
                let (store, _) = open(armed.clone()).await;
                let steps = [store.flush().await, store.compact().await, store.retain().await];
                let killed = steps.iter().any(|step| matches!(step, Err(StoreError::Killed(_))));
                let not_yet = [KillPoint::InCompaction, KillPoint::InRetention].contains(&point);
                assert!(killed || not_yet, "{point}");
                drop(store);
                if is_lost {
                    rebuilt::lose_and_rebuild(&home).await;
                }
            }
            let (store, _) = open(armed).await;
            let last = [store.compact().await, store.retain().await];
            drop(store);
            if is_lost {
                rebuilt::lose_and_rebuild(&home).await;
            }
            let (store, _) = open(quiet(&home)).await;
            check(&store, keys.iter().copied().chain([(9, 0), (9, 10), (9, 20), (9, 30)]));
            store.compact().await.unwrap();
            store.retain().await.unwrap();
            check(&store, keys.iter().copied().chain([(9, 0), (9, 10), (9, 20), (9, 30)]));
            assert_eq!(files_on_disk(&home), store.snapshot().files().len(), "after {last:?}");
        });
    }
}

fn files_on_disk(home: &std::path::Path) -> usize {
    let folders = fs::read_dir(home.join("lake")).unwrap().map(|folder| folder.unwrap().path());
    let others = ["manifests", "inventory", "aside"];
    let rows = folders.filter(|folder| !others.iter().any(|other| folder.ends_with(other)));
    rows.map(|folder| fs::read_dir(folder).unwrap().count()).sum()
}

/// What a test does to a store.
#[derive(Clone, Debug)]
enum Step {
    Append(u8, u8),
    Flush,
    Compact,
    Forget(u8),
    Retain,
    Crash,
    Close,
    /// The catalog is lost after a crash, and restored.
    Rebuild,
    /// A crash at a kill point of the next step that meets it.
    Kill(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..5u8, 1..20u8).prop_map(|(trace, spans)| Step::Append(trace, spans)),
        3 => Just(Step::Flush),
        2 => Just(Step::Compact),
        1 => (0..5u8).prop_map(Step::Forget),
        1 => Just(Step::Retain),
        2 => Just(Step::Crash),
        1 => Just(Step::Close),
        1 => Just(Step::Rebuild),
        2 => (0..KillPoint::ALL.len()).prop_map(Step::Kill),
    ];
    proptest::collection::vec(step, 1..24)
}

async fn follow(home: &std::path::Path, steps: &[Step]) {
    let mut model: BTreeSet<Key> = BTreeSet::new();
    let mut next = 0;
    let (mut store, _) = open(quiet(home)).await;
    for step in steps {
        match step {
            Step::Append(trace, spans) => {
                let keys: Vec<Key> = (next..next + u32::from(*spans)).map(|span| (*trace, span)).collect();
                next += u32::from(*spans);
                store.append(batch(&keys)).await.unwrap();
                // What arrives of a trace while its forgetting is under way is forgotten with it.
                if !store.snapshot().hidden().contains(&trace_id(*trace)) {
                    model.extend(keys);
                }
            }
            // A step may fail at an armed kill point; the store is then opened again.
            Step::Flush => drop(store.flush().await),
            Step::Compact => drop(store.compact().await),
            Step::Retain => drop(store.retain().await),
            Step::Forget(trace) => {
                let known = model.iter().filter(|key| key.0 == *trace).count() as u64;
                model.retain(|key| key.0 != *trace);
                if let Ok(forgotten) = store.forget(Forget::Traces(vec![trace_id(*trace)])).await {
                    assert_eq!(forgotten.spans, known);
                }
            }
            Step::Close => drop(store.close().await),
            Step::Crash | Step::Kill(_) | Step::Rebuild => {}
        }
        let kill_points = match step {
            Step::Kill(point) => KillPoints::armed(KillPoint::ALL[*point], KillMode::Fail),
            _ => KillPoints::NONE,
        };
        if matches!(step, Step::Crash | Step::Close | Step::Kill(_) | Step::Rebuild) {
            drop(store);
            if matches!(step, Step::Rebuild) {
                rebuilt::lose_and_rebuild(home).await;
            }
            store = open(StoreConfig { kill_points, ..quiet(home) }).await.0;
        }
        check(&store, model.iter().copied());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_store_agrees_with_a_map(steps in steps()) {
        with_home(|home| async move { follow(&home, &steps).await });
    }

    #[test]
    fn what_was_synced_survives_power_loss(
        steps in proptest::collection::vec((1..6u8, any::<bool>(), any::<bool>(), 0..=100u64), 1..10), always in any::<bool>(),
        is_lost in any::<bool>(),
    ) {
        with_home(|home| async move {
            let sync = if always { SyncPolicy::Always } else { SyncPolicy::Interval(Duration::from_hours(1)) };
            let disk = Arc::new(LossyDisk::default());
            let config = StoreConfig { sync, ..quiet(&home) };
            let (mut safe, mut acknowledged, mut next) = (BTreeSet::new(), BTreeSet::new(), 0);
            for (spans, flush, close, survival_percent) in steps {
                let (store, _) = support::open_on(config.clone(), disk.clone()).await;
                for _ in 0..spans {
                    store.append(batch(&[(spans, next), (spans, next + 1)])).await.unwrap();
                    acknowledged.extend([(spans, next), (spans, next + 1)]);
                    next += 2;
                }
                if flush {
                    store.flush().await.unwrap();
                    store.append(batch(&[(7, next)])).await.unwrap();
                    next += 1;
                    acknowledged.insert((7, next - 1));
                }
                if always || flush {
                    safe.clone_from(&acknowledged);
                    if !always {
                        safe.remove(&(7, next - 1));
                    }
                }
                if close {
                    store.close().await.unwrap();
                    safe.clone_from(&acknowledged);
                }
                drop(store);
                disk.lose_power(survival_percent);
                if is_lost {
                    rebuilt::lose_and_rebuild(&home).await;
                }
                let (store, _) = support::open_on(config.clone(), disk.clone()).await;
                let there = stored(&store);
                let key = |key: &Key| (trace_id(key.0), support::span_id(key.1));
                let lost: Vec<&Key> = safe.iter().filter(|safe| !there.contains_key(&key(safe))).collect();
                assert!(lost.is_empty(), "{lost:?} were safe and are lost");
                for (stored, count) in &there {
                    assert!(*count == 1 && acknowledged.iter().any(|known| key(known) == *stored), "{stored:?}");
                }
                acknowledged.retain(|known| there.contains_key(&key(known)));
                // What survived was read back: the next loss may take it only if it was not synced since.
                store.flush().await.unwrap();
                safe.clone_from(&acknowledged);
                drop(store);
            }
        });
    }
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    with_home(|home| async move {
        let disk = Arc::new(LossyDisk::default());
        let (store, _) = Store::open_on(quiet(&home), clock(), disk.clone()).await.unwrap();
        store.append(batch(&[(1, 0)])).await.unwrap();
        disk.break_with(Some(ErrorKind::StorageFull));
        assert!(matches!(store.append(batch(&[(1, 1)])).await, Err(AppendError::DiskFull { .. })));
        assert!(store.flush().await.is_err());
        check(&store, [(1, 0)]);
        disk.break_with(None);
        store.append(batch(&[(1, 2)])).await.unwrap();
        store.flush().await.unwrap();
        check(&store, [(1, 0), (1, 2)]);
        drop(store);
        let (store, report) = Store::open_on(quiet(&home), clock(), disk).await.unwrap();
        assert_eq!(report.wal.damaged_stretches, 0);
        check(&store, [(1, 0), (1, 2)]);
    });
}

#[test]
fn memory_has_a_limit_that_a_flush_lifts() {
    with_home(|home| async move {
        let (store, _) = open(StoreConfig { hot_bytes_max: 64 << 10, ..quiet(&home) }).await;
        let mut taken = 0;
        let refused = loop {
            match store.append(batch(&[(1, taken)])).await {
                Ok(()) => taken += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, AppendError::Full { .. }), "{refused}");
        assert!(store.status().hot_bytes <= 64 << 10);
        store.flush().await.unwrap();
        assert_eq!(store.status().hot_bytes, 0);
        store.append(batch(&[(1, taken)])).await.unwrap();
        check(&store, (0..=taken).map(|span| (1, span)));
    });
}

#[test]
fn a_torn_tail_is_quarantined_and_a_damaged_middle_loses_only_its_record() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        for span in 0..3 {
            store.append(batch(&[(1, span)])).await.unwrap();
        }
        drop(store);
        let segment = home.join("wal/0000000000000001.wal");
        let mut bytes = fs::read(&segment).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xff;
        bytes.extend(b"KREC and then the power went");
        fs::write(&segment, bytes).unwrap();
        let (store, report) = open(quiet(&home)).await;
        assert_eq!((report.wal.records, report.wal.damaged_stretches), (2, 1));
        assert_eq!(report.wal.torn_bytes, 28);
        assert_eq!(report.wal.copies.len(), 2);
        assert!(report.wal.copies.iter().all(|path| path.exists()));
        assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
        check(&store, [(1, 0), (1, 2)]);
    });
}

#[test]
fn newer_stores_open_read_only() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        store.append(batch(&[(1, 0)])).await.unwrap();
        store.close().await.unwrap();
        drop(store);
        rusqlite::Connection::open(home.join("meta.sqlite")).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let (store, report) = open(quiet(&home)).await;
        assert!(report.read_only.unwrap().contains("upgrade kino"));
        check(&store, [(1, 0)]);
        assert!(matches!(store.append(batch(&[(1, 1)])).await, Err(AppendError::ReadOnly(_))));
        store.close().await.unwrap();
    });
}

#[test]
fn small_groups_are_merged_and_repeats_collapse() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        for span in 0..8 {
            // A client's retry: the same row again in another group.
            store.append(batch(&[(1, span), (2, 0)])).await.unwrap();
            store.flush().await.unwrap();
        }
        let before = store.snapshot().files().len();
        let pinned = store.snapshot();
        store.compact().await.unwrap();
        store.retain().await.unwrap();
        assert!(store.snapshot().files().len() < before);
        check(&store, (0..8).map(|span| (1, span)).chain([(2, 0)]));
        assert_eq!(files_on_disk(&home), before + store.snapshot().files().len(), "a snapshot pins what it may read");
        drop(pinned);
        store.retain().await.unwrap();
        assert_eq!(files_on_disk(&home), store.snapshot().files().len());
    });
}

#[test]
fn retention_counts_from_arrival_and_spares_what_is_exempt() {
    with_home(|home| async move {
        let clock = clock();
        let config = StoreConfig { retention: Some(Duration::from_mins(1)), ..quiet(&home) };
        let (store, _) = Store::open(config, clock.clone()).await.unwrap();
        store.append(batch(&[(1, 0), (2, 0)])).await.unwrap();
        store.flush().await.unwrap();
        store.retain().await.unwrap();
        check(&store, [(1, 0), (2, 0)]);
        clock.advance_nanos(61_000_000_000);
        store.append(batch(&[(3, 0)])).await.unwrap();
        store.flush().await.unwrap();
        store.set_exempt(Exempt { trace_ids: [trace_id(2)].into(), ..Exempt::default() });
        store.retain().await.unwrap();
        check(&store, [(2, 0), (3, 0)]);
        store.retain().await.unwrap();
        store.set_exempt(Exempt::default());
        store.retain().await.unwrap();
        check(&store, [(3, 0)]);
    });
}

#[test]
fn the_lake_stays_within_its_size() {
    with_home(|home| async move {
        let clock = clock();
        let (store, _) = Store::open(StoreConfig { lake_bytes_max: Some(1), ..quiet(&home) }, clock).await.unwrap();
        store.append(batch(&[(1, 0)])).await.unwrap();
        store.flush().await.unwrap();
        store.retain().await.unwrap();
        check(&store, []);
        assert_eq!(files_on_disk(&home), 0);
    });
}

#[test]
fn a_damaged_file_is_left_out_and_the_rest_answers() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        for trace in 1..=4 {
            store.append(batch(&[(trace, 0)])).await.unwrap();
            store.flush().await.unwrap();
        }
        let damaged = store.snapshot().files().into_iter().find(|file| file.path.starts_with("spans/")).unwrap();
        fs::write(home.join("lake").join(&damaged.path), b"not a parquet file").unwrap();
        store.compact().await.unwrap();
        let status = store.status();
        assert_eq!((status.quarantined_groups, status.quarantined_spans), (1, 1));
        assert!(status.warnings.iter().any(|warning| warning.contains(&damaged.path)), "{:?}", status.warnings);
        check(&store, [(2, 0), (3, 0), (4, 0)]);
    });
}

#[test]
fn everything_can_be_forgotten_and_new_rows_come_in() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        store.append(batch(&[(1, 0), (2, 0)])).await.unwrap();
        store.flush().await.unwrap();
        store.append(batch(&[(1, 1)])).await.unwrap();
        let forgotten = store.forget(Forget::Everything).await.unwrap();
        assert_eq!((forgotten.traces, forgotten.spans), (2, 3));
        check(&store, []);
        assert_eq!(files_on_disk(&home), 0);
        assert_eq!(store.status().wal_bytes, 0);
        store.append(batch(&[(1, 5)])).await.unwrap();
        drop(store);
        let (store, _) = open(quiet(&home)).await;
        check(&store, [(1, 5)]);
        let forgotten = store.forget(Forget::Before(kino_model::UnixNanos(support::START.0 + 6))).await.unwrap();
        assert_eq!(forgotten.spans, 1);
        check(&store, []);
    });
}

#[test]
fn blobs_live_once_as_long_as_something_names_them() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        let output = "the output of a run\n".repeat(1000);
        let hash = store.put_blob(output.as_bytes()).await.unwrap();
        let other = store.put_blob(b"a diff").await.unwrap();
        let orphan = store.put_blob(b"an orphan").await.unwrap();
        drop(store);
        let (store, _) = open(quiet(&home)).await;
        assert_eq!(store.blob(hash).await.unwrap().unwrap(), output);
        store.append(batch_with(&[(1, 0)], Some(("kino.run.stdout", &hash.to_string())))).await.unwrap();
        store.put_record("run", "r1", &serde_json::json!({ "diff": other })).await.unwrap();
        store.flush().await.unwrap();
        assert_eq!(store.put_blob(output.as_bytes()).await.unwrap(), hash);
        assert_eq!(store.status().hot_bytes, 0, "the second time it is known");
        store.retain().await.unwrap();
        for (hash, content) in [(hash, output.as_bytes()), (other, b"a diff")] {
            assert_eq!(store.blob(hash).await.unwrap().unwrap(), content);
        }
        store.forget(Forget::Traces(vec![trace_id(1)])).await.unwrap();
        assert_eq!(store.blob(hash).await.unwrap(), None);
        assert_eq!(store.blob(orphan).await.unwrap(), None);
        drop(store);
        let (store, _) = open(quiet(&home)).await;
        assert_eq!(store.blob(hash).await.unwrap(), None);
        assert_eq!(store.blob(other).await.unwrap().unwrap(), &b"a diff"[..]);
        assert!(store.remove_record("run", "r1").await.unwrap());
        store.retain().await.unwrap();
        assert_eq!(store.status().blob_bytes, 0);
        assert_eq!(files_on_disk(&home), 0);
    });
}

#[test]
fn documents_and_counters_are_durable() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        for id in ["a", "b", "a"] {
            store.put_record("run", id, &serde_json::json!({ "id": id })).await.unwrap();
        }
        store.add_counts(&[("too_deep".to_owned(), 2)].into());
        store.add_counts(&[("too_deep".to_owned(), 3)].into());
        store.close().await.unwrap();
        drop(store);
        let (store, _) = open(quiet(&home)).await;
        assert_eq!(store.records("run", 10).await.unwrap().len(), 2);
        assert_eq!(store.record("run", "b").await.unwrap().unwrap()["id"], "b");
        assert_eq!(store.record("finding", "b").await.unwrap(), None);
        assert_eq!(store.counts().await.unwrap()["too_deep"], 5);
    });
}

#[test]
fn the_background_flushes_what_is_quiet_and_joins_what_is_small() {
    with_home(|home| async move {
        let clock = clock();
        let config = StoreConfig {
            tick: Duration::from_millis(5),
            quiet: Duration::from_secs(10),
            compaction: true,
            ..quiet(&home)
        };
        let (store, _) = Store::open(config, clock.clone()).await.unwrap();
        for span in 0..100 {
            store.append(batch(&[(1, span)])).await.unwrap();
        }
        // Long enough to be joined, and not yet to be flushed.
        clock.advance_nanos(2_000_000_000);
        while store.snapshot().hot().len() > 20 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        check(&store, (0..100).map(|span| (1, span)));
        clock.advance_nanos(10_000_000_000);
        while store.status().hot_rows > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        check(&store, (0..100).map(|span| (1, span)));
        store.close().await.unwrap();
    });
}

#[test]
fn a_clock_that_jumps_a_year_removes_nothing_for_a_day_and_the_status_says_so() {
    const HOUR: i64 = 3_600_000_000_000;
    with_home(|home| async move {
        let clock = clock();
        let config = StoreConfig { retention: Some(Duration::from_hours(48)), ..quiet(&home) };
        let (store, _) = Store::open(config.clone(), clock.clone()).await.unwrap();
        store.append(batch(&[(1, 0)])).await.unwrap();
        store.flush().await.unwrap();
        store.retain().await.unwrap();
        clock.jump_nanos(365 * 24 * HOUR);
        store.retain().await.unwrap();
        check(&store, [(1, 0)]);
        assert!(
            store.status().warnings.iter().any(|warning| warning.contains("jumped")),
            "{:?}",
            store.status().warnings
        );
        // The next run goes on waiting.
        store.close().await.unwrap();
        let (store, _) = Store::open(config, clock.clone()).await.unwrap();
        clock.advance_nanos(23 * HOUR);
        store.retain().await.unwrap();
        check(&store, [(1, 0)]);
        clock.advance_nanos(2 * HOUR);
        store.retain().await.unwrap();
        check(&store, []);
        assert!(!store.status().warnings.iter().any(|warning| warning.contains("jumped")));
    });
}

#[test]
fn over_the_limit_on_its_size_the_lake_keeps_the_newest_traces_of_a_group() {
    with_home(|home| async move {
        let keys: Vec<Key> =
            (0..100u8).flat_map(|trace| (0..40).map(move |span| (trace, u32::from(trace) * 40 + span))).collect();
        let bytes = {
            let (store, _) = open(quiet(&home)).await;
            store.append(batch(&keys)).await.unwrap();
            store.flush().await.unwrap();
            let bytes: u64 = store.snapshot().files().iter().map(|file| file.meta.bytes).sum();
            store.close().await.unwrap();
            bytes
        };
        let (store, _) = open(StoreConfig { lake_bytes_max: Some(bytes * 3 / 4), ..quiet(&home) }).await;
        store.retain().await.unwrap();
        let left = stored(&store);
        assert!(left.len() > keys.len() / 3 && left.len() < keys.len() * 9 / 10, "{} of {}", left.len(), keys.len());
        let started = |key: &Key| left.contains_key(&(trace_id(key.0), span_id(key.1)));
        let first = keys.iter().position(started).unwrap();
        assert!(keys[first..].iter().all(started), "the oldest went, and whole");
        let size: u64 = store.snapshot().files().iter().map(|file| file.meta.bytes).sum();
        assert!(size <= bytes * 3 / 4, "{size} of {bytes}");
        let removed = format!("{} spans", keys.len() - left.len());
        assert!(
            store.status().warnings.iter().any(|warning| warning.contains(&removed)),
            "{:?}",
            store.status().warnings
        );
        store.retain().await.unwrap();
        assert_eq!(stored(&store), left, "it goes once");
    });
}

#[test]
fn merges_stay_within_the_memory_for_rows() {
    with_home(|home| async move {
        let config = StoreConfig { hot_bytes_max: 8 << 20, ..quiet(&home) };
        let (store, _) = open(config).await;
        for trace in 0..12 {
            let keys: Vec<Key> = (0..2_000).map(|span| (trace, span)).collect();
            store.append(batch(&keys)).await.unwrap();
            store.flush().await.unwrap();
        }
        let merging = store.clone();
        let merge = tokio::spawn(async move { merging.compact().await });
        let mut most = 0;
        while !merge.is_finished() {
            most = store.status().hot_bytes.max(most);
            tokio::task::yield_now().await;
        }
        merge.await.unwrap().unwrap();
        assert!(most > 0 && most <= 8 << 20, "{most} bytes");
        let groups: BTreeSet<_> = store.snapshot().files().iter().map(|file| file.group).collect();
        assert!(groups.len() < 12, "they were merged: {}", groups.len());
    });
}

#[test]
fn two_groups_that_share_traces_are_merged_where_that_is_cheap() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        let groups = || store.snapshot().files().iter().map(|file| file.group).collect::<BTreeSet<_>>().len();
        let keys = |traces: std::ops::Range<u8>, span| traces.map(move |trace| (trace, span)).collect::<Vec<Key>>();
        for part in [keys(0..50, 1), keys(50..100, 1)] {
            store.append(batch(&part)).await.unwrap();
            store.flush().await.unwrap();
        }
        store.compact().await.unwrap();
        assert_eq!(groups(), 2, "what shares nothing waits for more of its size");
        store.append(batch(&keys(0..50, 0))).await.unwrap();
        store.flush().await.unwrap();
        store.compact().await.unwrap();
        assert_eq!(groups(), 2);
        check(&store, keys(0..50, 0).into_iter().chain(keys(0..100, 1)));
    });
}

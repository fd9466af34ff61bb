//! What a reader of the log sees, and what of the log stays for it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kino_model::{Clock, SpanId, TraceId};
use kino_store::{Forget, LogPosition, Store, StoreConfig};
use proptest::prelude::*;

use crate::support::{Key, LossyDisk, batch, clock, open, open_on, quiet, span_id, trace_id};
use crate::{runtime, with_home};

fn with_reader(home: &Path) -> StoreConfig {
    StoreConfig { retained_log_bytes: 64 << 20, ..quiet(home) }
}

/// Reads all that there is from `from` on: spans in order, the next position, missing segments, unreadable records.
async fn read(store: &Store, from: LogPosition) -> (Vec<Key>, LogPosition, u64, u64) {
    let (mut keys, mut at, mut missing, mut unreadable) = (Vec::new(), from, 0, 0);
    loop {
        let piece = store.read_log(at).await.unwrap();
        missing += piece.missing_segments;
        unreadable += piece.unreadable;
        let is_end = piece.batches.is_empty() && piece.next == at;
        for logged in &piece.batches {
            keys.extend(
                kino_model::batch::rows::spans(&logged.batch).iter().map(|span| key(span.trace_id, span.span_id)),
            );
        }
        at = piece.next;
        if is_end {
            return (keys, at, missing, unreadable);
        }
    }
}

fn key(trace: TraceId, span: SpanId) -> Key {
    let trace = (0..=u8::MAX).find(|number| trace_id(*number) == trace).unwrap();
    let span = (0..5_000).find(|number| span_id(*number) == span).unwrap();
    (trace, span)
}

fn segments(home: &Path) -> usize {
    let names = fs::read_dir(home.join("wal")).unwrap().map(|entry| entry.unwrap().path());
    names.filter(|path| path.extension().is_some_and(|extension| extension == "wal")).count()
}

#[test]
fn the_log_is_read_in_order_across_flushes_and_starts_and_goes_once_released() {
    with_home(|home| async move {
        let (store, _) = open(with_reader(&home)).await;
        let begin = store.log_end();
        store.release_log(begin).await.unwrap();
        store.append(batch(&[(1, 0), (1, 1)])).await.unwrap();
        store.put_blob(b"a large value").await.unwrap();
        store.flush().await.unwrap();
        store.append(batch(&[(2, 0)])).await.unwrap();
        let (keys, middle, ..) = read(&store, begin).await;
        assert_eq!(keys, [(1, 0), (1, 1), (2, 0)]);
        assert_eq!(middle, store.log_end());
        store.append(batch(&[(3, 0)])).await.unwrap();
        store.close().await.unwrap();
        assert_eq!(segments(&home), 2, "nothing was released");

        let (store, report) = open(with_reader(&home)).await;
        assert_eq!(report.replayed_rows, 0, "what stays for a reader is not taken in again");
        assert!(report.warnings.is_empty(), "{:?}", report.warnings);
        assert!(store.status().wal_bytes > 0);
        store.append(batch(&[(4, 0)])).await.unwrap();
        let (keys, end, missing, _) = read(&store, middle).await;
        assert_eq!((keys, missing), (vec![(3, 0), (4, 0)], 0));
        assert_eq!(read(&store, begin).await.0, [(1, 0), (1, 1), (2, 0), (3, 0), (4, 0)]);
        store.release_log(end).await.unwrap();
        assert_eq!(segments(&home), 1, "only what is not in the lake");
        store.flush().await.unwrap();
        assert_eq!((segments(&home), store.retained_log_bytes(), store.status().wal_bytes), (0, 0, 0));
        assert!(!store.counts().await.unwrap().keys().any(|name| name.starts_with("forward/")));
    });
}

#[test]
fn without_a_reader_nothing_stays() {
    with_home(|home| async move {
        let (store, _) = open(with_reader(&home)).await;
        store.append(batch(&[(1, 0)])).await.unwrap();
        store.close().await.unwrap();
        assert_eq!(segments(&home), 1);
        let (store, _) = open(quiet(&home)).await;
        assert_eq!((segments(&home), store.status().wal_bytes), (0, 0));
    });
}

#[test]
fn over_the_bound_the_oldest_goes_and_is_counted() {
    with_home(|home| async move {
        let config = StoreConfig { retained_log_bytes: 3_000, ..quiet(&home) };
        let (store, _) = open(config.clone()).await;
        let begin = store.log_end();
        store.release_log(begin).await.unwrap();
        for trace in 1..=20 {
            store.append(batch(&[(trace, 0), (trace, 1)])).await.unwrap();
            store.flush().await.unwrap();
            assert!(store.retained_log_bytes() <= 3_000);
        }
        let counts = store.counts().await.unwrap();
        let missed = counts["forward/missed_spans"];
        assert!(missed > 0 && missed < 40 && counts["forward/missed_segments"] * 2 == missed, "{counts:?}");
        assert!(store.is_log_dropped(begin.segment) && !store.is_log_dropped(store.log_end().segment));
        let (keys, _, missing, _) = read(&store, begin).await;
        assert_eq!((keys.len() as u64 + missed, missing), (40, 0), "each is read or counted, once");
        drop(store);
        // A process that was not there when they went counts segments, since it cannot count rows.
        let (store, _) = open(config).await;
        assert_eq!(read(&store, begin).await.2, missed / 2);
    });
}

#[test]
fn what_is_forgotten_or_too_old_does_not_stay_for_a_reader() {
    with_home(|home| async move {
        let config = StoreConfig { retention: Some(Duration::from_hours(24)), ..with_reader(&home) };
        let clock = clock();
        let store = Store::open(config, Arc::clone(&clock) as Arc<dyn Clock>).await.unwrap().0;
        let begin = store.log_end();
        store.release_log(begin).await.unwrap();
        let missed = async || store.counts().await.unwrap().get("forward/missed_spans").copied().unwrap_or_default();
        for forget in [Forget::Traces(vec![trace_id(1)]), Forget::Everything] {
            store.append(batch(&[(1, 0), (2, 0)])).await.unwrap();
            store.flush().await.unwrap();
            store.append(batch(&[(1, 1)])).await.unwrap();
            let (before, dropped) = (missed().await, store.log_end().segment);
            store.forget(forget).await.unwrap();
            assert_eq!((segments(&home), missed().await), (0, before + 3));
            assert!(store.is_log_dropped(dropped), "what a reader has of it is to be dropped");
            assert!(read(&store, begin).await.0.is_empty());
        }
        let before = missed().await;
        store.append(batch(&[(3, 0)])).await.unwrap();
        store.flush().await.unwrap();
        for _ in 0..8 {
            clock.advance_nanos(6 * 3_600_000_000_000);
            store.append(batch(&[(4, 0)])).await.unwrap();
            store.flush().await.unwrap();
            store.retain().await.unwrap();
        }
        let expired = missed().await - before;
        assert!((1..9).contains(&expired), "{expired}");
        assert_eq!(read(&store, begin).await.0.len() as u64, 9 - expired);
    });
}

#[test]
fn what_was_not_acknowledged_is_not_read() {
    with_home(|home| async move {
        let disk = Arc::new(LossyDisk::default());
        let (store, _) = open_on(with_reader(&home), Arc::clone(&disk) as Arc<_>).await;
        let begin = store.log_end();
        store.append(batch(&[(1, 0)])).await.unwrap();
        disk.break_with(Some(std::io::ErrorKind::StorageFull));
        store.append(batch(&[(2, 0)])).await.unwrap_err();
        assert_eq!(read(&store, begin).await.0, [(1, 0)]);
        disk.break_with(None);
        store.append(batch(&[(3, 0)])).await.unwrap();
        assert_eq!(read(&store, begin).await.0, [(1, 0), (3, 0)]);
    });
}

#[test]
fn a_position_that_this_log_never_had_begins_at_its_first_segment() {
    with_home(|home| async move {
        let (store, _) = open(with_reader(&home)).await;
        store.append(batch(&[(1, 0)])).await.unwrap();
        let (keys, at, ..) = read(&store, LogPosition { segment: 1 << 40, offset: 7 }).await;
        assert_eq!((keys, at), (vec![(1, 0)], store.log_end()));
        // Within a record: it is found again by the header of the next.
        let inside = LogPosition { segment: store.log_end().segment, offset: 40 };
        store.append(batch(&[(2, 0)])).await.unwrap();
        assert_eq!(read(&store, inside).await.0, [(2, 0)]);
    });
}

#[derive(Clone, Debug)]
enum Step {
    Append(u8),
    Large,
    Flush,
    Reopen,
    Read,
    Release,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..5u8).prop_map(Step::Append),
        1 => Just(Step::Large),
        2 => Just(Step::Flush),
        1 => Just(Step::Reopen),
        2 => Just(Step::Read),
        1 => Just(Step::Release),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn whatever_happens_between_each_row_is_read_once_and_in_order(steps in proptest::collection::vec(step(), 1..24)) {
        let home = tempfile::tempdir().unwrap();
        let read_back = runtime().block_on(async {
            let config = StoreConfig { segment_bytes: 6_000, ..with_reader(home.path()) };
            let (mut store, _) = open(config.clone()).await;
            let (mut sent, mut got, mut at) = (Vec::new(), Vec::new(), store.log_end());
            store.release_log(at).await.unwrap();
            let mut next = 0;
            for step in steps {
                match step {
                    Step::Append(rows) => {
                        let keys: Vec<Key> = (0..u32::from(rows)).map(|row| (1, next + row)).collect();
                        next += u32::from(rows);
                        store.append(batch(&keys)).await.unwrap();
                        sent.extend(keys);
                    }
                    Step::Large => {
                        store.put_blob(&vec![7; 9_000 + next as usize]).await.unwrap();
                    }
                    Step::Flush => store.flush().await.unwrap(),
                    Step::Reopen => {
                        drop(store);
                        store = open(config.clone()).await.0;
                        // It was the log's end when it was read, and that segment may be gone since.
                        at = store.log_position_after(at);
                        store.release_log(at).await.unwrap();
                    }
                    Step::Read => {
                        let (keys, end, missing, unreadable) = read(&store, at).await;
                        assert_eq!((missing, unreadable), (0, 0));
                        got.extend(keys);
                        at = end;
                    }
                    Step::Release => store.release_log(at).await.unwrap(),
                }
            }
            got.extend(read(&store, at).await.0);
            (sent, got)
        });
        prop_assert_eq!(read_back.0, read_back.1);
    }

    #[test]
    fn a_damaged_byte_costs_at_most_its_record(place in any::<proptest::sample::Index>(), flip in 1..=255u8) {
        let home = tempfile::tempdir().unwrap();
        let (whole, keys, unreadable) = runtime().block_on(async {
            let (store, _) = open(with_reader(home.path())).await;
            let begin = store.log_end();
            store.release_log(begin).await.unwrap();
            let whole: Vec<Key> = (0..6).map(|number| (1, number)).collect();
            for one in &whole {
                store.append(batch(&[*one])).await.unwrap();
            }
            store.flush().await.unwrap();
            let path = home.path().join(format!("wal/{:016}.wal", begin.segment));
            let mut bytes = fs::read(&path).unwrap();
            let at = place.index(bytes.len());
            bytes[at] ^= flip;
            fs::write(&path, bytes).unwrap();
            store.append(batch(&[(2, 0)])).await.unwrap();
            let (keys, _, _, unreadable) = read(&store, begin).await;
            (whole, keys, unreadable)
        });
        prop_assert_eq!(keys.last(), Some(&(2, 0)));
        let read: Vec<_> = whole.iter().filter(|key| keys.contains(key)).collect();
        prop_assert!(read.len() + 1 >= whole.len(), "{keys:?}");
        // The last record of a segment may be a write that a crash cut short: it is no damage.
        prop_assert!(read.len() == whole.len() || unreadable > 0 || !keys.contains(&(1, 5)));
    }
}

//! Callers that give up in the middle: the future of a step is dropped at each of its waits.

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use kino_store::{Forget, KillMode, KillPoint, KillPoints, Store, StoreConfig, StoreError};

use crate::rebuilt::free;
use crate::support::{Key, batch, check, open, quiet, trace_id};
use crate::with_home;

/// Waits of one step, at most.
const WAITS_MAX: usize = 200;

/// Polls a step `polls` times, with time in between for what it started on other threads, and drops it. Returns whether
/// it had ended.
async fn cancel_after<T>(polls: usize, step: impl Future<Output = T>) -> bool {
    let mut step = pin!(step);
    for _ in 0..polls {
        if futures::poll!(step.as_mut()).is_ready() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    false
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Flush,
    Compact,
    Forget,
}

async fn run(store: &Store, step: Step) -> Result<(), StoreError> {
    match step {
        Step::Flush => store.flush().await,
        Step::Compact => store.compact().await,
        Step::Forget => store.forget(Forget::Traces(vec![trace_id(8)])).await.map(drop),
    }
}

#[test]
fn a_step_that_is_cancelled_anywhere_loses_and_doubles_no_row() {
    for step in [Step::Flush, Step::Compact, Step::Forget] {
        let has_ended = Cell::new(false);
        let mut polls = 1;
        while !has_ended.get() && polls < WAITS_MAX {
            with_home(|home| async {
                let home = home;
                let (store, _) = open(quiet(&home)).await;
                for span in 0..4 {
                    store.append(batch(&[(1, span), (8, span)])).await.unwrap();
                    store.flush().await.unwrap();
                }
                store.append(batch(&[(2, 0)])).await.unwrap();
                has_ended.set(cancel_after(polls, run(&store, step)).await);
                store.append(batch(&[(3, 0)])).await.unwrap();
                store.flush().await.unwrap();
                drop(store);
                free(&home).await;
                let (store, _) = open(quiet(&home)).await;
                store.flush().await.unwrap();
                let rest = (0..4).map(|span| (8, span)).filter(|_| step != Step::Forget);
                let expected: Vec<Key> = (0..4).map(|span| (1, span)).chain([(2, 0), (3, 0)]).chain(rest).collect();
                check(&store, expected);
            });
            // The first waits one by one, then fewer of them.
            polls += 1 + polls / 3;
        }
        assert!(has_ended.get(), "{step:?} ends");
    }
}

#[test]
fn a_cancelled_append_releases_its_memory() {
    with_home(|home| async move {
        let (store, _) = open(quiet(&home)).await;
        // Large enough to be encoded on another thread.
        let keys: Vec<Key> = (0..5_000).map(|span| (1, span)).collect();
        assert!(!cancel_after(1, store.append(batch(&keys))).await);
        store.flush().await.unwrap();
        assert_eq!(store.status().hot_bytes, 0);
    });
}

#[test]
fn what_was_forgotten_stays_forgotten_where_a_later_step_fails() {
    with_home(|home| async move {
        let kill_points = KillPoints::armed(KillPoint::BeforeInventory, KillMode::Fail);
        let (store, _) = open(StoreConfig { kill_points, ..quiet(&home) }).await;
        store.append(batch(&[(1, 0)])).await.unwrap();
        assert!(matches!(store.forget(Forget::Everything).await, Err(StoreError::Killed(_))));
        check(&store, []);
        drop(store.flush().await);
        check(&store, []);
        drop(store);
        let (store, _) = open(quiet(&home)).await;
        check(&store, []);
    });
}

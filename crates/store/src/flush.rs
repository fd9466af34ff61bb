//! From frozen generations to live groups.
//!
//! A generation is flushed whole, when it is large, old, or has been quiet: a trace that is still arriving is then in
//! two groups, is marked split, and is merged by the readers. Waiting for each trace on its own would keep the log
//! from being cut, since one slow trace holds a whole segment.

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard, PoisonError};

use kino_model::UnixNanos;

use crate::commit::Change;
use crate::error::StoreError;
use crate::hot::Generation;
use crate::inner::{Inner, blocking};
use crate::kill_points::KillPoint;
use crate::wal::writer::{Frozen, Writer};
use kino_lake::blobs;
use kino_lake::group::FlushSet;
use kino_lake::write::Arrival;

/// Copies of its rows that a flush holds, at most: the columns that decide the order or that derived tables are made of,
/// and the encoded files, are together less than one.
const FLUSH_COPIES: u64 = 1;

impl Inner {
    /// Freezes what is hot and brings it, and what earlier attempts left, to the lake.
    pub(crate) async fn flush(self: &Arc<Self>) -> Result<(), StoreError> {
        self.writable()?;
        let _turn = self.flushing.lock().await;
        self.freeze().await?;
        while let Some((generation, position)) = self.oldest_frozen() {
            let flushed = self.flush_generation(&generation, position).await;
            self.dequeue_if_flushed(&generation);
            flushed?;
        }
        Ok(())
    }

    /// Freezes the active generation and queues it for the lake.
    pub(crate) async fn freeze(self: &Arc<Self>) -> Result<(), StoreError> {
        let inner = Arc::clone(self);
        blocking(move || {
            let Some(frozen) = inner.writer.as_ref().and_then(Writer::freeze) else { return };
            let mut waiting = inner.waiting();
            let is_later = waiting.back().is_none_or(|last| last.position < frozen.position);
            assert!(
                is_later,
                "the log's position does not grow: {} after {:?}",
                frozen.position,
                waiting.back().map(|last| last.position)
            );
            waiting.push_back(frozen);
        })
        .await
    }

    /// The oldest generation that waits for the lake, and the log's position after it.
    pub(crate) fn oldest_frozen(&self) -> Option<(Arc<Generation>, u64)> {
        self.waiting().front().map(|frozen| (Arc::clone(&frozen.generation), frozen.position))
    }

    /// Takes the oldest generation off the queue if the lake has it: a step that failed after the catalog's transaction
    /// has flushed it all the same.
    pub(crate) fn dequeue_if_flushed(&self, oldest: &Arc<Generation>) {
        let is_frozen = self.shared.view().frozen.iter().any(|frozen| Arc::ptr_eq(frozen, oldest));
        if !is_frozen {
            self.waiting().pop_front();
        }
    }

    async fn flush_generation(self: &Arc<Self>, generation: &Arc<Generation>, position: u64) -> Result<(), StoreError> {
        let (groups, hidden) = {
            let view = self.shared.view();
            (Arc::clone(&view.groups), Arc::clone(&view.hidden))
        };
        let built = Arc::clone(generation);
        let working = self.shared.reserve_scratch(generation.reserved.saturating_mul(FLUSH_COPIES));
        let add = blocking(move || -> Result<_, StoreError> {
            let mut batches = Vec::with_capacity(built.batches.len());
            let mut named = BTreeSet::new();
            for batch in &built.batches {
                let batch = crate::forget::without(batch, &hidden).map_err(|error| StoreError::Rows(error.into()))?;
                named.extend(blobs::named_by(&batch.spans));
                if !batch.is_empty() {
                    batches.push(batch);
                }
            }
            if batches.is_empty() {
                return Ok(None);
            }
            let arrival = Arrival { min: UnixNanos(built.arrival_min), max: UnixNanos(built.arrival_max) };
            let set: FlushSet =
                kino_lake::write::build(&batches, arrival, &groups).map_err(|error| StoreError::Rows(error.into()))?;
            Ok(Some((set, named)))
        })
        .await??;
        drop(working);
        let change = Change {
            add,
            pack: generation.blobs.clone(),
            flushed: Some((Arc::clone(generation), position)),
            after_upload: Some(KillPoint::AfterUpload),
            ..Change::default()
        };
        self.apply(change).await
    }

    fn waiting(&self) -> MutexGuard<'_, std::collections::VecDeque<Frozen>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

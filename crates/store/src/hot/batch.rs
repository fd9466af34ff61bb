//! Rows in memory with an index that is made when they are first asked about: the order a file would have, and what
//! each trace looks like from here.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use arrow_array::{Array, RecordBatch, UInt32Array};
use arrow_schema::ArrowError;
use kino_model::columns::Table;
use kino_model::{Batch, TraceId};

use kino_lake::columns::{SpanColumns, ids, trace_id_at};
use kino_lake::group::Group;
use kino_lake::rollup::Rollups;
use kino_lake::sort;
use kino_lake::trace_row::{TraceFacts, TraceRow};

/// Groups as snapshots share them.
pub(crate) type Groups = Vec<Arc<Group>>;

/// A batch in memory.
#[derive(Debug)]
pub(crate) struct HotBatch {
    batch: Batch,
    /// No other batch of this process has this number.
    serial: u64,
    ids: OnceLock<Vec<TraceId>>,
    index: OnceLock<HotIndex>,
    elsewhere: Mutex<Elsewhere>,
}

/// The groups that were asked last, and which traces of a batch they may hold.
type Elsewhere = (Weak<Groups>, Arc<Vec<TraceId>>);

/// What is known of a batch once it has been looked at. Exact repeats within the batch are left out.
#[derive(Debug)]
pub(crate) struct HotIndex {
    /// For each table its rows' places, in the lake's order.
    orders: [Vec<u32>; 3],
    /// The traces that have spans here, by id.
    pub(crate) traces: Vec<TraceRow>,
    /// What the spans add up to.
    pub(crate) rollups: Rollups,
    /// How many spans.
    pub(crate) spans: u64,
    /// Spans whose id another, differing span of the same trace here has.
    pub(crate) duplicate_span_ids: u64,
}

impl Deref for HotBatch {
    type Target = Batch;

    fn deref(&self) -> &Batch {
        &self.batch
    }
}

impl HotBatch {
    pub(crate) fn new(batch: Batch) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let serial = NEXT.fetch_add(1, Ordering::Relaxed);
        Self { batch, serial, ids: OnceLock::new(), index: OnceLock::new(), elsewhere: Mutex::default() }
    }

    /// A number that no other batch of this process has.
    pub(crate) fn serial(&self) -> u64 {
        self.serial
    }

    /// The traces of this batch that `groups` may hold; `find` is asked once for the same groups.
    pub(crate) fn elsewhere(
        &self,
        groups: &Arc<Groups>,
        find: impl FnOnce(&[TraceId]) -> Vec<TraceId>,
    ) -> Arc<Vec<TraceId>> {
        let mut known = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_same(&known.0, groups) {
            *known = (Arc::downgrade(groups), Arc::new(find(self.ids())));
        }
        Arc::clone(&known.1)
    }

    /// The index. Making it takes about as long as sorting the batch.
    pub(crate) fn index(&self) -> Result<&HotIndex, ArrowError> {
        if let Some(index) = self.index.get() {
            return Ok(index);
        }
        let index = HotIndex::of(&self.batch)?;
        Ok(self.index.get_or_init(|| index))
    }

    /// Whether the index has been made.
    pub(crate) fn is_indexed(&self) -> bool {
        self.index.get().is_some()
    }

    /// The traces that have any row here, sorted. Finding them takes a few nanoseconds a row, where an index takes a
    /// microsecond: a question about few traces does not wait for one.
    pub(crate) fn ids(&self) -> &[TraceId] {
        self.ids.get_or_init(|| {
            let mut all = Vec::new();
            for ids in Table::ALL.iter().filter_map(|table| ids(self.batch.table(*table), "trace_id")) {
                let mut last = None;
                for id in (0..ids.len()).map(|row| trace_id_at(ids, row)) {
                    // Rows of a trace mostly lie together.
                    if id != last {
                        all.extend(id);
                        last = id;
                    }
                }
            }
            all.sort_unstable();
            all.dedup();
            all.shrink_to_fit();
            all
        })
    }

    /// Those of these traces that have any row here.
    pub(crate) fn present(&self, wanted: &[TraceId]) -> Vec<TraceId> {
        let ids = self.ids();
        wanted.iter().filter(|id| ids.binary_search(id).is_ok()).copied().collect()
    }

    /// The rows of these traces, which must be sorted, in the lake's order; `None` where there are none.
    pub(crate) fn pick(&self, table: Table, wanted: &[TraceId]) -> Result<Option<RecordBatch>, ArrowError> {
        let rows = self.batch.table(table);
        let present = self.present(wanted);
        let Some(ids) = ids(rows, "trace_id").filter(|_| !present.is_empty()) else { return Ok(None) };
        let Some(index) = self.index.get() else {
            let is_present =
                |row: &u32| trace_id_at(ids, *row as usize).is_some_and(|id| present.binary_search(&id).is_ok());
            let places: Vec<u32> = (0..ids.len() as u32).filter(is_present).collect();
            let picked = sort::take_rows(rows, &UInt32Array::from(places))?;
            return Ok(Some(sort::sort(table, &picked)?).filter(|rows| rows.num_rows() > 0));
        };
        let order = index.rows(table);
        let mut places = Vec::new();
        for trace in present {
            // Rows outside any trace come last.
            let before = |row: &u32| trace_id_at(ids, *row as usize).is_some_and(|id| id < trace);
            let first = order.partition_point(before);
            let same = order[first..].iter().take_while(|row| trace_id_at(ids, **row as usize) == Some(trace));
            places.extend(same.copied());
        }
        if places.is_empty() {
            return Ok(None);
        }
        sort::take_rows(rows, &UInt32Array::from(places)).map(Some)
    }

    /// Events outside any trace.
    pub(crate) fn loose_events(&self) -> Result<RecordBatch, ArrowError> {
        let rows = &self.batch.events;
        let order = self.index()?.rows(Table::Events);
        let loose = |row: &u32| ids(rows, "trace_id").is_none_or(|ids| trace_id_at(ids, *row as usize).is_none());
        let places: Vec<u32> = order.iter().copied().filter(loose).collect();
        sort::take_rows(rows, &UInt32Array::from(places))
    }
}

impl HotIndex {
    /// The places of a table's rows, in the lake's order, without those that collapsed.
    pub(crate) fn rows(&self, table: Table) -> &[u32] {
        &self.orders[table as usize]
    }

    /// Bytes of memory, about.
    pub(crate) fn memory_size(&self) -> u64 {
        let orders: usize = self.orders.iter().map(|order| size_of_val(order.as_slice())).sum();
        let texts = |trace: &TraceRow| {
            let runs = trace.run_ids.iter().chain(&trace.projects).map(|text| text.len() + size_of::<String>());
            trace.root_service.len() + trace.root_name.len() + runs.sum::<usize>()
        };
        let traces: usize = self.traces.iter().map(|trace| size_of::<TraceRow>() + texts(trace)).sum();
        (orders + traces) as u64
    }

    fn of(batch: &Batch) -> Result<Self, ArrowError> {
        let mut orders: [Vec<u32>; 3] = Default::default();
        let mut duplicate_span_ids = 0;
        for (table, order) in Table::ALL.into_iter().zip(&mut orders) {
            let sorted = sort::order(table, batch.table(table))?;
            *order = sorted.places.into_iter().map(|place| place.row).collect();
            duplicate_span_ids += sorted.duplicate_span_ids;
        }
        let mut index = Self {
            traces: Vec::new(),
            rollups: Rollups::default(),
            spans: orders[Table::Spans as usize].len() as u64,
            duplicate_span_ids,
            orders,
        };
        if let Some(spans) = SpanColumns::of(&batch.spans) {
            let rows = || index.orders[Table::Spans as usize].iter().map(|row| *row as usize);
            let mut facts: Vec<TraceFacts<'_>> = Vec::new();
            for row in rows() {
                if facts.last().is_none_or(|last| last.trace_id != spans.trace_id(row)) {
                    facts.push(TraceFacts::default());
                }
                if let Some(last) = facts.last_mut() {
                    last.add(&spans, row);
                }
            }
            index.rollups = Rollups::of_spans(&spans, rows());
            index.traces = facts.iter().map(TraceFacts::to_row).collect();
        }
        Ok(index)
    }
}

/// Whether these are the groups; as long as the weak one lives, no others are at its address.
pub(crate) fn is_same(known: &Weak<Groups>, groups: &Arc<Groups>) -> bool {
    std::ptr::eq(known.as_ptr(), Arc::as_ptr(groups))
}

#[cfg(test)]
mod tests {
    use kino_model::UnixNanos;
    use kino_testkit::Shop;

    use super::*;

    #[test]
    fn traces_are_picked_alike_before_and_after_the_index_is_made() {
        let mut shop = Shop::new(9, UnixNanos(1_760_000_000_000_000_000));
        let mut spans: Vec<_> = (0..40).flat_map(|_| shop.next_trace()).collect();
        // Out of order, and some twice.
        spans.reverse();
        spans.extend_from_within(..10);
        let batch = HotBatch::new(Batch::from_rows(&spans, &[]));
        let mut wanted: Vec<TraceId> = spans.iter().step_by(50).map(|span| span.trace_id).collect();
        wanted.push(TraceId([7; 16]));
        wanted.sort_unstable();
        wanted.dedup();
        let pick = || (batch.present(&wanted), Table::ALL.map(|table| batch.pick(table, &wanted).unwrap()));
        let before = pick();
        assert!(!batch.is_indexed());
        assert_eq!(before.0.len(), wanted.len() - 1);
        batch.index().unwrap();
        assert_eq!(pick(), before);
        let none = [TraceId([7; 16])];
        assert!(batch.present(&none).is_empty() && batch.pick(Table::Spans, &none).unwrap().is_none());
    }
}

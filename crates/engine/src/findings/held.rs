//! Rows that arrived lately, held until their traces have been looked at: a trace of which all came while the observer
//! watched need not be read back from the store.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use kino_model::{Batch, TraceId};

use super::arrivals::Rows;

/// Where there is little room left, batches that are older go, the oldest first. Where more arrives than can be looked
/// at, they wait that long for their turn: to look at their traces then still costs half of what the store's would.
const HELD_FOR: Duration = Duration::from_secs(10);
/// Traces remembered as looked at or let go, and once more as many: at least as many as one generation of rows in the
/// store's memory can have. Those before them are in files, which tell, unless flushes are generations behind.
const LEFT_MAX: usize = 250_000;

/// The batches, and which traces have rows besides.
#[derive(Default)]
pub(super) struct Held {
    batches: VecDeque<Slot>,
    /// The number of the first.
    first: u64,
    left: HashSet<TraceId>,
    left_before: HashSet<TraceId>,
    /// When rows were last found to have gone untold, monotonic nanoseconds: until those that were in memory then are in
    /// files, which tell, no trace counts as held. It may have begun with them.
    distrusted: Option<u64>,
}

/// One batch.
struct Slot {
    rows: Option<Rows>,
    /// How many waiting traces have rows in it.
    needed: usize,
    at: u64,
}

impl Held {
    /// Takes a batch; gives its number.
    pub(super) fn hold(&mut self, rows: Rows, at: u64) -> Option<u64> {
        if self.distrusted.is_some() {
            return None;
        }
        self.batches.push_back(Slot { rows: Some(rows), needed: 0, at });
        Some(self.first + self.batches.len() as u64 - 1)
    }

    /// One trace more has rows in the batch.
    pub(super) fn need(&mut self, number: u64) {
        if let Some(slot) = self.slot(number) {
            slot.needed += 1;
        }
    }

    /// One trace less has rows in these.
    pub(super) fn release(&mut self, numbers: &[u64]) {
        for number in numbers {
            if let Some(slot) = self.slot(*number) {
                slot.needed = slot.needed.saturating_sub(1);
                self.drop_unneeded(*number);
            }
        }
    }

    /// Lets go of a batch that no trace needs.
    pub(super) fn drop_unneeded(&mut self, number: u64) {
        if let Some(slot) = self.slot(number).filter(|slot| slot.needed == 0) {
            slot.rows = None;
        }
        self.drop_first(|slot| slot.rows.is_none());
    }

    /// Makes room: lets go of those that have waited long, as long as there is little.
    pub(super) fn make_room(&mut self, now: u64) {
        let oldest = now.saturating_sub(HELD_FOR.as_nanos() as u64);
        self.drop_first(|slot| slot.rows.as_ref().is_none_or(|rows| slot.at < oldest && rows.is_room_short()));
    }

    /// The batch, if it is still there.
    pub(super) fn get(&self, number: u64) -> Option<&Batch> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.batches.get(place)?.rows.as_ref().map(Rows::batch)
    }

    /// Lets go of all batches.
    pub(super) fn clear(&mut self) {
        self.drop_first(|_| true);
    }

    /// Rows are in memory that nobody told of: what is held may be parts of traces.
    pub(super) fn invalidate(&mut self, now: u64) {
        self.clear();
        self.distrusted = Some(now);
    }

    /// No row in memory alone is older than this, if any is.
    pub(super) fn advance_watermark(&mut self, oldest: Option<u64>) {
        self.distrusted = self.distrusted.filter(|at| oldest.is_some_and(|oldest| oldest <= *at));
    }

    /// The trace waits no longer; its rows are in the store.
    pub(super) fn mark_evaluated(&mut self, id: TraceId) {
        if self.left.len() == LEFT_MAX {
            self.left_before = std::mem::take(&mut self.left);
        }
        self.left.insert(id);
    }

    /// Whether rows of the trace came before, lately.
    pub(super) fn has_left(&self, id: TraceId) -> bool {
        self.left.contains(&id) || self.left_before.contains(&id)
    }

    /// Forgets which traces left: all rows there were are in files by now.
    pub(super) fn forget_left(&mut self) {
        (self.left, self.left_before) = Default::default();
    }

    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.batches.get_mut(place)
    }

    fn drop_first(&mut self, mut is_over: impl FnMut(&Slot) -> bool) {
        while self.batches.pop_front_if(|slot| is_over(slot)).is_some() {
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use kino_model::{Span, UnixNanos};
    use kino_testkit::Shop;

    use super::*;
    use crate::findings::arrivals::Arrivals;

    #[test]
    fn what_has_waited_long_goes_where_room_is_short() {
        let mut shop = Shop::new(7, UnixNanos(1_760_000_000_000_000_000));
        let spans: Vec<Span> = std::iter::repeat_with(|| shop.next_trace()).flatten().take(5_000).collect();
        let batch = Batch::from_rows(&spans, &[]);
        let (arrivals, mut incoming) = Arrivals::new();
        let mut held = Held::default();
        let mut last = None;
        // The batch is shared: what is held is counted, not copied.
        for at in 0.. {
            arrivals.tell(&batch, true, at);
            let Some(rows) = incoming.try_recv().unwrap().rows.take() else { break };
            let number = held.hold(rows, at).unwrap();
            held.need(number);
            last = Some(number);
        }
        let last = last.unwrap();
        let full = arrivals.held_bytes();
        held.make_room(last);
        assert_eq!(arrivals.held_bytes(), full, "none has waited long");
        held.make_room(last / 2 + HELD_FOR.as_nanos() as u64);
        let kept: Vec<bool> = (0..=last).map(|number| held.get(number).is_some()).collect();
        let first = kept.iter().position(|is_kept| *is_kept).unwrap() as u64;
        assert!(0 < first && first < last / 2, "{first} of {last}: as many as make room, the oldest");
        assert!(kept[first as usize..].iter().all(|is_kept| *is_kept));
        assert!(arrivals.held_bytes() < full);
        held.make_room(u64::MAX);
        assert!(held.get(first).is_some(), "where there is room they stay");
    }
}

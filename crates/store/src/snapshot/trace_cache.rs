//! Traces as they were put together for earlier questions, since the same ones are asked about again and again: an
//! operation is explained, changed, explained once more, and watched all the while.
//!
//! A trace is kept with the groups that may hold it, and answers for as long as exactly these may. Rows that arrive in
//! memory, a flush, a merge or a damaged file change that: then it is put together anew. What nobody has asked about for
//! a while is let go, so that an engine at rest is small.

use std::collections::HashMap;
use std::mem::size_of;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use kino_model::attribute::{Attributes, Value};
use kino_model::{Text, ThinVec, Trace, TraceId};

use super::Snapshot;
use kino_lake::group::GroupId;

/// Bytes of traces kept: some forty thousand spans.
pub(super) const TRACE_CACHE_BYTES: usize = 64 << 20;
/// How long they are kept after the last question.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// What is left when there are too many, so that room is not made for each anew.
const LEFT_PART: (usize, usize) = (3, 4);
/// A trace of more than this part of the room is not kept.
const LARGE_PART: usize = 4;
/// What an allocation takes beside its content.
const ALLOCATION_BYTES: usize = 16;
/// What a text of its own takes beside its bytes: who shares it.
const SHARED_TEXT_BYTES: usize = 16;
/// What a list that is not empty takes beside its members: how many there are, and have room.
const LIST_BYTES: usize = 16;

/// Traces by id, within a number of bytes.
#[derive(Debug)]
pub(crate) struct TraceCache {
    held: Mutex<Held>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Held {
    by_id: HashMap<TraceId, CachedTrace>,
    bytes: usize,
    /// Questions so far.
    questions: u64,
    /// Whether a task waits to let go of them.
    watched: bool,
}

#[derive(Debug)]
struct CachedTrace {
    trace: Arc<Trace>,
    sources: Sources,
    bytes: usize,
    /// The last question that it answered.
    used: u64,
}

/// The groups that may hold a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sources(Box<[GroupId]>);

impl Snapshot {
    /// In which files each of these traces may lie.
    pub(super) fn sources(&self, ids: &[TraceId]) -> Vec<Sources> {
        let mut sources = vec![Vec::new(); ids.len()];
        // Group by group, as in `may_be_in_any`.
        for group in self.groups.iter() {
            for (_, groups) in ids.iter().zip(&mut sources).filter(|(id, _)| group.may_hold(**id)) {
                groups.push(group.id);
            }
        }
        sources.into_iter().map(|groups| Sources(groups.into())).collect()
    }
}

impl TraceCache {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { held: Mutex::default(), bytes_max }
    }

    /// Those of these traces that are as they were.
    pub(super) fn find<'a>(&self, wanted: impl Iterator<Item = (TraceId, &'a Sources)>) -> Vec<Arc<Trace>> {
        let mut held = self.lock();
        held.questions += 1;
        let now = held.questions;
        let found = wanted.filter_map(|(id, sources)| {
            let kept = held.by_id.get_mut(&id).filter(|kept| kept.sources == *sources)?;
            kept.used = now;
            Some(Arc::clone(&kept.trace))
        });
        found.collect()
    }

    /// Keeps these, and lets go of what was asked about longest ago where they are too many.
    pub(super) fn keep(self: &Arc<Self>, traces: impl Iterator<Item = (Sources, Arc<Trace>)>) {
        let mut held = self.lock();
        let used = held.questions;
        for (sources, trace) in traces {
            // What is far too large need not be looked through.
            let at_least = size_of_val(&*trace.spans);
            let bytes = if at_least > self.bytes_max / LARGE_PART { at_least } else { bytes_of(&trace) };
            if bytes > self.bytes_max / LARGE_PART {
                // It would push out all others, and itself.
                continue;
            }
            held.bytes += bytes;
            if let Some(before) = held.by_id.insert(trace.trace_id, CachedTrace { trace, sources, bytes, used }) {
                held.bytes -= before.bytes;
            }
        }
        if held.bytes > self.bytes_max {
            held.shrink(self.bytes_max / LEFT_PART.1 * LEFT_PART.0);
        }
        if !held.watched {
            held.watched = true;
            tokio::spawn(let_go(Arc::downgrade(self)));
        }
    }

    /// Lets go of all.
    pub(crate) fn clear(&self) {
        let mut held = self.lock();
        (held.by_id, held.bytes) = (HashMap::new(), 0);
    }

    /// Lets go of all if nobody has asked since `seen` questions; else says how many there were.
    fn let_go_since(&self, seen: u64) -> Option<u64> {
        let mut held = self.lock();
        if held.questions > seen {
            return Some(held.questions);
        }
        *held = Held { questions: seen, ..Held::default() };
        None
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn shrink(&mut self, bytes: usize) {
        let mut oldest: Vec<(u64, TraceId)> = self.by_id.iter().map(|(id, kept)| (kept.used, *id)).collect();
        oldest.sort_unstable();
        for (_, id) in oldest {
            if self.bytes <= bytes {
                break;
            }
            self.bytes -= self.by_id.remove(&id).map_or(0, |kept| kept.bytes);
        }
    }
}

/// Lets go of everything once nobody has asked for a while.
async fn let_go(traces: Weak<TraceCache>) {
    let mut seen = 0;
    loop {
        tokio::time::sleep(KEPT_FOR).await;
        let Some(traces) = traces.upgrade() else { return };
        match traces.let_go_since(seen) {
            Some(questions) => seen = questions,
            None => return,
        }
    }
}

/// About how much memory a trace takes. What it shares with others, its resources and scopes, is not counted.
pub(super) fn bytes_of(trace: &Trace) -> usize {
    let mut texts = Texts::default();
    let mut bytes = size_of::<Trace>() + size_of_val(&*trace.spans) + size_of_val(&*trace.logs);
    for span in &trace.spans {
        bytes += texts.bytes(&span.name) + texts.bytes(&span.status.message) + texts.bytes(&span.trace_state);
        bytes += list(&span.events) + list(&span.links) + attributes(&span.attributes, &mut texts);
        for event in &span.events {
            bytes += texts.bytes(&event.name) + attributes(&event.attributes, &mut texts);
        }
        for link in &span.links {
            bytes += texts.bytes(&link.trace_state) + attributes(&link.attributes, &mut texts);
        }
    }
    for log in &trace.logs {
        bytes += texts.bytes(&log.event.name) + texts.bytes(&log.severity_text) + value(&log.body, &mut texts);
        bytes += attributes(&log.event.attributes, &mut texts);
    }
    bytes
}

/// Texts outside their rows, of which those that lately came already are counted once.
struct Texts {
    /// Where they lie, by the hash of that.
    recent: [usize; 512],
}

impl Default for Texts {
    fn default() -> Self {
        Self { recent: [0; 512] }
    }
}

impl Texts {
    fn bytes(&mut self, text: &Text) -> usize {
        if !text.is_heap_allocated() {
            return 0;
        }
        let place = text.as_ptr().addr();
        let recent = &mut self.recent[(place >> 4) % 512];
        if std::mem::replace(recent, place) == place { 0 } else { SHARED_TEXT_BYTES + text.len() + ALLOCATION_BYTES }
    }
}

/// What a list takes outside of what it lies in.
fn list<T>(list: &ThinVec<T>) -> usize {
    if list.capacity() == 0 { 0 } else { LIST_BYTES + list.capacity() * size_of::<T>() + ALLOCATION_BYTES }
}

fn attributes(attributes: &Attributes, texts: &mut Texts) -> usize {
    let each = attributes.iter().map(|(key, own)| texts.bytes(key) + value(own, texts));
    list(attributes) + each.sum::<usize>()
}

/// What a value takes outside of what it lies in.
fn value(value: &Value, texts: &mut Texts) -> usize {
    match value {
        Value::String(text) => texts.bytes(text),
        Value::Bytes(bytes) => list(bytes),
        Value::Array(members) => list(members) + members.iter().map(|member| self::value(member, texts)).sum::<usize>(),
        Value::Map(members) => attributes(members, texts),
        Value::Empty | Value::Bool(_) | Value::Int(_) | Value::Double(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use kino_model::Span;

    use super::*;

    fn trace(number: u8, spans: usize) -> (Sources, Arc<Trace>) {
        let spans = vec![Span { name: "work".into(), ..Span::default() }; spans];
        let trace = Trace { trace_id: TraceId([number; 16]), spans, ..Trace::default() };
        (sources(&[1]), Arc::new(trace))
    }

    fn sources(groups: &[u64]) -> Sources {
        Sources(groups.iter().copied().map(GroupId).collect())
    }

    fn finds(kept: &TraceCache, number: u8, sources: &Sources) -> bool {
        !kept.find([(TraceId([number; 16]), sources)].into_iter()).is_empty()
    }

    #[tokio::test]
    async fn a_trace_answers_only_from_where_it_was_read() {
        let kept = Arc::new(TraceCache::new(TRACE_CACHE_BYTES));
        kept.keep([trace(1, 3)].into_iter());
        assert!(finds(&kept, 1, &sources(&[1])));
        assert!(!finds(&kept, 1, &sources(&[2])) && !finds(&kept, 1, &sources(&[1, 2])));
        assert!(!finds(&kept, 2, &sources(&[1])));
        kept.clear();
        assert!(!finds(&kept, 1, &sources(&[1])) && kept.lock().bytes == 0);
    }

    #[tokio::test]
    async fn what_was_asked_about_longest_ago_goes_first() {
        let each = bytes_of(&trace(1, 10).1);
        let kept = Arc::new(TraceCache::new(4 * each));
        for number in 1..=4 {
            assert!(!finds(&kept, number, &sources(&[1])));
            kept.keep([trace(number, 10)].into_iter());
        }
        assert!(finds(&kept, 1, &sources(&[1])));
        kept.keep([trace(5, 10)].into_iter());
        let left = [1, 2, 3, 4, 5].map(|number| finds(&kept, number, &sources(&[1])));
        assert_eq!(left, [true, false, false, true, true]);
        assert_eq!(kept.lock().bytes, 3 * each);
    }

    #[tokio::test]
    async fn nothing_is_kept_once_nobody_asks() {
        let kept = Arc::new(TraceCache::new(TRACE_CACHE_BYTES));
        kept.keep([trace(1, 3)].into_iter());
        assert!(finds(&kept, 1, &sources(&[1])));
        let seen = kept.let_go_since(0).expect("somebody asked");
        assert!(finds(&kept, 1, &sources(&[1])), "let go though somebody asked");
        let seen = kept.let_go_since(seen).expect("somebody asked again");
        assert_eq!(kept.let_go_since(seen), None);
        assert!(!finds(&kept, 1, &sources(&[1])));
        kept.keep([trace(2, 3)].into_iter());
        assert!(finds(&kept, 2, &sources(&[1])));
    }
}

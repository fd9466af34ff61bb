//! Caches traces as earlier questions assembled them, since the same ones are asked for again and again: an operation
//! is explained, changed, explained once more, and watched all the while.
//!
//! A trace is cached with the groups that may have rows of it, and is valid while exactly these may. Rows that arrive in
//! memory, a flush, a merge or a damaged file change that: then it is assembled again. After a while without a question
//! all are evicted, so that an idle engine is small.

use std::collections::HashMap;
use std::mem::size_of;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use kino_model::attribute::{Attributes, Value};
use kino_model::{Text, ThinVec, Trace, TraceId};

use super::Snapshot;
use kino_lake::group::GroupId;

/// Bytes of cached traces: some forty thousand spans.
pub(super) const TRACE_CACHE_BYTES: usize = 64 << 20;
/// Without a question for this long, all are evicted.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// The part of the bound that is left by an eviction, so that not every insertion evicts.
const LEFT_PART: (usize, usize) = (3, 4);
/// A trace of more than one part in this many of the bound is not cached.
const LARGE_PART: usize = 4;
/// What an allocation takes beside its content.
const ALLOCATION_BYTES: usize = 16;
/// What a text of its own takes beside its bytes: the count of its owners.
const SHARED_TEXT_BYTES: usize = 16;
/// What a list that is not empty takes beside its members: length and capacity.
const LIST_BYTES: usize = 16;

/// Traces by id, within a number of bytes.
#[derive(Debug)]
pub(crate) struct TraceCache {
    entries: Mutex<Entries>,
    bytes_max: usize,
}

#[derive(Debug, Default)]
struct Entries {
    by_id: HashMap<TraceId, CachedTrace>,
    bytes: usize,
    /// Questions so far.
    questions: u64,
    /// Whether a task waits to evict them.
    has_evictor: bool,
}

#[derive(Debug)]
struct CachedTrace {
    trace: Arc<Trace>,
    sources: Sources,
    bytes: usize,
    /// The number of the last question that it answered.
    used: u64,
}

/// The groups that may have rows of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sources(Box<[GroupId]>);

impl Snapshot {
    /// Returns, for each of these traces, the groups that may have rows of it.
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
        Self { entries: Mutex::default(), bytes_max }
    }

    /// Returns those of the wanted traces that are cached with these same sources.
    pub(super) fn find<'a>(&self, wanted: impl Iterator<Item = (TraceId, &'a Sources)>) -> Vec<Arc<Trace>> {
        let mut entries = self.lock();
        entries.questions += 1;
        let now = entries.questions;
        let found = wanted.filter_map(|(id, sources)| {
            let cached = entries.by_id.get_mut(&id).filter(|cached| cached.sources == *sources)?;
            cached.used = now;
            Some(Arc::clone(&cached.trace))
        });
        found.collect()
    }

    /// Caches these, and evicts the least recently used where they exceed the bound.
    pub(super) fn insert(self: &Arc<Self>, traces: impl Iterator<Item = (Sources, Arc<Trace>)>) {
        let mut entries = self.lock();
        let used = entries.questions;
        for (sources, trace) in traces {
            // The exact size of one that is far too large does not matter.
            let at_least = size_of_val(&*trace.spans);
            let bytes = if at_least > self.bytes_max / LARGE_PART { at_least } else { bytes_of(&trace) };
            if bytes > self.bytes_max / LARGE_PART {
                // It would evict all others, and itself.
                continue;
            }
            entries.bytes += bytes;
            if let Some(before) = entries.by_id.insert(trace.trace_id, CachedTrace { trace, sources, bytes, used }) {
                entries.bytes -= before.bytes;
            }
        }
        if entries.bytes > self.bytes_max {
            entries.shrink(self.bytes_max / LEFT_PART.1 * LEFT_PART.0);
        }
        if !entries.has_evictor {
            entries.has_evictor = true;
            tokio::spawn(evict_when_idle(Arc::downgrade(self)));
        }
    }

    /// Evicts all.
    pub(crate) fn clear(&self) {
        let mut entries = self.lock();
        (entries.by_id, entries.bytes) = (HashMap::new(), 0);
    }

    /// Evicts all and returns `None` if there were no more than `seen` questions; else returns how many there were.
    fn evict_if_idle_since(&self, seen: u64) -> Option<u64> {
        let mut entries = self.lock();
        if entries.questions > seen {
            return Some(entries.questions);
        }
        *entries = Entries { questions: seen, ..Entries::default() };
        None
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// Evicts the least recently used until at most `bytes` are left.
    fn shrink(&mut self, bytes: usize) {
        let mut oldest: Vec<(u64, TraceId)> = self.by_id.iter().map(|(id, cached)| (cached.used, *id)).collect();
        oldest.sort_unstable();
        for (_, id) in oldest {
            if self.bytes <= bytes {
                break;
            }
            self.bytes -= self.by_id.remove(&id).map_or(0, |cached| cached.bytes);
        }
    }
}

/// Evicts everything after [`IDLE_MAX`] without a question.
async fn evict_when_idle(traces: Weak<TraceCache>) {
    let mut seen = 0;
    loop {
        tokio::time::sleep(IDLE_MAX).await;
        let Some(traces) = traces.upgrade() else { return };
        match traces.evict_if_idle_since(seen) {
            Some(questions) => seen = questions,
            None => return,
        }
    }
}

/// Estimates the memory of a trace, without its resources and scopes, which it shares with others.
pub(super) fn bytes_of(trace: &Trace) -> usize {
    let mut texts = TextMeter::default();
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

/// Measures texts outside their rows, and counts one that came again shortly after only once.
struct TextMeter {
    /// Addresses of recent texts, by their hash.
    recent: [usize; 512],
}

impl Default for TextMeter {
    fn default() -> Self {
        Self { recent: [0; 512] }
    }
}

impl TextMeter {
    fn bytes(&mut self, text: &Text) -> usize {
        if !text.is_heap_allocated() {
            return 0;
        }
        let address = text.as_ptr().addr();
        let recent = &mut self.recent[(address >> 4) % 512];
        if std::mem::replace(recent, address) == address {
            0
        } else {
            SHARED_TEXT_BYTES + text.len() + ALLOCATION_BYTES
        }
    }
}

/// The bytes that a list takes outside of its owner.
fn list<T>(list: &ThinVec<T>) -> usize {
    if list.capacity() == 0 { 0 } else { LIST_BYTES + list.capacity() * size_of::<T>() + ALLOCATION_BYTES }
}

fn attributes(attributes: &Attributes, texts: &mut TextMeter) -> usize {
    let each = attributes.iter().map(|(key, own)| texts.bytes(key) + value(own, texts));
    list(attributes) + each.sum::<usize>()
}

/// The bytes that a value takes outside of its owner.
fn value(value: &Value, texts: &mut TextMeter) -> usize {
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

    fn finds(cache: &TraceCache, number: u8, sources: &Sources) -> bool {
        !cache.find([(TraceId([number; 16]), sources)].into_iter()).is_empty()
    }

    #[tokio::test]
    async fn a_trace_answers_only_from_where_it_was_read() {
        let cache = Arc::new(TraceCache::new(TRACE_CACHE_BYTES));
        cache.insert([trace(1, 3)].into_iter());
        assert!(finds(&cache, 1, &sources(&[1])));
        assert!(!finds(&cache, 1, &sources(&[2])) && !finds(&cache, 1, &sources(&[1, 2])));
        assert!(!finds(&cache, 2, &sources(&[1])));
        cache.clear();
        assert!(!finds(&cache, 1, &sources(&[1])) && cache.lock().bytes == 0);
    }

    #[tokio::test]
    async fn the_least_recently_used_trace_is_evicted_first() {
        let each = bytes_of(&trace(1, 10).1);
        let cache = Arc::new(TraceCache::new(4 * each));
        for number in 1..=4 {
            assert!(!finds(&cache, number, &sources(&[1])));
            cache.insert([trace(number, 10)].into_iter());
        }
        assert!(finds(&cache, 1, &sources(&[1])));
        cache.insert([trace(5, 10)].into_iter());
        let left = [1, 2, 3, 4, 5].map(|number| finds(&cache, number, &sources(&[1])));
        assert_eq!(left, [true, false, false, true, true]);
        assert_eq!(cache.lock().bytes, 3 * each);
    }

    #[tokio::test]
    async fn an_idle_cache_is_emptied() {
        let cache = Arc::new(TraceCache::new(TRACE_CACHE_BYTES));
        cache.insert([trace(1, 3)].into_iter());
        assert!(finds(&cache, 1, &sources(&[1])));
        let seen = cache.evict_if_idle_since(0).expect("there was a question");
        assert!(finds(&cache, 1, &sources(&[1])), "evicted in spite of a question");
        let seen = cache.evict_if_idle_since(seen).expect("there was another question");
        assert_eq!(cache.evict_if_idle_since(seen), None);
        assert!(!finds(&cache, 1, &sources(&[1])));
        cache.insert([trace(2, 3)].into_iter());
        assert!(finds(&cache, 2, &sources(&[1])));
    }
}

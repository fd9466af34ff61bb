//! A bounded cache by path. It evicts the least recently used entry first, and unused entries after a while, so that
//! an idle engine uses little memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;

/// An entry is evicted after it was unused for this long, at most twice as long. Reading it again takes milliseconds.
const UNUSED_MAX: Duration = Duration::from_secs(30);

/// Values by path, bounded by their bytes.
#[derive(Debug)]
pub struct Cache<T> {
    entries: Mutex<Entries<T>>,
    bytes_max: usize,
}

#[derive(Debug)]
struct Entries<T> {
    by_path: HashMap<String, CacheEntry<T>>,
    bytes: usize,
    uses: u64,
    /// Whether a task runs that evicts unused entries.
    watched: bool,
}

#[derive(Debug)]
struct CacheEntry<T> {
    value: Arc<T>,
    bytes: usize,
    used: u64,
}

impl<T: Send + Sync + 'static> Cache<T> {
    /// An empty cache of at most `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Arc<Self> {
        let entries = Entries { by_path: HashMap::new(), bytes: 0, uses: 0, watched: false };
        Arc::new(Self { entries: Mutex::new(entries), bytes_max })
    }

    /// The value cached under `path`, which counts as a use of it.
    pub fn get(&self, path: &str) -> Option<Arc<T>> {
        let mut entries = self.lock();
        entries.uses += 1;
        let now = entries.uses;
        let entry = entries.by_path.get_mut(path)?;
        entry.used = now;
        Some(Arc::clone(&entry.value))
    }

    /// Caches a value. One that is larger than the whole cache evicts all others and stays.
    pub fn put(self: &Arc<Self>, path: &str, value: &Arc<T>, bytes: usize) {
        let mut entries = self.lock();
        entries.uses += 1;
        let entry = CacheEntry { value: Arc::clone(value), bytes, used: entries.uses };
        entries.bytes += bytes;
        if let Some(before) = entries.by_path.insert(path.to_owned(), entry) {
            entries.bytes -= before.bytes;
        }
        while entries.bytes > self.bytes_max && entries.by_path.len() > 1 {
            let oldest = entries.by_path.iter().min_by_key(|(_, entry)| entry.used).map(|(path, _)| path.clone());
            let Some(entry) = oldest.and_then(|path| entries.by_path.remove(&path)) else { break };
            entries.bytes -= entry.bytes;
        }
        // Without a runtime there is no idle engine.
        if !entries.watched
            && let Ok(runtime) = Handle::try_current()
        {
            entries.watched = true;
            runtime.spawn(evict_periodically(Arc::downgrade(self)));
        }
    }

    /// Evicts entries that were last used at or before the use number `seen`. Returns the number of the last use;
    /// `None` if the cache is now empty.
    fn evict_unused(&self, seen: u64) -> Option<u64> {
        let mut entries = self.lock();
        entries.by_path.retain(|_, entry| entry.used > seen);
        entries.bytes = entries.by_path.values().map(|entry| entry.bytes).sum();
        entries.watched = !entries.by_path.is_empty();
        if !entries.watched {
            entries.by_path.shrink_to_fit();
        }
        entries.watched.then_some(entries.uses)
    }

    fn lock(&self) -> MutexGuard<'_, Entries<T>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Evicts, at each interval, the entries that were not used during it, until the cache is empty.
async fn evict_periodically<T: Send + Sync + 'static>(cache: Weak<Cache<T>>) {
    let mut seen = 0;
    loop {
        tokio::time::sleep(UNUSED_MAX).await;
        let Some(cache) = cache.upgrade() else { return };
        match cache.evict_unused(seen) {
            Some(uses) => seen = uses,
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_first() {
        let cache = Cache::new(10);
        for path in ["a", "b"] {
            cache.put(path, &Arc::new(path), 5);
        }
        assert!(cache.get("a").is_some());
        cache.put("c", &Arc::new("c"), 5);
        assert!(cache.get("a").is_some() && cache.get("b").is_none() && cache.get("c").is_some());
        cache.put("huge", &Arc::new("huge"), 100);
        assert!(cache.get("huge").is_some() && cache.get("a").is_none());
    }

    #[test]
    fn what_is_used_between_two_looks_stays() {
        let cache = Cache::new(10);
        for path in ["a", "b"] {
            cache.put(path, &Arc::new(path), 5);
        }
        let seen = cache.evict_unused(0).expect("both are new");
        assert!(cache.get("a").is_some());
        let seen = cache.evict_unused(seen).expect("one is used");
        assert!(cache.get("b").is_none() && cache.lock().bytes == 5);
        assert_eq!(cache.evict_unused(seen), None);
        assert!(cache.get("a").is_none() && cache.lock().bytes == 0);
    }
}

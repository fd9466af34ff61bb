//! A bounded cache by path: what was used longest ago goes first, and what nobody uses goes after a while, so that an
//! engine at rest is small.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;

/// What is not used for this long, or twice as long at most, is let go: reading it anew takes milliseconds.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// Values by path, within a number of bytes.
#[derive(Debug)]
pub struct Cache<T> {
    held: Mutex<Held<T>>,
    bytes_max: usize,
}

#[derive(Debug)]
struct Held<T> {
    by_path: HashMap<String, Entry<T>>,
    bytes: usize,
    uses: u64,
    /// Whether a task waits to let go of what is not used.
    watched: bool,
}

#[derive(Debug)]
struct Entry<T> {
    value: Arc<T>,
    bytes: usize,
    used: u64,
}

impl<T: Send + Sync + 'static> Cache<T> {
    /// An empty cache of at most `bytes_max` bytes.
    pub fn new(bytes_max: usize) -> Arc<Self> {
        let held = Held { by_path: HashMap::new(), bytes: 0, uses: 0, watched: false };
        Arc::new(Self { held: Mutex::new(held), bytes_max })
    }

    /// The value cached under `path`, which counts as a use of it.
    pub fn get(&self, path: &str) -> Option<Arc<T>> {
        let mut held = self.lock();
        held.uses += 1;
        let now = held.uses;
        let entry = held.by_path.get_mut(path)?;
        entry.used = now;
        Some(Arc::clone(&entry.value))
    }

    /// Keeps a value; one that is larger than the whole cache is kept alone.
    pub fn put(self: &Arc<Self>, path: &str, value: &Arc<T>, bytes: usize) {
        let mut held = self.lock();
        held.uses += 1;
        let entry = Entry { value: Arc::clone(value), bytes, used: held.uses };
        held.bytes += bytes;
        if let Some(before) = held.by_path.insert(path.to_owned(), entry) {
            held.bytes -= before.bytes;
        }
        while held.bytes > self.bytes_max && held.by_path.len() > 1 {
            let oldest = held.by_path.iter().min_by_key(|(_, entry)| entry.used).map(|(path, _)| path.clone());
            let Some(entry) = oldest.and_then(|path| held.by_path.remove(&path)) else { break };
            held.bytes -= entry.bytes;
        }
        // Without a runtime there is no engine that rests.
        if !held.watched
            && let Ok(runtime) = Handle::try_current()
        {
            held.watched = true;
            runtime.spawn(let_go(Arc::downgrade(self)));
        }
    }

    /// Lets go of what was last used before `seen` uses were counted. Says how many there are now; `None` where nothing
    /// is left.
    fn let_go_of_unused(&self, seen: u64) -> Option<u64> {
        let mut held = self.lock();
        held.by_path.retain(|_, entry| entry.used > seen);
        held.bytes = held.by_path.values().map(|entry| entry.bytes).sum();
        held.watched = !held.by_path.is_empty();
        if !held.watched {
            held.by_path.shrink_to_fit();
        }
        held.watched.then_some(held.uses)
    }

    fn lock(&self) -> MutexGuard<'_, Held<T>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets go of what is not used from one look to the next, until nothing is left.
async fn let_go<T: Send + Sync + 'static>(cache: Weak<Cache<T>>) {
    let mut seen = 0;
    loop {
        tokio::time::sleep(KEPT_FOR).await;
        let Some(cache) = cache.upgrade() else { return };
        match cache.let_go_of_unused(seen) {
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
        let seen = cache.let_go_of_unused(0).expect("both are new");
        assert!(cache.get("a").is_some());
        let seen = cache.let_go_of_unused(seen).expect("one is used");
        assert!(cache.get("b").is_none() && cache.lock().bytes == 5);
        assert_eq!(cache.let_go_of_unused(seen), None);
        assert!(cache.get("a").is_none() && cache.lock().bytes == 0);
    }
}

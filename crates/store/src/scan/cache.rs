//! A bounded cache by path: what was used longest ago goes first.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Values by path, within a number of bytes.
#[derive(Debug)]
pub(crate) struct Cache<T> {
    held: Mutex<Held<T>>,
    bytes_max: usize,
}

#[derive(Debug)]
struct Held<T> {
    by_path: HashMap<String, Entry<T>>,
    bytes: usize,
    uses: u64,
}

#[derive(Debug)]
struct Entry<T> {
    value: Arc<T>,
    bytes: usize,
    used: u64,
}

impl<T> Cache<T> {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { held: Mutex::new(Held { by_path: HashMap::new(), bytes: 0, uses: 0 }), bytes_max }
    }

    pub(crate) fn get(&self, path: &str) -> Option<Arc<T>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.uses += 1;
        let now = held.uses;
        let entry = held.by_path.get_mut(path)?;
        entry.used = now;
        Some(Arc::clone(&entry.value))
    }

    /// Keeps a value; one that is larger than the whole cache is kept alone.
    pub(crate) fn put(&self, path: &str, value: &Arc<T>, bytes: usize) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
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
}

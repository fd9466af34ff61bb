//! Bounds the exports that are under way over TCP, so that exports which their clients do not read leave connections for
//! questions.
//!
//! An export is under way until its client has read it. Requests over the Unix socket have a listener of their own and
//! are not counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Exports of one key at one time. A script that needs more reads one after another.
const OF_ONE_CALLER_MAX: usize = 4;
/// Exports of all keys at one time.
const ALL_MAX: usize = 32;

/// The exports under way.
#[derive(Clone, Debug)]
pub(crate) struct Exports {
    all_max: usize,
    under_way: Arc<Mutex<BTreeMap<Vec<u8>, usize>>>,
}

/// An export under way; dropping it ends it.
#[derive(Debug)]
pub(crate) struct UnderWay {
    exports: Exports,
    caller: Vec<u8>,
}

impl Exports {
    /// Allows at most half of `connections_max`; the other half is for questions.
    pub(crate) fn new(connections_max: usize) -> Self {
        Self { all_max: ALL_MAX.min(connections_max / 2), under_way: Arc::default() }
    }

    /// Begins an export of a caller, identified by the hash of its key; returns `None` where too many are under way.
    pub(crate) fn begin(&self, caller: Vec<u8>) -> Option<UnderWay> {
        let mut under_way = self.under_way();
        let all: usize = under_way.values().sum();
        let own = under_way.get(&caller).copied().unwrap_or_default();
        if all >= self.all_max || own >= OF_ONE_CALLER_MAX {
            return None;
        }
        under_way.insert(caller.clone(), own + 1);
        Some(UnderWay { exports: self.clone(), caller })
    }

    fn under_way(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, usize>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut under_way = self.exports.under_way();
        match under_way.get_mut(&self.caller) {
            Some(own) if *own > 1 => *own -= 1,
            _ => drop(under_way.remove(&self.caller)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_has_a_share_and_ended_exports_free_theirs() {
        let exports = Exports::new(512);
        let begin = |caller: u8| exports.begin(vec![caller]);
        let mut open: Vec<_> = (0..OF_ONE_CALLER_MAX).map(|_| begin(0).unwrap()).collect();
        assert!(begin(0).is_none());
        open.pop();
        open.push(begin(0).unwrap());
        assert!(begin(0).is_none());
        for caller in 1..=(ALL_MAX / OF_ONE_CALLER_MAX) as u8 {
            open.extend((0..OF_ONE_CALLER_MAX).map_while(|_| begin(caller)));
        }
        assert_eq!((open.len(), begin(200).is_none()), (ALL_MAX, true));
        drop(open);
        assert!(begin(200).is_some() && exports.under_way().is_empty());
        assert_eq!(Exports::new(8).all_max, 4);
    }
}

//! A backend that remembers what its answers lacked, so that no tool forgets to say it.

use std::sync::{Mutex, PoisonError};

use kino_wire::ask::Asked;
use kino_wire::{Backend, Damage};
use serde_json::Value as Json;

/// Passes questions on.
pub(crate) struct Lacking<'a> {
    backend: &'a dyn Backend,
    damage: Mutex<Option<Damage>>,
}

impl<'a> Lacking<'a> {
    pub(crate) fn new(backend: &'a dyn Backend) -> Self {
        Self { backend, damage: Mutex::default() }
    }

    /// What the last answer that lacked anything lacked.
    pub(crate) fn damage(&self) -> Option<Damage> {
        *self.damage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend for Lacking<'_> {
    fn ask_json(&self, name: &str, question: Json) -> Asked<'_> {
        let asked = self.backend.ask_json(name, question);
        Box::pin(async move {
            let answer = asked.await?;
            if let Some(damage) = Damage::of(&answer) {
                *self.damage.lock().unwrap_or_else(PoisonError::into_inner) = Some(damage);
            }
            Ok(answer)
        })
    }
}

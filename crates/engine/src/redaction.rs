//! Redaction of all that is stored: rows, texts and outputs, with counts of the rules that fired.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use kino_model::Batch;
use kino_redact::{InvalidRules, Redactor, Rules};
use kino_store::Store;

use crate::config::{self, ConfigError, EngineConfig};
use crate::error::OpenError;
use crate::secret;

/// Takes secrets out. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Redaction {
    /// `None` where the configuration switches it off.
    redactor: Option<Arc<Redactor>>,
    /// Where the counts are stored.
    store: Store,
}

impl Redaction {
    /// As the configuration says. The key of a read-only home need not be there.
    ///
    /// # Errors
    /// Where the key cannot be read or made, or a rule is wrong.
    pub(crate) fn new(config: &EngineConfig, store: &Store) -> Result<Self, OpenError> {
        let store = store.clone();
        if !config.redaction.enabled {
            return Ok(Self { redactor: None, store });
        }
        let key = match secret::redaction_key(&config.home) {
            // Nothing is taken in, so that no token is made by it.
            Err(_) if store.read_only().is_some() => [0; 32],
            key => key.map_err(|source| OpenError::Key { home: config.home.clone(), source })?,
        };
        let rules = rules(&config.redaction).map_err(ConfigError::from)?;
        Ok(Self { redactor: Some(Arc::new(Redactor::new(key, rules))), store })
    }

    /// Returns the rows without secrets.
    pub(crate) fn batch(&self, batch: Batch) -> Batch {
        let Some(redactor) = &self.redactor else { return batch };
        let (batch, fired) = redactor.redact_batch(batch);
        self.count(&fired);
        batch
    }

    /// Returns the text without secrets.
    pub(crate) fn text(&self, text: &str) -> String {
        let Some(redactor) = &self.redactor else { return text.to_owned() };
        let (clean, fired) = redactor.redact_text(text);
        self.count(&fired);
        clean.into_owned()
    }

    /// Returns the bytes without secrets.
    pub(crate) fn bytes<'b>(&self, bytes: &'b [u8]) -> Cow<'b, [u8]> {
        let Some(redactor) = &self.redactor else { return Cow::Borrowed(bytes) };
        let (clean, fired) = redactor.redact_bytes(bytes);
        self.count(&fired);
        clean
    }

    fn count(&self, fired: &BTreeMap<&'static str, u64>) {
        if !fired.is_empty() {
            self.store.add_counts(&fired.iter().map(|(rule, count)| (format!("redaction/{rule}"), *count)).collect());
        }
    }
}

pub(crate) fn rules(redaction: &config::Redaction) -> Result<Rules, InvalidRules> {
    let mut rules = Rules::new(&redaction.off, &redaction.keys)?;
    for pattern in &redaction.patterns {
        rules = rules.with_pattern(&pattern.name, &pattern.regex)?;
    }
    for allowed in &redaction.allow {
        rules = rules.with_allowed(allowed)?;
    }
    Ok(rules)
}

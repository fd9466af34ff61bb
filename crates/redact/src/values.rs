//! Redaction of values that nest: what attributes hold exactly, and the JSON of resources and scopes.

use kino_model::{Attributes, Resource, Scope, Text, Value};

use super::rules::Rule;
use super::{Fired, Redactor, assignment, names};

impl Redactor {
    /// The token for the whole of `value`, if `key` says that it is secret.
    pub(super) fn under_key(&self, key: &str, value: &str, fired: &mut Fired) -> Option<String> {
        if !self.is_secret_under(key, value) {
            return None;
        }
        *fired.entry(Rule::SensitiveKey.name()).or_default() += 1;
        Some(self.token(Rule::SensitiveKey.name(), value.as_bytes()))
    }

    /// Whether the whole of `value` goes because of `key`.
    pub(super) fn is_secret_under(&self, key: &str, value: &str) -> bool {
        self.is_sensitive(key)
            && assignment::is_worth_redacting(key, value, &self.rules.keys)
            && self.applies(value.as_bytes(), Rule::SensitiveKey.name())
    }

    pub(super) fn is_sensitive(&self, key: &str) -> bool {
        self.rules.is_on(Rule::SensitiveKey) && names::sensitive_key(key, &self.rules.keys)
    }

    /// Redacts one attribute; whether it changed.
    pub(super) fn attribute(&self, key: &mut Text, value: &mut Value, fired: &mut Fired) -> bool {
        // A nested value's text is as long as all that it holds: only what its key calls for is written out.
        let token = if self.is_sensitive(key) { self.under_key(key, &value.to_text(), fired) } else { None };
        let changed = if let Some(token) = token {
            *value = Value::from(token);
            true
        } else {
            self.value(value, fired)
        };
        let renamed = self.text(key, fired);
        let is_renamed = renamed.is_some();
        if let Some(renamed) = renamed {
            *key = renamed.into();
        }
        changed || is_renamed
    }

    /// Redacts a value and all that it holds; whether it changed.
    pub(super) fn value(&self, value: &mut Value, fired: &mut Fired) -> bool {
        match value {
            Value::String(text) => self.text(text, fired).map(|redacted| *text = redacted.into()).is_some(),
            Value::Bytes(bytes) => self.bytes(bytes, fired).map(|redacted| *bytes = redacted.into()).is_some(),
            // An exact copy of the sequence with every member visited: a change in one must not hide the others.
            Value::Array(members) => {
                members.iter_mut().fold(false, |changed, member| self.value(member, fired) | changed)
            }
            Value::Map(members) => self.attributes(members, fired),
            Value::Int(_) | Value::Double(_) => {
                let redacted = self.text(&value.to_text(), fired);
                redacted.map(|redacted| *value = Value::from(redacted)).is_some()
            }
            Value::Empty | Value::Bool(_) => false,
        }
    }

    pub(super) fn attributes(&self, attributes: &mut Attributes, fired: &mut Fired) -> bool {
        attributes.iter_mut().fold(false, |changed, (key, value)| self.attribute(key, value, fired) | changed)
    }

    /// Redacts every text; whether any changed.
    fn texts<const N: usize>(&self, texts: [&mut Text; N], fired: &mut Fired) -> bool {
        texts.into_iter().fold(false, |changed, text| {
            self.text(text, fired).map(|redacted| *text = redacted.into()).is_some() | changed
        })
    }

    /// Redacts a resource's or scope's JSON; text that is neither is redacted as text.
    pub(super) fn described(&self, json: &str, is_scope: bool, fired: &mut Fired) -> Option<String> {
        let redacted = if is_scope { self.scope(json, fired) } else { self.resource(json, fired) };
        redacted.unwrap_or_else(|| self.text(json, fired))
    }

    /// `None` where the text is no resource, `Some(None)` where it holds no secret.
    #[expect(clippy::option_option, reason = "whether it was understood, and whether it changed")]
    fn resource(&self, json: &str, fired: &mut Fired) -> Option<Option<String>> {
        let mut resource: Resource = serde_json::from_str(json).ok()?;
        let changed = self.attributes(&mut resource.attributes, fired) | self.texts([&mut resource.schema_url], fired);
        Some(if changed { serde_json::to_string(&resource).ok() } else { None })
    }

    #[expect(clippy::option_option, reason = "whether it was understood, and whether it changed")]
    fn scope(&self, json: &str, fired: &mut Fired) -> Option<Option<String>> {
        let mut scope: Scope = serde_json::from_str(json).ok()?;
        let texts = [&mut scope.name, &mut scope.version, &mut scope.schema_url];
        let changed = self.texts(texts, fired) | self.attributes(&mut scope.attributes, fired);
        Some(if changed { serde_json::to_string(&scope).ok() } else { None })
    }
}

//! Resources and scopes: worked out once per distinct bytes, for this request and later ones.
//!
//! A program sends the same few again and again. What is remembered is a pure function of the bytes, and only what
//! needed no mending is, so that every request names its own issues.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use kino_model::batch::{ResourceText, ScopeText};
use kino_model::exact::any_value::{self, Faults};
use kino_model::exact::protobuf::{Reader, put_bytes};
use kino_model::{Attributes, Resource, Scope, Text};

use super::Walked;
use crate::Limits;
use crate::judge::Judge;

/// How many are remembered of each; past that all are forgotten, and the busy ones come back at once.
const REMEMBERED_MAX: usize = 1024;
/// Bytes of one that is remembered: with the number above this bounds the memory to some MiB.
const REMEMBERED_BYTES_MAX: usize = 4096;

/// Texts by the bytes they were made of.
type Remembered<T> = LazyLock<Mutex<HashMap<Vec<u8>, Arc<T>>>>;

static RESOURCES: Remembered<ResourceText> = LazyLock::new(Mutex::default);
static SCOPES: Remembered<ScopeText> = LazyLock::new(Mutex::default);

/// The resource of a `ResourceSpans` or `ResourceLogs`: field 1, and the schema URL, field 3.
pub(super) fn resource(
    reader: Reader<'_>,
    limits: &Limits,
    faults: &mut Faults,
    judge: &mut Judge<'_>,
) -> Walked<Arc<ResourceText>> {
    remembered(&RESOURCES, reader, limits, faults, |faults| {
        let mut resource = Resource::default();
        let mut fields = reader;
        while let Some((field, payload)) = fields.field()? {
            match field {
                1 => read_resource(payload.delimited(&fields)?, &mut resource, faults, judge)?,
                3 => resource.schema_url = owned(payload.delimited(&fields)?, faults),
                _ => {}
            }
        }
        judge.attributes(&mut resource.attributes, &mut resource.dropped_attributes_count);
        Ok(ResourceText::from(&resource))
    })
}

/// The scope of a `ScopeSpans` or `ScopeLogs`: field 1, and the schema URL, field 3.
pub(super) fn scope(
    reader: Reader<'_>,
    limits: &Limits,
    faults: &mut Faults,
    judge: &mut Judge<'_>,
) -> Walked<Arc<ScopeText>> {
    remembered(&SCOPES, reader, limits, faults, |faults| {
        let mut scope = Scope::default();
        let mut fields = reader;
        while let Some((field, payload)) = fields.field()? {
            match field {
                1 => read_scope(payload.delimited(&fields)?, &mut scope, faults, judge)?,
                3 => scope.schema_url = owned(payload.delimited(&fields)?, faults),
                _ => {}
            }
        }
        judge.attributes(&mut scope.attributes, &mut scope.dropped_attributes_count);
        Ok(ScopeText::from(&scope))
    })
}

fn remembered<T>(
    known: &Remembered<T>,
    reader: Reader<'_>,
    limits: &Limits,
    faults: &mut Faults,
    work_out: impl FnOnce(&mut Faults) -> Walked<T>,
) -> Walked<Arc<T>> {
    // No value of these bytes, and no number of attributes, which take two bytes each, is over a limit.
    let is_within = |key: &Vec<u8>| key.len() <= limits.value_bytes_max && key.len() / 2 <= limits.attributes_max;
    let Some(key) = key(reader)?.filter(is_within) else {
        return Ok(Arc::new(work_out(faults)?));
    };
    if let Some(text) = lock(known).get(&key) {
        return Ok(Arc::clone(text));
    }
    let before = *faults;
    let text = Arc::new(work_out(faults)?);
    if *faults == before {
        let mut known = lock(known);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(key, Arc::clone(&text));
    }
    Ok(text)
}

fn lock<K: Eq + Hash, T>(known: &Mutex<HashMap<K, T>>) -> std::sync::MutexGuard<'_, HashMap<K, T>> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the bytes of fields 1 and 3; `None` where one comes twice, which no known sender does, or they are too long
/// to be remembered.
fn key<'b>(mut reader: Reader<'b>) -> Walked<Option<Vec<u8>>> {
    let (mut described, mut schema_url) = (None, None);
    let mut once = true;
    while let Some((field, payload)) = reader.field()? {
        match field {
            1 => once &= described.replace(payload.delimited(&reader)?).is_none(),
            3 => once &= schema_url.replace(payload.delimited(&reader)?).is_none(),
            _ => {}
        }
    }
    let bytes = |part: Option<Reader<'b>>| part.map(|part| part.bytes()).unwrap_or_default();
    let (described, schema_url) = (bytes(described), bytes(schema_url));
    if !once || described.len() + schema_url.len() >= REMEMBERED_BYTES_MAX {
        return Ok(None);
    }
    let mut key = Vec::with_capacity(described.len() + schema_url.len() + 10);
    put_bytes(&mut key, described);
    key.extend_from_slice(schema_url);
    Ok(Some(key))
}

fn read_resource(
    mut reader: Reader<'_>,
    resource: &mut Resource,
    faults: &mut Faults,
    judge: &mut Judge<'_>,
) -> Walked {
    while let Some((field, payload)) = reader.field()? {
        match field {
            1 => attribute(payload.delimited(&reader)?, &mut resource.attributes, faults, judge)?,
            2 => resource.dropped_attributes_count = payload.varint(&reader)? as u32,
            _ => {}
        }
    }
    Ok(())
}

fn read_scope(mut reader: Reader<'_>, scope: &mut Scope, faults: &mut Faults, judge: &mut Judge<'_>) -> Walked {
    while let Some((field, payload)) = reader.field()? {
        match field {
            1 => scope.name = owned(payload.delimited(&reader)?, faults),
            2 => scope.version = owned(payload.delimited(&reader)?, faults),
            3 => attribute(payload.delimited(&reader)?, &mut scope.attributes, faults, judge)?,
            4 => scope.dropped_attributes_count = payload.varint(&reader)? as u32,
            _ => {}
        }
    }
    Ok(())
}

fn attribute(reader: Reader<'_>, attributes: &mut Attributes, faults: &mut Faults, judge: &mut Judge<'_>) -> Walked {
    let (key, mut value) = any_value::key_value(reader, 0, faults)?;
    judge.value(&mut value);
    attributes.push((key, value));
    Ok(())
}

fn owned(reader: Reader<'_>, faults: &mut Faults) -> Text {
    faults.text(reader.bytes()).into()
}

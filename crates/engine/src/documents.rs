//! Documents of one kind in the store's metadata: small JSON records by id, as a type of ours.
//!
//! One that cannot be read, since it is a newer version's or damaged, is left out and named in `status` and by `doctor`:
//! it must not take the others along.

use std::marker::PhantomData;

use kino_store::Store;
use kino_wire::Problem;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::error::OrProblem;
use crate::resolve::Prefix;

/// The documents of one kind. Clones share them.
#[derive(Debug)]
pub(crate) struct Documents<T> {
    store: Store,
    kind: &'static str,
    document: PhantomData<fn() -> T>,
}

impl<T> Clone for Documents<T> {
    fn clone(&self) -> Self {
        Self { store: self.store.clone(), ..*self }
    }
}

impl<T: Serialize + DeserializeOwned> Documents<T> {
    pub(crate) fn new(store: &Store, kind: &'static str) -> Self {
        Self { store: store.clone(), kind, document: PhantomData }
    }

    /// Returns whether documents cannot be changed.
    pub(crate) fn is_read_only(&self) -> bool {
        self.store.read_only().is_some()
    }

    /// Returns the document with this id; `None` where there is none, or none that can be read.
    pub(crate) async fn get(&self, id: &str) -> Result<Option<T>, Problem> {
        let json = self.store.record(self.kind, id).await.or_problem()?;
        Ok(json.and_then(|json| self.readable(id, json)))
    }

    /// Returns the documents that were changed last, at most `limit`, the newest first.
    pub(crate) async fn newest(&self, limit: usize) -> Result<Vec<T>, Problem> {
        let found = self.newest_json(limit).await?;
        Ok(found.into_iter().filter_map(|(id, json)| self.readable(&id, json)).collect())
    }

    /// Returns the documents whose id begins so, by id; at most `limit`.
    pub(crate) async fn beginning(&self, prefix: &Prefix, limit: usize) -> Result<Vec<T>, Problem> {
        let found = self.store.records_beginning(self.kind, prefix.digits(), limit).await.or_problem()?;
        Ok(found.into_iter().filter_map(|(id, json)| self.readable(&id, json)).collect())
    }

    /// As [`Self::newest`], with their ids and as stored, including those that cannot be decoded.
    pub(crate) async fn newest_json(&self, limit: usize) -> Result<Vec<(String, Json)>, Problem> {
        self.store.records(self.kind, limit).await.or_problem()
    }

    /// Keeps a document under its id, in place of any that was there.
    pub(crate) async fn put(&self, id: &str, document: &T) -> Result<(), Problem> {
        let json = serde_json::to_value(document).or_problem()?;
        self.store.put_record(self.kind, id, &json).await.or_problem()
    }

    /// Removes a document; returns whether it was there.
    pub(crate) async fn remove(&self, id: &str) -> Result<bool, Problem> {
        self.store.remove_record(self.kind, id).await.or_problem()
    }

    /// Removes all documents of the kind.
    pub(crate) async fn clear(&self) -> Result<(), Problem> {
        self.store.remove_records(self.kind).await.or_problem()
    }

    fn readable(&self, id: &str, json: Json) -> Option<T> {
        let read = serde_json::from_value(json);
        if let Err(error) = &read {
            self.store.warn(format!("the {} {id} cannot be read and is left out: {error}", self.kind));
        }
        read.ok()
    }
}

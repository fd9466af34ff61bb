//! The interface behind `query_sql`: it runs read-only SQL over one snapshot of the store.

use std::future::Future;
use std::pin::Pin;

use kino_wire::{Damage, Problem};
use serde_json::Value as Json;

/// Runs read-only SQL; in the product this starts `kino-sql`, a process of its own.
pub trait SqlRunner: Send + Sync {
    /// Runs one statement and returns at most `rows_max` rows.
    fn run(&self, statement: String, rows_max: usize) -> Ran<'_>;
}

/// The rows to come of [`SqlRunner::run`].
pub type Ran<'a> = Pin<Box<dyn Future<Output = Result<SqlRows, Problem>> + Send + 'a>>;

/// A statement's result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SqlRows {
    /// Column names, in order.
    pub columns: Vec<String>,
    /// Rows of as many values as there are columns.
    pub rows: Vec<Vec<Json>>,
    /// Whether there are more rows than these.
    pub more: bool,
    /// What is left out because it cannot be read, if anything.
    pub damage: Option<Damage>,
}

//! The interface behind `query_sql`: it runs read-only SQL over one snapshot of the store.

use std::future::Future;
use std::pin::Pin;

use kino_wire::{Damage, Problem, ProblemKind};
use serde_json::Value as Json;

use crate::answer::{Answer, Rendered, Table};
use crate::arguments;
use crate::tools::{Refusal, ToolContext, shapes};
use crate::untrusted::{CELL_BYTES_MAX, UNTRUSTED, clean};
use crate::value::Value;

/// How many rows a statement gives when nothing is said.
const ROWS_DEFAULT: usize = 50;
/// How many rows a statement gives at most.
pub(crate) const ROWS_MAX: usize = 1_000;

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

impl ToolContext<'_> {
    /// Answers with the rows that fit. A cursor runs the statement again and goes on after the rows that were shown.
    pub(crate) async fn query_sql(&self, arguments: arguments::Sql) -> Result<Rendered, Refusal> {
        let Some(runner) = self.sql else {
            return Err(Refusal::Problem(Problem::unavailable(
                "query_sql needs the program kino-sql beside kino or on the PATH; build it with \
                 `cargo build --release -p kino-sql`. find_traces and explain answer most questions without it.",
            )));
        };
        let limit = arguments.limit.unwrap_or(ROWS_DEFAULT);
        let result = runner.run(arguments.sql, limit).await.map_err(|problem| match problem.kind {
            // A value that cannot be converted is named.
            ProblemKind::Invalid => Refusal::Quoting(problem.message),
            _ => Refusal::Problem(problem),
        })?;
        let mut table = Table::new(&shapes::ROWS);
        let name = |column: &String| format!("{UNTRUSTED}{}", clean(column, CELL_BYTES_MAX)).into();
        table.columns = result.columns.iter().map(name).collect();
        let width = table.columns.len();
        table.rows = result
            .rows
            .into_iter()
            .map(|mut row| {
                row.resize(width, Json::Null);
                row.into_iter().map(Value::Any).collect()
            })
            .collect();
        let mut notes = Vec::new();
        if result.more {
            notes.push(format!("there are more than {limit} rows: aggregate, or raise limit"));
        }
        let answer = Answer { tool: "query_sql", facts: Vec::new(), notes, tables: vec![table], next: None };
        let mut rendered = self.finish(&answer, arguments.cursor.as_ref())?;
        if let Some(damage) = result.damage {
            rendered.lacks(damage);
        }
        Ok(rendered)
    }
}

//! Prints an answer: a table for people, `kino.sql.v1` for programs.
//!
//! ```text
//!  {"schema":"kino.sql.v1","columns":[{"name","type"}…],"rows":[{column: value…}…],"row_count":N,"more":bool,"damage":{…}?}
//! ```

use std::io::{self, Write};

use anyhow::Context;
use arrow_array::RecordBatch;
use arrow_json::writer::{JsonArray, WriterBuilder};
use datafusion::arrow::util::pretty::pretty_format_batches_with_schema;
use kino_wire::Damage;
use serde_json::json;

use crate::query::QueryAnswer;

/// Writes the answer to standard output.
pub(crate) fn print(answer: &QueryAnswer, as_json: bool) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = if as_json { write_json(&mut out, answer) } else { write_table(&mut out, answer) };
    match written.and_then(|()| Ok(out.flush()?)) {
        // The reader has seen enough (`kino sql … | head`).
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) => {
            Ok(())
        }
        other => other,
    }
}

/// Writes an error, with what caused it, to standard error.
pub(crate) fn complain(error: &anyhow::Error) {
    // Nothing is left to do where even standard error is gone.
    let _unwritten = writeln!(io::stderr(), "kino-sql: {}", clean(&format!("{error:#}"))).is_err();
}

/// Recorded text is hostile: a harmful character would speak to the terminal, or hide.
fn clean(text: &str) -> String {
    let is_harmful = |c| c != '\n' && kino_text::untrusted::is_harmful(c);
    text.chars().map(|c| if is_harmful(c) { '\u{fffd}' } else { c }).collect()
}

fn write_json(out: &mut impl Write, answer: &QueryAnswer) -> anyhow::Result<()> {
    let columns: Vec<_> = answer
        .schema
        .fields()
        .iter()
        .map(|field| json!({"name": field.name(), "type": field.data_type().to_string()}))
        .collect();
    write!(out, "{{\"schema\":\"kino.sql.v1\",\"columns\":{},\"rows\":", serde_json::to_string(&columns)?)?;
    let mut rows = WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(&mut *out);
    rows.write_batches(&answer.batches.iter().collect::<Vec<_>>()).context("failed to write the rows as JSON")?;
    rows.finish()?;
    drop(rows);
    write!(out, ",\"row_count\":{},\"more\":{}", row_count(answer), answer.more)?;
    if let Some(damage) = answer.damage {
        write!(out, ",\"{}\":{}", Damage::FIELD, serde_json::to_string(&damage)?)?;
    }
    writeln!(out, "}}")?;
    Ok(())
}

fn write_table(out: &mut impl Write, answer: &QueryAnswer) -> anyhow::Result<()> {
    let table = pretty_format_batches_with_schema(answer.schema.clone(), &answer.batches)?;
    writeln!(out, "{}", clean(&table.to_string()))?;
    let rows = row_count(answer);
    if answer.more {
        writeln!(out, "{rows} rows shown; the query has more (raise --limit)")?;
    } else {
        writeln!(out, "{rows} {}", if rows == 1 { "row" } else { "rows" })?;
    }
    if let Some(damage) = answer.damage {
        writeln!(out, "{}", damage.sentence())?;
    }
    Ok(())
}

fn row_count(answer: &QueryAnswer) -> usize {
    answer.batches.iter().map(RecordBatch::num_rows).sum()
}

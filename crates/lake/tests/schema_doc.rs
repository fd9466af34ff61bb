//! `docs/schema.md` says of every column what the code says.

use std::fmt::Write as _;
use std::path::Path;

use kino_lake::{rollup, trace_row};
use kino_model::columns::{Column, ColumnKind, ColumnSource, Table};

const DOC: &str = include_str!("../../../docs/schema.md");

fn type_name(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::TraceId => "16 bytes",
        ColumnKind::SpanId => "8 bytes",
        ColumnKind::Text => "text",
        ColumnKind::Label => "label",
        ColumnKind::Int => "int64",
        ColumnKind::Int32 => "int32",
        ColumnKind::Int8 => "int8",
        ColumnKind::Bool => "bool",
        ColumnKind::Bytes => "bytes",
        ColumnKind::Map => "map of text to text",
    }
}

fn keys(column: &Column) -> String {
    let spellings: Vec<String> = column.spellings.iter().map(|spelling| format!("`{spelling}`")).collect();
    match column.source {
        ColumnSource::Field => String::new(),
        ColumnSource::Attribute => spellings.join(", "),
        ColumnSource::Resource => format!("resource: {}", spellings.join(", ")),
    }
}

fn rendered(columns: &[Column], lists: &[(&str, &str)]) -> String {
    let mut text = String::from("| column | type | null | from | |\n|---|---|---|---|---|\n");
    for column in columns {
        let null = if column.nullable { "yes" } else { "no" };
        let (name, kind, keys) = (column.name, type_name(column.kind), keys(column));
        writeln!(text, "| `{name}` | {kind} | {null} | {keys} | {} |", column.doc).expect("a text takes it");
    }
    for (name, doc) in lists {
        let kind = if *name == "operations" { "list of int32" } else { "list of text" };
        writeln!(text, "| `{name}` | {kind} | yes |  | {doc} |").expect("a text takes it");
    }
    text
}

/// The page with the code's columns between its marks.
fn with_columns(page: &str) -> String {
    let mut whole = page.to_owned();
    let tables = Table::ALL.map(|table| (table.name(), rendered(table.columns(), &[])));
    let derived =
        [("traces", rendered(trace_row::TRACES, trace_row::TRACE_LISTS)), ("rollups", rendered(rollup::ROLLUPS, &[]))];
    for (name, text) in tables.into_iter().chain(derived) {
        let mark = format!("<!-- columns of {name} -->\n");
        let begin = whole.find(&mark).unwrap_or_else(|| panic!("docs/schema.md lacks {mark}")) + mark.len();
        let end = begin + whole[begin..].find("<!-- end -->").expect("each mark has its end");
        whole.replace_range(begin..end, &text);
    }
    whole
}

#[test]
fn the_page_lists_every_column_as_it_is() {
    let right = with_columns(DOC);
    if right != DOC {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schema.md");
        std::fs::write(&path, &right).unwrap();
        panic!("docs/schema.md is out of date: copy {} over it", path.display());
    }
}

#[test]
fn derived_tables_are_written_as_documented() {
    let names = |columns: &[Column]| columns.iter().map(|column| column.name.to_owned()).collect::<Vec<_>>();
    let fields =
        |schema: arrow_schema::SchemaRef| schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>();
    let lists = trace_row::TRACE_LISTS.iter().map(|(name, _)| (*name).to_owned());
    assert_eq!(fields(trace_row::schema()), names(trace_row::TRACES).into_iter().chain(lists).collect::<Vec<_>>());
    assert_eq!(fields(rollup::schema()), names(rollup::ROLLUPS));
}

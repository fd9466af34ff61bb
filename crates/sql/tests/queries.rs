//! The real binary over a snapshot with one file and rows besides it.

#![expect(clippy::unwrap_used, reason = "a test fails where its helpers do")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use datafusion::arrow::compute::cast;
use datafusion::parquet::arrow::ArrowWriter;
use kino_model::columns::Table;
use kino_model::{Batch, Resource, Span, SpanId, Status, StatusCode, TraceId, UnixNanos, Value, thin_vec};
use kino_wire::admin::LakeFile;
use kino_wire::sql::{SqlRows, SqlSnapshot};
use serde_json::{Value as Json, json};

#[test]
fn files_and_rows_are_one_table_and_replaced_traces_count_once() {
    let world = World::new();
    // Trace 2 is in the file and in the rows: only the rows count.
    let answer = world.ask("SELECT trace_id, span_id, name, start_unix_nanos FROM spans ORDER BY start_unix_nanos");
    assert_eq!(
        answer["rows"],
        json!([
            {"trace_id": trace(1).to_string(), "span_id": "0000000000000001", "name": "GET /", "start_unix_nanos": 1000},
            {"trace_id": trace(2).to_string(), "span_id": "0000000000000001", "name": "GET /", "start_unix_nanos": 2000},
            {"trace_id": trace(2).to_string(), "span_id": "0000000000000002", "name": "late", "start_unix_nanos": 2500},
            {"trace_id": trace(3).to_string(), "span_id": "0000000000000001", "name": "GET /", "start_unix_nanos": 3000},
        ])
    );
    assert_eq!(answer["more"], json!(false));
    assert_eq!(answer["columns"][3], json!({"name": "start_unix_nanos", "type": "Int64"}));
}

#[test]
fn ids_compare_as_text_and_prune_in_binary() {
    let world = World::new();
    let id = trace(1);
    let count = world.ask(&format!("SELECT count(*) AS n FROM spans WHERE trace_id = '{id}'"));
    assert_eq!(count["rows"], json!([{"n": 1}]));
    let none = world.ask("SELECT count(*) AS n FROM spans WHERE trace_id IN ('nonsense') OR span_id = 'x'");
    assert_eq!(none["rows"], json!([{"n": 0}]));
    let plan = world.ask(&format!("EXPLAIN SELECT name FROM spans WHERE trace_id = '{id}'"));
    let plan = plan["rows"].to_string();
    let scan = plan.split("DataSourceExec").find(|part| part.contains(".parquet")).expect("a file is scanned");
    assert!(scan.contains("pruning_predicate"), "no pruning by trace id in {scan}");
}

#[test]
fn attributes_are_read_from_columns_and_from_the_map() {
    let world = World::new();
    let answer = world.ask(
        "SELECT db_query_text, attributes['color'] AS color, service_name FROM spans WHERE attributes['color'] = 'red'",
    );
    let row = json!({"db_query_text": "SELECT 1", "color": "red", "service_name": "shop"});
    assert_eq!(answer["rows"], json!([row.clone(), row.clone(), row]));
}

#[test]
fn more_rows_than_the_limit_are_said() {
    let world = World::new();
    let answer: Json = stdout(&world.run(&["--json", "--limit", "2", "SELECT name FROM spans"]));
    assert_eq!((answer["row_count"].clone(), answer["more"].clone()), (json!(2), json!(true)));
    let table = world.run(&["--limit", "2", "SELECT name FROM spans"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("2 rows shown; the query has more"));
}

#[test]
fn whatever_would_write_or_reach_out_is_refused() {
    let world = World::new();
    for statement in [
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "COPY spans TO '/tmp/kino-sql-test.parquet'",
        "INSERT INTO spans SELECT * FROM spans",
        "DROP TABLE spans",
        "SET datafusion.execution.batch_size = 1",
        "SELECT * FROM '/etc/passwd'",
    ] {
        let output = world.run(&["--json", statement]);
        assert_eq!(output.status.code(), Some(1), "{statement}");
        assert!(output.stdout.is_empty(), "{statement}");
        assert!(!output.stderr.is_empty(), "{statement}");
    }
}

#[test]
fn a_query_out_of_memory_or_time_says_so() {
    let world = World::new();
    let wild = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.value * b.value % 7 = 8";
    let late = world.run(&["--timeout", "1", wild]);
    assert_eq!(late.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&late.stderr).contains("took longer than 1 s"), "{late:?}");
    let big = "SELECT value, count(*) FROM range(3000000) GROUP BY value ORDER BY 2";
    let full = world.run(&["--memory", "100000", big]);
    assert_eq!(full.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&full.stderr).to_lowercase().contains("memory"), "{full:?}");
}

#[test]
fn no_changed_byte_of_a_file_changes_an_answer() {
    let world = World::new();
    let all = "SELECT * FROM spans ORDER BY trace_id, span_id, start_unix_nanos";
    let (path, sound) = (world.file(), world.ask(all));
    let written = std::fs::read(&path).unwrap();
    for at in (0..written.len()).step_by(written.len() / 20) {
        let mut changed = written.clone();
        changed[at] ^= 1;
        std::fs::write(&path, changed).unwrap();
        let output = world.run(&["--json", all]);
        let said = String::from_utf8_lossy(&output.stderr);
        let is_said = output.status.code() == Some(3) && output.stdout.is_empty() && said.contains("is damaged");
        assert!(is_said || stdout(&output) == sound, "byte {at}: {output:?}");
    }
    std::fs::write(&path, &written[..written.len() - 1]).unwrap();
    assert_eq!(world.run(&["--json", all]).status.code(), Some(3), "a file cut short");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(world.run(&["--json", all]).status.code(), Some(3), "a file that is gone");
}

#[test]
fn what_the_engine_left_out_is_said() {
    let world = World::new();
    world.change(|snapshot| snapshot.damage = Some(kino_wire::Damage { groups: 1, spans: 7 }));
    assert_eq!(world.ask("SELECT 1 AS one")["damage"], json!({"groups": 1, "spans": 7}));
    let table = world.run(&["SELECT 1 AS one"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("1 damaged group of files is left out"), "{table:?}");
}

/// A snapshot in a folder of its own.
struct World {
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let in_file = Batch::from_rows(&[span(1, 1, "GET /", 1000), span(2, 1, "GET /", 2000)], &[]);
        let beside =
            Batch::from_rows(&[span(2, 1, "GET /", 2000), span(2, 2, "late", 2500), span(3, 1, "GET /", 3000)], &[]);
        let path = folder.path().join("one.parquet");
        write_file(&path, &as_in_files(Table::Spans, &in_file.spans));
        let written = std::fs::read(&path).unwrap();
        let sums = kino_lake::group::BlockSums::of(&written);
        let file = LakeFile {
            table: "spans".into(),
            path: "one.parquet".into(),
            url: format!("file://{}", path.display()),
            rows: 2,
            bytes: written.len() as u64,
            start_unix_nanos_min: 1000,
            start_unix_nanos_max: 2000,
            blocks: sums.bytes().map(|sums| STANDARD.encode(sums)),
        };
        let mut rows: Vec<SqlRows> =
            Table::ALL.map(|table| rows_of(table.name(), &as_in_files(table, beside.table(table)))).into();
        let traces = Schema::new(vec![Field::new("trace_id", DataType::FixedSizeBinary(16), false)]);
        rows.push(rows_of("traces", &RecordBatch::new_empty(Arc::new(traces))));
        let snapshot = SqlSnapshot {
            schema: "kino.sql_snapshot.v1".into(),
            pin: "1".into(),
            files: vec![file],
            replaced_traces: STANDARD.encode(trace(2).0),
            damage: None,
            rows,
        };
        std::fs::write(folder.path().join("snapshot.json"), serde_json::to_vec(&snapshot).unwrap()).unwrap();
        Self { folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("one.parquet")
    }

    fn change(&self, change: impl FnOnce(&mut SqlSnapshot)) {
        let path = self.folder.path().join("snapshot.json");
        let mut snapshot = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        change(&mut snapshot);
        std::fs::write(path, serde_json::to_vec(&snapshot).unwrap()).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let snapshot = self.folder.path().join("snapshot.json");
        Command::new(env!("CARGO_BIN_EXE_kino-sql")).arg("--snapshot").arg(snapshot).args(arguments).output().unwrap()
    }

    fn ask(&self, sql: &str) -> Json {
        stdout(&self.run(&["--json", sql]))
    }
}

fn stdout(output: &Output) -> Json {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn trace(number: u8) -> TraceId {
    TraceId([number; 16])
}

fn span(trace_number: u8, span_number: u8, name: &str, start: i64) -> Span {
    Span {
        trace_id: trace(trace_number),
        span_id: SpanId([0, 0, 0, 0, 0, 0, 0, span_number]),
        name: name.into(),
        start: UnixNanos(start),
        end: Some(UnixNanos(start + 10)),
        status: Status { code: StatusCode::Ok, ..Status::default() },
        attributes: if name == "late" {
            thin_vec![]
        } else {
            thin_vec![("color".into(), Value::from("red")), ("db.statement".into(), Value::from("SELECT 1"))]
        },
        resource: Arc::new(Resource {
            attributes: thin_vec![("service.name".into(), Value::from("shop"))],
            ..Resource::default()
        }),
        ..Span::default()
    }
}

/// Full schema, labels as plain text: as the store writes its files.
fn as_in_files(table: Table, sparse: &RecordBatch) -> RecordBatch {
    let full = kino_model::batch::conform(sparse, &table.schema());
    let plain = |field: &Arc<Field>| match field.data_type() {
        DataType::Dictionary(..) => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)),
        _ => Arc::clone(field),
    };
    let schema: SchemaRef = Arc::new(Schema::new(full.schema().fields().iter().map(plain).collect::<Vec<_>>()));
    let columns = full.columns().iter().zip(schema.fields());
    let columns = columns.map(|(column, field)| cast(column, field.data_type()).unwrap()).collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

fn write_file(path: &Path, rows: &RecordBatch) {
    let mut writer = ArrowWriter::try_new(std::fs::File::create(path).unwrap(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
}

fn rows_of(table: &str, rows: &RecordBatch) -> SqlRows {
    let mut writer = StreamWriter::try_new(Vec::new(), &rows.schema()).unwrap();
    writer.write(rows).unwrap();
    SqlRows { table: table.into(), ipc_base64: STANDARD.encode(writer.into_inner().unwrap()) }
}

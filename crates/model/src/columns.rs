//! Every column of every table: the one list that the decoders fill, the store writes and `docs/schema.md` promises.
//!
//! A column is either a *field* of OTLP's messages or *promoted*: an attribute that people query, fed by every
//! released spelling of one meaning. A promoted column holds only values of its declared type; a value of another
//! type, or a second spelling beside the first, stays in the `attributes` map. Resource attributes are copied into
//! their promoted columns and stand whole in `resource` as well.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Fields, Schema, SchemaRef};

/// The version of the tables' schema. Files and log segments record it; a store that meets a newer one opens
/// read-only.
pub const SCHEMA_VERSION: u32 = 1;

/// The tables that batches carry. `traces` and `rollups` are derived from them by the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// One row a span.
    Spans,
    /// One row a span event or log record.
    Events,
    /// One row a link.
    Links,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// 16 bytes.
    TraceId,
    /// 8 bytes.
    SpanId,
    Text,
    /// Text with few distinct values; dictionary-encoded in memory.
    Label,
    /// A signed 64-bit integer.
    Int,
    /// A signed 32-bit integer.
    Int32,
    /// A small signed integer.
    Int8,
    /// A truth value.
    Bool,
    /// Opaque bytes.
    Bytes,
    /// A map from text to text.
    Map,
}

/// Where a column's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnSource {
    /// A field of the message.
    Field,
    /// An attribute of the row itself.
    Attribute,
    /// An attribute of the row's resource.
    Resource,
}

/// What a table has of each row under one name: its type, where its value comes from, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name in every file and query.
    pub name: &'static str,
    /// What it holds.
    pub kind: ColumnKind,
    /// Where its values come from.
    pub source: ColumnSource,
    /// Whether it may be null. A nullable column that is null throughout a batch is left out of the batch.
    pub nullable: bool,
    /// For promoted columns: the attribute keys that feed it, the current spelling first.
    pub spellings: &'static [&'static str],
    /// One line for `docs/schema.md`.
    pub doc: &'static str,
}

/// A column that a field of a row fills; of a table here, or of one that a file of the lake has beside them.
pub const fn field(name: &'static str, kind: ColumnKind, nullable: bool, doc: &'static str) -> Column {
    Column { name, kind, source: ColumnSource::Field, nullable, spellings: &[], doc }
}

const fn attribute(
    name: &'static str,
    kind: ColumnKind,
    spellings: &'static [&'static str],
    doc: &'static str,
) -> Column {
    Column { name, kind, source: ColumnSource::Attribute, nullable: true, spellings, doc }
}

const fn resource(name: &'static str, spellings: &'static [&'static str], doc: &'static str) -> Column {
    Column { name, kind: ColumnKind::Label, source: ColumnSource::Resource, nullable: true, spellings, doc }
}

const SERVICE_NAME: Column = resource("service_name", &["service.name"], "The sending service.");
const PROJECT: Column = resource("kino_project", &["kino.project"], "The project it ran in: the common git directory.");
const RUN_ID: Column = resource("kino_run_id", &["kino.run.id"], "The run (`kino run`) that produced it.");
const RESOURCE: Column =
    field("resource", ColumnKind::Label, true, "The whole resource as JSON, exactly as sent; null when empty.");
const SCOPE: Column = field(
    "scope",
    ColumnKind::Label,
    true,
    "The whole instrumentation scope as JSON, exactly as sent; null when empty.",
);
const ATTRIBUTES: Column = field(
    "attributes",
    ColumnKind::Map,
    true,
    "Attributes that have no column of their own, as text; keys are unique.",
);
const ATTRIBUTES_EXACT: Column = field(
    "attributes_exact",
    ColumnKind::Bytes,
    true,
    "What the columns and the text map cannot carry (types, bytes, nesting, repeated keys, older spellings).",
);
const DROPPED_ATTRIBUTES: Column =
    field("dropped_attributes_count", ColumnKind::Int32, true, "Attributes the sender dropped; null when none.");
const FLAGS: Column = field("flags", ColumnKind::Int, true, "OTLP's flags (32 bits); null when zero.");
const TRACE_STATE: Column = field("trace_state", ColumnKind::Text, true, "W3C tracestate; null when empty.");

/// The columns of `spans`. Sorted in a file by (`trace_id`, `start_unix_nanos`).
pub const SPANS: &[Column] = &[
    field("trace_id", ColumnKind::TraceId, false, "The trace."),
    field("span_id", ColumnKind::SpanId, false, "The span, unique within its trace."),
    field("parent_span_id", ColumnKind::SpanId, true, "The parent; null for a root."),
    field("start_unix_nanos", ColumnKind::Int, false, "Start, in Unix nanoseconds."),
    field("duration_nanos", ColumnKind::Int, true, "End minus start; null while the span is open."),
    field("name", ColumnKind::Text, false, "The operation's name."),
    field("kind", ColumnKind::Int8, false, "0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer."),
    field("status_code", ColumnKind::Int8, false, "0 unset, 1 ok, 2 error."),
    field("status_message", ColumnKind::Text, true, "The developer's words on the status; null when empty."),
    TRACE_STATE,
    FLAGS,
    field("revision", ColumnKind::Int32, true, "Our own producers' revision of the span; null for 0."),
    SERVICE_NAME,
    resource("service_version", &["service.version"], "The sending service's version."),
    resource("service_instance_id", &["service.instance.id"], "The sending instance."),
    resource(
        "deployment_environment",
        &["deployment.environment.name", "deployment.environment"],
        "Where it is deployed.",
    ),
    resource("host_name", &["host.name"], "The sending host."),
    PROJECT,
    resource("kino_worktree", &["kino.worktree"], "The worktree it ran in."),
    resource("kino_code_state", &["kino.code_state"], "Commit, plus a hash of the uncommitted diff."),
    RUN_ID,
    attribute("http_request_method", ColumnKind::Text, &["http.request.method", "http.method"], "HTTP method."),
    attribute(
        "http_response_status_code",
        ColumnKind::Int,
        &["http.response.status_code", "http.status_code"],
        "HTTP status.",
    ),
    attribute("http_route", ColumnKind::Text, &["http.route"], "The matched route."),
    attribute("url_full", ColumnKind::Text, &["url.full", "http.url"], "The whole URL."),
    attribute("url_path", ColumnKind::Text, &["url.path"], "The URL's path."),
    attribute("server_address", ColumnKind::Text, &["server.address"], "The server's name or address."),
    attribute("server_port", ColumnKind::Int, &["server.port"], "The server's port."),
    attribute(
        "peer_service",
        ColumnKind::Text,
        &["peer.service", "service.peer.name"],
        "The remote service, as the caller names it.",
    ),
    attribute("error_type", ColumnKind::Text, &["error.type"], "The class of error."),
    attribute("db_system", ColumnKind::Text, &["db.system.name", "db.system"], "The database product."),
    attribute("db_namespace", ColumnKind::Text, &["db.namespace", "db.name"], "The database."),
    attribute("db_operation", ColumnKind::Text, &["db.operation.name", "db.operation"], "The database operation."),
    attribute("db_collection", ColumnKind::Text, &["db.collection.name", "db.sql.table"], "The table or collection."),
    attribute("db_query_text", ColumnKind::Text, &["db.query.text", "db.statement"], "The statement."),
    attribute("rpc_system", ColumnKind::Text, &["rpc.system.name", "rpc.system"], "The RPC system."),
    attribute("rpc_service", ColumnKind::Text, &["rpc.service"], "The RPC service."),
    attribute("rpc_method", ColumnKind::Text, &["rpc.method"], "The RPC method."),
    attribute("rpc_grpc_status_code", ColumnKind::Int, &["rpc.grpc.status_code"], "gRPC's numeric status."),
    attribute("messaging_system", ColumnKind::Text, &["messaging.system"], "The messaging system."),
    attribute(
        "messaging_destination",
        ColumnKind::Text,
        &["messaging.destination.name", "messaging.destination"],
        "The topic or queue.",
    ),
    attribute(
        "messaging_operation",
        ColumnKind::Text,
        &["messaging.operation.type", "messaging.operation"],
        "The messaging operation.",
    ),
    attribute(
        "messaging_message_id",
        ColumnKind::Text,
        &["messaging.message.id", "messaging.message_id"],
        "The message.",
    ),
    attribute(
        "gen_ai_operation",
        ColumnKind::Text,
        &["gen_ai.operation.name", "openinference.span.kind", "traceloop.span.kind"],
        "The kind of GenAI operation.",
    ),
    attribute(
        "gen_ai_provider",
        ColumnKind::Text,
        &["gen_ai.provider.name", "gen_ai.system", "llm.provider"],
        "The model's provider.",
    ),
    attribute(
        "gen_ai_request_model",
        ColumnKind::Text,
        &["gen_ai.request.model", "llm.model_name"],
        "The model asked for.",
    ),
    attribute("gen_ai_response_model", ColumnKind::Text, &["gen_ai.response.model"], "The model that answered."),
    attribute(
        "gen_ai_input_tokens",
        ColumnKind::Int,
        &[
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.prompt_tokens",
            "llm.token_count.prompt",
            "llm.usage.prompt_tokens",
        ],
        "Tokens sent to the model.",
    ),
    attribute(
        "gen_ai_output_tokens",
        ColumnKind::Int,
        &[
            "gen_ai.usage.output_tokens",
            "gen_ai.usage.completion_tokens",
            "llm.token_count.completion",
            "llm.usage.completion_tokens",
        ],
        "Tokens the model answered with.",
    ),
    attribute("gen_ai_conversation_id", ColumnKind::Text, &["gen_ai.conversation.id"], "The conversation."),
    attribute("gen_ai_tool_name", ColumnKind::Text, &["gen_ai.tool.name", "tool.name"], "The tool called."),
    attribute("code_function", ColumnKind::Text, &["code.function.name", "code.function"], "The function."),
    attribute("code_namespace", ColumnKind::Text, &["code.namespace"], "The function's namespace."),
    attribute("code_file", ColumnKind::Text, &["code.file.path", "code.filepath"], "The source file."),
    attribute("code_line", ColumnKind::Int, &["code.line.number", "code.lineno"], "The line in the source file."),
    attribute("session_id", ColumnKind::Text, &["session.id"], "The session."),
    attribute("cache_hit", ColumnKind::Bool, &["kino.cache.hit", "cache.hit"], "Whether a cache had the answer."),
    RESOURCE,
    SCOPE,
    ATTRIBUTES,
    ATTRIBUTES_EXACT,
    DROPPED_ATTRIBUTES,
    field("dropped_events_count", ColumnKind::Int32, true, "Events the sender dropped; null when none."),
    field("dropped_links_count", ColumnKind::Int32, true, "Links the sender dropped; null when none."),
];

/// The columns of `events`: span events and log records. Sorted in a file by (`trace_id`, `time_unix_nanos`).
pub const EVENTS: &[Column] = &[
    field("trace_id", ColumnKind::TraceId, true, "The trace; null for a log outside any."),
    field("span_id", ColumnKind::SpanId, true, "The span; null for a log outside any."),
    field("time_unix_nanos", ColumnKind::Int, false, "When it happened, in Unix nanoseconds."),
    field("source", ColumnKind::Int8, false, "0 span event, 1 log record."),
    field("ordinal", ColumnKind::Int32, true, "Its place among its span's events, from 0; null for logs."),
    field("name", ColumnKind::Text, false, "The event's name; empty for most logs."),
    field("observed_unix_nanos", ColumnKind::Int, true, "When a collector saw the log."),
    field("severity_number", ColumnKind::Int32, true, "OTLP's severity, 1 to 24; null when unset."),
    field("severity_text", ColumnKind::Text, true, "The sender's word for the severity; null when empty."),
    field("body", ColumnKind::Text, true, "The log's message as text; null when empty."),
    field("body_exact", ColumnKind::Bytes, true, "The log's body where text cannot carry it."),
    FLAGS,
    attribute("exception_type", ColumnKind::Text, &["exception.type"], "The exception's type."),
    attribute("exception_message", ColumnKind::Text, &["exception.message"], "The exception's message."),
    attribute(
        "exception_stacktrace",
        ColumnKind::Text,
        &["exception.stacktrace"],
        "The stack, as the language prints it.",
    ),
    SERVICE_NAME,
    PROJECT,
    RUN_ID,
    RESOURCE,
    SCOPE,
    ATTRIBUTES,
    ATTRIBUTES_EXACT,
    DROPPED_ATTRIBUTES,
];

/// The columns of `links`. Sorted in a file by (`trace_id`, `span_id`).
pub const LINKS: &[Column] = &[
    field("trace_id", ColumnKind::TraceId, false, "The linking span's trace."),
    field("span_id", ColumnKind::SpanId, false, "The linking span."),
    field("ordinal", ColumnKind::Int32, false, "Its place among its span's links, from 0."),
    field("linked_trace_id", ColumnKind::TraceId, false, "The linked span's trace."),
    field("linked_span_id", ColumnKind::SpanId, false, "The linked span."),
    TRACE_STATE,
    FLAGS,
    ATTRIBUTES,
    ATTRIBUTES_EXACT,
    DROPPED_ATTRIBUTES,
];

impl Table {
    /// All tables.
    pub const ALL: [Self; 3] = [Self::Spans, Self::Events, Self::Links];

    /// The table's name in queries and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spans => "spans",
            Self::Events => "events",
            Self::Links => "links",
        }
    }

    /// The table's columns, in order.
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Spans => SPANS,
            Self::Events => EVENTS,
            Self::Links => LINKS,
        }
    }

    /// The Arrow schema with every column.
    pub fn schema(self) -> SchemaRef {
        static SCHEMAS: LazyLock<[SchemaRef; 3]> = LazyLock::new(|| {
            Table::ALL.map(|table| Arc::new(Schema::new(table.columns().iter().map(Column::arrow).collect::<Fields>())))
        });
        Arc::clone(&SCHEMAS[self as usize])
    }

    /// The position of the column called `name`.
    pub fn column_index(self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name == name)
    }
}

impl Column {
    /// The Arrow field.
    pub fn arrow(&self) -> Field {
        Field::new(self.name, self.kind.arrow(), self.nullable)
    }
}

impl ColumnKind {
    /// The Arrow type in memory and in log segments. In Parquet a [`ColumnKind::Label`] is plain text.
    pub fn arrow(self) -> DataType {
        match self {
            Self::TraceId => DataType::FixedSizeBinary(16),
            Self::SpanId => DataType::FixedSizeBinary(8),
            Self::Text => DataType::Utf8,
            Self::Label => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            Self::Int => DataType::Int64,
            Self::Int32 => DataType::Int32,
            Self::Int8 => DataType::Int8,
            Self::Bool => DataType::Boolean,
            Self::Bytes => DataType::Binary,
            Self::Map => {
                let entry = Fields::from(vec![
                    Field::new("keys", DataType::Utf8, false),
                    Field::new("values", DataType::Utf8, true),
                ]);
                DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entry), false)), false)
            }
        }
    }
}

/// The promoted attribute column of `spans` that `key`, in any released spelling, feeds.
pub fn promoted_span_column(key: &str) -> Option<&'static Column> {
    meaning(key).map(|meaning| meaning.column)
}

/// What a promoted attribute of a span means, whatever the spelling.
#[derive(Debug)]
pub(crate) struct Meaning {
    column: &'static Column,
    /// One bit for each length, and one for each last byte, of a spelling: they rule most other keys out.
    lengths: u64,
    ends: u64,
}

impl Meaning {
    /// The place of `key` among the spellings, if it is one.
    pub(crate) fn spelling(&self, key: &str) -> Option<usize> {
        if self.lengths & length_bit(key) == 0 || self.ends & end_bit(key) == 0 {
            return None;
        }
        self.column.spellings.iter().position(|spelling| *spelling == key)
    }
}

fn length_bit(key: &str) -> u64 {
    1 << key.len().min(63)
}

fn end_bit(key: &str) -> u64 {
    1 << (key.as_bytes().last().copied().unwrap_or_default() & 63)
}

/// Hashes a key by its length and its last eight bytes, in which the spellings differ: detectors look keys up for every
/// span. Only the spellings of this file are in the table, so that no sender can make keys collide in it.
#[derive(Default)]
struct EndHasher(u64);

impl Hasher for EndHasher {
    fn write(&mut self, bytes: &[u8]) {
        let end = match bytes.last_chunk::<8>() {
            Some(end) => u64::from_le_bytes(*end),
            None => bytes.iter().fold(0, |end, byte| end << 8 | u64::from(*byte)),
        };
        self.0 = (end ^ (bytes.len() as u64)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    /// What ends a text says nothing of it.
    fn write_u8(&mut self, _: u8) {}

    fn finish(&self) -> u64 {
        self.0 ^ self.0 >> 32
    }
}

/// What `key` means if it is a spelling of a promoted attribute of spans.
pub(crate) fn meaning(key: &str) -> Option<&'static Meaning> {
    static BY_SPELLING: LazyLock<HashMap<&'static str, Meaning, BuildHasherDefault<EndHasher>>> = LazyLock::new(|| {
        let columns = by_spelling(Table::Spans, ColumnSource::Attribute).into_iter();
        let any = |column: &Column, bit: fn(&str) -> u64| column.spellings.iter().fold(0, |bits, key| bits | bit(key));
        let meaning = |column| Meaning { column, lengths: any(column, length_bit), ends: any(column, end_bit) };
        columns.map(|(spelling, column)| (spelling, meaning(column))).collect()
    });
    BY_SPELLING.get(key)
}

/// The promoted resource column of `spans` that `key`, in any released spelling, feeds.
pub fn promoted_resource_column(key: &str) -> Option<&'static Column> {
    static BY_SPELLING: LazyLock<HashMap<&'static str, &'static Column>> =
        LazyLock::new(|| by_spelling(Table::Spans, ColumnSource::Resource));
    BY_SPELLING.get(key).copied()
}

/// Maps each spelling to its column, for one table and source.
pub fn by_spelling(table: Table, source: ColumnSource) -> HashMap<&'static str, &'static Column> {
    let columns = table.columns().iter().filter(|column| column.source == source);
    columns.flat_map(|column| column.spellings.iter().map(move |spelling| (*spelling, column))).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_name_or_spelling_means_two_columns() {
        for table in Table::ALL {
            let mut seen = HashSet::new();
            for column in table.columns() {
                assert!(seen.insert(column.name), "{} twice in {}", column.name, table.name());
                for spelling in column.spellings {
                    assert!(seen.insert(spelling), "{spelling} twice in {}", table.name());
                }
            }
        }
    }

    #[test]
    fn older_spellings_find_the_same_column() {
        assert_eq!(promoted_span_column("db.statement").unwrap().name, "db_query_text");
        assert_eq!(promoted_span_column("llm.token_count.prompt").unwrap().name, "gen_ai_input_tokens");
        assert!(promoted_span_column("made.up").is_none());
    }
}

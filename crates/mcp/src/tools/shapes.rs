//! The facts and tables of all answers, declared once: for the answers, and for the resource `kino://answers`.

use rmcp::model::Resource;
use serde_json::{Map, Value as Json, json};

use crate::answer::TableShape;

/// The resource that lists them all; `/TOOL` after it gives those of one tool.
pub(crate) const ANSWERS_URI: &str = "kino://answers";

macro_rules! shapes {
    ($($name:ident: $table:literal, $first:expr, [$($column:literal),* $(,)?];)*) => {
        $(pub(crate) const $name: TableShape = TableShape { name: $table, first: $first, columns: &[$($column),*] };)*
    };
}

// The name of a table, how many rows it may have before the next table gets its first, and its columns.
shapes! {
    // explain_system
    WRONG: "wrong", 6, [
        "rank", "code", "share", "of", "untrusted.service", "untrusted.entry", "untrusted.text", "untrusted.code_at",
        "untrusted.searched", "raised", "next", "untrusted.target", "untrusted.target_service",
    ];
    ALSO_SEEN: "also_seen", 2, ["rank", "code", "untrusted.text"];
    ENTRY_POINTS: "entry_points", 8, [
        "entry", "untrusted.service", "untrusted.name", "executions", "errors", "p50_nanos", "p95_nanos",
    ];
    CALLS: "calls", 24, [
        "entry", "untrusted.service", "untrusted.name", "calls_each", "critical_nanos", "share", "untrusted.code",
        "untrusted.searched", "untrusted.statement",
    ];
    AT_THE_SAME_TIME: "at_the_same_time", 6, [
        "entry", "untrusted.first", "untrusted.second", "together_each_nanos", "share",
    ];
    WINDOW_SUSPECTS: "suspects", 3, [
        "score", "untrusted.service", "untrusted.name", "untrusted.reason", "p50_before_nanos", "p50_nanos",
        "errors_before", "errors", "untrusted.code_at", "evidence",
    ];
    WINDOW_ERRORS: "errors", 3, [
        "before", "since", "untrusted.type", "untrusted.message", "untrusted.frame", "example",
    ];
    NEW_OPERATIONS: "new_operations", 2, ["untrusted.service", "untrusted.name", "calls", "errors", "evidence"];
    GONE_OPERATIONS: "gone_operations", 2, ["untrusted.service", "untrusted.name", "calls", "errors", "evidence"];
    WINDOW_ENTRY_POINTS: "entry_points", 3, [
        "untrusted.service", "untrusted.name", "verdict", "p50_before_nanos", "p50_nanos", "calls_before", "calls",
        "errors_before", "errors",
    ];
    // find_traces
    TRACES: "traces", usize::MAX, [
        "trace_id", "untrusted.service", "untrusted.name", "start_unix_nanos", "duration_nanos", "spans", "errors",
        "run", "untrusted.run",
    ];
    SERVICES: "services", usize::MAX, ["untrusted.service", "operations", "spans", "roots", "errors"];
    OPERATIONS: "operations", usize::MAX, [
        "untrusted.service", "untrusted.name", "spans", "roots", "errors", "total_nanos", "p50_nanos", "p95_nanos",
    ];
    RUNS_LISTED: "runs", usize::MAX, [
        "run_id", "untrusted.label", "untrusted.command", "start_unix_nanos", "duration_nanos", "ended", "trace_id",
    ];
    TESTS: "tests", usize::MAX, [
        "lists", "untrusted.service", "untrusted.suite", "untrusted.name", "outcome", "executions", "failed",
        "p50_nanos", "p50_before_nanos", "statements", "peak_memory_bytes", "untrusted.message", "untrusted.code_at",
        "evidence", "passed",
    ];
    // explain
    FIRST_CAUSE: "first_cause", 1, [
        "untrusted.service", "untrusted.name", "untrusted.type", "untrusted.message", "untrusted.frame",
        "untrusted.function", "untrusted.searched", "untrusted.passed", "untrusted.reported", "handled", "evidence",
    ];
    CAUGHT_BEFORE: "caught_before", 1, [
        "untrusted.service", "untrusted.name", "untrusted.type", "untrusted.message", "untrusted.frame",
        "untrusted.function", "untrusted.attributes", "good", "good_with_it", "evidence",
    ];
    WAIT: "wait", 1, [
        "kind", "untrusted.service", "untrusted.name", "took_nanos", "usual_nanos", "share", "untrusted.what",
        "untrusted.code_at", "untrusted.searched", "evidence",
    ];
    ATTRIBUTES_APART: "attributes_apart", 3, [
        "untrusted.key", "untrusted.value", "untrusted.usual", "others_with_it", "others", "as_bad_with_it", "as_bad",
    ];
    OPERATIONS_APART: "operations_apart", 3, [
        "differs", "untrusted.service", "untrusted.name", "calls", "usual_calls", "call_nanos", "usual_call_nanos",
        "untrusted.code_at", "untrusted.searched", "evidence",
    ];
    LOGS: "logs", 3, [
        "at_nanos", "untrusted.severity", "untrusted.service", "untrusted.body", "times", "untrusted.only_here",
    ];
    CALLS_CHANGED: "calls_changed", 3, ["untrusted.text", "untrusted.parent"];
    FINDINGS: "findings", 4, [
        "code", "saving_nanos", "confidence", "executions", "untrusted.text", "untrusted.code_at", "untrusted.searched",
        "evidence",
    ];
    BREAKDOWN: "breakdown", 10, [
        "untrusted.service", "untrusted.name", "count", "self_nanos", "critical_nanos", "share", "p50_nanos",
        "p95_nanos", "untrusted.statement", "untrusted.code_at", "untrusted.searched", "example",
    ];
    CRITICAL_PATH: "critical_path", 12, [
        "at_nanos", "took_nanos", "untrusted.service", "untrusted.name", "span_id",
    ];
    // compare_runs
    SUSPECTS: "suspects", 3, ["score", "untrusted.service", "untrusted.name", "untrusted.reason"];
    COMPARED_OPERATIONS: "operations", 8, [
        "untrusted.service", "untrusted.name", "root", "verdict", "before_nanos", "after_nanos", "effect", "low",
        "high", "calls_before", "calls_after", "errors_before", "errors_after", "missing",
    ];
    COUNTS: "counts", 6, ["untrusted.what", "before", "after", "verdict"];
    RUNS: "runs", 4, ["what", "verdict", "before_nanos", "after_nanos", "effect", "low", "high"];
    TESTS_CHANGED: "tests_changed", 6, [
        "change", "untrusted.suite", "untrusted.name", "before", "after", "before_nanos", "after_nanos",
        "untrusted.message", "untrusted.code_at", "evidence_before", "evidence",
    ];
    EXECUTIONS_CHANGED: "executions_changed", 2, ["untrusted.service", "untrusted.name", "before", "after"];
    // verify_change
    REASONS: "reasons", 8, ["speaks_for", "code", "untrusted.reason"];
    VERIFY_SUSPECTS: "suspects", 3, ["score", "untrusted.name", "untrusted.why"];
    NEW_ERRORS: "new_errors", 3, ["count", "untrusted.type", "untrusted.message", "example"];
    FINDINGS_FIXED: "findings_fixed", 3, ["code", "saving_nanos", "untrusted.text", "evidence"];
    FINDINGS_OPENED: "findings_opened", 3, ["code", "saving_nanos", "untrusted.text", "evidence"];
    NOTES: "notes", 2, ["untrusted.note"];
    // find_errors
    ERRORS: "errors", usize::MAX, [
        "untrusted.type", "untrusted.message", "count", "last_seen_unix_nanos", "untrusted.frame",
        "untrusted.function", "fingerprint", "example", "printed",
    ];
    // check_insights
    INSIGHTS: "findings", usize::MAX, [
        "code", "state", "operation", "saving_nanos", "confidence", "executions", "numbers", "file", "searched", "evidence",
        "worked_here", "fingerprint",
    ];
    UNEXERCISED: "unexercised_change", usize::MAX, ["file", "lines", "count"];
    // query_sql: its columns are the statement's, each after `untrusted.`.
    ROWS: "rows", usize::MAX, [];
}

/// What a tool's answer may hold.
struct Declared {
    tool: &'static str,
    facts: &'static [&'static str],
    tables: &'static [TableShape],
}

macro_rules! declared {
    ($($tool:literal: facts [$($fact:literal),*] tables [$($shape:ident),*];)*) => {
        const DECLARED: &[Declared] =
            &[$(Declared { tool: $tool, facts: &[$($fact),*], tables: &[$($shape),*] }),*];
    };
}

declared! {
    "explain_system":
        facts [
            "scope", "operations", "executions", "failed", "unfinished", "operations_beyond", "executions_beyond",
            "traces_too_large", "causes_beyond", "since_unix_nanos", "untrusted.words_that_name_nothing",
            "until_unix_nanos", "against_unix_nanos", "against_until_unix_nanos", "executions_before",
            "executions_since", "traces_before_left_out", "traces_since_left_out", "suspects_beyond", "errors_beyond",
            "new_beyond", "gone_beyond", "entry_points_beyond"
        ]
        tables [
            WRONG, ALSO_SEEN, ENTRY_POINTS, CALLS, AT_THE_SAME_TIME, WINDOW_SUSPECTS, WINDOW_ERRORS, NEW_OPERATIONS,
            GONE_OPERATIONS, WINDOW_ENTRY_POINTS
        ];
    "find_traces":
        facts [
            "scope", "more", "beyond_limit", "no_such_service_nearest", "untrusted.no_such_service_nearest",
            "no_such_name_nearest", "untrusted.no_such_name_nearest", "tests", "executions", "failing", "flaky", "slower", "traces_beyond", "executions_beyond", "spans_not_looked_at"
        ]
        tables [
            TRACES, SERVICES, OPERATIONS, RUNS_LISTED, TESTS
        ];
    "explain":
        facts [
            "trace_id", "untrusted.service", "untrusted.root", "duration_nanos", "spans", "missing_parents",
            "spans_nested_by_time", "other_roots", "untrusted.waited", "executions_beyond", "executions_of_verifications",
            "executions_of_other_states", "open_executions_left_out", "spans_outside_parent", "open_spans",
            "breakdown_beyond", "findings_beyond", "path_segments_beyond", "log_records_beyond", "failed", "slow",
            "usual_nanos", "others", "others_failed", "others_slow", "others_not_read", "differences_beyond",
            "ask_next", "untrusted.ask_next", "untrusted.operation", "untrusted.services", "executions", "errors",
            "untrusted.code_state", "p50_nanos", "p95_nanos", "max_nanos", "scope", "untrusted.attribute", "runs",
            "model", "held_out_error", "explained", "seen_from", "seen_to", "at", "predicted_nanos", "low_nanos",
            "high_nanos", "limit_nanos", "limit_crossed_at", "first_at", "all_at", "open_left_out", "failed_left_out",
            "cold_left_out", "without_attribute"
        ]
        tables [
            FIRST_CAUSE, CAUGHT_BEFORE, WAIT, ATTRIBUTES_APART, OPERATIONS_APART, LOGS, CALLS_CHANGED, FINDINGS,
            BREAKDOWN, CRITICAL_PATH
        ];
    "compare_runs":
        facts [
            "verdict", "executions_before", "executions_after", "runs_before", "runs_after", "drift_of_both_sides",
            "others_cpu_before", "others_cpu_after", "beyond", "tests_before", "tests_after", "tests_new", "tests_gone",
            "tests_failing_on_both_sides", "tests_beyond"
        ]
        tables [
            CALLS_CHANGED, SUSPECTS, COMPARED_OPERATIONS, COUNTS, RUNS, EXECUTIONS_CHANGED, TESTS_CHANGED
        ];
    "verify_change":
        facts [
            "verdict", "id", "untrusted.before", "runs", "executions_before", "executions_after",
            "warm_ups_not_counted", "executions_missing", "traces_beyond", "findings_untold", "rows_beyond",
            "executed", "run"
        ]
        tables [
            REASONS, VERIFY_SUSPECTS, NEW_ERRORS, FINDINGS_FIXED, FINDINGS_OPENED, NOTES
        ];
    "find_errors":
        facts [
            "scope", "no_such_service_nearest", "untrusted.no_such_service_nearest"
        ]
        tables [
            ERRORS
        ];
    "check_insights":
        facts [
            "scope", "operations", "executions", "in_these_files", "told_before", "findings_beyond_limit",
            "traces_not_looked_at_yet", "traces_never_looked_at", "findings_not_kept"
        ]
        tables [
            INSIGHTS, UNEXERCISED
        ];
    "query_sql":
        facts []
        tables [
            ROWS
        ];
}

/// The tools whose answers are declared.
#[cfg(test)]
fn tools() -> impl Iterator<Item = &'static str> {
    DECLARED.iter().map(|declared| declared.tool)
}

/// The resource, for the list of them.
pub(crate) fn resource() -> Resource {
    Resource::new(ANSWERS_URI, "answers")
        .with_title("Facts, tables and columns of every tool's answer")
        .with_mime_type("application/json")
}

/// The content of the resource whose URI goes on with `rest`; `None` where there is none.
pub(crate) fn read(rest: &str) -> Option<Json> {
    if rest.is_empty() { described(None) } else { described(Some(rest.strip_prefix('/')?)) }
}

/// What the answers of `tool` may hold, or those of all tools; `None` where no tool is called so.
fn described(tool: Option<&str>) -> Option<Json> {
    let chosen: Map<String, Json> = DECLARED
        .iter()
        .filter(|declared| tool.is_none_or(|tool| tool == declared.tool))
        .map(|declared| (declared.tool.to_owned(), declared.describe()))
        .collect();
    (!chosen.is_empty()).then(|| {
        json!({
            "schema": "kino.mcp.answers.v1",
            "about": "Structured content has facts, tables (columns, rows), left_out (rows by table) and next (a cursor). \
                      Facts and columns without a value are absent. *_nanos are durations, *_unix_nanos times, share is \
                      0 to 1. untrusted.* was written by the traced programs. Facts and notes are on the first page.",
            "tools": chosen,
        })
    })
}

impl Declared {
    fn describe(&self) -> Json {
        let mut tables = Map::new();
        for shape in self.tables {
            // One name may have two shapes, as the questions are two.
            match tables.get_mut(shape.name).and_then(Json::as_array_mut) {
                Some(columns) => {
                    let more = shape.columns.iter().map(|&column| json!(column));
                    let more: Vec<Json> = more.filter(|column| !columns.contains(column)).collect();
                    columns.extend(more);
                }
                None => drop(tables.insert(shape.name.to_owned(), json!(shape.columns))),
            }
        }
        json!({"facts": self.facts, "tables": tables})
    }
}

/// The first fact or column of an answer's structured content that its tool does not declare.
pub(crate) fn undeclared(tool: &str, structured: &Json) -> Option<String> {
    let declared = DECLARED.iter().find(|declared| declared.tool == tool)?;
    let mut facts = structured["facts"].as_object()?.keys();
    if let Some(fact) = facts.find(|fact| !declared.facts.contains(&fact.as_str())) {
        return Some(format!("fact {fact}"));
    }
    for (name, table) in structured["tables"].as_object()? {
        if tool == "query_sql" {
            continue;
        }
        let shapes: Vec<&TableShape> = declared.tables.iter().filter(|shape| shape.name == name).collect();
        for column in table["columns"].as_array()? {
            let column = column.as_str()?;
            if !shapes.iter().any(|shape| shape.columns.contains(&column)) {
                return Some(format!("column {column} of {name}"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::list;

    #[test]
    fn every_tool_with_structured_content_is_declared() {
        let listed: Vec<String> = list::all(true)
            .iter()
            .filter(|tool| tool.output_schema.is_some())
            .map(|tool| tool.name.to_string())
            .collect();
        assert_eq!(listed, tools().collect::<Vec<_>>());
    }

    #[test]
    fn a_description_names_the_columns_of_one_tool_or_of_all() {
        let one = described(Some("find_traces")).unwrap();
        assert_eq!(one["tools"].as_object().unwrap().len(), 1);
        assert!(one["tools"]["find_traces"]["tables"]["traces"].as_array().unwrap().contains(&json!("trace_id")));
        assert_eq!(described(None).unwrap()["tools"].as_object().unwrap().len(), DECLARED.len());
        assert_eq!(described(Some("nothing")), None);
    }

    #[test]
    fn what_is_not_declared_is_found() {
        let answer = json!({"facts": {"scope": 1}, "tables": {"traces": {"columns": ["trace_id"], "rows": []}}});
        assert_eq!(undeclared("find_traces", &answer), None);
        let answer = json!({"facts": {}, "tables": {"traces": {"columns": ["service"], "rows": []}}});
        assert_eq!(undeclared("find_traces", &answer), Some("column service of traces".to_owned()));
    }
}

//! The environment that switches tracing on in a child: OpenTelemetry's own variables, set where they are absent.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use kino_model::{RunId, SpanId, TraceId, names};
use kino_text::percent;
use kino_wire::admin::EngineFile;
use kino_wire::run::CodeState;

use crate::service_name::{WorkingDirectory, service_name};

/// Where spans go.
pub(crate) const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// Where spans go, for traces alone.
pub(crate) const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
pub(crate) const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
const METRICS_EXPORTER: &str = "OTEL_METRICS_EXPORTER";
const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
const TRACEPARENT: &str = "TRACEPARENT";

/// The ids of a run.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    pub(crate) run: RunId,
    /// Its trace: the caller's where there is one.
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    /// The caller's span.
    pub(crate) parent_span: Option<SpanId>,
}

impl Ids {
    /// Ids for a new run, continuing the trace of an incoming `TRACEPARENT`. `random` is used up whole.
    pub(crate) fn new(random: [u8; 40], traceparent: Option<&OsStr>) -> Self {
        let (run, rest) = random.split_at(16);
        let (trace, span) = rest.split_at(16);
        let own = TraceId::from_slice(trace).expect("split at its length");
        let run = RunId::from_slice(run).expect("split at its length");
        let span = SpanId::from_slice(span).expect("what is left is its length");
        let parent = traceparent.and_then(OsStr::to_str).and_then(parse_traceparent);
        Self { run, trace: parent.map_or(own, |(trace, _)| trace), span, parent_span: parent.map(|(_, span)| span) }
    }
}

/// Reads W3C trace context, level 1 and later versions; anything malformed counts as absent, as the standard says.
pub(crate) fn parse_traceparent(text: &str) -> Option<(TraceId, SpanId)> {
    let mut parts = text.trim().split('-');
    let version = parts.next().filter(|version| version.len() == 2 && *version != "ff")?;
    let trace_id: TraceId = parts.next()?.parse().ok()?;
    let span_id: SpanId = parts.next()?.parse().ok()?;
    let flags = parts.next().filter(|flags| flags.len() == 2);
    let sound =
        !trace_id.is_zero() && !span_id.is_zero() && flags.is_some() && (version != "00" || parts.next().is_none());
    sound.then_some((trace_id, span_id))
}

/// What a run is found by besides its id.
#[derive(Clone, Copy, Debug, Default)]
pub struct Marks<'a> {
    /// The user's label.
    pub label: Option<&'a str>,
    /// The id of the tool call of an assistant that starts it.
    pub call: Option<&'a str>,
}

/// What is known when the child's environment is made.
pub(crate) struct EnvironmentInputs<'a> {
    /// The engine; `None` where none can be reached.
    pub(crate) engine: Option<&'a EngineFile>,
    /// The run's ids.
    pub(crate) ids: &'a Ids,
    /// Its label, and the call that starts it.
    pub(crate) marks: Marks<'a>,
    /// The code that runs.
    pub(crate) code: &'a CodeState,
    /// The command.
    pub(crate) words: &'a [OsString],
    /// Where it runs.
    pub(crate) directory: &'a Path,
}

/// The variables to set for the child; `variable` reads the present environment.
pub(crate) fn variables(
    known: &EnvironmentInputs<'_>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Vec<(&'static str, OsString)> {
    let (worktree, project) = (known.code.worktree.as_deref(), known.code.project.as_deref());
    let place = WorkingDirectory { directory: known.directory, worktree, project };
    let (mut set, attributes) = reporting(known.engine, || service_name(known.words, place), variable);
    let run = known.ids.run.to_string();
    let own = [
        (names::RUN_ID, Some(run.as_str())),
        (names::RUN_LABEL, known.marks.label),
        (names::CALL_ID, known.marks.call),
        (names::PROJECT, project),
        (names::WORKTREE, worktree),
        (names::CODE_STATE, known.code.code_state.as_deref()),
    ];
    set.push((RESOURCE_ATTRIBUTES, resource_attributes(&attributes, &own).into()));
    set.push((TRACEPARENT, format!("00-{}-{}-01", known.ids.trace, known.ids.span).into()));
    set
}

/// The variables by which programs report that no `kino run` starts: where spans go, and whose they are. The state of the
/// code is not among them, as it changes while they are in force.
pub(crate) fn without_run(
    engine: &EngineFile,
    code: &CodeState,
    directory: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Vec<(&'static str, OsString)> {
    let name = || {
        let root = code.worktree.as_deref().map_or(directory, Path::new);
        root.file_name().map_or_else(|| OsString::from("program"), OsStr::to_owned)
    };
    let (mut set, attributes) = reporting(Some(engine), name, variable);
    let own = [(names::PROJECT, code.project.as_deref()), (names::WORKTREE, code.worktree.as_deref())];
    let joined = resource_attributes(&attributes, &own);
    if !joined.is_empty() {
        set.push((RESOURCE_ATTRIBUTES, joined.into()));
    }
    set
}

/// What makes a program report, as far as the environment does not say it: where spans go, by which protocol, under which
/// service name, and that metrics stay. Returned with the resource attributes that the environment has.
fn reporting(
    engine: Option<&EngineFile>,
    name: impl FnOnce() -> OsString,
    variable: impl Fn(&str) -> Option<OsString>,
) -> (Vec<(&'static str, OsString)>, String) {
    let present = |name: &str| variable(name).filter(|value| !value.is_empty());
    let mut set: Vec<(&'static str, OsString)> = Vec::new();
    // The two belong together: a protocol that the user chose gets the port that speaks it.
    let protocol = present(PROTOCOL);
    if let Some(engine) = engine.filter(|_| present(ENDPOINT).is_none()) {
        let grpc = protocol.as_deref() == Some(OsStr::new("grpc"));
        let address = if grpc { &engine.otlp_grpc } else { &engine.otlp_http };
        set.push((ENDPOINT, format!("http://{address}").into()));
        if protocol.is_none() {
            set.push((PROTOCOL, "http/protobuf".into()));
        }
    }
    let attributes = present(RESOURCE_ATTRIBUTES).map(|value| value.to_string_lossy().into_owned()).unwrap_or_default();
    let named = attributes.split(',').any(|pair| pair.trim_start().starts_with("service.name="));
    if present(SERVICE_NAME).is_none() && !named {
        set.push((SERVICE_NAME, name()));
    }
    if present(METRICS_EXPORTER).is_none() {
        set.push((METRICS_EXPORTER, "none".into()));
    }
    (set, attributes)
}

/// The resource attributes that were there, without those of `own`, which an enclosing run may have set, and `own` after them.
fn resource_attributes(present: &str, own: &[(&str, Option<&str>)]) -> String {
    let is_own = |pair: &&str| own.iter().any(|(key, _)| pair.split('=').next().map(str::trim) == Some(*key));
    let others = present.split(',').filter(|pair| !pair.trim().is_empty() && !is_own(pair)).map(str::to_owned);
    let added = own.iter().filter_map(|(key, value)| Some(format!("{key}={}", percent_encode((*value)?))));
    others.chain(added).collect::<Vec<_>>().join(",")
}

/// Encodes what the W3C baggage format, whose syntax the variable has, does not allow in a value.
fn percent_encode(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\' | b'%' | b'=');
    percent::encoded(value, is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(present: &[(&str, &str)], label: Option<&str>) -> Vec<String> {
        let engine = EngineFile {
            otlp_grpc: "127.0.0.1:4317".to_owned(),
            otlp_http: "127.0.0.1:4318".to_owned(),
            ..EngineFile::default()
        };
        let traceparent = present.iter().find(|(name, _)| *name == TRACEPARENT).map(|(_, value)| OsStr::new(*value));
        let ids = Ids::new([0xab; 40], traceparent);
        let code = CodeState {
            project: Some("/home/a b/.git".to_owned()),
            code_state: Some("c0ffee+12".to_owned()),
            ..CodeState::default()
        };
        let words = [OsString::from("/usr/bin/app")];
        let known = EnvironmentInputs {
            engine: Some(&engine),
            ids: &ids,
            marks: Marks { label, call: None },
            code: &code,
            words: &words,
            directory: Path::new("/"),
        };
        let variable = |name: &str| present.iter().find(|(present, _)| *present == name).map(|(_, value)| value.into());
        let set = variables(&known, variable);
        set.into_iter().map(|(name, value)| format!("{name}={}", value.to_string_lossy())).collect()
    }

    #[test]
    fn everything_is_set_where_nothing_is() {
        let run = "ab".repeat(16);
        assert_eq!(
            check(&[], Some("a, b")),
            [
                "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318".to_owned(),
                "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf".to_owned(),
                "OTEL_SERVICE_NAME=app".to_owned(),
                "OTEL_METRICS_EXPORTER=none".to_owned(),
                format!(
                    "OTEL_RESOURCE_ATTRIBUTES=kino.run.id={run},kino.run.label=a%2C%20b,\
                     kino.project=/home/a%20b/.git,kino.code_state=c0ffee+12"
                ),
                format!("TRACEPARENT=00-{run}-{}-01", "ab".repeat(8)),
            ]
        );
    }

    #[test]
    fn what_the_user_set_stays() {
        let set = check(
            &[
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                ("OTEL_METRICS_EXPORTER", "otlp"),
                ("OTEL_RESOURCE_ATTRIBUTES", "service.name=mine,kino.run.id=outer,deployment.environment=dev"),
                ("TRACEPARENT", "00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-00"),
            ],
            None,
        );
        assert_eq!(set[0], "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317");
        assert!(
            set[1]
                .starts_with("OTEL_RESOURCE_ATTRIBUTES=service.name=mine,deployment.environment=dev,kino.run.id=abab")
        );
        assert_eq!(set[2], format!("TRACEPARENT=00-5b8efff798038103d269b633813fc60c-{}-01", "ab".repeat(8)));
        assert_eq!(set.len(), 3);
        assert!(
            check(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://elsewhere")], None)[0].starts_with("OTEL_SERVICE_NAME")
        );
    }

    #[test]
    fn malformed_parents_count_as_absent() {
        for text in [
            "",
            "00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174",
            "00-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01-extra",
            "ff-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01",
            "00-00000000000000000000000000000000-eee19b7ec3c1b174-01",
            "00-5b8efff798038103d269b633813fc60c-0000000000000000-01",
        ] {
            assert_eq!(parse_traceparent(text), None, "{text:?}");
        }
        assert!(parse_traceparent("cc-5b8efff798038103d269b633813fc60c-eee19b7ec3c1b174-01-more").is_some());
    }
}

//! nextest: each of its tests is a process, which a target runner of ours starts and records.
//!
//! ```text
//!  kino run ─ CARGO_TARGET_…_RUNNER="/proc/PID/exe __test" ─► nextest ─► kino __test [a runner of the user's] BINARY ARGUMENTS
//!                                                                           │ --list …          becomes the command
//!                                                                           │ --exact NAME      starts it, and waits
//!                                                                           └─► a span in the run's channel
//! ```
//!
//! The test gets a `TRACEPARENT` of its own, so that what it starts is below it. Its streams, its process group and the
//! way it ends are as without: signals reach the group, ours is ended by the same code or signal. Elsewhere than on Linux
//! there is no channel, and nothing is set.

use std::env::consts::ARCH;
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};

use kino_inject::writer::{Finished, Writer};
use kino_model::test_case::{self, Outcome};
use kino_model::{Clock, SpanId, TraceId, UnixNanos};
use kino_text::percent;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SigSet, Signal};
use rustix::process::{Resource, Rlimit};

use crate::RunnerError;
use crate::environment::parse_traceparent;

/// The hidden subcommand of this binary that [`run_test`] is.
pub const SUBCOMMAND: &str = "__test";
/// The platforms of a machine on which tests are executed, and the variables for their runners.
const RUNNERS: &[(&str, &str, &str)] = &[
    ("x86_64", "x86_64-unknown-linux-gnu", "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER"),
    ("x86_64", "x86_64-unknown-linux-musl", "CARGO_TARGET_X86_64_UNKNOWN_LINUX_MUSL_RUNNER"),
    ("aarch64", "aarch64-unknown-linux-gnu", "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER"),
    ("aarch64", "aarch64-unknown-linux-musl", "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_RUNNER"),
];
/// The largest configuration of cargo's that is read.
const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Signals of which the process group gets its own copy: the test decides, and we end as it does.
const THE_TESTS: [Signal; 6] =
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];

/// Whether the command runs tests with nextest, itself or behind a wrapper such as `env` or `nice`.
pub(crate) fn is_nextest(words: &[OsString]) -> bool {
    let name = |word: &OsString| Path::new(word).file_name().map(|name| name.to_string_lossy().into_owned());
    let is_cargo = |word: &OsString| matches!(name(word).as_deref(), Some("cargo" | "cargo-nextest"));
    let Some(at) = words.iter().position(is_cargo) else { return false };
    let rest = words[at + 1..].iter().filter_map(|word| word.to_str()).skip_while(|word| *word != "nextest").skip(1);
    rest.take_while(|word| *word != "--").any(|word| matches!(word, "run" | "r"))
}

/// Returns the variables that make nextest start each test through us; `variable` reads the present environment, whose
/// runner goes on being called.
///
/// # Errors
/// Where cargo's configuration has a runner that cannot be called by way of the environment: why, as a sentence.
pub(crate) fn variables(
    directory: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<(&'static str, OsString)>, String> {
    if !cfg!(target_os = "linux") {
        return Ok(Vec::new());
    }
    // A path without spaces, which separate the words of a runner, and the same program though its file is replaced.
    let own = format!("/proc/{}/exe {SUBCOMMAND}", std::process::id());
    let configured = configured(directory, &variable)?;
    let mut set = Vec::new();
    for (_, triple, name) in RUNNERS.iter().filter(|(arch, ..)| *arch == ARCH) {
        let present = variable(name).filter(|value| !value.is_empty());
        let configured = configured.iter().find(|(of, _)| of == triple).map(|(_, words)| words.into());
        let mut value = OsString::from(&own);
        if let Some(existing) = present.or(configured) {
            value.push(" ");
            value.push(existing);
        }
        set.push((*name, value));
    }
    Ok(set)
}

/// The runners that cargo's own configuration has, by platform: `.cargo/config.toml` of this folder and those above, then
/// that of cargo's home; the first of a platform counts.
fn configured(directory: &Path, variable: &impl Fn(&str) -> Option<OsString>) -> Result<Vec<(String, String)>, String> {
    let home = variable("CARGO_HOME").map(Into::into);
    let home = home.or_else(|| variable("HOME").map(|home| Path::new(&home).join(".cargo")));
    let folders = directory.ancestors().map(|folder| folder.join(".cargo")).chain(home);
    let mut found: Vec<(String, String)> = Vec::new();
    for path in folders.flat_map(|folder| [folder.join("config.toml"), folder.join("config")]) {
        let Ok(about) = path.metadata() else { continue };
        if !about.is_file() || about.len() > CONFIG_BYTES_MAX {
            continue;
        }
        let Some(config) = fs::read_to_string(&path).ok().and_then(|text| text.parse::<toml::Table>().ok()) else {
            continue;
        };
        for (platform, table) in config.get("target").and_then(toml::Value::as_table).into_iter().flatten() {
            let Some(runner) = table.get("runner") else { continue };
            let words = words(runner).ok_or_else(|| foreign(&path, platform))?;
            // A path in a file is relative to the folder around it, and `cfg(…)` takes an evaluation.
            let first = words.split(' ').next().unwrap_or_default();
            if platform.starts_with("cfg(") || first.contains('/') && !first.starts_with('/') {
                return Err(foreign(&path, platform));
            }
            if !found.iter().any(|(known, _)| known == platform) {
                found.push((platform.clone(), words));
            }
        }
    }
    Ok(found)
}

fn foreign(path: &Path, platform: &str) -> String {
    format!(
        "{} has a runner for {platform} that stays as it is: tests of nextest are not recorded one by one; \
         CARGO_TARGET_…_RUNNER in the environment, which kino run calls, would be",
        path.display()
    )
}

/// The words of a runner, as one text; `None` where one of them has a space.
fn words(runner: &toml::Value) -> Option<String> {
    match runner {
        toml::Value::String(text) => Some(text.split_whitespace().collect::<Vec<_>>().join(" ")),
        toml::Value::Array(words) => {
            let words: Vec<&str> = words.iter().map(toml::Value::as_str).collect::<Option<_>>()?;
            words.iter().all(|word| !word.contains(char::is_whitespace) && !word.is_empty()).then(|| words.join(" "))
        }
        _ => None,
    }
}

/// Executes a command that nextest gives: one test is started, waited for and recorded; anything else, such as the list of
/// tests, is what this process becomes. Returns the exit code that the command had.
///
/// # Errors
/// Where the command does not start.
pub fn run_test(
    command: &[OsString],
    clock: &dyn Clock,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<ExitCode, RunnerError> {
    let (program, arguments) = command.split_first().ok_or(RunnerError::CommandNotFound(String::new()))?;
    let mut process = Command::new(program);
    process.args(arguments);
    let Some(recorded) = test_name(arguments).and_then(|name| Recorded::begin(name, clock, &variable)) else {
        return Err(RunnerError::not_started(program, process.exec()));
    };
    process.env("TRACEPARENT", format!("00-{}-{}-01", recorded.trace, recorded.span));
    let mut started = process.spawn().map_err(|error| RunnerError::not_started(program, error))?;
    // Only now, since a child begins with what its parent has blocked. A signal before that ends both, as without us.
    let own: SigSet = THE_TESTS.into_iter().collect();
    own.thread_block().ok();
    let status = started.wait().map_err(|error| RunnerError::system("waiting for the test", error))?;
    recorded.end(status, clock, arguments, &variable);
    if let Some(signal) = status.signal() {
        own.thread_unblock().ok();
        end_by(signal);
    }
    Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// The name of the one test that these arguments ask for; `None` of a list, and of everything else.
fn test_name(arguments: &[OsString]) -> Option<&str> {
    if arguments.iter().any(|argument| argument == "--list") {
        return None;
    }
    let at = arguments.iter().position(|argument| argument == "--exact")?;
    arguments.get(at + 1)?.to_str()
}

/// Ends this process as the test was ended: it does not return where the signal ends a process.
fn end_by(signal: i32) {
    // The test has written what there is to write about its end.
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Core, none).ok();
    // Of some signals the first only takes our own handler away.
    for _ in 0..2 {
        if let Some(signal) = rustix::process::Signal::from_named_raw(signal) {
            rustix::process::kill_process(rustix::process::getpid(), signal).ok();
        }
    }
}

/// A test that is being recorded.
struct Recorded {
    name: String,
    trace: TraceId,
    parent: SpanId,
    span: SpanId,
    start: UnixNanos,
    writer: Writer,
}

impl Recorded {
    /// `None` where no run reads, or it has no trace.
    fn begin(name: &str, clock: &dyn Clock, variable: &impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let channel = variable("KINO_CHANNEL")?;
        let (trace, parent) = parse_traceparent(variable("TRACEPARENT")?.to_str()?)?;
        let [key, span] = [(); 2].map(|()| crate::random::<8>().ok().map(SpanId));
        let resource = resource(variable);
        let writer = Writer::open(Path::new(&channel), &key?.to_string(), &resource, "kino.nextest").ok()?;
        Some(Self { name: name.to_owned(), trace, parent, span: span?, start: clock.now(), writer })
    }

    fn end(
        mut self,
        status: ExitStatus,
        clock: &dyn Clock,
        arguments: &[OsString],
        variable: &impl Fn(&str) -> Option<OsString>,
    ) {
        let end = clock.now().max(self.start);
        let outcome = outcome(status);
        let result = outcome.result().unwrap_or("fail");
        let suite = variable("NEXTEST_BINARY_ID").map(|id| id.to_string_lossy().into_owned());
        let mut attributes = vec![
            (test_case::NAME, self.name.as_str().into()),
            (test_case::OUTCOME, outcome.name().into()),
            (test_case::RESULT, result.into()),
            (test_case::FRAMEWORK, "nextest".into()),
            ("code.function.name", self.name.as_str().into()),
        ];
        attributes.extend(suite.map(|suite| (test_case::SUITE, suite.into())));
        attributes.extend(peak_memory().map(|bytes| (test_case::PEAK_MEMORY, bytes.into())));
        attributes.extend(status.code().map(|code| ("process.exit.code", code.into())));
        attributes.extend(status.signal().map(|signal| ("kino.test.signal", signal.into())));
        if result == "fail" {
            attributes.push(("error.type", outcome.name().into()));
        }
        if arguments.iter().any(|argument| argument == "--ignored") {
            attributes.push(("kino.test.is_ignored", true.into()));
        }
        let [trace_id, span_id, parent] = [self.trace.to_string(), self.span.to_string(), self.parent.to_string()];
        let span = Finished {
            trace_id: &trace_id,
            span_id: &span_id,
            parent_span_id: Some(&parent),
            name: &self.name,
            start: self.start.0,
            end: end.0,
            has_failed: result == "fail",
            attributes,
        };
        // A run that has ended takes no more spans.
        self.writer.span(&span).ok();
    }
}

/// A test that nextest ends, as it takes too long, gets SIGTERM.
fn outcome(status: ExitStatus) -> Outcome {
    match (status.code(), status.signal()) {
        (Some(0), _) => Outcome::Passed,
        (Some(_), _) => Outcome::Failed,
        (None, Some(signal)) if signal == Signal::SIGTERM as i32 => Outcome::TimedOut,
        (None, _) => Outcome::Error,
    }
}

/// The most memory that the test, or a process of its that it waited for, had resident.
fn peak_memory() -> Option<i64> {
    let kibibytes = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?.max_rss();
    (kibibytes > 0).then_some(kibibytes * 1024)
}

/// What OpenTelemetry's variables say of the process, as `kino run` has set them.
pub(crate) fn resource(variable: &impl Fn(&str) -> Option<OsString>) -> Vec<(String, String)> {
    let text = |name: &str| variable(name).map(|value| value.to_string_lossy().into_owned());
    let pairs = text("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
    let pairs = pairs.split(',').filter_map(|pair| pair.split_once('='));
    let mut found: Vec<(String, String)> = pairs
        .map(|(key, value)| (percent::decoded_leniently(key.trim()), percent::decoded_leniently(value.trim())))
        .collect();
    if let Some(name) = text("OTEL_SERVICE_NAME").filter(|name| !name.is_empty()) {
        found.retain(|(key, _)| key != "service.name");
        found.push(("service.name".to_owned(), name));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &str) -> Vec<OsString> {
        command.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn commands_of_nextest_are_recognised() {
        for command in [
            "cargo nextest run",
            "cargo +nightly nextest run --workspace -E test(x)",
            "/usr/bin/cargo --locked nextest r",
            "env A=b cargo-nextest nextest run",
            "cargo nextest --color always run",
        ] {
            assert!(is_nextest(&words(command)), "{command}");
        }
        for command in ["cargo test", "cargo nextest list", "cargo run nextest", "nextest run", "echo cargo"] {
            assert!(!is_nextest(&words(command)), "{command}");
        }
    }

    #[test]
    fn one_test_is_recorded_and_a_list_is_not() {
        assert_eq!(test_name(&words("--exact cart::adds --nocapture")), Some("cart::adds"));
        assert_eq!(test_name(&words("qemu bin --exact a --nocapture --ignored")), Some("a"));
        for other in ["--list --format terse", "--list --format terse --ignored", "--exact", "", "--list --exact a"] {
            assert_eq!(test_name(&words(other)), None, "{other}");
        }
    }

    #[test]
    fn a_runner_of_the_users_is_called_by_ours() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("home");
        let check = |config: &str, present: Option<&str>| {
            fs::create_dir_all(folder.path().join(".cargo")).unwrap();
            fs::write(folder.path().join(".cargo/config.toml"), config).unwrap();
            let variable = |name: &str| match name {
                "CARGO_HOME" => Some(home.clone().into_os_string()),
                name if name.ends_with("GNU_RUNNER") => present.map(OsString::from),
                _ => None,
            };
            let set = variables(folder.path(), variable)?;
            let own = set.into_iter().find(|(name, _)| name.ends_with("GNU_RUNNER")).unwrap().1;
            Ok::<_, String>(own.to_string_lossy().split_once("/exe ").unwrap().1.to_owned())
        };
        let triple = format!("{ARCH}-unknown-linux-gnu");
        assert_eq!(check("", None).unwrap(), "__test");
        assert_eq!(check("", Some("valgrind -q")).unwrap(), "__test valgrind -q");
        assert_eq!(check(&format!("[target.{triple}]\nrunner = \"strace  -f\""), None).unwrap(), "__test strace -f");
        assert_eq!(check(&format!("[target.{triple}]\nrunner = [\"a\", \"b\"]"), None).unwrap(), "__test a b");
        assert_eq!(check(&format!("[target.{triple}]\nrunner = \"x\""), Some("y")).unwrap(), "__test y");
        assert_eq!(check("[target.wasm32-wasip1]\nrunner = \"wasmtime\"", None).unwrap(), "__test");
        for foreign in
            ["[target.'cfg(unix)']\nrunner = \"x\"".to_owned(), format!("[target.{triple}]\nrunner = [\"a b\"]")]
        {
            assert!(check(&foreign, None).unwrap_err().contains("stays as it is"), "{foreign}");
        }
        assert_eq!(check("not toml [", None).unwrap(), "__test");
    }

    #[test]
    fn what_the_environment_says_of_the_process_is_decoded() {
        let variable = |name: &str| match name {
            "OTEL_RESOURCE_ATTRIBUTES" => Some("kino.run.id=ab,service.name=old,kino.project=/a%20b%2,x".into()),
            "OTEL_SERVICE_NAME" => Some("shop".into()),
            _ => None,
        };
        let found = resource(&variable);
        let expected = [("kino.run.id", "ab"), ("kino.project", "/a b%2"), ("service.name", "shop")];
        assert_eq!(found, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn outcomes_follow_from_the_end_of_the_process() {
        for (raw, expected) in
            [(0, Outcome::Passed), (101 << 8, Outcome::Failed), (6, Outcome::Error), (15, Outcome::TimedOut)]
        {
            assert_eq!(outcome(ExitStatus::from_raw(raw)), expected);
        }
    }
}

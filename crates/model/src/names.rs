//! Every attribute key under `kino.*`, and the standard ones that code asks for by name.
//!
//! OpenTelemetry's semantic conventions come first; `kino.*` holds only what they lack.

/// Which project (a common git directory) an execution belongs to. Resource.
pub const PROJECT: &str = "kino.project";
/// Which worktree of the project it ran in. Resource.
pub const WORKTREE: &str = "kino.worktree";
/// The code that ran: commit, plus a hash of the uncommitted diff. Resource.
pub const CODE_STATE: &str = "kino.code_state";
/// The id of the run (`kino run`) that produced it. Resource.
pub const RUN_ID: &str = "kino.run.id";
/// The label of that run. Resource.
pub const RUN_LABEL: &str = "kino.run.label";
/// The id of the tool call of an assistant that started a run, as its hook or the user names it. Resource, span.
pub const CALL_ID: &str = "kino.call.id";
/// The command line of a run, redacted. Span.
pub const RUN_COMMAND: &str = "kino.run.command";
/// Processor time of a run's command and its children, user and system, in nanoseconds. Span.
pub const RUN_CPU_NANOS: &str = "kino.run.cpu_nanos";
/// The share of the machine's cores that other programs used while a run lasted, from 0 to 1. Span.
pub const RUN_OTHERS_CPU: &str = "kino.run.others_cpu";
/// The exit code of a run. Span.
pub const RUN_EXIT_CODE: &str = "kino.run.exit_code";
/// The signal that ended a run. Span.
pub const RUN_SIGNAL: &str = "kino.run.signal";
/// Hash of a run's standard output in the blob store. Span.
pub const RUN_STDOUT: &str = "kino.run.stdout";
/// Hash of a run's standard error in the blob store. Span.
pub const RUN_STDERR: &str = "kino.run.stderr";
/// Hash of the uncommitted diff in the blob store. Span.
pub const RUN_DIFF: &str = "kino.run.diff";
/// Whether a command was seen in `/proc` now and then: it was there before and after, and its exit code is not known. Span.
pub const PROCESS_SAMPLED: &str = "kino.process.sampled";
/// Processor time of a sampled command alone until it was last seen, user and system, in nanoseconds. Span.
pub const PROCESS_CPU_NANOS: &str = "kino.process.cpu_nanos";
/// The most memory that a sampled command had resident until it was last seen, in bytes. Span.
pub const PROCESS_PEAK_MEMORY: &str = "kino.process.peak_memory_bytes";
/// Whether a sampled command lived on when its run ended; absent where it did not. Span.
pub const PROCESS_OUTLIVES: &str = "kino.process.outlives_run";
/// Whether a cache had the answer; beside the conventions' lack of one. Span.
pub const CACHE_HIT: &str = "kino.cache.hit";
/// The names of the redaction rules that fired on a value's neighbours, comma-separated. Span, event, link.
pub const REDACTED: &str = "kino.redacted";

/// Name of the service. Resource.
pub const SERVICE_NAME: &str = "service.name";
/// The exception's type. Event.
pub const EXCEPTION_TYPE: &str = "exception.type";
/// The exception's message. Event.
pub const EXCEPTION_MESSAGE: &str = "exception.message";
/// The exception's stack trace, as the language prints it. Event.
pub const EXCEPTION_STACKTRACE: &str = "exception.stacktrace";

//! The environment of a shell or an assistant whose programs report without `kino run`: every Python and Node program that
//! is started there, and each with an OpenTelemetry SDK of its own.

use std::ffi::OsString;
use std::path::Path;

use kino_inject::bootstrap::{Bootstrap, Reports};
use kino_wire::admin::EngineFile;
use kino_wire::run::CodeState;

use crate::environment;

/// In the place of a channel where there is none: nothing can ever be at this path, so that processes send their spans to the
/// engine.
const NO_CHANNEL: &str = "/dev/null/kino";

/// The name of a variable that nothing but the bootstrap reads.
pub const MARK: &str = "KINO_CHANNEL";

/// The variables for Python programs of any project, which an assistant's configuration can hold: nothing in them depends on
/// a directory or on a run. `otlp_http` is where the engine is to listen.
pub fn lasting(bootstrap: &Bootstrap, otlp_http: &str) -> Vec<(&'static str, OsString)> {
    bootstrap.lasting_variables(Path::new(NO_CHANNEL), otlp_http)
}

/// The variables for programs that are started in `directory`; `variable` reads the present environment, whose values stay
/// in force. Programs append to the engine's channel, and find its listener once that engine has ended: where it is elsewhere
/// then, their spans are lost.
pub fn variables(
    bootstrap: &Bootstrap,
    engine: &EngineFile,
    directory: &Path,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Vec<(&'static str, OsString)> {
    let project = kino_repo::project::of(directory);
    let code = CodeState {
        worktree: project.as_ref().map(|project| project.worktree.to_string_lossy().into_owned()),
        project: project.map(|project| project.name),
        ..CodeState::default()
    };
    let root = code.worktree.as_deref().map_or(directory, Path::new);
    let channel = if engine.channel.is_empty() { NO_CHANNEL } else { &engine.channel };
    let reports = Reports { channel: Path::new(channel), otlp_http: Some(&engine.otlp_http), project: root };
    let mut set = environment::without_run(engine, &code, directory, &variable);
    set.extend(bootstrap.variables(reports, &variable));
    set
}

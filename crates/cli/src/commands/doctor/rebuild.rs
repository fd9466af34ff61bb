//! `doctor --rebuild`: restores the catalog from the lake's files, with no engine running.

use std::process::ExitCode;

use kino_wire::admin::{CheckState, Doctor};
use rustix::fs::Mode;

use crate::app::{App, Outcome};
use crate::failure::{Failure, code};
use crate::render;

/// Restores the catalog, and says what came back and what not.
pub(super) fn run(app: &App) -> Outcome {
    // As the engine: whatever is written is for this user alone.
    rustix::process::umask(Mode::from_raw_mode(0o077));
    let rebuilt = kino_engine::rebuild(&app.settings.engine, &*app.clock).map_err(|error| {
        let failure = Failure::because("rebuilding the catalog", &error);
        if error.is_locked() { Failure::new(code::TRY_AGAIN, failure.message) } else { failure }
    })?;
    let answer = Doctor { schema: Doctor::SCHEMA.to_owned(), checks: rebuilt };
    app.output.answer(&answer, |style| render::engine::doctor(&answer, style))?;
    let failed = answer.checks.iter().any(|check| check.state == CheckState::Failed);
    Ok(if failed { ExitCode::from(code::FAILED) } else { ExitCode::SUCCESS })
}

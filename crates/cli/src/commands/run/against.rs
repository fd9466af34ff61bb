//! `run --against`: a change is verified, and the verdict is shown.

use std::fs;
use std::process::ExitCode;

use kino_runner::verification::{self, VerificationPlan};
use kino_wire::verify::{Verify, VerifyVerdict};

use crate::app::{App, Outcome};
use crate::args;
use crate::failure::{Failure, code};
use crate::render;

/// Executes and judges.
pub(super) fn run(app: &App, arguments: &args::Run, base: &str) -> Outcome {
    let plan = VerificationPlan {
        command: &arguments.command,
        directory: &app.settings.directory,
        base,
        id: arguments.verify_id,
        ends_with_owner: arguments.verify_id.is_some(),
        repeat: arguments.repeat,
        tolerate: arguments.tolerate,
        budget_nanos: arguments.budget,
        cores: arguments.pin.as_ref().map(|cores| cores.0.as_slice()),
        setup: arguments.setup.as_deref(),
    };
    let verified = verification::verify(app, &plan).map_err(not_carried_out)?;
    show(app, arguments, &verified.verify)?;
    Ok(exit_code(&verified.verify, verified.interrupted))
}

fn exit_code(verify: &Verify, interrupted: bool) -> ExitCode {
    ExitCode::from(match verify.verdict {
        _ if interrupted => code::INTERRUPTED,
        Some(VerifyVerdict::Pass) => 0,
        Some(VerifyVerdict::Fail) => code::FAILED,
        Some(VerifyVerdict::Undecided) => code::UNDECIDED,
        None => code::RUN_FAILED,
    })
}

fn show(app: &App, arguments: &args::Run, verify: &Verify) -> Result<(), Failure> {
    if let Some(path) = &arguments.json_out {
        let json = serde_json::to_string(verify).map_err(|error| Failure::because("writing JSON", &error))?;
        fs::write(path, json + "\n").map_err(|error| Failure::because(path.display(), &error))?;
    }
    app.output.answer(verify, |style| render::verify::text(verify, style))
}

/// What could not be carried out must not be taken for a verdict by its exit code.
fn not_carried_out(failure: Failure) -> Failure {
    let code = match failure.code {
        code::FAILED | code::NOT_FOUND => code::RUN_FAILED,
        other => other,
    };
    Failure { code, ..failure }
}

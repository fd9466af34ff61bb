//! `verify_change`: a command executed before and after a change, and the verdict.
//!
//! Nothing is executed here. The program that serves MCP supplies a [`Verifier`], which decides from the user's own
//! configuration whether this command may run, and starts it elsewhere. The tool waits a while for its end, then
//! answers with the id to ask again. A call that is cancelled meanwhile ends the verification, as the end of its client
//! does.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::time::Duration;

use kino_model::VerificationId;
use kino_wire::Problem;
use kino_wire::ask::ask;
use kino_wire::errors::ErrorGroup;
use kino_wire::finding::Finding;
use kino_wire::verify::{Reason, Verify, VerifyQuestion, VerifyState, VerifyVerdict};

use crate::answer::{Answer, Rendered, Table, TableShape};
use crate::arguments;
use crate::leases::{Lease, Leases};
use crate::progress::Progress;
use crate::tools::{Refusal, ToolContext, evidence, finding_text, shapes};
use crate::untrusted::MESSAGE_BYTES_MAX;
use crate::value::Value;

/// What a change is compared with when nothing is said: what is uncommitted is the change.
const AGAINST_DEFAULT: &str = "HEAD";
/// The most words of a command, far beyond any that a person would write.
const COMMAND_WORDS_MAX: usize = 1_000;
/// The most executions a side.
const REPEAT_MAX: u32 = 200;

/// How often a call that waits looks how far the verification is.
const STEP: Duration = Duration::from_secs(1);

/// What a call of `verify_change` needs besides its arguments.
pub(crate) struct Executing<'a> {
    /// What starts verifications, where any may be started.
    pub(crate) verifier: Option<&'a dyn Verifier>,
    /// Where the client works, if that is one place.
    pub(crate) directory: Option<PathBuf>,
    /// What keeps the client's verifications going.
    pub(crate) leases: &'a Leases,
    /// Reports to the client how far it is.
    pub(crate) progress: Progress,
}

/// Starts verifications; in the product this starts `kino run --against`, a process of its own.
pub trait Verifier: Send + Sync {
    /// Starts one, if the user's configuration allows its command.
    fn start(&self, request: VerifyRequest) -> Starting<'_>;

    /// How long a tool call waits for the end before it answers with the id to ask again.
    fn wait(&self) -> Duration;
}

/// What a client wants verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyRequest {
    /// The command and its arguments; never a shell's line.
    pub command: Vec<String>,
    /// What to compare with.
    pub against: String,
    /// Executions a side, if the client says.
    pub repeat: Option<u32>,
    /// The client's root: the working directory. `None` where it names none.
    pub directory: Option<PathBuf>,
}

/// What is to become of [`Verifier::start`].
pub type Starting<'a> = Pin<Box<dyn Future<Output = Result<Verifying, Problem>> + Send + 'a>>;

/// What became of it.
pub enum Verifying {
    /// It runs under this id, while the lease lasts.
    Started(VerificationId, Lease),
    /// It may not be executed here: what the user, or the agent by its own means, can run.
    Denied {
        /// A shell's line.
        line: String,
        /// Why, and what would allow it, in words of our own.
        why: String,
    },
}

impl ToolContext<'_> {
    pub(crate) async fn verify_change(
        &self,
        arguments: arguments::Verify,
        Executing { verifier, directory, leases, progress }: Executing<'_>,
    ) -> Result<Rendered, Refusal> {
        let wait = verifier.map_or(Duration::ZERO, Verifier::wait);
        let id = match (arguments.id, arguments.command) {
            (Some(id), None) => id,
            (None, Some(command)) => {
                let against = arguments.against.unwrap_or_else(|| AGAINST_DEFAULT.to_owned());
                let request = VerifyRequest { command, against, repeat: arguments.repeat, directory };
                check(&request)?;
                let Some(verifier) = verifier else {
                    let message =
                        "this server cannot execute anything; id reads a verification that `kino run --against` made";
                    return Err(Refusal::Problem(Problem::unavailable(message)));
                };
                match verifier.start(request).await? {
                    Verifying::Started(id, lease) => {
                        leases.add(id, lease);
                        id.to_string()
                    }
                    Verifying::Denied { line, why } => return Ok(self.denied(line, why)),
                }
            }
            _ => return Err(Refusal::Arguments("give either command (with against, repeat) or id".to_owned())),
        };
        let verify = self.wait_for(id, wait, leases, &progress).await?;
        self.finish(&answer(&verify), arguments.cursor.as_ref())
    }

    /// Waits for the end, at most for `wait`, and reports each execution meanwhile.
    async fn wait_for(
        &self,
        id: String,
        wait: Duration,
        leases: &Leases,
        progress: &Progress,
    ) -> Result<Verify, Refusal> {
        let waiting = id.parse().ok().map(|id| leases.wait_for(id));
        let (mut left, mut reported) = (wait, None);
        loop {
            let step = left.min(STEP);
            left -= step;
            let wait_millis = u64::try_from(step.as_millis()).unwrap_or(u64::MAX);
            let verify = ask(self.backend, &VerifyQuestion { id: id.clone(), wait_millis }).await?;
            let is_running = verify.state == VerifyState::Running;
            if !is_running || left.is_zero() {
                if let Some(waiting) = waiting {
                    waiting.answered(!is_running);
                }
                return Ok(verify);
            }
            let [before, after] = [&verify.before.runs, &verify.after.runs].map(|runs| runs.len() as u64);
            if reported != Some([before, after]) {
                reported = Some([before, after]);
                let message =
                    format!("{before} executions before the change and {after} after, of at most {}", verify.planned);
                progress.report(before + after, 2 * verify.planned, message).await;
            }
        }
    }

    fn denied(&self, line: String, why: String) -> Rendered {
        let facts = vec![("executed", Value::Plain("no".to_owned())), ("run", Value::Plain(line))];
        let after = "run that line in a shell; it prints the verdict and an id, which verify_change reads".to_owned();
        let answer = Answer { tool: "verify_change", facts, notes: vec![why, after], tables: Vec::new(), next: None };
        answer.render(self.budget_tokens, None)
    }
}

fn check(request: &VerifyRequest) -> Result<(), String> {
    let is_sound = |word: &String| !word.contains('\0');
    if request.command.is_empty() || request.command.len() > COMMAND_WORDS_MAX || !request.command.iter().all(is_sound)
    {
        return Err(format!("command is a program and its arguments, 1 to {COMMAND_WORDS_MAX} words, no shell's line"));
    }
    if request.repeat.is_some_and(|repeat| !(1..=REPEAT_MAX).contains(&repeat)) {
        return Err(format!("repeat is 1 to {REPEAT_MAX}"));
    }
    if request.against.is_empty() || request.against.contains('\0') {
        return Err("against is a git revision, previous, run:ID or label:NAME".to_owned());
    }
    Ok(())
}

fn answer(verify: &Verify) -> Answer {
    let verdict = match (verify.state, verify.verdict) {
        (VerifyState::Running, _) => "running",
        (VerifyState::Done, Some(verdict)) => verdict.name(),
        _ => "failed",
    };
    let mut facts = vec![("verdict", Value::Plain(verdict.to_owned())), ("id", Value::Plain(verify.id.to_string()))];
    facts.push(("before", Value::recorded(&verify.before.what)));
    if verify.state == VerifyState::Running {
        let runs =
            format!("{} before, {} after, of {}", verify.before.runs.len(), verify.after.runs.len(), verify.planned);
        facts.push(("runs", Value::Plain(runs)));
        let notes = vec!["it goes on in the background: call verify_change with this id".to_owned()];
        return Answer { tool: "verify_change", facts, notes, tables: Vec::new(), next: None };
    }
    facts.extend([
        ("executions_before", Value::Count(verify.before.executions)),
        ("executions_after", Value::Count(verify.after.executions)),
    ]);
    let left_out = &verify.left_out;
    let counts = [
        ("warm_ups_not_counted", left_out.warm_up_runs.len() as u64),
        ("executions_missing", left_out.executions_missing),
        ("traces_beyond", left_out.traces.before + left_out.traces.after),
        ("findings_untold", left_out.findings_undecided),
        ("rows_beyond", left_out.reasons + left_out.new_errors + left_out.findings),
    ];
    facts.extend(counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, Value::Count(count))));
    let mut tables = vec![reasons(&verify.reasons)];
    if verify.verdict == Some(VerifyVerdict::Fail) {
        tables.extend(suspects(verify));
    }
    tables.extend(errors(&verify.new_errors));
    tables.extend(findings(&shapes::FINDINGS_FIXED, &verify.findings_fixed));
    tables.extend(findings(&shapes::FINDINGS_OPENED, &verify.findings_opened));
    let mut notes = Vec::new();
    if !verify.notes.is_empty() {
        // They name arguments and places of the client's own command.
        let mut table = Table::new(&shapes::NOTES);
        table.rows = verify.notes.iter().map(|note| vec![Value::recorded_up_to(note, MESSAGE_BYTES_MAX)]).collect();
        tables.push(table);
    }
    if verify.verdict == Some(VerifyVerdict::Undecided) {
        notes.push("undecided is not a pass: the open reasons say what it takes".to_owned());
    }
    Answer { tool: "verify_change", facts, notes, tables, next: None }
}

fn reasons(reasons: &[Reason]) -> Table {
    let mut table = Table::new(&shapes::REASONS);
    table.rows = reasons
        .iter()
        .map(|reason| {
            vec![
                Value::Plain(reason.decides.map_or("neither", VerifyVerdict::name).to_owned()),
                Value::word(&reason.code),
                Value::recorded_up_to(&reason.text, MESSAGE_BYTES_MAX),
            ]
        })
        .collect();
    table
}

fn suspects(verify: &Verify) -> Option<Table> {
    let suspects = &verify.comparison.as_ref()?.suspects;
    let mut table = Table::new(&shapes::VERIFY_SUSPECTS);
    table.rows = suspects
        .iter()
        .map(|suspect| {
            vec![
                Value::Number(suspect.score),
                Value::recorded(&suspect.name),
                Value::recorded_up_to(&suspect.reason, MESSAGE_BYTES_MAX),
            ]
        })
        .collect();
    (!table.rows.is_empty()).then_some(table)
}

fn errors(groups: &[ErrorGroup]) -> Option<Table> {
    let mut table = Table::new(&shapes::NEW_ERRORS);
    table.rows = groups
        .iter()
        .map(|group| {
            vec![
                Value::Count(group.count),
                Value::recorded(&group.exception_type),
                Value::recorded_up_to(&group.message, MESSAGE_BYTES_MAX),
                evidence(&group.examples),
            ]
        })
        .collect();
    (!table.rows.is_empty()).then_some(table)
}

fn findings(shape: &TableShape, findings: &[Finding]) -> Option<Table> {
    let mut table = Table::new(shape);
    table.rows = findings
        .iter()
        .map(|finding| {
            vec![
                Value::word(finding.code.name()),
                Value::nanos(finding.saving_nanos),
                finding_text(finding),
                evidence(&finding.evidence),
            ]
        })
        .collect();
    (!table.rows.is_empty()).then_some(table)
}

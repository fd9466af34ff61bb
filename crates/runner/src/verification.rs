//! A verification: a command executed before and after a change, in turn.
//!
//! ```text
//!  BASE ─► verify_start ─► worktree, setup ─► warm-up each ─► A B  B A  A B … ─► verify_finish ─► verdict
//! ```
//!
//! Both sides are executed in turn, and which comes first is random in blocks of two turns, so that a machine that slows
//! down slows both. The first execution of each side builds and warms up, and does not count. After a turn the engine is
//! asked whether the verdict is sure; then no more turns follow.

mod base;
mod heartbeat;
mod owner;
mod pinned;
mod side;
mod turns;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kino_model::VerificationId;
use kino_text::figures;
use kino_wire::verify::{
    Verify, VerifyBase, VerifyEnd, VerifyFinish, VerifyLook, VerifyProgress, VerifyRuns, VerifyStart,
};

use self::heartbeat::Heartbeat;
use self::pinned::Pinned;
use self::side::Side;
pub use self::turns::Order;
use self::turns::{Pace, since};
use crate::Host;
use crate::child::{self, descendants};
use crate::host::Progress;
use crate::recording::ask;
use crate::silence::{Silence, why_no_spans};

/// What a verification executes, and how often.
#[derive(Clone, Copy, Debug)]
pub struct VerificationPlan<'a> {
    /// The program and its arguments; at least one word.
    pub command: &'a [OsString],
    /// Where it is executed.
    pub directory: &'a Path,
    /// `previous`, a selector, or a git revision.
    pub base: &'a str,
    /// The verification's id, where one is chosen already.
    pub id: Option<VerificationId>,
    /// Whether standard input is a pipe of the process that started this: everything ends when the pipe does.
    pub ends_with_owner: bool,
    /// How often each side is executed at most.
    pub repeat: u32,
    /// The slowdown that is tolerated, as a part: 0.1 for a tenth.
    pub tolerate: f64,
    /// No execution begins that would take the whole beyond this time, in nanoseconds.
    pub budget_nanos: Option<i64>,
    /// The processor cores on which the command may run; `None`: all.
    pub cores: Option<&'a [usize]>,
    /// What a shell does first in the temporary worktree.
    pub setup: Option<&'a str>,
}

/// A verification that was carried out, or interrupted.
#[derive(Debug)]
pub struct Verified {
    /// As the engine has it.
    pub verify: Verify,
    /// Whether a signal ended it.
    pub interrupted: bool,
}

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Before,
    After,
}

/// Executes and has the engine judge. The host says what happens meanwhile.
///
/// # Errors
/// Where it could not be carried out.
pub fn verify<H: Host>(host: &H, plan: &VerificationPlan<'_>) -> Result<Verified, H::Failure> {
    let interrupted = child::interrupted();
    descendants::adopt_orphans();
    if plan.ends_with_owner {
        owner::watch();
    }
    let base = base::parse(plan.base, plan.directory, &host.git())?;
    let id = match plan.id {
        Some(id) => id,
        None => crate::new_verification_id()?,
    };
    let code = host.git().code(plan.directory, &host.scratch()?);
    let started = ask(
        host,
        &VerifyStart {
            id,
            command: plan.command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
            directory: plan.directory.to_string_lossy().into_owned(),
            code: code.state.clone(),
            base: base.clone(),
            planned: u64::from(plan.repeat),
            tolerate: plan.tolerate,
            start_unix_nanos: host.clock().now().0,
        },
    )?;
    host.say(&format!("kino │ verification {:.12}: {}", id, announcement(&started, &base)));
    let none = VerifyRuns::default();
    let heartbeat = Heartbeat::new(host, VerifyProgress { id, before: none.clone(), after: none });
    let mut notes = code.notes;
    if let VerifyBase::Revision { commit, .. } = &base
        && code.state.code_state.as_ref() == Some(commit)
    {
        notes.push("both sides are the same code: nothing is uncommitted here".to_owned());
    }
    let verification = Verification { host, plan, heartbeat: &heartbeat, interrupted: &interrupted };
    let executed = verification.execute(&base, &mut notes);
    let stopped = interrupted.load(Ordering::Acquire);
    let end = match &executed {
        _ if stopped => VerifyEnd::Interrupted,
        Ok(()) => VerifyEnd::Whole,
        Err(failure) => VerifyEnd::Failed(failure.to_string()),
    };
    if stopped {
        descendants::kill_all();
    }
    let end_unix_nanos = host.clock().now().0;
    let verify = ask(host, &VerifyFinish { progress: heartbeat.stop(), end, notes, end_unix_nanos })?;
    if !stopped {
        executed?;
    }
    Ok(Verified { verify, interrupted: stopped })
}

fn announcement(started: &Verify, base: &VerifyBase) -> String {
    let (planned, what) = (figures::counted(started.planned, "execution"), &started.before.what);
    match base {
        VerifyBase::Revision { .. } => {
            format!("up to {planned} here and as many at {what}, in turn, and one each to warm up")
        }
        _ => format!("{planned} here and one to warm up, against {what}"),
    }
}

/// A verification that the engine knows of.
struct Verification<'a, H> {
    host: &'a H,
    plan: &'a VerificationPlan<'a>,
    heartbeat: &'a Heartbeat,
    interrupted: &'a Arc<AtomicBool>,
}

impl<H: Host> Verification<'_, H> {
    /// Executes both sides, and adds what a reader of the verdict should know to `notes`.
    fn execute(&self, base: &VerifyBase, notes: &mut Vec<String>) -> Result<(), H::Failure> {
        let Self { host, plan, .. } = self;
        let mut after = Side::here(plan);
        let mut worktree = None;
        let mut before = match base {
            VerifyBase::Revision { commit, .. } => {
                let tree = side::base_tree(*host, plan, commit)?;
                let side = Side::at_base(*host, plan, &tree, notes)?;
                worktree = Some(tree);
                Some(side)
            }
            _ => None,
        };
        let sides = 1 + u64::from(before.is_some());
        let progress = host.progress("executing", Some((u64::from(plan.repeat) + 1) * sides));
        let pinned = plan.cores.map(Pinned::to).transpose()?;
        let done = self.take_turns(&progress, &mut before, &mut after, notes);
        drop(pinned);
        drop(progress);
        drop(worktree);
        for (side, where_) in [(before.as_ref(), "before the change"), (Some(&after), "after the change")] {
            if let Some(failure) = side.and_then(|side| side.failure.as_ref()) {
                host.say(&format!("kino │ the command failed {where_}: {failure}"));
            }
        }
        let spans_came = after.spans + before.as_ref().map_or(0, |side| side.spans) > 0;
        if done.is_ok() && !spans_came {
            notes.push("no spans came, so that the command's own duration is compared".to_owned());
            notes.extend(why_no_spans(
                *host,
                Silence { words: plan.command, metrics_came: false, injected: host.bootstrap().is_some() },
            ));
        }
        done
    }

    /// A warm-up each, then turns until they are enough.
    fn take_turns(
        &self,
        progress: &H::Progress,
        before: &mut Option<Side>,
        after: &mut Side,
        notes: &mut Vec<String>,
    ) -> Result<(), H::Failure> {
        let now = || self.host.clock().now();
        let order = Order::random()?;
        let planned = self.plan.repeat;
        let mut pace = Pace::new(planned, self.plan.budget_nanos, now());
        for turn in 0..=planned {
            if turn > 0 && pace.is_over(now()) {
                notes.push(format!("the budget allowed {} of {planned} turns", turn - 1));
                return Ok(());
            }
            let begun = now();
            for which in order.of(turn, [Which::Before, Which::After]) {
                let side = match (which, &mut *before) {
                    (Which::After, _) => &mut *after,
                    (Which::Before, Some(side)) => side,
                    (Which::Before, None) => continue,
                };
                if self.interrupted.load(Ordering::Acquire) {
                    return Ok(());
                }
                let ran = side.execute(self.host);
                if self.interrupted.load(Ordering::Acquire) {
                    return Ok(());
                }
                side.take(ran?, turn > 0)?;
                let runs = side.runs.clone();
                self.heartbeat.update(|progress| match which {
                    Which::Before => progress.before = runs,
                    Which::After => progress.after = runs,
                });
                progress.step();
            }
            pace.took(since(begun, now()));
            if turn == 0 {
                self.host.say(&format!("kino │ {}", pace.forecast(1 + u64::from(before.is_some()), now())));
            }
            if before.is_some() && pace.is_look(turn) && self.is_sure(&mut pace)? {
                notes.push(format!("it ended after {turn} of {planned} turns: the verdict was sure"));
                return Ok(());
            }
        }
        Ok(())
    }

    /// Whether more turns would change nothing.
    fn is_sure(&self, pace: &mut Pace) -> Result<bool, H::Failure> {
        let begun = self.host.clock().now();
        let looked = ask(self.host, &VerifyLook { progress: self.heartbeat.progress() })?;
        pace.looked(since(begun, self.host.clock().now()));
        Ok(looked.verdict.is_some())
    }
}

//! `insights`: stored findings, and what the user decides about one.

use std::process::ExitCode;

use kino_wire::insights::{AcknowledgeFinding, FindingState, InsightsQuestion};

use crate::app::{App, Outcome};
use crate::args::{InsightState, Insights, OneInsight};
use crate::output::note;
use crate::render;

/// How long the engine may take to judge what has just arrived: a person waits at a terminal.
const WAIT_MILLIS: u64 = 2_000;

pub(super) fn run(app: &App, arguments: Insights) -> Outcome {
    match arguments.one {
        None => list(app, arguments),
        Some(OneInsight::Show { fingerprint, scope }) => {
            let question = InsightsQuestion {
                fingerprint: Some(fingerprint),
                wait_millis: WAIT_MILLIS,
                scope: app.scope(&scope),
                worktree: app.worktree(),
                ..InsightsQuestion::default()
            };
            let answer = app.ask(&question)?;
            let all = |style| {
                answer.items.iter().map(|item| render::insights::one(item, style, app.now())).collect::<String>()
            };
            app.output.answer(&answer, all)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(OneInsight::Ack { fingerprint, undo, scope }) => {
            let answer = app.ask(&AcknowledgeFinding { fingerprint, undo, scope: app.scope(&scope) })?;
            app.output.answer(&answer, |style| render::insights::one(&answer.insight, style, app.now()))?;
            if !app.output.json {
                note(&format!("{} is {}", answer.insight.finding.fingerprint, answer.insight.state));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn list(app: &App, arguments: Insights) -> Outcome {
    let state = |state: &InsightState| match state {
        InsightState::Open => vec![FindingState::Open],
        InsightState::Acknowledged => vec![FindingState::Acknowledged],
        InsightState::Fixed => vec![FindingState::Fixed],
        InsightState::Recurring => vec![FindingState::Recurring],
        InsightState::Decayed => vec![FindingState::Decayed],
        InsightState::All => FindingState::ALL.to_vec(),
    };
    let question = InsightsQuestion {
        files: arguments.files,
        since_unix_nanos: arguments.since.map(|when| when.unix_nanos(app.now())),
        limit: arguments.limit,
        states: arguments.states.iter().flat_map(state).collect(),
        fingerprint: None,
        only_new_for: None,
        wait_millis: WAIT_MILLIS,
        scope: app.scope(&arguments.scope),
        worktree: app.worktree(),
    };
    let answer = app.ask(&question)?;
    let beyond = answer.left_out.findings;
    let more = (beyond > 0).then(|| format!("{beyond} more: a higher --limit has them"));
    app.output.list(&answer, arguments.format, |style| render::insights::text(&answer, style, app.now()), more)?;
    Ok(ExitCode::SUCCESS)
}

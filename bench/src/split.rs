//! What it costs that traces come in parts and spans come twice: the same questions over two stores, one as tidy as can
//! be, one not.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use kino_wire::Question;
use kino_wire::admin::LakeFilesQuestion;
use kino_wire::compare::CompareQuestion;
use kino_wire::explain::{ExplainOperationQuestion, ExplainSystemQuestion};
use kino_wire::find::FindQuestion;
use kino_wire::live::{MAX_OPERATIONS, OperationsQuestion};

use crate::Arguments;
use crate::engine::{Programs, RunningEngine, settle};
use crate::figures::{Figure, Samples, millis};

/// Traces on each side of a comparison.
const COMPARED: usize = 200;
/// How often each question is asked.
const REPEATS_MAX: usize = 20;

/// The medians of one store, by question.
type Medians = Vec<(&'static str, Duration)>;

/// Loads both stores one after the other, and compares what the questions take.
pub(crate) fn measure(programs: &Programs, arguments: &Arguments, temporary: &Path) -> anyhow::Result<Vec<Figure>> {
    let tidy = one(programs, arguments, &temporary.join("tidy"), (0, 0))?;
    let unrest = (arguments.split, arguments.doubled);
    let split = one(programs, arguments, &temporary.join("split"), unrest)?;
    let said = format!("{} % of traces split, {} % of spans doubled", unrest.0, unrest.1);
    let mut figures = Vec::new();
    for (when, tidy, split) in [("right after the load", &tidy[0], &split[0]), ("at rest", &tidy[1], &split[1])] {
        for ((what, tidy), (_, split)) in tidy.iter().zip(split) {
            let times = split.as_secs_f64() / tidy.as_secs_f64().max(1e-9);
            let measured = format!("{times:.2} times ({} instead of {})", millis(*split), millis(*tidy));
            let what = format!("{said}: {what}, {when}");
            // The first answer after a load may have to wait for what the load left to do.
            let is_first = what.contains("first");
            figures.push(if is_first {
                Figure::plain(what, measured)
            } else {
                Figure::with_goal(what, "≤ 2 times", measured, times <= 2.0)
            });
        }
    }
    Ok(figures)
}

/// Loads a store; gives what the questions take at once, and once it has come to rest.
fn one(
    programs: &Programs,
    arguments: &Arguments,
    home: &Path,
    (split, doubled): (u64, u64),
) -> anyhow::Result<[Medians; 2]> {
    let running = RunningEngine::start(programs, home)?;
    let status = Command::new(programs.folder.join("load"))
        .args(["--to", &running.file.otlp_http, "--spans", &arguments.spans.to_string()])
        .args(["--start", &running.file.started_unix_nanos.to_string()])
        .args(["--split", &split.to_string(), "--doubled", &doubled.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::inherit())
        .status()?;
    ensure!(status.success(), "the load did not arrive");
    running.ask(&LakeFilesQuestion { flush: true })?;
    let at_once = questions(&running, arguments.repeats)?;
    settle(&running)?;
    let at_rest = questions(&running, arguments.repeats)?;
    running.stop()?;
    Ok([at_once, at_rest])
}

fn questions(running: &RunningEngine, repeats: usize) -> anyhow::Result<Medians> {
    let repeats = repeats.min(REPEATS_MAX);
    let mut medians =
        vec![("explain the system, the first time", median(running, 1, &ExplainSystemQuestion::default())?)];
    medians.push(("explain the system", median(running, repeats, &ExplainSystemQuestion::default())?));
    let everything = OperationsQuestion { limit: MAX_OPERATIONS, ..OperationsQuestion::default() };
    medians.push(("percentiles per operation", median(running, repeats, &everything)?));
    medians.push(("find the newest", median(running, repeats, &FindQuestion::default())?));
    let failed = FindQuestion {
        error: true,
        attributes: vec![("http.response.status_code".into(), "500".into())],
        ..FindQuestion::default()
    };
    medians.push(("find failed, by a promoted attribute", median(running, repeats, &failed)?));
    let rare =
        FindQuestion { attributes: vec![("client.address".into(), "10.8.1.1".into())], ..FindQuestion::default() };
    medians.push(("find by a rare attribute", median(running, repeats, &rare)?));
    let operation = ExplainOperationQuestion { operation: "POST /checkout".into(), last: 1_000, ..Default::default() };
    medians.push(("explain an operation", median(running, repeats, &operation)?));
    medians.push(("compare", median(running, repeats, &newest_two(running)?)?));
    Ok(medians)
}

fn median<Q: Question>(running: &RunningEngine, repeats: usize, question: &Q) -> anyhow::Result<Duration> {
    let mut samples = Samples::default();
    for _ in 0..repeats.max(1) {
        samples.time(|| running.ask(question))?;
    }
    Ok(samples.quantile(0.5))
}

/// The newest traces against those before them.
fn newest_two(running: &RunningEngine) -> anyhow::Result<CompareQuestion> {
    let mut starts: Vec<i64> = Vec::new();
    let mut question = FindQuestion::default();
    while starts.len() <= 2 * COMPARED {
        let page = running.ask(&question)?;
        starts.extend(page.items.iter().map(|item| item.start_unix_nanos));
        question.cursor = page.cursor;
        if question.cursor.is_none() {
            break;
        }
    }
    let at = |place: usize| starts.get(place).context("too few traces to compare");
    let (first, middle, last) = (at(2 * COMPARED)?, at(COMPARED)?, at(0)?);
    Ok(CompareQuestion {
        before: format!("time:{first}..{middle}"),
        after: format!("time:{middle}..{last}"),
        ..CompareQuestion::default()
    })
}

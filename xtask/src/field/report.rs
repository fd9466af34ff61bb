//! `report`: imports each recording into a fresh home, asks `kino insights`, and joins what was judged.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum as _;
use serde_json::Value;

use super::Args;
use super::judged::{self, Judgement, Judgements};
use super::recipes::{self, Draw, Recipe};
use super::record;
use super::tables;
use crate::causes::engine::Engine;
use crate::exec;

/// As many findings as the engine keeps.
const FINDINGS_MAX: &str = "1000";
/// How long the engine may take to look at a package.
const LOOK_LIMIT: Duration = Duration::from_mins(2);
/// How often a wait looks again.
const LOOK: Duration = Duration::from_millis(500);

/// What was found in a package.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) name: String,
    /// The package under study with its version.
    pub(super) version: String,
    pub(super) about: String,
    /// Operations at which executions start.
    pub(super) operations: u64,
    pub(super) executions: u64,
    pub(super) spans: u64,
    pub(super) findings: Vec<FieldFinding>,
    /// Traces that the engine did not look at, and findings that it did not keep.
    pub(super) left_out: u64,
}

/// One finding, and what a reader said of it.
#[derive(Debug)]
pub(super) struct FieldFinding {
    pub(super) code: String,
    pub(super) entry: String,
    pub(super) text: String,
    pub(super) fingerprint: String,
    pub(super) location: Option<String>,
    pub(super) numbers: String,
    pub(super) evidence: String,
    pub(super) judgement: Option<Judgement>,
}

/// Reports; false when nothing is recorded.
pub(super) fn run(args: &Args) -> anyhow::Result<bool> {
    let (root, cache, kino) = (exec::workspace_root()?, args.cache()?, args.kino()?);
    let (heading, chosen) = chosen(args, &root)?;
    let judgements = judged::read(&root)?;
    let folder = std::env::temp_dir().join(format!("kino-field-{}", std::process::id()));
    let mut packages = Vec::new();
    for recipe in chosen.iter().filter(|recipe| args.is_chosen(&recipe.name)) {
        let file = record::case(&cache, &recipe.name);
        if !file.exists() {
            continue;
        }
        let package = ask(recipe, &kino, &folder, &file, &judgements)
            .with_context(|| format!("{} cannot be looked at", recipe.name))?;
        if args.detail {
            println!("{}", tables::detail(&package));
        }
        packages.push(package);
    }
    let page = tables::page(heading, &packages);
    println!("{page}");
    if let Some(path) = &args.write {
        fs::write(path, page).with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(!packages.is_empty())
}

/// What the report calls its packages, and the recipes of them.
fn chosen(args: &Args, root: &Path) -> anyhow::Result<(&'static str, Vec<Recipe>)> {
    let mut recipes = recipes::all(root)?;
    let mut keep = |names: &[String], is_in: bool| recipes.retain(|recipe| names.contains(&recipe.name) == is_in);
    if let Some(draw) = args.draw {
        keep(&recipes::sealed(root, draw)?, true);
    } else {
        for draw in Draw::value_variants() {
            keep(&recipes::sealed(root, *draw)?, false);
        }
    }
    let heading = match args.draw {
        None => "open",
        Some(Draw::First) => "sealed",
        Some(Draw::Second) => "second draw's",
        Some(Draw::Third) => "third draw's",
        Some(Draw::Fourth) => "fourth draw's",
        Some(Draw::Fifth) => "fifth draw's",
        Some(Draw::Sixth) => "sixth draw's",
        Some(Draw::Seventh) => "seventh draw's",
        Some(Draw::Eighth) => "eighth draw's",
        Some(Draw::Ninth) => "ninth draw's",
    };
    Ok((heading, recipes))
}

fn ask(recipe: &Recipe, kino: &Path, folder: &Path, file: &Path, judgements: &Judgements) -> anyhow::Result<Package> {
    let engine = Engine::start(kino, folder)?;
    engine.ask(&["import", &file.to_string_lossy()])?;
    let answer = insights(&engine)?;
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let left_out = ["waiting_traces", "unseen_traces", "not_kept", "findings"];
    let items = answer["items"].as_array().context("an answer without items")?;
    Ok(Package {
        name: recipe.name.clone(),
        version: recipe.install.first().cloned().unwrap_or_default(),
        about: recipe.about.clone(),
        operations: number(&answer["operations"]),
        executions: number(&answer["executions"]),
        spans: number(&answer["spans"]),
        left_out: left_out.iter().map(|key| number(&answer["left_out"][key])).sum(),
        findings: items.iter().map(|item| found(item, &recipe.name, judgements)).collect(),
    })
}

/// Findings once all that was imported has been looked at, or the limit is over.
fn insights(engine: &Engine) -> anyhow::Result<Value> {
    let began = exec::now();
    loop {
        let answer = engine.ask(&["insights", "--all", "--json", "--limit", FINDINGS_MAX])?;
        let answer: Value = serde_json::from_slice(&answer).context("kino insights did not answer with JSON")?;
        if answer["left_out"]["waiting_traces"].as_u64() == Some(0) || began.elapsed() > LOOK_LIMIT {
            return Ok(answer);
        }
        std::thread::sleep(LOOK);
    }
}

fn found(item: &Value, package: &str, judgements: &Judgements) -> FieldFinding {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let fingerprint = text(&item["fingerprint"]);
    let numbers = item["numbers"].as_array().into_iter().flatten();
    let numbers: Vec<String> = numbers
        .map(|number| format!("{} {} {}", text(&number["name"]), number["value"], text(&number["unit"])))
        .collect();
    let evidence = item["evidence"].as_array().into_iter().flatten();
    let evidence: Vec<String> =
        evidence.map(|it| format!("{}/{}", text(&it["trace_id"]), text(&it["span_id"]))).collect();
    // Locations are relative to nothing here: the folder of the study's recordings is left out.
    let path = text(&item["location"]["path"]);
    let path = path.split_once(&format!("/places/{package}/")).map_or(path.as_str(), |(_, rest)| rest).to_owned();
    let location = (!path.is_empty()).then(|| format!("{path}:{}", item["location"]["line"]));
    FieldFinding {
        code: text(&item["code"]),
        entry: text(&item["entry"]["name"]),
        text: text(&item["text"]),
        location,
        numbers: format!(
            "{}; {} executions, saving {}, confidence {}",
            numbers.join(", "),
            item["executions"],
            item["saving_nanos"],
            item["confidence"]
        ),
        evidence: evidence.join(" "),
        judgement: judgements.get(&(package.to_owned(), fingerprint.clone())).cloned(),
        fingerprint,
    }
}

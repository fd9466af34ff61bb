//! `--causes report`: imports each case, asks `kino compare`, and counts at which rank the faulty service is.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use super::Args;
use super::cases;
use super::engine::Engine;
use super::record::CaseFiles;
use super::tables::{self, CompareAnswer, JudgedCase};
use crate::exec;

/// Reports; false when there is no case to report on.
pub(super) fn run(args: &Args) -> anyhow::Result<bool> {
    let (cache, kino) = (args.cache()?, args.kino()?);
    let manifests = read(args, &cache)?;
    if manifests.is_empty() {
        println!("there is no such case in {}: record some first", cache.display());
        return Ok(false);
    }
    let folder = std::env::temp_dir().join(format!("kino-causes-{}", std::process::id()));
    let began = exec::now();
    let mut judged = Vec::new();
    for manifest in &manifests {
        let name = text(manifest, "case").context("a manifest without a case")?;
        let files = CaseFiles::new(&cache, name, args.sealed);
        let ask = |files: &[&Path]| {
            ask(&kino, &folder, manifest, files).with_context(|| format!("{name} cannot be compared"))
        };
        let case = JudgedCase {
            name: name.to_owned(),
            fault: text(manifest, "fault").map(str::to_owned),
            service: text(manifest, "service").map(str::to_owned),
            others: ["before", "after"].map(|side| others(&manifest[side])),
            with_logs: ask(&[&files.spans, &files.logs])?,
            without_logs: ask(&[&files.spans])?,
        };
        if args.detail {
            println!("{}", tables::line(&case));
        }
        judged.push(case);
    }
    let heading = if args.sealed { "sealed" } else { "open" };
    let mut page = tables::page(heading, &judged);
    if !args.sealed {
        page.push_str(&tables::sealed(&cases::sealed_pairs().collect::<Vec<_>>()));
    }
    println!("{page}{} cases in {} seconds", judged.len(), began.elapsed().as_secs());
    if let Some(path) = &args.write {
        fs::write(path, page).with_context(|| format!("failed to write {}", path.display()))?;
    }
    Ok(true)
}

/// The manifests of the chosen cases, by name.
fn read(args: &Args, cache: &Path) -> anyhow::Result<Vec<Value>> {
    let folder = cache.join(if args.sealed { "sealed" } else { "cases" });
    let mut manifests = Vec::new();
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(manifests) };
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let bytes = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let manifest: Value =
            serde_json::from_slice(&bytes).with_context(|| format!("{} is not a manifest", path.display()))?;
        // A file in the wrong folder is left out, so that nothing sealed is opened.
        let is_its = text(&manifest, "service")
            .zip(text(&manifest, "fault"))
            .is_some_and(|(one, two)| cases::is_sealed(one, two));
        if is_its == args.sealed && text(&manifest, "case").is_some_and(|name| args.is_chosen(name)) {
            manifests.push(manifest);
        }
    }
    manifests.sort_by(|a, b| text(a, "case").cmp(&text(b, "case")));
    Ok(manifests)
}

fn text<'a>(manifest: &'a Value, key: &str) -> Option<&'a str> {
    manifest[key].as_str()
}

/// The part of all cores that other programs took in a window.
fn others(window: &Value) -> f64 {
    let share = |key: &str| window[key].as_f64().unwrap_or_default();
    (share("busy_share") - share("own_share")).max(0.0)
}

/// Imports the files into a fresh home and compares the two windows.
fn ask(kino: &Path, folder: &Path, manifest: &Value, files: &[&Path]) -> anyhow::Result<CompareAnswer> {
    let engine = Engine::start(kino, folder)?;
    for file in files {
        engine.ask(&["import", &file.to_string_lossy()])?;
    }
    let window =
        |side: &str| format!("time:{}..{}", manifest[side]["start_unix_nanos"], manifest[side]["end_unix_nanos"]);
    let answer =
        engine.ask(&["compare", "--json", "--all", "--before", &window("before"), "--after", &window("after")])?;
    let answer: Value = serde_json::from_slice(&answer).context("kino compare did not answer with JSON")?;
    answered(&answer)
}

/// Services in the order in which suspects first name them.
fn answered(answer: &Value) -> anyhow::Result<CompareAnswer> {
    let suspects = answer["suspects"].as_array().context("an answer without suspects")?;
    let mut services: Vec<String> = Vec::new();
    let mut shown: Vec<String> = Vec::new();
    for suspect in suspects {
        let service = text(suspect, "service").context("a suspect without a service")?;
        // Answers of binaries before suspects could be unproven do not say it.
        let is_shown = suspect["shown"].as_bool().unwrap_or(true);
        for list in [Some(&mut services), is_shown.then_some(&mut shown)].into_iter().flatten() {
            if !list.iter().any(|known| known == service) {
                list.push(service.to_owned());
            }
        }
    }
    Ok(CompareAnswer { verdict: answer["verdict"].as_str().unwrap_or_default().to_owned(), services, shown })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn services_rank_by_their_first_suspect() {
        let suspect = |service: &str, shown: bool| json!({ "service": service, "name": "x", "shown": shown });
        let suspects = [suspect("b", true), suspect("a", true), suspect("b", true), suspect("c", false)];
        let found = answered(&json!({ "verdict": "slower", "suspects": suspects })).unwrap();
        assert_eq!(
            (found.services, found.shown),
            (["b", "a", "c"].map(str::to_owned).to_vec(), vec!["b".into(), "a".into()])
        );
    }
}

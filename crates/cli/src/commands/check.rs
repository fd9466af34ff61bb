//! `check`: compares recordings with `kino.toml` and a committed baseline. Executes nothing.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kino_text::expectation;
use kino_wire::check::{Baseline, BaselineQuestion, Check, CheckOutcome, CheckQuestion, CheckSet, Expectation};
use serde::Deserialize;
use toml::Spanned;

use crate::app::{App, Outcome};
use crate::args::{self, CheckFormat};
use crate::failure::{Failure, code};
use crate::render::check::ExpectationLine;
use crate::{config, output, render};

/// The file of a repository that says what is expected.
pub(crate) const FILE: &str = "kino.toml";
/// Files larger than this are no such file: expectations are sentences, and a baseline has bounded operations.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// What `kino.toml` holds.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct KinoToml {
    expect: Vec<Spanned<String>>,
}

/// Checks, or writes a baseline.
pub(super) fn run(app: &App, arguments: &args::Check) -> Outcome {
    let directory = &app.settings.directory;
    let selector = match (&arguments.run, &arguments.label) {
        (Some(run), _) => Some(format!("run:{run}")),
        (None, Some(label)) => Some(format!("label:{label}")),
        (None, None) => None,
    };
    let code = config::git().code(directory, &app.settings.scratch()?).state;
    let set = CheckSet { selector, code, last: arguments.last, scope: app.scope(&arguments.scope) };
    if let Some(path) = &arguments.write_baseline {
        return write_baseline(app, set, path);
    }
    let root = kino_repo::project::of(directory).map_or_else(|| directory.clone(), |project| project.worktree);
    let (expectations, places) = expectations(&root, &arguments.expect)?;
    let baseline = arguments.baseline.as_deref().map(read_baseline).transpose()?;
    if expectations.is_empty() && baseline.is_none() {
        let message = format!(
            "nothing is expected: write {} with\n\n  expect = [\"load_cart p95 < 1 s\", \"no new error types\"]\n\nor give \
             --expect or --baseline",
            render::path(&root.join(FILE))
        );
        return Err(Failure::new(code::WRONG, message));
    }
    let answer = app.ask(&CheckQuestion { set, expectations, baseline })?;
    show(app, arguments, &answer, &places)?;
    let fails = |outcome: CheckOutcome| match outcome {
        CheckOutcome::Pass => false,
        CheckOutcome::Fail => true,
        CheckOutcome::NoData => !arguments.allow_no_data,
    };
    let failed = answer.lines.iter().any(|line| fails(line.outcome));
    Ok(ExitCode::from(if failed { code::FAILED } else { 0 }))
}

fn show(app: &App, arguments: &args::Check, answer: &Check, places: &[ExpectationLine]) -> Result<(), Failure> {
    let allowed = arguments.allow_no_data;
    match arguments.format {
        CheckFormat::Text => app.output.answer(answer, |style| render::check::text(answer, allowed, style)),
        CheckFormat::Json => app.output.json(answer),
        CheckFormat::Junit => app.output.text(&render::check::junit(answer, allowed)),
        CheckFormat::Github => app.output.text(&render::check::github(answer, allowed, places)),
    }
}

/// The file's expectations, then the command line's, each with its place.
fn expectations(root: &Path, more: &[String]) -> Result<(Vec<Expectation>, Vec<ExpectationLine>), Failure> {
    let path = root.join(FILE);
    let text = read(&path)?.unwrap_or_default();
    let wrong = |error: toml::de::Error| {
        Failure::new(code::WRONG, format!("{} is wrong: {}", render::path(&path), error.to_string().trim_end()))
    };
    let file: KinoToml = toml::from_str(&text).map_err(wrong)?;
    let (mut expectations, mut places, mut mistakes) = (Vec::new(), Vec::new(), Vec::new());
    for one in file.expect {
        let line = text[..one.span().start].bytes().filter(|byte| *byte == b'\n').count() as u64 + 1;
        match expectation::parse(one.get_ref()) {
            Ok(expectation) => expectations.push(expectation),
            Err(mistake) => {
                let column = column(&text, &one, mistake.column());
                let what = mistake.without_column();
                mistakes.push(format!("{}:{line}, column {column}: {what}", render::path(&path)));
            }
        }
        places.push(ExpectationLine { file: FILE.to_owned(), line: Some(line) });
    }
    for one in more {
        match expectation::parse(one) {
            Ok(expectation) => expectations.push(expectation),
            Err(mistake) => mistakes.push(format!("--expect, {mistake}")),
        }
        places.push(ExpectationLine { file: FILE.to_owned(), line: None });
    }
    if mistakes.is_empty() { Ok((expectations, places)) } else { Err(Failure::new(code::WRONG, mistakes.join("\n"))) }
}

/// The column in the file, in characters from 1, of a column within a string there; of the string itself where it has
/// escapes or several lines, so that the two do not run alike.
fn column(file: &str, string: &Spanned<String>, column_within: usize) -> usize {
    let start = string.span().start;
    let line = file[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let at = file[line..start].chars().count() + 1;
    let source = file.get(string.span()).unwrap_or_default();
    let quotes = source.len() - source.trim_start_matches(['"', '\'']).len();
    let is_plain = source.get(quotes..).is_some_and(|inner| inner.starts_with(string.get_ref().as_str()));
    if is_plain && !source.contains('\n') { at + quotes + column_within - 1 } else { at }
}

/// A file's text; `None` where there is none.
fn read(path: &Path) -> Result<Option<String>, Failure> {
    let failed = |error: &io::Error| Failure::new(code::WRONG, format!("reading {}: {error}", render::path(path)));
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&error)),
        Ok(file) if !file.is_file() => {
            // Opening a pipe would wait for its writer, and a device may never end.
            let message =
                format!("{} is not a regular file: write what comes from it to one first", render::path(path));
            return Err(Failure::new(code::WRONG, message));
        }
        Ok(file) if file.len() > FILE_BYTES_MAX => {
            let message = format!("{} is larger than {FILE_BYTES_MAX} bytes", render::path(path));
            return Err(Failure::new(code::WRONG, message));
        }
        Ok(_) => {}
    }
    fs::read_to_string(path).map(Some).map_err(|error| failed(&error))
}

fn read_baseline(path: &Path) -> Result<Baseline, Failure> {
    let wrong = |what: String| {
        let hint = "kino check --write-baseline FILE writes one";
        Failure::new(code::WRONG, format!("{} is not a baseline: {what}; {hint}", render::path(path)))
    };
    let text = read(path)?.ok_or_else(|| wrong("there is no such file".to_owned()))?;
    serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))
}

fn write_baseline(app: &App, set: CheckSet, path: &PathBuf) -> Outcome {
    let baseline = app.ask(&BaselineQuestion { set })?;
    // Lines of their own, so that a change of it can be reviewed.
    let mut text = serde_json::to_string_pretty(&baseline).map_err(|error| Failure::because("writing JSON", &error))?;
    text.push('\n');
    fs::write(path, text).map_err(|error| Failure::because(format!("writing {}", render::path(path)), &error))?;
    let (executions, operations) = (baseline.executions, baseline.operations.len() as u64);
    output::note(&format!(
        "kino: {} holds {} of {}",
        render::path(path),
        render::counted(executions, "execution"),
        render::counted(operations, "operation")
    ));
    if app.output.json {
        app.output.json(&baseline)?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gives_expectations_with_their_lines_and_all_its_mistakes() {
        let root = tempfile::tempdir().unwrap();
        let write = |text: &str| fs::write(root.path().join(FILE), text).unwrap();
        write("# speed\nexpect = [\n  \"a p95 < 1 s\",\n  \"no errors\",\n]\n");
        let (read, places) = expectations(root.path(), &["b max < 1 s".to_owned()]).unwrap();
        assert_eq!(read.len(), 3);
        assert_eq!(places.iter().map(|place| place.line).collect::<Vec<_>>(), [Some(3), Some(4), None]);
        write("expect = [\n  \"a p59 < 1 s\",\n  \"no eror\",\n]\n");
        let wrong = expectations(root.path(), &[]).unwrap_err();
        assert_eq!(wrong.code, code::WRONG);
        assert!(wrong.message.contains("kino.toml:2, column 6: \"p59\" is not a measure"), "{}", wrong.message);
        assert!(wrong.message.contains("kino.toml:3, column 7: "), "{}", wrong.message);
        write("# é\nexpect = [\"é p59 < 1 s\", 'b p59 < 1 s', \"\\u0063 p59 < 1 s\"]\n");
        let wrong = expectations(root.path(), &[]).unwrap_err();
        for column in ["kino.toml:2, column 14: ", "kino.toml:2, column 29: ", "kino.toml:2, column 41: "] {
            assert!(wrong.message.contains(column), "{column}\n{}", wrong.message);
        }
        write("expectt = []\n");
        assert!(expectations(root.path(), &[]).unwrap_err().message.contains("expectt"));
    }

    #[test]
    fn a_pipe_or_a_folder_is_neither_a_baseline_nor_expectations_and_does_not_block() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join(FILE);
        crate::config::tests::pipe(&path);
        for refused in [read_baseline(&path).unwrap_err(), expectations(root.path(), &[]).unwrap_err()] {
            assert_eq!(refused.code, code::WRONG);
            assert!(refused.message.contains("is not a regular file"), "{}", refused.message);
        }
        assert!(read_baseline(root.path()).unwrap_err().message.contains("is not a regular file"));
        assert!(read_baseline(Path::new("/dev/zero")).unwrap_err().message.contains("is not a regular file"));
    }
}

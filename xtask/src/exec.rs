//! Starting other programs: echoes what they print, and reads from it how many tests passed.
//!
//! Never interprets a program's success by its text: the exit code decides, the text only counts.

use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// How a program ended.
#[derive(Debug)]
pub(crate) struct ProgramExit {
    /// Whether its exit code was zero.
    pub success: bool,
    /// Tests that it reported as passed, summed over every runner that it started.
    pub passed: u64,
    /// Tests that it reported as failed.
    pub failed: u64,
}

/// The folder of the workspace, wherever the chore was started.
pub(crate) fn workspace_root() -> anyhow::Result<PathBuf> {
    let output = Command::new(cargo())
        .args(["locate-project", "--workspace", "--message-format", "plain"])
        .output()
        .context("failed to start cargo")?;
    let manifest = String::from_utf8(output.stdout).context("cargo named a path that is not text")?;
    match Path::new(manifest.trim()).parent() {
        Some(root) if output.status.success() => Ok(root.to_owned()),
        _ => bail!("not in a checkout of the project: {}", String::from_utf8_lossy(&output.stderr).trim()),
    }
}

/// The cargo that started this chore, so that a toolchain chosen on the command line stays chosen.
#[expect(clippy::disallowed_methods, reason = "cargo names itself to its children in the environment")]
pub(crate) fn cargo() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The shared folder of build products, as cargo sees it.
pub(crate) fn target_dir(root: &Path) -> anyhow::Result<PathBuf> {
    let metadata = metadata(root)?;
    let path = metadata["target_directory"].as_str().context("cargo metadata names no target directory")?;
    Ok(PathBuf::from(path))
}

/// The binary that `--kino` names, else the release build, by its full path.
///
/// # Errors
/// Where there is no such file.
pub(crate) fn kino(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => target_dir(&workspace_root()?)?.join("release/kino"),
    };
    let missing =
        || format!("there is no {}: build it (cargo build --release -p kino), or name it with --kino", path.display());
    path.canonicalize().with_context(missing)
}

/// `cargo metadata` of the workspace's own packages.
pub(crate) fn metadata(root: &Path) -> anyhow::Result<serde_json::Value> {
    metadata_with(root, &["--no-deps"])
}

/// `cargo metadata` with `options`.
pub(crate) fn metadata_with(root: &Path, options: &[&str]) -> anyhow::Result<serde_json::Value> {
    let output = Command::new(cargo())
        .current_dir(root)
        .args(["metadata", "--format-version", "1"])
        .args(options)
        .output()
        .context("failed to start cargo metadata")?;
    if !output.status.success() {
        bail!("cargo metadata failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    serde_json::from_slice(&output.stdout).context("cargo metadata did not answer with JSON")
}

/// Whether `program` can be started at all.
pub(crate) fn available(program: &str, arguments: &[&str]) -> bool {
    let outcome = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    outcome.is_ok_and(|status| status.success())
}

/// The moment, for the durations that a chore prints.
#[expect(clippy::disallowed_methods, reason = "a chore measures how long it took")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The time of day in Unix nanoseconds, for what is recorded and asked about later.
#[expect(clippy::disallowed_methods, reason = "a chore notes when something happened")]
pub(crate) fn unix_nanos() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as u64)
}

/// Runs `command` to its end, or until `limit`; echoes both of its streams line by line and counts tests on the way.
pub(crate) fn run(mut command: Command, limit: Duration) -> anyhow::Result<ProgramExit> {
    if io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    eprintln!("$ {}", shown(&command));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("failed to start {}", shown(&command)))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (counts, ended_in_time) = std::thread::scope(|scope| {
        let readers = [
            scope.spawn(move || stdout.map_or_else(TestCounts::default, |stream| echo(stream, io::stdout()))),
            scope.spawn(move || stderr.map_or_else(TestCounts::default, |stream| echo(stream, io::stderr()))),
        ];
        let started = now();
        let mut in_time = true;
        while matches!(child.try_wait(), Ok(None)) {
            if started.elapsed() > limit {
                in_time = child.kill().is_err();
                break;
            }
            std::thread::sleep(POLL);
        }
        let mut total = TestCounts::default();
        for reader in readers {
            let counts = reader.join().unwrap_or_default();
            total.passed += counts.passed;
            total.failed += counts.failed;
        }
        (total, in_time)
    });
    let status = child.wait().context("failed to wait for the program")?;
    if !ended_in_time {
        bail!("stopped after {} minutes: {}", limit.as_secs() / 60, shown(&command));
    }
    Ok(ProgramExit { success: status.success(), passed: counts.passed, failed: counts.failed })
}

/// Often enough for a quick step, rare enough to cost nothing.
const POLL: Duration = Duration::from_millis(20);

#[derive(Default, Debug, PartialEq)]
struct TestCounts {
    passed: u64,
    failed: u64,
}

fn echo(stream: impl Read, mut to: impl Write) -> TestCounts {
    let mut counts = TestCounts::default();
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream);
    while matches!(reader.read_until(b'\n', &mut line), Ok(read) if read > 0) {
        count(&String::from_utf8_lossy(&line), &mut counts);
        if to.write_all(&line).is_err() {
            break;
        }
        line.clear();
    }
    counts
}

/// Recognises the summary lines of nextest, of the standard test harness, of pytest and of node's test runner.
fn count(line: &str, counts: &mut TestCounts) {
    let line = without_colours(line);
    let line = line.trim().trim_matches('=').trim();
    let summary = (line.starts_with("Summary [") && line.contains("tests run:"))
        || (line.starts_with("Summary [") && line.contains("test run:"))
        || line.starts_with("test result:")
        || (line.contains(" in ") && line.starts_with(|first: char| first.is_ascii_digit()) && line.ends_with(ENDINGS));
    if !summary {
        return;
    }
    let words: Vec<&str> = line.split([' ', ',', ';', ':']).filter(|word| !word.is_empty()).collect();
    for pair in words.windows(2) {
        let Ok(number) = pair[0].parse::<u64>() else { continue };
        match pair[1] {
            "passed" => counts.passed += number,
            "failed" | "error" | "errors" => counts.failed += number,
            _ => {}
        }
    }
}

/// How pytest ends its summary: a duration, with the clock's form after it when it took longer than a minute.
const ENDINGS: [char; 2] = ['s', ')'];

fn without_colours(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            for code in characters.by_ref() {
                if code.is_ascii_alphabetic() {
                    break;
                }
            }
        } else {
            plain.push(character);
        }
    }
    plain
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, passed: u64, failed: u64) {
        let mut counts = TestCounts::default();
        count(line, &mut counts);
        assert_eq!(counts, TestCounts { passed, failed }, "{line}");
    }

    #[test]
    fn summaries_of_the_runners_are_counted() {
        check("     Summary [   0.313s] 12 tests run: 11 passed, 1 failed, 3 skipped", 11, 1);
        check("\u{1b}[32m     Summary\u{1b}[0m [   0.313s] \u{1b}[1m1\u{1b}[0m test run: 1 passed, 0 skipped", 1, 0);
        check("test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s", 3, 0);
        check("==== 2 failed, 5 passed, 1 skipped in 61.22s (0:01:01) ====", 5, 2);
        check("7 passed in 3.10s", 7, 0);
    }

    #[test]
    fn other_lines_are_not_counted() {
        check("3 passed", 0, 0);
        check("the test result was 4 passed", 0, 0);
    }

    #[test]
    fn a_program_that_takes_too_long_is_stopped() {
        let mut command = Command::new("sleep");
        command.arg("60");
        let error = run(command, Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("stopped after"), "{error}");
    }
}

//! The real binary: `run --against`, over a real repository.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value as Json, json};
use support::Home;

/// A repository with two commits of a script, and a home beside it.
struct Repository {
    home: Home,
    folder: tempfile::TempDir,
}

impl Repository {
    /// The script is committed as `first`, then as `second`.
    fn new(first: &str, second: &str) -> Self {
        let made = Self { home: Home::new(), folder: tempfile::tempdir().unwrap() };
        made.git(&["init", "-q", "-b", "main"]);
        for script in [first, second] {
            made.write(script);
            made.git(&["add", "."]);
            made.git(&["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "a step"]);
        }
        made
    }

    fn path(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap()
    }

    fn write(&self, script: &str) {
        fs::write(self.folder.path().join("work.sh"), script).unwrap();
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut git = Command::new("git");
        git.arg("-C").arg(self.folder.path()).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
        let done = git.output().unwrap();
        assert!(done.status.success(), "git {arguments:?}");
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(arguments);
        command.current_dir(self.folder.path());
        command
    }

    /// `kino run --json --against BASE … -- sh work.sh`, and what it answered.
    fn against(&self, base: &str, repeat: &str) -> (Output, Json) {
        let arguments = ["run", "--json", "--against", base, "--repeat", repeat, "--", "sh", "work.sh"];
        let output = self.command(&arguments).output().unwrap();
        let answer = serde_json::from_slice(&output.stdout);
        (output, answer.unwrap_or(Json::Null))
    }

    fn leaves_nothing_behind(&self) {
        let folder: &Path = &self.home.path().join("scratch");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0, "temporary worktrees are removed");
        assert_eq!(self.git(&["worktree", "list"]).lines().count(), 1);
    }
}

fn codes(answer: &Json) -> Vec<(&str, &Json)> {
    let reasons = answer["reasons"].as_array().unwrap();
    reasons.iter().map(|reason| (reason["code"].as_str().unwrap(), &reason["decides"])).collect()
}

#[test]
fn a_change_that_breaks_the_command_fails_and_both_codes_are_recorded_right() {
    let repository = Repository::new("exit 0\n", "exit 0\n# second\n");
    repository.write("echo broken >&2; exit 7\n");
    let (output, answer) = repository.against("HEAD~1", "2");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(
        (&answer["schema"], &answer["state"], &answer["verdict"]),
        (&json!("kino.verify.v1"), &json!("done"), &json!("fail"))
    );
    assert!(codes(&answer).contains(&("command_failed", &json!("fail"))), "{answer}");
    assert!(text.contains("after the change: exit 7") && text.contains("broken"), "{text}");
    assert_eq!(answer["left_out"]["warm_up_runs"].as_array().unwrap().len(), 2);
    let state = |side: &str| -> Json {
        assert_eq!(answer[side]["runs"].as_array().unwrap().len(), 2);
        let run = answer[side]["runs"][0].as_str().unwrap();
        let found = repository.home.json(&["find", "--run", run, "--all"]);
        let trace = found["items"][0]["trace_id"].as_str().unwrap().to_owned();
        repository.home.json(&["open", &trace])["spans"][0]["resource"].clone()
    };
    let (before, after) = (state("before"), state("after"));
    assert_eq!(before["kino.code_state"], json!(repository.git(&["rev-parse", "HEAD~1"])));
    assert!(after["kino.code_state"].as_str().unwrap().contains('+'));
    assert_eq!(before["kino.project"], after["kino.project"]);
    assert_eq!(after["kino.worktree"], json!(repository.path()));
    assert!(before["kino.worktree"].as_str().unwrap().contains("scratch"));
    assert_eq!(repository.git(&["status", "--short"]), "M work.sh");
    repository.leaves_nothing_behind();
}

#[test]
fn an_old_verification_is_shown_again_by_its_id() {
    let repository = Repository::new("exit 0\n", "exit 0\n# second\n");
    let (output, answer) = repository.against("HEAD~1", "1");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let id = answer["id"].as_str().unwrap();
    let printed = text.split_once("verification ").unwrap().1.split_once(':').unwrap().0;
    assert!(id.starts_with(printed) && printed.len() >= 8, "{text}");
    for named in [id.to_owned(), printed.to_owned(), format!("verification:{id}"), format!("verification:{printed}")] {
        assert_eq!(repository.home.json(&["open", &named]), answer, "{named}");
    }
    let shown = repository.command(&["open", printed]).output().unwrap();
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.status.success() && text.starts_with("undecided: 1 execution of HEAD~1"), "{text}");

    // An id that nothing has gets no unrelated suggestion.
    let missing = |named: &str| {
        let output = repository.command(&["open", named]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, text) = missing(&"0".repeat(31));
    assert!(code == Some(3) && text.contains("no id begins with") && !text.contains("did you mean"), "{text}");
    let (code, text) = missing("nonsense");
    assert!(code == Some(2) && text.contains("TRACE_ID"), "{text}");
    let (code, text) = missing(&format!("{}1", "0".repeat(31)));
    assert!(code == Some(3) && text.contains("trace"), "{text}");
    let (code, text) = missing("verification:000");
    assert!(code == Some(3) && text.contains("at least 4 digits") && !text.contains(id), "{text}");
}

#[test]
fn one_execution_a_side_is_undecided_and_says_how_many_it_takes() {
    let repository = Repository::new("exit 0\n", "exit 0\n# second\n");
    let (output, answer) = repository.against("HEAD~1", "1");
    assert_eq!((output.status.code(), &answer["verdict"]), (Some(3), &json!("undecided")));
    let reason = &answer["reasons"][0];
    assert_eq!(reason["code"], "too_few_runs");
    let missing = reason["numbers"].as_array().unwrap().iter().find(|number| number["name"] == "runs_missing");
    assert!(missing.unwrap()["value"].as_f64().unwrap() >= 3.0, "{reason}");
}

#[test]
fn previous_runs_are_those_of_the_last_commit() {
    let repository = Repository::new("exit 0\n", "exit 0\n# second\n");
    let (output, _) = repository.against("previous", "1");
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).contains("has not been run here before"));
    for _ in 0..2 {
        assert!(repository.command(&["run", "--", "sh", "work.sh"]).output().unwrap().status.success());
    }
    repository.write("exit 5\n");
    let (output, answer) = repository.against("previous", "2");
    assert_eq!(output.status.code(), Some(1), "{answer}");
    assert_eq!(answer["before"]["runs"].as_array().unwrap().len(), 2);
    let what = answer["before"]["what"].as_str().unwrap();
    assert!(what.starts_with(&format!("previous runs at {}", &repository.git(&["rev-parse", "HEAD"])[..10])), "{what}");
}

#[test]
fn setup_prepares_the_other_worktree_alone_and_its_failure_is_named() {
    let repository = Repository::new("test -f prepared\n", "test -f prepared\n# second\n");
    let setup = |line: &str| {
        let arguments = ["run", "--against", "HEAD~1", "--repeat", "1", "--setup", line, "--", "sh", "work.sh"];
        repository.command(&arguments).output().unwrap()
    };
    let prepared = setup("test -f \"$KINO_ORIGIN/work.sh\" && touch prepared");
    let text = String::from_utf8_lossy(&prepared.stdout).into_owned();
    assert!(text.contains("the command failed in 1 of 1 runs, 0 of 1 before"), "{text}");
    assert!(!repository.path().join("prepared").exists());
    let failed = setup("echo no such thing >&2; exit 9");
    let text = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(failed.status.code() == Some(125) && text.contains("no such thing"), "{text}");
    repository.leaves_nothing_behind();
}

#[test]
fn an_interrupt_ends_it_in_order_and_what_was_recorded_counts() {
    let repository = Repository::new("exit 0\n", "exit 0\n# second\n");
    // The first execution that counts waits for ever once two others have come to their end.
    let script = "echo . >> ../counted; if [ $(wc -l < ../counted) -ge 3 ]; then echo now > ../ready; sleep 600; fi\n";
    let script = script.replace("..", repository.home.path().to_str().unwrap());
    repository.write(&script);
    let arguments = ["run", "--json", "--against", "HEAD", "--repeat", "9", "--", "sh", "work.sh"];
    let mut command = repository.command(&arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let ready = repository.home.path().join("ready");
    while !ready.exists() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    let answer: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["state"], &answer["verdict"]), (&json!("done"), &json!("undecided")));
    assert!(answer["notes"].to_string().contains("interrupted"), "{answer}");
    assert!(answer["left_out"]["executions_missing"].as_u64().unwrap() > 12, "{answer}");
    repository.leaves_nothing_behind();
}

#[test]
fn what_is_no_base_is_refused_before_anything_runs() {
    let repository = Repository::new("touch ran\n", "touch ran\n# second\n");
    let (output, _) = repository.against("no-such-branch", "1");
    assert_eq!(output.status.code(), Some(2));
    let (output, _) = repository.against("label:never", "1");
    assert_eq!(output.status.code(), Some(125));
    assert!(!repository.path().join("ran").exists());
}

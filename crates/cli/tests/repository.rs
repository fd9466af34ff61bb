//! The real binary in repositories whose configuration names programs: none of them is executed.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

#[expect(dead_code, reason = "each test binary uses a part of it")]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};
use support::Home;

/// Where versions of git may be installed beside each other.
const PLACES_OF_GIT: [&str; 3] = ["/usr/local/bin/git", "/usr/bin/git", "/opt/git/bin/git"];
/// Every hook that a command of ours could come upon, and others.
const HOOKS: [&str; 9] = [
    "post-checkout",
    "post-index-change",
    "reference-transaction",
    "pre-commit",
    "post-commit",
    "post-merge",
    "pre-auto-gc",
    "fsmonitor-watchman",
    "sendemail-validate",
];

/// A repository whose configuration is hostile: each program that it names leaves a marker when it is executed.
struct Hostile {
    home: Home,
    folder: tempfile::TempDir,
    /// The git that is first on the path.
    git: PathBuf,
}

impl Hostile {
    fn new(git: &Path) -> Self {
        let home = Home::new();
        let mut config = fs::OpenOptions::new().append(true).open(home.path().join("config.toml")).unwrap();
        config.write_all(b"[verify]\nallow = [[\"true\"]]\nwait_seconds = 60\n").unwrap();
        let made = Self { home, folder: tempfile::tempdir().unwrap(), git: git.to_owned() };
        for folder in ["markers", "programs", "bin", "work"] {
            fs::create_dir(made.folder.path().join(folder)).unwrap();
        }
        symlink(git, made.folder.path().join("bin/git")).unwrap();
        made.repository(&made.work());
        made
    }

    fn work(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("work")
    }

    /// Two commits of files that attributes give filters and drivers to, and changes on top.
    fn repository(&self, folder: &Path) {
        self.run(folder, &["init", "-q", "-b", "main"]);
        let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        write(".gitattributes", "*.txt filter=evil diff=evil merge=evil\n*.bin filter=stream\n");
        for step in ["one", "two"] {
            for name in ["a.txt", "b.bin", "c.inner", "d.included", "e.late"] {
                write(name, &format!("{step}\n"));
            }
            self.run(folder, &["add", "."]);
            self.commit(folder);
        }
        write("a.txt", "three\n");
        write("b.bin", "three\n");
        write("c.inner", "three\n");
        write("new.txt", "fresh\n");
    }

    fn commit(&self, folder: &Path) {
        self.run(folder, &["-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "-m", "a step"]);
    }

    /// Git as the tests use it: with nothing of the user's own configuration.
    fn run(&self, folder: &Path, arguments: &[&str]) -> bool {
        let mut git = Command::new(&self.git);
        git.arg("-C").arg(folder).args(arguments).stdin(Stdio::null());
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        git.output().unwrap().status.success()
    }

    /// A program that leaves the marker `name`, and then does `rest`.
    fn program(&self, name: &str, rest: &str) -> String {
        let path = self.folder.path().join("programs").join(name);
        let marker = self.folder.path().join("markers").join(name);
        fs::write(&path, format!("#!/bin/sh\ntouch '{}'\n{rest}\n", marker.display())).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn plant(&self, folder: &Path) {
        let git = folder.join(".git");
        let set = |key: &str, value: &str| assert!(self.run(folder, &["config", key, value]), "{key}");
        for (key, rest) in [
            ("filter.evil.clean", "cat"),
            ("filter.evil.smudge", "cat"),
            ("filter.stream.process", "exit 1"),
            ("filter.inner.clean", "cat"),
            ("filter.inner.smudge", "cat"),
            ("diff.evil.command", ""),
            ("diff.evil.textconv", "cat \"$1\""),
            ("diff.external", ""),
            ("merge.evil.driver", ""),
            ("core.fsmonitor", ""),
            ("core.sshCommand", ""),
            ("core.pager", "cat"),
            ("pager.diff", "cat"),
            ("core.editor", ""),
            ("core.askPass", ""),
            ("core.gitProxy", ""),
            ("core.alternateRefsCommand", ""),
            ("credential.helper", ""),
            ("gpg.program", ""),
            ("interactive.diffFilter", "cat"),
            ("uploadpack.packObjectsHook", ""),
        ] {
            set(key, &self.program(key, rest));
        }
        set("filter.evil.required", "true");
        // A name that the syntax of `-c name=value` cannot say.
        set("filter.a=b.clean", &self.program("filter.equals.clean", "cat"));
        fs::write(
            git.join("info/attributes"),
            "*.inner filter=inner\n*.included filter=included\n*.late filter=late\n",
        )
        .unwrap();
        let filters = |name: &str| {
            let (clean, smudge) = (format!("filter.{name}.clean"), format!("filter.{name}.smudge"));
            let (clean, smudge) = (self.program(&clean, "cat"), self.program(&smudge, "cat"));
            format!("[filter \"{name}\"]\n\tclean = {clean}\n\tsmudge = {smudge}\n")
        };
        // By inclusion, by a condition that holds, and in the configuration of one worktree.
        fs::write(git.join("more"), filters("included")).unwrap();
        set("includeIf.gitdir:/.path", git.join("more").to_str().unwrap());
        set("extensions.worktreeConfig", "true");
        fs::write(git.join("config.worktree"), filters("late")).unwrap();
        fs::create_dir(git.join("own-hooks")).unwrap();
        fs::create_dir_all(git.join("hooks")).unwrap();
        for hook in HOOKS {
            let program = self.program(&format!("hook.{hook}"), "");
            for place in ["hooks", "own-hooks"] {
                fs::copy(&program, git.join(place).join(hook)).unwrap();
            }
        }
        set("core.hooksPath", git.join("own-hooks").to_str().unwrap());
        set("submodule.recurse", "true");
    }

    /// A submodule whose own configuration names programs, and which insists on being looked into.
    fn plant_submodule(&self, folder: &Path) {
        let inner = folder.join("inner");
        fs::create_dir(&inner).unwrap();
        self.repository(&inner);
        let modules = "[submodule \"inner\"]\n\tpath = inner\n\turl = ./inner\n\tignore = none\n\tfetchRecurseSubmodules = true\n";
        fs::write(folder.join(".gitmodules"), modules).unwrap();
        self.run(folder, &["add", ".gitmodules", "inner"]);
        self.commit(folder);
        self.run(folder, &["submodule", "init"]);
        let update = format!("!{}", self.program("submodule.update", ""));
        assert!(self.run(folder, &["config", "submodule.inner.update", &update]));
        let set = |key: &str, value: &str| assert!(self.run(&inner, &["config", key, value]), "{key}");
        set("core.fsmonitor", &self.program("inner.fsmonitor", ""));
        set("filter.evil.clean", &self.program("inner.clean", "cat"));
        set("filter.stream.process", &self.program("inner.process", "exit 1"));
    }

    /// Takes the objects of the first commit's files away and names a remote that would have them.
    fn become_partial(&self, folder: &Path) {
        let set = |key: &str, value: &str| assert!(self.run(folder, &["config", key, value]), "{key}");
        let mut listing = Command::new(&self.git);
        let listed = listing.arg("-C").arg(folder).args(["ls-tree", "HEAD~1"]).output().unwrap();
        for line in String::from_utf8(listed.stdout).unwrap().lines() {
            let object = line.split_whitespace().nth(2).unwrap();
            drop(fs::remove_file(folder.join(".git/objects").join(&object[..2]).join(&object[2..])));
        }
        set("core.repositoryFormatVersion", "1");
        set("extensions.partialClone", "origin");
        set("remote.origin.promisor", "true");
        set("remote.origin.partialCloneFilter", "blob:none");
        set("remote.origin.url", folder.to_str().unwrap());
        set("remote.origin.uploadpack", &self.program("remote.uploadpack", ""));
        set("protocol.allow", "always");
    }

    fn markers(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(self.folder.path().join("markers")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// That the plants work: what an ordinary git executes here. Takes the markers away again.
    fn executed_by_git(&self, folder: &Path) -> BTreeSet<String> {
        let tree = self.folder.path().join("tree");
        // Touched, so that they are compared by content.
        for name in ["d.included", "e.late"] {
            fs::write(folder.join(name), "three\n").unwrap();
        }
        // A monitor answers that nothing has changed, and a filter that fails ends it all.
        let (still, calm) = ("core.fsmonitor=false", "filter.stream.process=");
        self.run(folder, &["-c", still, "-c", calm, "diff", "HEAD"]);
        self.run(folder, &["-c", still, "diff", "--no-ext-diff", "HEAD"]);
        self.run(folder, &["-c", still, "-c", calm, "diff", "--no-ext-diff", "HEAD"]);
        self.run(folder, &["-c", still, "-c", calm, "add", "--intent-to-add", "--all"]);
        let tree_path = tree.to_str().unwrap();
        self.run(folder, &["-c", still, "-c", calm, "worktree", "add", "--detach", "--force", tree_path, "HEAD~1"]);
        drop(fs::remove_dir_all(&tree));
        self.run(folder, &["worktree", "prune"]);
        self.run(folder, &["status"]);
        let found = self.markers();
        for name in &found {
            fs::remove_file(self.folder.path().join("markers").join(name)).unwrap();
        }
        found
    }

    fn kino(&self, arguments: &[&str]) -> Command {
        let mut command = self.home.command(arguments);
        #[expect(clippy::disallowed_methods, reason = "the planted programs come before those of the caller")]
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [self.folder.path().join("bin")].into_iter().chain(std::env::split_paths(&path));
        command.current_dir(self.work()).env("PATH", std::env::join_paths(folders).unwrap());
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        command
    }

    /// Runs `kino` and returns its exit code and everything that it wrote.
    fn outcome(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.kino(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        (output.status.code(), text)
    }

    /// Calls `verify_change` of `kino mcp` with the one command that the configuration allows.
    fn verify_change(&self) -> Json {
        let mut child =
            self.kino(&["mcp"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let client = json!({"name": "test", "version": "1"});
        let first = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
        let call =
            json!({"name": "verify_change", "arguments": {"command": ["true"], "against": "HEAD~1", "repeat": 1}});
        for message in [
            json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": first}),
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
            json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}),
        ] {
            writeln!(input, "{message}").unwrap();
        }
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let answers = lines.map(|line| serde_json::from_str::<Json>(&line.unwrap()).unwrap());
        let answer = answers.into_iter().find(|answer| answer["id"] == 2).unwrap();
        drop(input);
        child.wait().unwrap();
        answer["result"].clone()
    }
}

/// Every git that is installed here, once.
fn gits() -> Vec<PathBuf> {
    let there: BTreeSet<PathBuf> = PLACES_OF_GIT.iter().filter_map(|place| fs::canonicalize(place).ok()).collect();
    if there.is_empty() { vec!["git".into()] } else { there.into_iter().collect() }
}

fn all_commands(hostile: &Hostile) {
    let (code, text) = hostile.outcome(&["run", "--", "true"]);
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(hostile.markers(), BTreeSet::new(), "kino run\n{text}");
    let (_, text) = hostile.outcome(&["check", "--expect", "no errors"]);
    assert_eq!(hostile.markers(), BTreeSet::new(), "kino check\n{text}");
}

#[test]
fn nothing_that_the_configuration_of_a_repository_names_is_executed() {
    for git in gits() {
        let hostile = Hostile::new(&git);
        let work = hostile.work();
        hostile.plant_submodule(&work);
        hostile.plant(&work);
        let executed = hostile.executed_by_git(&work);
        for name in [
            "filter.evil.clean",
            "filter.evil.smudge",
            "filter.stream.process",
            "filter.inner.clean",
            "filter.included.clean",
            "filter.late.clean",
            "diff.external",
            "diff.evil.textconv",
            "core.fsmonitor",
            "hook.post-checkout",
            "hook.reference-transaction",
            "inner.fsmonitor",
        ] {
            assert!(executed.contains(name), "{name} would be executed by {}: {executed:?}", git.display());
        }
        all_commands(&hostile);
        let (code, text) = hostile.outcome(&["run", "--against", "HEAD~1", "--repeat", "1", "--", "true"]);
        assert!(matches!(code, Some(0 | 3)), "{code:?} {text}");
        assert_eq!(hostile.markers(), BTreeSet::new(), "kino run --against\n{text}");
        let verified = hostile.verify_change();
        let verdict = verified["structuredContent"]["facts"]["verdict"].as_str();
        assert!(matches!(verdict, Some("pass" | "undecided")), "{verified}");
        assert_eq!(hostile.markers(), BTreeSet::new(), "verify_change\n{verified}");
        // Only later versions of git know such hooks, and nothing switches them off.
        assert!(hostile.run(&work, &["config", "hook.own.command", &hostile.program("hook.own", "")]));
        let (code, text) = hostile.outcome(&["run", "--against", "HEAD~1", "--repeat", "1", "--", "true"]);
        assert!(code == Some(125) && text.contains("defines hooks"), "{code:?} {text}");
        assert_eq!(hostile.markers(), BTreeSet::new(), "{text}");
    }
}

#[test]
fn a_partial_clone_fetches_nothing_and_executes_nothing_for_it() {
    for git in gits() {
        let hostile = Hostile::new(&git);
        let work = hostile.work();
        hostile.become_partial(&work);
        assert!(hostile.executed_by_git(&work).contains("remote.uploadpack"), "the plant works");
        all_commands(&hostile);
        let (code, text) = hostile.outcome(&["run", "--against", "HEAD~1", "--repeat", "1", "--", "true"]);
        assert!(code == Some(125) && text.contains("could not check"), "{code:?} {text}");
        assert_eq!(hostile.markers(), BTreeSet::new(), "kino run --against\n{text}");
        let verified = hostile.verify_change();
        assert_eq!(hostile.markers(), BTreeSet::new(), "verify_change\n{verified}");
    }
}

#[test]
fn filters_of_the_users_own_configuration_stay_and_a_repository_cannot_change_them() {
    for git in gits() {
        let hostile = Hostile::new(&git);
        let work = hostile.work();
        let own = hostile.folder.path().join("own");
        // Stored in capitals, and in small letters where it is checked out.
        fs::write(&own, "[filter \"own\"]\n\tclean = tr a-z A-Z\n\tsmudge = tr A-Z a-z\n\trequired\n").unwrap();
        fs::write(work.join(".gitattributes"), "*.own filter=own\n*.crypt filter=local\n").unwrap();
        for step in ["first", "second"] {
            fs::write(work.join("x.own"), format!("{step}\n")).unwrap();
            fs::write(work.join("y.crypt"), format!("{step}\n")).unwrap();
            let mut add = Command::new(&git);
            add.arg("-C").arg(&work).args(["add", "."]).env("GIT_CONFIG_GLOBAL", &own);
            assert!(add.status().unwrap().success());
            hostile.commit(&work);
        }
        for key in ["filter.own.smudge", "filter.own.clean", "filter.own.process", "filter.local.smudge"] {
            assert!(hostile.run(&work, &["config", key, &hostile.program(key, "cat")]));
        }
        let seen = hostile.folder.path().join("seen");
        let script = format!("cat x.own y.crypt >> '{}'", seen.display());
        let mut command = hostile.kino(&["run", "--against", "HEAD~1", "--repeat", "1", "--", "sh", "-c", &script]);
        command.env("GIT_CONFIG_GLOBAL", &own);
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert_eq!(hostile.markers(), BTreeSet::new(), "{text}");
        assert!(text.contains("defines 1 filter (local)"), "{text}");
        let seen = fs::read_to_string(seen).unwrap();
        assert!(seen.contains("first\nfirst\n") && !seen.contains("FIRST"), "the user's own filter was used: {seen}");
    }
}

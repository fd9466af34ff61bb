//! Tests of a run that only a report or the output names: JUnit files that the run wrote, and the text of `cargo test`
//! and `go test`. They become spans below the run, where its processes have recorded no test themselves: what was recorded
//! says more, and the same test counts once.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use kino_ingest::reports::{Report, ReportContext, cargo_test, go_test, junit};
use kino_ingest::{Encoding, Limits, otlp};
use kino_model::{Resource, SpanId, TraceId, UnixNanos, Value};

use crate::child::ChildExit;

/// Reports of one run that are taken in.
const FILES_MAX: usize = 1_000;
/// Bytes of one report.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// Entries of folders that are looked at for them.
const ENTRIES_MAX: usize = 200_000;
/// How deep folders are looked into.
const DEPTH_MAX: usize = 32;
/// By how much a file may seem older than it is: file systems take the time of the last tick of the clock.
const TICK_NANOS: i64 = 20_000_000;
/// Folders that never hold a report of this project's own.
const PASSED_OVER: [&str; 2] = [".git", "node_modules"];
/// Words of commands behind which `cargo` or `go` may be.
const BUILDERS: [&str; 6] = ["make", "just", "task", "mise", "sh", "bash"];

/// A run whose tests are looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SuiteSearch<'a> {
    /// The command.
    pub(crate) words: &'a [OsString],
    /// The project: the worktree, or the directory of the command. Globs are relative to it and stay inside.
    pub(crate) project: &'a Path,
    /// Which files are reports, as the user's configuration says.
    pub(crate) junit: Option<&'a str>,
    /// Whether processes of the run have recorded tests.
    pub(crate) has_tests: bool,
    /// What the run wrote.
    pub(crate) ended: &'a ChildExit,
    /// The run's trace and span.
    pub(crate) above: (TraceId, SpanId),
    /// When the run began and ended, in Unix nanoseconds.
    pub(crate) times: (i64, i64),
    /// Who the tests are of.
    pub(crate) resource: &'a Arc<Resource>,
}

/// Takes spans as a request of OTLP in JSON, with their number.
///
/// # Errors
/// Where they are lost, and why.
pub(crate) type Deliver<'a> = &'a dyn Fn(&[u8], u64) -> Result<(), String>;

/// Takes the tests in; returns what there is to say of it, a sentence each.
pub(crate) fn take_in(looked: SuiteSearch<'_>, deliver: Deliver<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let mut reports: Vec<(&'static str, Report)> = Vec::new();
    if let Some(glob) = looked.junit {
        reports.extend(junit_files(glob, looked, &mut notes).into_iter().map(|report| ("junit", report)));
    }
    if reports.is_empty() && !looked.has_tests {
        reports.extend(of_text(looked, &mut notes));
    }
    for (seed, (framework, report)) in reports.iter().enumerate() {
        notes.extend(said(framework, report));
        let (trace_id, parent) = looked.above;
        // The run's span id is random, so that no two runs of one trace share ids.
        let seed = u64::from_be_bytes(parent.0).wrapping_add((seed as u64) << 40);
        let place = ReportContext {
            trace_id,
            parent,
            resource: Arc::clone(looked.resource),
            framework,
            start: looked.times.0,
            end: Some(looked.times.1),
            seed,
        };
        let spans = report.spans(&place);
        if let Err(why) = deliver(&otlp::encode_traces(&spans, Encoding::Json), spans.len() as u64) {
            notes.push(format!("{} tests are not stored: {why}", spans.len()));
        }
    }
    notes
}

/// What a report says of itself.
fn said(framework: &str, report: &Report) -> Vec<String> {
    let mut notes: Vec<String> =
        report.issues.examples.iter().map(|example| format!("{framework}: {example}")).collect();
    if report.left_out > 0 {
        notes.push(format!("{framework}: {} more tests than one report may have are left out", report.left_out));
    }
    if report.cases.iter().any(|case| case.duration.is_none()) && framework == "cargo test" {
        notes.push(
            "tests are read from the output of `cargo test`, which gives them no duration each; cargo nextest run has them"
                .to_owned(),
        );
    }
    notes
}

/// The tests in what the run wrote, where its command may have been cargo or go.
fn of_text(looked: SuiteSearch<'_>, notes: &mut Vec<String>) -> Option<(&'static str, Report)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let runs = |tool: &str| may_run(looked.words, tool);
    if !runs("cargo") && !runs("go") {
        return None;
    }
    let (output, errors) = (text(&looked.ended.stdout.bytes), text(&looked.ended.stderr.bytes));
    let cut = looked.ended.stdout.cut_bytes > 0;
    let found = [
        runs("cargo").then(|| ("cargo test", cargo_test::read(&output, &errors))),
        runs("go").then(|| ("go test", go_test::read(&output))),
    ];
    let found = found.into_iter().flatten().find(|(_, report)| !report.cases.is_empty());
    if let (Some((framework, _)), true) = (&found, cut) {
        notes.push(format!("{framework}: tests in the part of the output that is not recorded are not known"));
    }
    found
}

/// Whether a command runs this tool, or something that may.
fn may_run(words: &[OsString], tool: &str) -> bool {
    let named = |word: &OsString| Path::new(word).file_name().is_some_and(|name| name == tool);
    let builds = |word: &OsString| {
        Path::new(word).file_name().and_then(|name| name.to_str()).is_some_and(|name| BUILDERS.contains(&name))
    };
    words.iter().any(named) || words.first().is_some_and(builds)
}

/// The reports that the run wrote, of the files that the glob names.
fn junit_files(glob: &str, looked: SuiteSearch<'_>, notes: &mut Vec<String>) -> Vec<Report> {
    let Some(pattern) = Pattern::parse(glob) else {
        notes.push(format!(
            "[run] junit = {glob:?} is not read: a path of the project is expected, without .. and / before it"
        ));
        return Vec::new();
    };
    let Ok(root) = looked.project.canonicalize() else { return Vec::new() };
    let mut search = FileSearch { pattern: &pattern, newer_than: looked.times.0 - TICK_NANOS, ..FileSearch::default() };
    search.folder(&root, 0, &BTreeSet::from([0]));
    search.found.sort();
    let (found, beyond) = search.found.split_at(search.found.len().min(FILES_MAX));
    for (count, what) in [
        (search.links, "links are passed over"),
        (u64::from(search.is_stopped), "search stopped early: the glob matches too many folders"),
        (beyond.len() as u64, "files beyond the first thousand are left out"),
    ] {
        if count > 0 {
            notes.push(format!("junit: {count} {what}"));
        }
    }
    if looked.has_tests && !found.is_empty() {
        notes.push(format!(
            "junit: {} not taken in, because the run's processes recorded its tests themselves",
            files(found.len())
        ));
        return Vec::new();
    }
    let mut reports = Vec::new();
    for path in found {
        let shown = path.strip_prefix(&root).unwrap_or(path).display();
        match bytes(path, &root)
            .and_then(|bytes| junit::read(&bytes, &limits(looked)).map_err(|error| error.to_string()))
        {
            Ok(report) => reports.push(report),
            Err(why) => notes.push(format!("junit: {shown} is not taken in: {why}")),
        }
    }
    reports
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

fn limits(looked: SuiteSearch<'_>) -> Limits {
    Limits { now: UnixNanos(looked.times.1), ..Limits::default() }
}

/// Reads a file below `root`, wherever links lead meanwhile.
fn bytes(path: &Path, root: &Path) -> Result<Vec<u8>, String> {
    let failed = |error: std::io::Error| error.to_string();
    let inside = path.canonicalize().map_err(failed)?;
    if !inside.starts_with(root) {
        return Err("a link leads out of the project".to_owned());
    }
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(&inside).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    if !about.is_file() {
        return Err("it is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if read as u64 > FILE_BYTES_MAX {
        return Err(format!("it has more than {} MiB", FILE_BYTES_MAX >> 20));
    }
    Ok(bytes)
}

/// A glob: parts between slashes, of which `**` is any number of folders; in the others `*` and `?` stand for characters.
#[derive(Debug, Default)]
struct Pattern {
    parts: Vec<PatternPart>,
}

#[derive(Debug, PartialEq, Eq)]
enum PatternPart {
    Folders,
    Name(Vec<char>),
}

impl Pattern {
    /// `None` where it may lead out of the project.
    fn parse(glob: &str) -> Option<Self> {
        let path = Path::new(glob);
        if glob.is_empty() || path.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            return None;
        }
        let part =
            |text: &str| if text == "**" { PatternPart::Folders } else { PatternPart::Name(text.chars().collect()) };
        let parts = glob.split('/').filter(|text| !matches!(*text, "" | ".")).map(part).collect();
        Some(Self { parts })
    }

    /// Where one may be in the pattern once a name was read at these places, and whether it may end there.
    fn step(&self, at: &BTreeSet<usize>, name: &str) -> (BTreeSet<usize>, bool) {
        let name: Vec<char> = name.chars().collect();
        let mut next = BTreeSet::new();
        for start in self.with_skipped(at) {
            match &self.parts[start] {
                PatternPart::Folders => drop(next.insert(start)),
                PatternPart::Name(pattern) if matches(pattern, &name) => drop(next.insert(start + 1)),
                PatternPart::Name(_) => {}
            }
        }
        // Behind a last `**` any file may be.
        let is_last = |at: &usize| at + 1 == self.parts.len() && self.parts[*at] == PatternPart::Folders;
        let ends = next.contains(&self.parts.len()) || next.iter().any(is_last);
        next.retain(|at| *at < self.parts.len());
        (next, ends)
    }

    /// These places, and those behind any `**` there, which may stand for no folder at all.
    fn with_skipped(&self, at: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut all = BTreeSet::new();
        for start in at {
            let mut start = *start;
            while start < self.parts.len() && all.insert(start) && self.parts[start] == PatternPart::Folders {
                start += 1;
            }
        }
        all
    }
}

/// Whether a name fits. Takes time in proportion to both lengths multiplied, at most.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut in_pattern, mut in_name) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        match pattern.get(in_pattern) {
            Some('*') => {
                star = Some((in_pattern, in_name));
                in_pattern += 1;
            }
            Some(wanted) if *wanted == '?' || *wanted == name[in_name] => {
                in_pattern += 1;
                in_name += 1;
            }
            _ => {
                let Some((at, from)) = star else { return false };
                star = Some((at, from + 1));
                (in_pattern, in_name) = (at + 1, from + 1);
            }
        }
    }
    pattern[in_pattern..].iter().all(|rest| *rest == '*')
}

/// A walk through the folders in which a file may match.
struct FileSearch<'p> {
    pattern: &'p Pattern,
    newer_than: i64,
    found: Vec<PathBuf>,
    entries: usize,
    links: u64,
    is_stopped: bool,
}

static NOTHING: Pattern = Pattern { parts: Vec::new() };

impl Default for FileSearch<'_> {
    fn default() -> Self {
        Self { pattern: &NOTHING, newer_than: 0, found: Vec::new(), entries: 0, links: 0, is_stopped: false }
    }
}

impl FileSearch<'_> {
    fn folder(&mut self, folder: &Path, depth: usize, at: &BTreeSet<usize>) {
        if depth >= DEPTH_MAX {
            self.is_stopped = true;
            return;
        }
        // A folder that cannot be read has nothing that could be.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                self.is_stopped = true;
                return;
            }
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| !PASSED_OVER.contains(name)) else { continue };
            let (next, ends) = self.pattern.step(at, name);
            let Ok(about) = fs::symlink_metadata(entry.path()) else { continue };
            let written = about.mtime().saturating_mul(1_000_000_000).saturating_add(about.mtime_nsec());
            if about.is_symlink() {
                self.links += u64::from(ends);
            } else if about.is_file() && ends && written >= self.newer_than {
                self.found.push(entry.path());
            } else if about.is_dir() && !next.is_empty() {
                self.folder(&entry.path(), depth + 1, &next);
            }
        }
    }
}

/// The resource of tests that a run's report names.
pub(crate) fn resource(attributes: &[(&str, Option<&str>)]) -> Arc<Resource> {
    let attributes = attributes.iter().filter_map(|(key, value)| Some(((*key).into(), Value::from((*value)?))));
    Arc::new(Resource { attributes: attributes.collect(), ..Resource::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(glob: &str, files: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let pattern = Pattern::parse(glob).unwrap();
        let mut search = FileSearch { pattern: &pattern, ..FileSearch::default() };
        search.folder(folder.path(), 0, &BTreeSet::from([0]));
        let mut names: Vec<String> = search
            .found
            .iter()
            .map(|path| path.strip_prefix(folder.path()).unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_glob_names_files_below_the_project() {
        let files = [
            "a.xml",
            "t/junit.xml",
            "t/deep/er/junit.xml",
            "node_modules/x/junit.xml",
            "t/junit.txt",
            ".git/junit.xml",
        ];
        assert_eq!(found("**/junit.xml", &files), ["t/deep/er/junit.xml", "t/junit.xml"]);
        assert_eq!(found("t/*.xml", &files), ["t/junit.xml"]);
        assert_eq!(found("./?.xml", &files), ["a.xml"]);
        assert_eq!(found("t/**", &files), ["t/deep/er/junit.xml", "t/junit.txt", "t/junit.xml"]);
        assert_eq!(found("**/**/deep/**/*.xml", &files), ["t/deep/er/junit.xml"]);
        assert!(found("nothing/*.xml", &files).is_empty());
    }

    #[test]
    fn a_glob_that_leads_out_is_none() {
        for glob in ["", "/etc/*.xml", "../*.xml", "t/../../x", "t/.."] {
            assert!(Pattern::parse(glob).is_none(), "{glob}");
        }
    }

    #[test]
    fn stars_match_without_growing() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        for (pattern, name, expected) in [
            ("*", "", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b", "axx", false),
            ("?", "é", true),
            ("*.xml", "a.xm", false),
        ] {
            assert_eq!(matches(&chars(pattern), &chars(name)), expected, "{pattern} {name}");
        }
        assert!(!matches(&chars(&"*a".repeat(50)), &chars(&"a".repeat(40))));
    }

    #[test]
    fn links_and_older_files_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.xml"), "<testsuite/>").unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret.xml"), folder.path().join("a.xml")).unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("folder")).unwrap();
        fs::write(folder.path().join("b.xml"), "<testsuite/>").unwrap();
        let pattern = Pattern::parse("**/*.xml").unwrap();
        let mut search = FileSearch { pattern: &pattern, ..FileSearch::default() };
        search.folder(folder.path(), 0, &BTreeSet::from([0]));
        assert_eq!((search.found, search.links), (vec![folder.path().join("b.xml")], 1));
        let mut later = FileSearch { pattern: &pattern, newer_than: i64::MAX, ..FileSearch::default() };
        later.folder(folder.path(), 0, &BTreeSet::from([0]));
        assert!(later.found.is_empty());
        let root = folder.path().canonicalize().unwrap();
        assert!(bytes(&root.join("a.xml"), &root).unwrap_err().contains("out of the project"));
        assert!(bytes(&root.join("b.xml"), &root).is_ok());
    }

    #[test]
    fn the_tool_is_the_commands_or_may_be_behind_it() {
        let words = |command: &str| command.split_whitespace().map(OsString::from).collect::<Vec<_>>();
        for (command, expected) in [
            ("cargo test", true),
            ("env A=b /x/cargo t", true),
            ("make check", true),
            ("cat cargo.log", false),
            ("go test", false),
        ] {
            assert_eq!(may_run(&words(command), "cargo"), expected, "{command}");
        }
    }
}

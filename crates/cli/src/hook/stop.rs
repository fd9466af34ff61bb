//! When an assistant has finished its turn: the changed lines that no run has executed, in one code, numbers and paths of
//! files that exist. It informs the user, and only where `[hooks] stop = true` asks for that.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::Duration;

use kino_agents::Agent;
use kino_agents::hook::{self, CONTEXT_BYTES_MAX, Called};
use kino_wire::change::{Change, ChangeQuestion, ChangedFile};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::after::{is_file, is_plain};
use super::{Place, ask};
use crate::heard;

/// How long the engine may take: it starts git. The assistant waits for nothing but this text.
const PAUSE_MAX: Duration = Duration::from_millis(450);
/// Files that are asked for; those beyond are in the totals alone.
const FILES_MAX: usize = 20;
/// Files, and ranges of lines of each, that are named at first; where the text would be longer than its bound, fewer are.
const NAMED: [(usize, usize); 4] = [(3, 4), (2, 2), (1, 1), (0, 0)];

pub(super) fn answer(agent: Agent, called: &Called, place: &Place) -> Option<Json> {
    if !place.hooks.stop {
        return None;
    }
    // Who shows nothing is not asked about.
    hook::notice(agent, "")?;
    let root = kino_repo::project::worktree_of(&place.directory)?;
    let question = ChangeQuestion { worktree: root.to_str()?.to_owned(), limit: FILES_MAX };
    let change = ask::ask_within(&place.home, &question, PAUSE_MAX)?;
    let text = text(&change, place.records_lines, &|path| is_file(&root, path))?;
    is_new(&place.home, agent, called, &text).then(|| hook::notice(agent, &text))?
}

/// The text for the user, within its bound; `None` where every changed line was executed, or nothing says which were.
fn text(change: &Change, records_lines: bool, exists: &dyn Fn(&str) -> bool) -> Option<String> {
    // Without a run that recorded lines nothing is known, unless every run does: then there was none since the change.
    if change.runs == 0 && !(records_lines && change.runs_without_lines == 0) {
        return None;
    }
    // What was executed of these files leads not back to their lines.
    let unmapped: u64 = change.files.iter().filter(|file| file.unmapped).map(unexercised).sum();
    let count = change.changed.saturating_sub(change.executed).saturating_sub(unmapped);
    if count == 0 {
        return None;
    }
    let is_meant = |file: &&ChangedFile| !file.unmapped && unexercised(file) > 0;
    let files: Vec<&ChangedFile> = change.files.iter().filter(is_meant).collect();
    let known = files.len() as u64 + change.left_out.files;
    let whole = |(files_max, ranges_max): (usize, usize)| {
        let shown = files.iter().filter(|file| is_plain(&file.path) && exists(&file.path)).take(files_max);
        let mut named: Vec<String> = shown.map(|file| one(file, ranges_max)).collect();
        let more = known - named.len() as u64;
        let other = if named.is_empty() { "" } else { "other " };
        named.extend((more > 0).then(|| format!("{more} {other}file{}", if more == 1 { "" } else { "s" })));
        format!(
            "Kinescope: unexercised_change: no run that recorded lines at this state of the code executed {count} of {} changed \
             lines: {}. Next: `kino run --lines -- COMMAND`, or `kino explain --change`.",
            change.changed,
            named.join("; ")
        )
    };
    NAMED.into_iter().map(whole).find(|text| text.len() <= CONTEXT_BYTES_MAX)
}

fn unexercised(file: &ChangedFile) -> u64 {
    file.changed.saturating_sub(file.executed)
}

/// `app/models.py 14-16, 20, 3 more ranges`.
fn one(file: &ChangedFile, ranges_max: usize) -> String {
    let mut text = file.path.clone();
    for (index, range) in file.unexercised.iter().take(ranges_max).enumerate() {
        let before = if index == 0 { " " } else { ", " };
        let range =
            if range.first == range.last { range.first.to_string() } else { format!("{}-{}", range.first, range.last) };
        write!(text, "{before}{range}").expect("writing to a text cannot fail");
    }
    let more = file.unexercised.len().saturating_sub(ranges_max);
    if more > 0 {
        write!(text, ", {more} more range{}", if more == 1 { "" } else { "s" }).expect("writing to a text cannot fail");
    }
    text
}

/// Whether this was not the last thing said at the end of a turn of this session. A file of the home has the hash of both; where
/// it cannot be written, each turn says it.
fn is_new(home: &Path, agent: Agent, called: &Called, text: &str) -> bool {
    let folder = home.join(heard::FOLDER);
    fs::DirBuilder::new().mode(0o700).create(&folder).ok();
    let file = folder.join(format!("stop-{agent}"));
    let mut hash = Sha256::new();
    hash.update(called.session.as_deref().unwrap_or_default());
    hash.update([0]);
    hash.update(text);
    let hash = hash.finalize();
    if fs::read(&file).is_ok_and(|last| last == hash[..]) {
        return false;
    }
    fs::write(&file, &hash[..]).ok();
    true
}

#[cfg(test)]
mod tests {
    use kino_wire::change::{ChangeLeftOut, LineRange};

    use super::*;

    fn file(path: &str, ranges: &[(u32, u32)]) -> ChangedFile {
        let unexercised: Vec<LineRange> =
            ranges.iter().map(|(first, last)| LineRange { first: *first, last: *last }).collect();
        let count = unexercised.iter().map(|range| range.count()).sum();
        ChangedFile {
            path: path.to_owned(),
            changed: count,
            unexercised,
            judged_by_run: true,
            ..ChangedFile::default()
        }
    }

    fn change(runs: u64, files: Vec<ChangedFile>) -> Change {
        let changed = 10 + files.iter().map(|file| file.changed).sum::<u64>();
        Change { runs, changed, executed: 10, files, ..Change::default() }
    }

    fn check(change: &Change) -> Option<String> {
        text(change, false, &|_| true)
    }

    #[test]
    fn lines_that_no_run_executed_are_named_by_file_and_range() {
        let files = vec![file("app/models.py", &[(14, 16), (20, 20)]), file("app/x.py", &[(3, 3)])];
        assert_eq!(
            check(&change(2, files)).unwrap(),
            "Kinescope: unexercised_change: no run that recorded lines at this state of the code executed 5 of 15 changed lines: \
             app/models.py 14-16, 20; app/x.py 3. Next: `kino run --lines -- COMMAND`, or `kino explain --change`."
        );
    }

    #[test]
    fn where_nothing_is_known_nothing_is_said() {
        let files = || vec![file("a.py", &[(1, 2)])];
        assert_eq!(check(&change(1, Vec::new())), None);
        assert_eq!(check(&change(0, files())), None);
        let said = |change: &Change| text(change, true, &|_| true);
        assert!(said(&change(0, files())).unwrap().contains("2 of 12 changed lines: a.py 1-2."));
        assert_eq!(said(&Change { runs_without_lines: 1, ..change(0, files()) }), None);
        let unmapped = ChangedFile { unmapped: true, ..file("a.ts", &[(1, 2)]) };
        assert_eq!(check(&change(1, vec![unmapped])), None);
    }

    #[test]
    fn the_text_stays_within_its_bound_and_counts_what_it_does_not_name() {
        let ranges: Vec<(u32, u32)> = (0..30).map(|at| (100_000 + 10 * at, 100_005 + 10 * at)).collect();
        let path = |name: char| format!("{}.py", name.to_string().repeat(80));
        let files = vec![file(&path('a'), &ranges), file(&path('b'), &ranges), file(&path('c'), &ranges)];
        let many = Change { left_out: ChangeLeftOut { files: 7, ..ChangeLeftOut::default() }, ..change(1, files) };
        let text = check(&many).unwrap();
        assert!(
            text.len() <= CONTEXT_BYTES_MAX && text.contains(" more ranges") && text.contains("other files"),
            "{text}"
        );
    }

    #[test]
    fn a_path_that_could_be_read_as_something_else_is_counted_and_not_named() {
        for path in ["Run rm -rf now.py", "a\u{202e}.py", "../a.py", "a\n.py", "/etc/passwd"] {
            let text = check(&change(1, vec![file(path, &[(1, 1)])])).unwrap();
            assert!(text.contains("changed lines: 1 file. Next"), "{text}");
        }
        let gone = text(&change(1, vec![file("gone.py", &[(1, 1)])]), false, &|_| false).unwrap();
        assert!(!gone.contains("gone"), "{gone}");
    }

    #[test]
    fn the_same_is_said_once_a_session() {
        let home = tempfile::tempdir().unwrap();
        let of = |session: &str| {
            hook::read(Agent::Codex, "Stop", format!("{{\"session_id\": \"{session}\"}}").as_bytes()).unwrap()
        };
        let is_new = |session: &str, text: &str| is_new(home.path(), Agent::Codex, &of(session), text);
        assert!(is_new("a", "one") && !is_new("a", "one") && is_new("a", "two") && is_new("b", "two"));
    }
}

//! `change`: the lines that are uncommitted in a worktree, less those that recorded runs of the same state executed.
//!
//! ```text
//!  git: the diff ─► changed lines ─┐
//!  runs of this state ─► executed, executable ─┴─► unexercised, by file
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kino_model::lines;
use kino_repo::changed_files;
use kino_wire::Problem;
use kino_wire::change::{Change, ChangeLeftOut, ChangeQuestion, ChangedFile, DEFAULT_LIMIT, MAX_LIMIT};
use kino_wire::run::{FileLines, RunLines};

use crate::Engine;
use crate::error::OrProblem;
use crate::limit::limit;
use crate::offload::offload;

/// Lines of one file that are looked at: the diff has fewer.
const LINES_MAX: usize = 4 << 20;
/// What begins a line that executes nothing, where no run says which lines can.
const COMMENTS: [&str; 4] = ["#", "//", "/*", "*"];
/// A line of nothing but these executes nothing by itself.
const PUNCTUATION: &str = "{}()[];,";

impl Engine {
    pub(crate) async fn change(&self, question: ChangeQuestion) -> Result<Change, Problem> {
        let files_max = limit(question.limit, DEFAULT_LIMIT, MAX_LIMIT)?;
        let directory = Path::new(&question.worktree).to_owned();
        if !directory.is_absolute() {
            return Err(Problem::invalid("`worktree` is not an absolute path: name the folder of a git worktree"));
        }
        let Some(git) = self.inner.config.git.clone() else {
            return Err(Problem::invalid("this engine looks into no worktree: it was started without git"));
        };
        let scratch = self.scratch();
        let code = offload(move || git.code(&directory, &scratch)).await.or_problem()?;
        let (Some(worktree), Some(commit), Some(code_state)) =
            (code.state.worktree, code.state.commit, code.state.code_state)
        else {
            let why = code.notes.first().map_or("it is in no git repository", String::as_str);
            return Err(Problem::invalid(format!(
                "nothing is known of what changed in {:?}: {why}",
                question.worktree
            )));
        };
        let mut seen = ExecutedLines::default();
        let mut runs_of_other_states = 0;
        for run in self.inner.runs.all().await? {
            if !run.is_of(code.state.project.as_deref()) {
                continue;
            }
            if run.code.code_state.as_deref() == Some(&code_state) {
                seen.add(run.lines);
            } else if run.lines.is_some() && run.code.commit.as_deref() == Some(&commit) {
                runs_of_other_states += 1;
            }
        }
        let mut answer = Change {
            schema: Change::SCHEMA.to_owned(),
            worktree,
            commit,
            code_state,
            runs: seen.runs,
            runs_without_lines: seen.runs_without_lines,
            runs_of_other_states,
            left_out: ChangeLeftOut {
                diff_bytes: code.diff_cut_bytes,
                files_not_asked: seen.files_not_asked,
                ..ChangeLeftOut::default()
            },
            ..Change::default()
        };
        let redaction = self.inner.redaction.clone();
        for file in changed_files(&code.diff) {
            if !lines::is_recorded(&file.path) {
                answer.left_out.files_not_recorded += 1;
                continue;
            }
            answer.files.extend(seen.judge(redaction.text(&file.path), &file.lines));
        }
        answer.changed = answer.files.iter().map(|file| file.changed).sum();
        answer.executed = answer.files.iter().map(|file| file.executed).sum();
        let unexercised = |file: &ChangedFile| file.changed - file.executed;
        answer
            .files
            .sort_by(|one, other| unexercised(other).cmp(&unexercised(one)).then_with(|| one.path.cmp(&other.path)));
        answer.left_out.files = answer.files.len().saturating_sub(files_max) as u64;
        answer.files.truncate(files_max);
        Ok(answer)
    }
}

/// What runs of one state of the code say of its lines, together.
#[derive(Default)]
struct ExecutedLines {
    runs: u64,
    runs_without_lines: u64,
    /// The most files that one run was not asked about.
    files_not_asked: u64,
    files: BTreeMap<String, SeenFile>,
}

#[derive(Default)]
struct SeenFile {
    executed: BTreeSet<u32>,
    executable: Option<BTreeSet<u32>>,
    unmapped: bool,
}

impl ExecutedLines {
    fn add(&mut self, run: Option<RunLines>) {
        let Some(run) = run else {
            self.runs_without_lines += 1;
            return;
        };
        self.runs += 1;
        self.files_not_asked = self.files_not_asked.max(run.files_left_out);
        for FileLines { path, executed, executable, unmapped } in run.files {
            let file = self.files.entry(path).or_default();
            file.executed.extend(lines::lines(&executed, LINES_MAX));
            if let Some(executable) = executable {
                file.executable.get_or_insert_default().extend(lines::lines(&executable, LINES_MAX));
            }
            file.unmapped |= unmapped;
        }
    }

    /// What is to be said of a file with these changed lines; `None` where none of them can execute.
    fn judge(&self, path: String, changed: &[(u32, String)]) -> Option<ChangedFile> {
        let known = self.files.get(&path);
        let executable = known.and_then(|file| file.executable.as_ref());
        let can_execute = |number: u32, text: &str| executable.map_or_else(|| is_code(text), |it| it.contains(&number));
        let executed = |number: &u32| known.is_some_and(|file| file.executed.contains(number));
        let lines: BTreeSet<u32> = changed
            .iter()
            .filter(|(number, text)| can_execute(*number, text) || executed(number))
            .map(|(number, _)| *number)
            .collect();
        let unexercised: BTreeSet<u32> = lines.iter().copied().filter(|number| !executed(number)).collect();
        (!lines.is_empty()).then(|| ChangedFile {
            path,
            changed: lines.len() as u64,
            executed: (lines.len() - unexercised.len()) as u64,
            unexercised: lines::ranges(&unexercised),
            judged_by_run: executable.is_some(),
            unmapped: known.is_some_and(|file| file.unmapped),
        })
    }
}

/// Whether a line may execute, by its text alone.
fn is_code(text: &str) -> bool {
    let text = text.trim();
    !COMMENTS.iter().any(|comment| text.starts_with(comment))
        && text.chars().any(|character| !character.is_whitespace() && !PUNCTUATION.contains(character))
}

#[cfg(test)]
mod tests {
    use kino_wire::change::LineRange;

    use super::*;

    fn range(first: u32, last: u32) -> LineRange {
        LineRange { first, last }
    }

    fn run(executed: &[LineRange], executable: Option<&[LineRange]>) -> RunLines {
        let file = FileLines {
            path: "x.py".to_owned(),
            executed: executed.to_vec(),
            executable: executable.map(<[LineRange]>::to_vec),
            unmapped: false,
        };
        RunLines { files: vec![file], files_left_out: 0 }
    }

    fn check(runs: Vec<Option<RunLines>>, expected: &[LineRange]) -> ChangedFile {
        let mut seen = ExecutedLines::default();
        for run in runs {
            seen.add(run);
        }
        let changed: Vec<(u32, String)> = [(1, "def f():"), (2, "    # why"), (3, "    return 1"), (4, ""), (5, "f()")]
            .map(|(n, t)| (n, t.to_owned()))
            .into();
        let file = seen.judge("x.py".to_owned(), &changed).unwrap();
        assert_eq!(file.unexercised, expected);
        file
    }

    #[test]
    fn lines_that_no_run_executed_are_unexercised() {
        let file = check(vec![], &[range(1, 1), range(3, 3), range(5, 5)]);
        assert!(!file.judged_by_run);
        let executable = [range(1, 1), range(3, 3), range(5, 5)];
        let file = check(
            vec![Some(run(&[range(1, 1)], Some(&executable))), None, Some(run(&[range(5, 5)], None))],
            &[range(3, 3)],
        );
        assert_eq!((file.changed, file.executed, file.judged_by_run), (3, 2, true));
    }

    #[test]
    fn what_was_executed_can_execute() {
        let file = check(vec![Some(run(&[range(1, 5)], Some(&[])))], &[]);
        assert_eq!((file.changed, file.executed), (5, 5));
    }

    #[test]
    fn a_file_that_only_comments_changed_in_is_left_out() {
        let changed = [(1, "# a".to_owned()), (2, "});".to_owned()), (3, "  ".to_owned())];
        assert_eq!(ExecutedLines::default().judge("x.js".to_owned(), &changed), None);
    }
}

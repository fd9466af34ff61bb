//! `explain_system` with a question: what is wrong now, ranked, each cause with the call that shows it.

use kino_wire::ask::ask;
use kino_wire::diagnose::{Diagnose, DiagnoseQuestion, DiagnosisEntry, WORDS_BYTES_MAX};

use crate::answer::{Answer, Rendered, Table};
use crate::arguments;
use crate::calls::{Asker, Refusal, location};
use crate::cells::Cell;
use crate::recorded::{MESSAGE_BYTES_MAX, word};

/// Rows of what else was seen before the room is left to further causes.
const ALSO_FIRST: usize = 2;
/// Words of the complaint that a fact names.
const WORDS_SHOWN_MAX: usize = 12;

impl Asker<'_> {
    pub(crate) async fn diagnose(&self, arguments: arguments::System) -> Result<Rendered, Refusal> {
        if arguments.last > 0 {
            return Err(Refusal::Arguments("last goes without question and since".to_owned()));
        }
        let words = arguments.question.unwrap_or_default();
        if words.len() > WORDS_BYTES_MAX {
            return Err(Refusal::Arguments(format!("question is longer than {WORDS_BYTES_MAX} bytes")));
        }
        let question = DiagnoseQuestion {
            words: (!words.is_empty()).then_some(words),
            since_unix_nanos: arguments::optional_time(arguments.since.as_ref(), self.now)?,
            limit: 0,
            scope: self.scope.clone(),
        };
        let mut answer = answer(&ask(self.backend, &question).await?);
        answer.facts.insert(0, self.scope_fact());
        self.finish(&answer, arguments.cursor.as_ref())
    }
}

fn answer(diagnosis: &Diagnose) -> Answer {
    let looked = &diagnosis.looked_at;
    let mut facts = vec![("operations", Cell::Count(looked.operations)), ("executions", Cell::Count(looked.executions))];
    let left = &diagnosis.left_out;
    let counts = [
        ("failed", looked.failed),
        ("unfinished", looked.open_executions),
        ("operations_beyond", left.operations),
        ("executions_beyond", left.executions),
        ("traces_too_large", left.traces),
        ("causes_beyond", left.entries),
    ];
    facts.extend(counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, Cell::Count(count))));
    facts.extend(looked.since_unix_nanos.map(|since| ("since", Cell::Time(since))));
    let unknown: Vec<&str> = diagnosis.words.iter().filter(|word| !word.recorded).map(|word| &*word.word).collect();
    if !unknown.is_empty() {
        let shown = unknown[..unknown.len().min(WORDS_SHOWN_MAX)].join(" ");
        facts.push(("words_that_name_nothing", Cell::recorded(&shown)));
    }
    let mut wrong = Table::new(
        "wrong",
        6,
        &["rank", "code", "share", "of", "service", "entry", "text", "code_at", "raised", "next", "target", "target_service"],
    );
    let mut also = Table::new("also_seen", ALSO_FIRST, &["rank", "code", "text"]);
    for entry in &diagnosis.entries {
        wrong.rows.push(row(entry));
        also.rows.extend(entry.also.iter().map(|seen| {
            vec![Cell::Count(entry.rank), Cell::word(&seen.code), Cell::recorded_up_to(&seen.text, MESSAGE_BYTES_MAX)]
        }));
    }
    let note = if looked.executions + looked.open_executions == 0 {
        "nothing recorded in this scope yet: trace a program with `kino run -- CMD`"
    } else if diagnosis.entries.is_empty() {
        "nothing wrong was found in these executions"
    } else {
        "share is what is lost of the entry operation; also_seen follows from the cause of its rank"
    };
    let mut tables = vec![wrong];
    if !also.rows.is_empty() {
        tables.push(also);
    }
    Answer { tool: "explain_system", facts, notes: vec![note.to_owned()], tables, next: None }
}

fn row(entry: &DiagnosisEntry) -> Vec<Cell> {
    let argument = |name: &str| entry.next.arguments.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    // Ids and states of the code are checked to be such; the name of an operation is recorded text.
    let of_operation = argument("target").is_some_and(|target| target.parse::<kino_model::TraceId>().is_err());
    let mut next = vec![word(&entry.next.tool).to_owned()];
    let mut target = [Cell::Empty, Cell::Empty];
    for (name, value) in &entry.next.arguments {
        match name.as_str() {
            "target" if of_operation => target[0] = Cell::recorded(value),
            "service" => target[1] = Cell::recorded(value),
            name => next.push(format!("{}={}", word(name), word(value))),
        }
    }
    let [target, target_service] = target;
    let raised = (entry.words_factor > 1.0).then_some(entry.words_factor);
    vec![
        Cell::Count(entry.rank),
        Cell::word(&entry.code),
        Cell::Share(entry.share),
        Cell::word(&entry.share_of),
        Cell::recorded(&entry.operation.service),
        Cell::recorded(&entry.operation.name),
        Cell::recorded_up_to(&entry.text, MESSAGE_BYTES_MAX),
        location(entry.location.as_ref()),
        Cell::number(raised),
        Cell::Plain(next.join(" ")),
        target,
        target_service,
    ]
}

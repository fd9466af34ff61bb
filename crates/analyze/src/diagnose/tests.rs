//! Tests of the ranking: on small traces whose cause is known.

use super::*;
use crate::testing::{traces, trees};

fn diagnosed(text: &str, complaint: &str) -> Diagnosis {
    diagnosed_within(text, complaint, 20)
}

fn diagnosed_within(text: &str, complaint: &str, limit: usize) -> Diagnosis {
    let traces = traces(text);
    let trees = trees(&traces);
    let (traces_represented, config, history) = (HashMap::new(), DetectorConfig::default(), History::default());
    let recorded = Recorded {
        trees: &trees,
        judged: trees.len(),
        contrast: &BTreeSet::new(),
        whole_since: i64::MIN,
        traces_represented: &traces_represented,
        config: &config,
        history: &history,
        limit,
    };
    diagnose(&recorded, &Words::new(complaint))
}

/// The causes, a line each: code, subject, share, text; what follows from them indented.
fn shown(diagnosis: &Diagnosis) -> String {
    let line = |candidate: &Candidate| {
        let (code, name) = (candidate.source.name(), &candidate.subject.1);
        format!("{code} in {name}: {:.2} of {}", candidate.loss.share, candidate.loss.of.name())
    };
    let mut lines = Vec::new();
    for cause in &diagnosis.causes {
        lines.push(line(&cause.lead));
        lines.extend(cause.also.iter().map(|also| format!("  also {}", line(also))));
    }
    lines.join("\n")
}

/// Traces of one text with `{t}` replaced by when each begins: a thousand milliseconds apart.
fn repeated(count: usize, trace: impl Fn(usize, usize) -> String) -> String {
    (0..count).map(|number| trace(number, number * 1_000)).collect::<Vec<_>>().join("\n---\n")
}

/// An entry of `name` that lasts `duration` with calls in a row below it, named `call`.
fn list(name: &str, at: usize, calls: usize, each: usize, statement: &str) -> String {
    let rows = (0..calls).map(|call| {
        let start = at + 5 + call * each;
        format!("\n  SELECT {start}..{} kind=client db.query.text='{statement} {call}'", start + each)
    });
    let entry = format!("{name} {at}..{}", at + 10 + calls * each);
    std::iter::once(entry).chain(rows).collect()
}

#[test]
fn a_cause_comes_with_what_follows_from_it() {
    let text = repeated(8, |_, at| list("GET /orders", at, 12, 10, "SELECT name FROM items WHERE id ="));
    let diagnosis = diagnosed(&text, "");
    assert_eq!(diagnosis.causes[0].lead.source, CandidateSource::Finding(Code::NPlusOne), "{}", shown(&diagnosis));
    assert_eq!(diagnosis.causes.len(), 1, "the bottleneck is explained by it:\n{}", shown(&diagnosis));
    assert!(diagnosis.causes[0].also.iter().any(|also| also.source == CandidateSource::Finding(Code::Bottleneck)));
    assert!(matches!(diagnosis.causes[0].lead.next, Next::Trace(_)), "one execution alone shows it");
}

#[test]
fn nothing_wrong_is_said_with_what_was_looked_at() {
    let text = repeated(6, |_, at| format!("GET /health {at}..{}", at + 5));
    let diagnosis = diagnosed(&text, "");
    assert_eq!(diagnosis.causes, []);
    assert_eq!((diagnosis.looked_at.operations, diagnosis.looked_at.executions, diagnosis.looked_at.spans), (1, 6, 6));
    assert_eq!(diagnosis.looked_at.period, Some((0, 5_000 * crate::testing::MILLI)));
    assert_eq!(diagnosed("", ""), Diagnosis::default(), "an empty home");
}

#[test]
fn a_failure_is_named_by_its_first_cause() {
    let direct = |at: usize| {
        format!(
            "POST /parcels {at}..{} !\n  label {}..{} ! exception=TypeError:'no price for zone 7'\n    price {}..{} kind=client ! \
             exception=TypeError:'no price for zone 7'",
            at + 90,
            at + 5,
            at + 60,
            at + 10,
            at + 20
        )
    };
    let diagnosis = diagnosed(&repeated(4, |_, at| direct(at)), "");
    let lead = &diagnosis.causes[0].lead;
    assert_eq!((lead.source, lead.subject.1.as_str()), (CandidateSource::Error, "price"));
    assert_eq!(lead.text, "4 of 4 executions of POST /parcels failed: TypeError: no price for zone 7, first in price.");
    assert_eq!(diagnosis.causes.len(), 1, "{}", shown(&diagnosis));
}

#[test]
fn a_silent_failure_is_followed_through_calls_that_did_not_fail() {
    let text = "POST /pay 0..90 !\n  handler 1..80\n    charge 10..50 ! exception=Refused:card\n";
    let diagnosis = diagnosed(text, "");
    assert_eq!(
        diagnosis.causes[0].lead.text,
        "The only execution of POST /pay failed: Refused: card, first in charge."
    );
}

#[test]
fn what_fails_now_comes_before_what_failed_once() {
    let text = repeated(20, |number, at| match number {
        3 => format!("nightly {at}..{} ! exception=Gone:once", at + 50),
        19 => format!("nightly {at}..{} ! exception=Broken:now", at + 50),
        _ => format!("nightly {at}..{}", at + 50),
    });
    let diagnosis = diagnosed(&text, "");
    let texts: Vec<&str> = diagnosis.causes.iter().map(|cause| &*cause.lead.text).collect();
    assert_eq!(
        texts,
        [
            "The last execution of nightly failed, of 20 no other that way: Broken: now.",
            "1 of 20 executions of nightly failed: Gone: once; the last 16 did not."
        ]
    );
    assert!(diagnosis.causes[0].severity > 10.0 * diagnosis.causes[1].severity);
}

#[test]
fn words_raise_what_they_name_and_nothing_else() {
    let text = repeated(10, |number, at| {
        if number % 2 == 0 {
            format!("GET /cart {at}..{} ! exception=KeyError:price customer=halden", at + 500)
        } else {
            format!("GET /search {at}..{} ! exception=ValueError:term customer=brix", at + 100)
        }
    });
    let first = |complaint: &str| diagnosed(&text, complaint).causes[0].lead.entry.1.clone();
    assert_eq!(first(""), "GET /cart", "most of the time");
    assert_eq!(first("the searches of brix fail"), "GET /search", "by a name and the value of an attribute");
    assert_eq!(first("why is everything so slow"), "GET /cart", "words without a name raise nothing");
    let diagnosis = diagnosed(&text, "the search of brix and of norbury fails");
    let named = |word: &str| diagnosis.words.iter().find(|one| one.word == word).unwrap().clone();
    assert_eq!((named("brix").causes, named("brix").recorded), (1, true));
    assert_eq!((named("norbury").causes, named("norbury").recorded), (0, false));
    let raised = &diagnosis.causes[0];
    assert!(raised.words_factor > 1.0 && raised.words_factor <= 8.0, "{}", raised.words_factor);
    assert_eq!(
        raised.words.iter().map(|&at| diagnosis.words[at].word.as_str()).collect::<Vec<_>>(),
        ["search", "brix"]
    );
}

#[test]
fn an_operation_that_is_named_is_not_buried_by_busier_ones_of_which_nothing_is_said() {
    let busy = repeated(12, |_, at| list("checkout", at, 24, 40, "SELECT price FROM product WHERE id ="));
    let text =
        format!("{busy}\n---\nimport.products 12000..12001 ! exception=ValueError:'row 3'\n---\nlogin 12100..12105");
    let first = |complaint: &str| diagnosed(&text, complaint).causes[0].lead.entry.1.clone();
    assert_eq!(first(""), "checkout", "it has nearly all the time");
    assert_eq!(first("why did the import fail last night?"), "import.products");
    assert_eq!(first("why did it fail last night?"), "checkout", "that names no operation");
    assert_eq!(
        first("why is checkout slow, and is the import fine?"),
        "checkout",
        "of two that are named, what costs more"
    );
    let all = text.replace("import.products", "checkout.import");
    assert_eq!(
        diagnosed(&all.replace("login", "checkout.login"), "checkout").causes[0].lead.entry.1,
        "checkout",
        "what names all operations names none"
    );
}

#[test]
fn a_rare_operation_is_not_buried_by_a_busy_one() {
    // The busy one loses a fiftieth of its time; the rare one failed, and is a thousandth of all time.
    let busy = repeated(50, |number, at| {
        let failed = if number == 20 { " ! exception=Timeout:late" } else { "" };
        format!("GET /feed {at}..{}{failed}", at + 900)
    });
    let text = format!("{busy}\n---\nnightly 49500..49550 ! exception=Full:disk");
    let diagnosis = diagnosed(&text, "");
    assert_eq!(diagnosis.causes[0].lead.entry.1, "nightly", "{}", shown(&diagnosis));
}

#[test]
fn the_limit_counts_what_it_leaves_out() {
    let text = repeated(12, |number, at| format!("job {} {at}..{} ! exception=E{number}:x", number, at + 10));
    let diagnosis = diagnosed_within(&text, "", 5);
    assert_eq!((diagnosis.causes.len(), diagnosis.left_out), (5, 7));
}

#[test]
fn passed_tests_and_open_executions_are_not_failures() {
    let text = "test_refuses 0..10 test.case.name=refuses\n  call 1..5 ! exception=Refused:wanted\n---\nopen 20.. ";
    let diagnosis = diagnosed(text, "");
    assert_eq!(diagnosis.causes, [], "{}", shown(&diagnosis));
    assert_eq!((diagnosis.looked_at.executions, diagnosis.looked_at.open_executions), (1, 1));
}

#[test]
fn a_slow_last_execution_is_unusual() {
    let text = repeated(12, |number, at| {
        let long = if number == 11 { 900 } else { 100 + number };
        format!("nightly {at}..{}\n  INSERT {}..{} kind=client", at + long, at + 5, at + long - 5)
    });
    let diagnosis = diagnosed(&text, "");
    let unusual = diagnosis.causes.iter().find(|cause| cause.lead.source == CandidateSource::Unusual);
    let lead = &unusual.unwrap_or_else(|| panic!("{}", shown(&diagnosis))).lead;
    assert!(lead.text.starts_with("The last execution of nightly took 900 ms, usually 105 ms"), "{}", lead.text);
    assert_eq!((lead.subject.1.as_str(), &lead.next), ("INSERT", &Next::Trace(TraceId([12; 16]))));
    assert!(lead.loss.share < 0.5, "a single one is never sure");
}

#[test]
fn a_failure_that_a_stack_names_is_followed_to_the_service_that_was_called() {
    let stack = "Traceback (most recent call last):\n  File \"rate.py\", line 2, in rate\nHTTPError: 500\n\nDuring handling \
                 of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \
                 \"rate.py\", line 9, in label\nLabelError: no label";
    let text = "POST /labels 0..90 @labels ! exception=LabelError:'no label'\n  GET 10..50 @labels kind=client !\n    \
                GET /rates 20..40 @rates kind=server ! exception=TypeError:'no zone 7'";
    let mut traces = traces(text);
    let raised = &mut traces[0].spans[0].events[0];
    raised.time = kino_model::UnixNanos(60 * crate::testing::MILLI);
    raised.attributes.push(("exception.stacktrace".into(), stack.into()));
    let trees = trees(&traces);
    let (traces_represented, config, history) = (HashMap::new(), DetectorConfig::default(), History::default());
    let recorded = Recorded {
        trees: &trees,
        judged: 1,
        contrast: &BTreeSet::new(),
        whole_since: i64::MIN,
        traces_represented: &traces_represented,
        config: &config,
        history: &history,
        limit: 5,
    };
    let diagnosis = diagnose(&recorded, &Words::default());
    let text = &diagnosis.causes[0].lead.text;
    assert!(text.contains("TypeError: no zone 7, first in GET /rates, passed on as LabelError"), "{text}");
}

#[test]
fn words_that_hold_a_sentence_together_are_no_words_of_a_complaint() {
    let text =
        repeated(6, |_, at| format!("and {at}..{} ! exception=Full:'since the disk and others are full'", at + 10));
    let words = |complaint: &str| -> Vec<String> {
        diagnosed(&text, complaint).words.into_iter().map(|one| one.word).collect()
    };
    assert_eq!(words("And since when are the others, which were ours, not printed?"), ["printed"]);
    assert!(diagnosed(&text, "and the others since").causes[0].words_factor <= 1.0);
}

/// A nightly job that reads files, of which one cannot be read and is skipped, and then does not add up.
fn nightly(number: usize, at: usize, caught: &str, failed: &str) -> String {
    let read = |file: usize| {
        let start = at + 10 * (file + 1);
        let bad = if file == 2 { caught } else { "" };
        let version = if file == 2 && !caught.is_empty() { "v2" } else { "v1" };
        format!("\n  read {start}..{} file=f{file} format={version} {bad}", start + 5)
    };
    let files: String = (0..6).map(read).collect();
    format!("nightly {at}..{} day={number}{files}\n  close {}..{} {failed}", at + 99, at + 80, at + 90).replacen(
        &format!("{} day", at + 99),
        &format!("{} {failed} day", at + 99),
        1,
    )
}

#[test]
fn what_was_caught_before_a_failure_and_nowhere_else_is_named_with_it() {
    let failed = "! exception=Mismatch:'31 cents'";
    let caught = "exception=FormatError:'line 7'";
    let last = |caught: &'static str, before: &'static str| {
        repeated(
            5,
            |number, at| {
                if number == 4 { nightly(number, at, caught, failed) } else { nightly(number, at, before, "") }
            },
        )
    };
    let text = diagnosed(&last(caught, ""), "").causes[0].lead.text.clone();
    let wanted = "Caught before it, and in none of the 4 that went well: FormatError: line 7, in read with format=v2.";
    assert!(text.contains("Mismatch: 31 cents, first in close.") && text.contains(wanted), "{text}");
    // A span that failed by itself and a call without an exception are caught as well.
    let text = diagnosed(&last("! exception=FormatError:'line 7'", ""), "").causes[0].lead.text.clone();
    assert!(text.contains(wanted), "{text}");
    let text = diagnosed(&last("kind=client ! http.response.status_code=404", ""), "").causes[0].lead.text.clone();
    assert!(text.contains("none of the 4 that went well: HTTP 404, in read"), "{text}");
    // What those that went well have too says nothing.
    let text = diagnosed(&last(caught, caught), "").causes[0].lead.text.clone();
    assert!(!text.contains("Caught before"), "{text}");
    let text =
        diagnosed(&repeated(2, |number, at| nightly(number, at, caught, failed)), "").causes[0].lead.text.clone();
    assert!(!text.contains("Caught before"), "nothing to compare with: {text}");
}

#[test]
fn what_follows_a_failure_is_not_before_it() {
    let text = repeated(5, |number, at| {
        let failed = if number == 4 { "! exception=Full:disk" } else { "" };
        let cleanup = if number == 4 { " exception=Missing:'temporary file'" } else { "" };
        format!(
            "job {at}..{} {failed}\n  write {}..{} {failed}\n  clean {}..{}{cleanup}",
            at + 90,
            at + 5,
            at + 20,
            at + 30,
            at + 40
        )
    });
    let text = diagnosed(&text, "").causes[0].lead.text.clone();
    assert!(text.contains("Full: disk") && !text.contains("Caught before"), "{text}");
}

#[test]
fn what_all_failed_executions_share_is_named_even_if_it_is_an_id() {
    let one = |number: usize, at: usize, id: &str, failed: &str| {
        format!(
            "consume {at}..{} kind=consumer messaging.message.id={id} worker=w{} waited={} {failed}",
            at + 20,
            number % 3,
            if failed.is_empty() { number % 5 } else { 400 + number },
        )
    };
    let failed = "! exception=BadDate:x";
    let text = repeated(30, |number, at| {
        if number < 15 { one(number, at, &format!("m{number}"), "") } else { one(number, at, "m15", failed) }
    });
    let said = diagnosed(&text, "").causes[0].lead.text.clone();
    assert!(said.ends_with("All 15 have messaging.message.id = m15; of 15 that went well none."), "{said}");
    // Ids of single executions, some of which fail, share nothing.
    let text = repeated(30, |number, at| {
        let failed = if number % 2 == 0 { failed } else { "" };
        format!("consume {at}..{} kind=consumer messaging.message.id=m{number} {failed}", at + 20)
    });
    let said = diagnosed(&text, "").causes[0].lead.text.clone();
    assert!(!said.contains("message.id"), "{said}");
}

#[test]
fn failures_are_set_apart_from_what_went_well_before_and_not_counted_with_it() {
    let mut traces = traces(&repeated(20, |number, at| {
        let (queue, failed) = if number < 8 { ("quick", "") } else { ("slow", "! exception=Late:x") };
        format!("send {at}..{} route={queue} {failed}", at + 20)
    }));
    traces.truncate(20);
    let trees = trees(&traces);
    let (traces_represented, config, history) = (HashMap::new(), DetectorConfig::default(), History::default());
    let contrast: BTreeSet<TraceId> = traces[..8].iter().map(|trace| trace.trace_id).collect();
    let recorded = Recorded {
        trees: &trees,
        judged: 20,
        contrast: &contrast,
        whole_since: i64::MIN,
        traces_represented: &traces_represented,
        config: &config,
        history: &history,
        limit: 5,
    };
    let diagnosis = diagnose(&recorded, &Words::default());
    let text = &diagnosis.causes[0].lead.text;
    assert_eq!(
        text,
        "12 of 12 executions of send failed: Late: x. All 12 have route = slow; of 8 that went well none."
    );
    assert_eq!((diagnosis.looked_at.executions, diagnosis.looked_at.failed), (20, 12));
}

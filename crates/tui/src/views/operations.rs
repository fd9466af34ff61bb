//! The operations: where most of the time is, how long each takes, and how much of it failed.

use kino_text::Tone;
use kino_text::figures::{count, duration, percent};
use kino_wire::ask::Scope;
use kino_wire::live::OperationsQuestion;

use super::View;
use crate::document::{Line, Target};
use crate::event::{Answer, Ask};
use crate::filter::Filter;

/// Operations that are listed; the page says how many more there are.
const OPERATIONS_MAX: usize = 1_000;

pub(super) const VIEW: View = View {
    key: 'O',
    title: "Operations",
    about: "the operations: how long each takes, and how much failed",
    ask,
    lines,
};

fn ask(scope: Scope) -> Ask {
    Ask::Usual(OperationsQuestion { limit: OPERATIONS_MAX, scope, ..OperationsQuestion::default() })
}

/// Operations, the most time together first; each leads to the traces that have a span of it.
fn lines(answer: &Answer) -> Option<Vec<Line>> {
    let Answer::Usual(operations) = answer else { return None };
    if operations.items.is_empty() {
        return Some(vec![Line::new("no operation yet: `kino run -- COMMAND` records some")]);
    }
    let row = |[spans, failed, total, p50, p95]: [&str; 5], name: &str| {
        Line::new(&format!("{spans:>11} {failed:>6} {total:>9} {p50:>9} {p95:>9}  {name}"))
    };
    let mut lines = vec![row(["SPANS", "FAILED", "TOGETHER", "MEDIAN", "P95"], "OPERATION").tone(Tone::Faint)];
    for item in &operations.items {
        let failed = match item.errors {
            0 => String::new(),
            errors => percent(errors as f64 / item.spans.max(1) as f64),
        };
        let quantiles = item.duration.as_ref();
        let [p50, p95] = [quantiles.map(|of| of.p50_nanos), quantiles.map(|of| of.p95_nanos)].map(duration);
        let figures = [count(item.spans), failed, duration(Some(item.total_nanos)), p50, p95];
        let name = match item.service.as_str() {
            "" => item.name.clone(),
            service => format!("{} ({service})", item.name),
        };
        let service = Some(item.service.clone()).filter(|service| !service.is_empty());
        let of_operation = Filter { service, name: Some(item.name.clone()), ..Filter::default() };
        lines.push(row(figures.each_ref().map(String::as_str), &name).to(Target::Traces(of_operation)));
    }
    lines.extend(super::beyond("operation", operations.left_out, operations.other_spans));
    Some(lines)
}

#[cfg(test)]
mod tests {
    use kino_wire::explain::Quantiles;
    use kino_wire::live::{OperationSummary, Operations};

    use super::*;
    use crate::event::Key;
    use crate::tests::Reader;

    fn operation(service: &str, name: &str, errors: u64, millis: Option<i64>) -> OperationSummary {
        let nanos = |times: i64| millis.map_or(0, |millis| millis * times * 1_000_000);
        let quantiles =
            Quantiles { p50_nanos: nanos(1), p95_nanos: nanos(3), p99_nanos: nanos(4), max_nanos: nanos(5) };
        let duration = millis.map(|_| quantiles);
        let (service, name) = (service.to_owned(), name.to_owned());
        OperationSummary { service, name, spans: 1_200, roots: 0, errors, total_nanos: nanos(1_500), duration }
    }

    fn with_operations(answer: Operations) -> Reader {
        let mut reader = Reader::new();
        reader.press(&[Key::Char('O')]);
        let all = |ask: &Ask| matches!(ask, Ask::Usual(question) if !question.roots);
        reader.answer(all, Ok(Answer::Usual(Box::new(answer))));
        reader
    }

    #[test]
    fn operations_are_listed_with_their_durations_and_lead_to_their_traces() {
        let items = vec![
            operation("shop", "GET /cart", 0, Some(120)),
            operation("payments", "charge\u{1b}[2J", 36, Some(40)),
            operation("", "poll", 0, None),
        ];
        let mut reader = with_operations(Operations { items, left_out: 2, other_spans: 7, ..Operations::default() });
        insta::assert_snapshot!(reader.body(), @r"
         rows 1–6 of 6
               SPANS FAILED  TOGETHER    MEDIAN       P95  OPERATION
        ›      1,200         3.00 min    120 ms    360 ms  GET /cart (shop)
        ›      1,200    3 %    60.0 s   40.0 ms    120 ms  charge\u{1b}[2J (payments)
        ›      1,200             0 ns         –         –  poll
         and 2 further operations
         and 7 spans whose operation was not counted
        ");
        reader.press(&[Key::Down, Key::Enter]);
        reader.later(1);
        let narrowed = |ask: &Ask| {
            matches!(ask, Ask::Traces(question)
                if question.service.as_deref() == Some("shop") && question.name.as_deref() == Some("GET /cart"))
        };
        assert!(reader.asks(narrowed), "{}", reader.screen());
    }

    #[test]
    fn without_an_operation_the_page_says_how_to_record_one() {
        assert!(with_operations(Operations::default()).screen().contains("kino run -- COMMAND"));
    }
}

//! The services: how much each recorded, and how much of that failed.

use kino_text::Tone;
use kino_text::figures::{count, percent};
use kino_wire::ask::Scope;
use kino_wire::live::ServicesQuestion;

use super::View;
use crate::document::{Line, Target};
use crate::event::{Answer, Ask};
use crate::filter::Filter;

pub(super) const VIEW: View = View {
    key: 'S',
    title: "Services",
    about: "the services: how much each recorded, and how much failed",
    ask,
    lines,
};

fn ask(scope: Scope) -> Ask {
    Ask::Services(ServicesQuestion { scope, ..ServicesQuestion::default() })
}

/// Services with their counts, the most spans first; each leads to the traces that it is part of.
fn lines(answer: &Answer) -> Option<Vec<Line>> {
    let Answer::Services(services) = answer else { return None };
    if services.items.is_empty() {
        return Some(vec![Line::new("no span yet: `kino run -- COMMAND` records some")]);
    }
    let row = |[spans, roots, failed, share, operations]: [&str; 5], service: &str| {
        Line::new(&format!("{spans:>11} {roots:>11} {failed:>9} {share:>5} {operations:>11}  {service}"))
    };
    let mut lines = vec![row(["SPANS", "ROOTS", "FAILED", "", "OPERATIONS"], "SERVICE").tone(Tone::Faint)];
    for item in &services.items {
        let (failed, share) = match item.errors {
            0 => (String::new(), String::new()),
            errors => (count(errors), percent(errors as f64 / item.spans.max(1) as f64)),
        };
        let counts = [&count(item.spans), &count(item.roots), &failed, &share, &count(item.operations)];
        let counts = counts.map(String::as_str);
        lines.push(if item.service.is_empty() {
            row(counts, "(without a name)")
        } else {
            let of_service = Filter { service: Some(item.service.clone()), ..Filter::default() };
            row(counts, &item.service).to(Target::Traces(of_service))
        });
    }
    lines.extend(super::beyond("service", services.left_out, services.other_spans));
    Some(lines)
}

#[cfg(test)]
mod tests {
    use kino_wire::live::{ServiceSummary, Services};

    use super::*;
    use crate::event::Key;
    use crate::tests::Reader;

    fn service(name: &str, spans: u64, roots: u64, errors: u64) -> ServiceSummary {
        ServiceSummary { service: name.to_owned(), operations: 12, spans, roots, errors }
    }

    fn with_services(answer: Services) -> Reader {
        let mut reader = Reader::new();
        reader.press(&[Key::Char('S')]);
        reader.answer(|ask| matches!(ask, Ask::Services(_)), Ok(Answer::Services(Box::new(answer))));
        reader
    }

    #[test]
    fn services_are_listed_with_their_failures_and_lead_to_their_traces() {
        let items = vec![
            service("shop", 1_204_332, 48_112, 0),
            service("payments\u{1b}[2J", 9_120, 0, 1_204),
            service("", 40, 40, 1),
        ];
        let mut reader = with_services(Services { items, left_out: 1, other_spans: 7, ..Services::default() });
        insta::assert_snapshot!(reader.body(), @r"
         rows 1–6 of 6
               SPANS       ROOTS    FAILED        OPERATIONS  SERVICE
        ›  1,204,332      48,112                          12  shop
        ›      9,120           0     1,204  13 %          12  payments\u{1b}[2J
                  40          40         1   2 %          12  (without a name)
         and 1 further service
         and 7 spans whose service was not counted
        ");
        reader.press(&[Key::Down, Key::Enter]);
        let narrowed = |ask: &Ask| matches!(ask, Ask::Traces(question) if question.service.as_deref() == Some("shop"));
        reader.later(1);
        assert!(reader.asks(narrowed) && reader.screen().contains("service:shop"), "{}", reader.screen());
    }

    #[test]
    fn without_a_service_the_page_says_how_to_record_one() {
        assert!(with_services(Services::default()).screen().contains("kino run -- COMMAND"));
    }
}

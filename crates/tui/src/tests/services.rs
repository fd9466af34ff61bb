//! The page of services.

use kino_wire::live::{ServiceSummary, Services};

use super::*;

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
    insta::assert_snapshot!(reader.screen());
    reader.press(&[Key::Down, Key::Enter]);
    let narrowed = |ask: &Ask| matches!(ask, Ask::Traces(question) if question.service.as_deref() == Some("shop"));
    reader.later(1);
    assert!(reader.asks(narrowed) && reader.screen().contains("service:shop"), "{}", reader.screen());
}

#[test]
fn without_a_service_the_page_says_how_to_record_one() {
    assert!(with_services(Services::default()).screen().contains("kino run -- COMMAND"));
}

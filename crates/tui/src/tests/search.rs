//! Searches: of everything, and within a text.

use super::*;

#[test]
fn a_search_of_everything_leads_into_the_text_at_the_hit() {
    let mut reader = Reader::new();
    reader.press(&[Key::Char('s')]);
    reader.types("boom");
    reader.press(&[Key::Enter]);
    let hit = SearchHit {
        source: SearchSource::Stderr,
        time_unix_nanos: START,
        run_id: Some("4f2a91c0".repeat(4)),
        blob: Some("abc0".repeat(16).parse().unwrap()),
        offset: Some(1_601),
        service: "pytest".to_owned(),
        text: "x Boom\u{1b}[0m!".to_owned(),
        ..SearchHit::default()
    };
    let log = SearchHit {
        source: SearchSource::Log,
        time_unix_nanos: START,
        trace_id: Some(TraceId([9; 16])),
        span_id: Some(SpanId([2; 8])),
        service: "shop".to_owned(),
        severity: "ERROR".to_owned(),
        text: "boom".to_owned(),
        ..SearchHit::default()
    };
    let answer = Search {
        schema: String::new(),
        hits: vec![hit, log],
        searched: Searched { runs: 3, output_bytes: 5_000, logs: 20 },
        left_out: SearchLeftOut { runs: 1, ..SearchLeftOut::default() },
    };
    reader.answer(
        |ask| matches!(ask, Ask::Search(question) if question.text == "boom"),
        Ok(Answer::Search(Box::new(answer))),
    );
    insta::assert_snapshot!(reader.screen());
    reader.press(&[Key::Down, Key::Down, Key::Down, Key::Enter]);
    let first = "boom, but not this one\n".repeat(10) + &"nothing of note\n".repeat(60);
    let more = "no\nx Boom\u{1b}[0m!\nboom again\n";
    let begins = |ask: &Ask| matches!(ask, Ask::Open(question) if question.offset == 0);
    reader.answer(begins, Ok(Answer::Open(Box::new(text(&first, 1_700, Some(1_596))))));
    let goes_on = |ask: &Ask| matches!(ask, Ask::Open(question) if question.offset == 1_596);
    reader.answer(goes_on, Ok(Answer::Open(Box::new(text(more, 1_700, None)))));
    let screen = reader.screen();
    assert!(screen.contains("11 of 12 hits") && screen.contains("x Boom!"), "{screen}");
}

#[test]
fn a_search_reads_on_until_it_finds() {
    let filler = "nothing of note\n".repeat(100);
    let mut reader = in_an_output(text(&filler, 3_200, Some(1_600)));
    reader.press(&[Key::Char('/')]);
    reader.types("NEEDLE");
    reader.press(&[Key::Enter]);
    assert!(reader.screen().contains("reading on"), "{}", reader.screen());
    let more = text(&format!("{filler}a Needle in it\n"), 3_200, None);
    let further = |ask: &Ask| matches!(ask, Ask::Open(question) if question.offset == 1_600);
    reader.answer(further, Ok(Answer::Open(Box::new(more))));
    let screen = reader.screen();
    assert!(screen.contains("a Needle in it") && screen.contains("1 of 1 hit"), "{screen}");
    reader.press(&[Key::Char('n')]);
    assert!(reader.screen().contains("no hit after this"));
}

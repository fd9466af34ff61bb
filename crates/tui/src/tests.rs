//! The view as a reader has it: keys and answers in, the screen as text out.

use jiff::tz::TimeZone;
use kino_model::{Fingerprint, SpanId, SpanKind, StatusCode, TraceId};
use kino_wire::ask::Scope;
use kino_wire::evidence::{Open, OpenEvent, OpenSpan};
use kino_wire::explain::{BreakdownRow, ExplainTrace, LeftOut, PathSegment, PathTotal, Quantiles, RootSummary};
use kino_wire::find::{Find, FindItem};
use kino_wire::finding::{Code, Evidence, Finding, KnownBy, Location, Number, Subject, SubjectKind, Unit};
use kino_wire::insights::{Acknowledged, Changes, FindingChange, FindingState, Fix, Insight, Insights, Operation};
use kino_wire::live::{Live, OperationSummary, Operations};
use kino_wire::run::{CodeState, Run, RunItem, Runs};
use kino_wire::search::{Search, SearchHit, SearchLeftOut, SearchSource, Searched};
use kino_wire::{Problem, ProblemKind};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::{Map, Value as Json, json};

use crate::event::{Answer, Ask, Command, Event, Key, Ticket};
use crate::state::{Options, State};
use crate::view;

mod search;

const START: i64 = 1_777_593_600_000_000_000;
const MILLI: i64 = 1_000_000;

/// A reader before a screen, and the engine's questions that wait for an answer.
pub(crate) struct Reader {
    state: State,
    asked: Vec<(Ticket, Ask)>,
    now: u64,
    quit: bool,
}

impl Reader {
    pub(crate) fn new() -> Self {
        Self::with_size(80, 24)
    }

    fn with_size(columns: u16, rows: u16) -> Self {
        let options = Options { scope: Scope::default(), service: None, colour: false, zone: TimeZone::UTC };
        let state = State::new(options, (columns, rows));
        let mut reader = Self { state, asked: Vec::new(), now: 1_000, quit: false };
        reader.happens(Event::Wake);
        reader
    }

    fn happens(&mut self, event: Event) {
        for command in self.state.update(event, self.now, START + 60_000 * MILLI) {
            match command {
                Command::Ask(ticket, ask) => self.asked.push((ticket, *ask)),
                Command::Quit => self.quit = true,
            }
        }
    }

    pub(crate) fn press(&mut self, keys: &[Key]) {
        for key in keys {
            self.happens(Event::Key(*key));
        }
    }

    fn types(&mut self, text: &str) {
        for c in text.chars() {
            self.happens(Event::Key(Key::Char(c)));
        }
    }

    /// Answers the oldest question of the kind that `which` knows.
    pub(crate) fn answer(&mut self, which: impl Fn(&Ask) -> bool, answer: Result<Answer, Problem>) {
        let at = self.asked.iter().position(|(_, ask)| which(ask)).expect("it was asked");
        let ticket = self.asked.remove(at).0;
        self.happens(Event::Answered(ticket, answer));
    }

    fn traces(&mut self, items: Vec<FindItem>) {
        let found =
            Find { schema: String::new(), items, more: false, cursor: None, unknown_service: None, unknown_name: None };
        self.answer(|ask| matches!(ask, Ask::Traces(_)), Ok(Answer::Traces(Box::new(found))));
    }

    fn live(&mut self, changes: u64) {
        let live = Live { schema: String::new(), changes };
        self.answer(|ask| matches!(ask, Ask::Live(_)), Ok(Answer::Live(Box::new(live))));
    }

    fn findings(&mut self, items: Vec<Insight>, sequence: u64) {
        let insights = Insights { items, sequence, ..Insights::default() };
        self.answer(|ask| matches!(ask, Ask::Findings(_)), Ok(Answer::Findings(Box::new(insights))));
    }

    pub(crate) fn asks(&self, which: impl Fn(&Ask) -> bool) -> bool {
        self.asked.iter().any(|(_, ask)| which(ask))
    }

    pub(crate) fn later(&mut self, millis: u64) {
        self.now += millis;
        self.happens(Event::Wake);
    }

    /// The screen as text.
    pub(crate) fn screen(&self) -> String {
        let (columns, rows) = self.state.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        view::draw(&self.state, &mut buffer);
        let line = |y| {
            let cells: String = (0..columns).map(|x| buffer[(x, y)].symbol()).collect();
            format!("{}\n", cells.trim_end())
        };
        (0..rows).map(line).collect()
    }

    /// The screen without the bar and the hints, to its last line that is not empty.
    pub(crate) fn body(&self) -> String {
        let screen = self.screen();
        let lines: Vec<&str> = screen.trim_end().lines().collect();
        lines[2..lines.len() - 1].join("\n").trim_end().to_owned()
    }
}

fn item(number: u8, name: &str, millis: Option<i64>) -> FindItem {
    FindItem {
        trace_id: TraceId([number; 16]),
        root_service: "shop".to_owned(),
        root_name: name.to_owned(),
        start_unix_nanos: START + i64::from(number) * 1_000 * MILLI,
        duration_nanos: millis.map(|millis| millis * MILLI),
        span_count: 1_204,
        error_count: 0,
        run_id: None,
        run_recorded: false,
    }
}

fn span(id: u8, parent: Option<u8>, name: &str, from: i64, millis: Option<i64>) -> OpenSpan {
    OpenSpan {
        trace_id: TraceId([9; 16]),
        span_id: SpanId([id; 8]),
        parent_span_id: parent.map(|id| SpanId([id; 8])),
        service: "shop".to_owned(),
        name: name.to_owned(),
        kind: SpanKind::Server,
        start_unix_nanos: START + from * MILLI,
        duration_nanos: millis.map(|millis| millis * MILLI),
        status: StatusCode::Unset,
        status_message: String::new(),
        attributes: Map::new(),
        resource: map(&json!({"service.name": "shop"})),
        events: Vec::new(),
        events_left_out: 0,
        links: Vec::new(),
        links_left_out: 0,
    }
}

fn map(value: &Json) -> Map<String, Json> {
    value.as_object().unwrap().clone()
}

fn open(spans: Vec<OpenSpan>) -> Open {
    Open {
        schema: String::new(),
        id: String::new(),
        total: spans.len() as u64,
        spans,
        logs: Vec::new(),
        logs_left_out: 0,
        text: None,
        next_offset: None,
        run: None,
        verification: None,
        finding: None,
    }
}

fn text(text: &str, total: u64, next_offset: Option<u64>) -> Open {
    Open { id: "blob:abc".to_owned(), text: Some(text.to_owned()), total, next_offset, ..open(Vec::new()) }
}

fn finding() -> Finding {
    Finding {
        code: Code::NPlusOne,
        subject: Subject { kind: SubjectKind::Operation, service: "shop".to_owned(), name: "GET /cart".to_owned() },
        numbers: vec![Number { name: "calls".to_owned(), value: 40.0, unit: Unit::Count }],
        saving_nanos: Some(80 * MILLI),
        confidence: 0.93,
        executions: 12,
        location: None,
        searched: None,
        evidence: vec![Evidence { trace_id: TraceId([9; 16]), span_id: Some(SpanId([2; 8])) }],
        fingerprint: fingerprint('f'),
        text: "SELECT item runs 40 times under GET /cart".to_owned(),
        next: Some("kino explain 'GET /cart'".to_owned()),
        remarks: Vec::new(),
        follows_from: None,
    }
}

fn explained() -> ExplainTrace {
    let segment = |id: u8, name: &str, from: i64, to: i64| PathSegment {
        span_id: SpanId([id; 8]),
        service: "shop".to_owned(),
        name: name.to_owned(),
        start_unix_nanos: START + from * MILLI,
        end_unix_nanos: START + to * MILLI,
    };
    let row = |name: &str, millis: i64, share: f64| BreakdownRow {
        service: "shop".to_owned(),
        name: name.to_owned(),
        count: 1,
        self_nanos: millis * MILLI,
        critical_nanos: millis * MILLI,
        share,
        code: None,
        searched: None,
        statement: Some("SELECT * FROM item WHERE id = ?".to_owned()),
        examples: vec![Evidence { trace_id: TraceId([9; 16]), span_id: Some(SpanId([2; 8])) }],
        duration: None,
    };
    ExplainTrace {
        schema: String::new(),
        trace_id: TraceId([9; 16]),
        spans: 4,
        missing_parents: 0,
        nested_by_time: 0,
        root: Some(RootSummary {
            span_id: SpanId([1; 8]),
            service: "shop".to_owned(),
            name: "GET /cart".to_owned(),
            start_unix_nanos: START,
            duration_nanos: Some(100 * MILLI),
        }),
        other_roots: Vec::new(),
        waited_for: Vec::new(),
        path: PathTotal { segments: 3, start_unix_nanos: START, end_unix_nanos: START + 100 * MILLI },
        critical_path: vec![
            segment(1, "GET /cart", 0, 10),
            segment(2, "SELECT item", 10, 90),
            segment(1, "GET /cart", 90, 100),
        ],
        breakdown: vec![row("SELECT item", 80, 0.8), row("GET /cart", 20, 0.2)],
        findings: vec![finding()],
        apart: None,
        failure: None,
        logs: Vec::new(),
        next: None,
        left_out: LeftOut::default(),
        next_offset: None,
    }
}

/// A reader who has opened a trace.
fn in_a_trace() -> Reader {
    let mut reader = Reader::new();
    reader.traces(vec![item(9, "GET /cart", Some(100))]);
    reader.press(&[Key::Enter]);
    reader.answer(|ask| matches!(ask, Ask::Explain(_)), Ok(Answer::Explain(Box::new(explained()))));
    let mut failed = span(3, Some(1), "charge", 20, Some(30));
    failed.status = StatusCode::Error;
    let spans = vec![
        span(1, None, "GET /cart", 0, Some(100)),
        span(2, Some(1), "SELECT item", 10, Some(80)),
        failed,
        span(4, Some(3), "POST /pay", 25, None),
    ];
    let log = OpenEvent {
        time_unix_nanos: START + 30 * MILLI,
        name: String::new(),
        span_id: Some(SpanId([3; 8])),
        severity: "ERROR".to_owned(),
        body: Some(json!("card refused")),
        attributes: Map::new(),
    };
    let answer = Open { logs: vec![log], ..open(spans) };
    reader.answer(|ask| matches!(ask, Ask::Open(_)), Ok(Answer::Open(Box::new(answer))));
    reader
}

/// A reader who has opened a run's output.
fn in_an_output(first: Open) -> Reader {
    let mut reader = Reader::new();
    reader.press(&[Key::Char('3')]);
    let run = RunItem {
        run_id: "4f2a91c0".repeat(4).parse().unwrap(),
        trace_id: TraceId([9; 16]),
        label: Some("before".to_owned()),
        command: vec!["pytest".to_owned(), "-x".to_owned()],
        start_unix_nanos: START,
        duration_nanos: Some(2_500 * MILLI),
        exit_code: Some(1),
        ..RunItem::default()
    };
    let runs = Runs { items: vec![run], left_out: 3, ..Runs::default() };
    reader.answer(|ask| matches!(ask, Ask::Runs(_)), Ok(Answer::Runs(Box::new(runs))));
    reader.press(&[Key::Enter]);
    reader.answer(|ask| matches!(ask, Ask::Run(_)), Ok(Answer::Run(Box::new(recorded_run()))));
    // The first line that leads on is standard output.
    for _ in 0..40 {
        reader.press(&[Key::Enter]);
        if reader.asks(|ask| matches!(ask, Ask::Open(_))) {
            break;
        }
        reader.press(&[Key::Down]);
    }
    reader.answer(|ask| matches!(ask, Ask::Open(_)), Ok(Answer::Open(Box::new(first))));
    reader
}

fn recorded_run() -> Run {
    Run {
        call: None,
        schema: String::new(),
        run_id: "4f2a91c0".repeat(4).parse().unwrap(),
        trace_id: TraceId([9; 16]),
        label: Some("before".to_owned()),
        command: vec!["pytest".to_owned(), "-x".to_owned()],
        code: CodeState { commit: Some("9d03b7e".to_owned()), branch: Some("main".to_owned()), ..CodeState::default() },
        start_unix_nanos: START,
        duration_nanos: Some(2_500 * MILLI),
        lost: false,
        cpu_nanos: None,
        others_cpu: None,
        peak_memory_bytes: None,
        exit_code: Some(1),
        signal: None,
        stdout_blob: Some("abc0".repeat(16).parse().unwrap()),
        stderr_blob: None,
        diff_blob: Some("def0".repeat(16).parse().unwrap()),
        cut_bytes: 0,
        spans: 12,
        traces: 3,
        errors: 1,
        left_out_traces: 0,
        services: vec!["shop".to_owned()],
        breakdown: explained().breakdown,
        findings: vec![finding()],
        findings_changed: Vec::new(),
    }
}

#[test]
fn traces_are_listed_beside_what_is_usual() {
    let mut reader = Reader::new();
    let usual = OperationSummary {
        service: "shop".to_owned(),
        name: "GET /cart".to_owned(),
        spans: 9,
        roots: 9,
        errors: 0,
        total_nanos: 900 * MILLI,
        duration: Some(Quantiles {
            p50_nanos: 100 * MILLI,
            p95_nanos: 150 * MILLI,
            p99_nanos: 160 * MILLI,
            max_nanos: 170 * MILLI,
        }),
    };
    let operations = Operations { items: vec![usual], ..Operations::default() };
    reader.answer(|ask| matches!(ask, Ask::Usual(_)), Ok(Answer::Usual(Box::new(operations))));
    let mut failed = item(1, "GET /cart", Some(180));
    (failed.error_count, failed.run_id) = (3, Some("4f2a91c0".repeat(4)));
    let mut yesterday = item(4, "POST /a/route/with/a/name/that/is/long/enough", Some(100));
    yesterday.start_unix_nanos = START - MILLI;
    reader.traces(vec![item(3, "GET /cart", Some(100)), item(2, "", None), failed, yesterday]);
    insta::assert_snapshot!(reader.screen());
}

#[test]
fn a_new_trace_appears_by_itself_and_the_chosen_one_stays_chosen() {
    let mut reader = Reader::new();
    reader.traces(vec![item(2, "second", Some(1)), item(1, "first", Some(1))]);
    reader.live(7);
    assert!(!reader.asks(|ask| matches!(ask, Ask::Traces(_))), "nothing is asked while nothing changes");
    assert!(reader.asks(|ask| matches!(ask, Ask::Live(live) if live.seen == Some(7))));
    reader.press(&[Key::Down]);
    reader.live(8);
    reader.later(1_000);
    reader.traces(vec![item(3, "third", Some(1)), item(2, "second", Some(1)), item(1, "first", Some(1))]);
    assert_eq!(reader.state.traces.list.chosen, 2, "first is chosen as before");
    reader.press(&[Key::Home]);
    reader.live(9);
    reader.later(1_000);
    reader.traces(vec![item(4, "fourth", Some(1)), item(3, "third", Some(1))]);
    assert_eq!(reader.state.traces.list.chosen, 0, "who looks at the newest goes on looking at the newest");
}

#[test]
fn a_view_at_rest_asks_nothing_and_wakes_for_nothing() {
    let mut reader = Reader::new();
    reader.answer(|ask| matches!(ask, Ask::Usual(_)), Ok(Answer::Usual(Box::default())));
    reader.traces(Vec::new());
    reader.findings(Vec::new(), 5);
    reader.live(1);
    assert_eq!(reader.asked.len(), 2, "only the questions that wait: {:?}", reader.asked);
    assert_eq!(reader.state.wake_at(reader.now), None);
    reader.live(1);
    assert!(reader.asks(|ask| matches!(ask, Ask::Live(_))));
    assert!(!reader.asks(|ask| matches!(ask, Ask::Traces(_))));
}

#[test]
fn a_slow_answer_is_followed_by_a_longer_rest() {
    let mut reader = Reader::new();
    reader.answer(|ask| matches!(ask, Ask::Usual(_)), Ok(Answer::Usual(Box::default())));
    reader.now += 2_000;
    reader.traces(Vec::new());
    reader.live(1);
    reader.live(2);
    assert_eq!(reader.state.wake_at(reader.now), Some(reader.now + 6_000));
    reader.later(5_999);
    assert!(!reader.asks(|ask| matches!(ask, Ask::Traces(_))));
    reader.later(1);
    assert!(reader.asks(|ask| matches!(ask, Ask::Traces(_))));
}

#[test]
fn a_pause_holds_the_list_and_its_end_catches_up() {
    let mut reader = Reader::new();
    reader.traces(Vec::new());
    reader.live(1);
    reader.press(&[Key::Char(' ')]);
    reader.live(2);
    reader.later(60_000);
    assert!(!reader.asks(|ask| matches!(ask, Ask::Traces(_) | Ask::Live(_))));
    assert!(reader.screen().contains("paused"));
    reader.press(&[Key::Char(' ')]);
    assert!(reader.asks(|ask| matches!(ask, Ask::Traces(_))));
}

#[test]
fn a_filter_is_typed_corrected_and_taken_away() {
    let mut reader = Reader::new();
    reader.traces(vec![item(1, "GET /cart", Some(1))]);
    reader.press(&[Key::Char('/')]);
    reader.types("service:shop min:soon");
    reader.press(&[Key::Enter]);
    assert!(reader.screen().contains("with its unit"), "{}", reader.screen());
    reader.press(&[Key::Ctrl('w')]);
    reader.types("error cart");
    reader.press(&[Key::Enter]);
    let narrowed =
        |ask: &Ask| matches!(ask, Ask::Traces(find) if find.error && find.service.as_deref() == Some("shop"));
    assert!(reader.asks(narrowed), "{:?}", reader.asked);
    reader.traces(vec![item(1, "GET /cart", Some(1)), item(2, "GET /", Some(1))]);
    let screen = reader.screen();
    assert!(screen.contains("1 of the newest 2 fit") && !screen.contains("GET / "), "{screen}");
    reader.press(&[Key::Esc]);
    assert!(reader.asks(|ask| matches!(ask, Ask::Traces(find) if !find.error && find.service.is_none())));
}

#[test]
fn an_answer_to_a_filter_that_is_gone_is_not_shown() {
    let mut reader = Reader::new();
    let (old, _) = reader.asked.iter().find(|(_, ask)| matches!(ask, Ask::Traces(_))).cloned().unwrap();
    reader.press(&[Key::Char('/')]);
    reader.types("error");
    reader.press(&[Key::Enter]);
    let found = Find {
        schema: String::new(),
        items: vec![item(1, "stale", Some(1))],
        more: false,
        cursor: None,
        unknown_service: None,
        unknown_name: None,
    };
    reader.happens(Event::Answered(old, Ok(Answer::Traces(Box::new(found)))));
    assert!(!reader.screen().contains("stale"));
}

#[test]
fn a_trace_is_a_waterfall_with_its_critical_path() {
    insta::assert_snapshot!(in_a_trace().screen());
}

#[test]
fn a_trace_has_other_sides() {
    let mut reader = in_a_trace();
    let mut screens = String::new();
    for _ in 0..4 {
        reader.press(&[Key::Tab]);
        screens.push_str(&reader.screen().lines().take(10).collect::<Vec<_>>().join("\n"));
        screens.push_str("\n----\n");
    }
    insta::assert_snapshot!(screens);
}

#[test]
fn an_entry_is_found_by_its_text_on_every_side() {
    let mut reader = in_a_trace();
    reader.press(&[Key::Char('/')]);
    reader.types("PAY");
    reader.press(&[Key::Enter, Key::Enter]);
    let pay = format!("{}/{}", TraceId([9; 16]), SpanId([4; 8]));
    assert!(reader.asks(|ask| matches!(ask, Ask::Open(question) if question.id == pay)), "{:?}", reader.asked);
    reader.press(&[Key::Esc, Key::Char('n')]);
    assert!(reader.screen().contains("no \"PAY\" after"), "{}", reader.screen());
    // The records of a trace are searched as one text.
    reader.press(&[Key::Esc, Key::BackTab, Key::Char('/')]);
    reader.types("refused");
    reader.press(&[Key::Enter]);
    let screen = reader.screen();
    assert!(screen.contains("› Logs") && screen.contains("\"refused\": 1 of 1 hit"), "{screen}");
}

#[test]
fn while_no_engine_answers_it_tries_once_a_second_wherever_the_reader_is() {
    let mut reader = in_an_output(text("one\n", 4, None));
    let gone = Problem::new(ProblemKind::Internal, "gone");
    reader.press(&[Key::Char(' ')]);
    while let Some((ticket, _)) = reader.asked.pop() {
        reader.happens(Event::Answered(ticket, Err(gone.clone())));
    }
    assert_eq!(reader.state.wake_at(reader.now), Some(reader.now + 1_000));
    reader.later(1_000);
    assert_eq!(
        reader.asked.len(),
        1 + usize::from(reader.asks(|ask| matches!(ask, Ask::Usual(_)))),
        "{:?}",
        reader.asked
    );
    assert_eq!(reader.state.wake_at(reader.now), None, "it waits for the answer");
    reader.live(1);
    assert!(reader.screen().contains("paused"), "{}", reader.screen());
}

#[test]
fn a_span_shows_everything_on_it_and_leads_back() {
    let mut reader = in_a_trace();
    reader.press(&[Key::Down, Key::Enter]);
    let id = format!("{}/{}", TraceId([9; 16]), SpanId([2; 8]));
    let mut answer = span(2, Some(1), "SELECT item", 10, Some(80));
    answer.status = StatusCode::Error;
    answer.status_message = "deadlock".to_owned();
    answer.attributes = map(&json!({"db.query.text": "SELECT *\nFROM item\u{1b}[2J", "rows": 3}));
    let exception = map(&json!({"exception.type": "Deadlock"}));
    answer.events = vec![OpenEvent {
        time_unix_nanos: START + 50 * MILLI,
        name: "exception".to_owned(),
        span_id: None,
        severity: String::new(),
        body: None,
        attributes: exception,
    }];
    answer.links = vec![Evidence { trace_id: TraceId([7; 16]), span_id: None }];
    let asked = |ask: &Ask| matches!(ask, Ask::Open(question) if question.id == id);
    reader.answer(asked, Ok(Answer::Open(Box::new(open(vec![answer])))));
    insta::assert_snapshot!(reader.screen());
    reader.press(&[Key::Esc]);
    assert!(reader.screen().contains("Waterfall"));
    reader.press(&[Key::Esc]);
    assert!(reader.screen().contains("STARTED"));
}

#[test]
fn a_finding_shows_what_it_rests_on() {
    let mut reader = in_a_trace();
    reader.press(&[Key::Tab, Key::Tab, Key::Tab, Key::Enter]);
    insta::assert_snapshot!(reader.screen());
}

/// A fingerprint of one digit, repeated.
fn fingerprint(digit: char) -> Fingerprint {
    digit.to_string().repeat(16).parse().unwrap()
}

fn insight(digit: char, state: FindingState, sequence: u64, worth: i64) -> Insight {
    let location = Location {
        path: "/home/ada/shop/cart.py".to_owned(),
        line: Some(41),
        function: None,
        known_by: KnownBy::Attribute,
    };
    Insight {
        finding: Finding { fingerprint: fingerprint(digit), location: Some(location), ..finding() },
        state,
        entry: Operation { service: "shop".to_owned(), name: "GET /cart".to_owned() },
        also_in: Vec::new(),
        project: None,
        file: Some("shop/cart.py".to_owned()),
        first_seen_unix_nanos: START,
        last_seen_unix_nanos: START + MILLI,
        changed_unix_nanos: START,
        sequence,
        opened_at_code: Some("9d03b7e".to_owned()),
        last_seen_at_code: None,
        fixed_at_code: None,
        fix: (state == FindingState::Recurring).then(|| Fix {
            after_code: Some("4f2a91c".to_owned()),
            executions_after: 12,
            median_nanos_before: Some(100 * MILLI),
            median_nanos_after: Some(20 * MILLI),
            at_unix_nanos: START,
            ..Fix::default()
        }),
        delivered: Vec::new(),
        recurrences: u64::from(state == FindingState::Recurring),
        worked_here: None,
        worth_nanos_per_day: worth * MILLI,
    }
}

#[test]
fn findings_are_listed_by_worth_and_what_came_meanwhile_is_marked() {
    let mut reader = Reader::new();
    reader.findings(vec![insight('a', FindingState::Open, 3, 10)], 3);
    let change = FindingChange {
        fingerprint: fingerprint('b'),
        code: Code::NPlusOne,
        state: FindingState::Open,
        sequence: 4,
        changed_unix_nanos: 0,
    };
    let changes = Changes { sequence: 4, items: vec![change], ..Changes::default() };
    let waits = |ask: &Ask| matches!(ask, Ask::FindingsChanged(question) if question.after == Some(3));
    reader.answer(waits, Ok(Answer::FindingsChanged(Box::new(changes))));
    reader.later(1_000);
    let both = vec![insight('a', FindingState::Open, 3, 10), insight('b', FindingState::Recurring, 4, 90)];
    reader.findings(both, 4);
    assert!(reader.screen().contains("2 Findings (2)"), "the count is shown in every pane");
    reader.press(&[Key::Char('2')]);
    insta::assert_snapshot!(reader.screen());
    reader.press(&[Key::Enter]);
    insta::assert_snapshot!(reader.screen());
}

#[test]
fn a_finding_is_acknowledged_and_the_list_asked_again() {
    let mut reader = Reader::new();
    reader.findings(vec![insight('a', FindingState::Open, 3, 10)], 3);
    reader.press(&[Key::Char('2'), Key::Char('a')]);
    let insight = insight('a', FindingState::Acknowledged, 4, 10);
    let answer = Acknowledged { schema: String::new(), insight: insight.clone() };
    let asked = |ask: &Ask| matches!(ask, Ask::Acknowledge(question) if question.fingerprint == fingerprint('a').to_string() && !question.undo);
    reader.answer(asked, Ok(Answer::Acknowledge(Box::new(answer))));
    assert!(reader.screen().contains("n_plus_one is acknowledged"), "{}", reader.screen());
    reader.later(1_000);
    reader.findings(Vec::new(), 4);
    reader.press(&[Key::Char('f')]);
    reader.later(1_000);
    assert!(reader.asks(|ask| matches!(ask, Ask::Findings(question) if question.states.len() == 5)));
    reader.findings(vec![insight], 4);
    reader.press(&[Key::Char('a')]);
    assert!(reader.asks(|ask| matches!(ask, Ask::Acknowledge(question) if question.undo)), "it is taken back");
}

#[test]
fn a_run_shows_how_it_ended_and_leads_to_its_output() {
    let mut reader = in_an_output(text("\u{1b}[32mok\u{1b}[0m one\r\nFAILED two\u{7}\n", 40, None));
    insta::assert_snapshot!(reader.screen());
    reader.press(&[Key::Esc]);
    insta::assert_snapshot!(reader.screen());
}

#[test]
fn an_engine_that_goes_is_said_and_found_again() {
    let mut reader = Reader::new();
    reader.traces(vec![item(1, "retained", Some(1))]);
    reader.live(5);
    let gone = Problem::new(ProblemKind::Internal, "no engine runs");
    reader.answer(|ask| matches!(ask, Ask::Live(_)), Err(gone.clone()));
    let screen = reader.screen();
    assert!(screen.contains("no engine runs; trying again") && screen.contains("retained"), "{screen}");
    assert_eq!(reader.state.wake_at(reader.now), Some(reader.now + 1_000));
    reader.later(1_000);
    reader.answer(|ask| matches!(ask, Ask::Live(_)), Err(gone));
    reader.later(1_000);
    // Another engine has a count of its own: the first answer says nothing of changes.
    assert!(reader.asks(|ask| matches!(ask, Ask::Live(live) if live.seen.is_none())));
    reader.live(1);
    assert!(reader.screen().contains("live"));
    assert!(reader.asks(|ask| matches!(ask, Ask::Traces(_))), "what was missed is asked for");
}

#[test]
fn a_refusal_is_shown_where_it_belongs() {
    let mut reader = Reader::new();
    reader.traces(vec![item(9, "GET /cart", Some(1))]);
    reader.press(&[Key::Enter]);
    let unknown = Problem::not_found("there is no trace 09", vec!["0a".to_owned()]);
    reader.answer(|ask| matches!(ask, Ask::Explain(_)), Err(unknown));
    let screen = reader.screen();
    assert!(screen.contains("there is no trace 09; did you mean \"0a\"?") && screen.contains("live"), "{screen}");
}

#[test]
fn recorded_text_reaches_no_cell_unescaped() {
    let hostile = "\u{1b}[2J\u{1b}]0;x\u{7}\r\n\u{9b}31m\u{202e}\u{200b}\u{fe0f}\u{e0041}end";
    let mut reader = Reader::new();
    reader.traces(vec![FindItem { root_service: hostile.to_owned(), ..item(9, hostile, Some(1)) }]);
    reader.press(&[Key::Enter]);
    let mut explained = explained();
    explained.root.as_mut().unwrap().name = hostile.to_owned();
    explained.breakdown[0].name = hostile.to_owned();
    explained.findings[0].text = hostile.to_owned();
    reader.answer(|ask| matches!(ask, Ask::Explain(_)), Ok(Answer::Explain(Box::new(explained))));
    let mut one = span(1, None, hostile, 0, Some(10));
    one.attributes = map(&json!({hostile: hostile}));
    reader.answer(|ask| matches!(ask, Ask::Open(_)), Ok(Answer::Open(Box::new(open(vec![one.clone()])))));
    let mut screens = reader.screen();
    for _ in 0..4 {
        reader.press(&[Key::Tab]);
        screens.push_str(&reader.screen());
    }
    reader.press(&[Key::Tab, Key::Enter]);
    reader.answer(|ask| matches!(ask, Ask::Open(_)), Ok(Answer::Open(Box::new(open(vec![one])))));
    screens.push_str(&reader.screen());
    let harmful = |c: char| c != '\n' && kino_text::untrusted::is_harmful(c);
    assert!(!screens.chars().any(harmful), "{screens:?}");
    assert!(screens.contains("\\u{1b}[2J"), "{screens}");
}

#[test]
fn every_size_is_drawn_or_refused() {
    let mut reader = in_a_trace();
    for (columns, rows) in [(80, 24), (60, 12), (59, 24), (80, 11), (1, 1), (300, 100), (61, 40)] {
        reader.happens(Event::Resize(columns, rows));
        let screen = reader.screen();
        let refused = columns < 60 || rows < 12;
        assert_eq!(screen.contains("Waterfall"), !refused, "{columns}×{rows}\n{screen}");
    }
    // The terminal may have shrunk before its event arrives.
    reader.happens(Event::Resize(80, 24));
    for (columns, rows) in [(0, 0), (1, 1), (80, 2), (10, 24)] {
        for keys in [vec![], vec![Key::Char('?')], vec![Key::Char('?'), Key::Esc], vec![Key::Char('/')]] {
            reader.press(&keys);
            view::draw(&reader.state, &mut Buffer::empty(Rect::new(0, 0, columns, rows)));
        }
    }
    reader.happens(Event::Resize(40, 10));
    insta::assert_snapshot!(reader.screen());
}

#[test]
fn help_explains_the_keys_and_any_key_closes_it() {
    let mut reader = Reader::new();
    reader.press(&[Key::Char('?')]);
    let screen = reader.screen();
    let views = crate::views::VIEWS.iter().map(|view| (view.key.to_string(), view.about));
    let own = |lines: &'static [(&str, &str)]| lines.iter().map(|(keys, about)| ((*keys).to_owned(), *about));
    for (keys, about) in own(crate::update::KEYS).chain(views).chain(own(crate::update::WORDS)) {
        assert!(screen.contains(&format!("{keys:<11} {about}")), "{keys} {about}\n{screen}");
    }
    reader.press(&[Key::Char('x')]);
    assert!(!reader.screen().contains("any key closes"));
    assert!(!reader.quit);
}

#[test]
fn it_can_be_left_from_anywhere() {
    for keys in [vec![], vec![Key::Char('?')], vec![Key::Enter], vec![Key::Tab]] {
        let mut reader = Reader::new();
        reader.traces(vec![item(1, "a", Some(1))]);
        reader.press(&keys);
        reader.press(&[Key::Char('q')]);
        assert!(reader.quit, "{keys:?}");
    }
    let mut reader = Reader::new();
    reader.press(&[Key::Char('/'), Key::Char('q')]);
    assert!(!reader.quit, "it is a letter of the filter");
    reader.press(&[Key::Ctrl('c')]);
    assert!(reader.quit);
}

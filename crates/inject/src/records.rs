//! What processes append to the channel, and what becomes of it: OTLP in JSON.
//!
//! ```text
//!  0x1e  one JSON object, its newlines escaped  0x0a       a record, appended by one write
//!
//!  {"process": KEY, "pid": 7, "resource": {…}, "scope": {…}}     the first of a process, and of each fork of it
//!  {"p": KEY, "spans": [SPAN, …]}                                spans that ended, as OTLP has them in JSON
//!  {"p": KEY, "lines": {"path": PATH, …}}                        lines of a changed file: see `lines`
//!  {"p": KEY, "lost": 3, "why": "full"}                          spans that were dropped
//!  {"p": KEY, "error": "flask.route: KeyError"}                  a fault of the bootstrap itself
//! ```
//!
//! A process may end within a write: a record that has no end is counted and left out, and the next one is whole. Nothing
//! in a record is believed but that it is JSON; the engine judges the spans like any others.

use std::collections::{BTreeMap, BTreeSet};

use memchr::{memchr, memmem};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::lines::{LinesRecord, SeenLines};
use crate::served::Served;

/// The byte that begins a record, which JSON never contains.
const BEGIN: u8 = 0x1e;
/// The byte that ends one, which JSON in one line never contains.
const END: u8 = b'\n';
/// The largest record; processes stop at a quarter of it.
pub const RECORD_BYTES_MAX: usize = 1 << 20;
/// What only the span of a test has.
const TEST: &[u8] = b"\"test.case.name\"";
/// Processes of one run whose spans are taken; a run that forks for hours stays bounded.
const PROCESSES_MAX: usize = 100_000;
/// Different faults that are remembered; all are counted.
const FAULTS_MAX: usize = 20;
/// Characters of a fault that are remembered.
const FAULT_CHARACTERS_MAX: usize = 200;
/// Characters of the reason why spans were dropped.
const REASON_CHARACTERS_MAX: usize = 40;
/// Different reasons; further ones count as one.
const REASONS_MAX: usize = 10;

/// The records of one channel so far.
#[derive(Debug, Default)]
pub struct Records {
    /// The beginning of a record whose end was not read yet.
    rest: Vec<u8>,
    processes: BTreeMap<String, Process>,
    counts: Counts,
    served: Served,
}

/// A process that has appended.
#[derive(Debug)]
struct Process {
    pid: u32,
    resource: Box<RawValue>,
    scope: Box<RawValue>,
    /// Its resource where it serves requests; `None` where that is the same.
    serving: Option<Box<RawValue>>,
    /// Whether it has served one.
    serves: bool,
}

/// What changes the resource of a later process that serves requests; `None` where it stays.
pub type Reloaded<'a> = &'a mut dyn FnMut(&RawValue) -> Option<Box<RawValue>>;

/// What the records amount to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Spans that were passed on.
    pub spans: u64,
    /// Those among them that are tests.
    pub tests: u64,
    /// Spans that processes dropped, by reason.
    pub lost: BTreeMap<String, u64>,
    /// Records that could not be read: torn by the end of a process, or no such record.
    pub unreadable: u64,
    /// Faults of the bootstrap.
    pub faults: u64,
    /// The first different ones of them: a place in the bootstrap and the type of the error.
    pub faults_seen: BTreeSet<String>,
    /// Which lines of changed files were executed.
    pub lines: SeenLines,
}

#[derive(Deserialize)]
struct Record<'a> {
    process: Option<&'a str>,
    pid: Option<u32>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    scope: Option<&'a RawValue>,
    p: Option<&'a str>,
    #[serde(borrow)]
    spans: Option<Vec<&'a RawValue>>,
    lost: Option<u64>,
    why: Option<String>,
    error: Option<String>,
    lines: Option<LinesRecord>,
}

impl Records {
    /// Takes bytes as they were read, and returns the spans in them as requests of OTLP in JSON, one a line; empty where
    /// there are none. Each process but the first is shown to `reloaded` when it introduces itself: a server that reloads
    /// begins a process.
    pub fn feed(&mut self, bytes: &[u8], reloaded: Reloaded<'_>) -> Vec<u8> {
        let mut unread = std::mem::take(&mut self.rest);
        unread.extend_from_slice(bytes);
        // Spans of one process that follow each other share one request.
        let mut request = Request::default();
        let mut from = 0;
        while let Some(length) = memchr(END, &unread[from..]) {
            self.take(&unread[from..from + length], &mut request, reloaded);
            from += length + 1;
        }
        self.rest = unread.split_off(from);
        if self.rest.len() > RECORD_BYTES_MAX {
            self.rest.clear();
            self.counts.unreadable += 1;
        }
        request.finish()
    }

    /// Returns what was served since the last call; `None` where that is nothing, or tests are what makes the requests.
    pub fn served(&mut self) -> Option<Served> {
        let served = std::mem::take(&mut self.served);
        (served.requests > 0 && self.counts.tests == 0).then_some(served)
    }

    /// Returns how many spans were passed on so far.
    pub fn spans(&self) -> u64 {
        self.counts.spans
    }

    /// Returns what there was, once nothing more comes.
    pub fn finish(mut self) -> Counts {
        self.counts.unreadable += u64::from(!self.rest.is_empty());
        self.counts
    }

    /// Returns what there was so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Forgets processes by their ids; spans of theirs that come later count as lost.
    pub fn forget(&mut self, is_meant: impl Fn(u32) -> bool) {
        self.processes.retain(|_, process| !is_meant(process.pid));
    }

    /// Returns the ids of the processes that appended, ended or not.
    pub fn pids(&self) -> impl Iterator<Item = u32> {
        self.processes.values().map(|process| process.pid)
    }

    fn take(&mut self, line: &[u8], request: &mut Request, reloaded: Reloaded<'_>) {
        // What is before the last beginning was torn.
        let begin = line.iter().rposition(|byte| *byte == BEGIN);
        self.counts.unreadable += u64::from(begin != Some(0));
        let Some(begin) = begin else { return };
        let Ok(record) = serde_json::from_slice::<Record<'_>>(&line[begin + 1..]) else {
            self.counts.unreadable += 1;
            return;
        };
        if let (Some(key), Some(pid), Some(resource), Some(scope)) =
            (record.process, record.pid, record.resource, record.scope)
        {
            if self.processes.len() < PROCESSES_MAX {
                let serving = if self.processes.is_empty() { None } else { reloaded(resource) };
                let (resource, scope) = (resource.to_owned(), scope.to_owned());
                let process = Process { pid, resource, scope, serving, serves: false };
                self.processes.insert(key.to_owned(), process);
            }
            return;
        }
        if let Some(lost) = record.lost {
            let why: String = record.why.unwrap_or_default().chars().take(REASON_CHARACTERS_MAX).collect();
            self.lose(why, lost);
        }
        if let Some(error) = record.error {
            self.counts.faults += 1;
            if self.counts.faults_seen.len() < FAULTS_MAX {
                self.counts.faults_seen.insert(error.chars().take(FAULT_CHARACTERS_MAX).collect());
            }
        }
        if let Some(lines) = record.lines {
            self.counts.lines.take(lines);
        }
        let Some(spans) = record.spans else { return };
        let Some((key, process)) = record.p.and_then(|key| Some((key, self.processes.get_mut(key)?))) else {
            self.lose("of unknown processes".to_owned(), spans.len() as u64);
            return;
        };
        self.counts.spans += spans.len() as u64;
        for span in spans {
            if self.served.count(span.get()) && !process.serves {
                process.serves = true;
                request.close();
            }
            self.counts.tests += u64::from(memmem::find(span.get().as_bytes(), TEST).is_some());
            request.push(key, process, span);
        }
    }

    fn lose(&mut self, why: String, spans: u64) {
        let lost = &mut self.counts.lost;
        let why =
            if lost.len() < REASONS_MAX || lost.contains_key(&why) { why } else { "for other reasons".to_owned() };
        let count = lost.entry(why).or_default();
        *count = count.saturating_add(spans);
    }
}

/// Requests that are being written.
#[derive(Default)]
struct Request {
    json: Vec<u8>,
    /// The process whose request is open.
    open: Option<String>,
}

impl Request {
    fn push(&mut self, key: &str, process: &Process, span: &RawValue) {
        if self.open.as_deref() == Some(key) {
            self.json.push(b',');
        } else {
            self.close();
            self.open = Some(key.to_owned());
            let serving = process.serving.as_ref().filter(|_| process.serves);
            for part in [
                "{\"resourceSpans\":[{\"resource\":",
                serving.unwrap_or(&process.resource).get(),
                ",\"scopeSpans\":[{\"scope\":",
                process.scope.get(),
            ] {
                self.json.extend_from_slice(part.as_bytes());
            }
            self.json.extend_from_slice(b",\"spans\":[");
        }
        self.json.extend_from_slice(span.get().as_bytes());
    }

    fn close(&mut self) {
        if self.open.take().is_some() {
            self.json.extend_from_slice(b"]}]}]}\n");
        }
    }

    fn finish(mut self) -> Vec<u8> {
        self.close();
        self.json
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(key: &str) -> String {
        format!("\u{1e}{{\"process\":\"{key}\",\"pid\":7,\"resource\":{{\"r\":\"{key}\"}},\"scope\":{{}}}}\n")
    }

    fn spans(key: &str, names: &[&str]) -> String {
        let spans: Vec<_> = names.iter().map(|name| format!("{{\"name\":\"{name}\"}}")).collect();
        format!("\u{1e}{{\"p\":\"{key}\",\"spans\":[{}]}}\n", spans.join(","))
    }

    fn request(key: &str, names: &[&str]) -> String {
        let spans: Vec<_> = names.iter().map(|name| format!("{{\"name\":\"{name}\"}}")).collect();
        format!(
            "{{\"resourceSpans\":[{{\"resource\":{{\"r\":\"{key}\"}},\"scopeSpans\":[{{\"scope\":{{}},\"spans\":[{}]}}]}}]}}\n",
            spans.join(",")
        )
    }

    fn check(bytes: &str) -> (String, Counts) {
        let mut records = Records::default();
        let requests = records.feed(bytes.as_bytes(), &mut |_| None);
        (String::from_utf8(requests).unwrap(), records.finish())
    }

    #[test]
    fn spans_become_requests_of_their_process() {
        let bytes =
            [process("a"), process("b"), spans("a", &["1"]), spans("a", &["2", "3"]), spans("b", &["4"])].concat();
        let (requests, counts) = check(&bytes);
        assert_eq!(requests, request("a", &["1", "2", "3"]) + &request("b", &["4"]));
        assert_eq!(counts, Counts { spans: 4, ..Counts::default() });
    }

    #[test]
    fn a_process_that_is_forgotten_takes_no_room_and_its_later_spans_count_as_lost() {
        let mut records = Records::default();
        records.feed([process("a"), spans("a", &["1"])].concat().as_bytes(), &mut |_| None);
        records.forget(|pid| pid == 8);
        assert_eq!(records.pids().collect::<Vec<_>>(), [7]);
        records.forget(|pid| pid == 7);
        assert_eq!(records.feed(spans("a", &["2"]).as_bytes(), &mut |_| None), b"");
        assert_eq!((records.counts().spans, records.counts().lost.values().sum::<u64>()), (1, 1));
    }

    #[test]
    fn however_the_bytes_are_cut_the_spans_are_the_same() {
        let bytes =
            [process("a"), spans("a", &["1"]), process("b"), spans("b", &["2", "ü"]), spans("a", &["4"])].concat();
        for cut in 0..bytes.len() {
            let mut records = Records::default();
            let mut requests = records.feed(&bytes.as_bytes()[..cut], &mut |_| None);
            requests.extend(records.feed(&bytes.as_bytes()[cut..], &mut |_| None));
            let names: Vec<_> = ["1", "2", "ü", "4"].iter().map(|name| format!("{{\"name\":\"{name}\"}}")).collect();
            let requests = String::from_utf8(requests).unwrap();
            assert!(names.iter().all(|name| requests.contains(name)), "{cut}: {requests}");
            assert_eq!(records.finish(), Counts { spans: 4, ..Counts::default() });
        }
    }

    #[test]
    fn a_later_process_that_serves_has_the_resource_of_its_own_beginning() {
        let server = |name: &str| {
            format!(
                r#"{{"kind":2,"name":"{name}","startTimeUnixNano":"1","endTimeUnixNano":"3","status":{{"code":0}}}}"#
            )
        };
        let serves = |key: &str, name: &str| format!("\u{1e}{{\"p\":\"{key}\",\"spans\":[{}]}}\n", server(name));
        let bytes = [process("a"), serves("a", "1"), process("b"), spans("b", &["2"]), serves("b", "3"), process("c")];
        let mut records = Records::default();
        let mut shown = 0;
        let mut reloaded = |_: &RawValue| {
            shown += 1;
            RawValue::from_string("{\"r\":\"new\"}".to_owned()).ok()
        };
        let requests = String::from_utf8(records.feed(bytes.concat().as_bytes(), &mut reloaded)).unwrap();
        let resources: Vec<_> = requests.lines().map(|line| &line[..48]).collect();
        assert!(resources[0].contains("\"r\":\"a\"") && resources[1].contains("\"r\":\"b\""), "{requests}");
        assert!(resources[2].contains("\"r\":\"new\"") && resources.len() == 3, "{requests}");
        assert_eq!(shown, 2, "the first process has the state that the run began with");
        let served = records.served().unwrap();
        assert_eq!((served.requests, served.slowest), (2, Some(("1".to_owned(), 2))));
        assert_eq!(records.served(), None);
        let test = "{\"name\":\"t\",\"attributes\":[{\"key\":\"test.case.name\"}]}";
        let suite = [serves("a", "1"), format!("\u{1e}{{\"p\":\"a\",\"spans\":[{test}]}}\n")].concat();
        records.feed(suite.as_bytes(), &mut |_| None);
        assert_eq!(records.served(), None, "requests of a test suite are no news");
    }

    #[test]
    fn a_torn_record_is_counted_and_the_next_one_is_whole() {
        let (requests, counts) =
            check(&[&process("a"), "\u{1e}{\"p\":\"a\",\"spans\":[{\"na", &spans("a", &["1"])].concat());
        assert_eq!(requests, request("a", &["1"]));
        assert_eq!(counts, Counts { spans: 1, unreadable: 1, ..Counts::default() });
        assert_eq!(check(&[&process("a"), "\u{1e}{\"p\":\"a\""].concat()).1.unreadable, 1);
    }

    #[test]
    fn what_is_no_record_costs_nothing_else() {
        for junk in
            ["junk\n", "\n", "\u{1e}\n", "\u{1e}[1]\n", "\u{1e}{\"p\":7}\n", "\u{1e}{\"spans\":{}}\n", "\u{0}\u{1e}{\n"]
        {
            let (requests, counts) = check(&[&process("a"), junk, &spans("a", &["1"])].concat());
            assert_eq!(requests, request("a", &["1"]), "{junk:?}");
            assert!(counts.unreadable >= 1 && counts.spans == 1, "{junk:?}: {counts:?}");
        }
    }

    #[test]
    fn a_record_without_an_end_is_not_collected_without_bound() {
        let mut records = Records::default();
        for _ in 0..8 {
            records.feed(&vec![b'x'; RECORD_BYTES_MAX / 4], &mut |_| None);
        }
        assert!(records.rest.len() <= RECORD_BYTES_MAX);
        assert!(records.finish().unreadable >= 1);
    }

    #[test]
    fn lines_of_all_processes_are_one_set_within_bounds() {
        let lines = |key: &str, lines: &str| format!("\u{1e}{{\"p\":\"{key}\",\"lines\":{lines}}}\n");
        let (_, counts) = check(
            &[
                process("a"),
                lines("a", r#"{"path":"x.py","executable":[[1,3]]}"#),
                lines("a", r#"{"path":"x.py","executed":[[1,1]]}"#),
                lines("b", r#"{"path":"x.py","executed":[[3,3],[1,1]],"executable":[[5,5]]}"#),
                lines("b", r#"{"path":"y.ts","unmapped":true}"#),
                lines("b", r#"{"path":"z.py","executed":[[1,4294967295],[9,1]]}"#),
                lines("b", r#"{"watching":true}"#),
                lines("b", r#"{"path":7}"#),
            ]
            .concat(),
        );
        assert!(counts.lines.is_watched);
        let file = &counts.lines.files["x.py"];
        assert_eq!(file.executed, BTreeSet::from([1, 3]));
        assert_eq!(file.executable, Some(BTreeSet::from([1, 2, 3, 5])));
        assert!(counts.lines.files["y.ts"].unmapped);
        assert!(counts.lines.files["z.py"].executed.len() <= 200_000);
        assert_eq!(counts.unreadable, 1, "{counts:?}");
        let many = (0..2_000).map(|number| lines("a", &format!(r#"{{"path":"{number}","executed":[[1,1]]}}"#)));
        assert_eq!(check(&many.collect::<String>()).1.lines.files.len(), 1_000);
    }

    #[test]
    fn losses_and_faults_are_counted_within_bounds() {
        let long = "x".repeat(1000);
        let lost = (0..100).map(|number| format!("\u{1e}{{\"p\":\"a\",\"lost\":2,\"why\":\"why {number}\"}}\n"));
        let faults = (0..100).map(|number| format!("\u{1e}{{\"p\":\"a\",\"error\":\"{number} {long}\"}}\n"));
        let records = std::iter::once(process("a")).chain(lost).chain(faults).chain([spans("unknown", &["1"])]);
        let (requests, counts) = check(&records.collect::<String>());
        assert_eq!(requests, "");
        assert_eq!(counts.lost.values().sum::<u64>(), 201);
        assert!(counts.lost.len() <= REASONS_MAX + 1, "{:?}", counts.lost);
        assert_eq!((counts.faults, counts.faults_seen.len()), (100, FAULTS_MAX));
    }
}

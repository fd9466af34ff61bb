//! `after_call`: which calls of an assistant's sessions began and ended, and what is new since, for its hook.
//!
//! ```text
//!  begins ─► the session's window opens ─► (kino run --call ─► run_start) ─► ended ─► findings of these windows, once each
//!                                                                                   └─► delivered ─► recorded
//! ```
//!
//! Windows live in memory alone: after a restart of the engine a session begins again. What was delivered is in the
//! findings' records, and outlives it. An answer that its hook gave up on is never said to be delivered: it comes again.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kino_model::{Fingerprint, RunId};
use kino_wire::Problem;
use kino_wire::hook::{
    AfterCall, AfterCallQuestion, CallMoment, MAX_WAIT_MILLIS, OFFERED_MILLIS, SESSION_BYTES_MAX, SESSION_FINDINGS_MAX,
};
use kino_wire::run::is_call_id;

use crate::Engine;
use crate::findings::{Audience, Window};
use crate::scope;

/// Sessions whose windows are in memory; the one that was heard of longest ago goes first.
const SESSIONS_MAX: usize = 128;
/// Windows of a session; the oldest go first. What is found later than this many calls after its run is not delivered.
const WINDOWS_MAX: usize = 64;
/// Calls whose runs are known; the oldest go first.
const CALLS_MAX: usize = 512;
/// The longest name of an assistant, in bytes.
const AGENT_BYTES_MAX: usize = 32;
/// Findings that a session was offered, the newest last; more than it can be given.
const OFFERED_MAX: usize = 4 * SESSION_FINDINGS_MAX;

/// What is known of calls and sessions.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// By when they were heard of, the newest last.
    sessions: VecDeque<Session>,
    /// Runs that name the call that started them, the newest last.
    runs: VecDeque<(String, RunId, i64)>,
}

#[derive(Debug)]
struct Session {
    /// The hash of the assistant and its session.
    id: String,
    windows: VecDeque<Window>,
    /// Findings that were answered and are not known to have been delivered, and when the answer was, in monotonic nanoseconds.
    offered: VecDeque<(Fingerprint, u64)>,
}

impl Calls {
    /// Notes that a call started a run.
    pub(crate) fn started(&self, call: &str, run: RunId, start: i64) {
        let mut state = self.state();
        if state.runs.len() == CALLS_MAX {
            state.runs.pop_front();
        }
        state.runs.push_back((call.to_owned(), run, start));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns the session, made where it is new, as the one that was heard of last.
    fn session(&mut self, id: &str) -> &mut Session {
        let known = self.sessions.iter().position(|session| session.id == id);
        let session = known.and_then(|place| self.sessions.remove(place));
        if self.sessions.len() == SESSIONS_MAX {
            self.sessions.pop_front();
        }
        let new = || Session { id: id.to_owned(), windows: VecDeque::new(), offered: VecDeque::new() };
        self.sessions.push_back(session.unwrap_or_else(new));
        self.sessions.back_mut().expect("one was added")
    }

    /// The runs that a call started, and when each began.
    fn runs_of(&self, call: &str) -> Vec<(RunId, i64)> {
        self.runs.iter().filter(|(of, ..)| of == call).map(|(_, run, start)| (*run, *start)).collect()
    }
}

impl Session {
    fn open(&mut self, call: Option<String>, start: i64) {
        if self.windows.len() == WINDOWS_MAX {
            self.windows.pop_front();
        }
        self.windows.push_back(Window { call, start, end: None });
    }

    /// Closes the windows of a call, or all that are open; returns whether any was.
    fn close(&mut self, call: Option<&str>, end: i64) -> bool {
        let is_meant = |window: &&mut Window| {
            window.end.is_none() && (call.is_none() || window.call.is_none() || window.call.as_deref() == call)
        };
        self.windows.iter_mut().filter(is_meant).map(|window| window.end = Some(end)).count() > 0
    }

    /// Findings that may be on their way to the assistant.
    fn under_way(&self, now: u64) -> Vec<Fingerprint> {
        let is_under_way = |at: u64| now.saturating_sub(at) < OFFERED_MILLIS * 1_000_000;
        self.offered.iter().filter(|(_, at)| is_under_way(*at)).map(|(offered, _)| *offered).collect()
    }

    fn offer(&mut self, fingerprints: impl Iterator<Item = Fingerprint>, now: u64) {
        for fingerprint in fingerprints {
            self.offered.retain(|(offered, _)| *offered != fingerprint);
            if self.offered.len() == OFFERED_MAX {
                self.offered.pop_front();
            }
            self.offered.push_back((fingerprint, now));
        }
    }

    /// Takes those of the findings that were offered.
    fn take_offered(&mut self, fingerprints: &[Fingerprint]) -> Vec<Fingerprint> {
        let is_meant = |(offered, _): &(Fingerprint, u64)| fingerprints.contains(offered);
        let (taken, left): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut self.offered).into_iter().partition(is_meant);
        self.offered = left;
        taken.into_iter().map(|(fingerprint, _)| fingerprint).collect()
    }
}

impl Engine {
    pub(crate) async fn after_call(&self, question: AfterCallQuestion) -> Result<AfterCall, Problem> {
        check(&question)?;
        let now = self.inner.clock.now().0;
        let session = session_hash(&question);
        let channel = format!("hook:{}", question.agent);
        if question.moment == CallMoment::Delivered {
            let delivered = self.inner.calls.state().session(&session).take_offered(&question.delivered);
            let project = scope::project(&question.scope);
            self.inner.findings.record_delivered(&channel, &session, project.as_deref(), &delivered, now);
            return Ok(AfterCall { schema: AfterCall::SCHEMA.to_owned(), ..AfterCall::default() });
        }
        let call = question.call.as_deref();
        let (runs, windows) = {
            let mut state = self.inner.calls.state();
            let mut calls: Vec<String> = question.call.clone().into_iter().collect();
            if calls.is_empty() && question.moment == CallMoment::Ended && question.is_command {
                let open = state.session(&session).windows.iter().filter(|window| window.end.is_none());
                calls = open.filter_map(|window| window.call.clone()).collect();
            }
            let runs: Vec<(RunId, i64)> = calls.iter().flat_map(|call| state.runs_of(call)).collect();
            let of_session = state.session(&session);
            match question.moment {
                CallMoment::Begins if question.is_command => of_session.open(question.call.clone(), now),
                CallMoment::Ended if question.is_command && !of_session.close(call, now) => {
                    // Its beginning was not announced: what is known of it says when it was.
                    let took = question.call_millis.map(|millis| now.saturating_sub(nanos(millis)));
                    let start = runs.iter().map(|(_, start)| *start).min().or(took);
                    if let Some(start) = start {
                        of_session.open(question.call.clone(), start);
                        of_session.close(call, now);
                    }
                }
                CallMoment::Begins | CallMoment::Ended | CallMoment::Delivered => {}
            }
            (runs, Vec::from(of_session.windows.clone()))
        };
        let run_id = runs.iter().max_by_key(|(_, start)| *start).map(|(run, _)| *run);
        let answer = AfterCall { schema: AfterCall::SCHEMA.to_owned(), run_id, ..AfterCall::default() };
        if question.moment == CallMoment::Begins || windows.is_empty() {
            return Ok(answer);
        }
        let wait = Duration::from_millis(question.wait_millis);
        self.inner.findings.evaluate_waiting(wait).await;
        let mut changed: Vec<Fingerprint> = Vec::new();
        for (run, _) in &runs {
            if let Some(record) = self.inner.runs.get(&run.to_string()).await? {
                changed.extend(record.findings_changed.iter().map(|change| change.fingerprint));
            }
        }
        let now = self.inner.clock.monotonic_nanos();
        let project = scope::project(&question.scope);
        // Two hooks of one session that ask together do not get the same.
        let mut state = self.inner.calls.state();
        let of_session = state.session(&session);
        let under_way = of_session.under_way(now);
        let audience = Audience { session: session.clone(), project, windows, changed, under_way };
        let (items, left_out) = self.inner.findings.new_for(&audience);
        of_session.offer(items.iter().map(|item| item.fingerprint), now);
        Ok(AfterCall { items, left_out, ..answer })
    }
}

fn check(question: &AfterCallQuestion) -> Result<(), Problem> {
    let AfterCallQuestion { agent, session, call, wait_millis, delivered, .. } = question;
    let is_agent = !agent.is_empty()
        && agent.len() <= AGENT_BYTES_MAX
        && agent.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_agent {
        return Err(Problem::invalid("an assistant's id has lower-case letters, digits and dashes"));
    }
    if session.is_empty() || session.len() > SESSION_BYTES_MAX {
        return Err(Problem::invalid(format!("a session's name has 1 to {SESSION_BYTES_MAX} bytes")));
    }
    if call.as_deref().is_some_and(|call| !is_call_id(call)) {
        return Err(Problem::invalid("a call's id has 1 to 128 letters, digits and _-.:, the first a letter or digit"));
    }
    if delivered.len() > OFFERED_MAX {
        return Err(Problem::invalid(format!("at most {OFFERED_MAX} findings are delivered at once")));
    }
    if *wait_millis > MAX_WAIT_MILLIS {
        return Err(Problem::invalid(format!("at most {MAX_WAIT_MILLIS} ms can be waited, not {wait_millis}")));
    }
    Ok(())
}

/// A hash of the assistant and its session: what an assistant calls a session may say more than findings should.
fn session_hash(question: &AfterCallQuestion) -> String {
    let bytes = question.agent.bytes().chain([0]).chain(question.session.bytes());
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

fn nanos(millis: u64) -> i64 {
    i64::try_from(millis.saturating_mul(1_000_000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_without_an_id_ends_the_open_ones_and_one_with_an_id_its_own() {
        let mut state = State::default();
        let session = state.session("a");
        session.open(Some("one".to_owned()), 1);
        session.open(Some("two".to_owned()), 2);
        assert!(session.close(Some("one"), 5) && !session.close(Some("one"), 6));
        assert_eq!(session.windows[1].end, None);
        assert!(session.close(None, 7));
        assert_eq!(session.windows.iter().map(|window| window.end).collect::<Vec<_>>(), [Some(5), Some(7)]);
    }

    #[test]
    fn an_answer_that_is_not_delivered_is_free_again_after_a_while() {
        let mut state = State::default();
        let session = state.session("a");
        let [one, two, other] = [1, 2, 3].map(|number| Fingerprint([number; 8]));
        session.offer([one, two].into_iter(), 1);
        assert_eq!(session.under_way(2), [one, two]);
        assert_eq!(session.take_offered(&[two, other]), [two], "only what was offered");
        assert_eq!(session.take_offered(&[two]), [], "and once");
        assert_eq!(session.under_way(2 + OFFERED_MILLIS * 1_000_000), []);
        assert_eq!(session.take_offered(&[one]), [one], "late is not never");
        session.offer((0..100).map(|number| Fingerprint([number; 8])), 1);
        assert_eq!(session.offered.len(), OFFERED_MAX);
    }

    #[test]
    fn sessions_windows_and_calls_are_bounded() {
        let calls = Calls::default();
        for number in 0..2 * CALLS_MAX {
            calls.started(&number.to_string(), RunId::from_slice(&[1; 16]).unwrap(), 1);
            let mut state = calls.state();
            state.session(&number.to_string());
            let last = state.session("last");
            last.open(None, 1);
        }
        let state = calls.state();
        assert_eq!((state.sessions.len(), state.runs.len()), (SESSIONS_MAX, CALLS_MAX));
        assert_eq!(state.sessions.back().map(|session| session.windows.len()), Some(WINDOWS_MAX));
        assert!(state.runs_of("0").is_empty() && !state.runs_of(&(2 * CALLS_MAX - 1).to_string()).is_empty());
    }
}

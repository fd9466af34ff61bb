//! What is new while a server runs: a line on the user's terminal, once a burst of requests is over.

use kino_inject::served::Served;
use kino_model::DurationNanos;
use kino_text::untrusted::clean;
use kino_wire::ask::Scope;
use kino_wire::insights::InsightsQuestion;

use crate::Client;
use crate::child::screen::Screen;

/// How long no request must have come, in nanoseconds: a burst is over then.
const QUIET_NANOS: u64 = 2_000_000_000;
/// Findings that a line names.
const FINDINGS_MAX: usize = 2;

/// What has been served and not said.
pub(crate) struct News {
    screen: Screen,
    project: Option<String>,
    served: Served,
    /// When the last request came, in nanoseconds of a clock that does not go back.
    last: u64,
    /// The line, once it was made.
    line: Option<String>,
}

impl News {
    pub(crate) fn new(screen: Screen, project: Option<String>) -> Self {
        Self { screen, project, served: Served::default(), last: 0, line: None }
    }

    /// Takes requests that were served until `now`.
    pub(crate) fn add(&mut self, more: Served, now: u64) {
        let served = &mut self.served;
        served.requests += more.requests;
        served.failed += more.failed;
        served.first_unix_nanos = served.first_unix_nanos.into_iter().chain(more.first_unix_nanos).min();
        let nanos = |slowest: &Option<(String, u64)>| slowest.as_ref().map(|(_, nanos)| *nanos);
        if nanos(&more.slowest) > nanos(&served.slowest) {
            served.slowest = more.slowest;
        }
        (self.last, self.line) = (now, None);
    }

    /// Says what is new where a burst is over. Where the terminal is within a line of the command, it is tried again.
    pub(crate) fn say<C: Client>(&mut self, now: u64, client: Option<&C>) {
        if self.served.requests == 0 || now.saturating_sub(self.last) < QUIET_NANOS {
            return;
        }
        if self.line.is_none() {
            let opened = client.map(|client| opened(client, &self.served, self.project.clone())).unwrap_or_default();
            self.line = Some(line(&self.served, &opened));
        }
        if self.line.as_ref().is_some_and(|line| self.screen.line(line)) {
            (self.served, self.line) = (Served::default(), None);
        }
    }
}

/// Findings that were seen for the first time since the burst began, by their codes and operations.
fn opened(client: &impl Client, served: &Served, project: Option<String>) -> Vec<String> {
    let since = served.first_unix_nanos.and_then(|first| i64::try_from(first).ok());
    let scope = Scope { all: project.is_none(), project };
    let question =
        InsightsQuestion { since_unix_nanos: since, limit: FINDINGS_MAX, scope, ..InsightsQuestion::default() };
    let Ok(insights) = client.ask(&question) else { return Vec::new() };
    let is_new = |first_seen: i64| since.is_none_or(|since| first_seen >= since);
    let new = insights.items.iter().filter(|insight| is_new(insight.first_seen_unix_nanos));
    new.map(|insight| format!("{} in {}", insight.finding.code, clean(&insight.entry.name))).collect()
}

fn line(served: &Served, opened: &[String]) -> String {
    let plural = if served.requests == 1 { "" } else { "s" };
    let mut parts = vec![format!("{} request{plural}", served.requests)];
    if let Some((name, nanos)) = &served.slowest {
        let nanos = i64::try_from(*nanos).unwrap_or(i64::MAX);
        parts.push(format!("slowest {} {}", clean(name), DurationNanos(nanos)));
    }
    if served.failed > 0 {
        parts.push(format!("{} failed", served.failed));
    }
    if !opened.is_empty() {
        parts.push(format!("new: {} (kino insights)", opened.join(", ")));
    }
    format!("kino │ {}", parts.join(" · "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_is_new_and_nothing_that_acts_on_a_terminal() {
        let slowest = Some(("GET /\u{1b}[2J".to_owned(), 34_000_000));
        let served = Served { requests: 12, failed: 2, slowest, first_unix_nanos: None };
        let said = line(&served, &["n_plus_one in GET /orders".to_owned()]);
        assert_eq!(
            said,
            "kino │ 12 requests · slowest GET /\\u{1b}[2J 34.0 ms · 2 failed · new: n_plus_one in GET /orders \
             (kino insights)"
        );
        let one = Served { requests: 1, ..Served::default() };
        assert_eq!(line(&one, &[]), "kino │ 1 request");
    }
}

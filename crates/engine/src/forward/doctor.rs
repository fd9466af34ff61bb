//! What `doctor` says of passing on.

use kino_wire::admin::{Check, CheckState};
use kino_wire::forward::{ForwardState, Forwarding};

/// Returns what `doctor` says of it; `unreached` is why the endpoint is not reached at this moment.
pub(super) fn check(status: &Forwarding, unreached: Option<String>) -> Check {
    let Forwarding { url, behind_bytes, log_bytes_max, .. } = status;
    let (refused, missed) =
        (status.refused_spans + status.refused_log_records, status.missed_spans + status.missed_log_records);
    let why = unreached.or_else(|| status.why.clone().filter(|_| status.state != ForwardState::Sending));
    let said = why.as_ref().map_or_else(|| "is reached".to_owned(), |why| format!("does not take it: {why}"));
    let message = format!(
        "{url}, which recordings are passed on to, {said}; {behind_bytes} bytes of the log are to go, of {log_bytes_max} \
         that may wait; {} records passed on, {refused} refused there, {missed} and {} segments of the log missed",
        status.passed_spans + status.passed_log_records,
        status.missed_segments
    );
    let (state, next) = match status.state {
        ForwardState::Stopped => (CheckState::Failed, Some("take the endpoint's own forwarding to this engine away")),
        _ if why.is_some() => (CheckState::Warning, Some("mend or start the endpoint: what waits is sent by itself")),
        _ if missed + status.missed_segments > 0 => (
            CheckState::Warning,
            Some("what was missed is here alone: `kino export` has it; raise forward.log_bytes_max"),
        ),
        _ if refused > 0 => (
            CheckState::Warning,
            Some("what was refused is here alone: the log of `kino serve`, or of the endpoint, says why"),
        ),
        _ => (CheckState::Ok, None),
    };
    Check { name: "forwarding".to_owned(), state, message, next: next.map(str::to_owned) }
}

//! One question to an engine that runs, over its home's socket, within milliseconds; no engine is started or waited for.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kino_server::SocketPlaces;
use kino_wire::Question;

use crate::config;

/// How long a read or a write may take; the hook's own deadline bounds all of them.
const PAUSE_MAX: Duration = Duration::from_millis(30);
/// The largest answer that is read: three findings take less than 16 KiB.
const ANSWER_BYTES_MAX: u64 = 256 << 10;

/// Asks; `None` where no engine answers, or not with an answer.
pub(super) fn ask<Q: Question>(home: &Path, question: &Q) -> Option<Q::Answer> {
    ask_within(home, question, PAUSE_MAX)
}

/// As [`ask`], with the time that a read or a write may take.
pub(super) fn ask_within<Q: Question>(home: &Path, question: &Q, pause: Duration) -> Option<Q::Answer> {
    let body = serde_json::to_vec(question).ok()?;
    let runtime = config::variable("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let mut stream = SocketPlaces::of(home, runtime.as_deref()).connect().ok()?;
    stream.set_read_timeout(Some(pause)).ok()?;
    stream.set_write_timeout(Some(pause)).ok()?;
    let mut request = format!(
        "POST /api/v1/{} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        Q::NAME,
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(&body);
    stream.write_all(&request).ok()?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).ok()?;
    serde_json::from_slice(body_of(&answer)?).ok()
}

/// The body of an answer that is whole and says that all is well.
fn body_of(answer: &[u8]) -> Option<&[u8]> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let is_well = lines.next()?.starts_with("HTTP/1.1 200");
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    })?;
    let body = &answer[end + 4..];
    (is_well && body.len() == length).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_answer_that_is_well_is_one() {
        let check = |answer: &str| body_of(answer.as_bytes()).map(<[u8]>::to_vec);
        assert_eq!(check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), Some(b"{}".to_vec()));
        for none in [
            "",
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n{}",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999999\r\n\r\n{}",
            "\u{fffd}\r\n\r\n",
        ] {
            assert_eq!(check(none), None, "{none:?}");
        }
    }
}

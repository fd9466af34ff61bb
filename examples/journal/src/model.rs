//! The language model's stand-in: a local HTTP server with the shape of a chat-completions interface.
//!
//! It answers after a delay that depends on the task, about a hundredth of what a hosted model takes, with jitter, so
//! that repeated runs differ as real ones do.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// The delay varies by up to this part of it, either way.
const JITTER: f64 = 0.08;
/// The largest request that is read.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What is asked of the model.
#[derive(Serialize, Deserialize)]
pub(crate) struct Ask {
    /// The model's name.
    pub(crate) model: String,
    /// Which kind of text: `summary`, `dialogue` or `decisions`.
    pub(crate) task: String,
    pub(crate) prompt: String,
}

/// What it answers.
#[derive(Serialize, Deserialize)]
pub(crate) struct Completion {
    pub(crate) text: String,
    /// Tokens read.
    pub(crate) input_tokens: i64,
    /// Tokens written.
    pub(crate) output_tokens: i64,
}

/// Starts the server on a free port of the loopback interface; it lives as long as the process.
pub(crate) fn serve() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").context("opening a port for the model")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(&stream));
        }
    });
    Ok(address)
}

/// Answers one request. A client that hangs up half-way is its own affair, hence no error.
fn answer(stream: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok().filter(|length| *length <= BODY_BYTES_MAX)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let ask: Ask = serde_json::from_slice(&body).ok()?;
    let (delay, text) = think(&ask.task);
    thread::sleep(with_jitter(delay));
    let completion =
        Completion { input_tokens: tokens(&ask.prompt), output_tokens: tokens(text), text: text.to_owned() };
    let body = serde_json::to_vec(&completion).ok()?;
    let mut stream = stream;
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len()).ok()?;
    stream.write_all(b"connection: close\r\n\r\n").ok()?;
    stream.write_all(&body).ok()
}

/// How long a task takes, and what comes of it.
fn think(task: &str) -> (Duration, &'static str) {
    let (millis, text) = match task {
        "summary" => {
            (120, "The parser was rewritten to work on borrowed slices; two regressions were found and mended.")
        }
        "dialogue" => {
            (180, "A: Why not keep the old parser?\nB: It copied every line twice, and the profile showed it.")
        }
        _ => (90, "Decided: borrowed slices in the parser. Rejected: an arena, for its lifetimes."),
    };
    (Duration::from_millis(millis), text)
}

fn with_jitter(delay: Duration) -> Duration {
    // Without randomness the delay is merely constant.
    let unit = getrandom::u32().map_or(0.5, |random| f64::from(random) / f64::from(u32::MAX));
    delay.mul_f64(1.0 + JITTER * (2.0 * unit - 1.0))
}

/// About as many as a tokenizer would count.
fn tokens(text: &str) -> i64 {
    i64::try_from(text.len() / 4 + 1).unwrap_or(i64::MAX)
}

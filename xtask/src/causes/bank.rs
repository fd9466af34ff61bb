//! A bank: what payment asks, and what sends no spans. Answers after a few milliseconds, or after several times as many.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::random::Random;

/// How long an answer takes, drawn each time.
const MICROS: std::ops::Range<u64> = 3_000..8_000;
/// More than any request here has.
const REQUEST_BYTES_MAX: usize = 8 << 10;
const BODY: &str = "{\"allowed\":true}";

/// A listener; its threads end with the process.
#[derive(Debug)]
pub(super) struct Bank {
    pub(super) port: u16,
    factor: Arc<AtomicU64>,
}

impl Bank {
    /// Starts to listen.
    ///
    /// # Errors
    ///
    /// Where it cannot listen.
    pub(super) fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let factor = Arc::new(AtomicU64::new(1));
        let its = Arc::clone(&factor);
        std::thread::spawn(move || {
            let mut random = Random(1);
            for client in listener.incoming().flatten() {
                let micros = MICROS.start + random.below(MICROS.end - MICROS.start);
                let wait = Duration::from_micros(micros * its.load(Ordering::Relaxed));
                // A client that has gone needs no answer.
                std::thread::spawn(move || drop(answer(client, wait)));
            }
        });
        Ok(Self { port, factor })
    }

    /// Takes this many times as long from now on.
    pub(super) fn slow_down(&self, factor: u64) {
        self.factor.store(factor, Ordering::Relaxed);
    }
}

fn answer(mut client: TcpStream, wait: Duration) -> io::Result<()> {
    let mut request = Vec::new();
    let mut chunk = [0; 1024];
    while !request.ends_with(b"\r\n\r\n") && request.len() < REQUEST_BYTES_MAX {
        let count = client.read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        request.extend_from_slice(&chunk[..count]);
    }
    std::thread::sleep(wait);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
    write!(client, "{head}\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len())
}

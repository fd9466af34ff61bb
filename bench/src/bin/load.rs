//! Sends a stated number of spans to an OTLP receiver as fast as it acknowledges them, and prints what happened.
//!
//! A refusal that OTLP calls retryable is waited out and sent again, so that every span is acknowledged in the end.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::{Parser, ValueEnum};
use kino_model::{TraceId, UnixNanos};
use kino_testkit::grpc::Raw;
use kino_testkit::{RequestStream, Unrest};
use serde_json::json;
use tonic::{Code, Status};

/// Sends spans of a made-up shop to an OTLP receiver.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to send, as HOST:PORT.
    #[arg(long)]
    to: String,
    /// How to send.
    #[arg(long, value_enum, default_value_t = Protocol::Http)]
    protocol: Protocol,
    /// How many spans at least.
    #[arg(long)]
    spans: u64,
    /// How many connections send at once.
    #[arg(long, default_value_t = 2)]
    connections: u64,
    /// How many spans a second at most; as fast as they are taken when nothing is said.
    #[arg(long)]
    rate: Option<u64>,
    /// How many distinct requests there are before ids are renewed.
    #[arg(long, default_value_t = 128)]
    templates: usize,
    /// Of a hundred traces, how many have a root that comes long after the rest.
    #[arg(long, default_value_t = 0)]
    split: u64,
    /// Of a hundred requests, how many are sent once more, long after.
    #[arg(long, default_value_t = 0)]
    doubled: u64,
    /// Seed of everything random.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first trace's start, in Unix nanoseconds.
    #[arg(long)]
    start: i64,
    /// Write every thousandth request's trace ids here, one a line.
    #[arg(long)]
    ids: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Protocol {
    Http,
    Grpc,
}

#[derive(Debug, Default)]
struct Sent {
    spans: AtomicU64,
    bytes: AtomicU64,
    refusals: AtomicU64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let sent = Sent::default();
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    let started = std::time::Instant::now();
    let ids = thread::scope(|scope| {
        let workers: Vec<_> = (0..arguments.connections)
            .map(|connection| {
                let (arguments, sent) = (&arguments, &sent);
                scope.spawn(move || work(arguments, connection, sent))
            })
            .collect();
        let results = workers.into_iter().map(|worker| worker.join().expect("a worker does not panic"));
        results.collect::<anyhow::Result<Vec<_>>>()
    })?;
    let seconds = started.elapsed().as_secs_f64();
    if let Some(path) = &arguments.ids {
        let mut lines = String::new();
        for id in ids.iter().flatten() {
            writeln!(lines, "{id}")?;
        }
        std::fs::write(path, lines)?;
    }
    let spans = sent.spans.load(Ordering::Relaxed);
    let report = json!({
        "spans": spans,
        "bytes": sent.bytes.load(Ordering::Relaxed),
        "seconds": seconds,
        "spans_per_second": spans as f64 / seconds,
        "refusals": sent.refusals.load(Ordering::Relaxed),
    });
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}

fn work(arguments: &Arguments, connection: u64, sent: &Sent) -> anyhow::Result<Vec<TraceId>> {
    let unrest = Unrest { split_percent: arguments.split, doubled_percent: arguments.doubled };
    let seed = arguments.seed * 1_000 + connection;
    let mut stream = RequestStream::with_unrest(seed, arguments.templates, UnixNanos(arguments.start), unrest);
    let mut sender = Sender::connect(arguments)?;
    let mut ids = Vec::new();
    let mut requests = 0u64;
    #[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
    let started = std::time::Instant::now();
    while sent.spans.load(Ordering::Relaxed) < arguments.spans {
        if let Some(rate) = arguments.rate {
            let due = Duration::from_secs_f64(sent.spans.load(Ordering::Relaxed) as f64 / rate as f64);
            thread::sleep(due.saturating_sub(started.elapsed()));
        }
        let (body, spans) = stream.next_request();
        sender.send_on(body, spans, sent)?;
        if requests.is_multiple_of(1_000) {
            ids.extend(stream.last_trace_ids());
        }
        requests += 1;
    }
    while let Some((body, spans)) = stream.next_late() {
        sender.send_on(body, spans, sent)?;
    }
    Ok(ids)
}

enum Sender {
    Http(HttpSender),
    Grpc(GrpcSender),
}

impl Sender {
    fn connect(arguments: &Arguments) -> anyhow::Result<Self> {
        Ok(match arguments.protocol {
            Protocol::Http => Self::Http(HttpSender::connect(&arguments.to)?),
            Protocol::Grpc => Self::Grpc(GrpcSender::connect(&arguments.to)?),
        })
    }

    /// Sends until it is acknowledged.
    fn send_on(&mut self, body: &[u8], spans: usize, sent: &Sent) -> anyhow::Result<()> {
        while let Some(wait) = self.send(body)? {
            sent.refusals.fetch_add(1, Ordering::Relaxed);
            thread::sleep(wait);
        }
        sent.spans.fetch_add(spans as u64, Ordering::Relaxed);
        sent.bytes.fetch_add(body.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn send(&mut self, body: &[u8]) -> anyhow::Result<Option<Duration>> {
        match self {
            Self::Http(sender) => sender.send(body),
            Self::Grpc(sender) => sender.send(body),
        }
    }
}

/// HTTP/1.1 on one connection that stays open.
struct HttpSender {
    stream: BufReader<TcpStream>,
    host: String,
}

impl HttpSender {
    fn connect(to: &str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(to).with_context(|| format!("failed to connect to {to}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host: to.to_owned() })
    }

    fn send(&mut self, body: &[u8]) -> anyhow::Result<Option<Duration>> {
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
            self.host,
            body.len()
        );
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status: u16 =
            line.split(' ').nth(1).and_then(|code| code.parse().ok()).context("no HTTP status came back")?;
        let (mut length, mut retry_after) = (0usize, Duration::from_millis(100));
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.trim().parse()?,
                "retry-after" => retry_after = Duration::from_secs(value.trim().parse()?),
                _ => {}
            }
        }
        let mut answer = vec![0; length];
        self.stream.read_exact(&mut answer)?;
        match status {
            200 => Ok(None),
            429 | 502..=504 => Ok(Some(retry_after)),
            other => bail!("the receiver answered {other}: {}", String::from_utf8_lossy(&answer)),
        }
    }
}

/// gRPC on one channel; bodies are sent as the bytes they are.
struct GrpcSender {
    runtime: tokio::runtime::Runtime,
    client: tonic::client::Grpc<tonic::transport::Channel>,
}

impl GrpcSender {
    fn connect(to: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{to}"))?;
        let channel = runtime.block_on(endpoint.connect())?;
        Ok(Self { runtime, client: tonic::client::Grpc::new(channel) })
    }

    fn send(&mut self, body: &[u8]) -> anyhow::Result<Option<Duration>> {
        let path = http::uri::PathAndQuery::from_static("/opentelemetry.proto.collector.trace.v1.TraceService/Export");
        let body = Bytes::copy_from_slice(body);
        let answer = self.runtime.block_on(async {
            self.client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
            self.client.unary(tonic::Request::new(body), path, Raw).await
        });
        match answer {
            Ok(_) => Ok(None),
            Err(status) if matches!(status.code(), Code::ResourceExhausted | Code::Unavailable) => {
                Ok(Some(Duration::from_millis(100)))
            }
            Err(status) => bail!("the receiver answered {status}"),
        }
    }
}

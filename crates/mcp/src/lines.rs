//! MCP over a pair of byte streams: one message a line, batches too, and an answer to every line that is none.
//!
//! ```text
//! reader ─► line ─┬─► message ────────────► service ─► responses ─┐
//!                 ├─► batch ─► messages ──► service ─► collected ─┤
//!                 └─► malformed ─► error ─────────────────────────┴─► queue ─► writer
//! ```
//!
//! Answers are written by a task of their own through a bounded queue, so that reading may be broken off at any point.

use std::collections::{HashSet, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, RequestId, ServerJsonRpcMessage};
use rmcp::transport::Transport;
use serde_json::Value as Json;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::messages::{self, BATCH_MAX, IdScanner, MESSAGE_BYTES_MAX, Malformed, Read};

/// Messages that may wait to be written: more wait where they are made.
const QUEUE_MAX: usize = 64;
/// How long the last messages may take to be written once the client has hung up.
const LAST_WORDS_MAX: Duration = Duration::from_secs(5);

/// A transport over a reader and a writer.
pub(crate) struct Lines<R> {
    reader: BufReader<R>,
    /// The line that is being read.
    line: Vec<u8>,
    /// Set while the rest of a line is skipped that is too long.
    skipped: Option<IdScanner>,
    /// Read, and not received yet: messages of a batch.
    messages: VecDeque<ClientJsonRpcMessage>,
    /// To be written before more is read.
    replies: VecDeque<Json>,
    batches: Arc<Mutex<Vec<Batch>>>,
    queue: Option<mpsc::Sender<Vec<u8>>>,
    writer: Option<JoinHandle<()>>,
}

/// A batch whose requests are not all answered.
#[derive(Debug, Default)]
struct Batch {
    unanswered: HashSet<RequestId>,
    answers: Vec<Json>,
}

impl<R: AsyncRead + Send + Unpin> Lines<R> {
    pub(crate) fn new<W: AsyncWrite + Send + Unpin + 'static>(reader: R, mut writer: W) -> Self {
        let (queue, mut queued) = mpsc::channel::<Vec<u8>>(QUEUE_MAX);
        let writer = tokio::spawn(async move {
            while let Some(message) = queued.recv().await {
                let written = async {
                    writer.write_all(&message).await?;
                    writer.flush().await
                };
                if written.await.is_err() {
                    // The client does not read any more: its end of the other stream follows.
                    return;
                }
            }
        });
        Self {
            reader: BufReader::new(reader),
            line: Vec::new(),
            skipped: None,
            messages: VecDeque::new(),
            replies: VecDeque::new(),
            batches: Arc::default(),
            queue: Some(queue),
            writer: Some(writer),
        }
    }

    /// Reads to the end of a line; `None` at the end of the stream. May be dropped and called again.
    async fn read_line(&mut self) -> Option<Result<Vec<u8>, Json>> {
        loop {
            let available = self.reader.fill_buf().await.ok().filter(|available| !available.is_empty())?;
            let end = available.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(available.len(), |end| end + 1);
            let part = &available[..taken];
            match &mut self.skipped {
                Some(scanner) => scanner.feed(part),
                None if self.line.len() + part.len() > MESSAGE_BYTES_MAX + 1 => {
                    let mut scanner = IdScanner::default();
                    scanner.feed(&self.line);
                    scanner.feed(part);
                    self.line = Vec::new();
                    self.skipped = Some(scanner);
                }
                None => self.line.extend_from_slice(part),
            }
            self.reader.consume(taken);
            if end.is_some() {
                return Some(match self.skipped.take() {
                    Some(scanner) => Err(Malformed::TooLong.answer(&scanner.id())),
                    None => Ok(std::mem::take(&mut self.line)),
                });
            }
        }
    }

    /// Turns a line into messages, or into the answer to what is none.
    fn take_line(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line);
        if line.is_empty() {
            return;
        }
        if !line.starts_with(b"[") {
            match messages::read(line) {
                Read::Message(message) => self.messages.push_back(*message),
                Read::Ignored => {}
                Read::Malformed(answer) => self.replies.push_back(answer),
            }
            return;
        }
        let parts: Vec<&serde_json::value::RawValue> = match serde_json::from_slice(line) {
            Ok(parts) => parts,
            Err(_) => return self.replies.push_back(Malformed::NotJson.answer(&Json::Null)),
        };
        if parts.is_empty() || parts.len() > BATCH_MAX {
            return self.replies.push_back(Malformed::Batch.answer(&Json::Null));
        }
        let mut batch = Batch::default();
        for part in parts {
            match messages::read(part.get().as_bytes()) {
                Read::Message(message) => {
                    if let ClientJsonRpcMessage::Request(request) = &*message {
                        batch.unanswered.insert(request.id.clone());
                    }
                    self.messages.push_back(*message);
                }
                Read::Ignored => {}
                Read::Malformed(answer) => batch.answers.push(answer),
            }
        }
        if !batch.unanswered.is_empty() {
            self.batches.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
        } else if !batch.answers.is_empty() {
            self.replies.push_back(Json::Array(batch.answers));
        }
    }
}

fn line(message: &Json) -> Vec<u8> {
    let mut line = message.to_string().into_bytes();
    line.push(b'\n');
    line
}

/// Adds an answer to the batch that waits for it. Returns what is to be written now: the answer itself where no batch
/// waits, the whole batch with its last answer, or nothing.
fn collect(batches: &Mutex<Vec<Batch>>, message: ServerJsonRpcMessage) -> Option<Json> {
    let id = match &message {
        ServerJsonRpcMessage::Response(response) => Some(&response.id),
        ServerJsonRpcMessage::Error(error) => error.id.as_ref(),
        _ => None,
    };
    let mut batches = batches.lock().unwrap_or_else(PoisonError::into_inner);
    let index = id.and_then(|id| batches.iter().position(|batch| batch.unanswered.contains(id)));
    let removed = id.cloned();
    let json = serde_json::to_value(message).ok()?;
    let (Some(index), Some(id)) = (index, removed) else { return Some(json) };
    let batch = &mut batches[index];
    batch.unanswered.remove(&id);
    batch.answers.push(json);
    batch.unanswered.is_empty().then(|| Json::Array(batches.remove(index).answers))
}

impl<R: AsyncRead + Send + Unpin + 'static> Transport<RoleServer> for Lines<R> {
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let (queue, batches) = (self.queue.clone(), Arc::clone(&self.batches));
        async move {
            let closed = || io::Error::from(io::ErrorKind::NotConnected);
            let queue = queue.ok_or_else(closed)?;
            match collect(&batches, message) {
                Some(message) => queue.send(line(&message)).await.map_err(|_| closed()),
                None => Ok(()),
            }
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if let Some(message) = self.messages.pop_front() {
                return Some(message);
            }
            if !self.replies.is_empty() {
                // Reserving may be broken off; nothing is lost by it.
                let place = self.queue.as_ref()?.reserve().await.ok()?;
                if let Some(reply) = self.replies.pop_front() {
                    place.send(line(&reply));
                }
                continue;
            }
            match self.read_line().await? {
                Ok(line) => self.take_line(&line),
                Err(answer) => self.replies.push_back(answer),
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.queue = None;
        if let Some(writer) = self.writer.take() {
            // What cannot be written now has no reader.
            tokio::time::timeout(LAST_WORDS_MAX, writer).await.ok();
        }
        Ok(())
    }
}

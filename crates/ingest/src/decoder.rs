//! Decoding in pieces: what a file that grows needs, and what a whole file needs as well.
//!
//! ```text
//!  feed, feed, … ─► rows that are complete ─► take
//!  finish(the last bytes) ─► the rest
//! ```
//!
//! However the bytes are cut into pieces, the rows and the issues are the same.

use std::mem;

use crate::formats::{self, Document, Format};
use crate::{Decoded, Encoding, Harvest, Limits, Undecodable, otlp};

/// Turns the bytes of one input into rows. Buffers a document until it is complete, without a limit: the caller bounds
/// what it feeds.
pub trait Decoder: Send {
    /// Takes the next bytes.
    fn feed(&mut self, bytes: &[u8]);

    /// Returns the rows that are complete since the last call.
    fn take(&mut self) -> Decoded;

    /// Takes the last bytes and returns the rows since the last call of [`Self::take`], with the format of the input.
    ///
    /// # Errors
    /// Where the input is of no known format, or nothing in all of it could be decoded.
    fn finish(&mut self, last: &[u8]) -> Result<(Format, Decoded), Undecodable>;
}

/// Returns a decoder for an input that begins with these bytes: more of it than blanks and a byte order mark.
pub fn decoder(beginning: &[u8], limits: &Limits) -> Box<dyn Decoder> {
    let decode: Decode = match without_mark(beginning).trim_ascii_start().first() {
        Some(b'{' | b'[') => return Box::new(JsonDocuments::new(limits)),
        Some(b'<') => xml,
        _ => protobuf,
    };
    Box::new(Whole { decode, limits: limits.clone(), bytes: Vec::new() })
}

/// Decodes a whole file. In JSON lines, a line that cannot be decoded is named and costs the others nothing.
///
/// # Errors
/// When it is of no known format, or nothing in it can be decoded.
pub fn decode_file(bytes: &[u8], limits: &Limits) -> Result<(Format, Decoded), Undecodable> {
    decoder(bytes, limits).finish(bytes)
}

/// Returns the pending bytes followed by these.
fn joined<'b>(pending: &'b mut Vec<u8>, bytes: &'b [u8]) -> &'b [u8] {
    if pending.is_empty() {
        return bytes;
    }
    pending.extend_from_slice(bytes);
    pending
}

/// The text without a byte order mark before it.
fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// One JSON document, or one a line. A line that cannot be decoded is named and costs the others nothing.
struct JsonDocuments {
    limits: Limits,
    /// Bytes of a document or line that is not complete; no line ends in them unless the input is one document.
    rest: Vec<u8>,
    /// Whether each line is a document: the first one that is not blank is. `None` until that line has ended.
    are_lines: Option<bool>,
    /// Lines so far.
    lines: usize,
    harvest: Harvest,
    /// Of the first document that was decoded.
    format: Option<Format>,
    /// Of the first one that was not.
    problem: Option<Undecodable>,
}

impl JsonDocuments {
    fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            rest: Vec::new(),
            are_lines: None,
            lines: 0,
            harvest: Harvest::default(),
            format: None,
            problem: None,
        }
    }

    /// Takes all lines of a text, the last one too.
    fn take_lines(&mut self, text: &[u8]) {
        for line in text.split(|byte| *byte == b'\n') {
            self.take_line(line);
        }
    }

    fn take_line(&mut self, line: &[u8]) {
        self.lines += 1;
        let line = if self.lines == 1 { without_mark(line) } else { line }.trim_ascii();
        if line.is_empty() {
            return;
        }
        let kind = formats::of_document(line);
        let kind = kind.map_err(|error| Undecodable { expected: "JSON", problem: error.to_string() });
        if let Err(error) = kind.and_then(|kind| self.take_document(kind, line)) {
            let number = self.lines;
            self.harvest.issues.add("undecodable_line", || format!("line {number}: {error}"));
            self.problem.get_or_insert(error);
        }
    }

    fn take_document(&mut self, kind: Option<&Document>, text: &[u8]) -> Result<(), Undecodable> {
        let Document { format, decode, .. } = kind.ok_or_else(formats::unknown)?;
        self.harvest.merge(decode(text, &self.limits)?);
        self.format.get_or_insert(*format);
        Ok(())
    }
}

impl Decoder for JsonDocuments {
    fn feed(&mut self, bytes: &[u8]) {
        let mut pending = mem::take(&mut self.rest);
        // Each byte is searched once for the end of a line, however long the line is.
        let searched = pending.len();
        let text = joined(&mut pending, bytes);
        let mut rest = 0;
        while self.are_lines.is_none() {
            let from = searched.max(rest);
            let Some(length) = text[from..].iter().position(|byte| *byte == b'\n') else { break };
            let end = from + length;
            let line = if self.lines == 0 { without_mark(&text[rest..end]) } else { &text[rest..end] }.trim_ascii();
            if line.is_empty() {
                self.lines += 1;
                rest = end + 1;
            } else {
                self.are_lines = Some(formats::of_document(line).is_ok());
            }
        }
        let from = searched.max(rest);
        if self.are_lines == Some(true)
            && let Some(length) = text[from..].iter().rposition(|byte| *byte == b'\n')
        {
            self.take_lines(&text[rest..from + length]);
            rest = from + length + 1;
        }
        if pending.is_empty() {
            self.rest = bytes[rest..].to_vec();
        } else {
            pending.drain(..rest);
            self.rest = pending;
        }
    }

    fn take(&mut self) -> Decoded {
        mem::take(&mut self.harvest).finish()
    }

    fn finish(&mut self, last: &[u8]) -> Result<(Format, Decoded), Undecodable> {
        let mut pending = mem::take(&mut self.rest);
        let text = joined(&mut pending, last);
        if self.are_lines == Some(true) {
            self.take_lines(text);
        } else {
            let whole = without_mark(text).trim_ascii();
            match formats::of_document(whole) {
                Ok(kind) => self.take_document(kind, whole)?,
                Err(error) => {
                    self.take_lines(text);
                    if self.format.is_none() {
                        return Err(Undecodable { expected: "JSON, nor JSON lines", problem: error.to_string() });
                    }
                }
            }
        }
        match (self.format, self.problem.take()) {
            (Some(format), _) => Ok((format, self.take())),
            (None, Some(problem)) => Err(problem),
            (None, None) => Err(Undecodable { expected: "a trace file", problem: "it is empty".to_owned() }),
        }
    }
}

type Decode = fn(&[u8], &Limits) -> Result<(Format, Decoded), Undecodable>;

/// One document of a kind that is complete only at its end.
struct Whole {
    decode: Decode,
    limits: Limits,
    bytes: Vec<u8>,
}

impl Decoder for Whole {
    fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn take(&mut self) -> Decoded {
        Harvest::default().finish()
    }

    fn finish(&mut self, last: &[u8]) -> Result<(Format, Decoded), Undecodable> {
        let mut pending = mem::take(&mut self.bytes);
        (self.decode)(joined(&mut pending, last), &self.limits)
    }
}

/// Decodes one OTLP message.
fn protobuf(message: &[u8], limits: &Limits) -> Result<(Format, Decoded), Undecodable> {
    let decoded = otlp::decode_traces(message, Encoding::Protobuf, limits).ok();
    let decoded = decoded.filter(|decoded| decoded.spans + decoded.rejected_spans > 0);
    decoded
        .map(|decoded| (Format::OtlpProtobuf, decoded))
        .ok_or_else(|| Undecodable { expected: "a trace file", problem: format!("it is not {}", formats::NAMES) })
}

/// Decodes one XML document, a report of tests.
fn xml(document: &[u8], limits: &Limits) -> Result<(Format, Decoded), Undecodable> {
    Ok((Format::JunitXml, formats::junit::harvest(document, limits)?.finish()))
}

//! The one place that writes to standard output and standard error, and knows what they are.

mod items;
mod pager;

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use kino_wire::Damage;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

use crate::args::{Color, Format, ListFormat};
use crate::config::Settings;
use crate::failure::Failure;
use crate::render::{Style, clean_lines};

/// The narrowest width that tables are laid out for.
const WIDTH_MIN: u16 = 40;

/// Where answers go, and in which form.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    /// JSON instead of text.
    pub(crate) json: bool,
    /// How text looks.
    pub(crate) style: Style,
    /// Rows of the terminal, where a longer answer is shown page by page.
    page_rows: Option<u16>,
}

impl Output {
    /// Looks at standard output.
    pub(crate) fn new(json: bool, color: Color, settings: &Settings) -> Self {
        let terminal = io::stdout().is_terminal();
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok();
        let width = if terminal {
            let measured = size.map(|size| size.ws_col).filter(|columns| *columns > 0);
            Some(measured.or(settings.columns).unwrap_or(80).max(WIDTH_MIN))
        } else {
            settings.columns.map(|columns| columns.max(WIDTH_MIN))
        };
        let colour = match color {
            Color::Auto => terminal && !settings.no_color,
            Color::Always => true,
            Color::Never => false,
        };
        let page_rows = size.map(|size| size.ws_row).filter(|rows| terminal && *rows > 0);
        Self { json, style: Style { colour, width }, page_rows }
    }

    /// Plain text of any width.
    pub(crate) fn plain(json: bool) -> Self {
        Self { json, style: Style::default(), page_rows: None }
    }

    /// The same without a pager.
    #[must_use]
    pub(crate) fn without_pager(self) -> Self {
        Self { page_rows: None, ..self }
    }

    /// Prints an answer: its JSON, or what `text` makes of it, in lines that fit.
    ///
    /// # Errors
    /// Where standard output cannot be written; a reader that went away is none.
    pub(crate) fn answer<T: Serialize>(&self, answer: &T, text: impl FnOnce(Style) -> String) -> Result<(), Failure> {
        if self.json { self.json(answer) } else { self.pages(&self.style.fit(&text(self.style))) }
    }

    /// As [`Output::answer`], of text whose lines are a program's own and stay as it wrote them.
    ///
    /// # Errors
    /// As [`Output::answer`].
    pub(crate) fn recorded<T: Serialize>(&self, answer: &T, text: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.json { self.json(answer) } else { self.pages(&text()) }
    }

    /// Prints an answer that has `items`, in the wanted form. `more` says where further items are.
    ///
    /// # Errors
    /// As [`Output::answer`].
    pub(crate) fn list<T: Serialize>(
        &self,
        answer: &T,
        format: ListFormat,
        text: impl FnOnce(Style) -> String,
        more: Option<String>,
    ) -> Result<(), Failure> {
        match format.format {
            None | Some(Format::Table) => self.answer(answer, text),
            Some(Format::Json) => self.json(answer),
            Some(format @ (Format::Jsonl | Format::Csv)) => {
                let items = items::of(answer)?;
                self.text(&if format == Format::Csv { items::csv(&items)? } else { items::lines(&items) })?;
                if let Some(more) = more {
                    note(&format!("kino: {more}"));
                }
                Ok(())
            }
        }
    }

    /// Prints text; on a terminal, page by page where it is longer than that.
    fn pages(&self, text: &str) -> Result<(), Failure> {
        let is_long = self.page_rows.is_some_and(|rows| text.lines().count() >= usize::from(rows));
        if is_long && pager::show(text) { Ok(()) } else { self.text(text) }
    }

    /// Prints JSON on one line.
    ///
    /// # Errors
    /// As [`Output::answer`].
    pub(crate) fn json<T: Serialize>(&self, answer: &T) -> Result<(), Failure> {
        let written = match DAMAGE.get() {
            None => serde_json::to_vec(answer),
            Some(damage) => serde_json::to_value(answer).and_then(|mut answer| {
                damage.put(&mut answer);
                serde_json::to_vec(&answer)
            }),
        };
        let mut bytes = written.map_err(|error| Failure::because("writing JSON", &error))?;
        bytes.push(b'\n');
        self.bytes(&bytes)
    }

    /// Prints text, ending it with a line feed where it has none.
    ///
    /// # Errors
    /// As [`Output::answer`].
    pub(crate) fn text(&self, text: &str) -> Result<(), Failure> {
        self.bytes(text.as_bytes())?;
        if text.is_empty() || text.ends_with('\n') { Ok(()) } else { self.bytes(b"\n") }
    }

    /// Prints bytes as they are.
    ///
    /// # Errors
    /// As [`Output::answer`].
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        self.write(bytes).map(|_| ())
    }

    /// Prints one line, and returns whether there still is a reader: without one, a command that goes on by itself ends.
    ///
    /// # Errors
    /// As [`Output::answer`].
    pub(crate) fn line(&self, line: &str) -> Result<bool, Failure> {
        self.write(format!("{line}\n").as_bytes())
    }

    /// Whether what reads standard output is still there, as far as the system shows it: a command that goes on without
    /// writing asks.
    #[expect(clippy::unused_self, reason = "only code that was given the output may look at it")]
    pub(crate) fn has_reader(&self) -> bool {
        let stdout = io::stdout();
        let mut looked = [PollFd::new(&stdout, PollFlags::empty())];
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let gone = PollFlags::ERR | PollFlags::NVAL;
        poll(&mut looked, Some(&at_once)).is_err() || !looked[0].revents().intersects(gone)
    }

    #[expect(clippy::unused_self, reason = "only code that was given the output may write")]
    fn write(&self, bytes: &[u8]) -> Result<bool, Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::because("writing to standard output", &error)),
        }
    }
}

/// What the engine's answers lack because it cannot be read: said once, and in each answer's JSON.
static DAMAGE: OnceLock<Damage> = OnceLock::new();

/// Says what the engine's answers lack.
pub(crate) fn answers_lack(damage: Damage) {
    if DAMAGE.set(damage).is_ok() {
        note(&format!("kino: {}", damage.sentence()));
    }
}

/// Whether nothing is said beside the answer any more.
static SILENT: AtomicBool = AtomicBool::new(false);

/// Says nothing beside the answer from now on: the command's output is read by a program.
pub(crate) fn silence() {
    SILENT.store(true, Ordering::Relaxed);
}

/// Says something beside the answer, on standard error, harmless to a terminal: it may name files and recorded texts.
pub(crate) fn note(text: &str) {
    if !SILENT.load(Ordering::Relaxed) {
        note_as_it_is(&clean_lines(text));
    }
}

/// As [`note`], of text that is JSON or was made harmless before it was coloured. It is dropped where standard
/// error is closed.
pub(crate) fn note_as_it_is(text: &str) {
    let mut err = io::stderr().lock();
    drop(writeln!(err, "{text}"));
}

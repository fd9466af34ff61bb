//! The one place that writes to standard output and standard error, and knows what they are.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use kino_wire::Damage;
use serde::Serialize;

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
}

impl Output {
    /// Looks at standard output.
    pub(crate) fn new(json: bool, settings: &Settings) -> Self {
        let terminal = io::stdout().is_terminal();
        let width = if terminal {
            let measured = rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| size.ws_col).filter(|w| *w > 0);
            Some(measured.or(settings.columns).unwrap_or(80).max(WIDTH_MIN))
        } else {
            settings.columns.map(|columns| columns.max(WIDTH_MIN))
        };
        Self { json, style: Style { colour: terminal && !settings.no_color, width } }
    }

    /// Prints an answer: its JSON, or what `text` makes of it.
    ///
    /// # Errors
    /// Where standard output cannot be written; a reader that went away is none.
    pub(crate) fn answer<T: Serialize>(&self, answer: &T, text: impl FnOnce(Style) -> String) -> Result<(), Failure> {
        if self.json { self.json(answer) } else { self.text(&text(self.style)) }
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
    #[expect(clippy::unused_self, reason = "only code that was given the output may write")]
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::because("writing to standard output", &error))
            }
            _ => Ok(()),
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

/// Says something beside the answer, on standard error, harmless to a terminal: it may name files and recorded texts.
pub(crate) fn note(text: &str) {
    note_as_it_is(&clean_lines(text));
}

/// As [`note`], of text that is JSON or was made harmless before it was coloured. It is dropped where standard
/// error is closed.
pub(crate) fn note_as_it_is(text: &str) {
    let mut err = io::stderr().lock();
    drop(writeln!(err, "{text}"));
}

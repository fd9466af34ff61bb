//! The simple commands of a shell command line, and where each begins. Pure; it executes and expands nothing.
//!
//! ```text
//!  cd app && FOO=1 pytest -k 'a b' 2>&1 | tail -3
//!  └─ cd ─┘        └── pytest ──┘         └ tail ┘        begins, words, how it is joined to its neighbours
//! ```
//!
//! It knows what POSIX shells, bash and zsh read alike. Where they differ, or a construct could change what a later word
//! means (a function, an alias, a compound command), a line is not understood, and nothing is said of it: the caller leaves
//! such a line as it is.

mod words;

use self::words::{Word, word};

/// Longer lines are not looked at: commands that people and assistants write have a few hundred bytes.
pub const LINE_BYTES_MAX: usize = 16 << 10;
/// More commands than this in one line are a program.
const COMMANDS_MAX: usize = 64;
/// Subshells within each other.
const DEPTH_MAX: usize = 8;
/// Here-documents that wait for the end of a line.
const DOCUMENTS_MAX: usize = 8;
/// Words of the shells' grammar, where a command's first word is expected.
const RESERVED: &[&str] = &[
    "!",
    "{",
    "}",
    "[[",
    "]]",
    "case",
    "coproc",
    "do",
    "done",
    "elif",
    "else",
    "esac",
    "fi",
    "for",
    "foreach",
    "function",
    "if",
    "in",
    "nocorrect",
    "noglob",
    "repeat",
    "select",
    "then",
    "time",
    "until",
    "while",
];
/// Commands after which a word may mean something else than before.
const CHANGES_MEANING: &[&str] = &[
    "alias",
    "autoload",
    "builtin",
    "command_not_found_handle",
    "disable",
    "emulate",
    "enable",
    "eval",
    "exec",
    "hash",
    "rehash",
    "setopt",
    "shopt",
    "trap",
    "unalias",
    "unsetopt",
];

/// A command with its words, as a shell would start it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simple {
    /// The byte at which its first word begins, behind assignments and redirections.
    pub begin: usize,
    /// Its words without quotes. What the shell would expand is as it is written.
    pub words: Vec<String>,
    /// Whether the shell would expand something of the first word.
    pub is_expanded: bool,
    /// The names of variables that are set for it alone.
    pub assigned: Vec<String>,
    /// Whether the shell does not wait for it.
    pub is_background: bool,
    /// The command that reads its standard output, by its place among the commands; `None` where that is not a pipe.
    pub read_by: Option<usize>,
}

/// The simple commands of a line, in its order; `None` where it is not understood.
pub fn simple_commands(line: &str) -> Option<Vec<Simple>> {
    if line.len() > LINE_BYTES_MAX || line.contains(['\0', '\r']) {
        return None;
    }
    let mut reader = Reader { line, ..Reader::default() };
    reader.read()?;
    Some(reader.commands)
}

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Pipe,
    Background,
    Other,
}

#[derive(Debug, Default)]
struct Reader<'l> {
    line: &'l str,
    /// The byte that is read next.
    at: usize,
    commands: Vec<Simple>,
    /// The command that is being read; no words while none has begun.
    now: Building,
    /// How many commands there were where the present list began: `&` sends all of it to the background.
    list_begin: usize,
    /// The command whose output the present one reads.
    writes_here: Option<usize>,
    /// Where the lists around the open subshells began.
    subshells: Vec<usize>,
    /// Whether a subshell has just been closed: only redirections and an operator may follow.
    is_closed: bool,
    documents: Vec<Document>,
}

/// A command that is being read.
#[derive(Debug, Default)]
struct Building {
    begin: usize,
    words: Vec<String>,
    is_expanded: bool,
    assigned: Vec<String>,
}

/// A here-document whose body has not begun.
#[derive(Debug)]
struct Document {
    delimiter: String,
    strips_tabs: bool,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.line[self.at..]
    }

    fn read(&mut self) -> Option<()> {
        loop {
            self.skip_blanks();
            let Some(next) = self.rest().chars().next() else { break };
            match next {
                '\n' => {
                    self.at += 1;
                    let ends_list = !self.now.words.is_empty() || !self.now.assigned.is_empty() || self.is_closed;
                    self.end(End::Other)?;
                    if ends_list {
                        self.list_begin = self.commands.len();
                    }
                    self.bodies()?;
                }
                '#' => self.at += self.rest().find('\n').unwrap_or(self.rest().len()),
                ';' | '&' | '|' => self.operator()?,
                '(' => self.open()?,
                ')' => {
                    self.at += 1;
                    self.end(End::Other)?;
                    self.list_begin = self.subshells.pop()?;
                    self.is_closed = true;
                }
                '<' | '>' => self.redirection()?,
                _ => self.word()?,
            }
        }
        self.end(End::Other)?;
        (self.subshells.is_empty() && self.documents.is_empty() && self.writes_here.is_none()).then_some(())
    }

    /// Blanks, and ends of lines that a backslash takes away.
    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            let taken = rest.len() - rest.trim_start_matches([' ', '\t']).len();
            self.at += taken;
            if self.rest().starts_with("\\\n") {
                self.at += 2;
            } else if taken == 0 {
                return;
            }
        }
    }

    fn operator(&mut self) -> Option<()> {
        let rest = self.rest();
        // `&>` is a redirection in bash and zsh, and two operators elsewhere; `;;` belongs to `case`.
        if rest.starts_with("&>") || rest.starts_with(";;") || rest.starts_with(";&") || rest.starts_with(";|") {
            return None;
        }
        let (length, end) = match rest.as_bytes() {
            [b'&', b'&', ..] | [b'|', b'|', ..] => (2, End::Other),
            // zsh: `&|` and `&!` disown.
            [b'&', b'|' | b'!', ..] => return None,
            [b'&', ..] => (1, End::Background),
            [b'|', b'&', ..] => (2, End::Pipe),
            [b'|', ..] => (1, End::Pipe),
            _ => (1, End::Other),
        };
        let is_separator = rest.starts_with(';') || end == End::Background;
        // An operator without a command before it is an error that the shell is to report.
        if self.now.words.is_empty() && self.now.assigned.is_empty() && !self.is_closed {
            return None;
        }
        self.at += length;
        self.end(end)?;
        if is_separator {
            self.list_begin = self.commands.len();
        }
        Some(())
    }

    fn open(&mut self) -> Option<()> {
        // Behind a word it begins a function or an array, and behind another `(` it may be arithmetic.
        let is_start = self.now.words.is_empty() && self.now.assigned.is_empty() && !self.is_closed;
        if !is_start || self.rest().starts_with("((") || self.subshells.len() == DEPTH_MAX || self.writes_here.is_some()
        {
            return None;
        }
        self.at += 1;
        self.subshells.push(self.list_begin);
        self.list_begin = self.commands.len();
        Some(())
    }

    /// Ends the command that is being read, if one is.
    fn end(&mut self, end: End) -> Option<()> {
        let Building { begin, words, is_expanded, assigned } = std::mem::take(&mut self.now);
        let was_closed = std::mem::take(&mut self.is_closed);
        if was_closed && end == End::Pipe {
            // Each command of the subshell writes into the pipe.
            return None;
        }
        let place = self.commands.len();
        if words.is_empty() {
            if end == End::Background {
                self.send_to_background();
            }
            let is_awaited = end == End::Pipe || self.writes_here.is_some() && was_closed;
            return (!is_awaited).then_some(());
        }
        let first = words[0].as_str();
        if place == COMMANDS_MAX || CHANGES_MEANING.contains(&first) {
            return None;
        }
        if let Some(writer) = self.writes_here.take() {
            self.commands[writer].read_by = Some(place);
        }
        self.commands.push(Simple { begin, words, is_expanded, assigned, is_background: false, read_by: None });
        match end {
            End::Pipe => self.writes_here = Some(place),
            End::Background => self.send_to_background(),
            End::Other => {}
        }
        Some(())
    }

    fn send_to_background(&mut self) {
        for command in &mut self.commands[self.list_begin..] {
            command.is_background = true;
        }
    }

    fn redirection(&mut self) -> Option<()> {
        let rest = self.rest();
        // Process substitution is a word; a here-string is none of POSIX, and reads alike where it exists.
        if rest.starts_with("<(") || rest.starts_with(">(") {
            return None;
        }
        let operators = ["<<<", "<<-", "<<", "<&", "<>", ">>", ">&", ">|", "<", ">"];
        let operator = operators.into_iter().find(|operator| rest.starts_with(operator))?;
        self.at += operator.len();
        self.skip_blanks();
        // zsh: `>!` overwrites.
        if self.rest().starts_with(['(', '!', '&']) {
            return None;
        }
        let target = self.take_word()?;
        if matches!(operator, "<<" | "<<-") {
            if target.is_expanded || self.documents.len() == DOCUMENTS_MAX {
                return None;
            }
            self.documents.push(Document { delimiter: target.text, strips_tabs: operator == "<<-" });
        }
        Some(())
    }

    /// Skips the bodies of the here-documents that a line has begun.
    fn bodies(&mut self) -> Option<()> {
        for document in std::mem::take(&mut self.documents) {
            loop {
                if self.rest().is_empty() {
                    return None;
                }
                let end = self.rest().find('\n').unwrap_or(self.rest().len());
                let line = &self.rest()[..end];
                let line = if document.strips_tabs { line.trim_start_matches('\t') } else { line };
                let is_last = line == document.delimiter;
                self.at = (self.at + end + 1).min(self.line.len());
                if is_last {
                    break;
                }
            }
        }
        Some(())
    }

    fn take_word(&mut self) -> Option<Word> {
        let (word, length) = word(self.rest())?;
        self.at += length;
        Some(word)
    }

    fn word(&mut self) -> Option<()> {
        let begin = self.at;
        let word = self.take_word()?;
        if self.is_closed {
            return None;
        }
        // `2>` and `{name}>` redirect; the number is no word of the command.
        if self.rest().starts_with(['<', '>']) && !word.is_quoted {
            if word.text.bytes().all(|byte| byte.is_ascii_digit()) {
                return self.redirection();
            }
            if word.text.starts_with('{') {
                return None;
            }
        }
        if self.now.words.is_empty() {
            if let Some(name) = &word.assigns {
                self.now.assigned.push(name.clone());
                return Some(());
            }
            if !word.is_quoted && RESERVED.contains(&word.text.as_str()) {
                return None;
            }
            self.now.begin = begin;
            self.now.is_expanded = word.is_expanded;
        }
        if self.rest().starts_with('(') {
            return None;
        }
        self.now.words.push(word.text);
        Some(())
    }
}

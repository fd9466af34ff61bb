//! `logs`: the end of the engine's log, read from its file, so that it can be read of an engine that is gone.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use kino_wire::admin;

use crate::app::{App, Outcome};
use crate::args::Logs;
use crate::config::LOG_FILE;
use crate::failure::{Failure, code};
use crate::render;

/// How often a growing log is looked at.
const POLL: Duration = Duration::from_millis(200);
/// The longest line that is read whole.
const LINE_BYTES_MAX: u64 = 64 << 10;

/// Shows the log's end.
pub(super) fn run(app: &App, arguments: &Logs) -> Outcome {
    let path = app.settings.home.join(LOG_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let message = format!("{} does not exist: no engine was started in the background here", path.display());
            return Err(Failure::new(code::NOT_FOUND, message));
        }
        Err(error) => return Err(Failure::because(path.display(), &error)),
    };
    let mut reader = BufReader::new(file);
    let answer = tail(&mut reader, arguments.lines, &path).map_err(|error| Failure::because(path.display(), &error))?;
    app.output.recorded(&answer, || render::clean_lines(&answer.lines.join("\n")))?;
    if !arguments.follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        match line(&mut reader).map_err(|error| Failure::because(path.display(), &error))? {
            Some((line, _)) if app.output.line(&render::clean_whole(&line))? => {}
            Some(_) => return Ok(ExitCode::SUCCESS),
            None if !app.output.has_reader() => return Ok(ExitCode::SUCCESS),
            None => thread::sleep(POLL),
        }
    }
}

fn tail(reader: &mut impl BufRead, lines: usize, path: &Path) -> io::Result<admin::Logs> {
    let mut last: VecDeque<(String, u64)> = VecDeque::new();
    let mut earlier_bytes = 0;
    while let Some(read) = line(reader)? {
        last.push_back(read);
        if last.len() > lines {
            earlier_bytes += last.pop_front().map_or(0, |(_, bytes)| bytes);
        }
    }
    Ok(admin::Logs {
        schema: admin::Logs::SCHEMA.to_owned(),
        path: path.display().to_string(),
        lines: last.into_iter().map(|(line, _)| line).collect(),
        earlier_bytes,
    })
}

/// The next line and its length in bytes; a longer one than is read whole comes in pieces.
fn line(reader: &mut impl BufRead) -> io::Result<Option<(String, u64)>> {
    let mut bytes = Vec::new();
    let length = io::Read::take(reader, LINE_BYTES_MAX).read_until(b'\n', &mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
    Ok((length > 0).then_some((text, length as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_shown_and_the_rest_counted() {
        let answer = tail(&mut "one\ntwo\nthree\n".as_bytes(), 2, Path::new("log")).unwrap();
        assert_eq!(answer.lines, ["two", "three"]);
        assert_eq!(answer.earlier_bytes, 4);
    }
}

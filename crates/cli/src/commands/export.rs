//! `export`: what was recorded, back as OTLP, streamed to a file or to standard output.

use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;

use kino_wire::export::{ExportEncoding, ExportQuestion, Signal};
use serde::Serialize;

use super::questions;
use crate::app::{App, Outcome};
use crate::args::{Encoding, Export};
use crate::failure::{Failure, code};
use crate::{progress, render};

#[derive(Serialize)]
struct Exported {
    schema: &'static str,
    out: String,
    bytes: u64,
}

/// Writes traces out.
pub(super) fn run(app: &App, arguments: Export) -> Outcome {
    if app.output.json && arguments.out.is_none() {
        return Err(Failure::new(
            code::WRONG,
            "--json describes the file that was written, so it needs --out FILE; OTLP JSON is what export writes anyway",
        ));
    }
    let traces = arguments.traces.iter().map(|trace| questions::trace_id(app, trace));
    let question = ExportQuestion {
        trace_ids: traces.collect::<Result<_, _>>()?,
        signal: if arguments.logs { Signal::Logs } else { Signal::Traces },
        encoding: match arguments.encoding {
            Encoding::Json => ExportEncoding::Json,
            Encoding::Protobuf => ExportEncoding::Protobuf,
        },
        filter: questions::filter(app, arguments.filters),
    };
    let client = app.engine()?;
    let Some(path) = arguments.out else {
        let mut out = io::stdout().lock();
        client.export(&question, &mut out)?;
        out.flush().map_err(|error| Failure::because("writing to standard output", &error))?;
        return Ok(ExitCode::SUCCESS);
    };
    let failed = |error: io::Error| Failure::because(format!("writing {}", path.display()), &error);
    let mut file = File::create(&path).map_err(failed)?;
    let spinner = progress::spinner("exporting".to_owned());
    let bytes = client.export(&question, &mut file)?;
    file.sync_all().map_err(failed)?;
    spinner.finish_and_clear();
    let exported = Exported { schema: "kino.export.v1", out: path.display().to_string(), bytes };
    app.output.answer(&exported, |_| format!("{} written to {}", render::bytes(bytes), path.display()))?;
    Ok(ExitCode::SUCCESS)
}

//! A Go program: the module, its framework, and where it begins.

use std::path::{Path, PathBuf};

use super::{Advice, Edit, NewFile, line_with, place, read, sources};
use crate::failure::{Failure, code};

const TELEMETRY: &str = include_str!("telemetry.go.txt");
/// What every program depends on. The modules require each other in versions that fit.
const GET: &str = "go get go.opentelemetry.io/otel go.opentelemetry.io/otel/sdk \
                   go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp";
/// How far up a module is looked for.
const PARENTS_MAX: usize = 32;

/// A framework: how its module's path begins, what makes its spans, where its server is made, and what goes there.
struct Framework {
    name: &'static str,
    module: &'static str,
    middleware: &'static str,
    made_at: &'static [&'static str],
    lines: &'static [&'static str],
}

const FRAMEWORKS: [Framework; 4] = [
    Framework {
        name: "gin",
        module: "github.com/gin-gonic/gin",
        middleware: "go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin",
        made_at: &["gin.Default()", "gin.New()"],
        lines: &["router.Use(otelgin.Middleware(\"NAME\"))   // before the first route"],
    },
    Framework {
        name: "echo",
        module: "github.com/labstack/echo",
        middleware: "go.opentelemetry.io/contrib/instrumentation/github.com/labstack/echo/otelecho",
        made_at: &["echo.New()"],
        lines: &["e.Use(otelecho.Middleware(\"NAME\"))   // before the first route"],
    },
    Framework {
        name: "chi",
        module: "github.com/go-chi/chi",
        middleware: "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
        made_at: &["chi.NewRouter()"],
        lines: &["router.Use(otelhttp.NewMiddleware(\"NAME\"))   // before the first route"],
    },
    Framework {
        name: "net/http",
        module: "",
        middleware: "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp",
        made_at: &["http.ListenAndServe(", "http.Server{", ".Serve("],
        lines: &[
            "otelhttp.NewHandler(HANDLER, \"NAME\")   // in place of HANDLER; where it is nil, of http.DefaultServeMux",
        ],
    },
];

pub(super) fn advice(directory: &Path) -> Result<Advice, Failure> {
    let (folder, module) = module(directory)?;
    let name = module.lines().find_map(|line| line.trim().strip_prefix("module "));
    let name = name.and_then(|path| path.trim().rsplit('/').find(|part| !is_version(part))).unwrap_or("app");
    let name: String = name.chars().filter(|char| char.is_alphanumeric() || "-_.".contains(*char)).collect();
    let files: Vec<(PathBuf, String)> = sources(&folder, ".go")
        .into_iter()
        .filter(|path| !path.to_string_lossy().ends_with("_test.go"))
        .filter_map(|path| read(&path).map(|text| (path, text)))
        .collect();
    let found = FRAMEWORKS.iter().find_map(|framework| {
        if !module.contains(framework.module) {
            return None;
        }
        let made = files
            .iter()
            .find_map(|(path, text)| line_with(text, framework.made_at).map(|(line, _)| place(&folder, path, line)));
        made.map(|made| (framework, made))
    });
    let main =
        files.iter().find(|(_, text)| text.contains("package main") && line_with(text, &["func main("]).is_some());
    let beside = main.and_then(|(path, _)| path.parent()).unwrap_or(&folder);
    let path = beside.join("telemetry.go");
    let mut get = GET.to_owned();
    if let Some((framework, _)) = &found {
        get.push(' ');
        get.push_str(framework.middleware);
    }
    let at = match main {
        Some((path, text)) => place(&folder, path, line_with(text, &["func main("]).map_or(1, |(line, _)| line)),
        None => "the first line of main".to_owned(),
    };
    let lines = ["stop := startTelemetry()   // the first lines of main", "defer stop()"];
    let mut advice = Advice {
        framework: found.as_ref().map(|(framework, _)| framework.name),
        commands: vec![get],
        file: NewFile {
            path: path.strip_prefix(&folder).unwrap_or(&path).display().to_string(),
            text: TELEMETRY.to_owned(),
        },
        edits: vec![Edit { at, lines: lines.map(str::to_owned).to_vec() }],
        ..Advice::default()
    };
    if let Some((framework, made)) = found {
        let import = format!("import \"{}\"   // with the other imports of this file", framework.middleware);
        let lines = framework.lines.iter().map(|line| line.replace("NAME", &name));
        let lines = std::iter::once(import).chain(lines).collect();
        advice.edits.push(Edit { at: made, lines });
    }
    advice.notes.push("os.Exit and log.Fatal run no deferred call: call stop() before them".to_owned());
    advice.notes.push("then: kino run -- go run .".to_owned());
    Ok(advice)
}

/// Whether a part of a module's path says its major version: `v2`.
fn is_version(part: &str) -> bool {
    part.strip_prefix('v').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The nearest module at or above a directory, with its `go.mod`.
fn module(directory: &Path) -> Result<(PathBuf, String), Failure> {
    let mut above = directory.ancestors().take(PARENTS_MAX);
    let found = above.find_map(|folder| Some((folder.to_owned(), read(&folder.join("go.mod"))?)));
    found.ok_or_else(|| {
        Failure::new(code::NOT_FOUND, "there is no go.mod here or above: ask in the folder of a Go program")
    })
}

//! A home of its own for each test, with free ports, and the real binary on it.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value as Json;

/// A home whose engine, if one was started, ends with it.
pub(crate) struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    /// A home whose engine listens on free ports.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // As `kino` makes it; one that is open would be mended, and that said.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let any = "127.0.0.1:0";
        let config = format!("[listen]\naddr = \"{any}\"\notlp_grpc = \"{any}\"\notlp_http = \"{any}\"\n");
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        Self { folder }
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// `kino` with these arguments, started in the home itself, which belongs to no project.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kino"));
        command.args(arguments).env("KINO_HOME", self.path()).current_dir(self.path());
        for inherited in ["TRACEPARENT", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_RESOURCE_ATTRIBUTES", "OTEL_SERVICE_NAME"]
        {
            command.env_remove(inherited);
        }
        command
    }

    /// Runs `kino` to its end.
    pub(crate) fn kino(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs `kino --json`, which must succeed.
    pub(crate) fn json(&self, arguments: &[&str]) -> Json {
        let output = self.command(arguments).arg("--json").output().unwrap();
        assert!(output.status.success(), "kino {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.kino(&["stop"]);
    }
}

//! What a process is to those who look for commands: a program, something around programs, or one with the bootstrap.

use std::path::Path;

/// What a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Anything else: what it starts are commands.
    Program,
    /// A tool around the program: what it starts is the program, or a part of the tool.
    Tool,
    /// Python or Node, which the bootstrap is in: it reports the commands itself.
    Bootstrap,
    /// This program around one test, whose span is made by it.
    AroundTest,
    /// This program: what it executes is a run of its own.
    Own,
}

/// Tools that build, test or start the program: compilers and their parts, package managers, wrappers that stay.
const TOOLS: [&str; 64] = [
    "air",
    "ar",
    "as",
    "bazel",
    "bazelisk",
    "bundle",
    "c++",
    "cargo",
    "cargo-nextest",
    "cargo-watch",
    "cc",
    "ccache",
    "clang",
    "clang++",
    "cmake",
    "collect2",
    "concurrently",
    "corepack",
    "ctest",
    "dlv",
    "entr",
    "g++",
    "gcc",
    "gmake",
    "go",
    "gotestsum",
    "gradle",
    "gradlew",
    "hatch",
    "just",
    "ld",
    "ld.lld",
    "lerna",
    "make",
    "meson",
    "mise",
    "mold",
    "mvn",
    "mvnw",
    "ninja",
    "nodemon",
    "nox",
    "npm",
    "npx",
    "nx",
    "pdm",
    "pip",
    "pipx",
    "pnpm",
    "poetry",
    "rustc",
    "rustdoc",
    "sccache",
    "sudo",
    "task",
    "time",
    "timeout",
    "tox",
    "turbo",
    "uv",
    "uvx",
    "watchexec",
    "xvfb-run",
    "yarn",
];
/// Programs that execute a script, which may be a tool.
const INTERPRETERS: [&str; 8] = ["ash", "bash", "dash", "ksh", "perl", "ruby", "sh", "zsh"];
/// This program's subcommand around a test.
const AROUND_TEST: &str = crate::nextest::SUBCOMMAND;
/// The one that becomes a command.
const BECOMES: &str = "__terminal";

impl Role {
    /// Returns what a process is, by its program and its words; `is_own` where the program is this one.
    pub(super) fn of(executable: &str, arguments: &[String], is_own: bool) -> Self {
        if is_own {
            return match arguments.get(1).map(String::as_str) {
                Some(AROUND_TEST) => Self::AroundTest,
                Some(BECOMES) => Self::Program,
                _ => Self::Own,
            };
        }
        let has_bootstrap = executable.starts_with("python") || matches!(executable, "node" | "nodejs");
        let reads_script = has_bootstrap || INTERPRETERS.contains(&executable);
        let words = if reads_script { 2 } else { 0 };
        // Some write what they do over their words.
        let mut names =
            arguments.iter().take(words).filter_map(|word| Path::new(word.split(' ').next()?).file_name()?.to_str());
        let is_tool = |name: &str| {
            TOOLS.contains(&name.trim_end_matches(".js").trim_end_matches(".cjs").trim_end_matches("-cli"))
        };
        if TOOLS.contains(&executable) || names.any(is_tool) {
            Self::Tool
        } else if has_bootstrap {
            Self::Bootstrap
        } else {
            Self::Program
        }
    }

    pub(super) fn is_around_programs(self) -> bool {
        matches!(self, Self::Tool | Self::AroundTest)
    }

    pub(super) fn has_bootstrap(self) -> bool {
        matches!(self, Self::Bootstrap | Self::Own)
    }

    /// Whether it may be a command itself, if a program has started it.
    pub(super) fn may_be_command(self) -> bool {
        matches!(self, Self::Program | Self::Tool | Self::Bootstrap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_is_follows_from_its_program_and_words() {
        let check = |executable: &str, words: &str| {
            let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
            Role::of(executable, &words, false)
        };
        for (executable, words, expected) in [
            ("shop", "./shop --port 7", Role::Program),
            ("dash", "sh -c ./shop", Role::Program),
            ("cargo", "cargo run", Role::Tool),
            ("python3.12", "python app.py", Role::Bootstrap),
            ("node", "node server.js", Role::Bootstrap),
            ("node", "node /usr/bin/npm run dev", Role::Tool),
            ("node", "node /usr/lib/npm/bin/npx-cli.js tsx", Role::Tool),
            ("python3.11", "/v/bin/python /v/bin/tox -e py", Role::Tool),
            ("dash", "/bin/sh ./gradlew test", Role::Tool),
            ("shop", "./shop make", Role::Program),
        ] {
            assert_eq!(check(executable, words), expected, "{executable} {words}");
        }
        assert_eq!(Role::of("node", &["npm run dev".to_owned()], false), Role::Tool);
        let own = |word: &str| Role::of("kino", &["kino".to_owned(), word.to_owned()], true);
        assert_eq!([own("__test"), own("run"), own("__terminal")], [Role::AroundTest, Role::Own, Role::Program]);
    }

    #[test]
    fn tools_are_named_once_and_in_order() {
        assert!(TOOLS.is_sorted_by(|one, other| one < other));
    }
}

//! The tools that start other programs, with their options, from their own help and manuals.
//!
//! An option that is missing here costs the tool's name instead of the program's, and never a wrong name. So options of
//! rare use are left out.

/// What comes behind a tool's options.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// Another command.
    Command,
    /// A package, with or without its version, which is called as its command.
    Package,
    Script,
    /// A command line in one word, if the option `-c` was there; else a script.
    Shell,
    Class,
    /// Anything: what runs is the project's.
    Project,
}

/// A program that starts another one.
pub(super) struct Tool {
    pub(super) names: &'static [&'static str],
    /// The subcommand, one word each.
    pub(super) subcommand: &'static [&'static str],
    /// Options without a value.
    pub(super) flags: &'static [&'static str],
    /// Options whose value is the next word, or behind `=`, or behind the letter.
    pub(super) valued: &'static [&'static str],
    /// Options with a value in the same word begin so.
    pub(super) prefixed: &'static [&'static str],
    /// Options whose value is what runs: a module, an archive.
    pub(super) named: &'static [&'static str],
    /// Every other option that begins with `--` takes a value.
    pub(super) others_take_values: bool,
    /// Words between the options and what comes then.
    pub(super) operands: usize,
    pub(super) then: Then,
}

const TOOL: Tool = Tool {
    names: &[],
    subcommand: &[],
    flags: &[],
    valued: &[],
    prefixed: &[],
    named: &[],
    others_take_values: false,
    operands: 0,
    then: Then::Command,
};

const UV_FLAGS: &[&str] = &[
    "--active",
    "--all-extras",
    "--all-groups",
    "--all-packages",
    "--dev",
    "--exact",
    "--frozen",
    "--isolated",
    "--locked",
    "--managed-python",
    "--native-tls",
    "--no-active",
    "--no-build",
    "--no-cache",
    "--no-config",
    "--no-dev",
    "--no-editable",
    "--no-env-file",
    "--no-index",
    "--no-managed-python",
    "--no-progress",
    "--no-project",
    "--no-python-downloads",
    "--no-sources",
    "--no-sync",
    "--offline",
    "--only-dev",
    "--quiet",
    "--refresh",
    "--reinstall",
    "--script",
    "--upgrade",
    "--verbose",
    "-U",
    "-n",
    "-q",
    "-s",
    "-v",
];
const UV_VALUED: &[&str] = &[
    "--allow-insecure-host",
    "--cache-dir",
    "--color",
    "--config-file",
    "--config-setting",
    "--default-index",
    "--directory",
    "--env-file",
    "--exclude-newer",
    "--extra",
    "--extra-index-url",
    "--find-links",
    "--from",
    "--group",
    "--index",
    "--index-strategy",
    "--index-url",
    "--keyring-provider",
    "--link-mode",
    "--no-extra",
    "--no-group",
    "--only-group",
    "--package",
    "--prerelease",
    "--project",
    "--python",
    "--python-platform",
    "--resolution",
    "--with",
    "--with-editable",
    "--with-requirements",
    "-C",
    "-P",
    "-f",
    "-i",
    "-p",
    "-w",
];
const NPX_FLAGS: &[&str] = &[
    "--include-workspace-root",
    "--no",
    "--no-install",
    "--quiet",
    "--silent",
    "--workspaces",
    "--yes",
    "-q",
    "-s",
    "-y",
];
const NPX_VALUED: &[&str] = &["--package", "--prefix", "--workspace", "-p", "-w"];

/// Tools that start a program, an interpreter's script, or a package's command.
pub(super) const TOOLS: &[Tool] = &[
    Tool {
        names: &["env"],
        flags: &[
            "-",
            "-i",
            "--ignore-environment",
            "-v",
            "--debug",
            "--block-signal",
            "--default-signal",
            "--ignore-signal",
        ],
        valued: &["-u", "--unset", "-C", "--chdir"],
        prefixed: &["--block-signal=", "--default-signal=", "--ignore-signal="],
        ..TOOL
    },
    Tool {
        names: &["nice"],
        valued: &["-n", "--adjustment"],
        prefixed: &["-0", "-1", "-2", "-3", "-4", "-5", "-6", "-7", "-8", "-9", "--1"],
        ..TOOL
    },
    Tool { names: &["ionice"], flags: &["-t", "--ignore"], valued: &["-c", "--class", "-n", "--classdata"], ..TOOL },
    Tool { names: &["nohup"], ..TOOL },
    Tool { names: &["setsid"], flags: &["-c", "--ctty", "-f", "--fork", "-w", "--wait"], ..TOOL },
    Tool { names: &["stdbuf"], valued: &["-i", "--input", "-o", "--output", "-e", "--error"], ..TOOL },
    Tool {
        names: &["time", "gtime"],
        flags: &["-a", "--append", "-p", "--portability", "-q", "--quiet", "-v", "--verbose"],
        valued: &["-f", "--format", "-o", "--output"],
        ..TOOL
    },
    Tool {
        names: &["timeout", "gtimeout"],
        flags: &["-f", "--foreground", "-p", "--preserve-status", "-v", "--verbose"],
        valued: &["-k", "--kill-after", "-s", "--signal"],
        operands: 1,
        ..TOOL
    },
    Tool { names: &["taskset"], flags: &["-a", "--all-tasks", "-c", "--cpu-list"], operands: 1, ..TOOL },
    Tool {
        names: &["chrt"],
        flags: &[
            "-a",
            "--all-tasks",
            "-b",
            "--batch",
            "-d",
            "--deadline",
            "-f",
            "--fifo",
            "-i",
            "--idle",
            "-o",
            "--other",
            "-r",
            "--rr",
            "-R",
            "--reset-on-fork",
            "-v",
            "--verbose",
        ],
        valued: &["-T", "--sched-runtime", "-P", "--sched-period", "-D", "--sched-deadline"],
        operands: 1,
        ..TOOL
    },
    Tool {
        names: &["sh", "bash", "dash", "ash", "zsh", "ksh"],
        flags: &["-e", "-u", "-x", "-l", "-i", "-f", "-c", "--login", "--norc", "--noprofile", "--posix"],
        valued: &["-o", "+o", "-O", "+O", "--rcfile", "--init-file"],
        then: Then::Shell,
        ..TOOL
    },
    Tool { names: &["opentelemetry-instrument"], others_take_values: true, ..TOOL },
    Tool {
        names: &["python", "pypy"],
        flags: &["-b", "-B", "-d", "-E", "-i", "-I", "-O", "-P", "-q", "-R", "-s", "-S", "-u", "-v", "-x"],
        valued: &["-W", "-X", "--check-hash-based-pycs"],
        named: &["-m"],
        then: Then::Script,
        ..TOOL
    },
    Tool {
        names: &["coverage"],
        subcommand: &["run"],
        flags: &["-a", "--append", "--branch", "-L", "--pylib", "-p", "--parallel-mode", "--timid"],
        valued: &["--concurrency", "--context", "--data-file", "--include", "--omit", "--rcfile", "--source"],
        named: &["-m"],
        then: Then::Script,
        ..TOOL
    },
    Tool {
        names: &["uv"],
        subcommand: &["run"],
        flags: UV_FLAGS,
        valued: UV_VALUED,
        named: &["-m", "--module"],
        ..TOOL
    },
    Tool {
        names: &["uv"],
        subcommand: &["tool", "run"],
        flags: UV_FLAGS,
        valued: UV_VALUED,
        then: Then::Package,
        ..TOOL
    },
    Tool { names: &["uvx"], flags: UV_FLAGS, valued: UV_VALUED, then: Then::Package, ..TOOL },
    Tool {
        names: &["poetry"],
        subcommand: &["run"],
        flags: &[
            "-q",
            "--quiet",
            "-n",
            "--no-interaction",
            "--no-plugins",
            "--no-cache",
            "-v",
            "-vv",
            "-vvv",
            "--verbose",
            "--ansi",
            "--no-ansi",
        ],
        valued: &["-C", "--directory", "-P", "--project"],
        ..TOOL
    },
    Tool {
        names: &["pipenv"],
        subcommand: &["run"],
        flags: &["-q", "--quiet", "-v", "--verbose"],
        valued: &["--python"],
        ..TOOL
    },
    Tool {
        names: &["pdm"],
        subcommand: &["run"],
        flags: &["-s", "--site-packages", "-q", "--quiet", "-v", "--verbose"],
        valued: &["-p", "--project", "--venv"],
        ..TOOL
    },
    Tool { names: &["rye"], subcommand: &["run"], valued: &["--pyproject"], ..TOOL },
    Tool {
        names: &["bundle", "bundler"],
        subcommand: &["exec"],
        flags: &["--keep-file-descriptors", "--no-color", "-V", "--verbose"],
        valued: &["--gemfile"],
        ..TOOL
    },
    Tool {
        names: &["ruby"],
        flags: &["-w", "-v", "-d", "--yjit", "--jit"],
        valued: &["-I", "-r", "-C", "-E"],
        prefixed: &["-W", "--enable=", "--disable=", "--encoding="],
        then: Then::Script,
        ..TOOL
    },
    Tool {
        names: &["perl"],
        flags: &["-w", "-W", "-t", "-T"],
        valued: &["-I"],
        prefixed: &["-M", "-m"],
        then: Then::Script,
        ..TOOL
    },
    Tool { names: &["npx", "bunx"], flags: NPX_FLAGS, valued: NPX_VALUED, then: Then::Package, ..TOOL },
    Tool { names: &["npm"], subcommand: &["exec"], flags: NPX_FLAGS, valued: NPX_VALUED, then: Then::Package, ..TOOL },
    Tool {
        names: &["npm", "pnpm", "yarn", "bun"],
        subcommand: &["run"],
        flags: NPX_FLAGS,
        valued: NPX_VALUED,
        then: Then::Project,
        ..TOOL
    },
    Tool {
        names: &["npm", "pnpm", "yarn", "bun"],
        subcommand: &["test"],
        flags: NPX_FLAGS,
        valued: NPX_VALUED,
        then: Then::Project,
        ..TOOL
    },
    Tool {
        names: &["npm", "pnpm", "yarn"],
        subcommand: &["start"],
        flags: NPX_FLAGS,
        valued: NPX_VALUED,
        then: Then::Project,
        ..TOOL
    },
    Tool { names: &["pnpm", "yarn"], subcommand: &["exec"], flags: NPX_FLAGS, then: Then::Command, ..TOOL },
    Tool {
        names: &["pnpm", "yarn"],
        subcommand: &["dlx"],
        flags: NPX_FLAGS,
        valued: NPX_VALUED,
        then: Then::Package,
        ..TOOL
    },
    Tool {
        names: &["node", "nodejs"],
        flags: &[
            "--abort-on-uncaught-exception",
            "--enable-source-maps",
            "--experimental-strip-types",
            "--expose-gc",
            "--inspect",
            "--inspect-brk",
            "--inspect-wait",
            "--no-deprecation",
            "--no-experimental-strip-types",
            "--no-warnings",
            "--pending-deprecation",
            "--preserve-symlinks",
            "--preserve-symlinks-main",
            "--prof",
            "--throw-deprecation",
            "--trace-deprecation",
            "--trace-exit",
            "--trace-uncaught",
            "--trace-warnings",
            "--watch",
            "--watch-preserve-output",
        ],
        valued: &[
            "-r",
            "--require",
            "--import",
            "--loader",
            "--experimental-loader",
            "-C",
            "--conditions",
            "--env-file",
            "--env-file-if-exists",
            "--title",
            "--diagnostic-dir",
            "--disable-warning",
            "--icu-data-dir",
            "--input-type",
            "--openssl-config",
            "--redirect-warnings",
            "--unhandled-rejections",
            "--watch-path",
            "--stack-trace-limit",
            "--max-http-header-size",
            "--dns-result-order",
            "--cpu-prof-dir",
            "--heap-prof-dir",
            "--inspect-port",
        ],
        prefixed: &[
            "--inspect=",
            "--inspect-brk=",
            "--inspect-wait=",
            "--max-old-space-size=",
            "--max-semi-space-size=",
            "--stack-size=",
        ],
        then: Then::Script,
        ..TOOL
    },
    Tool {
        names: &["tsx", "ts-node", "ts-node-esm"],
        valued: &["--tsconfig", "-P", "--project", "-r", "--require", "--import"],
        then: Then::Script,
        ..TOOL
    },
    Tool {
        names: &["nodemon"],
        flags: &["-V", "--verbose", "-q", "--quiet", "-L", "--legacy-watch", "-I", "--no-stdin"],
        valued: &["-w", "--watch", "-e", "--ext", "-i", "--ignore", "-d", "--delay", "--signal", "--config", "--cwd"],
        then: Then::Script,
        ..TOOL
    },
    Tool {
        names: &["deno"],
        subcommand: &["run"],
        flags: &[
            "-A",
            "--allow-all",
            "--allow-env",
            "--allow-net",
            "--allow-read",
            "--allow-run",
            "--allow-sys",
            "--allow-write",
            "--no-check",
            "--quiet",
            "-q",
            "--unstable",
            "--watch",
        ],
        prefixed: &["--allow-env=", "--allow-net=", "--allow-read=", "--allow-run=", "--allow-sys=", "--allow-write="],
        valued: &["-c", "--config", "--import-map"],
        then: Then::Script,
        ..TOOL
    },
    Tool {
        names: &["java"],
        flags: &["-server", "-client", "-ea", "-da", "-esa", "-showversion", "--show-version", "--enable-preview"],
        valued: &[
            "-cp",
            "-classpath",
            "--class-path",
            "-p",
            "--module-path",
            "--add-modules",
            "--add-opens",
            "--add-exports",
            "--add-reads",
        ],
        prefixed: &["-D", "-X", "-javaagent:", "-agentlib:", "-agentpath:", "-ea:", "-da:", "-verbose"],
        named: &["-jar"],
        then: Then::Class,
        ..TOOL
    },
    Tool {
        names: &["cargo"],
        subcommand: &["run"],
        flags: &[
            "--release",
            "-r",
            "-q",
            "--quiet",
            "-v",
            "--locked",
            "--offline",
            "--frozen",
            "--all-features",
            "--no-default-features",
        ],
        valued: &[
            "--features",
            "-F",
            "--profile",
            "--target",
            "--target-dir",
            "--manifest-path",
            "-j",
            "--jobs",
            "-Z",
            "--config",
            "--color",
        ],
        named: &["--bin", "--example", "-p", "--package"],
        then: Then::Project,
        ..TOOL
    },
    Tool {
        names: &["go"],
        subcommand: &["run"],
        flags: &["-race", "-v", "-x", "-a", "-n", "-msan", "-asan", "-trimpath"],
        valued: &["-C", "-p", "-exec", "-gcflags", "-ldflags", "-mod", "-modfile", "-tags", "-overlay"],
        then: Then::Script,
        ..TOOL
    },
];

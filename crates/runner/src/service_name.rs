//! The name of a command's service: that of the script, module or package that does the work, behind whatever starts it.
//!
//! ```text
//!  nice -n 5 opentelemetry-instrument python -X dev shop/app.py --port 80
//!  └ wrapper ┘└────── wrapper ──────┘└ interpreter ┘└ script ┘              ─► app
//! ```
//!
//! [`TOOLS`] lists wrappers and interpreters with their options, from their own help. An option that is not listed may
//! take a value, so that it is not known which word is the program: then the tool's own name is taken. Nothing is read
//! from the disk.

mod tools;

use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};

use self::tools::{TOOLS, Then, Tool};

/// Wrappers around wrappers that are looked through.
const DEPTH_MAX: usize = 8;

/// Where a command runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WorkingDirectory<'a> {
    /// The working directory.
    pub(crate) directory: &'a Path,
    /// The root of the worktree that it is in.
    pub(crate) worktree: Option<&'a str>,
    /// The common git directory: the name of a worktree's root is the project's, the same in all worktrees.
    pub(crate) project: Option<&'a str>,
}

const JAVASCRIPT_SUFFIXES: &[&str] = &["js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx"];

const OTHER_SUFFIXES: &[&str] =
    &["py", "pyw", "pyz", "rb", "pl", "php", "sh", "bash", "jar", "java", "go", "lua", "R", "r"];

/// Names that scripts of many projects have: these are called as their project.
const USUAL_SCRIPTS: &[&str] = &["index", "main", "__main__", "manage"];

/// Servers and workers, which execute the project's own code: these are called as the application that they are given,
/// as in `uvicorn shop.web:app`, or else as the project.
const SERVERS: &[&str] = &[
    "celery",
    "daphne",
    "django-admin",
    "dramatiq",
    "fastapi",
    "flask",
    "granian",
    "gunicorn",
    "huey_consumer",
    "hypercorn",
    "rq",
    "uvicorn",
];

/// Test runners and servers of the whole project: these are called as the project. Words with a colon are not what they
/// execute: `pytest -p no:cacheprovider`.
const RUNNERS: &[&str] =
    &["ava", "jest", "mocha", "nest", "next", "nose2", "nox", "py.test", "pytest", "tox", "unittest", "vitest"];

/// Folders that many projects have.
const USUAL_FOLDERS: &[&str] = &["src", "dist", "build", "lib", "bin", "out", "scripts"];

/// Returns what the service of a command is called: never empty where the command is not.
pub(crate) fn service_name(words: &[OsString], place: WorkingDirectory<'_>) -> OsString {
    let Some(program) = words.first() else { return OsString::new() };
    let texts: Option<Vec<String>> = words.iter().map(|word| word.to_str().map(str::to_owned)).collect();
    match texts {
        Some(texts) => named(&texts, place, 0).into(),
        None => file_name(program).to_owned(),
    }
}

/// Returns the name of the program behind whatever starts it, as far as that is sure: `mvn` for `nice mvn test`.
pub(crate) fn program(words: &[OsString], place: WorkingDirectory<'_>) -> String {
    let Some(mut words) = words.iter().map(|word| word.to_str().map(str::to_owned)).collect::<Option<Vec<String>>>()
    else {
        return String::new();
    };
    for _ in 0..DEPTH_MAX {
        let Some(word) = words.first() else { return String::new() };
        let program = file_name(OsStr::new(word)).to_string_lossy().into_owned();
        let tools = TOOLS.iter().filter(|tool| tool.names.contains(&without_version(&program)));
        let command = tools.filter_map(|tool| tool.read(&words[1..], place)).find_map(|found| match found {
            ToolTarget::Command(words) => Some(words),
            ToolTarget::Name(_) => None,
        });
        match command {
            Some(command) => words = command,
            None => return program,
        }
    }
    String::new()
}

fn file_name(program: &OsStr) -> &OsStr {
    Path::new(program).file_name().unwrap_or(program)
}

/// What a tool's words lead to.
#[derive(Debug)]
enum ToolTarget {
    Name(String),
    Command(Vec<String>),
}

fn named(words: &[String], place: WorkingDirectory<'_>, depth: usize) -> String {
    let Some(word) = words.first() else { return String::new() };
    let program = file_name(OsStr::new(word)).to_string_lossy().into_owned();
    let called = without_version(&program);
    if is_harness(called) {
        let application = words[1..].iter().filter(|_| SERVERS.contains(&called)).find_map(|word| application(word));
        return application.unwrap_or_else(|| folder(place.directory, place));
    }
    if matches!(called, "node" | "nodejs") && tests(&words[1..]) {
        return folder(place.directory, place);
    }
    let tools = TOOLS.iter().filter(|tool| tool.names.contains(&called));
    for tool in tools {
        match tool.read(&words[1..], place) {
            Some(ToolTarget::Name(name)) if !name.is_empty() => return name,
            Some(ToolTarget::Command(words)) if depth < DEPTH_MAX && !words.is_empty() => {
                return named(&words, place, depth + 1);
            }
            _ => {}
        }
    }
    if is_script(&program) { script(word, place) } else { program }
}

/// Whether a program executes the project's own code.
fn is_harness(called: &str) -> bool {
    SERVERS.contains(&called) || RUNNERS.contains(&called)
}

/// Whether Node is its own test runner: an option before the script says so.
fn tests(words: &[String]) -> bool {
    words.iter().take_while(|word| !is_script(word)).any(|word| word == "--test" || word == "--test-only")
}

/// The module of an application, `shop.web` of `shop.web:app`.
fn application(word: &str) -> Option<String> {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.chars().all(|char| char.is_alphanumeric() || char == '_')
            && !name.starts_with(char::is_numeric)
    };
    let (module, attribute) = word.split_once(':')?;
    let called = attribute.strip_suffix("()").unwrap_or(attribute);
    (module.split('.').all(is_name) && is_name(called)).then(|| module.to_owned())
}

/// `python` for `python3.11`.
fn without_version(program: &str) -> &str {
    let stem = program.trim_end_matches(|char: char| char.is_ascii_digit() || char == '.');
    if matches!(stem, "python" | "pypy") { stem } else { program }
}

impl Tool {
    /// What these words, behind the tool's own, lead to; `None` where that is not sure.
    fn read(&self, words: &[String], place: WorkingDirectory<'_>) -> Option<ToolTarget> {
        let mut at = 0;
        let mut letters = String::new();
        for subcommand in self.subcommand {
            let End::Operands = self.options(words, &mut at, &mut letters)? else { return None };
            if words.get(at)? != subcommand {
                return None;
            }
            at += 1;
        }
        let end = match (self.options(words, &mut at, &mut letters), self.then) {
            // Whatever the option, what runs is the project's.
            (None, Then::Project) => return Some(ToolTarget::Name(folder(place.directory, place))),
            (end, _) => end?,
        };
        if let End::Runs(runs) = end {
            return Some(module(&runs, words.get(at..).unwrap_or_default(), place));
        }
        if self.names.contains(&"env") {
            at += words[at..].iter().take_while(|word| is_assignment(word)).count();
        }
        let rest = words.get(at + self.operands..).unwrap_or_default();
        let first = rest.first();
        Some(match self.then {
            Then::Command => ToolTarget::Command(rest.to_vec()),
            Then::Package => {
                let package = first?.rsplit('/').next()?.split('@').next().filter(|name| !name.is_empty())?.to_owned();
                ToolTarget::Command([&[package], &rest[1..]].concat())
            }
            Then::Shell if letters.contains('c') => ToolTarget::Command(simple_command(first?)?),
            Then::Shell | Then::Script => ToolTarget::Name(script(first?, place)),
            Then::Class if is_script(first?) => ToolTarget::Name(script(first?, place)),
            Then::Class => ToolTarget::Name(first?.rsplit(['.', '/']).next()?.to_owned()),
            Then::Project => ToolTarget::Name(folder(place.directory, place)),
        })
    }

    /// Reads options from `at` on, up to the operands or to one whose value is what runs; `None` where one is not known.
    fn options(&self, words: &[String], at: &mut usize, letters: &mut String) -> Option<End> {
        while let Some(word) = words.get(*at).filter(|word| word.starts_with(['-', '+'])) {
            *at += 1;
            if word == "--" {
                break;
            }
            let value = || {
                *at += 1;
                words.get(*at - 1).cloned()
            };
            let (name, own) = match word.split_once('=') {
                Some((name, own)) if word.starts_with("--") => (name, Some(own.to_owned())),
                _ => (word.as_str(), None),
            };
            if self.named.contains(&name) {
                return Some(End::Runs(own.or_else(value)?));
            }
            if self.valued.contains(&name) || self.others_take_values && name.starts_with("--") {
                own.or_else(value)?;
            } else if self.flags.contains(&word.as_str()) {
                letters.extend(word.strip_prefix('-'));
            } else if !self.prefixed.iter().any(|prefix| word.starts_with(prefix)) {
                match self.cluster(word, letters)? {
                    Letters::Flags => {}
                    Letters::Value(own) => {
                        own.or_else(value)?;
                    }
                    Letters::Runs(own) => return Some(End::Runs(own.or_else(value)?)),
                }
            }
        }
        Some(End::Operands)
    }

    /// Reads several options of one letter in one word; the last of them may take a value.
    fn cluster(&self, word: &str, letters: &mut String) -> Option<Letters> {
        let cluster = word.strip_prefix('-').filter(|rest| !rest.starts_with('-') && !rest.is_empty())?;
        for (place, letter) in cluster.char_indices() {
            let option = format!("-{letter}");
            let rest = &cluster[place + letter.len_utf8()..];
            let own = (!rest.is_empty()).then(|| rest.to_owned());
            if self.named.contains(&option.as_str()) {
                return Some(Letters::Runs(own));
            }
            if self.valued.contains(&option.as_str()) {
                return Some(Letters::Value(own));
            }
            if !self.flags.contains(&option.as_str()) {
                return None;
            }
            letters.push(letter);
        }
        Some(Letters::Flags)
    }
}

/// Where the options end.
enum End {
    /// At the operands, or at the end of the words.
    Operands,
    /// At an option whose value is what runs.
    Runs(String),
}

/// What a word of one-letter options asks for.
enum Letters {
    /// No value.
    Flags,
    /// A value, in the word or behind it.
    Value(Option<String>),
    /// A value that is what runs.
    Runs(Option<String>),
}

/// What a module, or an archive, is called. A module that is itself a tool here is looked through.
fn module(name: &str, rest: &[String], place: WorkingDirectory<'_>) -> ToolTarget {
    let tool = match name {
        "coverage" => Some("coverage"),
        "opentelemetry.instrumentation.auto_instrumentation" => Some("opentelemetry-instrument"),
        name if is_harness(name) => Some(name),
        _ => None,
    };
    if let Some(tool) = tool {
        return ToolTarget::Command([&[tool.to_owned()], rest].concat());
    }
    if is_script(name) {
        return ToolTarget::Name(script(name, place));
    }
    ToolTarget::Name(name.strip_suffix(".__main__").unwrap_or(name).to_owned())
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && !name.starts_with(|char: char| char.is_ascii_digit())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

fn is_script(word: &str) -> bool {
    let suffix = Path::new(word).extension().and_then(OsStr::to_str).unwrap_or_default();
    [JAVASCRIPT_SUFFIXES, OTHER_SUFFIXES].concat().contains(&suffix)
}

/// What a script is called: its name without the suffix; a folder, and a script with a name that many have, as the folder.
fn script(word: &str, place: WorkingDirectory<'_>) -> String {
    let path = place.directory.join(word);
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = if is_script(&name) { name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem) } else { &name };
    let is_folder = word.ends_with('/') || matches!(word.rsplit('/').next(), Some("." | ".." | ""));
    if is_folder {
        folder(&path, place)
    } else if USUAL_SCRIPTS.contains(&stem) {
        folder(path.parent().unwrap_or(&path), place)
    } else {
        stem.to_owned()
    }
}

/// What a folder is called: as the project where it is a worktree's root; folders that many projects have are passed by.
fn folder(path: &Path, place: WorkingDirectory<'_>) -> String {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let root = place.worktree.map(Path::new);
    while root != Some(plain.as_path()) && USUAL_FOLDERS.contains(&name(&plain).as_str()) && plain.pop() {}
    if root == Some(plain.as_path())
        && let Some(project) = place.project.map(Path::new)
    {
        let project = if name(project) == ".git" { project.parent().unwrap_or(project) } else { project };
        let name = name(project);
        return name.strip_suffix(".git").unwrap_or(&name).to_owned();
    }
    name(&plain)
}

/// The words of a command line that is one command: no pipes, lists, redirections, expansions, and nothing that changes
/// where it runs. `None` for any other.
fn simple_command(line: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.trim().chars();
    while let Some(char) = chars.next() {
        match char {
            ' ' | '\t' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        inner => word.push(inner),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '"' => break,
                        '$' | '`' | '\\' => return None,
                        inner => word.push(inner),
                    }
                }
            }
            '|' | '&' | ';' | '<' | '>' | '(' | ')' | '$' | '`' | '\\' | '*' | '?' | '[' | ']' | '#' | '~' | '{'
            | '}' | '!' | '\n' => return None,
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    let assignments = words.iter().take_while(|word| is_assignment(word)).count();
    words.drain(..assignments);
    if words.first().is_some_and(|word| word == "exec") {
        words.remove(0);
    }
    // Anything else that a shell does by itself is no program.
    let by_itself =
        ["cd", "source", ".", "eval", "if", "for", "while", "case", "echo", "exit", "test", "[", "set", "trap"];
    let first = words.first()?;
    (!first.starts_with('-') && !is_assignment(first) && !by_itself.contains(&first.as_str())).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> WorkingDirectory<'static> {
        WorkingDirectory {
            directory: Path::new("/home/me/shop/api"),
            worktree: Some("/home/me/shop"),
            project: Some("/home/me/shop/.git"),
        }
    }

    fn name(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(|word| word.replace('␣', " ").into()).collect();
        service_name(&words, place()).into_string().unwrap()
    }

    fn check(rows: &[(&str, &str)]) {
        for (line, expected) in rows {
            assert_eq!(name(line), *expected, "{line}");
        }
    }

    #[test]
    fn a_program_is_called_as_its_file() {
        check(&[
            ("/usr/bin/journal --at 5", "journal"),
            ("./target/release/main", "main"),
            ("pytest -x", "api"),
            ("./orders.py", "orders"),
            ("./serve.sh -v", "serve"),
            ("app.v2", "app.v2"),
            ("/", "/"),
        ]);
    }

    #[test]
    fn python_runs_a_script_or_a_module() {
        check(&[
            ("python app.py", "app"),
            ("python3.11 -u -X dev -W error shop/orders.py --port 80", "orders"),
            ("/venv/bin/python3 -OO -bb app.py", "app"),
            ("python -m shop.worker --once", "shop.worker"),
            ("python -um pytest -x", "api"),
            ("python -mflask run", "api"),
            ("python -m shop.__main__", "shop"),
            ("python manage.py runserver", "api"),
            ("python ../main.py", "shop"),
            ("python src/main.py", "api"),
            ("python .", "api"),
            ("python -m coverage run --branch --source shop app.py", "app"),
            ("coverage run -m pytest", "api"),
            ("pypy3 app.py", "app"),
            ("pythonista app.py", "pythonista"),
        ]);
        check(&[
            ("python", "python"),
            ("python -c print(1)", "python"),
            ("python -", "python"),
            ("python --new-option app.py", "python"),
            ("python -W", "python"),
            ("python3.11 -c pass", "python3.11"),
        ]);
    }

    #[test]
    fn servers_and_test_runners_are_called_as_what_they_run() {
        check(&[
            ("uvicorn --reload shop.web:app --port 8000", "shop.web"),
            ("gunicorn -w 4 -b 127.0.0.1:8000 web:create()", "web"),
            ("gunicorn -b localhost:8000", "api"),
            ("python -m gunicorn app:app", "app"),
            ("npx vitest run", "api"),
            ("python -m unittest discover", "api"),
            ("pytest -p no:cacheprovider", "api"),
            ("python -m pytest -q -W error::DeprecationWarning -p no:randomly", "api"),
            ("npx next dev -p 3000", "api"),
            ("nest start --watch", "api"),
            ("tox -e py312", "api"),
            ("rq worker high", "api"),
            ("node --test", "api"),
            ("node --import tsx --test --test-reporter=spec test/a.test.ts", "api"),
            ("node --test-only test/a.test.js", "api"),
        ]);
    }

    #[test]
    fn instrumentation_is_looked_through_whatever_its_options() {
        check(&[
            ("opentelemetry-instrument python app.py", "app"),
            ("opentelemetry-instrument --traces_exporter console --service_name=x flask run", "api"),
            ("opentelemetry-instrument --logs_exporter none python -m shop", "shop"),
            ("python -m opentelemetry.instrumentation.auto_instrumentation python app.py", "app"),
            ("opentelemetry-instrument --version", "opentelemetry-instrument"),
            ("opentelemetry-instrument", "opentelemetry-instrument"),
        ]);
    }

    #[test]
    fn node_runs_a_script_or_a_folder() {
        check(&[
            ("node server.js", "server"),
            ("node --require ./tracing.js --inspect=9229 dist/index.js", "api"),
            ("node -r ./a.js -r ./b.js worker.mjs x.js", "worker"),
            ("node --import=./tracing.mjs --max-old-space-size=4096 jobs.ts", "jobs"),
            ("node .", "api"),
            ("node ..", "shop"),
            ("node", "node"),
            ("node -e 1", "node"),
            ("node --some-new-option value server.js", "node"),
            ("tsx --tsconfig t.json server.ts", "server"),
            ("deno run --allow-net --config d.json server.ts", "server"),
        ]);
    }

    #[test]
    fn packages_and_environments_are_looked_through() {
        check(&[
            ("npx tsx server.ts", "server"),
            ("npx -y @acme/serve@1.2 --port 80", "serve"),
            ("npx --package=left-pad -- serve", "serve"),
            ("npx -p left-pad serve", "serve"),
            ("npx -c serve␣--port␣80", "npx"),
            ("npm exec -- vite build", "vite"),
            ("npm run dev", "api"),
            ("npm start", "api"),
            ("npm ci", "npm"),
            ("npm test", "api"),
            ("npm test -- --watch", "api"),
            ("npm run dev --new-option 3", "api"),
            ("yarn test", "api"),
            ("nodemon --watch src server.js", "server"),
            ("yarn dlx serve@latest", "serve"),
            ("uv run app.py", "app"),
            ("uv run --with flask --python 3.12 -- flask run", "api"),
            ("uv --quiet run -m shop", "shop"),
            ("uv run --new-option x app.py", "uv"),
            ("uv sync", "uv"),
            ("uvx ruff@latest check", "ruff"),
            ("uv tool run --from httpie http", "http"),
            ("poetry run python app.py", "app"),
            ("poetry -C /srv/shop run flask run", "api"),
            ("pipenv run python app.py", "app"),
            ("bundle exec rails server", "rails"),
            ("bundle exec ruby -Ilib jobs.rb", "jobs"),
        ]);
    }

    #[test]
    fn wrappers_of_the_system_are_looked_through() {
        check(&[
            ("env A=b C= python app.py", "app"),
            ("env -i -u HOME -C /tmp --unset=X A=b journal", "journal"),
            ("env -S python␣app.py", "env"),
            ("env", "env"),
            ("nice journal", "journal"),
            ("nice -n 5 journal", "journal"),
            ("nice -10 python app.py", "app"),
            ("nice --adjustment=5 ionice -c2 -n 7 journal", "journal"),
            ("time -v -o out.txt journal", "journal"),
            ("time -f %e python app.py", "app"),
            ("timeout -k 5 --signal=INT 10s journal 3", "journal"),
            ("taskset -c 0,1 journal", "journal"),
            ("chrt -f 50 journal", "journal"),
            ("stdbuf -oL -e 0 journal", "journal"),
            ("setsid -w nohup journal", "journal"),
            ("perl -w report.pl", "report"),
            ("java -Xmx1g -javaagent:otel.jar -jar target/shop-1.2.jar", "shop-1.2"),
            ("java -cp a.jar:b.jar com.acme.Shop", "Shop"),
            ("cargo run --release --bin shop -- --port 80", "shop"),
            ("cargo run -q", "api"),
            ("cargo test", "cargo"),
            ("go run ./cmd/orders", "orders"),
            ("go run .", "api"),
        ]);
    }

    #[test]
    fn a_shell_that_runs_one_command_is_looked_through() {
        check(&[
            ("sh -c python␣app.py", "app"),
            ("bash -euc exec␣A=1␣python␣app.py", "bash"),
            ("bash -ec A=1␣exec␣python␣'my␣app.py'", "my app"),
            ("sh -c \"python\"␣app.py␣x", "app"),
            ("sh -c env␣|␣grep␣x", "sh"),
            ("sh -c cd␣/tmp␣&&␣python␣app.py", "sh"),
            ("sh -c python␣$APP", "sh"),
            ("sh -c 'unclosed", "sh"),
            ("sh -c", "sh"),
            ("sh ./serve.sh -c x", "serve"),
            ("bash", "bash"),
        ]);
    }

    #[test]
    fn the_root_of_any_worktree_is_called_as_the_project() {
        let other = WorkingDirectory {
            directory: Path::new("/home/me/.kino/scratch/tree.17"),
            worktree: Some("/home/me/.kino/scratch/tree.17"),
            project: Some("/home/me/shop/.git"),
        };
        let name = |line: &str, place| service_name(&line.split(' ').map(OsString::from).collect::<Vec<_>>(), place);
        assert_eq!(name("node index.js", other), "shop");
        assert_eq!(name("npm run dev", other), "shop");
        assert_eq!(name("python src/main.py", other), "shop");
        let bare = WorkingDirectory { project: Some("/srv/shop.git"), ..other };
        assert_eq!(name("node .", bare), "shop");
        let none = WorkingDirectory { directory: Path::new("/"), worktree: None, project: None };
        assert_eq!(name("node .", none), "node", "nothing has no name");
    }

    #[test]
    fn a_chain_of_wrappers_ends() {
        assert_eq!(name(&["nice"; 200].join(" ")), "nice");
        assert_eq!(name("nice env A=b timeout 5 opentelemetry-instrument uv run python -u app.py"), "app");
    }
}

//! Which files are source, in which language, and which are tests.

/// A language, as far as searching it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SourceLanguage {
    Python,
    /// JavaScript and TypeScript.
    JavaScript,
    /// Both with elements in the text: pages rather than servers.
    Page,
    Ruby,
    Elixir,
    Rust,
    /// Java, Kotlin, Scala and Groovy.
    Java,
    CSharp,
    Go,
    Php,
    Other,
    /// Statements without quotes around them: SQL, and the XML of mappers.
    Statements,
}

impl SourceLanguage {
    pub(super) fn has_routes(self) -> bool {
        self != Self::Statements
    }

    /// Whether a call needs no parentheses.
    pub(super) fn calls_without_parentheses(self) -> bool {
        matches!(self, Self::Ruby | Self::Elixir)
    }
}

/// Folders of what others wrote, or of what was generated.
const FOREIGN: [&str; 10] = [
    "node_modules",
    "site-packages",
    "vendor",
    "third_party",
    "bower_components",
    "dist",
    ".venv",
    "venv",
    "__pycache__",
    ".next",
];

/// How the names of generated files end, before the extension.
const GENERATED: [&str; 4] = ["_pb2", "_pb2_grpc", ".pb", ".d"];

/// The language of a file by its name; `None` where it is no source, or not the project's.
pub(super) fn language(path: &str) -> Option<SourceLanguage> {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    if folders.split('/').any(|folder| FOREIGN.contains(&folder)) || name.contains(".min.") {
        return None;
    }
    let (stem, extension) = name.rsplit_once('.')?;
    if GENERATED.iter().any(|ending| stem.ends_with(ending)) {
        return None;
    }
    Some(match extension {
        "py" => SourceLanguage::Python,
        "js" | "mjs" | "cjs" | "ts" | "mts" | "cts" | "coffee" => SourceLanguage::JavaScript,
        "jsx" | "tsx" | "vue" | "svelte" | "astro" => SourceLanguage::Page,
        "rb" | "ru" => SourceLanguage::Ruby,
        "ex" | "exs" => SourceLanguage::Elixir,
        "rs" => SourceLanguage::Rust,
        "java" | "kt" | "kts" | "scala" | "groovy" => SourceLanguage::Java,
        "cs" | "fs" | "vb" => SourceLanguage::CSharp,
        "go" => SourceLanguage::Go,
        "php" => SourceLanguage::Php,
        "swift" | "dart" | "clj" | "cljs" | "hs" | "ml" | "erl" | "lua" | "pl" | "pm" | "c" | "cc" | "cpp" | "cxx"
        | "h" | "hpp" | "cr" | "nim" | "r" | "jl" => SourceLanguage::Other,
        "sql" | "xml" => SourceLanguage::Statements,
        _ => return None,
    })
}

/// Whether a path looks like a test's.
pub(super) fn is_test(path: &str) -> bool {
    let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_tests = |folder: &str| {
        matches!(folder, "test" | "tests" | "__tests__" | "spec" | "specs" | "e2e" | "testing" | "test_suite")
    };
    let stem = name.split('.').next().unwrap_or(name);
    folders.split('/').any(is_tests)
        || name.contains(".test.")
        || name.contains(".spec.")
        || stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_spec")
        || stem == "conftest"
        || (stem.len() > 4 && (stem.ends_with("Test") || stem.ends_with("Tests")))
}

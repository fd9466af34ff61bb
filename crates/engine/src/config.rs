//! Everything that may be set, in one struct: what `config.toml` says, overridden by the command line.
//!
//! It does no IO and reads no environment: the binary finds the home, reads the file, and parses it into this.

mod forward;
mod headers;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use kino_analyze::DetectorConfig;
use kino_analyze::finding::Code;
use kino_redact::InvalidRules;
use kino_store::{KillMode, KillPoints, StoreConfig, SyncPolicy};
use kino_text::suggest;
use kino_wire::Access;
use serde::{Deserialize, Serialize};

pub use self::forward::Forward;
pub use self::headers::{Headers, PullSource};

/// The engine's configuration. Unknown keys are refused.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EngineConfig {
    /// The folder that holds everything. Never in the file: the file is in it.
    #[serde(skip)]
    pub home: PathBuf,
    /// Where the lake is, as an `object_store` URL or a folder; `None` for the folder `lake` in the home.
    pub lake: Option<String>,
    /// When what arrives counts as stored.
    pub sync: Sync,
    /// Where to listen.
    pub listen: Listen,
    /// Bounds of memory, disk and requests.
    pub limits: Limits,
    /// For how long, and up to which size, recordings are stored.
    pub retention: Retention,
    /// What is taken out before anything is stored.
    pub redaction: Redaction,
    /// How `kino run` executes commands.
    pub run: Run,
    /// What the hooks of assistants do.
    pub hooks: Hooks,
    /// What an assistant may execute.
    pub verify: Verify,
    /// Which findings are searched for, and for how long they are stored.
    pub findings: Findings,
    /// Who may ask besides the engine's user. `kino key` makes more, in a file of their own.
    pub keys: Vec<ApiKey>,
    /// Servers from which traces are pulled, with the headers that each wants.
    pub sources: Vec<PullSource>,
    /// Where what was recorded is passed on to.
    pub forward: Forward,
    /// How git is started to search a worktree; `None`: none is searched. The opener knows the environment.
    #[serde(skip)]
    pub git: Option<kino_repo::Git>,
    /// Crash tests only: where the process ends itself.
    #[serde(skip)]
    pub kill_point: Option<String>,
}

/// When what arrives counts as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sync {
    /// `interval` or `always`.
    pub policy: SyncKind,
    pub interval_millis: u64,
}

/// The two policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncKind {
    /// Survives the process at once, the machine within the interval.
    #[default]
    Interval,
    /// Survives the machine before it is acknowledged.
    Always,
}

/// Where to listen, as `HOST:PORT`. `None`: the usual port on loopback, or a free one where that is busy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// REST, MCP, health, metrics.
    pub addr: Option<String>,
    /// OTLP over gRPC.
    pub otlp_grpc: Option<String>,
    /// OTLP over HTTP.
    pub otlp_http: Option<String>,
    /// Host names under which the engine may be addressed, besides loopback's.
    pub hosts: Vec<String>,
}

/// Bounds. Each has a default with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Bytes of one OTLP request, decompressed. Exporters send some hundred kilobytes; collectors up to a few
    /// megabytes.
    pub body_bytes_max: u64,
    /// Bytes of one file given to `import`.
    pub import_bytes_max: u64,
    /// Bytes that all requests may hold at one time: room for several of the largest. Files given to `import` are
    /// bounded by their own limit, all of them together.
    pub in_flight_bytes_max: u64,
    /// Attributes of one span, event, link, log record, resource or scope; the others are left out and counted.
    pub attributes_max: u64,
    /// Bytes of memory for rows that are not in the lake yet.
    pub hot_bytes_max: u64,
    /// Free disk space under which nothing is taken in.
    pub disk_reserve_bytes: u64,
    /// Bytes that are stored of each of a run's output streams, and of its diff; the rest is cut.
    pub blob_bytes_max: u64,
    /// Bytes of memory that all questions may take at one time, by estimate: a trace of a million spans takes about half
    /// of the default. A question that finds no room waits a few seconds, then is to be asked again.
    pub question_bytes_max: u64,
}

/// For how long, and up to which size, recordings are stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days for which rows are stored, counted from their arrival. `None`: for ever.
    pub days: Option<u64>,
    /// Bytes that the lake may take; the oldest arrivals go first. `None`: no limit.
    pub lake_bytes_max: Option<u64>,
}

/// Which findings are searched for, and for how long they are stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Findings {
    /// Codes of findings that are not looked for, anywhere.
    #[serde(deserialize_with = "codes")]
    pub off: Vec<String>,
    /// Days after which a finding decays whose operation was not seen.
    pub decay_days: u64,
    /// What a million input tokens cost, by the model's name or the beginning of it, in a currency of the user's
    /// choice. Without a price no cost is reported.
    pub input_token_prices: BTreeMap<String, f64>,
}

/// What is taken out before anything is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Redaction {
    /// Whether secrets are looked for at all.
    pub enabled: bool,
    /// Names of built-in rules that do not apply.
    pub off: Vec<String>,
    /// Attribute keys whose values always go, besides the built-in ones.
    pub keys: Vec<String>,
    /// Regular expressions; what one matches as a whole stays, whatever rule found it.
    pub allow: Vec<String>,
    /// Rules of one's own.
    pub patterns: Vec<RedactionPattern>,
}

/// A redaction rule of one's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedactionPattern {
    /// Its name, which tokens and counts show.
    pub name: String,
    /// What it recognises; the group called `secret` goes, or the whole match.
    pub regex: String,
}

/// How `kino run` executes commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Run {
    /// Whether Python and Node programs are made to report what they do, without OpenTelemetry of their own.
    pub inject: bool,
    /// A Java agent that the JVMs of commands load. This file is the user's own, and no repository's.
    pub java_agent: Option<PathBuf>,
    /// Which files of a project are JUnit reports that a run writes: a glob relative to the project. This file is the
    /// user's own, and no repository's.
    pub junit: Option<String>,
    /// Whether runs record which changed lines they execute (`--lines`).
    pub lines: bool,
}

impl Default for Run {
    fn default() -> Self {
        Self { inject: true, java_agent: None, junit: None, lines: false }
    }
}

/// What `kino hook` does when an assistant calls it. This file is the user's own, and no repository's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hooks {
    /// Which commands of an assistant become `kino run`: patterns over their words, in which `*` is any text, and as the
    /// last word any further words. `None` for those that run tests.
    pub commands: Option<Vec<String>>,
    /// Whether commands become `kino run` at all, where an assistant leaves its permission with the user.
    pub rewrite: bool,
    /// Whether a session's commands get variables by which Python and Node programs report without `kino run`.
    pub environment: bool,
    /// Whether findings are passed on after a call.
    pub findings: bool,
    /// Whether changed lines that no run has executed are named when an assistant has finished its turn.
    pub stop: bool,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { commands: None, rewrite: true, environment: true, findings: true, stop: false }
    }
}

/// What an assistant may execute over MCP with `verify_change`. Nothing, unless it is said here: this file is the
/// user's own, and no repository's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Verify {
    /// Commands that may be executed.
    pub allow: Vec<AllowedCommand>,
    /// How long a tool call waits for the end before it answers with an id to ask again. Clients give up after about
    /// a minute.
    pub wait_seconds: u64,
}

/// A command that may be executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AllowedCommand {
    /// Any command that begins with these words: `["cargo", "test"]`.
    Beginning(Vec<String>),
    /// This command and no other: `{ exact = ["make", "bench"] }`.
    Exact {
        /// Its words.
        exact: Vec<String>,
    },
}

impl AllowedCommand {
    /// Whether it allows `command`. No words at all allow nothing.
    pub fn allows(&self, command: &[String]) -> bool {
        match self {
            Self::Beginning(words) => !words.is_empty() && command.starts_with(words),
            Self::Exact { exact } => !exact.is_empty() && command == exact,
        }
    }
}

impl Default for Verify {
    fn default() -> Self {
        Self { allow: Vec::new(), wait_seconds: 45 }
    }
}

/// A key that opens the engine to others than its user's own commands. Only its hash is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// Whose it is, for messages.
    pub name: String,
    /// SHA-256 of the key, in hex.
    pub sha256: String,
    /// What it allows.
    pub scopes: Vec<Access>,
}

impl Default for Sync {
    fn default() -> Self {
        Self { policy: SyncKind::default(), interval_millis: 100 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        let store = StoreConfig::new("");
        Self {
            body_bytes_max: 64 << 20,
            import_bytes_max: 1 << 30,
            in_flight_bytes_max: 512 << 20,
            attributes_max: kino_ingest::Limits::default().attributes_max as u64,
            hot_bytes_max: store.hot_bytes_max,
            disk_reserve_bytes: store.disk_reserve_bytes,
            blob_bytes_max: 8 << 20,
            question_bytes_max: 1 << 30,
        }
    }
}

/// A value of the configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A detector that does not exist is switched off.
    #[error("findings.off: there is no finding {name:?}; did you mean {}?", near.join(", "))]
    UnknownFinding {
        /// As it was written.
        name: String,
        /// The nearest names that exist.
        near: Vec<String>,
    },
    /// A price is negative or not finite.
    #[error("findings.input_token_prices: {price} is not a price, for {model:?}")]
    Price {
        model: String,
        /// As it was written.
        price: f64,
    },
    /// Too little memory for questions.
    #[error("limits.question_bytes_max: {bytes} bytes are too few for any question; at least {least}")]
    QuestionBytes {
        /// As it was written.
        bytes: u64,
        /// The least that is accepted.
        least: u64,
    },
    /// A rule of redaction.
    #[error(transparent)]
    Redaction(#[from] InvalidRules),
    /// The kill point of a test does not exist.
    #[error("{0}")]
    KillPoint(String),
}

impl Limits {
    /// Less memory for questions would refuse ordinary ones.
    const QUESTION_BYTES_MIN: u64 = 16 << 20;

    /// Refuses limits that nothing would work under.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        match self.question_bytes_max {
            Self::QUESTION_BYTES_MIN.. => Ok(()),
            bytes => Err(ConfigError::QuestionBytes { bytes, least: Self::QUESTION_BYTES_MIN }),
        }
    }
}

impl Default for Findings {
    fn default() -> Self {
        // A month: longer than most holidays.
        Self { off: Vec::new(), decay_days: 30, input_token_prices: BTreeMap::new() }
    }
}

impl Findings {
    /// Returns the settings of the detectors.
    ///
    /// # Errors
    /// Where a value names something that does not exist.
    pub(crate) fn detectors(&self) -> Result<DetectorConfig, ConfigError> {
        let code = |name: &String| {
            Code::from_name(name).ok_or_else(|| {
                let near = suggest::or_all(name, Code::ALL.iter().map(|code| code.name()));
                ConfigError::UnknownFinding { name: name.clone(), near }
            })
        };
        if let Some((model, price)) =
            self.input_token_prices.iter().find(|(_, price)| !price.is_finite() || **price < 0.0)
        {
            return Err(ConfigError::Price { model: model.clone(), price: *price });
        }
        let off = self.off.iter().map(code).collect::<Result<_, _>>()?;
        Ok(DetectorConfig { off, input_token_prices: self.input_token_prices.clone() })
    }

    pub(crate) fn decay_nanos(&self) -> i64 {
        const DAY: i64 = 86_400_000_000_000;
        i64::try_from(self.decay_days).unwrap_or(i64::MAX).saturating_mul(DAY)
    }
}

impl Default for Redaction {
    fn default() -> Self {
        Self { enabled: true, off: Vec::new(), keys: Vec::new(), allow: Vec::new(), patterns: Vec::new() }
    }
}

/// Reads names of findings; one that is none is refused where it is read, with those that there are.
fn codes<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    static NAMES: std::sync::LazyLock<Vec<&str>> =
        std::sync::LazyLock::new(|| Code::ALL.iter().map(|code| code.name()).collect());
    let names = Vec::<String>::deserialize(deserializer)?;
    match names.iter().find(|name| Code::from_name(name).is_none()) {
        Some(wrong) => Err(serde::de::Error::unknown_variant(wrong, &NAMES)),
        None => Ok(names),
    }
}

impl EngineConfig {
    /// The defaults, for a home.
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into(), ..Self::default() }
    }

    /// Returns the settings of the store.
    ///
    /// # Errors
    /// Where a value names something that does not exist.
    pub(crate) fn store(&self) -> Result<StoreConfig, ConfigError> {
        const DAY: Duration = Duration::from_hours(24);
        let sync = match self.sync.policy {
            SyncKind::Always => SyncPolicy::Always,
            SyncKind::Interval => SyncPolicy::Interval(Duration::from_millis(self.sync.interval_millis.max(1))),
        };
        let days = self.retention.days.map(|days| DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX)));
        let kill_points = match &self.kill_point {
            Some(name) => KillPoints::armed(name.parse().map_err(ConfigError::KillPoint)?, KillMode::Abort),
            None => KillPoints::NONE,
        };
        Ok(StoreConfig {
            lake_url: self.lake.clone(),
            sync,
            hot_bytes_max: self.limits.hot_bytes_max,
            flush_bytes: (self.limits.hot_bytes_max / 8).max(1 << 20),
            disk_reserve_bytes: self.limits.disk_reserve_bytes,
            retained_log_bytes: self.forward.url.as_ref().map_or(0, |_| self.forward.log_bytes_max.max(1)),
            retention: days,
            lake_bytes_max: self.retention.lake_bytes_max,
            kill_points,
            ..StoreConfig::new(&self.home)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_what_an_empty_file_says() {
        assert_eq!(serde_json::from_str::<EngineConfig>("{}").unwrap(), EngineConfig::default());
    }

    #[test]
    fn commands_are_allowed_by_their_beginning_or_whole() {
        let text = r#"{"verify":{"allow":[["cargo","test"],{"exact":["make"]},[]]}}"#;
        let allow = serde_json::from_str::<EngineConfig>(text).unwrap().verify.allow;
        let allows = |command: &[&str]| {
            let command: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
            allow.iter().any(|allowed| allowed.allows(&command))
        };
        assert!(allows(&["cargo", "test", "--release"]) && allows(&["make"]));
        for refused in [&["cargo"] as &[&str], &["cargo", "run"], &["make", "clean"], &["cargo test"], &["sh"], &[]] {
            assert!(!allows(refused), "{refused:?}");
        }
    }

    #[test]
    fn unknown_keys_are_refused_at_every_level() {
        for text in [r#"{"lakes":"x"}"#, r#"{"limits":{"bytes":1}}"#, r#"{"sync":{"every":1}}"#, r#"{"home":"x"}"#] {
            let error = serde_json::from_str::<EngineConfig>(text).unwrap_err().to_string();
            assert!(error.contains("unknown field"), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_set_reaches_the_store() {
        let text = r#"{"sync":{"policy":"always"},"retention":{"days":30},"limits":{"hot_bytes_max":8388608}}"#;
        let store = serde_json::from_str::<EngineConfig>(text).unwrap().store().unwrap();
        assert_eq!(store.sync, SyncPolicy::Always);
        assert_eq!(store.retention, Some(Duration::from_hours(30 * 24)));
        assert_eq!((store.hot_bytes_max, store.flush_bytes), (8 << 20, 1 << 20));
    }

    #[test]
    fn too_little_memory_for_questions_is_refused() {
        let limits = |text: &str| serde_json::from_str::<EngineConfig>(text).unwrap().limits;
        assert_eq!(limits("{}").question_bytes_max, 1 << 30);
        assert!(limits(r#"{"limits":{"question_bytes_max":16777216}}"#).check().is_ok());
        let refused = limits(r#"{"limits":{"question_bytes_max":1000}}"#).check().unwrap_err().to_string();
        assert!(refused.contains("limits.question_bytes_max") && refused.contains("16777216"), "{refused}");
    }

    #[test]
    fn findings_are_switched_off_by_names_that_exist() {
        let text = r#"{"findings":{"off":["dead_time"],"input_token_prices":{"gpt-5":1.25}}}"#;
        let detectors = serde_json::from_str::<EngineConfig>(text).unwrap().findings.detectors().unwrap();
        assert!(!detectors.is_on(Code::DeadTime) && detectors.is_on(Code::NPlusOne));
        assert_eq!(detectors.input_token_price("gpt-5-mini"), Some(1.25));
        let wrong = serde_json::from_str::<EngineConfig>(r#"{"findings":{"off":["ded_time"]}}"#).unwrap_err();
        assert!(wrong.to_string().contains("dead_time"), "{wrong}");
        let free = Findings { off: vec!["ded_time".to_owned()], ..Findings::default() };
        assert!(free.detectors().unwrap_err().to_string().contains("did you mean dead_time"));
        let price = Findings { input_token_prices: [("m".to_owned(), -1.0)].into(), ..Findings::default() };
        assert!(price.detectors().is_err());
    }

    #[test]
    fn a_kill_point_that_does_not_exist_is_an_error() {
        let config = EngineConfig { kill_point: Some("nowhere".to_owned()), ..EngineConfig::new("home") };
        assert!(config.store().unwrap_err().to_string().contains("after-upload"));
    }
}

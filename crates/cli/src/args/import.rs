//! Arguments of `import`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use kino_text::time::{self, When};

use crate::completion;

/// Traces that one pull imports unless `--limit` says otherwise: some minutes over a network.
const TRACES_DEFAULT: u64 = 10_000;
/// The most that `--limit` takes: beyond it the list of what was pulled would no longer be small.
const TRACES_MAX: u64 = 1_000_000;

/// Arguments of `import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Returns when what it read can be queried.

With --from it pulls traces over HTTP: from Jaeger's query service (usually port 16686) or Tempo (3200), the newest \
first. What was pulled is remembered: the same command goes on where an earlier one stopped, and brings nothing twice. \
Headers, such as credentials and Tempo's tenant, come from KINO_PULL_HEADERS or from [[sources]] in config.toml, never \
from the command line.

Examples:
  kino import traces.json
  kino import exports/
  kino import --from jaeger http://localhost:16686
  kino import --from jaeger http://localhost:16686 --service checkout --since 6h
  kino import --from tempo http://localhost:3200 --since 14:05 --until 14:20
  KINO_PULL_HEADERS=X-Scope-OrgID=a kino import --from tempo http://tempo:3200")]
pub(crate) struct Import {
    /// Files, or folders whose files are read; with --from the URL of the server.
    #[arg(value_name = "PATH|URL", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Pull traces from a server of this kind.
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) from: Option<ImportFrom>,
    /// Only traces with a span of exactly this service; may be repeated. Without it those of all services.
    #[arg(long = "service", short, value_name = "SERVICE", requires = "from", add = completion::services())]
    pub(crate) services: Vec<String>,
    /// Traces with spans from then on.
    #[arg(long, value_name = "TIME", requires = "from", default_value = "1h", value_parser = time::parse_when)]
    pub(crate) since: When,
    /// Traces with spans before that; by default now.
    #[arg(long, value_name = "TIME", requires = "from", value_parser = time::parse_when)]
    pub(crate) until: Option<When>,
    /// At most this many traces.
    #[arg(long, value_name = "N", requires = "from", default_value_t = TRACES_DEFAULT,
          value_parser = clap::value_parser!(u64).range(1..=TRACES_MAX))]
    pub(crate) limit: u64,
    /// Forget what earlier pulls from there have brought, and pull it again.
    #[arg(long, requires = "from")]
    pub(crate) again: bool,
}

/// Where traces are pulled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFrom {
    /// Jaeger's query service, or what speaks its API.
    Jaeger,
    /// Grafana Tempo.
    Tempo,
}

impl ImportFrom {
    /// Its name in arguments and answers.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jaeger => "jaeger",
            Self::Tempo => "tempo",
        }
    }
}

//! A Java agent that the user has: every JVM of a command loads it, as `JAVA_TOOL_OPTIONS` says.
//!
//! The variable reaches each JVM alike, so that a build tool's own is spared only where the command is the build tool; its
//! tests then have no agent either.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Options that each JVM reads.
const JAVA_TOOL_OPTIONS: &str = "JAVA_TOOL_OPTIONS";
/// How every JAR begins: with an entry of a ZIP archive.
const ZIP: [u8; 4] = *b"PK\x03\x04";
/// Build tools whose own JVM is no program of the user's, and how their tests get the agent.
const BUILD_TOOLS: &[(&[&str], &str)] = &[
    (&["mvn", "mvnw", "mvnd"], "mvn -DargLine=-javaagent:JAR test"),
    (&["gradle", "gradlew"], "test { jvmArgs '-javaagent:JAR' } in the build file"),
];

/// An agent that JVMs can load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JavaAgent {
    /// `-javaagent:JAR`, quoted as JVMs read it.
    option: String,
}

/// Why a file is no agent.
#[derive(Debug, thiserror::Error)]
pub enum JavaAgentError {
    /// There is no such archive: a JVM that is to load it does not start.
    #[error("{} is not a JAR file, and no JVM starts with it", .0.display())]
    NoJar(PathBuf),
    /// JVMs cannot be given this path.
    #[error("{} cannot be given to a JVM: its path has a character that the option does not take (= or both kinds of quotes)", .0.display())]
    Path(PathBuf),
}

impl JavaAgent {
    /// Looks at a JAR file.
    ///
    /// # Errors
    /// Where no JVM could load it.
    pub fn new(jar: &Path) -> Result<Self, JavaAgentError> {
        let absent = || JavaAgentError::NoJar(jar.to_owned());
        // Opening a pipe would wait for its writer.
        if !jar.metadata().is_ok_and(|found| found.is_file()) {
            return Err(absent());
        }
        let mut begin = ZIP.map(|_| 0);
        File::open(jar).and_then(|mut file| file.read_exact(&mut begin)).map_err(|_| absent())?;
        if begin != ZIP {
            return Err(absent());
        }
        let path = std::path::absolute(jar).map_err(|_| absent())?;
        let option = option(&path).ok_or_else(|| JavaAgentError::Path(path.clone()))?;
        Ok(Self { option })
    }

    /// Returns the variable that makes JVMs load it, with the options that are there already; `None` where it is loaded
    /// already.
    pub(crate) fn variable(&self, present: Option<&OsStr>) -> Option<(&'static str, OsString)> {
        let Some(present) = present.filter(|present| !present.is_empty()) else {
            return Some((JAVA_TOOL_OPTIONS, self.option.clone().into()));
        };
        if present.to_string_lossy().contains(&self.option) {
            return None;
        }
        let mut options = present.to_owned();
        options.push(" ");
        options.push(&self.option);
        Some((JAVA_TOOL_OPTIONS, options))
    }
}

/// The variable that the agent goes by.
pub(crate) const VARIABLE: &str = JAVA_TOOL_OPTIONS;

/// What gives the tests of a build tool the agent; `None` for any other program.
pub(crate) fn build_tool(program: &str) -> Option<&'static str> {
    BUILD_TOOLS.iter().find(|(names, _)| names.contains(&program)).map(|(_, instead)| *instead)
}

/// The option, quoted where that is needed: white space ends an option, `=` begins the agent's own, and there are no escapes.
fn option(path: &Path) -> Option<String> {
    let path = path.to_str().filter(|path| !path.contains('='))?;
    let quote = match (path.contains('\''), path.contains('"')) {
        (true, true) => return None,
        (true, false) => "\"",
        (false, true) => "'",
        (false, false) if path.contains(char::is_whitespace) => "\"",
        (false, false) => "",
    };
    Some(format!("{quote}-javaagent:{path}{quote}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_as_jvms_read_it() {
        for (path, expected) in [
            ("/a/agent.jar", Some("-javaagent:/a/agent.jar")),
            ("/a b/agent.jar", Some("\"-javaagent:/a b/agent.jar\"")),
            ("/it's/agent.jar", Some("\"-javaagent:/it's/agent.jar\"")),
            ("/a\"b/agent.jar", Some("'-javaagent:/a\"b/agent.jar'")),
            ("/a'\"b/agent.jar", None),
            ("/a=b/agent.jar", None),
        ] {
            assert_eq!(option(Path::new(path)).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn what_the_user_set_stays_and_nothing_is_loaded_twice() {
        let agent = JavaAgent { option: "-javaagent:/a.jar".to_owned() };
        let options = |present: &str| agent.variable(Some(OsStr::new(present))).map(|(_, value)| value);
        assert_eq!(options("-Xmx1g"), Some("-Xmx1g -javaagent:/a.jar".into()));
        assert_eq!(options(""), Some("-javaagent:/a.jar".into()));
        assert_eq!(options("-Xmx1g -javaagent:/a.jar"), None);
    }

    #[test]
    fn what_is_no_jar_is_refused_before_a_jvm_fails_on_it() {
        let folder = tempfile::tempdir().unwrap();
        let jar = folder.path().join("agent.jar");
        assert!(matches!(JavaAgent::new(&jar), Err(JavaAgentError::NoJar(_))));
        std::fs::write(&jar, "no archive").unwrap();
        assert!(matches!(JavaAgent::new(&jar), Err(JavaAgentError::NoJar(_))));
        std::fs::write(&jar, b"PK\x03\x04rest").unwrap();
        assert_eq!(JavaAgent::new(&jar).unwrap().option, format!("-javaagent:{}", jar.display()));
        assert!(matches!(JavaAgent::new(folder.path()), Err(JavaAgentError::NoJar(_))));
    }
}

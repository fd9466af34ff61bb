//! Release notes: one version's section of CHANGELOG.md, which follows Keep a Changelog.

use anyhow::bail;

/// The heading of what has no version yet.
const UNRELEASED: &str = "Unreleased";

/// The section of `version`, without its heading; that of what is unreleased where the version has none yet.
///
/// # Errors
///
/// Where the changelog has neither.
pub(crate) fn of_version(changelog: &str, version: &str) -> anyhow::Result<String> {
    let found = section(changelog, version).or_else(|| section(changelog, UNRELEASED));
    match found {
        Some(text) => Ok(text),
        None => bail!("CHANGELOG.md has no section [{version}], and none [{UNRELEASED}]"),
    }
}

/// The lines between one heading of a version and the next, without the links at the end of the file.
fn section(changelog: &str, name: &str) -> Option<String> {
    let heading = format!("## [{name}]");
    let mut lines = changelog.lines().skip_while(|line| !line.starts_with(&heading));
    lines.next()?;
    let is_link = |line: &&str| line.starts_with('[') && line.contains("]: ");
    let body: Vec<&str> = lines.take_while(|line| !line.starts_with("## ") && !is_link(line)).collect();
    Some(format!("{}\n", body.join("\n").trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- New.\n\n## [0.2.0] - 2026-01-02\n\n### Fixed\n\n\
                             - Old.\n\n[0.2.0]: https://example.com\n";

    #[test]
    fn a_version_has_its_own_section() {
        assert_eq!(of_version(CHANGELOG, "0.2.0").unwrap(), "### Fixed\n\n- Old.\n");
    }

    #[test]
    fn a_version_without_a_section_takes_what_is_unreleased() {
        assert_eq!(of_version(CHANGELOG, "0.3.0").unwrap(), "### Added\n\n- New.\n");
        assert!(of_version("# Changelog\n", "0.3.0").is_err());
    }
}

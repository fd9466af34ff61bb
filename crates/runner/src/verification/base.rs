//! What `--against` means: `previous`, a selector, or a git revision.

use std::path::Path;

use kino_repo::Git;
use kino_wire::verify::VerifyBase;

use crate::RunnerError;

/// Reads BASE.
///
/// # Errors
/// Where it is none of them, with what there is.
pub(super) fn parse(text: &str, directory: &Path, git: &Git) -> Result<VerifyBase, RunnerError> {
    if text == "previous" {
        return Ok(VerifyBase::Previous);
    }
    let is_selector = text.split_once(':').is_some_and(|(kind, _)| matches!(kind, "run" | "label" | "code" | "time"));
    if is_selector {
        return Ok(VerifyBase::Selector(text.to_owned()));
    }
    let revision = text.strip_prefix("commit:").unwrap_or(text);
    let commit = git
        .commit_of(directory, revision)
        .ok_or_else(|| RunnerError::Base { revision: revision.to_owned(), directory: directory.to_owned() })?;
    Ok(VerifyBase::Revision { commit, revision: revision.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_base_are_distinguished() {
        let folder = tempfile::tempdir().unwrap();
        let parse = |text: &str| parse(text, folder.path(), &Git::new([]));
        assert_eq!(parse("previous").unwrap(), VerifyBase::Previous);
        assert_eq!(parse("label:a b").unwrap(), VerifyBase::Selector("label:a b".to_owned()));
        let wrong = parse("HEAD").unwrap_err();
        assert!(wrong.to_string().contains("previous"), "{wrong}");
    }
}

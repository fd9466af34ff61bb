//! What `--against` means: `previous`, a selector, or a git revision.

use std::path::Path;

use kino_wire::verify::VerifyBase;

use crate::config;
use crate::failure::{Failure, code};

/// Reads BASE.
///
/// # Errors
/// Where it is none of them, with what there is.
pub(super) fn parse(text: &str, directory: &Path) -> Result<VerifyBase, Failure> {
    if text == "previous" {
        return Ok(VerifyBase::Previous);
    }
    let is_selector = text.split_once(':').is_some_and(|(kind, _)| matches!(kind, "run" | "label" | "code" | "time"));
    if is_selector {
        return Ok(VerifyBase::Selector(text.to_owned()));
    }
    let revision = text.strip_prefix("commit:").unwrap_or(text);
    let commit = config::git().commit_of(directory, revision).ok_or_else(|| {
        let message = format!(
            "{revision:?} is no revision of the repository around {}, and no other base: write a git revision (HEAD, \
             main, 4f2a91c), `previous`, or run:ID, label:NAME, code:HASH, time:START..END",
            directory.display()
        );
        Failure::new(code::WRONG, message)
    })?;
    Ok(VerifyBase::Revision { commit, revision: revision.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bases_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let parse = |text: &str| parse(text, folder.path());
        assert_eq!(parse("previous").unwrap(), VerifyBase::Previous);
        assert_eq!(parse("label:a b").unwrap(), VerifyBase::Selector("label:a b".to_owned()));
        let wrong = parse("HEAD").unwrap_err();
        assert!(wrong.code == code::WRONG && wrong.message.contains("previous"), "{}", wrong.message);
    }
}

//! The plain archive: unpacked anywhere, `bin/kino` runs.
//!
//! ```text
//!  kino-VERSION-TARGET/bin/kino
//!  kino-VERSION-TARGET/share/{bash-completion,zsh,fish,man}/…   where shells and man look below a prefix
//!  kino-VERSION-TARGET/{LICENSE,NOTICES,README.md,CHANGES.md}
//! ```

use super::release::{COMMAND, Package, Release};
use super::tree::Tree;

/// Makes the archive.
pub(crate) fn make(release: &Release) -> anyhow::Result<Package> {
    let documents = &release.documents;
    let mut tree = Tree::default();
    tree.program(format!("bin/{COMMAND}"), release.binary.as_slice());
    tree.document("LICENSE", documents.licence.as_bytes());
    tree.document("NOTICES", documents.notices.as_bytes());
    tree.document("README.md", documents.readme.as_bytes());
    tree.document("CHANGES.md", documents.notes.as_bytes());
    for (path, text) in documents.shared() {
        tree.document(format!("share/{path}"), text.as_bytes());
    }
    let stem = release.stem();
    let bytes = tree.tar_gz(&format!("{stem}/"), release)?;
    Ok(Package { name: format!("{stem}.tar.gz"), bytes })
}

/// The name of the program that answers `kino sql`.
pub(crate) const SQL: &str = "kino-sql";

/// Makes the archive of the program that answers `kino sql`, which is more than twice as large as `kino` itself.
pub(crate) fn of_sql(release: &Release, binary: &[u8], notices: &str) -> anyhow::Result<Package> {
    let mut tree = Tree::default();
    tree.program(format!("bin/{SQL}"), binary);
    tree.document("LICENSE", release.documents.licence.as_bytes());
    tree.document("NOTICES", notices.as_bytes());
    let stem = format!("{SQL}-{}-{}", release.version, release.platform.triple);
    let bytes = tree.tar_gz(&format!("{stem}/"), release)?;
    Ok(Package { name: format!("{stem}.tar.gz"), bytes })
}

#[cfg(test)]
mod tests {
    use super::super::release::example;
    use super::*;

    #[test]
    fn an_archive_unpacks_into_a_prefix() {
        let package = make(&example()).unwrap();
        assert_eq!(package.name, "kino-1.2.3-x86_64-unknown-linux-gnu.tar.gz");
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(package.bytes.as_slice()));
        let paths = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
        let prefix = "kino-1.2.3-x86_64-unknown-linux-gnu/";
        let paths: Vec<String> = paths.map(|path| path.strip_prefix(prefix).unwrap().to_owned()).collect();
        let expected = [
            "CHANGES.md",
            "LICENSE",
            "NOTICES",
            "README.md",
            "bin/kino",
            "share/bash-completion/completions/kino",
            "share/man/man1/kino.1",
        ];
        assert_eq!(paths, expected);
    }
}

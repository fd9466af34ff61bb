//! The Debian package: an `ar` archive of two tar archives, one with the facts and one with the files.
//!
//! ```text
//!  debian-binary     the version of the format
//!  control.tar.gz    control, md5sums
//!  data.tar.gz       usr/bin/kino, completions, manual pages, usr/share/doc/kinescope
//! ```

use super::checksum::md5;
use super::elf::Needs;
use super::release::{COMMAND, MAINTAINER, Package, Release};
use super::tree::{Tree, TreeEntry, gzipped};

/// The name in Debian, whose archive has no such package.
const NAME: &str = "kinescope";
/// Counts packagings of one version; the first is 1.
const REVISION: u32 = 1;

/// Makes the package.
///
/// # Errors
///
/// Where the binary needs a library that neither of its dependencies has.
pub(crate) fn make(release: &Release) -> anyhow::Result<Package> {
    let version = format!("{}-{REVISION}", release.version);
    let data = data(release, &version)?;
    let mut control = Tree::default();
    control.document("control", control_file(release, &version, &data)?.into_bytes());
    control.document("md5sums", checksums(&data).into_bytes());
    let members = [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", control.tar_gz("./", release)?),
        ("data.tar.gz", data.tar_gz("./", release)?),
    ];
    let name = format!("{NAME}_{version}_{}.deb", release.platform.debian);
    Ok(Package { name, bytes: ar(&members, release.seconds) })
}

/// The files that are installed.
fn data<'a>(release: &'a Release, version: &str) -> anyhow::Result<Tree<'a>> {
    let documents = &release.documents;
    let mut tree = Tree::default();
    tree.program(format!("usr/bin/{COMMAND}"), release.binary.as_slice());
    for (path, text) in documents.shared() {
        // Debian's zsh reads the files of packages in a folder of their own, and its manual pages are compressed.
        let path = path.replace("zsh/site-functions", "zsh/vendor-completions");
        if path.starts_with("man/") {
            tree.document(format!("usr/share/{path}.gz"), gzipped(text.as_bytes(), release.compression)?);
        } else {
            tree.document(format!("usr/share/{path}"), text.as_bytes());
        }
    }
    let doc = format!("usr/share/doc/{NAME}");
    let copyright = format!(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: Kinescope\n\
         Source: {}\n\nFiles: *\nCopyright: 2026 Kinescope maintainers\nLicense: Apache-2.0\n On Debian systems the licence is \
         in /usr/share/common-licenses/Apache-2.0.\nComment:\n The licences of the libraries that are linked in are in \
         NOTICES.gz beside this file.\n",
        release.repository
    );
    let date = jiff::fmt::rfc2822::to_string(&release.time()?)?;
    let changelog = format!(
        "{NAME} ({version}) stable; urgency=medium\n\n  * Release {}.\n\n -- {MAINTAINER}  {date}\n",
        release.version
    );
    tree.document(format!("{doc}/copyright"), copyright.into_bytes());
    tree.document(format!("{doc}/changelog.Debian.gz"), gzipped(changelog.as_bytes(), release.compression)?);
    tree.document(format!("{doc}/changelog.gz"), gzipped(documents.notes.as_bytes(), release.compression)?);
    tree.document(format!("{doc}/NOTICES.gz"), gzipped(documents.notices.as_bytes(), release.compression)?);
    tree.document(format!("{doc}/README.md"), documents.readme.as_bytes());
    Ok(tree.with_parents())
}

fn control_file(release: &Release, version: &str, data: &Tree<'_>) -> anyhow::Result<String> {
    let depends = depends(&release.needs)?;
    Ok(format!(
        "Package: {NAME}\nVersion: {version}\nArchitecture: {}\nMaintainer: {MAINTAINER}\nInstalled-Size: {}\n\
         Depends: {depends}\nSection: devel\nPriority: optional\nHomepage: {}\nDescription: OpenTelemetry traces for people \
         and AI assistants\n{}.\n The command is {COMMAND}.\n",
        release.platform.debian,
        installed_kibibytes(data),
        release.repository,
        wrapped(&release.summary)
    ))
}

/// A text as lines of a description, each behind a space.
fn wrapped(text: &str) -> String {
    /// What a line of a description may have, with the space.
    const WIDTH: usize = 78;
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        if lines.last().is_some_and(|line| line.len() + 1 + word.len() > WIDTH) {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// The packages that have the libraries which the binary needs.
fn depends(needs: &Needs) -> anyhow::Result<String> {
    let mut packages = Vec::new();
    if let Some(glibc) = needs.glibc() {
        packages.push(format!("libc6 (>= {glibc})"));
    }
    if needs.libraries.contains("libgcc_s.so.1") {
        packages.push("libgcc-s1".to_owned());
    }
    // What a wheel may need is what these two packages have.
    super::wheel::platform_tag(needs)?;
    Ok(packages.join(", "))
}

/// The size as dpkg counts it: each file in whole kibibytes, each folder as one.
fn installed_kibibytes(data: &Tree<'_>) -> u64 {
    let size = |entry: &TreeEntry<'_>| match entry {
        TreeEntry::File(bytes, _) => (bytes.len() as u64).div_ceil(1024),
        TreeEntry::Folder(_) => 1,
    };
    data.entries().map(|(_, entry)| size(entry)).sum()
}

fn checksums(data: &Tree<'_>) -> String {
    let line = |(path, entry): (&str, &TreeEntry<'_>)| match entry {
        TreeEntry::File(bytes, _) => Some(format!("{}  {path}\n", md5(bytes))),
        TreeEntry::Folder(_) => None,
    };
    data.entries().filter_map(line).collect()
}

/// The common `ar` format with short names, which is all that Debian's packages use.
fn ar(members: &[(&str, Vec<u8>)], seconds: u64) -> Vec<u8> {
    let mut archive = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        archive.extend(format!("{name:<16}{seconds:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, "100644", bytes.len()).bytes());
        archive.extend(bytes);
        if bytes.len() % 2 == 1 {
            archive.push(b'\n');
        }
    }
    archive
}

#[cfg(test)]
mod tests {
    use super::super::release::example;
    use super::*;

    #[test]
    fn the_package_depends_on_the_glibc_that_the_binary_needs() {
        let mut needs = example().needs;
        assert_eq!(depends(&needs).unwrap(), "libc6 (>= 2.17)");
        needs.libraries.insert("libgcc_s.so.1".to_owned());
        assert_eq!(depends(&needs).unwrap(), "libc6 (>= 2.17), libgcc-s1");
    }

    #[test]
    fn members_are_padded_to_even_places() {
        let archive = ar(&[("a", b"odd".to_vec()), ("b", b"even".to_vec())], 7);
        let second = 8 + 60 + 4;
        assert_eq!(archive.len(), second + 60 + 4);
        assert_eq!(&archive[second..second + 16], b"b               ");
        assert_eq!(&archive[second + 58..second + 60], b"`\n");
    }

    #[test]
    fn the_facts_name_version_architecture_and_size() {
        let release = example();
        let package = make(&release).unwrap();
        assert_eq!(package.name, "kinescope_1.2.3-1_amd64.deb");
        let data = data(&release, "1.2.3-1").unwrap();
        let control = control_file(&release, "1.2.3-1", &data).unwrap();
        assert!(control.contains("Architecture: amd64\n") && control.ends_with("kino.\n"), "{control}");
        assert!(checksums(&data).contains("  usr/bin/kino\n"));
        assert!(checksums(&data).contains("  usr/share/man/man1/kino.1.gz\n"));
        assert_eq!(package, make(&release).unwrap());
    }
}

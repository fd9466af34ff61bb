//! The Python wheel: a zip whose `data/scripts` pip, pipx and uv put on the path, without any Python in it.
//!
//! Its tag states the oldest glibc that the binary runs on, as PEP 600 defines it: a wheel may use the libraries of that
//! list, and no symbol that is newer. Both are read from the binary here, so that the tag cannot be wrong.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::bail;
use flate2::write::DeflateEncoder;
use rawzip::ZipArchiveWriter;

use super::checksum::sha256_record;
use super::elf::{Needs, Version};
use super::release::{COMMAND, NAME, Package, Release};
use super::tree::{DOCUMENT, PROGRAM};

/// The libraries of the list that every Linux with glibc has, other than the loader.
const ALLOWED: [&str; 8] = [
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
    "libresolv.so.2",
];

/// Rust's standard library needs this glibc whatever the rest does.
const OLDEST: Version = Version { major: 2, minor: 17 };

/// The newest symbols of GCC's library that machines with [`OLDEST`] have.
const GCC_NEWEST: Version = Version { major: 4, minor: 8 };

/// The tag of the oldest machines that the binary runs on: `manylinux_2_17_x86_64`.
///
/// # Errors
///
/// Where the binary needs a library, or a version of one, that the tag does not promise.
pub(crate) fn platform_tag(needs: &Needs) -> anyhow::Result<String> {
    let is_allowed = |name: &&String| ALLOWED.contains(&name.as_str()) || name.starts_with("ld-linux-");
    if let Some(other) = needs.libraries.iter().find(|name| !is_allowed(name)) {
        bail!("a wheel may not need {other}: machines do not all have it");
    }
    if let Some(gcc) = needs.newest("GCC_").filter(|gcc| *gcc > GCC_NEWEST) {
        bail!("a wheel may not need GCC_{gcc} of libgcc_s.so.1: machines have {GCC_NEWEST}");
    }
    let glibc = needs.glibc().unwrap_or(OLDEST).max(OLDEST);
    Ok(format!("manylinux_{}_{}_{}", glibc.major, glibc.minor, needs.processor))
}

/// Makes the wheel.
///
/// # Errors
///
/// Where the binary needs more than any tag promises.
pub(crate) fn make(release: &Release) -> anyhow::Result<Package> {
    let tag = format!("py3-none-{}", platform_tag(&release.needs)?);
    let name = NAME.replace('-', "_");
    let stem = format!("{name}-{}", release.version);
    let info = format!("{stem}.dist-info");
    let documents = &release.documents;
    // `uvx NAME` and `pipx run NAME` start the program with the name of the package.
    let alias = format!("#!/bin/sh\nexec \"$(dirname \"$0\")/{COMMAND}\" \"$@\"\n");
    let metadata = metadata(release);
    let wheel = format!("Wheel-Version: 1.0\nGenerator: kinescope-xtask\nRoot-Is-Purelib: false\nTag: {tag}\n");
    let mut files: Vec<(String, &[u8], u32)> = vec![
        (format!("{stem}.data/scripts/{COMMAND}"), &release.binary, PROGRAM),
        (format!("{stem}.data/scripts/{NAME}"), alias.as_bytes(), PROGRAM),
        (format!("{info}/METADATA"), metadata.as_bytes(), DOCUMENT),
        (format!("{info}/WHEEL"), wheel.as_bytes(), DOCUMENT),
        (format!("{info}/licenses/LICENSE"), documents.licence.as_bytes(), DOCUMENT),
        (format!("{info}/licenses/NOTICES"), documents.notices.as_bytes(), DOCUMENT),
    ];
    let shared =
        documents.shared().map(|(path, text)| (format!("{stem}.data/data/share/{path}"), text.as_bytes(), DOCUMENT));
    files.extend(shared);
    files.sort();
    let mut record = String::new();
    let mut zip = ZipArchiveWriter::new(Vec::new());
    for (path, bytes, mode) in files {
        writeln!(record, "{path},{},{}", sha256_record(bytes), bytes.len())?;
        add(&mut zip, release, &path, bytes, mode)?;
    }
    let path = format!("{info}/RECORD");
    writeln!(record, "{path},,")?;
    add(&mut zip, release, &path, record.as_bytes(), DOCUMENT)?;
    Ok(Package { name: format!("{stem}-{tag}.whl"), bytes: zip.finish()? })
}

/// Adds a file, compressed.
fn add(
    zip: &mut ZipArchiveWriter<Vec<u8>>,
    release: &Release,
    path: &str,
    bytes: &[u8],
    mode: u32,
) -> anyhow::Result<()> {
    /// What says in a file's mode that it is a file.
    const REGULAR: u32 = 0o100_000;
    let time = rawzip::time::UtcDateTime::from_unix(i64::try_from(release.seconds)?);
    let file = zip.new_file(path).compression_method(rawzip::CompressionMethod::DEFLATE);
    let (mut entry, config) = file.last_modified(time).unix_permissions(REGULAR | mode).start()?;
    let mut writer = config.wrap(DeflateEncoder::new(&mut entry, release.compression));
    writer.write_all(bytes)?;
    let (encoder, sums) = writer.finish()?;
    encoder.finish()?;
    entry.finish(sums)?;
    Ok(())
}

fn metadata(release: &Release) -> String {
    format!(
        "Metadata-Version: 2.4\nName: {NAME}\nVersion: {}\nSummary: {}\nLicense-Expression: Apache-2.0\n\
         License-File: LICENSE\nLicense-File: NOTICES\nProject-URL: Repository, {}\n\
         Classifier: Environment :: Console\nClassifier: Operating System :: POSIX :: Linux\n\
         Classifier: Topic :: Software Development :: Debuggers\nDescription-Content-Type: text/markdown\n\n{}",
        release.version, release.summary, release.repository, release.documents.readme
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Read;

    use flate2::bufread::DeflateDecoder;

    use super::super::release::example;
    use super::*;

    #[test]
    fn the_tag_is_what_the_binary_needs() {
        let mut release = example();
        assert_eq!(platform_tag(&release.needs).unwrap(), "manylinux_2_17_x86_64");
        let names = release.needs.versions.get_mut("libc.so.6").unwrap();
        names.insert("GLIBC_2.34".to_owned());
        assert_eq!(platform_tag(&release.needs).unwrap(), "manylinux_2_34_x86_64");
    }

    #[test]
    fn needs_beyond_the_tag_are_refused() {
        let mut needs = example().needs;
        needs.versions.insert("libgcc_s.so.1".to_owned(), ["GCC_12.0.0".to_owned()].into());
        assert!(platform_tag(&needs).unwrap_err().to_string().contains("GCC_12.0"));
        needs.libraries.insert("libssl.so.3".to_owned());
        assert!(platform_tag(&needs).unwrap_err().to_string().contains("libssl.so.3"));
    }

    #[test]
    fn every_file_is_in_the_record_with_its_checksum() {
        let package = make(&example()).unwrap();
        assert_eq!(package.name, "kinescope_cli-1.2.3-py3-none-manylinux_2_17_x86_64.whl");
        let files = files(&package.bytes);
        let (record, _) = &files["kinescope_cli-1.2.3.dist-info/RECORD"];
        let record = String::from_utf8(record.clone()).unwrap();
        let lines: Vec<&str> = record.lines().collect();
        assert_eq!(lines.len(), files.len());
        for line in &lines[..lines.len() - 1] {
            let [path, checksum, size] = line.split(',').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let (bytes, _) = &files[path];
            assert_eq!((checksum, size), (sha256_record(bytes).as_str(), bytes.len().to_string().as_str()));
        }
        assert_eq!(files["kinescope_cli-1.2.3.data/scripts/kino"].1, 0o100_755);
    }

    /// Contents and modes by path.
    fn files(bytes: &[u8]) -> BTreeMap<String, (Vec<u8>, u32)> {
        let archive = rawzip::ZipArchive::from_slice(bytes).unwrap();
        let mut entries = archive.entries();
        let mut files = BTreeMap::new();
        while let Some(entry) = entries.next_entry().unwrap() {
            let path = entry.file_path().try_normalize().unwrap().as_ref().to_owned();
            let local = archive.get_entry(entry.wayfinder()).unwrap();
            let mut content = Vec::new();
            local.verifying_reader(DeflateDecoder::new(local.data())).read_to_end(&mut content).unwrap();
            files.insert(path, (content, entry.mode().value()));
        }
        files
    }

    #[test]
    fn the_same_release_gives_the_same_bytes() {
        assert_eq!(make(&example()).unwrap(), make(&example()).unwrap());
    }
}

//! The OCI image, as one tar archive of an image layout: two layers on nothing.
//!
//! ```text
//!  layer 1   the C library that the binary needs, users, empty folders
//!  layer 2   /usr/bin/kino
//! ```
//!
//! The C library is this machine's own (or that below `--libraries`): the binary is linked against glibc, since the
//! toolchain has no musl target here and a static glibc cannot look up hosts. There is no shell and no package manager.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::json;

use super::checksum::sha256;
use super::elf::Needs;
use super::release::{COMMAND, Package, Release};
use super::tree::{PROGRAM, Tree, gzipped};

/// Whom the program runs as, the usual number of images without a shell.
const USER: u32 = 65532;
/// Where the data is: a volume.
const HOME: &str = "/data";
/// gRPC, HTTP, and everything else.
const PORTS: [u16; 3] = [4317, 4318, 4319];

/// One blob of the layout.
struct Blob {
    media: &'static str,
    bytes: Vec<u8>,
}

impl Blob {
    fn descriptor(&self) -> serde_json::Value {
        json!({"mediaType": self.media, "digest": self.digest(), "size": self.bytes.len()})
    }

    fn digest(&self) -> String {
        format!("sha256:{}", sha256(&self.bytes))
    }
}

/// Makes the image, with libraries from the root folder `libraries`.
///
/// # Errors
///
/// Where a library is not found.
pub(crate) fn make(release: &Release, libraries: &Path) -> anyhow::Result<Package> {
    let mut program = Tree::default();
    program.program(format!("usr/bin/{COMMAND}"), release.binary.as_slice());
    program.document(format!("usr/share/doc/{COMMAND}/LICENSE"), release.documents.licence.as_bytes());
    program.document(format!("usr/share/doc/{COMMAND}/NOTICES"), release.documents.notices.as_bytes());
    let mut digests = Vec::new();
    let mut layers = Vec::new();
    for tree in [base(&release.needs, libraries)?, program.with_parents()] {
        let tar = tree.tar("", release.seconds)?;
        digests.push(format!("sha256:{}", sha256(&tar)));
        layers.push(Blob {
            media: "application/vnd.oci.image.layer.v1.tar+gzip",
            bytes: gzipped(&tar, release.compression)?,
        });
    }
    let config = json_blob("application/vnd.oci.image.config.v1+json", &config(release, &digests)?)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": config.descriptor(),
        "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
    });
    let manifest = json_blob("application/vnd.oci.image.manifest.v1+json", &manifest)?;
    let mut named = manifest.descriptor();
    named["annotations"] = json!({"org.opencontainers.image.ref.name": release.version});
    named["platform"] = json!({"os": "linux", "architecture": release.platform.debian});
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [named],
    });
    let mut layout = Tree::default();
    layout.document("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#.as_slice());
    layout.document("index.json", serde_json::to_vec(&index)?);
    for blob in layers.into_iter().chain([config, manifest]) {
        layout.document(format!("blobs/sha256/{}", sha256(&blob.bytes)), blob.bytes);
    }
    let bytes = layout.with_parents().tar("", release.seconds)?;
    Ok(Package { name: format!("{}-oci.tar", release.stem()), bytes })
}

fn json_blob(media: &'static str, value: &serde_json::Value) -> anyhow::Result<Blob> {
    Ok(Blob { media, bytes: serde_json::to_vec(value)? })
}

fn config(release: &Release, digests: &[String]) -> anyhow::Result<serde_json::Value> {
    let created = release.time()?.timestamp().to_string();
    let ports: serde_json::Map<_, _> = PORTS.iter().map(|port| (format!("{port}/tcp"), json!({}))).collect();
    let [grpc, http, rest] = PORTS.map(|port| format!("0.0.0.0:{port}"));
    Ok(json!({
        "created": created,
        "architecture": release.platform.debian,
        "os": "linux",
        "config": {
            "User": format!("{USER}:{USER}"),
            "ExposedPorts": ports,
            "Env": ["PATH=/usr/bin", format!("HOME={HOME}"), format!("KINO_HOME={HOME}/kino")],
            "Entrypoint": [format!("/usr/bin/{COMMAND}")],
            // Outside of its container the addresses of loopback would reach nothing.
            "Cmd": ["serve", "--addr", rest, "--otlp-grpc", grpc, "--otlp-http", http],
            "Volumes": {HOME: {}},
            "WorkingDir": HOME,
            "Labels": {
                "org.opencontainers.image.title": COMMAND,
                "org.opencontainers.image.description": release.summary,
                "org.opencontainers.image.version": release.version,
                "org.opencontainers.image.source": release.repository,
                "org.opencontainers.image.licenses": "Apache-2.0",
            },
        },
        "rootfs": {"type": "layers", "diff_ids": digests},
        "history": [
            {"created": created, "created_by": "the C library and folders"},
            {"created": created, "created_by": format!("{COMMAND} {}", release.version)},
        ],
    }))
}

/// The layer below the program.
fn base(needs: &Needs, libraries: &Path) -> anyhow::Result<Tree<'static>> {
    let mut tree = Tree::default();
    let loader = needs.loader.as_deref().unwrap_or_default().trim_start_matches('/').to_owned();
    if !loader.is_empty() {
        tree.program(loader.clone(), read(&libraries.join(&loader))?);
    }
    let mut open: Vec<String> = needs.libraries.iter().cloned().collect();
    let mut found: Vec<String> = Vec::new();
    while let Some(name) = open.pop() {
        if loader.ends_with(&name) || found.contains(&name) {
            continue;
        }
        let place = place(libraries, needs.processor, &name)?;
        let bytes = read(&libraries.join(&place))?;
        open.extend(Needs::read(&bytes)?.libraries);
        tree.program(place.to_string_lossy(), bytes);
        found.push(name);
    }
    for package in ["libc6", "libgcc-s1"] {
        let copyright = format!("usr/share/doc/{package}/copyright");
        if let Ok(bytes) = std::fs::read(libraries.join(&copyright)) {
            tree.document(copyright, bytes);
        }
    }
    let user = format!("root:x:0:0:root:/:/nonexistent\n{COMMAND}:x:{USER}:{USER}:{COMMAND}:{HOME}:/nonexistent\n");
    tree.document("etc/passwd", user.into_bytes());
    tree.document("etc/group", format!("root:x:0:\n{COMMAND}:x:{USER}:\n").into_bytes());
    tree.document("etc/nsswitch.conf", b"hosts: files dns\n".as_slice());
    // A volume takes its owner and mode from the image; every user may write here, so that a container may run as any.
    for folder in ["data", "tmp"] {
        tree.folder(folder, 0o1777);
    }
    tree.folder("usr/bin", PROGRAM);
    Ok(tree.with_parents())
}

/// The path of a library below `root`, where the loader of that root looks for it.
fn place(root: &Path, processor: &str, name: &str) -> anyhow::Result<PathBuf> {
    let debian = format!("{processor}-linux-gnu");
    let folders = [format!("lib/{debian}"), format!("usr/lib/{debian}"), "lib64".to_owned(), "usr/lib64".to_owned()];
    let places: Vec<PathBuf> = folders.iter().map(|folder| Path::new(folder).join(name)).collect();
    match places.into_iter().find(|place| root.join(place).is_file()) {
        Some(place) => Ok(place),
        None => bail!("{name} is in none of {}, below {}", folders.join(", "), root.display()),
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("failed to read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::release::{Release, example};
    use super::*;

    /// A release without libraries, so that no machine's files are needed.
    fn of_nothing() -> Release {
        let mut release = example();
        release.needs.libraries.clear();
        release.needs.loader = None;
        release
    }

    fn files(tar: &[u8]) -> std::collections::BTreeMap<String, Vec<u8>> {
        let mut archive = tar::Archive::new(tar);
        let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (entry.path().unwrap().display().to_string(), bytes)
        };
        archive.entries().unwrap().map(read).collect()
    }

    #[test]
    fn every_digest_is_that_of_its_blob() {
        let package = make(&of_nothing(), Path::new("/")).unwrap();
        let files = files(&package.bytes);
        let blob = |descriptor: &serde_json::Value| {
            let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
            let bytes = &files[&format!("blobs/sha256/{digest}")];
            assert_eq!(sha256(bytes), digest);
            assert_eq!(descriptor["size"], bytes.len());
            bytes.clone()
        };
        let index: serde_json::Value = serde_json::from_slice(&files["index.json"]).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&blob(&index["manifests"][0])).unwrap();
        let config: serde_json::Value = serde_json::from_slice(&blob(&manifest["config"])).unwrap();
        let layers = manifest["layers"].as_array().unwrap();
        assert_eq!(layers.len(), 2);
        for (layer, digest) in layers.iter().zip(config["rootfs"]["diff_ids"].as_array().unwrap()) {
            let mut tar = Vec::new();
            flate2::read::GzDecoder::new(blob(layer).as_slice()).read_to_end(&mut tar).unwrap();
            assert_eq!(format!("sha256:{}", sha256(&tar)), digest.as_str().unwrap());
        }
    }

    #[test]
    fn a_missing_library_is_named_with_the_places_searched() {
        let folder = tempfile::tempdir().unwrap();
        let error = place(folder.path(), "x86_64", "libc.so.6").unwrap_err().to_string();
        assert!(error.contains("libc.so.6 is in none of lib/x86_64-linux-gnu"), "{error}");
    }
}

//! Root folders to try packages in, and how a script runs in one: apart from this machine's files, processes and network.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::{exec, packages};

/// Debian releases, the oldest first: an old one also shows that its glibc is enough.
const SUITES: [&str; 2] = ["bullseye", "bookworm"];
/// What the base has beside the smallest Debian: Python with pip for the wheel, and what this machine's Node needs.
const INCLUDED: &str = "python3,python3-venv,libstdc++6";
/// Fetching and unpacking about 60 packages.
const BASE_LIMIT: Duration = Duration::from_mins(10);
/// Installing and using one package.
const TRIAL_LIMIT: Duration = Duration::from_mins(5);
/// The version of uv that runs the wheel.
const UV: &str = "uv==0.13.9";

/// Enters a root folder: `$1` is the folder, the rest is the command.
const ENTER: &str = "mount -t proc proc \"$1/proc\" && ip link set lo up && root=$1 && shift && \
                     exec env -i PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root LC_ALL=C.UTF-8 \
                     VERSION=\"$VERSION\" chroot \"$root\" \"$@\"";

/// Scripts and what they use, by file name.
type Scripts = [(&'static str, &'static str); 8];

/// The small Debian that every root folder starts as, archived.
pub(super) struct Base {
    archive: PathBuf,
    folder: PathBuf,
}

/// One root folder, with the packages and scripts in `/try`.
pub(super) struct Fresh {
    folder: PathBuf,
}

impl Base {
    /// Makes the base where there is none yet, or says why there can be none.
    pub(super) fn prepare(target: &Path, suite: Option<&str>) -> Result<Self, String> {
        for (program, arguments) in
            [("unshare", ["--net", "true"].as_slice()), ("ip", &["-V"]), ("chroot", &["/", "true"])]
        {
            if !exec::available(program, arguments) {
                return Err(format!("`{program} {}` does not work here (it takes root)", arguments.join(" ")));
            }
        }
        let folder = target.join("dist-try");
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let suites = suite.map_or_else(|| SUITES.to_vec(), |suite| vec![suite]);
        for suite in &suites {
            let archive = folder.join(format!("{suite}.tar"));
            if archive.is_file() || bootstrap(suite, &archive).is_ok_and(|made| made) {
                println!("root folders are Debian {suite}, from {}", archive.display());
                return Ok(Self { archive, folder });
            }
        }
        Err("no small Debian could be fetched: it takes mmdebstrap and a mirror of Debian's packages".to_owned())
    }

    /// Unpacks a root folder, with those files of `packages` in it whose names have one of the endings.
    pub(super) fn fresh(
        &self,
        name: &str,
        packages: &Path,
        endings: &[&str],
        scripts: Scripts,
    ) -> anyhow::Result<Fresh> {
        let folder = self.folder.join(name);
        clear(&folder)?;
        let mut unpack = Command::new("tar");
        unpack.arg("-xpf").arg(&self.archive).arg("-C").arg(&folder);
        must(unpack)?;
        let inside = folder.join("try");
        fs::create_dir_all(inside.join("packages"))?;
        for ending in endings {
            for file in files_ending_with(packages, ending)? {
                fs::copy(&file, inside.join("packages").join(file.file_name().unwrap_or_default()))?;
            }
        }
        for (name, text) in scripts {
            fs::write(inside.join(name), text)?;
        }
        Ok(Fresh { folder })
    }
}

impl Fresh {
    /// Copies this machine's Node and npm; says why where it has none.
    pub(super) fn add_node(&self) -> anyhow::Result<Result<(), String>> {
        let (Some(node), Some(modules)) =
            (printed("node", &["-p", "process.execPath"]), printed("npm", &["root", "-g"]))
        else {
            return Ok(Err("this machine has no Node.js with npm".to_owned()));
        };
        let local = self.folder.join("usr/local");
        fs::copy(&node, local.join("bin/node")).with_context(|| format!("failed to copy {node}"))?;
        fs::create_dir_all(local.join("lib/node_modules"))?;
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(Path::new(&modules).join("npm")).arg(local.join("lib/node_modules/"));
        must(copy)?;
        for name in ["npm", "npx"] {
            let script = format!("../lib/node_modules/npm/bin/{name}-cli.js");
            std::os::unix::fs::symlink(script, local.join("bin").join(name))?;
        }
        Ok(Ok(()))
    }

    /// Copies a wheel of uv, fetched once into `cache`; without a network there is none, and the script says so.
    pub(super) fn add_uv(&self, cache: &Path) -> anyhow::Result<()> {
        fs::create_dir_all(cache)?;
        if fs::read_dir(cache)?.next().is_none() {
            let mut fetch = Command::new("python3");
            fetch.args(["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", UV, "--dest"]);
            fetch.arg(cache);
            exec::run(fetch, BASE_LIMIT)?;
        }
        packages::copy(cache, &self.folder.join("try/uv"))
    }

    /// Runs a script of `/try`; false where it fails, and then the folder stays.
    pub(super) fn run(&self, script: &str) -> anyhow::Result<bool> {
        let mut command = apart();
        command.args(["sh", "-c", ENTER, "sh"]).arg(&self.folder);
        command.args(["sh", "-eu", &format!("/try/{script}")]);
        finish(command, &self.folder)
    }
}

/// Unpacks an image's layers into `folder` and runs what its configuration says there.
pub(super) fn run_image(folder: &Path, image: &Path, scripts: Scripts) -> anyhow::Result<bool> {
    clear(folder)?;
    let root = folder.join("root");
    let config = unpack_image(image, &root)?;
    for (name, text) in scripts {
        fs::write(folder.join(name), text)?;
    }
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|text| Some(text.as_str()?.to_owned())).collect()
    };
    let config = &config["config"];
    let mut command = apart();
    command.env("ENVIRONMENT", texts(&config["Env"]).join(" "));
    command.args(["sh", "-eu"]).arg(folder.join("image.sh")).arg(env!("CARGO_PKG_VERSION")).arg(&root);
    command.arg(config["User"].as_str().unwrap_or("0:0")).args(texts(&config["Cmd"]));
    if !exec::run(command, TRIAL_LIMIT)?.success {
        println!("the folder is still there: {}", folder.display());
        return Ok(false);
    }
    let mut command = Command::new("sh");
    command.arg("-eu").arg(folder.join("container.sh")).arg(env!("CARGO_PKG_VERSION")).arg(folder).arg(image);
    if exec::available("runc", &["--version"]) && exec::available("umoci", &["--version"]) {
        return finish(command, folder);
    }
    println!("not tried in a container: that takes runc and umoci");
    finish(Command::new("true"), folder)
}

/// Unpacks the layers of an image's archive in order; returns its configuration.
fn unpack_image(image: &Path, root: &Path) -> anyhow::Result<Value> {
    let file = fs::File::open(image).with_context(|| format!("failed to open {}", image.display()))?;
    let mut files = BTreeMap::new();
    for entry in tar::Archive::new(file).entries()? {
        let mut entry = entry?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        files.insert(entry.path()?.to_string_lossy().into_owned(), bytes);
    }
    let blob = |descriptor: &Value| {
        let digest = descriptor["digest"].as_str().and_then(|digest| digest.strip_prefix("sha256:"));
        let digest = digest.context("a descriptor without a digest")?;
        files.get(&format!("blobs/sha256/{digest}")).with_context(|| format!("the image lacks {digest}"))
    };
    let index: Value = serde_json::from_slice(files.get("index.json").context("the image has no index")?)?;
    let manifest: Value = serde_json::from_slice(blob(&index["manifests"][0])?)?;
    for layer in manifest["layers"].as_array().into_iter().flatten() {
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(blob(layer)?.as_slice()));
        archive.set_preserve_permissions(true);
        archive.unpack(root)?;
    }
    Ok(serde_json::from_slice(blob(&manifest["config"])?)?)
}

/// The one file of a folder whose name ends so.
pub(super) fn file_ending_with(folder: &Path, ending: &str) -> anyhow::Result<PathBuf> {
    match <[PathBuf; 1]>::try_from(files_ending_with(folder, ending)?) {
        Ok([file]) => Ok(file),
        Err(files) => bail!("{} has {} files with the ending {ending}, not one", folder.display(), files.len()),
    }
}

fn files_ending_with(folder: &Path, ending: &str) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("there are no packages in {}", folder.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Fetches a small Debian; false where that fails.
fn bootstrap(suite: &str, archive: &Path) -> anyhow::Result<bool> {
    let mut command = Command::new("mmdebstrap");
    command.args(["--quiet", "--variant=minbase", &format!("--include={INCLUDED}"), suite]);
    // Complete or absent: a name that exists is taken for a whole archive.
    let partial = archive.with_extension("partial.tar");
    command.arg(&partial).args(mirror());
    if !exec::run(command, BASE_LIMIT)?.success {
        return Ok(false);
    }
    fs::rename(partial, archive)?;
    Ok(true)
}

/// The mirror of Debian's packages that this machine is set to; without one, mmdebstrap knows its own.
fn mirror() -> Option<String> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    let folder = fs::read_dir("/etc/apt/sources.list.d").ok();
    files.extend(folder.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())));
    files.sort();
    let texts: Vec<String> = files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
    let lines = texts.iter().flat_map(|text| text.lines()).filter(|line| !line.trim_start().starts_with('#'));
    let is_debian = |word: &&str| word.starts_with("http") && word.trim_end_matches('/').ends_with("/debian");
    lines.flat_map(str::split_whitespace).find(is_debian).map(str::to_owned)
}

/// A command in namespaces of its own, which ends with this process.
fn apart() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]);
    command.env("VERSION", env!("CARGO_PKG_VERSION"));
    command
}

fn finish(command: Command, folder: &Path) -> anyhow::Result<bool> {
    let passed = exec::run(command, TRIAL_LIMIT)?.success;
    if passed {
        fs::remove_dir_all(folder).with_context(|| format!("failed to remove {}", folder.display()))?;
    } else {
        println!("the folder is still there: {}", folder.display());
    }
    Ok(passed)
}

/// Empties a folder.
fn clear(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("failed to remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))
}

fn must(command: Command) -> anyhow::Result<()> {
    if !exec::run(command, TRIAL_LIMIT)?.success {
        bail!("the root folder could not be prepared; the output is above");
    }
    Ok(())
}

fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

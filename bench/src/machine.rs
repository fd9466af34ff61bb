//! What the figures were measured on.

use std::fs;
use std::process::Command;

/// One paragraph about the machine, without anything that names it.
pub(crate) fn describe() -> anyhow::Result<String> {
    let cpu = fs::read_to_string("/proc/cpuinfo")?;
    let model = field(&cpu, "model name").unwrap_or_else(|| "unknown CPU".into());
    let cores = cpu.lines().filter(|line| line.starts_with("processor")).count();
    let memory = field(&fs::read_to_string("/proc/meminfo")?, "MemTotal").unwrap_or_default();
    let kibibytes: u64 = memory.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let rustc = Command::new("rustc").arg("--version").output()?;
    let rustc = String::from_utf8_lossy(&rustc.stdout);
    let version = rustc.split_whitespace().nth(1).unwrap_or("unknown");
    Ok(format!(
        "{model}, {cores} cores, {} GiB of memory, Linux {}, a virtual machine; rustc {version}, profile `release`.",
        (kibibytes + (1 << 19)) >> 20,
        kernel.split('.').take(2).collect::<Vec<_>>().join("."),
    ))
}

fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim().to_owned())
}

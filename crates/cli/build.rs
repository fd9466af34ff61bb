//! Asks the linker to fold functions whose code is the same: generic code is compiled once for each crate and type that
//! uses it, and `kino` is some megabytes smaller without the copies.
//!
//! Only where the linker is the toolchain's own, which can: Linux on x86-64 with nothing else configured.

#![expect(clippy::disallowed_methods, reason = "cargo passes a build script its settings in the environment")]

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|found| found == value);
    let is_linux = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    let is_usual = env::var_os("RUSTC_LINKER").is_none() && is("CARGO_ENCODED_RUSTFLAGS", "");
    if is_linux && is("CARGO_CFG_TARGET_ARCH", "x86_64") && is_usual && is("PROFILE", "release") {
        println!("cargo::rustc-link-arg-bins=-Wl,--icf=all");
    }
}

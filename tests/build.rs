//! Builds the guests, each a component with one behaviour, and tells the tests where they are.
//!
//! The guests are a workspace of their own with a target of their own, so this
//! runs cargo inside cargo: in a target folder apart, and with none of what the
//! outer one set for us. Under clippy nothing is built, since nothing is run.

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Packages whose library is a component.
const LIBRARIES: [&str; 4] = ["hello-p2", "hello-p3", "orders", "users"];
/// Packages with a component per example.
const EXAMPLES: [&str; 3] = ["behaviours-p2", "behaviours-p3", "hostile"];
const TARGET: &str = "wasm32-wasip2";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../guests").canonicalize()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let target = target_folder(&out)?.join("guests");
    watch(&folder);
    let checked_only = env::var("RUSTC_WORKSPACE_WRAPPER").is_ok_and(|wrapper| wrapper.contains("clippy-driver"));
    if !checked_only {
        build(&folder, &target)?;
    }
    let guests = guests(&folder, &target.join(TARGET).join("release"))?;
    fs::write(out.join("guests.rs"), constants(&guests)?)?;
    Ok(())
}

/// The folder above that cargo marked as its own.
fn target_folder(out: &Path) -> Result<&Path, String> {
    out.ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .ok_or_else(|| format!("no target folder above `{}`", out.display()))
}

fn watch(folder: &Path) {
    for name in ["Cargo.toml", "Cargo.lock", "json-service", "../wit"] {
        println!("cargo::rerun-if-changed={}", folder.join(name).display());
    }
    for package in LIBRARIES.iter().chain(&EXAMPLES) {
        println!("cargo::rerun-if-changed={}", folder.join(package).display());
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC_WORKSPACE_WRAPPER");
}

fn build(folder: &Path, target: &Path) -> Result<(), String> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in env::vars_os() {
        if is_ours(&name.to_string_lossy()) {
            cargo.env_remove(name);
        }
    }
    cargo.current_dir(folder).env("CARGO_TARGET_DIR", target);
    // The guests' own settings are for small and fast components; here they are to be built soon.
    cargo.env("CARGO_PROFILE_RELEASE_LTO", "false").env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16");
    cargo.args(["build", "--release", "--locked", "--target", TARGET, "--lib", "--examples"]);
    for package in LIBRARIES.iter().chain(&EXAMPLES) {
        cargo.args(["-p", package]);
    }
    let status = cargo.status().map_err(|error| format!("cargo cannot be run: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("the guests could not be built: {status}")) }
}

/// What the outer cargo set for this script and must not reach the inner one. Where
/// crates come from is not part of it.
fn is_ours(name: &str) -> bool {
    let kept = ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE_"];
    match name {
        "RUSTFLAGS" | "RUSTC" | "RUSTC_WRAPPER" | "RUSTC_WORKSPACE_WRAPPER" | "RUSTDOC" | "MAKEFLAGS" => true,
        name => name.starts_with("CARGO_") && !kept.iter().any(|kept| name.starts_with(kept)),
    }
}

/// Constants by name, with the path of the component.
fn guests(folder: &Path, built: &Path) -> Result<BTreeMap<String, PathBuf>, Box<dyn Error>> {
    let mut guests = BTreeMap::new();
    for library in LIBRARIES {
        let stem = library.replace('-', "_");
        guests.insert(stem.to_uppercase(), built.join(format!("{stem}.wasm")));
    }
    for package in EXAMPLES {
        for entry in fs::read_dir(folder.join(package).join("examples"))? {
            let source = entry?.path();
            let stem = source.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            if source.extension().is_some_and(|extension| extension == "rs") {
                guests.insert(stem.to_uppercase(), built.join("examples").join(format!("{stem}.wasm")));
            }
        }
    }
    Ok(guests)
}

fn constants(guests: &BTreeMap<String, PathBuf>) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for (name, path) in guests {
        writeln!(text, "pub const {name}: &str = {:?};", path.display().to_string())?;
    }
    let names: Vec<_> = guests.keys().map(|name| format!("(\"{name}\", {name})")).collect();
    writeln!(text, "/// Every guest, by the name of its constant.")?;
    writeln!(text, "pub const ALL: &[(&str, &str)] = &[{}];", names.join(", "))?;
    Ok(text)
}

//! What a file is, before anything is compiled: component or not, of which world, within the counts.
//!
//! Bytes come from outside and are read in the host's own process here, so this
//! is one pass that costs by their number alone and recurses nowhere. Whether
//! they are valid is the business of the process that compiles: a validator
//! recurses as deep as a file likes, and can be kept busy for minutes.

use std::collections::BTreeSet;

use hostel_model::limits::fixed;
use hostel_model::units::ByteSize;
use wasmparser::{Parser, Payload};

use crate::engine::Generation;
use crate::error::CompileError;
use counts::{CountLimits, Counts, refused};

mod counts;

/// Imports that say nothing about a service: every one may have them, and what
/// they reach is empty. Interfaces of `wasi:http/types` only carry data.
const EVERYBODYS: [&str; 6] =
    ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:http/types", "wasi:io/", "wasi:random/"];

/// What a component that may be compiled says about itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Inspected {
    /// How it answers requests.
    pub(crate) generation: Generation,
    /// The interfaces it imports, without versions and those everybody has.
    pub(crate) imports: BTreeSet<String>,
}

/// Refuses what must not be compiled.
pub(crate) fn inspect(bytes: &[u8]) -> Result<Inspected, CompileError> {
    if bytes.len() as u64 > fixed::COMPONENT_FILE.0 {
        return Err(CompileError::TooLarge { actual: ByteSize(bytes.len() as u64), limit: fixed::COMPONENT_FILE });
    }
    reject_other_files(bytes)?;
    let summary = summarise(bytes)?;
    let generation = summary.generation()?;
    Ok(Inspected { generation, imports: summary.imports })
}

fn reject_other_files(bytes: &[u8]) -> Result<(), CompileError> {
    let not_wasm = |reason: &str| Err(CompileError::NotWasm { reason: reason.to_owned() });
    if bytes.is_empty() {
        return not_wasm("the file is empty");
    }
    if wasmtime::Engine::detect_precompiled(bytes).is_some() {
        return Err(CompileError::Precompiled);
    }
    if Parser::is_core_wasm(bytes) {
        return Err(CompileError::CoreModule);
    }
    if !Parser::is_component(bytes) {
        return not_wasm("it does not begin like one");
    }
    Ok(())
}

/// What is named at the top level.
#[derive(Default)]
struct Summary {
    exports: Vec<String>,
    imports: BTreeSet<String>,
}

fn summarise(bytes: &[u8]) -> Result<Summary, CompileError> {
    let (mut summary, mut counts) = (Summary::default(), Counts::new(CountLimits::FIXED));
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(refused)?;
        counts.add(&payload, bytes)?;
        match payload {
            Payload::ComponentImportSection(section) if counts.depth() == 1 => {
                for import in section {
                    summary.imports.extend(telling(import.map_err(refused)?.name.name));
                }
            }
            Payload::ComponentExportSection(section) if counts.depth() == 1 => {
                for export in section {
                    summary.exports.push(export.map_err(refused)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    let (actual, limit) = (summary.imports.len() as u64, fixed::IMPORT_NAMES as u64);
    if actual > limit {
        return Err(CompileError::TooMany { what: "interfaces it imports", actual, limit });
    }
    Ok(summary)
}

impl Summary {
    /// The stable generation wins where a component offers both.
    fn generation(&self) -> Result<Generation, CompileError> {
        let exports = |prefix: &str| self.exports.iter().any(|name| name.starts_with(prefix));
        if exports("wasi:http/incoming-handler@0.2.") {
            Ok(Generation::P2)
        } else if exports("wasi:http/handler@0.3.") {
            Ok(Generation::P3)
        } else {
            Err(CompileError::MissingExport { found: describe(&self.exports) })
        }
    }
}

/// The name of an import as people compare it, unless everybody has it. The
/// letters are a stranger's: cut, and none that moves a cursor.
fn telling(name: &str) -> Option<String> {
    let (interface, _version) = name.split_once('@').unwrap_or((name, ""));
    let is_everybodys = EVERYBODYS.iter().any(|theirs| match theirs.strip_suffix('/') {
        Some(_package) => interface.starts_with(theirs),
        None => interface == *theirs,
    });
    let letters = interface.chars().filter(|letter| !letter.is_control());
    (!is_everybodys).then(|| letters.take(fixed::IMPORT_NAME_LETTERS).collect())
}

/// The names a component exports instead, as far as they fit a message.
fn describe(exports: &[String]) -> String {
    const SHOWN: usize = 3;
    if exports.is_empty() {
        return "; it exports nothing".to_owned();
    }
    let shown: Vec<String> = exports
        .iter()
        .take(SHOWN)
        .map(|name| format!("`{}`", name.chars().take(80).filter(|c| !c.is_control()).collect::<String>()))
        .collect();
    let more = if exports.len() > SHOWN { " and more" } else { "" };
    format!("; it exports {}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests;

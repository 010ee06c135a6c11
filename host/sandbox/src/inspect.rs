//! What a file is, before anything is compiled: component or not, of which world, within the counts.
//!
//! Bytes come from outside. wasmparser validates them; our own counts are taken
//! first, because validation and compilation cost by what they count.

use std::collections::BTreeSet;

use hostel_model::limits::fixed;
use hostel_model::units::ByteSize;
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

use crate::engine::Generation;
use crate::error::CompileError;

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
    summary.within_counts()?;
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(bytes)
        .map_err(|error| CompileError::NotWasm { reason: error.message().to_owned() })?;
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

/// What was counted and named at the top level, and counts of all levels.
#[derive(Default)]
struct Summary {
    exports: Vec<String>,
    imports: BTreeSet<String>,
    core_instances: usize,
    imports_and_exports: usize,
}

fn summarise(bytes: &[u8]) -> Result<Summary, CompileError> {
    let refuse = |error: wasmparser::BinaryReaderError| CompileError::NotWasm { reason: error.message().to_owned() };
    let mut summary = Summary::default();
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(refuse)? {
            Payload::Version { encoding: Encoding::Component | Encoding::Module, .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::InstanceSection(section) => summary.core_instances += section.count() as usize,
            Payload::ComponentImportSection(section) => {
                summary.imports_and_exports += section.count() as usize;
                if depth == 1 {
                    for import in section {
                        summary.imports.extend(telling(import.map_err(refuse)?.name.name));
                    }
                }
            }
            Payload::ImportSection(section) => summary.imports_and_exports += section.count() as usize,
            Payload::ExportSection(section) => summary.imports_and_exports += section.count() as usize,
            Payload::ComponentExportSection(section) => {
                summary.imports_and_exports += section.count() as usize;
                if depth == 1 {
                    for export in section {
                        summary.exports.push(export.map_err(refuse)?.name.name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(summary)
}

impl Summary {
    fn within_counts(&self) -> Result<(), CompileError> {
        let counts = [
            ("core instances", self.core_instances, fixed::CORE_INSTANCES as usize),
            ("imports and exports", self.imports_and_exports, fixed::IMPORTS_EXPORTS as usize),
            ("interfaces it imports", self.imports.len(), fixed::IMPORT_NAMES),
        ];
        for (what, actual, limit) in counts {
            if actual > limit {
                return Err(CompileError::TooMany { what, actual, limit });
            }
        }
        Ok(())
    }

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

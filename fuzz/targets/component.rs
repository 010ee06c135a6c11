//! A component that somebody uploads: what is refused before compiling is refused by name, what is compiled does not
//! break the compiler, and nothing valid passes for malformed.
//!
//! The first byte says what the rest is: the file itself, or what a generator makes of it, wrapped so that it answers
//! requests, perhaps with a few bytes changed afterwards.
#![no_main]

use arbitrary::Unstructured;
use hostel_sandbox::fuzzing::{Looked, compile, look};
use libfuzzer_sys::fuzz_target;
use wasm_encoder::{
    ComponentExportKind, ComponentExportSection, ComponentInstanceSection, ComponentSectionId, RawSection,
};
use wasmparser::{Validator, WasmFeatures};

/// What a component must export to be a service.
const ANSWERS: &str = "wasi:http/incoming-handler@0.2.0";
/// Larger ones take the compiler longer than they teach.
const COMPILED_BYTES: usize = 8 * 1024;
/// Bytes that say which are changed: place, place, value.
const CHANGE: usize = 3;

fuzz_target!(|bytes: &[u8]| {
    let Some((how, rest)) = bytes.split_first() else {
        return;
    };
    match how % 3 {
        0 => try_file(rest, None),
        1 => {
            if let Some(file) = generated(rest) {
                try_file(&file, Some(true));
            }
        }
        _ => {
            let (changes, rest) = rest.split_at(rest.len().min(4 * CHANGE));
            if let Some(mut file) = generated(rest) {
                change(&mut file, changes);
                try_file(&file, None);
            }
        }
    }
});

/// Looks at a file as the host does, and compiles it if the host would. `valid` is what is known of it.
fn try_file(file: &[u8], valid: Option<bool>) {
    let looked = look(file);
    let is_valid = || Validator::new_with_features(WasmFeatures::all()).validate_all(file).is_ok();
    match looked {
        Looked::Malformed(reason) => {
            assert!(valid != Some(true), "what the generator made is refused: {reason}");
            assert!(!is_valid() || !is_component(file), "a valid component is refused: {reason}");
        }
        Looked::Refused(_) => {}
        Looked::Compiled(generation) => {
            assert!(is_component(file), "something else than a component is compiled");
            if file.len() > COMPILED_BYTES {
                return;
            }
            // Anything may be refused; what is not valid must be.
            let compiled = compile(generation, file).is_ok();
            assert!(!compiled || is_valid(), "what is not valid was compiled");
        }
    }
}

fn is_component(file: &[u8]) -> bool {
    wasmparser::Parser::is_component(file)
}

/// A component of the generator's inside one that answers requests.
fn generated(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut source = Unstructured::new(bytes);
    let config = wasm_smith::Config { max_instances: 4, max_modules: 4, max_components: 2, ..Default::default() };
    let inner = wasm_smith::Component::new(config, &mut source).ok()?.to_bytes();
    let mut outer = wasm_encoder::Component::new();
    outer.section(&RawSection { id: ComponentSectionId::Component.into(), data: &inner });
    let mut instances = ComponentInstanceSection::new();
    instances.export_items::<[(&str, ComponentExportKind, u32); 0], _>([]);
    outer.section(&instances);
    let mut exports = ComponentExportSection::new();
    exports.export(ANSWERS, ComponentExportKind::Instance, 0, None);
    outer.section(&exports);
    Some(outer.finish())
}

fn change(file: &mut [u8], changes: &[u8]) {
    for change in changes.chunks_exact(CHANGE) {
        let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % file.len();
        file[place] ^= change[2];
    }
}

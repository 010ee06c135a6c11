//! Who may import whom: the packages by their manifests, the modules of the server by their `use` lines.

use std::collections::BTreeSet;

use super::{Source, assert_none, sources, text};

/// The packages from left to right; each may import those before it.
const PACKAGES: [(&str, &str); 4] = [
    ("hostel-model", "host/model"),
    ("hostel-storage", "host/storage"),
    ("hostel-sandbox", "host/sandbox"),
    ("hostel", "host/server"),
];

/// Dependencies that belong to one package alone.
const OWNED: [(&str, &str); 8] = [
    ("wasmtime", "hostel-sandbox"),
    ("wasmtime-wasi", "hostel-sandbox"),
    ("wasmtime-wasi-http", "hostel-sandbox"),
    ("wasmparser", "hostel-sandbox"),
    ("redb", "hostel-storage"),
    ("hyper", "hostel"),
    ("hyper-util", "hostel"),
    ("toml", "hostel-model"),
];

/// What would let the model do I/O.
const NEVER_IN_MODEL: [&str; 4] = ["tokio", "http", "futures", "tracing"];

/// Modules of the server from top to bottom. A module may name those in lower rows, and those
/// in its own group, never others of its row.
const ORDER: &[&[&[&str]]] = &[
    &[&["main"]],
    &[&["commands"]],
    &[&["follow"]],
    &[&["cli"], &["config"]],
    &[&["host", "host::doors", "host::numbers"]],
    &[&["ingress", "ingress::connection"], &["admin"], &["rollout"]],
    &[&["ingress::wire"], &["ingress::frames"], &["ingress::streams"]],
    &[&["ingress::meter", "ingress::head", "ingress::chunks"]],
    &[&["dispatch", "dispatch::call", "dispatch::call_body"], &["deploy"]],
    &[&["live"], &["ingress::request_body"]],
    &[&["dispatch::admission"], &["egress"]],
    // A record writes its line, and the line shows a record.
    &[&["record", "access_log"]],
    &[&["live::breaker"], &["live::tally"], &["ingress::paced"]],
    &[
        &["respond"],
        &["metrics"],
        &["watch"],
        &["service_manager"],
        &["telemetry"],
        &["answer"],
        &["ingress::framing"],
        &["ingress::linger"],
        &["platform"],
        &["machine"],
        &["edge", "edge::aim", "edge::forwarded", "edge::headers"],
    ],
    &[
        &["hardening"],
        &["line_writer"],
        &["sockets"],
        &["pace"],
        &["timer"],
        &["tls"],
        &["ingress::rewind"],
        &["ingress::addresses"],
    ],
];

#[test]
fn packages_import_only_what_is_to_their_left() {
    let mut faults = Vec::new();
    for (place, (package, folder)) in PACKAGES.iter().enumerate() {
        let imports = dependencies(&text(&format!("{folder}/Cargo.toml")));
        for (other, _) in PACKAGES.iter().skip(place) {
            if imports.contains(*other) {
                faults.push(format!("{package} imports {other}"));
            }
        }
        for (name, owner) in OWNED {
            if imports.contains(name) && owner != *package {
                faults.push(format!("{package} imports {name}, which belongs to {owner}"));
            }
        }
    }
    let model = dependencies(&text("host/model/Cargo.toml"));
    faults.extend(
        NEVER_IN_MODEL.iter().filter(|name| model.contains(**name)).map(|name| format!("the model imports {name}")),
    );
    assert_none(&faults);
}

/// The names under `[dependencies]`.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let section = manifest.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    let names = section.take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with('#'));
    let found: BTreeSet<String> = names
        .filter_map(|line| Some(line.split(['.', '=', ' ']).next()?.to_owned()))
        .filter(|name| !name.is_empty())
        .collect();
    assert!(!found.is_empty(), "no dependencies found in:\n{manifest}");
    found
}

#[test]
fn modules_of_the_server_import_only_what_is_below_them() {
    let mut faults = Vec::new();
    let files = sources();
    let server = files.iter().filter(|file| file.is_host_code() && file.path.starts_with("host/server/src/"));
    let mut seen = BTreeSet::new();
    for file in server {
        let module = module_of(file);
        if module == "lib" {
            continue;
        }
        let Some(from) = rank(&module) else {
            faults.push(format!("{}: `{module}` has no place in the table", file.path));
            continue;
        };
        seen.insert(from.name);
        for (line, named) in named_modules(file, &module) {
            match rank(&named) {
                Some(to) if to.row > from.row || to.group() == from.group() => {}
                Some(to) => {
                    faults.push(format!("{}: `{module}` names `{}`, which is not below it", file.place(line), to.name))
                }
                None => {}
            }
        }
    }
    for name in ORDER.iter().copied().flatten().copied().flatten() {
        if !seen.contains(name) {
            faults.push(format!("the table has `{name}`, the server has not"));
        }
    }
    assert_none(&faults);
}

/// A module's place in [`ORDER`].
struct Rank {
    name: &'static str,
    row: usize,
    place: usize,
}

impl Rank {
    fn group(&self) -> (usize, usize) {
        (self.row, self.place)
    }
}

/// The place of a module, or of the nearest one around it.
fn rank(module: &str) -> Option<Rank> {
    let mut best: Option<Rank> = None;
    for (row, groups) in ORDER.iter().enumerate() {
        for (place, names) in groups.iter().enumerate() {
            for name in names.iter().copied() {
                let holds = module == name || module.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"));
                if holds && best.as_ref().is_none_or(|best| best.name.len() < name.len()) {
                    best = Some(Rank { name, row, place });
                }
            }
        }
    }
    best
}

/// `host/server/src/dispatch/call.rs` is `dispatch::call`.
fn module_of(file: &Source) -> String {
    let path = file.path.trim_start_matches("host/server/src/").trim_end_matches(".rs");
    path.replace('/', "::")
}

/// Every path into the server's own modules, with its line.
fn named_modules(file: &Source, module: &str) -> Vec<(usize, String)> {
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    let parent = if parent.is_empty() { String::new() } else { format!("{parent}::") };
    let mut found = Vec::new();
    // In a module of tests `super` is the module itself.
    let lines = file.text.lines().take_while(|line| *line != "mod tests {").enumerate();
    for (line, text) in lines.filter(|(_, text)| !text.trim_start().starts_with("//")) {
        for (start, prefix) in [("crate::", String::new()), ("hostel::", String::new()), ("super::", parent.clone())] {
            for (place, _) in text.match_indices(start) {
                let before = text.get(..place).and_then(|before| before.chars().next_back());
                if before.is_some_and(|before| before.is_alphanumeric() || before == '_' || before == ':') {
                    continue;
                }
                let rest = text.get(place + start.len()..).unwrap_or_default();
                let path: String = rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect();
                found.push((line, format!("{prefix}{}", path.trim_end_matches(':'))));
            }
        }
    }
    found
}

#[test]
fn the_place_of_a_module_is_that_of_the_nearest_one_around_it() {
    let name = |module: &str| rank(module).map(|rank| rank.name);
    assert_eq!(name("ingress::framing::MessageBytes"), Some("ingress::framing"));
    assert_eq!(name("dispatch::Dispatcher"), Some("dispatch"));
    assert_eq!(name("commands::serve"), Some("commands"));
    assert_eq!(name("ingressing"), None);
}

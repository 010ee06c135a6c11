//! What `examples/` shows is true: each folder can be served, and each command of its README works.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use hostel::config::load;
use tempfile::TempDir;

use crate::fixed_ports::{is_free, lasting_folder, turn};
use crate::harness::{Process, eventually, guest};
use crate::shop::example;

/// Where a folder without configuration is served.
const PORT_DEFAULT: u16 = 8080;

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests must be in the project").to_path_buf()
}

/// The folders of `examples/`.
fn examples() -> BTreeSet<String> {
    let entries = std::fs::read_dir(project().join("examples")).unwrap().map(Result::unwrap);
    let folders = entries.filter(|entry| entry.path().is_dir());
    folders.map(|entry| entry.file_name().into_string().expect("a name must be text")).collect()
}

fn configured_examples() -> Vec<String> {
    let is_configured = |name: &String| project().join("examples").join(name).join("hostel.toml").is_file();
    let found: Vec<_> = examples().into_iter().filter(is_configured).collect();
    assert!(found.len() >= 2, "{found:?}");
    found
}

#[test]
fn every_example_has_a_readme_and_is_named_in_the_projects() {
    let readme = std::fs::read_to_string(project().join("README.md")).unwrap();
    for name in examples() {
        assert!(readme.contains(&format!("examples/{name}")), "README.md does not name examples/{name}");
        let own = project().join("examples").join(&name).join("README.md");
        assert!(own.is_file(), "{} is missing", own.display());
    }
}

#[test]
fn every_example_passes_hostel_check() {
    for name in configured_examples() {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("hostel.toml"), example(&name)).unwrap();
        let mut check = Process::run([Path::new("check"), folder.path()]);
        let status = check.wait();
        let said = check.stdout.text() + &check.stderr.text();
        assert_eq!((status.code(), said.contains("is fine")), (Some(0), true), "examples/{name}: {said}");
        assert!(!said.contains("warning"), "examples/{name}: {said}");
    }
}

#[test]
fn every_example_names_the_component_that_its_build_makes() {
    for name in configured_examples() {
        let folder = project().join("examples").join(&name);
        let loaded = load(&folder);
        assert!(loaded.problems.is_empty(), "examples/{name}: {:?}", loaded.problems);
        for service in &loaded.plan.services {
            let build = service.build.as_ref().expect("an example must be built by `hostel dev`");
            let directory = build.directory.as_deref().expect("it must be built where its package is");
            assert_eq!(build.command, format!("cargo build --release --target wasm32-wasip2 -p {}", service.name));
            assert_eq!(service.component, format!("{directory}/target/wasm32-wasip2/release/{}.wasm", service.name));
            let manifest = folder.join(directory).join(service.name.as_str()).join("Cargo.toml");
            let manifest =
                std::fs::read_to_string(&manifest).unwrap_or_else(|error| panic!("{}: {error}", manifest.display()));
            assert!(manifest.contains(&format!("name = \"{}\"", service.name)), "examples/{name}: {}", service.name);
        }
    }
}

#[test]
fn dev_builds_every_service_and_then_serves_them() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("made")).unwrap();
    let toml = format!(
        r#"
        version = 1
        [[listener]]
        address = "127.0.0.1:0"
        [service.one]
        component = "made/one.wasm"
        build = {{ command = "cp '{}' one.wasm", directory = "made" }}
        routes = ["GET /one"]
        [service.two]
        component = "two.wasm"
        build = {{ command = "cp '{}' two.wasm && echo built two" }}
        routes = ["GET /two"]
        "#,
        guest::HELLO_P2,
        guest::HELLO_P3
    );
    std::fs::write(folder.path().join("hostel.toml"), toml).unwrap();
    let mut host = Process::run([Path::new("dev"), folder.path()]);
    eventually("both are served", || host.has_ended() || !host.addresses().is_empty());
    assert!(!host.has_ended(), "{}", host.stderr.text());
    for path in ["/one", "/two"] {
        assert_eq!(host.get(path).text(), "Hello, World!\n", "{path}");
    }
    assert_eq!(host.stop().code(), Some(0));
    assert!(host.stderr.text().contains("built two"), "{}", host.stderr.text());
    assert!(!host.stdout.text().contains("built two"), "standard output is the access log's alone");
}

#[test]
fn dev_serves_nothing_if_a_build_fails_and_says_which() {
    let folder = TempDir::new().unwrap();
    let toml = "version = 1\n[service.one]\ncomponent = \"one.wasm\"\nbuild = { command = \"exit 3\" }\n";
    std::fs::write(folder.path().join("hostel.toml"), toml).unwrap();
    // What an earlier build left is not served in its place.
    std::fs::copy(guest::HELLO_P2, folder.path().join("one.wasm")).unwrap();
    let mut host = Process::run([Path::new("dev"), folder.path()]);
    assert_eq!(host.wait().code(), Some(64));
    let said = host.stderr.text();
    assert!(said.contains("the build of `one` failed") && said.contains("hostel.toml:3"), "{said}");
}

#[test]
fn hello_for_wasi_0_2_answers_as_its_readme_says() {
    hello_answers("hello-p2", "hello_p2");
}

#[test]
fn hello_for_wasi_0_3_answers_as_its_readme_says() {
    hello_answers("hello-p3", "hello_p3");
}

/// Does what `examples/hello/README.md` says, for a package with a component of that name.
fn hello_answers(package: &str, component: &str) {
    let readme = std::fs::read_to_string(project().join("examples/hello/README.md")).unwrap();
    let commands = first_block(&readme);
    assert!(commands.contains("hello-p2") && commands.contains("hello_p2"), "{commands}");
    let (first, rest) = commands.split_once('\n').expect("there must be several commands");
    let _turn = turn("hello");
    let target = lasting_folder().join("hello");
    std::fs::create_dir_all(&target).unwrap();
    // Between the first command and the rest: what was built and resolved before is not built and resolved anew.
    let script = format!(
        "set -e\nexport HOSTEL='{}'\n{first}\ncp \"$HOSTEL/guests/Cargo.lock\" .\nln -s '{}' target\n{rest}",
        project().display(),
        target.display(),
    );
    let folder = TempDir::new().unwrap();
    shell(&script.replace("hello-p2", package).replace("hello_p2", component), folder.path());
    serve_and_ask(&folder.path().join("hello/site"));
}

fn serve_and_ask(site: &Path) {
    let _turn = turn("default-port");
    // Where somebody's own shop is served already, the folder must say where it is served.
    if !is_free(PORT_DEFAULT) {
        let toml = "version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n";
        std::fs::write(site.join("hostel.toml"), toml).unwrap();
    }
    let mut host = Process::up(site);
    for path in ["/hello", "/hello/anything"] {
        let answer = host.get(path);
        assert_eq!((answer.status, answer.text().as_str()), (200, "Hello, World!\n"), "{path}");
    }
    assert_eq!(host.get("/").status, 404);
    assert_eq!(host.stop().code(), Some(0));
}

/// The commands of the first block, without their prompts.
fn first_block(readme: &str) -> String {
    let (_, block) = readme.split_once("```console\n").expect("there must be a block");
    let (block, _) = block.split_once("```").expect("the block must end");
    let commands = block.lines().map(|line| line.strip_prefix("$ ").expect("it must hold commands alone"));
    commands.collect::<Vec<_>>().join("\n")
}

/// Runs a command as somebody would in a terminal.
#[track_caller]
fn shell(command: &str, folder: &Path) {
    let output = Command::new("sh").arg("-c").arg(command).current_dir(folder).output().expect("sh must be there");
    assert!(output.status.success(), "{command}\n{}", String::from_utf8_lossy(&output.stderr));
}

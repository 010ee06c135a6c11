//! The client of an article, unmodified, against `examples/seed-client`.
//!
//! The article is not part of the project: without it the test says that it was skipped.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::fixed_ports::{is_free, lasting_folder, turn};
use crate::harness::Process;
use crate::shop::example;

/// The variable that names the article's text.
const ARTICLE: &str = "HOSTEL_SEED_ARTICLE";
/// What the listing imports. Any version of these years answers the same.
const REQUESTS: &str = "requests>=2.31,<3";
/// Where the listing's addresses lead.
const PORTS: [u16; 2] = [5000, 5001];

#[test]
fn the_unmodified_client_of_the_article_gets_its_four_messages() {
    let Some(article) = article() else {
        return;
    };
    let python = python_with_requests();
    let _turn = turn("seed-client-ports");
    for port in PORTS {
        assert!(is_free(port), "port {port}, which the article's client speaks to, is taken; stop what listens there");
    }
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("hostel.toml"), example("seed-client")).unwrap();
    let mut host = Process::up(folder.path());
    let output = drive(&python, &article);
    assert_eq!(shown(&output), "用户注册成功\n用户登录成功\n订单创建成功\n支付成功\n", "{output:?}");
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(host.stop().code(), Some(0));
}

/// The article, or none with a note why.
fn article() -> Option<PathBuf> {
    match std::env::var_os(ARTICLE).map(PathBuf::from) {
        Some(article) if article.is_file() => Some(article),
        Some(article) => {
            eprintln!("skipped: {ARTICLE} is `{}`, which is not a file", article.display());
            None
        }
        None => {
            eprintln!("skipped: {ARTICLE} is not set to the path of the article's text");
            None
        }
    }
}

#[test]
fn the_driver_tells_a_missing_listing_from_a_wrong_answer() {
    let listing = |message: &str| {
        format!(
            "Text.\n```python\n# In place of requests.post.\ndef register(data):\n    return {{'message': '{message}'}}\n\
             login = order = pay = register\n```\n"
        )
    };
    let folder = TempDir::new().unwrap();
    for (text, code, told) in [
        ("An article without code.".to_owned(), 2, "0 listings"),
        (listing("") + &listing(""), 2, "2 listings"),
        (listing("").replace("login = order = pay = register", ""), 2, "login, order, pay"),
        (listing("").replace("return {", "return ]"), 2, "does not run"),
        (listing("失败"), 1, "失败"),
    ] {
        let article = folder.path().join("article.txt");
        std::fs::write(&article, &text).unwrap();
        let output = drive(Path::new("python3"), &article);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), error.contains(told)), (Some(code), true), "{text}\n{error}");
        assert_eq!(shown(&output), "", "{text}");
    }
}

fn drive(python: &Path, article: &Path) -> Output {
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/seed-client/driver.py");
    let output = Command::new(python).arg(driver).env(ARTICLE, article).output();
    output.unwrap_or_else(|error| panic!("{}: {error}", python.display()))
}

fn shown(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A Python that has `requests`, made at the first run.
fn python_with_requests() -> PathBuf {
    let _turn = turn("seed-client-venv");
    let folder = lasting_folder().join("seed-client-venv");
    let (python, ready) = (folder.join("bin/python"), folder.join("ready"));
    // Written last, so that an environment that was cut off is made anew.
    if !ready.is_file() {
        done(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
        done(Command::new(&python).args(["-m", "pip", "install", "--quiet", REQUESTS]));
        std::fs::write(&ready, "").unwrap();
    }
    python
}

#[track_caller]
fn done(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}{}", shown(&output), String::from_utf8_lossy(&output.stderr));
}

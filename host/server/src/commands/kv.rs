//! `hostel kv`: what services keep, listed, read, moved out and in, and taken away.

use std::fs::File;
use std::io;
use std::path::Path;

use http::{Method, StatusCode};

use super::Exit;
use super::admin_client::{AskError, Client, Content, Question, exit};
use super::change::{of_service, segment};
use super::listing::{listing, print, print_json};
use super::report::{number, say};
use super::whole_file::WholeFile;
use crate::admin::view::{Buckets, Imported, Keys, Purged};
use crate::cli::{KvCommand, Whom};
use crate::config::Environment;

/// What the lines of an import are called.
const LINES: &str = "application/jsonl";

/// Does what `command` says.
pub(super) fn kv(command: &KvCommand, environment: Environment<'_>) -> Exit {
    exit(done(command, environment))
}

fn done(command: &KvCommand, environment: Environment<'_>) -> Result<Exit, AskError> {
    let client = |whom: &Whom| Client::of(whom, environment);
    match command {
        KvCommand::List { name, bucket: None, prefix: _, json, whom } => buckets(&client(whom)?, name, *json),
        KvCommand::List { name, bucket: Some(bucket), prefix, json, whom } => {
            keys(&client(whom)?, name, bucket, prefix.as_deref().unwrap_or_default(), *json)
        }
        KvCommand::Get { name, bucket, key, whom } => get(&client(whom)?, name, bucket, key),
        KvCommand::Export { name, file, whom } => export(&client(whom)?, name, file),
        KvCommand::Import { name, file, json, whom } => import(&client(whom)?, name, file, *json),
        KvCommand::Purge { name, bucket, confirm, json, whom } => {
            purge(&client(whom)?, name, bucket.as_deref(), confirm, *json)
        }
    }
}

fn buckets(client: &Client, name: &str, json: bool) -> Result<Exit, AskError> {
    let answer = client.ask(Question::get(of_service(name, "/keyvalue")))?;
    let Buckets { buckets, service: _ } = answer.read()?;
    if json {
        print_json(&answer.json)?;
    } else {
        let row = |bucket: &crate::admin::view::Bucket| {
            [bucket.name.clone(), bucket.keys.to_string(), bucket.bytes.to_string()]
        };
        print(listing(["BUCKET", "KEYS", "BYTES"], buckets.iter().map(row).collect()).as_bytes())?;
    }
    Ok(Exit::Clean)
}

/// Page after page, a key on each line: for people, or as JSON if they are to be read by a program.
fn keys(client: &Client, name: &str, bucket: &str, prefix: &str, json: bool) -> Result<Exit, AskError> {
    let path = of_service(name, &format!("/keyvalue/{}", segment(bucket)));
    let mut cursor: Option<String> = None;
    loop {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("prefix", prefix);
        if let Some(cursor) = &cursor {
            query.append_pair("cursor", cursor);
        }
        let answer = client.ask(Question::get(format!("{path}?{}", query.finish())))?;
        let page: Keys = answer.read()?;
        let line = |key: &String| format!("{}\n", if json { in_json(key) } else { plain(key) });
        print(page.keys.iter().map(line).collect::<String>().as_bytes())?;
        cursor = page.cursor;
        if cursor.is_none() {
            return Ok(Exit::Clean);
        }
    }
}

/// `key` as people read it: what it says stays on its line, and no terminal acts on it. Guests choose
/// their keys, and are not trusted.
fn plain(key: &str) -> String {
    let letters = key.chars().map(|letter| match letter {
        '\\' => "\\\\".to_owned(),
        letter if is_acted_on(letter) => letter.escape_default().to_string(),
        letter => letter.to_string(),
    });
    letters.collect()
}

/// The same as a text of JSON, which has escapes of its own.
fn in_json(key: &str) -> String {
    // A text has a form in JSON, in which everything below a space is escaped already.
    let text = serde_json::to_string(key).unwrap_or_default();
    let letters = text.chars().map(|letter| match letter {
        letter if is_acted_on(letter) => format!("\\u{:04x}", u32::from(letter)),
        letter => letter.to_string(),
    });
    letters.collect()
}

/// Whether a terminal does something else with it than showing it: control characters, ends of lines
/// and paragraphs, and what turns the direction of what follows.
fn is_acted_on(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn get(client: &Client, name: &str, bucket: &str, key: &str) -> Result<Exit, AskError> {
    let target = of_service(name, &format!("/keyvalue/{}/{}", segment(bucket), segment(key)));
    match client.ask(Question::get(target)) {
        Ok(answer) => {
            print(&answer.json)?;
            Ok(Exit::Clean)
        }
        Err(error) if error.refused(StatusCode::NOT_FOUND).is_some() => {
            say(&format!("`{key}` has no value in `{bucket}` of `{name}`"));
            Ok(Exit::None)
        }
        Err(error) => Err(error),
    }
}

fn export(client: &Client, name: &str, file: &Path) -> Result<Exit, AskError> {
    let mut out = WholeFile::at(file)?;
    client.download(Question::get(of_service(name, "/export")), file, &mut out)?;
    out.finish()?;
    Ok(Exit::Clean)
}

fn import(client: &Client, name: &str, file: &Path, json: bool) -> Result<Exit, AskError> {
    let content = if file == Path::new("-") {
        Content::stream(LINES, io::stdin())
    } else {
        let unreadable = |source| AskError::File { action: "read", path: file.to_path_buf(), source };
        let opened = File::open(file).map_err(unreadable)?;
        let bytes = opened.metadata().map_err(unreadable)?.len();
        Content::file(LINES, opened, bytes, drop)
    };
    let answer = client.ask(Question::transfer(Method::POST, of_service(name, "/import"), content))?;
    let Imported { keys } = answer.read()?;
    if json {
        print_json(&answer.json)?;
    } else {
        print(format!("{name}: {} written\n", counted(keys)).as_bytes())?;
    }
    Ok(Exit::Clean)
}

fn purge(client: &Client, name: &str, bucket: Option<&str>, confirm: &str, json: bool) -> Result<Exit, AskError> {
    let bucket = bucket.map(|bucket| format!("/{}", segment(bucket))).unwrap_or_default();
    let target = of_service(name, &format!("/keyvalue{bucket}?confirm={}", segment(confirm)));
    let answer = client.ask(Question::change(Method::DELETE, target, Content::nothing()))?;
    let Purged { keys, bytes } = answer.read()?;
    if json {
        print_json(&answer.json)?;
    } else {
        print(format!("{name}: {} and {bytes} bytes are gone\n", counted(keys)).as_bytes())?;
    }
    Ok(Exit::Clean)
}

fn counted(keys: u64) -> String {
    number(usize::try_from(keys).unwrap_or(usize::MAX), "key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stays_on_its_line_and_no_terminal_acts_on_it() {
        for (key, shown) in [
            ("user/1", "user/1"),
            ("ü ☃ \u{1f600}", "ü ☃ \u{1f600}"),
            ("a\nb\r\tc", r"a\nb\r\tc"),
            (r"a\nb", r"a\\nb"),
            ("\x1b]0;title\x07", r"\u{1b}]0;title\u{7}"),
            ("\0\x7f\u{80}\u{9b}31m", r"\u{0}\u{7f}\u{80}\u{9b}31m"),
            ("x\u{202e}y\u{2066}z\u{200f}\u{61c}", r"x\u{202e}y\u{2066}z\u{200f}\u{61c}"),
            ("\u{2028}\u{2029}\u{85}", r"\u{2028}\u{2029}\u{85}"),
            ("", ""),
        ] {
            assert_eq!(plain(key), shown, "{key:?}");
            let json = in_json(key);
            assert!(!json.chars().any(is_acted_on), "{json:?}");
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), key, "{json}");
        }
    }
}

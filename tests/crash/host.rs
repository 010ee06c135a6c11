//! The same from outside: a host is killed while clients write through a guest, and all that was acknowledged is read.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::chance::Chance;
use crate::harness::{Connection, Process, Request, guest};

const ROUNDS: usize = 5;
/// Clients that write at once, each its own keys.
const CLIENTS: usize = 4;
/// At most so many writes are acknowledged before the host is killed; others are under way then.
const WRITES: usize = 120;
/// Bytes of the longest value.
const VALUE_BYTES: usize = 60 * 1024;
const HOSTEL_TOML: &str = "version = 1

[[listener]]
address = \"127.0.0.1:0\"

[service.store]
component = \"store.wasm\"
routes = [\"/store\"]
keyvalue = [\"default\"]
";

/// The keys of a client: a value, two values that are written together, and a number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Keys {
    value: Value,
    pair: [Value; 2],
    number: Value,
}

#[test]
fn kill_9_of_a_host_loses_no_write_that_a_client_was_told_of() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("hostel.toml"), HOSTEL_TOML).unwrap();
    fs::copy(guest::KEYVALUE_P2, folder.path().join("store.wasm")).unwrap();
    let mut chance = Chance::of(5);
    let mut written = [0; CLIENTS];
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let before = written;
        write_until_killed(folder.path(), 1 + chance.below(WRITES), &mut written);
        acknowledged += written.iter().sum::<usize>() - before.iter().sum::<usize>();
        let mut process = Process::up(folder.path());
        for (client, written) in written.iter_mut().enumerate() {
            let found = read(&process, client);
            let (least, most) = (expected(client, *written), expected(client, *written + 1));
            let place = format!("round {round}, client {client} after {written} writes");
            assert!(found == least || found == most, "{place}: {found:?} is neither {least:?} nor {most:?}");
            *written += usize::from(found == most);
        }
        assert_eq!(process.stop().code(), Some(0));
    }
    assert!(acknowledged > ROUNDS, "only {acknowledged} writes were acknowledged");
}

/// Writes from several sides, kills the host after that many acknowledgements, and counts those of each client.
fn write_until_killed(folder: &Path, writes: usize, written: &mut [usize; CLIENTS]) {
    let mut process = Process::up(folder);
    let (acknowledge, acknowledged) = channel();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let (connection, acknowledge) = (process.connect(), acknowledge.clone());
            let (address, from) = (process.address(), written[client]);
            let requests =
                (from..).map(move |index| write(Request::new(address, "POST", &path(client, index)), client, index));
            std::thread::spawn(move || write_for_ever(connection, requests, client, &acknowledge))
        })
        .collect();
    // What is left are the clients' own: the channel ends with them.
    drop(acknowledge);
    for client in acknowledged.iter().take(writes) {
        written[client] += 1;
    }
    process.signal(Signal::KILL);
    for client in clients {
        client.join().expect("a client must meet nothing but the end of the host");
    }
    for client in acknowledged.try_iter() {
        written[client] += 1;
    }
    process.wait();
}

fn write_for_ever(
    mut connection: Connection,
    requests: impl Iterator<Item = Request>,
    client: usize,
    acknowledge: &Sender<usize>,
) {
    for request in requests {
        if connection.try_send(request.bytes()).is_err() {
            return;
        }
        let Some(answer) = connection.try_read_answer("POST").filter(|answer| answer.complete) else {
            return;
        };
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.json().get("result").is_some(), "{}", answer.text());
        // Fails only if the test has.
        let _ = acknowledge.send(client);
    }
}

/// A client's write with this number: each of its three kinds in turn.
fn path(client: usize, index: usize) -> String {
    match index % 3 {
        0 => format!("/store?op=set&key={client}-value"),
        1 => format!("/store?op=set_many&pair={client}-one:{index}&pair={client}-two:{index}"),
        _ => format!("/store?op=increment&key={client}-number"),
    }
}

fn write(request: Request, client: usize, index: usize) -> Request {
    if index.is_multiple_of(3) { request.body(value(client, index)) } else { request.body("") }
}

fn value(client: usize, index: usize) -> String {
    let length = Chance::of((client * 1_000_000 + index) as u64).below(VALUE_BYTES);
    let text = format!("{client}x{index}.");
    text.repeat(1 + length / text.len())
}

/// A client's keys after so many of its writes.
fn expected(client: usize, writes: usize) -> Keys {
    let last = |kind: usize| (0..writes).rev().find(|index| index % 3 == kind);
    let pair = last(1).map_or(Value::Null, |index| json!(index.to_string()));
    let numbers = (0..writes).filter(|index| index % 3 == 2).count();
    Keys {
        value: last(0).map_or(Value::Null, |index| json!(value(client, index))),
        pair: [pair.clone(), pair],
        number: if numbers == 0 { Value::Null } else { json!(numbers.to_string()) },
    }
}

fn read(process: &Process, client: usize) -> Keys {
    let get = |name: &str| process.get(&format!("/store?op=get&key={client}-{name}")).json()["result"].clone();
    Keys { value: get("value"), pair: [get("one"), get("two")], number: get("number") }
}

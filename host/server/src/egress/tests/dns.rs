//! A resolver that answers what a test tells it, and remembers what it was asked.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

const A: u16 = 1;
const AAAA: u16 = 28;
/// There is no such name.
const NXDOMAIN: u8 = 3;

pub(super) struct Dns {
    pub(super) address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

#[derive(Default)]
struct Zone {
    /// For each question to a name the next of its answers, the last for ever; and how often it was asked for either kind.
    names: HashMap<String, (Vec<Vec<IpAddr>>, [usize; 2])>,
    asked: Vec<String>,
    ttl: u32,
    /// Questions for names that end so get no answer.
    silent: Option<&'static str>,
}

impl Dns {
    #[expect(clippy::disallowed_methods, reason = "the resolver of a test has a thread of its own")]
    pub(super) fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let zone = Arc::<Mutex<Zone>>::default();
        let answers = Arc::clone(&zone);
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                if let Some(answer) = answers.lock().unwrap().answer(&buffer[..length]) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Self { address, zone }
    }

    /// `name` stands for these addresses from now on.
    pub(super) fn says(&self, name: &str, addresses: &[&str]) {
        self.says_one_after_the_other(name, &[addresses]);
    }

    /// The first answer of `name` holds the first addresses, and so on.
    pub(super) fn says_one_after_the_other(&self, name: &str, answers: &[&[&str]]) {
        let parsed = answers.iter().map(|one| one.iter().map(|text| text.parse().expect(text)).collect());
        self.zone.lock().unwrap().names.insert(name.to_owned(), (parsed.collect(), [0; 2]));
    }

    /// Answers are good for so many seconds.
    pub(super) fn lasts(&self, ttl: u32) {
        self.zone.lock().unwrap().ttl = ttl;
    }

    /// Nobody gets an answer.
    pub(super) fn falls_silent(&self) {
        self.ignores("");
    }

    /// Nobody gets an answer for a name that ends so.
    pub(super) fn ignores(&self, end: &'static str) {
        self.zone.lock().unwrap().silent = Some(end);
    }

    /// Everybody gets an answer again.
    pub(super) fn speaks(&self) {
        self.zone.lock().unwrap().silent = None;
    }

    /// The names that were asked for by A, in order.
    pub(super) fn asked(&self) -> Vec<String> {
        self.zone.lock().unwrap().asked.clone()
    }
}

impl Zone {
    fn answer(&mut self, question: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = name_of(question.get(12..)?)?;
        let kind = u16::from_be_bytes([*rest.first()?, *rest.get(1)?]);
        let end = question.len() - rest.len() + 4;
        if kind == A {
            self.asked.push(name.clone());
        }
        if self.silent.is_some_and(|end| name.ends_with(end)) {
            return None;
        }
        let found = self.names.get_mut(&name);
        let code = if found.is_some() { 0 } else { NXDOMAIN };
        let addresses = match found {
            // Both kinds are asked for at once and may come in either order: each has a turn of its own.
            Some((answers, turns)) => {
                let turn = &mut turns[usize::from(kind == AAAA)];
                let place = (*turn).min(answers.len() - 1);
                *turn += 1;
                answers[place].clone()
            }
            None => Vec::new(),
        };
        let records: Vec<Vec<u8>> = addresses.iter().filter_map(|address| record(*address, kind, self.ttl)).collect();
        let count = u16::try_from(records.len()).unwrap().to_be_bytes();
        let mut answer = question.get(..2)?.to_vec();
        answer.extend([0x81, 0x80 | code, 0, 1, count[0], count[1], 0, 0, 0, 0]);
        answer.extend(&question[12..end]);
        records.iter().for_each(|record| answer.extend(record));
        Some(answer)
    }
}

/// The first name, and what follows it.
fn name_of(mut rest: &[u8]) -> Option<(String, &[u8])> {
    let mut labels = Vec::new();
    loop {
        let (length, after) = rest.split_first()?;
        let (label, after) = after.split_at_checked(usize::from(*length))?;
        rest = after;
        if label.is_empty() {
            return Some((labels.join(".").to_ascii_lowercase(), rest));
        }
        labels.push(String::from_utf8_lossy(label).into_owned());
    }
}

/// Of the name in the question, if the address is of that kind.
fn record(address: IpAddr, kind: u16, ttl: u32) -> Option<Vec<u8>> {
    let bytes = match (address, kind) {
        (IpAddr::V4(address), A) => address.octets().to_vec(),
        (IpAddr::V6(address), AAAA) => address.octets().to_vec(),
        _ => return None,
    };
    let mut record = vec![0xc0, 12];
    record.extend(kind.to_be_bytes());
    record.extend(1_u16.to_be_bytes());
    record.extend(ttl.to_be_bytes());
    record.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
    record.extend(bytes);
    Some(record)
}

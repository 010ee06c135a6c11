//! A resolver on loopback that answers what a test tells it, and remembers what it was asked.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

const A: u16 = 1;
const AAAA: u16 = 28;
/// There is no such name.
const NXDOMAIN: u8 = 3;

/// A thread that answers questions for as long as the process lives.
pub struct Dns {
    address: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

#[derive(Default)]
struct Zone {
    /// For each question to a name the next of its answers, the last for ever; and how often it was asked for either kind.
    names: HashMap<String, (Vec<Vec<IpAddr>>, [usize; 2])>,
    asked: usize,
}

impl Dns {
    pub fn start() -> Self {
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

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `name` stands for these addresses, of which no answer is good for longer than now.
    pub fn says(&self, name: &str, addresses: &[IpAddr]) {
        self.says_in_turn(name, &[addresses]);
    }

    /// The first answer holds the first addresses, and so on.
    pub fn says_in_turn(&self, name: &str, answers: &[&[IpAddr]]) {
        let answers = answers.iter().map(|one| one.to_vec()).collect();
        self.zone.lock().unwrap().names.insert(name.to_owned(), (answers, [0; 2]));
    }

    /// How many names were asked for.
    pub fn asked(&self) -> usize {
        self.zone.lock().unwrap().asked
    }
}

impl Zone {
    fn answer(&mut self, question: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = name_of(question.get(12..)?)?;
        let kind = u16::from_be_bytes([*rest.first()?, *rest.get(1)?]);
        let end = question.len() - rest.len() + 4;
        self.asked += usize::from(kind == A);
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
        let records: Vec<Vec<u8>> = addresses.iter().filter_map(|address| record(*address, kind)).collect();
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
fn record(address: IpAddr, kind: u16) -> Option<Vec<u8>> {
    let bytes = match (address, kind) {
        (IpAddr::V4(address), A) => address.octets().to_vec(),
        (IpAddr::V6(address), AAAA) => address.octets().to_vec(),
        _ => return None,
    };
    // The name is at the twelfth byte; then kind, class, no seconds, and the length.
    let mut record = vec![0xc0, 12];
    record.extend(kind.to_be_bytes());
    record.extend([0, 1, 0, 0, 0, 0]);
    record.extend(u16::try_from(bytes.len()).unwrap().to_be_bytes());
    record.extend(bytes);
    Some(record)
}

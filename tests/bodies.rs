//! Whatever a client sends comes back from an echo unchanged, whatever its method, type, size and pieces.

mod leaving;

use std::io::{Read, Write};
use std::time::Duration;

use hostel_model::units::ByteSize;

use crate::failures::both;
use crate::harness::{Connection, Process, Request, guest};

/// Every method of RFC 9110 and 5789 that has a body or none, and one that nobody knows.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"];

#[test]
fn every_method_reaches_the_guest_with_its_body() {
    let host = both(guest::ECHO_P2, guest::ECHO_P3, |_| {});
    for service in ["p2", "p3"] {
        for method in METHODS {
            let path = format!("/{service}/a%20b?q=%E4%BD%A0&x");
            let answer = host.request(method, &path).body("body").send();
            assert_eq!(
                (answer.status, answer.text().as_str(), answer.complete),
                (200, "body", true),
                "{service} {method}"
            );
            assert_eq!(answer.header("x-echo-method"), Some(method), "{service}");
            assert_eq!(answer.header("x-echo-path"), Some(path.as_str()), "{service}");
            assert_eq!(answer.header("x-echo-scheme"), Some("http"), "{service}");
            assert_eq!(answer.header("x-echo-authority"), Some("localhost"), "{service}");
        }
        let head = host.request("HEAD", &format!("/{service}")).send();
        assert_eq!((head.status, head.header("x-echo-method"), head.body.len()), (200, Some("HEAD"), 0), "{service}");
    }
}

#[test]
fn every_content_type_passes_through_unchanged() {
    let binary: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let bodies: [(&str, Vec<u8>); 6] = [
        ("application/json", r#"{"用户名":"阿","n":[1,2.5,null],"s":"\u0000\"\\"}"#.into()),
        ("application/xml; charset=utf-8", "<?xml version=\"1.0\"?><a b='c'><![CDATA[<&>]]></a>\r\n".into()),
        ("application/x-www-form-urlencoded", "a=1&b=%20+%26&c=".into()),
        (
            "multipart/form-data; boundary=xyz",
            [
                b"--xyz\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n\r\n".as_slice(),
                &binary,
                b"\r\n--xyz--\r\n",
            ]
            .concat(),
        ),
        ("application/octet-stream", binary),
        ("text/plain", Vec::new()),
    ];
    let host = both(guest::ECHO_P2, guest::ECHO_P3, |_| {});
    for service in ["p2", "p3"] {
        for (content_type, body) in &bodies {
            for method in ["POST", "PUT", "PATCH"] {
                let request = || host.request(method, &format!("/{service}")).header("Content-Type", content_type);
                for request in [request().body(body.clone()), request().chunks(body.chunks(999))] {
                    let answer = request.send();
                    assert!(answer.complete && answer.body == *body, "{service} {method} {content_type}");
                    assert_eq!(answer.header("content-type"), Some(*content_type), "{service} {method}");
                }
            }
        }
    }
}

#[test]
fn chunks_of_one_byte_arrive_as_one_body() {
    let host = both(guest::ECHO_P2, guest::ECHO_P3, |limits| limits.cpu = Duration::from_secs(5));
    let body: Vec<u8> = (0..3_000_u32).map(|n| n as u8).collect();
    for service in ["p2", "p3"] {
        let answer = host.request("POST", &format!("/{service}")).chunks(body.chunks(1)).send();
        assert!(answer.complete && answer.body == body, "{service}");
        let line = host.log_line_for(answer.id());
        // `1\r\n` and `\r\n` for each byte, and `0\r\n\r\n`.
        assert_eq!(line["received"]["framing"], 3_000 * 5 + 5, "{line}");
    }
}

#[test]
fn a_request_that_comes_byte_by_byte_is_understood() {
    let host = both(guest::ECHO_P2, guest::ECHO_P3, |_| {});
    for service in ["p2", "p3"] {
        let mut connection = host.connect();
        for byte in host.request("POST", &format!("/{service}")).chunks([b"hello"]).bytes() {
            connection.send([byte]);
        }
        assert_eq!(connection.read_answer("POST").text(), "hello", "{service}");
    }
}

#[test]
fn bodies_stream_both_ways_at_once() {
    let host = both(guest::ECHO_P2, guest::ECHO_P3, |_| {});
    for service in ["p2", "p3"] {
        let mut connection =
            host.request("POST", &format!("/{service}")).header("Transfer-Encoding", "chunked").begin();
        assert_eq!(connection.read_head().unwrap().status, 200, "{service}");
        // Each piece comes back before the next is sent: nothing waits for the end.
        for piece in ["one", "three", "fifteen"] {
            let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
            connection.send(&chunk);
            assert_eq!(connection.read_raw(chunk.len()), chunk.into_bytes(), "{service}");
        }
        connection.send("0\r\n\r\n");
        assert_eq!(connection.read_raw(5), b"0\r\n\r\n", "{service}");
    }
}

#[test]
fn trailers_of_a_request_do_not_disturb_its_body() {
    let host = both(guest::ECHO_P2, guest::ECHO_P3, |_| {});
    for service in ["p2", "p3"] {
        let mut connection =
            host.request("POST", &format!("/{service}")).header("Transfer-Encoding", "chunked").begin();
        connection.send("5\r\nhello\r\n0\r\nx-sum: 1\r\nhostel-caller: admin\r\n\r\n");
        let answer = connection.read_answer("POST");
        assert_eq!((answer.text().as_str(), answer.complete), ("hello", true), "{service}");
        assert_eq!(host.request("GET", "/hello").send_on(&mut connection).status, 200, "{service}");
    }
}

/// A piece of a body that repeats only after a long time.
fn piece(n: usize) -> Vec<u8> {
    (0..64 * 1024_usize).map(|at| ((at * 31) ^ (n * 7) ^ (at >> 8)) as u8).collect()
}

/// Sends `pieces` of a body to an echo and reads them back at the same time.
fn stream(process: &Process, path: &str, pieces: usize) {
    let mut connection = Connection::to(process.address());
    connection.send(
        Request::new(process.address(), "POST", path)
            .header("Content-Length", &(pieces * 64 * 1024).to_string())
            .bytes(),
    );
    let mut writer = connection.stream().try_clone().unwrap();
    std::thread::scope(|scope| {
        scope.spawn(move || (0..pieces).for_each(|n| writer.write_all(&piece(n)).unwrap()));
        assert_eq!(connection.read_head().unwrap().status, 200, "{path}");
        let mut body = Chunked { connection: &mut connection, left: 0 };
        let mut bytes = vec![0; 64 * 1024];
        for n in 0..pieces {
            body.read_exact(&mut bytes).unwrap();
            assert!(bytes == piece(n), "{path}: piece {n} is not what was sent");
        }
        assert_eq!(body.read(&mut bytes).unwrap(), 0, "{path}");
    });
}

/// A chunked body, read as it comes.
struct Chunked<'a> {
    connection: &'a mut Connection,
    left: usize,
}

impl Read for Chunked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left == 0 {
            let mut line = self.connection.read_raw(1);
            while !line.ends_with(b"\r\n") {
                line.extend(self.connection.read_raw(1));
            }
            let size = std::str::from_utf8(&line).unwrap().trim_end();
            self.left = usize::from_str_radix(size, 16).unwrap();
            if self.left == 0 {
                return Ok(0);
            }
        }
        let bytes = self.connection.read_raw(self.left.min(buffer.len()));
        assert!(!bytes.is_empty(), "the body broke off");
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.left -= bytes.len();
        if self.left == 0 {
            assert_eq!(self.connection.read_raw(2), b"\r\n");
        }
        Ok(bytes.len())
    }
}

#[test]
fn a_body_of_100_mib_passes_through_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(guest::ECHO_P2, folder.path().join("p2.wasm")).unwrap();
    std::fs::copy(guest::ECHO_P3, folder.path().join("p3.wasm")).unwrap();
    let limits = "limits = { request_body = \"200MiB\", cpu = \"60s\", deadline = \"120s\" }";
    let service =
        |name: &str| format!("[service.{name}]\ncomponent = \"{name}.wasm\"\nroutes = [\"/{name}\"]\n{limits}\n");
    let text = format!("version = 1\n[[listener]]\naddress = \"127.0.0.1:0\"\n{}{}", service("p2"), service("p3"));
    std::fs::write(folder.path().join("hostel.toml"), text).unwrap();
    let mut process = Process::up(folder.path());
    for path in ["/p2", "/p3"] {
        stream(&process, path, 16);
        let before = process.resident();
        stream(&process, path, 1_600);
        let grown = process.resident().saturating_sub(before);
        assert!(grown < ByteSize::mib(30).0, "{path}: grew by {grown} bytes");
    }
    assert_eq!(process.stop().code(), Some(0));
}

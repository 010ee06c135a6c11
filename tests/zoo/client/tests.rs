//! Whole answers, and all the ways in which one is not.

use std::net::TcpListener;

use super::*;

/// What the client makes of these bytes, after which the connection ends.
fn read(bytes: &'static [u8], most: u64) -> io::Result<Answer> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || listener.accept().unwrap().0.write_all(bytes).unwrap());
    let mut connection = Connection::to(address, Some(Duration::from_secs(10))).unwrap();
    let answer = connection.answer("GET", most);
    drop(connection);
    server.join().unwrap();
    answer
}

fn all(bytes: &'static [u8]) -> io::Result<Answer> {
    read(bytes, u64::MAX)
}

#[test]
fn an_answer_is_whole_when_its_length_or_its_last_chunk_came() {
    for bytes in [
        b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine".as_slice(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine",
    ] {
        let answer = all(bytes).unwrap();
        assert_eq!((answer.status, answer.complete, &*answer.body, answer.length), (200, true, b"fine".as_slice(), 4));
    }
}

#[test]
fn an_answer_that_broke_off_is_not_whole() {
    for bytes in [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfine".as_slice(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfine\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nfine",
    ] {
        let answer = all(bytes).unwrap();
        assert_eq!((answer.status, answer.complete), (200, false), "{}", String::from_utf8_lossy(bytes));
    }
    assert!(all(b"HTTP/1.1 200 OK\r\ncontent-le").is_err());
    assert!(all(b"").is_err());
}

#[test]
fn no_more_is_read_than_was_wanted() {
    let answer = read(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nfine", 3).unwrap();
    assert_eq!((answer.complete, answer.length), (false, 4));
}

#[test]
fn what_is_no_answer_is_told() {
    assert!(all(b"fine\r\n\r\n").is_err());
    assert!(all(b"HTTP/1.1 200 OK\r\n\r\nfine").is_err());
    assert!(all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfine\r\n").is_err());
}

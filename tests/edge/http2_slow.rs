//! Slow clients of HTTP/2: what is half-sent ends the connection, what is not taken ends the stream.

use std::time::{Duration, Instant};

use h2::client::Builder;
use hostel_model::limits::ListenerLimits;
use http::HeaderMap;

use super::slow::{DRIP, LIMIT, WITHIN, assert_in_time, pass, pause};
use crate::harness::{Frames, Harness, Http2, Running, block, eventually, guest, kind};

const GET: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":path", "/p2"), (":authority", "localhost")];

fn host(change: impl Fn(&mut ListenerLimits)) -> Running {
    Harness::new()
        .serves("p2", guest::ECHO_P2)
        .serves("p3", guest::ECHO_P3)
        .serves("endless2", guest::ENDLESS_BODY_P2)
        .limits(|limits| limits.cpu = Duration::from_secs(10))
        .serves("endless3", guest::ENDLESS_BODY_P3)
        .limits(|limits| limits.cpu = Duration::from_secs(10))
        .serves("slow", guest::SLEEPS_P2)
        .serves("whole2", guest::TRAILERS_P2)
        .serves("whole3", guest::TRAILERS_P3)
        .serves("says", guest::ANSWERS_STATUS_P2)
        .listener_plan(|plan| plan.h2c = true)
        .listener(change)
        .start()
}

/// Reads what comes until the host closes.
fn to_the_end(frames: &mut Frames) {
    while frames.next().is_some() {}
}

#[test]
fn a_client_that_says_nothing_is_closed() {
    let host = host(|limits| limits.first_byte = LIMIT);
    let start = Instant::now();
    to_the_end(&mut Frames::silent(host.address()));
    assert_in_time(start, LIMIT);
}

#[test]
fn half_a_preface_is_closed_when_its_time_is_over() {
    let host = host(|limits| limits.header_read = LIMIT);
    let preface = crate::harness::PREFACE;
    std::thread::scope(|scope| {
        for cut in [1, 14, 23] {
            let host = &host;
            scope.spawn(move || {
                let start = Instant::now();
                let mut frames = Frames::silent(host.address());
                frames.send(&preface[..cut]);
                to_the_end(&mut frames);
                assert_in_time(start, LIMIT);
            });
        }
    });
    let mut frames = Frames::silent(host.address());
    for piece in preface.chunks(4) {
        frames.send(piece);
        pause(frames.stream(), DRIP);
    }
    frames.frame(kind::SETTINGS, 0, 0, &[]);
    frames.request(1, &GET);
    assert!(frames.next_of(&[kind::HEADERS]).is_some());
}

#[test]
fn what_is_half_sent_ends_the_connection_when_its_time_is_over() {
    let host = host(|limits| limits.header_read = LIMIT);
    let head = block(&GET);
    let attempts: [&(dyn Fn(&mut Frames) + Sync); 6] = [
        // The head of a frame, the frame itself, the block that it begins.
        &|frames| frames.send(&[0, 0]),
        &|frames| frames.send(&[0, 0, 100, kind::HEADERS, 5, 0, 0, 0, 1, 0]),
        &|frames| frames.send(&[0, 0, 100, kind::SETTINGS, 0, 0, 0, 0, 0]),
        &|frames| frames.frame(kind::HEADERS, kind::END_STREAM, 1, &head),
        &|frames| frames.frame(kind::HEADERS, kind::END_STREAM, 1, &head[..10]),
        // One that is not complete in time, though something comes all the time.
        &|frames| {
            frames.send(&[0, 16, 0, kind::HEADERS, 5, 0, 0, 0, 1]);
            while !closed(frames) {
                frames.send(&[0]);
            }
        },
    ];
    std::thread::scope(|scope| {
        for attempt in attempts {
            let host = &host;
            scope.spawn(move || {
                let mut frames = Frames::to(host.address());
                let start = Instant::now();
                attempt(&mut frames);
                to_the_end(&mut frames);
                assert_in_time(start, LIMIT);
            });
        }
    });
    eventually("nothing is at work", || host.is_idle());
}

/// Whether the host has closed; else a drip has passed. Takes in what it says.
fn closed(frames: &mut Frames) -> bool {
    pause(frames.stream(), DRIP) && frames.next().is_none()
}

#[test]
fn a_block_that_is_complete_in_time_is_a_request() {
    let host = host(|limits| limits.header_read = LIMIT);
    let mut frames = Frames::to(host.address());
    let head = block(&GET);
    let pieces: Vec<&[u8]> = head.chunks(head.len().div_ceil(6)).collect();
    frames.frame(kind::HEADERS, kind::END_STREAM, 1, pieces[0]);
    for (n, piece) in pieces.iter().enumerate().skip(1) {
        let flags = if n + 1 == pieces.len() { kind::END_HEADERS } else { 0 };
        pass(DRIP);
        frames.frame(kind::CONTINUATION, flags, 1, piece);
    }
    assert!(frames.next_of(&[kind::HEADERS, kind::GOAWAY]).is_some_and(|frame| frame.kind == kind::HEADERS));
}

#[test]
fn a_connection_that_rests_too_long_is_told_to_go() {
    let host = host(|limits| limits.idle = LIMIT);
    let mut frames = Frames::to(host.address());
    for stream in [1, 3] {
        frames.request(stream, &GET);
        assert!(frames.next_of(&[kind::HEADERS, kind::GOAWAY]).is_some_and(|frame| frame.kind == kind::HEADERS));
        pass(WITHIN);
    }
    let mut frames = Frames::to(host.address());
    frames.request(1, &GET);
    assert!(frames.next_of(&[kind::HEADERS]).is_some());
    let start = Instant::now();
    let goaway = frames.next_of(&[kind::GOAWAY]).expect("it must be told");
    assert_in_time(start, LIMIT);
    assert_eq!(goaway.error(), 0);
    to_the_end(&mut frames);
    assert_in_time(start, LIMIT);
    // One that never asked for anything is no better.
    let start = Instant::now();
    to_the_end(&mut Frames::to(host.address()));
    assert_in_time(start, LIMIT);
}

#[test]
fn a_connection_whose_guest_takes_its_time_does_not_rest() {
    let host = host(|limits| {
        (limits.idle, limits.first_byte, limits.header_read) = (LIMIT, LIMIT, LIMIT);
        (limits.body_idle, limits.write_idle, limits.rate_grace) = (LIMIT, LIMIT, LIMIT);
    });
    let mut client = Http2::to(host.address());
    assert_eq!(client.get("/slow?ms=1500").text(), "slept");
    assert_eq!(client.get("/p2").status, 200);
}

#[test]
fn a_body_that_stops_is_refused_and_the_connection_goes_on() {
    let host = host(|limits| limits.body_idle = LIMIT);
    let mut client = Http2::to(host.address());
    for path in ["/whole2", "/whole3"] {
        let start = Instant::now();
        let mut begun = client.begin(Http2::request("POST", path), false);
        begun.body.send_data("half".into(), false).unwrap();
        let answer = client.finish(begun).answer;
        assert_in_time(start, LIMIT);
        assert_eq!((answer.status, answer.problem().as_deref()), (408, Some("request-timeout")), "{path}");
        assert_eq!(host.log_line_for(answer.id())["outcome"], "request-timeout", "{path}");
        assert_eq!(client.get(path).status, 200);
        let mut begun = client.begin(Http2::request("POST", path), false);
        for n in 1..=20 {
            pass(DRIP);
            begun.body.send_data("x".into(), n == 20).unwrap();
        }
        assert_eq!(client.finish(begun).answer.body.len(), 20, "{path}");
    }
}

#[test]
fn a_body_that_comes_too_slowly_is_refused_after_a_grace() {
    let host = host(|limits| {
        limits.rate_grace = LIMIT;
        limits.body_rate = 100;
    });
    let mut client = Http2::to(host.address());
    let begun = client.begin(Http2::request("POST", "/whole2"), false);
    let (mut response, mut body) = (begun.response, begun.body);
    let start = Instant::now();
    // 20 bytes a second, until the host has enough.
    let answered = loop {
        let _ = body.send_data("x".into(), false);
        let answered = client.runtime().block_on(async { tokio::time::timeout(DRIP, &mut response).await });
        if let Ok(answered) = answered {
            break answered.expect("it must be an answer");
        }
    };
    let took = start.elapsed();
    assert!(took > LIMIT && took < LIMIT * 2 + Duration::from_secs(1), "{took:?}");
    assert_eq!(answered.status(), 408);
}

/// A client that takes so much of each answer ahead, and no more until it asks.
fn with_window(host: &Running, window: u32) -> Http2 {
    Http2::with(host.address(), Builder::new().initial_window_size(window))
}

#[test]
fn an_answer_that_is_not_taken_is_reset_and_the_connection_goes_on() {
    let host = host(|limits| limits.write_idle = LIMIT);
    let mut client = with_window(&host, 1_000);
    for service in ["endless2", "endless3"] {
        let begun = client.begin(Http2::request("GET", &format!("/{service}")), true);
        let start = Instant::now();
        let mut answer = client.head(begun);
        assert_eq!(answer.status(), 200, "{service}");
        let reset = client.runtime().block_on(async {
            // Whatever fits the window, none of which is given back.
            while let Some(chunk) = answer.body_mut().data().await {
                if let Err(error) = chunk {
                    return error;
                }
            }
            panic!("{service}: the answer must not look complete");
        });
        assert_in_time(start, LIMIT);
        assert!(reset.is_reset(), "{service}: {reset}");
        let line = host.log().json_line("its line", |line| line["service"] == service);
        assert_eq!(line["outcome"], "client-gone", "{line}");
        // Its guest was asked for no more than a little ahead, whatever it has to say.
        assert!(line["sent"]["body"].as_u64().is_some_and(|sent| sent <= 2 * 64 * 1024), "{line}");
        eventually("its instance is free", || host.is_idle());
        assert_eq!(client.get("/p2").status, 200, "{service}");
    }
}

/// Takes a window of the endless answer of `service` at each drip, 80 kB a second, for three times the limit.
#[track_caller]
fn take_bit_by_bit(host: &Running, service: &str) {
    let mut client = with_window(host, 4_000);
    let begun = client.begin(Http2::request("GET", &format!("/{service}")), true);
    let mut answer = client.head(begun);
    let (start, mut taken) = (Instant::now(), 0);
    while start.elapsed() < LIMIT * 3 {
        let chunk = client.runtime().block_on(answer.body_mut().data()).expect("it must not end");
        let bytes = chunk.unwrap_or_else(|error| panic!("{service} after {taken} bytes: {error}")).len();
        taken += bytes;
        pass(DRIP);
        answer.body_mut().flow_control().release_capacity(bytes).unwrap();
    }
    assert!(taken > 20_000, "{service}: {taken}");
}

#[test]
fn an_answer_of_which_something_is_always_taken_goes_on() {
    let host = host(|limits| limits.write_idle = LIMIT);
    for service in ["endless2", "endless3"] {
        take_bit_by_bit(&host, service);
    }
}

#[test]
fn an_answer_that_is_taken_fast_enough_goes_on() {
    let host = host(|limits| (limits.rate_grace, limits.write_rate) = (LIMIT, 1_000));
    for service in ["endless2", "endless3"] {
        take_bit_by_bit(&host, service);
    }
}

#[test]
fn an_answer_that_is_taken_too_slowly_is_reset_after_a_grace() {
    let host = host(|limits| {
        limits.rate_grace = LIMIT;
        limits.write_rate = 1 << 20;
    });
    let mut client = with_window(&host, 1_000);
    let begun = client.begin(Http2::request("GET", "/endless2"), true);
    let mut answer = client.head(begun);
    let start = Instant::now();
    loop {
        // 20 kB a second.
        let chunk = client.runtime().block_on(answer.body_mut().data()).expect("it must not look complete");
        let Ok(chunk) = chunk else { break };
        pass(DRIP);
        let _ = answer.body_mut().flow_control().release_capacity(chunk.len());
        assert!(start.elapsed() < LIMIT * 2 + Duration::from_secs(1), "still going on after {:?}", start.elapsed());
    }
    assert!(start.elapsed() + Duration::from_millis(20) > LIMIT, "{:?}", start.elapsed());
}

#[test]
fn a_client_that_reads_nothing_at_all_is_closed() {
    let host = host(|limits| limits.write_idle = LIMIT);
    let mut frames = Frames::to(host.address());
    // A window that never ends, so that only the socket holds the answer back.
    let settings = [0, 4, 0x7F, 0xFF, 0xFF, 0xFF];
    frames.frame(kind::SETTINGS, 0, 0, &settings);
    frames.frame(8, 0, 0, &[0x7F, 0xFF, 0, 0]);
    let start = Instant::now();
    let fields: Vec<_> =
        GET.iter().map(|(name, value)| (*name, if *name == ":path" { "/endless2" } else { value })).collect();
    frames.request(1, &fields);
    let line = host.log().json_line("its line", |line| line["service"] == "endless2");
    let took = start.elapsed();
    assert!(took < LIMIT + Duration::from_secs(1), "{took:?}");
    assert_eq!(line["outcome"], "client-gone", "{line}");
}

/// As many streams as a client may have, but for the one on which it keeps asking.
const TAILS: usize = 99;
/// By which a limit may be missed.
const MISSED: Duration = Duration::from_secs(1);

#[test]
fn ends_of_answers_that_are_not_taken_are_given_up_while_their_client_keeps_asking() {
    let host = host(|limits| limits.write_idle = LIMIT);
    // All but 16 KiB of an answer, and one byte: what comes last is begun.
    let (length, window) = (80 * 1024, 64 * 1024 + 1);
    for service in ["whole2", "whole3"] {
        let settings = Builder::new().initial_window_size(window).initial_connection_window_size(1 << 30).clone();
        let mut client = Http2::with(host.address(), &settings);
        let mut answers = Vec::new();
        for _ in 0..TAILS {
            let mut begun = client.begin(Http2::request("POST", &format!("/{service}")), false);
            begun.body.send_data(vec![b'x'; length].into(), true).unwrap();
            answers.push(client.head(begun));
        }
        let (start, mut asked) = (Instant::now(), 0);
        while !answers.is_empty() {
            answers.retain_mut(|answer| {
                let data = async { tokio::time::timeout(Duration::ZERO, answer.body_mut().data()).await };
                match client.runtime().block_on(data) {
                    Ok(Some(Err(error))) => assert!(error.is_reset(), "{service}: {error}"),
                    Ok(None) => panic!("{service}: it must not look complete"),
                    Ok(Some(Ok(_))) | Err(_) => return true,
                }
                false
            });
            assert!(start.elapsed() < LIMIT + MISSED, "{service}: {} are still there", answers.len());
            assert_eq!(client.send(Http2::request("HEAD", "/p2")).answer.status, 200, "{service}");
            asked += 1;
        }
        assert!(asked > 1, "{service}: it did not keep asking");
        eventually("all are logged", || {
            let lines = host.log().json_lines();
            lines.iter().filter(|line| line["service"] == service && line["outcome"] == "client-gone").count() == TAILS
        });
    }
}

#[test]
fn short_answers_that_are_not_taken_end_the_connection_of_a_client_that_keeps_asking() {
    let host = host(|limits| limits.write_idle = LIMIT);
    let path = format!("/says?body={}", "x".repeat(4_000));
    let fields =
        |method, path| [(":method", method), (":scheme", "http"), (":path", path), (":authority", "localhost")];
    let mut frames = Frames::to(host.address());
    // A window of one byte: without any the library keeps what is to be sent to itself.
    frames.frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1]);
    let mut ids = (1..).step_by(2);
    let begun = Instant::now();
    for id in ids.by_ref().take(TAILS) {
        frames.request(id, &fields("GET", &path));
    }
    for _ in 0..TAILS {
        assert!(frames.next_of(&[kind::HEADERS, kind::RST_STREAM]).is_some_and(|frame| frame.kind == kind::HEADERS));
    }
    let start = Instant::now();
    for id in ids {
        frames.request(id, &fields("HEAD", "/says"));
        if frames.next_of(&[kind::HEADERS]).is_none() {
            break;
        }
        assert!(start.elapsed() < LIMIT + MISSED, "it goes on and on");
    }
    assert!(begun.elapsed() > LIMIT && start.elapsed() < LIMIT + MISSED, "{:?}", start.elapsed());
    // Who takes such answers in time has nothing to fear.
    let mut client = with_window(&host, 1_000);
    for _ in 0..2 {
        let begun = client.begin(Http2::request("GET", &path), true);
        pass(WITHIN);
        let answer = client.finish(begun).answer;
        assert_eq!((answer.status, answer.body.len(), answer.complete), (200, 4_000, true));
    }
}

#[test]
fn a_slow_reader_that_is_fast_enough_gets_all_of_a_large_answer_and_its_trailers() {
    let host = host(|limits| {
        limits.write_idle = LIMIT;
        (limits.rate_grace, limits.write_rate) = (LIMIT, 1_000);
    });
    // Whole when its head is, with a length, and longer than the host gathers.
    for (service, length) in [("whole2", 100_000), ("whole3", 100_000), ("whole2", 300_000), ("whole3", 300_000)] {
        let mut client = with_window(&host, 8_000);
        let mut begun = client.begin(Http2::request("POST", &format!("/{service}")), false);
        let sent: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
        begun.body.send_data(sent.clone().into(), false).unwrap();
        let trailers = HeaderMap::from_iter([(http::HeaderName::from_static("x-sum"), http::HeaderValue::from(7))]);
        begun.body.send_trailers(trailers.clone()).unwrap();
        let mut answer = client.head(begun);
        let mut taken = Vec::new();
        while let Some(chunk) = client.runtime().block_on(answer.body_mut().data()) {
            let chunk = chunk.unwrap_or_else(|error| panic!("{service} after {}: {error}", taken.len()));
            pass(DRIP);
            answer.body_mut().flow_control().release_capacity(chunk.len()).unwrap();
            taken.extend(chunk);
        }
        assert!(taken == sent, "{service}: {} of {length} bytes, or others", taken.len());
        let ended = client.runtime().block_on(answer.body_mut().trailers()).unwrap();
        assert_eq!(ended, Some(trailers), "{service}");
        let line = host.log_line_for(answer.headers()["x-request-id"].to_str().unwrap());
        assert_eq!((&line["outcome"], &line["sent"]["body"]), (&"ok".into(), &length.into()), "{line}");
    }
}

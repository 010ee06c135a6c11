//! Where it is waited for, at what priority, and what a child can and cannot make the host load.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::testing::{Bench, compile_with, component_p2, platform};

/// Name and niceness of the calling thread, as the kernel says.
fn thread() -> (String, i32) {
    let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
    // The name is in brackets and may hold anything; niceness is the 19th field of proc_pid_stat(5).
    let (name, rest) = stat.split_once('(').unwrap().1.rsplit_once(')').unwrap();
    (name.to_owned(), rest.split_whitespace().nth(16).unwrap().parse().unwrap())
}

fn compiler(at_once: u32) -> Compiler {
    Compiler::start(CompileWith { at_once, ..compile_with() }, &platform()).unwrap()
}

/// A shell in place of the program that compiles.
fn shell(script: &str) -> CompileWith {
    let limits = CompileLimits { wall: Duration::from_millis(500), code: ByteSize::mib(1), ..CompileLimits::default() };
    CompileWith { limits, ..CompileWith::program("/bin/sh", &["-c", script]) }
}

/// Why a small component is not compiled with it.
fn refused(with: CompileWith) -> String {
    let bytes = component_p2("");
    let error = Bench::compiling(with).sandbox.code(&bytes, Digest::of(&bytes)).err();
    error.expect("it must be refused").to_string()
}

#[test]
fn every_thread_that_waits_for_a_compiler_steps_back_and_no_other_does() {
    let (_, before) = thread();
    let compiler = compiler(1);
    assert_eq!(compiler.run(|| Ok(thread())).unwrap(), (CHILD_NAME.to_owned(), NICENESS));
    assert_eq!(thread().1, before);
    assert!(before < NICENESS, "the test itself has no higher priority and shows nothing");
}

#[test]
fn no_more_are_compiled_at_once_than_was_said_and_never_more_than_two() {
    for (said, expected) in [(0, 1), (1, 1), (2, 2), (99, 2)] {
        let compiler = compiler(said);
        let (now, most) = (AtomicU32::new(0), AtomicU32::new(0));
        let work = || {
            compiler.run(|| {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                platform().clock.pause_thread(Duration::from_millis(50));
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        };
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(work);
            }
        });
        assert_eq!(most.load(Ordering::SeqCst), expected, "{said} at once");
    }
}

#[test]
fn a_panic_on_the_way_is_a_refusal_and_the_next_one_is_compiled() {
    let compiler = compiler(1);
    let refused = compiler.run::<()>(|| panic!("at\n\u{1b}[2J {}", "x".repeat(1_000))).unwrap_err().to_string();
    assert!(refused.contains("`at[2J xxx"), "{refused}");
    assert!(!refused.contains(char::is_control), "{refused:?}");
    assert!(refused.len() < 700, "{refused}");
    assert_eq!(compiler.run(|| Ok(3)).unwrap(), 3);
}

#[test]
fn a_program_that_is_not_there_says_nothing_about_the_component() {
    let error = refused(CompileWith::program("/nowhere/compiler", &[]));
    assert!(error.contains("could not start its compiler: `/nowhere/compiler`: No such file"), "{error}");
}

#[test]
fn every_way_in_which_the_program_can_fail_is_a_refusal() {
    for (script, expected) in [
        ("exit 0", "`compile-crash`"),
        ("exit 7", "`compile-crash`"),
        ("kill -SEGV $$", "`compile-crash`: the compiler ended by signal 11"),
        ("kill -KILL $$", "`compile-killed`"),
        ("kill -XCPU $$", "`compile-timeout`"),
        ("exec sleep 100", "`compile-timeout`"),
        ("exec yes", "`compile-output`"),
        ("echo nothing that was agreed", "`compile-crash`"),
        ("echo Code", "the compiler answered wrongly: it ends before its code begins"),
        ("head -c 100000 /dev/zero | tr '\\0' C", "the compiler answered wrongly: its seal is not that of this host"),
    ] {
        let error = refused(shell(script));
        assert!(error.contains(expected), "{script}: {error}");
    }
}

#[test]
fn the_program_sees_nothing_of_what_surrounds_the_host() {
    // The shell sets some of its own.
    let folder = tempfile::TempDir::new().unwrap();
    let seen = folder.path().join("seen");
    let script = format!("{{ pwd; env; }} > {}", seen.display());
    refused(shell(&script));
    let seen = fs::read_to_string(seen).unwrap();
    let ours = |line: &&str| !["PWD=", "OLDPWD=", "SHLVL=", "_="].iter().any(|name| line.starts_with(name));
    let mut seen: Vec<&str> = seen.lines().filter(ours).collect();
    seen.sort_unstable();
    // Two figures of ours, and nothing else.
    assert_eq!(seen, ["/", "MALLOC_ARENA_MAX=2", format!("RAYON_NUM_THREADS={}", threads()).as_str()]);
    assert!((1..=THREADS_MAX).contains(&threads()));
}

#[test]
fn failures_of_the_moment_are_told_from_those_of_the_component() {
    let bytes = component_p2("");
    let of_the_moment = |with: CompileWith| {
        let error = Bench::compiling(with).sandbox.code(&bytes, Digest::of(&bytes)).err().unwrap();
        (error.is_of_the_moment(), error.to_string())
    };
    for (with, expected) in [
        (CompileWith::program("/nowhere/compiler", &[]), true),
        (shell("kill -KILL $$"), true),
        (shell("exec sleep 100"), true),
        (shell("exit 127"), true),
        (shell("kill -XCPU $$"), false),
        (shell("kill -SEGV $$"), false),
        (shell("exec yes"), false),
        (shell("exit 7"), false),
    ] {
        let (seen, text) = of_the_moment(with);
        assert_eq!(seen, expected, "{text}");
        assert_eq!(text.contains("try again") || text.contains("could not start"), expected, "{text}");
    }
}

#[test]
fn code_may_be_as_large_as_was_said_whatever_it_is_sealed_in() {
    let bytes = component_p2("(memory 1)");
    let whole = answer(&bytes);
    let code = ByteSize(whole.len() as u64 - AROUND_CODE_BYTES);
    let with = |code| {
        let limits = CompileLimits { code, ..CompileLimits::default() };
        Bench::compiling(CompileWith { limits, ..compile_with() }).sandbox.code(&bytes, Digest::of(&bytes)).map(drop)
    };
    with(code).unwrap();
    let refused = with(ByteSize(code.0 - 1)).unwrap_err().to_string();
    assert!(refused.contains("`compile-output`"), "{refused}");
}

#[test]
fn a_child_is_marked_as_what_ends_first() {
    let folder = tempfile::TempDir::new().unwrap();
    let seen = folder.path().join("seen");
    // What the shell inherits: it writes no mark of its own.
    refused(shell(&format!("cat /proc/self/oom_score_adj > {}", seen.display())));
    assert_eq!(fs::read_to_string(seen).unwrap().trim(), first_to_go::MARK);
}

#[test]
fn many_threads_do_not_use_up_the_addresses_of_a_child() {
    // As on a machine with eight cores: a heap for each would take all of this.
    let script = format!("RAYON_NUM_THREADS=8 exec {}", compile_with().program.display());
    let limits = CompileLimits { memory: ByteSize::mib(512), ..CompileLimits::default() };
    let with = CompileWith { limits, ..CompileWith::program("/bin/sh", &["-c", &script]) };
    let bytes = component_p2(&"(func (result i32) i32.const 1)".repeat(2_000));
    Bench::compiling(with).sandbox.code(&bytes, Digest::of(&bytes)).map(drop).unwrap();
}

/// The answer of the real program to the errand of `bytes`, and a file to answer with instead.
/// Keys are always the same in these tests, so that an answer can be given again.
fn answer(bytes: &[u8]) -> Vec<u8> {
    let compiler = compiler(1);
    let engine = crate::engine::compiling(Generation::P2).unwrap();
    let key = SealKey::draw(platform().random.as_ref());
    let origin = Origin { component: Digest::of(bytes), engine: compatibility(&engine), build: build() };
    let artifact = compiler.ask(&key, &origin, Generation::P2, bytes).unwrap();
    [b"C", artifact.as_slice()].concat()
}

/// What comes of `bytes` if the program answers with this.
fn answered(bytes: &[u8], answer: &[u8]) -> Result<(), String> {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("answer");
    fs::write(&file, answer).unwrap();
    let bench = Bench::compiling(shell(&format!("exec cat {}", file.display())));
    bench.sandbox.code(bytes, Digest::of(bytes)).map(drop).map_err(|error| error.to_string())
}

#[test]
fn an_answer_that_was_changed_or_belongs_to_another_component_is_never_loaded() {
    let (bytes, other) = (component_p2("(memory 1)"), component_p2("(memory 2)"));
    let whole = answer(&bytes);
    answered(&bytes, &whole).expect("the very answer must be taken, or the rest shows nothing");

    let wrong = |answer: &[u8], why: &str| {
        let error = answered(&bytes, answer).unwrap_err();
        assert!(error.contains(why), "{error}");
    };
    wrong(&answer(&other), "it was compiled from other bytes");
    let places = (1..whole.len()).step_by(whole.len() / 25).chain([1, 9, 13, 17, 49, 81, 113, 121, whole.len() - 1]);
    for place in places {
        let mut flipped = whole.clone();
        flipped[place] ^= 0x10;
        wrong(&flipped, "its seal is not that of this host");
    }
    for cut in [1, 33, 152] {
        wrong(&whole[..whole.len() - cut], "its seal is not that of this host");
    }
    wrong(&whole[..100], "it ends before its code begins");
    wrong(&[&whole[..], b"\0"].concat(), "its seal is not that of this host");
}

#[test]
fn an_answer_under_another_key_or_of_another_build_is_never_loaded() {
    let bytes = component_p2("(memory 1)");
    let whole = answer(&bytes);
    let engine = compatibility(&crate::engine::compiling(Generation::P2).unwrap());
    let origin = Origin { component: Digest::of(&bytes), engine, build: build() };
    let key = SealKey::draw(platform().random.as_ref());
    let code = open(&key, &origin, &whole[1..]).unwrap().code().to_vec();
    let resealed = |key: &SealKey, origin: &Origin| {
        let hostel_model::artifact::Envelope { header, seal } = hostel_model::artifact::seal(key, origin, &code);
        [b"C", &header[..], &code, &seal].concat()
    };
    answered(&bytes, &resealed(&key, &origin)).unwrap();
    let strange = answered(&bytes, &resealed(&SealKey::from([1; 32]), &origin)).unwrap_err();
    assert!(strange.contains("its seal is not that of this host"), "{strange}");
    let other = Digest::of(b"other");
    let built = answered(&bytes, &resealed(&key, &Origin { build: other, ..origin })).unwrap_err();
    assert!(built.contains("another build of this program made it"), "{built}");
    let set_up = answered(&bytes, &resealed(&key, &Origin { engine: other, ..origin })).unwrap_err();
    assert!(set_up.contains("it was compiled for another engine"), "{set_up}");
}

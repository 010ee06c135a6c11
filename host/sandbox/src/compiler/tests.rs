//! Where compiling happens, at what priority, and what a panic of the compiler costs.

use std::fs;

use super::*;
use crate::testing::platform;

/// Name and niceness of the calling thread, as the kernel says.
fn thread() -> (String, i32) {
    let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
    // The name is in brackets and may hold anything; niceness is the 19th field of proc_pid_stat(5).
    let (name, rest) = stat.split_once('(').unwrap().1.rsplit_once(')').unwrap();
    (name.to_owned(), rest.split_whitespace().nth(16).unwrap().parse().unwrap())
}

#[test]
fn every_thread_that_compiles_steps_back_and_no_other_does() {
    let (_, before) = thread();
    let compiler = Compiler::start(&platform()).unwrap();
    let threads = compiler.pool.broadcast(|_| thread());
    assert_eq!(threads.len(), std::thread::available_parallelism().unwrap().get());
    for (name, niceness) in threads {
        assert_eq!((name.as_str(), niceness), ("hostel-compile", NICENESS));
    }
    assert_eq!(compiler.run(|| Ok(thread())).unwrap(), ("hostel-compile".to_owned(), NICENESS));
    assert_eq!(thread().1, before);
    assert_ne!(before, NICENESS, "the test itself runs at the lowest priority and shows nothing");
}

#[test]
fn what_is_spread_over_threads_stays_in_the_pool() {
    let compiler = Compiler::start(&platform()).unwrap();
    let names = compiler.run(|| {
        use rayon::prelude::*;
        Ok((0..1_000).into_par_iter().map(|_| thread().0).collect::<std::collections::BTreeSet<_>>())
    });
    assert_eq!(names.unwrap().into_iter().collect::<Vec<_>>(), ["hostel-compile"]);
}

#[test]
fn a_panic_of_the_compiler_is_a_refusal_and_the_next_one_is_compiled() {
    let compiler = Compiler::start(&platform()).unwrap();
    let refused = compiler.run::<()>(|| panic!("at\n\u{1b}[2J {}", "x".repeat(1_000))).unwrap_err().to_string();
    assert!(refused.contains("`at[2J xxx"), "{refused}");
    assert!(!refused.contains(char::is_control), "{refused:?}");
    assert!(refused.len() < 400, "{refused}");
    // The same inside what was spread over the threads.
    let refused = compiler.run(|| {
        rayon::join(|| panic!("left"), || ());
        Ok(())
    });
    assert!(refused.unwrap_err().to_string().contains("`left`"));
    assert_eq!(compiler.run(|| Ok(3)).unwrap(), 3);
}

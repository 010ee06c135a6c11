//! Which revisions may answer: what was asked for and what was granted, kept by whoever deploys.

use std::sync::{Mutex, PoisonError};

/// For each service, every revision that it was told to serve, in order.
pub struct Board(Vec<Mutex<History>>);

struct History {
    announced: Vec<u32>,
    /// The place of the newest that is known to serve alone.
    confirmed: usize,
}

/// What was known when a request was sent.
#[derive(Clone, Copy, Debug)]
pub struct Since(usize);

impl Board {
    /// Services that serve one revision each.
    pub fn new(revisions: &[u32]) -> Self {
        let history = |revision: &u32| Mutex::new(History { announced: vec![*revision], confirmed: 0 });
        Self(revisions.iter().map(history).collect())
    }

    /// From now on `revision` may answer as well. To be said before the host is asked for it.
    pub fn announce(&self, service: usize, revision: u32) {
        self.with(service, |history| history.announced.push(revision));
    }

    /// From now on only the one announced last may answer new requests. To be said once the host has agreed.
    pub fn confirm(&self, service: usize) {
        self.with(service, |history| history.confirmed = history.announced.len() - 1);
    }

    /// What is known now, to be kept with a request.
    pub fn since(&self, service: usize) -> Since {
        self.with(service, |history| Since(history.confirmed))
    }

    /// Whether `revision` may be what answers now a request that was sent at `since`.
    pub fn may_answer(&self, service: usize, since: Since, revision: u32) -> bool {
        self.with(service, |history| history.announced[since.0..].contains(&revision))
    }

    /// The revision announced last.
    pub fn latest(&self, service: usize) -> u32 {
        self.with(service, |history| *history.announced.last().expect("a service must serve something"))
    }

    fn with<T>(&self, service: usize, act: impl FnOnce(&mut History) -> T) -> T {
        act(&mut self.0[service].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_may_answer_from_its_announcement_until_the_next_is_confirmed() {
        let board = Board::new(&[1]);
        let before = board.since(0);
        board.announce(0, 2);
        let between = board.since(0);
        assert!(board.may_answer(0, between, 1) && board.may_answer(0, between, 2));
        board.confirm(0);
        let after = board.since(0);
        assert!(!board.may_answer(0, after, 1), "a request sent after the swap reached the old revision");
        assert!(board.may_answer(0, before, 1), "a request sent before the swap may end on the old revision");
        board.announce(0, 1);
        assert!(board.may_answer(0, after, 1), "back again");
        assert!(!board.may_answer(0, after, 3));
    }
}

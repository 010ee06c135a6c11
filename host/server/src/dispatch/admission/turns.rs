//! A line in which groups take turns: one of each group after the other, and within a group who came first.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::Group;

/// Those who wait.
#[derive(Debug)]
pub(super) struct Turns<T> {
    /// Groups of which somebody waits, the one whose turn it is in front.
    order: VecDeque<Group>,
    /// By the order in which they came.
    groups: HashMap<Group, BTreeMap<u64, T>>,
    next: u64,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { order: VecDeque::new(), groups: HashMap::new(), next: 0 }
    }
}

impl<T> Turns<T> {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Comes last in its group. The ticket is for leaving before its turn.
    pub(super) fn enter(&mut self, group: Group, who: T) -> u64 {
        let ticket = self.next;
        self.next += 1;
        let members = self.groups.entry(group).or_default();
        if members.is_empty() {
            self.order.push_back(group);
        }
        members.insert(ticket, who);
        ticket
    }

    /// Whose turn it is; the next turn is another group's.
    pub(super) fn next(&mut self) -> Option<T> {
        let group = self.order.pop_front()?;
        let members = self.groups.get_mut(&group)?;
        let (_, who) = members.pop_first()?;
        if members.is_empty() {
            self.groups.remove(&group);
        } else {
            self.order.push_back(group);
        }
        Some(who)
    }

    /// Whether it was still there.
    pub(super) fn leave(&mut self, group: Group, ticket: u64) -> bool {
        let Some(members) = self.groups.get_mut(&group) else {
            return false;
        };
        let was_there = members.remove(&ticket).is_some();
        if members.is_empty() {
            self.groups.remove(&group);
            self.order.retain(|other| *other != group);
        }
        was_there
    }
}

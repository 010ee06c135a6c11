//! Patterns that share paths, kept so that all that match one path are found segment by segment.

use std::collections::HashMap;

use super::path::{PathPattern, Rank, Segment};

/// All patterns of one host: exact paths by hash, the others in a tree of segments.
///
/// The maps are only asked for one key and never walked, so that their random
/// order can show nowhere.
#[derive(Debug, Default)]
pub(super) struct Paths {
    exact: HashMap<Box<str>, Leaf>,
    root: Node,
}

/// Patterns that take exactly the same paths and differ by method.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) rank: Rank,
    /// Places in the table's list of routes.
    pub(super) routes: Vec<usize>,
    /// The methods that some of them name, by the table's numbers.
    pub(super) methods: u64,
}

#[derive(Debug, Default)]
struct Node {
    literals: HashMap<Box<str>, Node>,
    parameter: Option<Box<Node>>,
    /// What a path that ends here takes.
    here: Option<Leaf>,
    /// What a path that ends here or goes on takes.
    below: Option<Leaf>,
}

impl Leaf {
    fn new(rank: Rank) -> Self {
        Self { rank, routes: Vec::new(), methods: 0 }
    }
}

impl Paths {
    /// The leaf of `pattern`, made if there is none yet.
    pub(super) fn leaf(&mut self, pattern: &PathPattern) -> &mut Leaf {
        let rank = pattern.rank();
        if let Some(path) = pattern.exact() {
            return self.exact.entry(path.into()).or_insert_with(|| Leaf::new(rank));
        }
        let mut node = &mut self.root;
        for segment in pattern.segments() {
            node = match segment {
                Segment::Literal(literal) => node.literals.entry(literal.as_str().into()).or_default(),
                Segment::Parameter(_) => node.parameter.get_or_insert_default(),
            };
        }
        let leaf = if pattern.is_below() { &mut node.below } else { &mut node.here };
        leaf.get_or_insert_with(|| Leaf::new(rank))
    }

    /// Shows every leaf that takes `path`, in no particular order.
    pub(super) fn visit<'a>(&'a self, path: &str, see: &mut dyn FnMut(&'a Leaf)) {
        if let Some(leaf) = self.exact.get(path) {
            see(leaf);
        }
        if let Some(rest) = path.strip_prefix('/') {
            self.root.visit(Some(rest), see);
        }
    }

    /// The leaf of exactly `path`: nothing else of this host is more specific.
    pub(super) fn exact(&self, path: &str) -> Option<&Leaf> {
        self.exact.get(path)
    }
}

impl Node {
    /// Goes no deeper than the longest pattern, and [`super::path::SEGMENTS`] at most.
    fn visit<'a>(&'a self, rest: Option<&str>, see: &mut dyn FnMut(&'a Leaf)) {
        if let Some(leaf) = &self.below {
            see(leaf);
        }
        let Some(rest) = rest else {
            if let Some(leaf) = &self.here {
                see(leaf);
            }
            return;
        };
        let (segment, rest) = match rest.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (rest, None),
        };
        if let Some(node) = self.literals.get(segment) {
            node.visit(rest, see);
        }
        if let Some(node) = self.parameter.as_deref()
            && !segment.is_empty()
        {
            node.visit(rest, see);
        }
    }
}

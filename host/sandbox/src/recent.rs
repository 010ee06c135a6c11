//! What was used last, within a number of bytes and a count; what was not used for longest goes first.
//!
//! It hands out what it lets go of instead of dropping it, so that a lock around
//! it is not held while megabytes of code are given back.

/// Values by key, the least recently used first. Looked through one by one:
/// there are few, and each costs megabytes.
pub(crate) struct Recent<K, V> {
    kept: Vec<Kept<K, V>>,
    bytes: u64,
    bytes_max: u64,
    count_max: usize,
}

struct Kept<K, V> {
    key: K,
    value: V,
    bytes: u64,
}

impl<K: PartialEq, V: Clone> Recent<K, V> {
    pub(crate) fn new(bytes_max: u64, count_max: usize) -> Self {
        Self { kept: Vec::new(), bytes: 0, bytes_max, count_max }
    }

    /// The value at `key`, which is the most recently used from here on.
    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        let kept = self.take(key)?;
        let value = kept.value.clone();
        self.push(kept);
        Some(value)
    }

    /// Keeps `value`, which has `bytes`, and returns what has to go for it: itself
    /// if it alone is too large, since letting everything else go would not help.
    #[must_use = "what goes is dropped by the caller"]
    pub(crate) fn put(&mut self, key: K, value: V, bytes: u64) -> Vec<V> {
        let mut gone: Vec<V> = self.take(&key).map(|kept| kept.value).into_iter().collect();
        if bytes > self.bytes_max || self.count_max == 0 {
            gone.push(value);
            return gone;
        }
        self.push(Kept { key, value, bytes });
        while self.bytes > self.bytes_max || self.kept.len() > self.count_max {
            let oldest = self.kept.remove(0);
            self.bytes -= oldest.bytes;
            gone.push(oldest.value);
        }
        gone
    }

    fn take(&mut self, key: &K) -> Option<Kept<K, V>> {
        let place = self.kept.iter().position(|kept| kept.key == *key)?;
        let kept = self.kept.remove(place);
        self.bytes -= kept.bytes;
        Some(kept)
    }

    fn push(&mut self, kept: Kept<K, V>) {
        self.bytes += kept.bytes;
        self.kept.push(kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(recent: &Recent<char, u8>) -> String {
        recent.kept.iter().map(|kept| kept.key).collect()
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let mut recent = Recent::new(100, 10);
        for (key, value) in [('a', 1), ('b', 2), ('c', 3)] {
            assert!(recent.put(key, value, 30).is_empty());
        }
        assert_eq!(recent.get(&'a'), Some(1));
        assert_eq!(recent.put('d', 4, 30), [2]);
        assert_eq!((keys(&recent).as_str(), recent.bytes), ("cad", 90));
        assert_eq!(recent.put('e', 5, 70), [3, 1]);
        assert_eq!((keys(&recent).as_str(), recent.bytes), ("de", 100));
        assert_eq!(recent.get(&'c'), None);
    }

    #[test]
    fn the_count_is_bounded_however_small_the_values_are() {
        let mut recent = Recent::new(100, 2);
        assert!(recent.put('a', 1, 0).is_empty());
        assert!(recent.put('b', 2, 0).is_empty());
        assert_eq!(recent.put('c', 3, 0), [1]);
        assert_eq!(keys(&recent), "bc");
    }

    #[test]
    fn what_is_too_large_by_itself_drives_nothing_out() {
        let mut recent = Recent::new(100, 10);
        assert!(recent.put('a', 1, 100).is_empty());
        assert_eq!(recent.put('b', 2, 101), [2]);
        assert_eq!((keys(&recent).as_str(), recent.bytes), ("a", 100));
    }

    #[test]
    fn a_value_that_is_put_again_is_counted_once() {
        let mut recent = Recent::new(100, 10);
        assert!(recent.put('a', 1, 60).is_empty());
        assert_eq!(recent.put('a', 2, 80), [1]);
        assert_eq!((recent.get(&'a'), recent.bytes), (Some(2), 80));
    }
}

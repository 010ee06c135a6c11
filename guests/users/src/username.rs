//! What a username may be, and when two spellings are one name.

use unicode_normalization::UnicodeNormalization;

/// Most characters of a name: enough for a full name in any script, and its key stays far below the 1 KiB of a key.
const LONGEST: usize = 64;

/// A name that may be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username {
    shown: String,
    key: String,
}

impl Username {
    /// Takes a name as it was typed: white space around it is dropped, composed and decomposed letters are one (NFC).
    ///
    /// # Errors
    /// What is wrong, as the end of a sentence that begins with the field's name.
    pub fn parse(typed: &str) -> Result<Self, String> {
        let shown: String = typed.trim().nfc().take(LONGEST + 1).collect();
        match shown.chars().count() {
            0 => return Err("must not be empty".to_owned()),
            count if count > LONGEST => {
                return Err(format!("must have at most {LONGEST} characters"));
            }
            _ => {}
        }
        if shown.chars().any(is_invisible) {
            return Err("must not contain control characters or invisible ones".to_owned());
        }
        Ok(Self { key: fold(&shown), shown })
    }

    /// The name as its owner writes it.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The same for every spelling that counts as this name.
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// Folds case: upper, then lower, each character by itself, so that `ß` meets `SS` and both small
/// sigmas meet. The dotless `ı` meets `i` too, which is one pair more than Unicode's folding and
/// keeps a look-alike out.
fn fold(name: &str) -> String {
    name.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfc().collect()
}

/// Characters by which two names could differ without looking different: controls, line and
/// paragraph separators, zero-width space, marks of direction, byte-order mark. The joiners
/// U+200C and U+200D stay, as some scripts need them.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{ad}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_have_one_key() {
        for (one, other) in [
            ("Alice", "aLICE"),
            (" alice\u{3000}", "alice"),
            ("Zo\u{eb}", "zoe\u{308}"),
            ("STRASSE", "straße"),
            ("ΟΔΟΣ", "οδος"),
            ("\u{212a}elvin", "kelvin"),
            ("张伟", "张伟"),
        ] {
            assert_eq!(Username::parse(one).unwrap().key(), Username::parse(other).unwrap().key(), "{one} {other}");
        }
    }

    #[test]
    fn a_name_is_one_to_sixty_four_visible_characters() {
        for (name, allowed) in [
            ("a", true),
            (&"张".repeat(64), true),
            (&format!("  {}  ", "a".repeat(64)), true),
            (&"張".repeat(65), false),
            (&"a".repeat(500_000), false),
            ("", false),
            (" \t ", false),
            ("a\0b", false),
            ("a\nb", false),
            ("a\u{202e}b", false),
            ("a\u{200b}b", false),
            ("a b", true),
            ("👩\u{200d}🚀", true),
        ] {
            assert_eq!(Username::parse(name).is_ok(), allowed, "{:?}", name.chars().take(70).collect::<String>());
        }
    }

    #[test]
    fn the_longest_key_fits_a_key_of_the_store() {
        let longest = "\u{390}".repeat(64);
        assert!(Username::parse(&longest).unwrap().key().len() < 900);
    }
}

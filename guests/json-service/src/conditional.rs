//! Strong ETags and `If-None-Match`, so that a client that has an answer already is not sent it again.

use sha2::{Digest, Sha256};

use crate::answer::Answer;
use crate::request::Request;
use crate::text::hex;

/// Bytes of the digest in an ETag: 128 bits are beyond any accidental match.
const TAG_BYTES: usize = 16;

/// Gives `answer` its ETag, or makes it 304 without a body if the request shows that its client has it.
#[must_use]
pub fn answer_unless_known(request: &Request, answer: Answer) -> Answer {
    let tag = entity_tag(&answer.body);
    let known = request.header("if-none-match").is_some_and(|known| lists(&known, &tag));
    let mut answer = answer.header("etag", tag);
    if known {
        answer.status = 304;
        answer.body.clear();
        answer.headers.retain(|(name, _)| *name != "content-type");
    }
    answer
}

/// The strong ETag of a body: equal bytes, equal tag.
#[must_use]
pub fn entity_tag(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    format!("\"{}\"", hex(digest.get(..TAG_BYTES).unwrap_or_default()))
}

/// Whether an `If-None-Match` value lists `tag`, compared weakly as RFC 9110 asks: `W/` is ignored.
fn lists(value: &str, tag: &str) -> bool {
    if value.trim() == "*" {
        return true;
    }
    let mut rest = value;
    while let Some((_, from_tag)) = rest.split_once('"') {
        let Some((inside, after)) = from_tag.split_once('"') else {
            return false;
        };
        if tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')) == Some(inside) {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn if_none_match_is_compared_as_a_list_of_tags_weak_ones_and_any() {
        for (value, expected) in [
            ("\"a\"", true),
            ("W/\"a\"", true),
            ("\"b\", \"a\"", true),
            ("\"b,\",W/\"a\"", true),
            ("*", true),
            (" * ", true),
            ("\"b\"", false),
            ("a", false),
            ("\"a", false),
            ("\"*\"", false),
            ("", false),
            ("\"b\" \"", false),
        ] {
            assert_eq!(lists(value, "\"a\""), expected, "{value}");
        }
    }
}

//! Which texts are names of hosts: what the domain name system would be asked for, and never an address in disguise.

/// The longest name (RFC 1035, section 3.1), without the dot of the root.
const NAME_BYTES: usize = 253;
/// The longest label.
const LABEL_BYTES: usize = 63;
/// The end of every name that stands for a service of this host.
const INTERNAL: &str = ".internal";

/// Why a text is no name of a host outside.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// Nothing.
    #[error("no host is named; write one, as in `https://api.example.com`")]
    Empty,
    /// Letters beyond ASCII.
    #[error("the host `{name}` is not ASCII; write it as the domain name system does, with `xn--`")]
    NotAscii {
        /// The text as given.
        name: String,
    },
    /// A dot at the end.
    #[error("the host `{name}` ends in a dot; leave it out")]
    Dot {
        /// The text as given.
        name: String,
    },
    /// More than can be asked for.
    #[error("the host `{name}` is too long; a name has at most 253 letters, and each label at most 63")]
    Long {
        /// The text as given.
        name: String,
    },
    /// A label that is empty, or holds what names do not.
    #[error("the host `{name}` has the label `{label}`; use letters, digits, `_` and, within a label, `-`")]
    Label {
        /// The text as given.
        name: String,
        /// The one that is wrong.
        label: String,
    },
    /// An address that not everybody reads the same way.
    #[error("the host `{name}` ends in a number, as addresses do; write all four numbers, as in `10.0.0.1`")]
    Number {
        /// The text as given.
        name: String,
    },
    /// A service of this host.
    #[error("the host `{name}` is a service of this host; name it in `calls`")]
    Internal {
        /// The text as given.
        name: String,
    },
}

/// The name in its only spelling: lower case, without a dot at the end.
pub(super) fn canonical(text: &str) -> Result<String, NameFault> {
    let own = || text.to_owned();
    if text.is_empty() {
        return Err(NameFault::Empty);
    }
    if !text.is_ascii() {
        return Err(NameFault::NotAscii { name: own() });
    }
    if text.len() > 1 && text.ends_with('.') {
        return Err(NameFault::Dot { name: own() });
    }
    if text.len() > NAME_BYTES || text.split('.').any(|label| label.len() > LABEL_BYTES) {
        return Err(NameFault::Long { name: own() });
    }
    if let Some(label) = text.split('.').find(|label| !is_label(label)) {
        return Err(NameFault::Label { name: own(), label: label.to_owned() });
    }
    let name = text.to_ascii_lowercase();
    if name.rsplit('.').next().is_some_and(is_number) {
        return Err(NameFault::Number { name: own() });
    }
    if name.ends_with(INTERNAL) {
        return Err(NameFault::Internal { name: own() });
    }
    Ok(name)
}

fn is_label(label: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !label.is_empty() && label.bytes().all(known) && !label.starts_with('-') && !label.ends_with('-')
}

/// Whether some reader of addresses would take a name with this last label for
/// one: decimal, octal, or hexadecimal, even without a digit after the `0x`.
fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hexadecimal || label.bytes().all(|byte| byte.is_ascii_digit())
}

//! Components bent so that they fail as they start, whatever they were before.
//!
//! A component is a row of sections, and a core module with its instantiation
//! may stand behind the last of them: all that was there stays as it is, and
//! starting it ends with a start function that we wrote.

/// The first eight bytes of a component.
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";
/// The same of a core module, with a function of no parameters that runs at the start.
const MODULE: &[u8] = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x08\x01\0";
/// Sections of a component.
const CORE_MODULE: u8 = 1;
const CORE_INSTANCE: u8 = 2;
/// A section of a core module.
const CODE: u8 = 10;

/// `component`, but to start it is a trap.
pub fn trap_at_start(component: &[u8]) -> Vec<u8> {
    // unreachable
    bent(component, b"\x00")
}

/// `component`, but to start it never ends.
pub fn loop_at_start(component: &[u8]) -> Vec<u8> {
    // loop, br 0, end
    bent(component, b"\x03\x40\x0c\0\x0b")
}

/// `component` with a core module at its end whose start function has `body`.
fn bent(component: &[u8], body: &[u8]) -> Vec<u8> {
    let before = core_modules(component);
    // One function, without locals.
    let function = [b"\0", body, b"\x0b"].concat();
    let code = [vec![1], number(function.len()), function].concat();
    let module = [MODULE.to_vec(), section(CODE, &code)].concat();
    // One instance, of the module after those that were there, without arguments.
    let instance = [vec![1, 0], number(before), vec![0]].concat();
    [component, &section(CORE_MODULE, &module), &section(CORE_INSTANCE, &instance)].concat()
}

/// How many core modules stand in `component`; the tools that made our guests alias none.
fn core_modules(component: &[u8]) -> usize {
    let mut rest = component.strip_prefix(&COMPONENT).expect("only a component can be bent");
    let mut count = 0;
    while let [id, from_length @ ..] = rest {
        count += usize::from(*id == CORE_MODULE);
        let (length, content) = split_number(from_length);
        rest = &content[length..];
    }
    count
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [vec![id], number(content.len()), content.to_vec()].concat()
}

/// LEB128, as all numbers in the format are.
fn number(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn split_number(bytes: &[u8]) -> (usize, &[u8]) {
    let length = 1 + bytes.iter().position(|byte| byte & 0x80 == 0).expect("a number must end");
    let value = bytes[..length].iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f));
    (value, &bytes[length..])
}

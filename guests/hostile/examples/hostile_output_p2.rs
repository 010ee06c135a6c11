//! Writes `?kib=` to its output: `lines` of two bytes, `unbroken`, with `escapes`, as `bytes` that are no text, or a `secret` in a panic.

use behaviours_p2::answer::write_all;
use behaviours_p2::wasip2::cli::stdout::get_stdout;
use behaviours_p2::{Reply, Request, serve};

/// Written at once.
const BLOCK: usize = 4 * 1024;

serve!(handle);

fn handle(request: Request, reply: Reply) {
    let pattern: &[u8] = match request.query.text("how") {
        "lines" => b"x\n",
        "unbroken" => b"xxxxxxxx",
        "escapes" => b"\x1b[31mred\x1b[2J\r\n",
        "bytes" => b"\xff\xfe\xc3\x28\n",
        "secret" => ZOO_SECRET_7b1f_in_a_name(),
        _ => return reply.text(hostile::FINE),
    };
    let block = pattern.repeat(BLOCK / pattern.len());
    let out = get_stdout();
    for _ in 0..request.query.number("kib", 1) / 4 {
        if write_all(&out, &block).is_err() {
            return reply.text("refused");
        }
    }
    reply.text("written");
}

/// The name section keeps this name, and a backtrace shows it.
#[expect(non_snake_case, reason = "the name itself is what must not slip out")]
#[inline(never)]
fn ZOO_SECRET_7b1f_in_a_name() -> &'static [u8] {
    panic!("{}", hostile::SECRET);
}

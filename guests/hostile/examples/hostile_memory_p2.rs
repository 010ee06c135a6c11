//! Asks for memory: page by `page` for ever, all there is at `once`, or `most` of it: `?mib=`, all of them touched.

use behaviours_p2::{Reply, Request, serve};
use core::arch::wasm32::{memory_grow, memory_size, unreachable};

/// Pages of 64 KiB in a mebibyte.
const PAGES: usize = 16;
const PAGE: usize = 64 * 1024;
/// What `memory.grow` says instead of the old size.
const REFUSED: usize = usize::MAX;

serve!(handle);

fn handle(request: Request, reply: Reply) {
    match request.query.text("how") {
        "page" => loop {
            if memory_grow(0, 1) == REFUSED {
                unreachable();
            }
        },
        "once" => {
            let rest = 65_536 - memory_size(0);
            reply.text(if memory_grow(0, rest) == REFUSED { "refused" } else { "granted" });
        }
        "most" => {
            let wanted = request.query.number("mib", 1) * PAGES;
            let old = memory_size(0);
            if memory_grow(0, wanted.saturating_sub(old)) == REFUSED {
                return reply.text("refused");
            }
            (old..wanted).for_each(|page| touch(page * PAGE));
            reply.text("granted");
        }
        _ => reply.text(hostile::FINE),
    }
}

fn touch(at: usize) {
    let byte = std::ptr::with_exposed_provenance_mut::<u8>(at);
    // SAFETY: the page was made by `memory_grow` just now, so that nobody else uses it.
    unsafe { byte.write_volatile(1) };
}

//! Takes and touches memory until it is refused, then gives up.

use behaviours_p2::{Reply, Request, serve};
use std::hint::black_box;

const BLOCK: usize = 1024 * 1024;

serve!(handle);

fn handle(_request: Request, _reply: Reply) {
    let mut blocks = Vec::new();
    loop {
        let mut block = Vec::<u8>::new();
        if block.try_reserve_exact(BLOCK).is_err() {
            core::arch::wasm32::unreachable();
        }
        block.resize(BLOCK, 1);
        blocks.push(black_box(block));
    }
}

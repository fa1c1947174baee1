//! Using up time, stack and memory.

use std::hint::black_box;

use super::answer;
use super::contract::exports::gateway::plugin::handler::Response;
use super::contract::wasi::clocks::monotonic_clock;

const MIB: usize = 1 << 20;

#[expect(clippy::panic, reason = "that is its purpose")]
pub(super) fn panic() -> ! {
    panic!("a panic that was asked for")
}

pub(super) fn spin() -> ! {
    loop {
        // Not an empty loop: the compiler must not see that nothing happens.
        black_box(0);
    }
}

/// Keeps the processor busy until the clock has moved on by `milliseconds`.
pub(super) fn spin_for(milliseconds: u64) -> Response {
    let end = monotonic_clock::now().saturating_add(milliseconds.saturating_mul(1_000_000));
    while monotonic_clock::now() < end {
        (0..10_000).for_each(|step| {
            black_box(step);
        });
    }
    answer(200, milliseconds.to_string())
}

pub(super) fn overflow_the_stack() -> Response {
    answer(200, deeper(0).to_string())
}

/// What follows the call, and the frame that it needs, keep this from becoming a loop.
#[expect(unconditional_recursion, reason = "that is its purpose")]
fn deeper(depth: u64) -> u64 {
    let frame = black_box([depth; 32]);
    let below = deeper(black_box(depth + 1));
    frame
        .iter()
        .fold(below, |sum, word| sum.wrapping_add(*word))
}

pub(super) fn allocate_without_end() -> ! {
    let mut kept = Vec::new();
    loop {
        kept.push(black_box(vec![1_u8; MIB]));
    }
}

/// Fills that many MiB and lets them go.
pub(super) fn allocate(mib: u64) -> Response {
    let length = usize::try_from(mib)
        .unwrap_or(usize::MAX)
        .saturating_mul(MIB);
    answer(200, black_box(vec![1_u8; length]).len().to_string())
}

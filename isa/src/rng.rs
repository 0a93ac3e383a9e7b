//! Random words by counter: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011).
//!
//! Invariant: a word depends on its key only, never on order, threads or mapping. `specs/numeric.md` has the keys and test vectors.

/// Source id in the counter of a draw by a lane's `update`.
pub const NO_SOURCE: u32 = 0xFFFF_FFFF;

/// Philox4x32 with 10 rounds.
pub fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut a, mut b, mut c, mut d] = counter;
    let [mut k, mut l] = key;
    for _ in 0..10 {
        let first = u64::from(a) * 0xD251_1F53;
        let second = u64::from(c) * 0xCD9E_8D57;
        (a, b, c, d) = (
            (second >> 32) as u32 ^ b ^ k,
            second as u32,
            (first >> 32) as u32 ^ d ^ l,
            first as u32,
        );
        k = k.wrapping_add(0x9E37_79B9);
        l = l.wrapping_add(0xBB67_AE85);
    }
    [a, b, c, d]
}

/// Site of a draw: handler (0 `update`, 1 `on_spike`) and index of the instruction in it, 0 to 1023.
pub fn site(handler: crate::op::Handler, index: u32) -> u32 {
    (handler as u32) << 10 | (index & 0x3ff)
}

/// The random word of a lane: `step` counts from the last reset (low 32 bits), `id` is the lane's logical id.
pub fn draw_lane(seed: u64, step: u32, id: u32, site: u32) -> u32 {
    philox4x32(
        [id, NO_SOURCE, step, site],
        [seed as u32, (seed >> 32) as u32],
    )[0]
}

/// The random word of a synapse: `ordinal` is its index among the synapses of the same (target, source) pair in list order.
/// `step` is the sending step when the chip delivers by `accumulate` (−1, that is 0xFFFF_FFFF, for the preload step) and the delivery
/// tick when by `axon_bits`.
pub fn draw_synapse(
    seed: u64,
    step: u32,
    target: u32,
    source: u32,
    ordinal: u32,
    site: u32,
) -> u32 {
    philox4x32(
        [target, source, step, ordinal << 12 | site],
        [seed as u32, (seed >> 32) as u32],
    )[0]
}

//! Chance from a seed: the same on every machine and in every version (PCG is defined bit by bit).

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

/// One stream of chances. Streams of one seed don't disturb each other: a new draw in one leaves the others as they are.
pub(crate) struct Dice(Pcg64Mcg);

impl Dice {
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(
            seed.wrapping_mul(1_000_003).wrapping_add(stream),
        ))
    }

    /// Whether something happens that happens so often.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.0.random_bool(probability)
    }

    /// One of `from..=to`.
    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        self.0.random_range(from..=to)
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let last = u64::try_from(from.len()).unwrap() - 1;
        from[usize::try_from(self.between(0, last)).unwrap()]
    }
}

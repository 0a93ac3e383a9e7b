//! Sets of a router's virtual channels as bits of one word.

use std::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, Not};

/// A word of bits.
pub(super) trait Bits:
    Copy
    + Eq
    + BitAnd<Output = Self>
    + BitOr<Output = Self>
    + BitAndAssign
    + BitOrAssign
    + Not<Output = Self>
    + Default
    + Send
{
    /// No bit.
    const NONE: Self;
    /// Bits.
    const WIDTH: usize;
    /// Bit `i` alone.
    fn bit(i: usize) -> Self;
    /// Bits from `i` on.
    fn since(i: usize) -> Self;
    /// Lowest bit that is set.
    fn first(self) -> usize;
    /// Eight bits from `i` on.
    fn byte(self, i: usize) -> u8;
    /// Whether only one bit is set.
    fn single(self) -> bool;

    /// First bit at or after `i`, going round. There must be one.
    #[inline(always)]
    fn nearest(self, i: usize) -> usize {
        let after = self & Self::since(i);
        if after == Self::NONE {
            self.first()
        } else {
            after.first()
        }
    }
}

macro_rules! bits {
    ($word:ty) => {
        impl Bits for $word {
            const NONE: $word = 0;
            const WIDTH: usize = <$word>::BITS as usize;

            #[inline(always)]
            fn bit(i: usize) -> $word {
                1 << i
            }

            #[inline(always)]
            fn since(i: usize) -> $word {
                <$word>::MAX << i
            }

            #[inline(always)]
            fn first(self) -> usize {
                self.trailing_zeros() as usize
            }

            #[inline(always)]
            fn byte(self, i: usize) -> u8 {
                (self >> i) as u8
            }

            #[inline(always)]
            fn single(self) -> bool {
                self & self.wrapping_sub(1) == 0
            }
        }
    };
}
bits!(u8);
bits!(u64);
bits!(u128);

//! Arrays that begin at a cache line: vector loads and stores of a strip then never cross one.
//!
//! Invariant: a slice of fixed length; where it lies in memory shows in speed only.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest vector.
const LINE: usize = 64;

/// A fixed number of words.
#[derive(Debug, Default)]
pub(crate) struct Words<T> {
    data: Vec<T>,
    first: usize,
    len: usize,
}

impl<T: Copy + Default> Words<T> {
    /// So many zeros.
    pub(crate) fn new(len: usize) -> Words<T> {
        let spare = LINE / size_of::<T>();
        let data = vec![T::default(); len + spare];
        let first = data.as_ptr().align_offset(LINE).min(spare);
        Words { data, first, len }
    }
}

impl<T: Copy + Default> Clone for Words<T> {
    fn clone(&self) -> Words<T> {
        let mut copy = Words::new(self.len);
        copy.copy_from_slice(self);
        copy
    }
}

impl<T> Deref for Words<T> {
    type Target = [T];
    #[inline(always)]
    fn deref(&self) -> &[T] {
        &self.data[self.first..self.first + self.len]
    }
}

impl<T> DerefMut for Words<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.data[self.first..self.first + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_begin_at_a_line() {
        for len in [0, 1, 255, 256, 1000] {
            let mut words: Words<i32> = Words::new(len);
            assert_eq!(words.len(), len);
            assert_eq!(words.as_ptr() as usize % LINE, 0);
            words.fill(3);
            let moved = words;
            assert_eq!(moved.as_ptr() as usize % LINE, 0);
            assert!(moved.iter().all(|w| *w == 3));
        }
        assert_eq!(Words::<i64>::new(9).as_ptr() as usize % LINE, 0);
    }
}

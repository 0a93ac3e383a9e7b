//! Independent work shared out among host threads.
//!
//! Invariant: results come back in the order of the items, so nothing that is made of them depends on the number of threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// What `job` makes of every item, in the order of the items, on up to `threads` threads. Items are begun in order.
pub(crate) fn each<T: Sync, R: Send>(
    threads: usize,
    items: &[T],
    job: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    if threads <= 1 || items.len() <= 1 {
        return items.iter().map(job).collect();
    }
    let slots: Vec<Mutex<Option<R>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some((item, slot)) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            items.get(index).zip(slots.get(index))
        } {
            let done = job(item);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(work);
        }
        work();
    });
    let done = slots.into_iter().map(|slot| {
        let done = slot.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.expect("every item was taken")
    });
    done.collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn in_order() {
        let items: Vec<u64> = (0..100).collect();
        let expected: Vec<u64> = items.iter().map(|i| i * i).collect();
        for threads in [0, 1, 2, 3, 200] {
            assert_eq!(super::each(threads, &items, |i| i * i), expected);
        }
        assert!(super::each(4, &[] as &[u8], |i| *i).is_empty());
    }
}

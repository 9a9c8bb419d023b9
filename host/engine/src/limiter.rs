//! Counts memory over everything that one store allocates.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use crate::meter::{Exceeded, Meter};

/// Bytes that a table element takes on this machine.
const ELEMENT: usize = size_of::<usize>();
/// How many core instances, memories and tables one component may have:
/// enough for an interpreter with its libraries.
const MAX_PARTS: usize = 1_000;

/// Refuses to grow beyond a sum over all memories and tables of a store.
pub(crate) struct MemoryLimiter {
    limit: usize,
    used: usize,
    meter: Arc<Meter>,
}

impl MemoryLimiter {
    pub(crate) fn new(limit: u64, meter: Arc<Meter>) -> Self {
        Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            used: 0,
            meter,
        }
    }

    /// Bytes of all memories and tables, which never shrink.
    pub(crate) fn used(&self) -> u64 {
        self.used as u64
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.limit {
            self.meter.exceed(Exceeded::Memory);
            return false;
        }
        self.used = used;
        true
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(
            current.saturating_mul(ELEMENT),
            desired.saturating_mul(ELEMENT),
        ))
    }

    fn instances(&self) -> usize {
        MAX_PARTS
    }

    fn memories(&self) -> usize {
        MAX_PARTS
    }

    fn tables(&self) -> usize {
        MAX_PARTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_limit() {
        let meter = Arc::new(Meter::default());
        let mut limiter = MemoryLimiter::new(1000, Arc::clone(&meter));
        assert!(limiter.memory_growing(0, 400, None).unwrap());
        assert!(limiter.memory_growing(0, 400, None).unwrap());
        assert!(limiter.table_growing(0, 200 / ELEMENT, None).unwrap());
        assert_eq!(meter.exceeded(), None);
        assert!(!limiter.memory_growing(400, 401, None).unwrap());
        assert_eq!(meter.exceeded(), Some(Exceeded::Memory));
    }
}

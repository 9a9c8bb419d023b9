//! Tests of the whole system against the real binary.

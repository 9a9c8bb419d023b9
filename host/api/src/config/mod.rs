//! What operators set for the whole installation, a section per module.

pub mod audit;

//! Which host runs what.

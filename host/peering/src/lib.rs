//! What makes hosts know and trust each other.

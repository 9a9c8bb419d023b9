//! The console: in a real browser, and its sessions.

mod pages;
mod session;

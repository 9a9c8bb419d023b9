//! Whatever a person pastes as a link token makes nothing panic, and what is
//! taken for one is written again just as it was read.
//!
//! `cargo +nightly fuzz run link_token` in `host/peering`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_peering::LinkToken;

fuzz_target!(|text: &str| {
    let Ok(token) = text.parse::<LinkToken>() else {
        return;
    };
    assert_eq!(token.check(), Ok(()));
    let written = token.to_string();
    assert_eq!(written.parse(), Ok(token));
});

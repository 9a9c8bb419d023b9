//! A link token with anything in it can be read exactly if it may be given out.
//!
//! `cargo +nightly fuzz run link_token_content` in `host/peering`.

#![no_main]

use libfuzzer_sys::fuzz_target;
use muster_peering::{LinkToken, Pin};
use time::OffsetDateTime;
use uuid::Uuid;

type Content = (u128, Vec<[u8; 32]>, Vec<String>, [u8; 32], u32, Vec<String>);

fuzz_target!(|content: Content| {
    let (id, pins, addresses, secret, expires, roles) = content;
    let token = LinkToken {
        cluster: Uuid::from_u128(!id),
        pins: pins.into_iter().map(Pin::from_bytes).collect(),
        addresses,
        id: Uuid::from_u128(id),
        secret,
        expires_at: OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(expires.into()),
        roles,
    };
    let written = token.to_string();
    let read = written.parse();
    if written.len() > muster_peering::token::LONGEST {
        assert!(read.is_err());
    } else {
        assert_eq!(read, token.check().map(|()| token));
    }
});

//! What makes hosts know and trust each other: the cluster's certificate
//! authority, each host's key and certificate, the token that links a host,
//! mutual TLS between peers, and membership as a state machine without IO.
//!
//! A host is its UUID and its key. Where it is reached is an attribute that
//! may change, and what its clock shows is its own business: nothing in here
//! reads a clock, and whatever is judged by time, is judged by the leader's.

pub mod anchors;
pub mod authority;
mod certificate;
pub mod clock;
mod error;
pub mod host_key;
pub mod leaf;
pub mod membership;
mod pem;
mod pin;
pub mod proof;
pub mod tls;
pub mod token;

pub use anchors::Anchors;
pub use authority::Authority;
pub use error::PeeringError;
pub use host_key::HostKey;
pub use leaf::Leaf;
pub use pin::Pin;
pub use token::{LinkToken, MOST_ADDRESSES, TokenError};

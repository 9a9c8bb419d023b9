//! One membership as both sides see it: two state machines without IO, that of
//! the leader ([`leader`]) and that of the host that joins ([`joiner`]).
//!
//! ```text
//! leader   Offered ──ask──▶ Pending ──confirm──▶ Joined ──leave, remove, force out──▶ Ended
//! joiner   Alone ─▶ Joining (asking ─▶ confirming) ─▶ Following ─▶ Leaving ─▶ Alone
//! ```
//!
//! A membership is named by its link token's id, and every message bears it, so
//! that what comes late speaks of a membership that is over and harms no newer
//! one. The rules by which both sides come to agree, whatever gets lost,
//! doubled, late, or interrupted:
//!
//! - the token is used up in the transaction that makes the member pending;
//!   from then on it is good for the same host with the same key alone, which
//!   may ask as often as it likes and gets the same answer;
//! - a pending member that does not confirm in time is nobody again, by the
//!   leader's clock. A joiner that has not confirmed may therefore give up
//!   without a word; one that may have been heard retries until it has a
//!   definite answer, or takes leave in the same way;
//! - `Ended` is for ever. "Not known" is therefore always the truth, also when
//!   it comes late, and whoever hears it forgets all that it had of the
//!   membership. A follower says hello with each heartbeat, and so hears it;
//! - only the leader has a clock. [`joiner::step`] takes none.
//!
//! State is written before effects happen. After a crash, what was not done is
//! done by [`joiner::Event::Wake`] and [`leader::Event::Tick`], and again
//! whenever somebody is not sure: both may come at any time.

mod facts;
pub mod joiner;
pub mod leader;
mod messages;
pub mod presence;
mod refusal;

pub use facts::{Facts, Mode, check_join};
pub use messages::{Ending, Reply, Request};
pub use refusal::{Refusal, Side};

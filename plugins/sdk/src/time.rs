//! The time. In tests it stands still, until
//! [`testing::pass`](crate::testing::pass) lets some of it pass.

use std::time::{Duration, SystemTime};

/// How much time has passed since an instance first asked, by a clock that never
/// goes back.
#[cfg(target_family = "wasm")]
#[must_use]
pub fn elapsed() -> Duration {
    use std::{cell::OnceCell, time::Instant};

    thread_local! {
        static BEGAN: OnceCell<Instant> = const { OnceCell::new() };
    }
    BEGAN.with(|began| began.get_or_init(Instant::now).elapsed())
}

/// How much time has passed since an instance first asked, by a clock that never
/// goes back.
#[cfg(not(target_family = "wasm"))]
#[must_use]
pub fn elapsed() -> Duration {
    crate::testing::passed()
}

/// The time of day. May go back, when somebody sets the clock.
#[cfg(target_family = "wasm")]
#[must_use]
pub fn now() -> SystemTime {
    SystemTime::now()
}

/// The time of day. May go back, when somebody sets the clock.
#[cfg(not(target_family = "wasm"))]
#[must_use]
pub fn now() -> SystemTime {
    crate::testing::EPOCH + crate::testing::passed()
}

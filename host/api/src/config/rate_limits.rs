//! How many requests the API takes from one client.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::FieldProblem;

/// The highest rate that can be set: a million a second.
const MAX_PER_MINUTE: u32 = 60_000_000;
/// The largest burst that can be set.
const MAX_BURST: u32 = 1_000_000;

/// How many requests the API takes from one client. Each limit counts on its
/// own; a request is refused when any of those that apply is used up. They are
/// meant for clients that have run wild, not for those that work hard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RateLimits {
    /// Whether there are limits at all.
    pub enabled: bool,
    /// Requests without a login, and those whose login is refused, of one
    /// address. For IPv6 the first 64 bits count as one address.
    pub address: Rate,
    /// Attempts to sign in, of one address.
    pub sign_in: Rate,
    /// Requests of one user, in all of their sessions together.
    pub user: Rate,
    /// Requests of one access key. They do not count for its user.
    pub key: Rate,
}

/// How many requests are taken in the long run, and how many at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Requests per minute in the long run, 1 to 60000000.
    #[schema(minimum = 1, maximum = 60_000_000, example = 6000)]
    pub per_minute: u32,
    /// Requests at once after a rest, 1 to 1000000.
    #[schema(minimum = 1, maximum = 1_000_000, example = 1000)]
    pub burst: u32,
}

impl Default for RateLimits {
    fn default() -> Self {
        let rate = |per_minute, burst| Rate { per_minute, burst };
        Self {
            enabled: true,
            address: rate(3_000, 1_000),
            sign_in: rate(60, 100),
            user: rate(6_000, 2_000),
            key: rate(6_000, 2_000),
        }
    }
}

impl RateLimits {
    /// What is out of bounds, by field.
    #[must_use]
    pub fn check(&self) -> Vec<FieldProblem> {
        let rates = [
            ("address", self.address),
            ("sign_in", self.sign_in),
            ("user", self.user),
            ("key", self.key),
        ];
        let mut wrong = Vec::new();
        for (name, rate) in rates {
            for (field, value, most) in [
                ("per_minute", rate.per_minute, MAX_PER_MINUTE),
                ("burst", rate.burst, MAX_BURST),
            ] {
                if !(1..=most).contains(&value) {
                    wrong.push(FieldProblem {
                        field: format!("{name}.{field}"),
                        message: format!("{value} is out of bounds: 1 to {most}"),
                    });
                }
            }
        }
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_bounds_is_named() {
        assert_eq!(RateLimits::default().check(), []);
        let mut limits = RateLimits::default();
        limits.user.burst = 0;
        limits.key.per_minute = MAX_PER_MINUTE + 1;
        let fields: Vec<_> = limits
            .check()
            .into_iter()
            .map(|wrong| wrong.field)
            .collect();
        assert_eq!(fields, ["user.burst", "key.per_minute"]);
    }

    #[test]
    fn a_part_of_it_is_enough() {
        let limits: RateLimits =
            serde_json::from_str(r#"{"user":{"per_minute":1,"burst":2}}"#).unwrap();
        assert_eq!(limits.user.burst, 2);
        assert_eq!(limits.address, RateLimits::default().address);
        assert!(serde_json::from_str::<RateLimits>(r#"{"users":{}}"#).is_err());
    }
}

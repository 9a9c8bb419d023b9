//! Rate limits per address, user and access key.
//!
//! Who makes a request is known step by step. [`meter`] gives each request a
//! [`Meter`] and counts what comes without a login for its address; whoever
//! finds out more has the meter count it for a user or a key. What was counted
//! stands in the answer's `RateLimit` fields.
//!
//! The address is that of the connection; what a header says about it is only
//! believed of trusted proxies (see [`client_address`](super::client_address)).

mod bucket;

use std::{
    fmt::Write,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use muster_api::config::rate_limits::{self as config, Rate};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use self::bucket::{Bucket, Standing};
use tokio_util::sync::CancellationToken;

use super::{
    authorise::{origin, request_id},
    client_address,
    problems::Refused,
};
use crate::{
    control::{
        audit::{Audit, Refusal},
        config::Config,
    },
    peers::calls::Delegate,
};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// For whom a request is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Nobody is known to have sent it, but from where.
    Address(IpAddr),
    /// Somebody tries to sign in from there.
    SignIn(IpAddr),
    /// A user.
    User(Uuid),
    /// An access key, by a digest of its id.
    Key(Uuid),
}

/// The limits in force.
pub(crate) struct RateLimits {
    limits: ArcSwap<Limits>,
}

struct Limits {
    enabled: bool,
    address: Arc<Bucket>,
    sign_in: Arc<Bucket>,
    user: Arc<Bucket>,
    key: Arc<Bucket>,
}

impl Identity {
    /// The access key of that id.
    pub(crate) fn of_key(id: &str) -> Self {
        let digest = Sha256::digest(id.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        Self::Key(Uuid::from_bytes(bytes))
    }
}

impl RateLimits {
    pub(crate) fn new(config: &config::RateLimits) -> Self {
        let limits = Limits {
            enabled: config.enabled,
            address: Arc::new(Bucket::new("address", config.address)),
            sign_in: Arc::new(Bucket::new("sign-in", config.sign_in)),
            user: Arc::new(Bucket::new("user", config.user)),
            key: Arc::new(Bucket::new("key", config.key)),
        };
        Self {
            limits: ArcSwap::from_pointee(limits),
        }
    }

    /// Puts other limits in force, for the next request on. A limit that stays
    /// the same goes on counting; one that changes begins anew.
    pub(crate) fn reconfigure(&self, config: &config::RateLimits) {
        let renew = |old: &Arc<Bucket>, name, rate: Rate| {
            if old.rate() == rate {
                Arc::clone(old)
            } else {
                Arc::new(Bucket::new(name, rate))
            }
        };
        self.limits.rcu(|old| Limits {
            enabled: config.enabled,
            address: renew(&old.address, "address", config.address),
            sign_in: renew(&old.sign_in, "sign-in", config.sign_in),
            user: renew(&old.user, "user", config.user),
            key: renew(&old.key, "key", config.key),
        });
    }

    /// Takes over what is configured, until the host stops.
    pub(crate) async fn keep_up(self: Arc<Self>, config: Config, ending: CancellationToken) {
        let mut changes = config.changes();
        loop {
            tokio::select! {
                () = ending.cancelled() => return,
                _ = changes.changed() => self.reconfigure(&config.get()),
            }
        }
    }

    fn take(&self, identity: Identity) -> Option<Standing> {
        let limits = self.limits.load();
        if !limits.enabled {
            return None;
        }
        Some(match identity {
            Identity::Address(address) => limits.address.take(network(address)),
            Identity::SignIn(address) => limits.sign_in.take(network(address)),
            Identity::User(user) => limits.user.take(user.as_u128()),
            Identity::Key(key) => limits.key.take(key.as_u128()),
        })
    }
}

/// What counts as one address: of IPv6 the first 64 bits, for a single machine
/// has all of the rest to itself.
fn network(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_ipv6_mapped()),
        IpAddr::V6(address) => u128::from(address) & !u128::from(u64::MAX),
    }
}

/// Counts one request. Clones share it; it is among the request's extensions.
#[derive(Clone)]
pub(crate) struct Meter {
    limits: Arc<RateLimits>,
    address: IpAddr,
    taken: Arc<Mutex<Vec<Standing>>>,
}

impl Meter {
    /// Counts the request for somebody.
    ///
    /// # Errors
    /// `rate-limited` if it is one too many.
    pub(super) fn take(&self, identity: Identity) -> Result<(), Refused> {
        let Some(standing) = self.limits.take(identity) else {
            return Ok(());
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.push(standing);
        drop(taken);
        match standing.wait {
            Some(wait) => Err(limited(standing.name, wait)),
            None => Ok(()),
        }
    }

    fn taken(&self) -> Vec<Standing> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.clone()
    }
}

fn limited(name: &str, wait: u64) -> Refused {
    let whose = match name {
        "address" => "requests without a login have come from your address",
        "sign-in" => "attempts to sign in have come from your address",
        "key" => "requests have come with this access key",
        _ => "requests have come from this user",
    };
    let title = "Too many requests in a short time";
    Refused::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", title)
        .detail(format!("too many {whose}"))
        .remedy(format!("try again in {wait} s"))
        .header(header::RETRY_AFTER, HeaderValue::from(wait))
}

/// What counts requests, and writes down which were too many.
#[derive(Clone)]
pub(super) struct Metering {
    pub(super) limits: Arc<RateLimits>,
    pub(super) audit: Audit,
}

impl Metering {
    /// Has it written down that a request was one too many for its address. To
    /// what it was, is left out: a flood is one entry, wherever it goes.
    fn refuse(&self, request: &Request, refused: Refused) -> Response {
        self.audit.refused(Refusal {
            actor: None,
            proven: false,
            credential: None,
            action: "request".to_owned(),
            subject: "(any)".to_owned(),
            origin: origin(request.extensions()),
            request: request_id(request.headers()),
            code: refused.0.code.clone(),
        });
        refused.into_response()
    }
}

/// Counts every request, at first for its address unless it says who sends it.
/// If what it says is refused, it counts for its address after all.
pub(super) async fn meter(
    State(metering): State<Metering>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let meter = Meter {
        limits: Arc::clone(&metering.limits),
        address: client_address::of(request.extensions()).unwrap_or_else(|| peer.ip()),
        taken: Arc::default(),
    };
    // Whoever asks through the leader has been counted there.
    let delegated = request.extensions().get::<Delegate>().is_some();
    let stranger = !delegated && !request.headers().contains_key(header::AUTHORIZATION);
    request.extensions_mut().insert(meter.clone());
    let address = Identity::Address(meter.address);
    let mut response = if stranger && let Err(refused) = meter.take(address) {
        metering.refuse(&request, refused)
    } else {
        next.run(request).await
    };
    // That the login was refused is written down already.
    if response.status() == StatusCode::UNAUTHORIZED
        && !stranger
        && let Err(refused) = meter.take(address)
    {
        response = refused.into_response();
    }
    tell(&mut response, &meter.taken());
    response
}

/// Counts an attempt to sign in. For routes where somebody does.
pub(super) async fn sign_in(request: Request, next: Next) -> Response {
    if let Some(meter) = request.extensions().get::<Meter>()
        && let Err(refused) = meter.take(Identity::SignIn(meter.address))
    {
        return refused.into_response();
    }
    next.run(request).await
}

/// Says how the client stands, in the fields of the IETF's draft
/// `draft-ietf-httpapi-ratelimit-headers`.
fn tell(response: &mut Response, taken: &[Standing]) {
    if taken.is_empty() {
        return;
    }
    let (mut policy, mut standing) = (String::new(), String::new());
    for limit in taken {
        let comma = if policy.is_empty() { "" } else { ", " };
        let _ = write!(
            policy,
            "{comma}\"{}\";q={};w={}",
            limit.name, limit.quota, limit.window
        );
        let _ = write!(
            standing,
            "{comma}\"{}\";r={};t={}",
            limit.name, limit.remaining, limit.reset
        );
    }
    for (name, value) in [(POLICY, policy), (STANDING, standing)] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> config::RateLimits {
        let slow = Rate {
            per_minute: 1,
            burst: 2,
        };
        config::RateLimits {
            address: slow,
            user: slow,
            ..config::RateLimits::default()
        }
    }

    fn meter_at(limits: &Arc<RateLimits>) -> Meter {
        Meter {
            limits: Arc::clone(limits),
            address: IpAddr::from([192, 0, 2, 1]),
            taken: Arc::default(),
        }
    }

    #[test]
    fn one_machine_is_one_address() {
        let same = |a: &str, b: &str| network(a.parse().unwrap()) == network(b.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff:1"));
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }

    #[test]
    fn what_is_counted_is_told() {
        let limits = Arc::new(RateLimits::new(&config()));
        let meter = meter_at(&limits);
        meter.take(Identity::User(Uuid::nil())).unwrap();
        meter.take(Identity::Key(Uuid::nil())).unwrap();
        let mut response = StatusCode::OK.into_response();
        tell(&mut response, &meter.taken());
        assert_eq!(
            response.headers()[POLICY],
            "\"user\";q=2;w=120, \"key\";q=2000;w=20"
        );
        assert_eq!(
            response.headers()[STANDING],
            "\"user\";r=1;t=60, \"key\";r=1999;t=1"
        );
    }

    #[test]
    fn limits_change_while_they_count() {
        let limits = Arc::new(RateLimits::new(&config()));
        let user = Identity::User(Uuid::nil());
        let meter = meter_at(&limits);
        let address = Identity::Address(meter.address);
        for identity in [user, address] {
            meter.take(identity).unwrap();
            meter.take(identity).unwrap();
        }
        let refused = meter.take(user).unwrap_err();
        assert_eq!(
            (refused.0.status, refused.0.code.as_str()),
            (429, "rate-limited")
        );

        let mut other = config();
        other.user.burst = 3;
        limits.reconfigure(&other);
        meter.take(user).unwrap();
        assert!(
            meter.take(address).is_err(),
            "a limit that stays goes on counting"
        );
        other.enabled = false;
        limits.reconfigure(&other);
        meter.take(address).unwrap();
    }
}

//! A request that needs an upstream.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use crate::load_balancer;

/// A request that is made up: by the client 192.0.2.1, whom every upstream may
/// serve, each idle, unless told.
#[derive(Debug, Clone)]
pub struct Request {
    closed: BTreeSet<u32>,
    in_flight: BTreeMap<u32, u32>,
    client: String,
    headers: Vec<(String, String)>,
    lot: Cell<u32>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            closed: BTreeSet::new(),
            in_flight: BTreeMap::new(),
            client: "192.0.2.1".to_owned(),
            headers: Vec::new(),
            lot: Cell::new(1),
        }
    }
}

impl Request {
    /// That this upstream may not serve.
    #[must_use]
    pub fn without(mut self, upstream: u32) -> Self {
        self.closed.insert(upstream);
        self
    }

    /// While an upstream has so many requests under way.
    #[must_use]
    pub fn with_in_flight(mut self, upstream: u32, requests: u32) -> Self {
        self.in_flight.insert(upstream, requests);
        self
    }

    /// By this client.
    #[must_use]
    pub fn with_client(mut self, address: &str) -> Self {
        address.clone_into(&mut self.client);
        self
    }

    /// With one more header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

impl load_balancer::Request for Request {
    /// Numbers that look random, and are the same in every run.
    fn lot(&self) -> u32 {
        let next = self
            .lot
            .get()
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        self.lot.set(next);
        next
    }

    fn may_serve(&self, upstream: u32) -> bool {
        !self.closed.contains(&upstream)
    }

    fn in_flight(&self, upstream: u32) -> u32 {
        self.in_flight.get(&upstream).copied().unwrap_or_default()
    }

    fn client_address(&self) -> String {
        self.client.clone()
    }

    fn header(&self, name: &str) -> Option<String> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone())
    }
}

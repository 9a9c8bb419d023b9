//! Load balancers.

use comfy_table::Cell;
use muster_api::{
    config::load_balancer::Policy,
    load_balancer::{LoadBalancerStatus, Upstream, UpstreamState},
};

use super::{
    Sheet, View,
    sheet::Mood,
    text::{printable, yes_no},
};

fn state(state: UpstreamState) -> Cell {
    match state {
        UpstreamState::Up => Mood::Good.cell("up"),
        UpstreamState::Resting => Mood::Wary.cell("resting"),
        UpstreamState::Down => Mood::Bad.cell("down"),
        UpstreamState::Draining => Mood::Wary.cell("draining"),
        UpstreamState::OutOfReach => Mood::Bad.cell("out of reach"),
    }
}

fn policy(policy: Policy) -> &'static str {
    match policy {
        Policy::RoundRobin => "round robin",
        Policy::LeastRequests => "least requests",
        Policy::PowerOfTwo => "power of two",
        Policy::ConsistentHash => "consistent hash",
    }
}

fn row(sheet: &Sheet, upstream: &Upstream) -> [Cell; 8] {
    let failure = upstream.last_failure.as_deref().map(|what| {
        let when = upstream.last_failure_at;
        let when = when.map(|at| format!(", {} ago", sheet.age(at)));
        format!("{}{}", printable(what), when.unwrap_or_default())
    });
    let addresses: Vec<_> = upstream.addresses.iter().map(|it| printable(it)).collect();
    [
        Cell::new(printable(&upstream.name)),
        Cell::new(addresses.join("\n")),
        state(upstream.state),
        Cell::new(upstream.weight),
        Cell::new(upstream.in_flight),
        Cell::new(upstream.served),
        Cell::new(upstream.failed),
        Cell::new(failure.as_deref().unwrap_or("-")),
    ]
}

impl View for LoadBalancerStatus {
    fn show(&self, sheet: &mut Sheet) {
        let address = |address: &Option<String>| {
            Cell::new(address.as_deref().unwrap_or("nowhere at the moment"))
        };
        sheet.facts([
            ("host", Cell::new(printable(&self.host))),
            ("listens at", address(&self.address)),
            ("for TLS at", address(&self.tls_address)),
            ("policy", Cell::new(policy(self.policy))),
            ("draining", Cell::new(yes_no(self.draining))),
        ]);
        sheet.gap();
        if self.upstreams.is_empty() {
            sheet.line("It knows no router. Hosts of the group with the role router are taken in by themselves.");
            return;
        }
        let rows: Vec<_> = self.upstreams.iter().map(|it| row(sheet, it)).collect();
        sheet.list(
            [
                "ROUTER",
                "ADDRESS",
                "STATE",
                "WEIGHT",
                "IN FLIGHT",
                "SERVED",
                "FAILED",
                "LAST FAILURE",
            ],
            rows,
        );
    }
}

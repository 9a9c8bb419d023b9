//! Hosts with what is known of them.

use std::thread;

use muster_api::{
    hosts::HostState,
    id::HostId,
    links::{LinkTokenState, Standing},
    plan::Plan,
};
use muster_e2e::{Client, Network, eventually};
use reqwest::Method;
use serde_json::json;

use super::ledger::Ledger;

/// How many of the last lines of a host's log are shown after a failure.
const LINES: usize = 60;

/// Hosts, of which some may be down.
pub struct World {
    /// The network that they are on.
    pub network: Network,
    /// What hosts have been told of apps.
    pub ledger: Ledger,
    /// Clients of those that are up.
    clients: Vec<Option<Client>>,
    ids: Vec<HostId>,
    /// Who abandoned whom; the leader lists the host until it is forced out.
    abandoned: Vec<(HostId, usize)>,
}

impl World {
    /// Starts so many hosts. None where nobody may make networks.
    pub async fn start(hosts: usize) -> Option<Self> {
        let network = Network::start(hosts).await?;
        let mut world = Self {
            clients: vec![None; hosts],
            ids: Vec::new(),
            abandoned: Vec::new(),
            ledger: Ledger::default(),
            network,
        };
        for host in 0..hosts {
            world.know(host).await;
            let id = world.up(host).link().await.host;
            world.ids.push(id);
        }
        Some(world)
    }

    /// How many hosts there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// A client of a host, if it is up.
    pub fn client(&self, host: usize) -> Option<&Client> {
        self.clients[host].as_ref()
    }

    /// Who a host is.
    pub fn id(&self, host: usize) -> HostId {
        self.ids[host]
    }

    /// Clients of all hosts that are up, in their order.
    pub fn all(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter().flatten()
    }

    async fn know(&mut self, host: usize) {
        self.clients[host] = Some(self.network.host(host).client().await);
    }

    /// Ends a host as a power failure does.
    pub fn kill(&mut self, host: usize) {
        self.network.host_mut(host).kill();
        self.clients[host] = None;
    }

    /// Starts a host, if it is down.
    pub async fn start_again(&mut self, host: usize) {
        if self.clients[host].is_none() {
            self.network.host_mut(host).start_again();
            self.network.host_mut(host).wait_ready().await;
            self.know(host).await;
        }
    }

    /// Gives a host another address.
    pub async fn move_host(&mut self, host: usize) {
        let address = self.network.fresh_address();
        self.network.move_host(host, address);
        if self.clients[host].is_some() {
            self.know(host).await;
        }
    }

    /// Notes that a host does not wait for its leader's word.
    pub fn abandoned(&mut self, leader: HostId, host: usize) {
        self.abandoned.push((leader, host));
    }

    /// The number of a host.
    pub fn number(&self, id: HostId) -> usize {
        let number = self.ids.iter().position(|&known| known == id);
        number.expect("a host of this network")
    }

    /// Makes the network whole, starts who is down, and does what only people
    /// can do: see [`Self::give_up`] and [`Self::tidy`].
    pub async fn calm(&mut self) {
        self.network.heal();
        for host in 0..self.clients.len() {
            self.start_again(host).await;
        }
        self.give_up().await;
        for client in self.all() {
            eventually("a host is in no middle of anything", async || {
                let standing = client.link().await.standing;
                (!matches!(standing, Standing::Joining | Standing::Leaving)).then_some(())
            })
            .await;
        }
        self.tidy().await;
    }

    /// Abandons leaders that do not know a host any more and cannot tell it so:
    /// those that have moved, so that it does not find them, and those that stand
    /// alone by now, so that nobody listens there.
    async fn give_up(&self) {
        for client in self.all() {
            let link = client.link().await;
            let Some(known) = link.leader else { continue };
            let leader = self.number(known.id);
            let lost = self.up(leader).link().await.standing == Standing::Alone
                || !known.addresses.contains(&self.network.peer_address(leader));
            let listed = self.up(leader).hosts().await;
            if lost && !listed.iter().any(|host| host.id == link.host) {
                let leave = client.request(Method::POST, "/link/actions/leave");
                let left = leave.json(&json!({ "abandon": true })).send().await;
                // It may have found the leader in this very moment, and heard it.
                left.expect("a host that is up answers");
            }
        }
    }

    /// Forces those out who did not wait for their leader's word, withdraws
    /// tokens that nobody has used, and links hosts anew for which a leader still
    /// waits though they have given up.
    async fn tidy(&self) {
        for leader in self.all() {
            let own = leader.link().await.host;
            for token in leader.link_tokens().await {
                if token.state == LinkTokenState::Offered {
                    remove(leader, &format!("/link-tokens/{}", token.id)).await;
                }
            }
            for there in leader.hosts().await.into_iter().skip(1) {
                let host = self.number(there.id);
                let link = self.up(host).link().await;
                let follows = link.leader.is_some_and(|leader| leader.id == own);
                if follows {
                    continue;
                }
                let given_up =
                    there.state == HostState::Joining && link.standing == Standing::Alone;
                // Whoever has apps of its own by now joins nobody.
                let busy = given_up && self.ledger.of(host).next().is_some();
                if busy || self.abandoned.contains(&(own, host)) {
                    remove(leader, &format!("/hosts/{}?force=true", there.id)).await;
                } else if given_up {
                    let token = leader.link_token().await.token;
                    self.up(host).join(&token).await;
                }
            }
        }
    }

    /// Deletes all apps of hosts that decide on theirs.
    pub async fn clear(&mut self) {
        for host in 0..self.clients.len() {
            let client = self.up(host).clone();
            if client.link().await.standing == Standing::Follower {
                continue;
            }
            let names: Vec<_> = self
                .ledger
                .of(host)
                .map(|(name, _)| name.to_owned())
                .collect();
            for name in names {
                remove(&client, &format!("/apps/{name}")).await;
                self.ledger.deleted(host, &name);
            }
        }
    }

    /// Parts all groups: every follower leaves, every leader stops.
    pub async fn part(&self) {
        for client in self.all() {
            if client.link().await.standing == Standing::Follower {
                client.leave().await;
            }
        }
        for client in self.all() {
            if client.link().await.standing == Standing::Leader {
                let stop = "/link/actions/stop-leading";
                let _: Plan = client.send(Method::POST, stop, &json!({})).await;
            }
        }
    }

    fn up(&self, host: usize) -> &Client {
        self.client(host).expect("all are up")
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for host in 0..self.network.len() {
            let log = self.network.host(host).log();
            let told = |line: &&str| !line.contains("migrat");
            let lines: Vec<_> = log.lines().filter(told).collect();
            let last = lines.len().saturating_sub(LINES);
            eprintln!("host {host}:\n{}", lines[last..].join("\n"));
        }
    }
}

async fn remove(leader: &Client, path: &str) {
    let _: Plan = leader.send(Method::DELETE, path, &json!({})).await;
}

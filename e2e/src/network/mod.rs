//! Several hosts, each in a network namespace of its own, with a switch between
//! them whose links can be cut, slowed and made lossy.
//!
//! | file | what |
//! | --- | --- |
//! | `number` | which network of a machine's many this is, and what is left of dead ones |
//! | `lan` | namespaces, the switch, addresses |
//! | `faults` | what the switch drops |
//! | `line` | a line on which everything takes longer |
//!
//! The machine's own network is left alone, but for one interface with which
//! the test reaches the hosts: `10.77.N.254` in a network `10.77.N.0/24`. What
//! is between the test and a host is never cut, lost or slowed, so that a test
//! can always ask a host how it sees the world.
//!
//! It takes root, and `ip`, `nft` and `socat`, which `cargo xtask servers`
//! installs.

mod faults;
mod lan;
mod line;
mod number;

use std::{ffi::OsStr, net::Ipv4Addr, process::Command, time::Duration};

use self::lan::Lan;
use crate::host::{Host, HostOptions, Place};

/// What hosts are called unless told, by their number.
const NAMES: [&str; 6] = ["north", "south", "east", "west", "inner", "outer"];

/// Where hosts listen for others.
const PEERS: u16 = 7444;

/// Hosts that reach each other as long as nobody prevents it. They are called by
/// their number, from 0. All of it is gone when this is dropped.
pub struct Network {
    // In this order, so that hosts end while their network is there.
    hosts: Vec<Host>,
    lan: Lan,
}

impl Network {
    /// Starts so many hosts, `north`, `south` and so on, and waits until they
    /// are ready. None, and a line that says why, where nobody may make networks.
    ///
    /// # Panics
    /// If a host does not get ready, or a tool is missing.
    pub async fn start(count: usize) -> Option<Self> {
        Self::start_with(vec![HostOptions::default(); count]).await
    }

    /// Starts a host with each of these options and waits until they are ready.
    ///
    /// # Panics
    /// If a host does not get ready, or a tool is missing.
    pub async fn start_with(options: Vec<HostOptions>) -> Option<Self> {
        assert!(options.len() <= NAMES.len(), "there is a name for each");
        let lan = Lan::start(options.len())?;
        let hosts = options.into_iter().enumerate();
        let hosts = hosts.map(|(host, mut options)| {
            if options.env.iter().all(|(name, _)| name != "MUSTER_NAME") {
                let name = ("MUSTER_NAME".to_owned(), NAMES[host].to_owned());
                options.env.push(name);
            }
            options.place = Some(Place {
                namespace: lan.namespace(host),
                address: lan.address(host),
            });
            Host::spawn(options)
        });
        let hosts = hosts.collect();
        let mut network = Self { hosts, lan };
        for host in &mut network.hosts {
            host.wait_ready().await;
        }
        Some(network)
    }

    /// How many hosts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
    }

    /// A host.
    #[must_use]
    pub fn host(&self, host: usize) -> &Host {
        &self.hosts[host]
    }

    /// A host, to kill it, start it, or set something.
    pub fn host_mut(&mut self, host: usize) -> &mut Host {
        &mut self.hosts[host]
    }

    /// Where a host is now.
    #[must_use]
    pub fn address(&self, host: usize) -> Ipv4Addr {
        self.lan.address(host)
    }

    /// Where other hosts find a host, as it says itself.
    #[must_use]
    pub fn peer_address(&self, host: usize) -> String {
        format!("{}:{PEERS}", self.address(host))
    }

    /// The namespace of the switch, which is there as long as the network is.
    #[must_use]
    pub fn namespace(&self) -> String {
        self.lan.switch().to_owned()
    }

    /// A program on a host's machine: it sees the network as the host does.
    #[must_use]
    pub fn command(&self, host: usize, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.lan.namespace(host)]);
        command.arg(program);
        command
    }

    /// An address that no host has ever had.
    ///
    /// # Panics
    /// If there is none left.
    pub fn fresh_address(&mut self) -> Ipv4Addr {
        self.lan.fresh_address()
    }

    /// Nothing gets through between two hosts any more. Connections are not
    /// closed: nobody is there who could say so.
    pub fn cut(&mut self, one: usize, other: usize) {
        self.lan.change(|faults| {
            faults.cut(one, other);
            faults.cut(other, one);
        });
    }

    /// What one host sends does not reach the other one any more; the other
    /// way it does.
    pub fn cut_one_way(&mut self, from: usize, to: usize) {
        self.lan.change(|faults| faults.cut(from, to));
    }

    /// Nothing gets through between a host and any other.
    pub fn isolate(&mut self, host: usize) {
        let all = self.len();
        self.lan.change(|faults| {
            for other in (0..all).filter(|&other| other != host) {
                faults.cut(host, other);
                faults.cut(other, host);
            }
        });
    }

    /// A host is cut off from all others as soon as so many bytes have gone
    /// between it and them, in frames of either direction, beginning now.
    pub fn cut_after(&mut self, host: usize, bytes: u64) {
        self.lan.cut_after(host, bytes);
    }

    /// Takes back what was cut between two hosts, either way.
    pub fn mend(&mut self, one: usize, other: usize) {
        self.lan.change(|faults| {
            faults.mend(one, other);
            faults.mend(other, one);
        });
    }

    /// Of so many percent of the packets between a host and any other, either
    /// way, each is lost.
    ///
    /// # Panics
    /// If it is more than all.
    pub fn lossy(&mut self, host: usize, percent: u8) {
        assert!(percent <= 100, "{percent} %");
        self.lan.change(|faults| faults.lossy(host, percent));
    }

    /// Packets between a host and any other take that much longer, each way.
    pub fn slow(&mut self, host: usize, delay: Duration) {
        self.lan.slow(host, delay);
    }

    /// Ends all that is wrong with the network. Addresses stay as they are.
    pub fn heal(&mut self) {
        self.lan.heal();
    }

    /// Gives a host another address, whether it runs or not. The old one is
    /// nobody's at once; clients of the host have to be made anew.
    pub fn move_host(&mut self, host: usize, address: Ipv4Addr) {
        self.lan.move_host(host, address);
        self.hosts[host].moved_to(address);
    }
}

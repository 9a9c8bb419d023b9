//! `muster ports`

use std::net::IpAddr;

use clap::Args;
use muster_api::ports::RulesQuery;

use super::Scope;
use crate::{
    failure::Failure,
    output::{Format, HostPorts, print, text::printable},
};

/// Of which hosts, and how.
#[derive(Debug, Args)]
pub struct PortsArgs {
    /// Show the ports of every host of the group
    #[arg(long, conflicts_with = "node")]
    all: bool,
    /// Print a rule set for the machine's packet filter instead, as `nft -f` reads it
    ///
    /// It lets in what the host needs, ssh, and what a machine needs on a network,
    /// and drops all else. The port for peers is open to the addresses of the
    /// group's other hosts alone: print it anew when one is linked or moves.
    #[arg(long, conflicts_with = "all")]
    nftables: bool,
    /// The port of the machine's ssh server, in the rule set; 22 unless told
    #[arg(long, requires = "nftables", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    ssh_port: Option<u16>,
    /// Where a host is that is yet to be linked, as an address or a network; may
    /// be given several times
    #[arg(long = "peer", requires = "nftables", value_name = "ADDRESS", value_parser = network)]
    peers: Vec<String>,
}

/// An address, or a network such as `192.0.2.0/24`, as it was given.
fn network(text: &str) -> Result<String, String> {
    let (address, prefix) = text.split_once('/').unwrap_or((text, "0"));
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return Err("it looks like 192.0.2.7 or 192.0.2.0/24".to_owned()),
    };
    match prefix.parse::<u8>() {
        Ok(prefix) if prefix <= most => Ok(text.to_owned()),
        _ => Err(format!("the part after the / is 0 to {most}")),
    }
}

/// Shows the ports, or the rule set.
///
/// # Errors
/// If the host does not say.
pub async fn run(scope: &Scope, args: PortsArgs) -> Result<(), Failure> {
    let client = scope.client()?;
    if args.nftables {
        let query = RulesQuery {
            ssh_port: args.ssh_port,
            peers: (!args.peers.is_empty()).then(|| args.peers.join(",")),
        };
        let rules = client.port_rules(&query).await?;
        for host in &rules.unresolved {
            eprintln!(
                "Not let in, for nobody knows its address: {}",
                printable(host)
            );
        }
        return match scope.output.format() {
            Format::Table => print(&rules.nftables),
            _ => scope.output.done("", &rules),
        };
    }
    if !args.all {
        return scope.output.show(&client.ports().await?);
    }
    let mut all = HostPorts::default();
    for host in client.hosts().await?.items {
        let asked = scope.client()?.of_node(&host.id.to_string());
        let ports = asked.ports().await.map_err(|error| error.to_string());
        all.add(&host.name, ports);
    }
    if all.is_empty() {
        let ports = client.ports().await?;
        all.add(&ports.host.clone(), Ok(ports));
    }
    scope.output.show(&all)
}

//! What runs this machine's network, and what to do with it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{check::Wanted, network_file::NetworkFile};
use crate::failure::{Exit, Failure};

/// Where systemd-networkd reads what an operator has settled.
const NETWORKD: &str = "etc/systemd/network";

/// Something that runs networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runner {
    Networkd,
    Netplan,
    NetworkManager,
    Ifupdown,
}

impl Runner {
    fn name(self) -> &'static str {
        match self {
            Self::Networkd => "systemd-networkd",
            Self::Netplan => "netplan",
            Self::NetworkManager => "NetworkManager",
            Self::Ifupdown => "ifupdown",
        }
    }

    /// How the address is set by hand.
    fn by_hand(self, wanted: &Wanted) -> String {
        let (interface, address, gateway) = (&wanted.interface, wanted.address, wanted.gateway);
        let dns: Vec<_> = wanted.dns.iter().map(ToString::to_string).collect();
        let (family, inet) = match wanted.address.addr().is_ipv4() {
            true => ("ipv4", "inet"),
            false => ("ipv6", "inet6"),
        };
        match self {
            Self::Networkd => {
                "copy the file to /etc/systemd/network, then: networkctl reload".to_owned()
            }
            Self::Netplan => format!(
                "put {address}, the route to default via {gateway} and the nameservers of {interface} into a file in /etc/netplan, then: netplan apply"
            ),
            Self::NetworkManager => {
                let mut command = format!(
                    "nmcli connection modify {interface} {family}.method manual {family}.addresses {address} {family}.gateway {gateway}"
                );
                if !dns.is_empty() {
                    command.push_str(&format!(" {family}.dns {}", dns.join(",")));
                }
                format!(
                    "by hand, with the name of the interface's connection: {command}; then: nmcli connection up {interface}"
                )
            }
            Self::Ifupdown => {
                let mut lines = format!(
                    "in /etc/network/interfaces: iface {interface} {inet} static, with the lines address {address} and gateway {gateway}"
                );
                if !dns.is_empty() {
                    lines.push_str(&format!(" and dns-nameservers {}", dns.join(" ")));
                }
                format!("by hand, {lines}; then: ifdown {interface}; ifup {interface}")
            }
        }
    }
}

/// Writes the file where systemd-networkd reads it. `root` is the folder in which
/// the machine's files are, and `is_root` whether they may be changed.
///
/// # Errors
/// If something else runs the network, or several do, or nothing that is known;
/// and if this is not root.
pub fn apply(
    root: &Path,
    is_root: bool,
    wanted: &Wanted,
    file: &NetworkFile,
) -> Result<PathBuf, Failure> {
    let managers = managers(root);
    let refused = |message: String, hint: String| {
        Err(Failure::new(
            Exit::Failure,
            format!("{message}; the system was left alone"),
        )
        .hint(hint))
    };
    match managers[..] {
        [Runner::Networkd] if is_root => file.put(&root.join(NETWORKD)),
        [Runner::Networkd] => Err(Failure::new(
            Exit::Forbidden,
            "only root may change the system; it was left alone",
        )
        .hint("run it again with sudo")),
        [other] => refused(
            format!("the network of this machine is run by {}", other.name()),
            other.by_hand(wanted),
        ),
        [] => refused(
            "nothing that is known runs the network of this machine".to_owned(),
            format!(
                "by hand, until the machine starts anew: ip address replace {} dev {}; ip route replace default via {}",
                wanted.address, wanted.interface, wanted.gateway
            ),
        ),
        ref several => {
            let names: Vec<_> = several.iter().map(|it| it.name()).collect();
            let ways: Vec<_> = several
                .iter()
                .map(|it| format!("{}: {}", it.name(), it.by_hand(wanted)))
                .collect();
            refused(
                format!(
                    "several things run networks on this machine, {}, and which has {} cannot be told",
                    names.join(" and "),
                    wanted.interface
                ),
                ways.join(" | "),
            )
        }
    }
}

/// What runs networks on the machine whose files are below `root`.
fn managers(root: &Path) -> Vec<Runner> {
    let running = running(root);
    let runs = |name: &str| running.iter().any(|it| it == name);
    let mut found = Vec::new();
    // The kernel keeps fifteen letters of a program's name.
    if runs("systemd-network") {
        found.push(match has_netplan(root) {
            true => Runner::Netplan,
            false => Runner::Networkd,
        });
    }
    if runs("NetworkManager") {
        found.push(Runner::NetworkManager);
    }
    if has_ifupdown(root) {
        found.push(Runner::Ifupdown);
    }
    found
}

/// The programs that run.
fn running(root: &Path) -> Vec<String> {
    let all = fs::read_dir(root.join("proc")).into_iter().flatten();
    let names = all.flatten().filter_map(|entry| {
        let numbered = entry.file_name().to_string_lossy().parse::<u32>().is_ok();
        let name = fs::read_to_string(entry.path().join("comm")).ok()?;
        numbered.then(|| name.trim().to_owned())
    });
    names.collect()
}

fn has_netplan(root: &Path) -> bool {
    let files = fs::read_dir(root.join("etc/netplan")).into_iter().flatten();
    let mut files = files.flatten();
    files.any(|file| file.path().extension().is_some_and(|it| it == "yaml"))
}

/// Whether ifupdown has any interface but loopback.
fn has_ifupdown(root: &Path) -> bool {
    let folder = root.join("etc/network");
    let more = fs::read_dir(folder.join("interfaces.d"))
        .into_iter()
        .flatten();
    let files = more.flatten().map(|file| file.path());
    let mut files = files.chain([folder.join("interfaces")]);
    files.any(|file| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().any(|line| {
            let mut words = line.split_whitespace();
            words.next() == Some("iface") && words.next().is_some_and(|name| name != "lo")
        })
    })
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn wanted() -> Wanted {
        Wanted {
            interface: "eth0".to_owned(),
            address: "192.0.2.7/24".parse().unwrap(),
            gateway: "192.0.2.1".parse().unwrap(),
            dns: vec!["192.0.2.2".parse().unwrap()],
        }
    }

    fn machine(files: &[(&str, &str)]) -> TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn applied(root: &TempDir, is_root: bool) -> Result<PathBuf, Failure> {
        let wanted = wanted();
        apply(root.path(), is_root, &wanted, &NetworkFile::of(&wanted))
    }

    const NETWORKD_RUNS: (&str, &str) = ("proc/17/comm", "systemd-network\n");
    const LOOPBACK: (&str, &str) = (
        "etc/network/interfaces",
        "auto lo\niface lo inet loopback\n",
    );

    #[test]
    fn systemd_networkd_gets_the_file_from_root() {
        let root = machine(&[NETWORKD_RUNS, LOOPBACK, ("proc/version", "x")]);
        let refused = applied(&root, false).unwrap_err();
        assert_eq!(refused.exit, Exit::Forbidden);
        assert!(!root.path().join("etc/systemd").exists());
        let path = applied(&root, true).unwrap();
        let expected = root
            .path()
            .join("etc/systemd/network/00-muster-eth0.network");
        assert_eq!(path, expected);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("Address=192.0.2.7/24\n"), "{text}");
        assert_eq!(applied(&root, true).unwrap(), expected, "again is the same");
        let files = fs::read_dir(path.parent().unwrap()).unwrap();
        assert_eq!(files.count(), 1, "nothing else is left there");
    }

    #[test]
    fn what_else_runs_the_network_is_named_and_left_alone() {
        let iface = ("etc/network/interfaces.d/eth0", "iface eth0 inet dhcp\n");
        let manager = ("proc/18/comm", "NetworkManager\n");
        let netplan = ("etc/netplan/01.yaml", "network:\n");
        for (files, named, hint) in [
            (&[iface][..], "run by ifupdown", "dns-nameservers 192.0.2.2"),
            (
                &[manager],
                "run by NetworkManager",
                "ipv4.gateway 192.0.2.1",
            ),
            (&[NETWORKD_RUNS, netplan], "run by netplan", "netplan apply"),
            (
                &[LOOPBACK],
                "nothing that is known",
                "ip address replace 192.0.2.7/24",
            ),
            (
                &[NETWORKD_RUNS, manager],
                "systemd-networkd and NetworkManager",
                "nmcli",
            ),
        ] {
            let root = machine(files);
            let refused = applied(&root, true).unwrap_err();
            assert_eq!(refused.exit, Exit::Failure);
            let text = refused.text();
            assert!(text.contains(named) && text.contains(hint), "{text}");
            assert!(!root.path().join("etc/systemd").exists(), "{named}");
        }
    }
}

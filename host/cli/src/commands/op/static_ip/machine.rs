//! What this machine and its network look like.

use std::{
    fs,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr, TcpStream, UdpSocket},
    path::Path,
    time::Duration,
};

use super::check::{Interface, Seen, Wanted};

/// A port on which hardly anybody listens: who has the address says no.
const DISCARD: u16 = 9;
/// How long somebody may take to say no.
const PATIENCE: Duration = Duration::from_secs(2);
/// The kind of a loopback interface, as Linux counts them.
const LOOPBACK: &str = "772";

/// Looks at the machine's interfaces, and whether anybody else has the address.
///
/// # Errors
/// If the machine does not say what interfaces it has.
pub fn look(root: &Path, wanted: &Wanted) -> io::Result<Seen> {
    let all = if_addrs::get_if_addrs()?;
    let addresses = |name: &str| {
        let mine = all.iter().filter(|it| it.name == name);
        mine.map(if_addrs::Interface::ip).collect()
    };
    let interfaces = interfaces(root, addresses)?;
    let address = wanted.address.addr();
    let own = interfaces.iter().any(|it| it.addresses.contains(&address));
    let there = interfaces.iter().any(|it| it.name == wanted.interface);
    let taken = match there && !own {
        true => holder(root, address),
        false => None,
    };
    Ok(Seen { interfaces, taken })
}

/// The interfaces below a root directory, by name.
fn interfaces(root: &Path, addresses: impl Fn(&str) -> Vec<IpAddr>) -> io::Result<Vec<Interface>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join("sys/class/net"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // Files beside them say how bonds are made.
        let Ok(kind) = fs::read_to_string(entry.path().join("type")) else {
            continue;
        };
        found.push(Interface {
            loopback: kind.trim() == LOOPBACK,
            addresses: addresses(&name),
            name,
        });
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// What shows that somebody has an address, as far as anybody can see who is not
/// root: they answer, or are a neighbour that has told its hardware address.
fn holder(root: &Path, address: IpAddr) -> Option<String> {
    let target = SocketAddr::new(address, DISCARD);
    let unspecified: SocketAddr = match address {
        IpAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        IpAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    // A datagram makes the system look for the neighbour, whatever becomes of it.
    if let Ok(socket) = UdpSocket::bind(unspecified) {
        let _ = socket.send_to(&[], target);
    }
    let answers = match TcpStream::connect_timeout(&target, PATIENCE) {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionRefused,
    };
    let arp = fs::read_to_string(root.join("proc/net/arp")).unwrap_or_default();
    match neighbour(&arp, address) {
        Some(hardware) => Some(format!("its hardware address is {hardware}")),
        None => answers.then(|| "something answers there".to_owned()),
    }
}

/// The hardware address of a neighbour that has told it, out of Linux' table.
fn neighbour(arp: &str, address: IpAddr) -> Option<String> {
    /// The flag of a neighbour that has answered.
    const COMPLETE: u32 = 2;
    arp.lines().skip(1).find_map(|line| {
        let mut words = line.split_whitespace();
        let known: IpAddr = words.next()?.parse().ok()?;
        let flags = words.nth(1)?.strip_prefix("0x")?;
        let flags = u32::from_str_radix(flags, 16).ok()?;
        let hardware = words.next()?;
        (known == address && flags & COMPLETE != 0).then(|| hardware.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_those_that_the_system_lists() {
        let root = tempfile::tempdir().unwrap();
        let net = root.path().join("sys/class/net");
        for (name, kind) in [("lo", "772\n"), ("eth0", "1\n")] {
            fs::create_dir_all(net.join(name)).unwrap();
            fs::write(net.join(name).join("type"), kind).unwrap();
        }
        fs::write(net.join("bonding_masters"), "").unwrap();
        let found = interfaces(root.path(), |_| Vec::new()).unwrap();
        let names: Vec<_> = found.iter().map(|it| (&*it.name, it.loopback)).collect();
        assert_eq!(names, [("eth0", false), ("lo", true)]);
        assert!(interfaces(&root.path().join("no"), |_| Vec::new()).is_err());
    }

    #[test]
    fn neighbours_count_once_they_have_answered() {
        let arp = "IP address       HW type     Flags       HW address            Mask     Device\n\
                   192.0.2.1        0x1         0x2         52:54:00:00:00:01     *        eth0\n\
                   192.0.2.7        0x1         0x0         00:00:00:00:00:00     *        eth0\n\
                   192.0.2.8        0x1         0x6         52:54:00:00:00:08     *        eth0\n";
        let find = |address: &str| neighbour(arp, address.parse().unwrap());
        assert_eq!(find("192.0.2.1").as_deref(), Some("52:54:00:00:00:01"));
        assert_eq!(find("192.0.2.8").as_deref(), Some("52:54:00:00:00:08"));
        assert_eq!(find("192.0.2.7"), None);
        assert_eq!(find("192.0.2.9"), None);
        assert_eq!(neighbour("", "192.0.2.1".parse().unwrap()), None);
    }
}

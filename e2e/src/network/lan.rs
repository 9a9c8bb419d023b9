//! The switch, a bridge in a namespace of its own, and what is plugged into it:
//! a namespace for each host, and the test.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Write as _,
    net::Ipv4Addr,
    process::{Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::{
    faults::{self, Faults},
    line::Line,
    number::{Number, leftovers},
};

/// The bridge, in the switch's namespace.
const LAN: &str = "lan";
/// The test's port.
const TEST: &str = "test";
/// The last byte of the test's address.
const TESTER: u8 = 254;
/// The interface of a host, in its namespace.
const INTERFACE: &str = "eth0";

/// The port that a host's cable is plugged into.
pub(super) fn port(host: usize) -> String {
    format!("h{host}")
}

/// The port that a host is behind while its line is slow.
pub(super) fn slow_port(host: usize) -> String {
    format!("s{host}")
}

/// A switch with hosts.
pub(super) struct Lan {
    number: Number,
    switch: String,
    /// The last bytes of the hosts' addresses.
    hosts: Vec<u8>,
    /// The greatest that a host has had.
    highest: u8,
    faults: Faults,
    lines: BTreeMap<usize, Line>,
}

impl Lan {
    /// Makes a switch with so many hosts. None, and a line that says why, where
    /// nobody may.
    ///
    /// # Panics
    /// If a tool is missing or fails.
    pub(super) fn start(count: usize) -> Option<Self> {
        if !geteuid().is_root() {
            eprintln!("skipped: only root may make networks; `sudo` or a container does");
            return None;
        }
        clear();
        let number = Number::take();
        let switch = number.namespace("switch");
        if let Err(error) = ip(&["netns", "add", &switch]) {
            eprintln!("skipped: no network namespace can be made here: {error}");
            return None;
        }
        let hosts: Vec<u8> = (1..).take(count).collect();
        let lan = Self {
            number,
            switch,
            highest: hosts.last().copied().unwrap_or_default(),
            hosts,
            faults: Faults::default(),
            lines: BTreeMap::new(),
        };
        // Whatever fails from here on, what was made goes with `lan`.
        lan.plug_in().unwrap_or_else(|error| panic!("{error}"));
        lan.obey(&lan.faults.rules(count));
        Some(lan)
    }

    fn plug_in(&self) -> Result<(), String> {
        let (switch, tester) = (self.switch.as_str(), self.tester());
        ip(&["-n", switch, "link", "add", LAN, "type", "bridge"])?;
        ip(&["-n", switch, "link", "set", LAN, "up"])?;
        for host in 0..self.hosts.len() {
            let (namespace, port) = (self.namespace(host), port(host));
            ip(&["netns", "add", &namespace])?;
            let cable = ["link", "add", &port, "netns", switch, "type", "veth"];
            let end = ["peer", "name", INTERFACE, "netns", &namespace];
            ip(&[&cable[..], &end[..]].concat())?;
            ip(&["-n", switch, "link", "set", &port, "master", LAN, "up"])?;
            ip(&["-n", &namespace, "link", "set", "lo", "up"])?;
            self.address_interface(host)?;
            // No addresses but those that are given.
            let quiet = ["link", "set", INTERFACE, "addrgenmode", "none", "up"];
            ip(&[&["-n", namespace.as_str()][..], &quiet[..]].concat())?;
        }
        let cable = ["link", "add", &tester, "type", "veth"];
        let end = ["peer", "name", TEST, "netns", switch];
        ip(&[&cable[..], &end[..]].concat())?;
        ip(&["-n", switch, "link", "set", TEST, "master", LAN, "up"])?;
        let address = format!("{}/24", self.with_last(TESTER));
        ip(&["addr", "add", &address, "dev", &tester])?;
        ip(&["link", "set", &tester, "addrgenmode", "none", "up"])
    }

    fn address_interface(&self, host: usize) -> Result<(), String> {
        let (namespace, address) = (self.namespace(host), self.address(host));
        let address = format!("{address}/24");
        ip(&["-n", &namespace, "addr", "add", &address, "dev", INTERFACE])
    }

    /// The name of the switch's namespace.
    pub(super) fn switch(&self) -> &str {
        &self.switch
    }

    /// The name of a host's namespace.
    pub(super) fn namespace(&self, host: usize) -> String {
        self.number.namespace(&host.to_string())
    }

    /// Where a host is.
    pub(super) fn address(&self, host: usize) -> Ipv4Addr {
        self.with_last(self.hosts[host])
    }

    fn with_last(&self, last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, self.number.value(), last)
    }

    /// The name of the test's interface.
    fn tester(&self) -> String {
        tester(&self.number)
    }

    /// An address that no host has ever had.
    pub(super) fn fresh_address(&mut self) -> Ipv4Addr {
        assert!(self.highest + 1 < TESTER, "there are addresses left");
        self.highest += 1;
        self.with_last(self.highest)
    }

    /// Gives a host another address.
    pub(super) fn move_host(&mut self, host: usize, address: Ipv4Addr) {
        let last = address.octets()[3];
        assert_eq!(address, self.with_last(last), "it is of this network");
        assert!(!self.hosts.contains(&last), "{address} is somebody's");
        assert!((1..TESTER).contains(&last), "{address} is no host's");
        let namespace = self.namespace(host);
        let flush = ip(&["-n", &namespace, "addr", "flush", "dev", INTERFACE]);
        self.hosts[host] = last;
        self.highest = self.highest.max(last);
        let set = flush.and_then(|()| self.address_interface(host));
        set.unwrap_or_else(|error| panic!("{error}"));
        // Whoever looked for it in vain shortly before does not look again yet.
        let address = address.to_string();
        let _ = ip(&["neigh", "del", &address, "dev", &self.tester()]);
        for other in (0..self.hosts.len()).map(|other| self.namespace(other)) {
            let _ = ip(&["-n", &other, "neigh", "del", &address, "dev", INTERFACE]);
        }
    }

    /// Changes what is cut and lost.
    pub(super) fn change(&mut self, change: impl FnOnce(&mut Faults)) {
        change(&mut self.faults);
        self.obey(&self.faults.rules(self.hosts.len()));
    }

    /// Cuts a host off after so many bytes.
    pub(super) fn cut_after(&self, host: usize, bytes: u64) {
        self.obey(&faults::cut_after(host, self.hosts.len(), bytes));
    }

    /// Puts a slow line between a host and the switch.
    pub(super) fn slow(&mut self, host: usize, delay: Duration) {
        self.quicken(host);
        let mac = fs::read_to_string(format!("/sys/class/net/{}/address", self.tester()));
        let mac = mac.expect("the test's interface has an address");
        let (inner, outer) = (format!("i{host}"), slow_port(host));
        let line = Line::start(&self.switch, &inner, &outer, delay, mac.trim());
        let switch = ["-n", self.switch.as_str()];
        let (port, side) = (port(host), side(host));
        let steps: [&[&str]; 5] = [
            &["link", "add", &side, "type", "bridge"],
            &["link", "set", &side, "up"],
            &["link", "set", &inner, "master", &side, "up"],
            &["link", "set", &outer, "master", LAN, "up"],
            &["link", "set", &port, "master", &side],
        ];
        for step in steps {
            ip(&[&switch[..], step].concat()).unwrap_or_else(|error| panic!("{error}"));
        }
        self.lines.insert(host, line);
    }

    /// Takes a slow line away.
    fn quicken(&mut self, host: usize) {
        let Some(line) = self.lines.remove(&host) else {
            return;
        };
        let back = ip(&[
            "-n",
            &self.switch,
            "link",
            "set",
            &port(host),
            "master",
            LAN,
        ]);
        drop(line);
        let gone = ip(&["-n", &self.switch, "link", "del", &side(host)]);
        back.and(gone).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Ends all that is wrong.
    pub(super) fn heal(&mut self) {
        for host in 0..self.hosts.len() {
            self.quicken(host);
        }
        let limits = (0..self.hosts.len()).map(faults::no_limit);
        self.faults = Faults::default();
        let rules = self.faults.rules(self.hosts.len());
        self.obey(&limits.chain([rules]).collect::<String>());
    }

    /// Gives the switch rules.
    fn obey(&self, rules: &str) {
        let arguments = ["netns", "exec", &self.switch, "nft", "-f", "-"];
        let done = run("ip", &arguments, rules);
        done.unwrap_or_else(|error| panic!("{error}\n{rules}"));
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        self.lines.clear();
        let hosts = (0..self.hosts.len()).map(|host| self.namespace(host));
        let all: Vec<String> = hosts.chain([self.switch.clone()]).collect();
        remove(&self.number, &all);
    }
}

/// The bridge on a host's side of a slow line.
fn side(host: usize) -> String {
    format!("b{host}")
}

fn tester(number: &Number) -> String {
    format!("muster-e2e{}", number.value())
}

/// Removes what runs left behind that were killed.
fn clear() {
    let listed = Command::new("ip").args(["netns", "list"]).output();
    let listed = listed.expect("`ip` is there: call `cargo xtask servers`");
    let listed = String::from_utf8_lossy(&listed.stdout);
    let names = listed.lines().filter_map(|line| line.split(' ').next());
    let names: Vec<String> = names.map(str::to_owned).collect();
    for (number, namespaces) in leftovers(&names) {
        remove(&number, &namespaces);
    }
}

/// Removes a network with all that still runs in it. Nothing of this can fail
/// but because it is gone already.
fn remove(number: &Number, namespaces: &[String]) {
    let _ = ip(&["link", "del", &tester(number)]);
    for name in namespaces {
        let inside = Command::new("ip").args(["netns", "pids", name]).output();
        let inside = inside.map(|output| output.stdout).unwrap_or_default();
        let pids = String::from_utf8_lossy(&inside);
        let pids = pids.lines().filter_map(|pid| pid.trim().parse().ok());
        for pid in pids.filter_map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = ip(&["netns", "del", name]);
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    run("ip", arguments, "")
}

/// Runs a tool to its end.
fn run(program: &str, arguments: &[impl AsRef<OsStr>], input: &str) -> Result<(), String> {
    let words: Vec<_> = arguments.iter().map(AsRef::as_ref).collect();
    let command = || format!("{program} {}", words.join(OsStr::new(" ")).display());
    let mut child = Command::new(program)
        .args(&words)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}; call `cargo xtask servers`", command()))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A tool that does not read has ended, and says why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    Err(format!("{}: {}", command(), told.trim()))
}

//! What the switch drops, as rules for nftables. Hosts are told apart by the
//! port that a frame comes in or goes out by, so that a host stays cut off
//! whatever its address is, and not even finds out who has an address.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::lan::{port, slow_port};

/// What is wrong between hosts.
#[derive(Debug, Default)]
pub(super) struct Faults {
    cut: BTreeSet<(usize, usize)>,
    lossy: BTreeMap<usize, u8>,
}

impl Faults {
    pub(super) fn cut(&mut self, from: usize, to: usize) {
        self.cut.insert((from, to));
    }

    pub(super) fn mend(&mut self, from: usize, to: usize) {
        self.cut.remove(&(from, to));
    }

    pub(super) fn lossy(&mut self, host: usize, percent: u8) {
        self.lossy.insert(host, percent);
    }

    /// Rules that take the place of all that were given before, at once.
    pub(super) fn rules(&self, hosts: usize) -> String {
        let mut rules = Vec::new();
        for &(from, to) in &self.cut {
            rules.push(format!(
                "iifname {} oifname {} drop",
                ports([from]),
                ports([to])
            ));
        }
        for (&host, percent) in &self.lossy {
            for between in both_ways(host, hosts) {
                // A number below 100 is not below 100 to nftables, but an error.
                rules.push(match percent {
                    0 => continue,
                    1..100 => format!("{between} numgen random mod 100 < {percent} drop"),
                    _ => format!("{between} drop"),
                });
            }
        }
        table("faults", "", &rules)
    }
}

/// Rules that cut a host off as soon as so many bytes have passed.
pub(super) fn cut_after(host: usize, hosts: usize, bytes: u64) -> String {
    let quota = format!("quota passed {{ over {bytes} bytes; }}");
    let rules =
        both_ways(host, hosts).map(|between| format!("{between} quota name \"passed\" drop"));
    table(&limit(host), &quota, &rules)
}

/// Takes these rules back.
pub(super) fn no_limit(host: usize) -> String {
    table(&limit(host), "", &[])
}

fn limit(host: usize) -> String {
    format!("limit{host}")
}

/// A table in place of the one of that name.
fn table(name: &str, objects: &str, rules: &[String]) -> String {
    let mut text = format!(
        "table bridge {name}\ndelete table bridge {name}\ntable bridge {name} {{\n{objects}\n\
         chain forward {{\ntype filter hook forward priority 0; policy accept;\n"
    );
    for rule in rules {
        let _ = writeln!(text, "{rule}");
    }
    text.push_str("}\n}\n");
    text
}

fn both_ways(host: usize, hosts: usize) -> [String; 2] {
    let one = ports([host]);
    let others = ports((0..hosts).filter(|&other| other != host));
    [
        format!("iifname {one} oifname {others}"),
        format!("iifname {others} oifname {one}"),
    ]
}

/// All the ports that hosts may be behind.
fn ports(hosts: impl IntoIterator<Item = usize>) -> String {
    let names = hosts
        .into_iter()
        .flat_map(|host| [port(host), slow_port(host)])
        .map(|name| format!("\"{name}\""));
    format!("{{ {} }}", names.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_way_is_one_rule_and_goes_again() {
        let mut faults = Faults::default();
        let none = faults.rules(3);
        assert!(!none.contains("drop"), "{none}");
        faults.cut(0, 2);
        let rules = faults.rules(3);
        let cut = "iifname { \"h0\", \"s0\" } oifname { \"h2\", \"s2\" } drop\n";
        assert!(rules.contains(cut), "{rules}");
        assert_eq!(rules.matches("drop").count(), 1, "{rules}");
        faults.mend(0, 2);
        assert_eq!(faults.rules(3), none);
    }

    #[test]
    fn loss_and_limits_hold_both_ways_and_leave_the_test_alone() {
        let mut faults = Faults::default();
        faults.lossy(1, 20);
        let some = faults.rules(2);
        assert_eq!(some.matches("< 20 drop").count(), 2, "{some}");
        faults.lossy(1, 100);
        let all = faults.rules(2);
        assert!(!all.contains("numgen"), "{all}");
        for rules in [some, all, cut_after(1, 2, 900)] {
            let there = "iifname { \"h1\", \"s1\" } oifname { \"h0\", \"s0\" } ";
            let back = "iifname { \"h0\", \"s0\" } oifname { \"h1\", \"s1\" } ";
            assert!(rules.contains(there) && rules.contains(back), "{rules}");
            assert_eq!(rules.matches("drop").count(), 2, "{rules}");
            assert!(!rules.contains("test"), "{rules}");
        }
        faults.lossy(1, 0);
        assert!(!faults.rules(2).contains("drop"));
    }
}

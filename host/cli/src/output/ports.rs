//! Who listens where.

use comfy_table::Cell;
use muster_api::ports::{Audience, Port, Ports, Protocol, Reachable};
use serde::{Serialize, Serializer};
use serde_json::json;

use super::{Sheet, View, sheet::Mood, text::printable};

const HEADER: [&str; 8] = [
    "ADDRESS",
    "PORT",
    "PROTOCOL",
    "ROLE",
    "WHAT",
    "NEEDED BY",
    "OPEN",
    "REACHABLE",
];

fn row(port: &Port) -> [Cell; 8] {
    [
        Cell::new(port.address),
        Cell::new(port.port),
        Cell::new(match port.protocol {
            Protocol::Tcp => "tcp",
        }),
        Cell::new(printable(&port.role)),
        Cell::new(printable(&port.purpose)),
        Cell::new(match port.needed_by {
            Audience::PeopleAndPrograms => "people and programs",
            Audience::HostsOfTheGroup => "hosts of the group",
            Audience::UsersOfApps => "users of apps",
        }),
        match port.open {
            true => Mood::Good.cell("yes"),
            false => Mood::Plain.cell("no"),
        },
        Cell::new(match port.reachable {
            Reachable::FromHere => "from here alone",
            Reachable::FromElsewhere => "from elsewhere",
        }),
    ]
}

impl View for Ports {
    fn show(&self, sheet: &mut Sheet) {
        let rows: Vec<_> = self.items.iter().map(row).collect();
        sheet.list(HEADER, rows);
    }
}

/// The ports of each host of a group, or why it does not say.
#[derive(Default)]
pub struct HostPorts(Vec<(String, Result<Ports, String>)>);

impl HostPorts {
    /// Adds a host's answer.
    pub fn add(&mut self, host: &str, ports: Result<Ports, String>) {
        self.0.push((host.to_owned(), ports));
    }

    /// Whether no host was asked.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for HostPorts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(host, ports)| match ports {
            Ok(ports) => json!(ports),
            Err(error) => json!({ "host": host, "error": error }),
        }))
    }
}

impl View for HostPorts {
    fn show(&self, sheet: &mut Sheet) {
        let mut rows = Vec::new();
        for (host, ports) in &self.0 {
            let ports = ports.as_ref().map_or(&[][..], |ports| &ports.items);
            for port in ports {
                let [
                    address,
                    number,
                    protocol,
                    role,
                    what,
                    needed,
                    open,
                    reachable,
                ] = row(port);
                let host = Cell::new(printable(host));
                rows.push([
                    host, address, number, protocol, role, what, needed, open, reachable,
                ]);
            }
        }
        let [
            address,
            number,
            protocol,
            role,
            what,
            needed,
            open,
            reachable,
        ] = HEADER;
        sheet.list(
            [
                "HOST", address, number, protocol, role, what, needed, open, reachable,
            ],
            rows,
        );
        for (host, ports) in &self.0 {
            if let Err(error) = ports {
                sheet.line(&format!("{}: {}", printable(host), printable(error)));
            }
        }
    }
}

//! A small language for cases: `group().host("alpha", mib(1024)).app("web", 2, mib(100))`.

mod properties;
mod rules;
mod wording;

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::snapshot::{App, Condition, Constraints, Host, Placement, Snapshot};
use crate::{Amounts, Plan, plan};

/// The id that a name stands for. The order of ids is the order of names.
fn id(name: &str) -> Uuid {
    let mut bytes = [0; 16];
    for (byte, letter) in bytes.iter_mut().zip(name.bytes()) {
        *byte = letter;
    }
    Uuid::from_bytes(bytes)
}

/// The name that an id stands for.
fn name(id: Uuid) -> String {
    let letters = id.into_bytes().into_iter().take_while(|it| *it > 0);
    letters.map(char::from).collect()
}

/// So much memory, and CPU and disk in proportion.
fn mib(n: u64) -> Amounts {
    Amounts {
        memory: n << 20,
        cpu: n,
        disk: n << 21,
    }
}

fn group() -> Snapshot {
    Snapshot::default()
}

impl Snapshot {
    fn host(mut self, name: &str, holds: Amounts) -> Self {
        self.hosts.push(Host {
            id: id(name),
            name: name.to_owned(),
            zone: None,
            labels: BTreeMap::new(),
            condition: Condition::Ready,
            runs_apps: true,
            memory: holds.memory,
            cpu: holds.cpu,
            disk: holds.disk,
        });
        self
    }

    /// Several hosts that are alike.
    fn hosts(self, names: &str, holds: Amounts) -> Self {
        names.split(' ').fold(self, |it, name| it.host(name, holds))
    }

    /// The host of this name, to change it.
    fn at(&mut self, name: &str) -> &mut Host {
        self.hosts
            .iter_mut()
            .find(|host| host.name == name)
            .unwrap()
    }

    fn zone(mut self, zone: &str, hosts: &str) -> Self {
        for host in hosts.split(' ') {
            self.at(host).zone = Some(zone.to_owned());
        }
        self
    }

    fn label(mut self, host: &str, label: &str, value: &str) -> Self {
        let labels = &mut self.at(host).labels;
        labels.insert(label.to_owned(), value.to_owned());
        self
    }

    fn is(mut self, host: &str, condition: Condition) -> Self {
        self.at(host).condition = condition;
        self
    }

    /// An app with one release, both of this name.
    fn app(self, name: &str, instances: u32, needs: Amounts) -> Self {
        self.release(name, name, instances, needs)
    }

    fn release(mut self, app: &str, release: &str, instances: u32, needs: Amounts) -> Self {
        self.apps.push(App {
            release: id(release),
            app: id(app),
            name: app.to_owned(),
            instances,
            memory: needs.memory,
            cpu: needs.cpu,
            disk: needs.disk,
            constraints: Constraints::default(),
        });
        self
    }

    /// The constraints of the app that was added last.
    fn only(mut self, constrain: impl FnOnce(&mut Constraints)) -> Self {
        constrain(&mut self.apps.last_mut().unwrap().constraints);
        self
    }

    fn wants(mut self, release: &str, instances: u32) -> Self {
        let app = self.apps.iter_mut().find(|app| app.release == id(release));
        app.unwrap().instances = instances;
        self
    }

    /// What runs where: `web.0@alpha web.1@bravo`; `web.0@alpha?` does not run yet.
    fn with(mut self, placed: &str) -> Self {
        for text in placed.split_whitespace() {
            let (release, rest) = text.split_once('.').unwrap();
            let (index, host) = rest.split_once('@').unwrap();
            self.placed.push(Placement {
                release: id(release),
                index: index.parse().unwrap(),
                host: id(host.trim_end_matches('?')),
                running: !host.ends_with('?'),
            });
        }
        self
    }

    /// The snapshot once the plan is carried out, and all that it started runs.
    fn after(mut self, plan: &Plan) -> Self {
        self.placed.clone_from(&plan.stays);
        let starts = plan.starts.iter().map(|choice| choice.placement);
        self.placed.extend(starts.map(|it| Placement {
            running: true,
            ..it
        }));
        self
    }

    /// What the plan says, a line for starts, stops and what is unplaced, where there is any.
    fn planned(&self) -> String {
        let plan = plan(self);
        let starts = plan.starts.iter().map(|it| text(it.placement));
        let stops = plan.stops.iter().map(|it| text(it.placement));
        let unplaced = plan
            .unplaced
            .iter()
            .map(|it| format!("{}.{}", name(it.release), it.index));
        let lines = [
            ("start", starts.collect::<Vec<_>>()),
            ("stop", stops.collect()),
            ("unplaced", unplaced.collect()),
        ];
        let lines = lines.iter().filter(|(_, what)| !what.is_empty());
        let lines: Vec<_> = lines
            .map(|(verb, what)| format!("{verb} {}", what.join(" ")))
            .collect();
        lines.join("\n")
    }
}

fn text(it: Placement) -> String {
    format!("{}.{}@{}", name(it.release), it.index, name(it.host))
}

//! This host itself: what it is called, and where it is about to move.

use std::{net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use muster_api::{problem::FieldProblem, status::InfoChange};
use muster_store::{ChangeKind, Store};
use serde_json::json;

use super::{
    error::ControlError,
    linking::Links,
    record::{Actor, Change, record},
    terms::Terms,
};

/// The setting that holds the name that somebody gave the host.
const NAME: &str = "host.name";
/// The setting that holds where the host is about to move.
const NEXT: &str = "host.next-addresses";
/// The longest name, as of a label in DNS.
const LONGEST: usize = 63;
/// The most addresses to move to.
const MOST_ADDRESSES: usize = 8;

/// What this host is called, for those who say it. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Name(Arc<ArcSwap<String>>);

impl Name {
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(name.into())))
    }

    pub(crate) fn get(&self) -> String {
        self.0.load().as_ref().clone()
    }
}

/// This host itself.
#[derive(Clone)]
pub(crate) struct ThisHost {
    pub(crate) store: Store,
    pub(crate) links: Links,
    pub(crate) name: Name,
    /// Whether whoever started the host has said what it is called.
    pub(crate) named: bool,
    /// One change at a time.
    pub(crate) turn: Arc<tokio::sync::Mutex<()>>,
}

/// What somebody has decided on the host: its name, and where it is about to move.
#[derive(Debug, Clone)]
pub(crate) struct Whereabouts {
    pub(crate) name: String,
    pub(crate) next_addresses: Vec<String>,
}

/// What the host is called: as it was started, as somebody has said since, or as
/// its machine.
pub(crate) async fn name(
    store: &Store,
    started: Option<&str>,
    machine: impl FnOnce() -> String,
) -> Result<Name, ControlError> {
    if let Some(started) = started {
        return Ok(Name::new(started));
    }
    let given = store.setting_get::<String>(NAME).await?;
    Ok(Name::new(given.unwrap_or_else(machine)))
}

/// Where the host is about to move.
pub(crate) async fn next_addresses(store: &Store) -> Result<Vec<String>, ControlError> {
    Ok(store.setting_get(NEXT).await?.unwrap_or_default())
}

impl ThisHost {
    /// What was decided on it.
    pub(crate) fn whereabouts(&self) -> Whereabouts {
        Whereabouts {
            name: self.name.get(),
            next_addresses: self.links.next_addresses(),
        }
    }

    /// Changes what the host is called, and where it is about to move. Other hosts
    /// of the group hear of both by themselves. Answers with what is, or would be.
    pub(crate) async fn change(
        &self,
        actor: &Actor,
        terms: &Terms,
        change: InfoChange,
    ) -> Result<Whereabouts, ControlError> {
        let _turn = self.turn.lock().await;
        let found = self.whereabouts();
        terms.check(Some(&found))?;
        let (mut before, mut after) = (json!({}), json!({}));
        let mut problems = Vec::new();
        if let Some(name) = &change.name {
            problems.extend(name_problem(name));
            (before["name"], after["name"]) = (json!(found.name), json!(name));
        }
        let next = change.next_addresses.as_deref();
        let next = next.map(|next| self.reached_at(next)).transpose();
        let next = next.unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        if !problems.is_empty() {
            return Err(ControlError::Invalid(problems));
        }
        if let Some(next) = &next {
            self.nobody_is_at(next).await?;
            before["next_addresses"] = json!(found.next_addresses);
            after["next_addresses"] = json!(next);
        }
        if let Some(name) = &change.name {
            self.nobody_is_called(name).await?;
        }
        let settled = Whereabouts {
            name: change.name.clone().unwrap_or_else(|| found.name.clone()),
            next_addresses: next.clone().unwrap_or(found.next_addresses),
        };
        if terms.dry_run || change == InfoChange::default() {
            return Ok(settled);
        }
        let (actor, name, host) = (actor.clone(), change.name.clone(), self.links.id());
        let (kept, moves, called) = (name.clone(), next.clone(), found.name);
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if let Some(name) = &kept {
                        tx.setting_put(NAME, name).await?;
                    }
                    if let Some(next) = &moves {
                        tx.setting_put(NEXT, next).await?;
                    }
                    let change = Change {
                        resource: "host",
                        project: None,
                        id: host.to_string(),
                        name: &called,
                        verb: "change",
                        kind: ChangeKind::Updated,
                        before: Some(before),
                        after: Some(after),
                    };
                    record(tx, &actor, change).await
                })
            })
            .await?;
        if let Some(name) = name {
            self.name.0.store(Arc::new(name));
        }
        self.links.moves_to(next).await?;
        Ok(settled)
    }

    /// That a name is this host's to take.
    async fn nobody_is_called(&self, name: &str) -> Result<(), ControlError> {
        if self.named {
            return Err(ControlError::Conflict {
                code: "name-configured",
                message: "the host was given its name where it is started".to_owned(),
                remedy: "change it there: in --name, MUSTER_NAME or the file host.toml".to_owned(),
            });
        }
        let neighbours = self.links.neighbours().await?;
        if neighbours.iter().any(|host| host.name == name) {
            return Err(ControlError::Conflict {
                code: "exists-already",
                message: format!("another host of the group is called {name}"),
                remedy: "choose another name".to_owned(),
            });
        }
        Ok(())
    }

    async fn nobody_is_at(&self, addresses: &[String]) -> Result<(), ControlError> {
        for host in self.links.neighbours().await? {
            let at = addresses.iter().find(|it| host.addresses.contains(it));
            if let Some(at) = at {
                return Err(ControlError::Conflict {
                    code: "exists-already",
                    message: format!("{} is at {at} already", host.name),
                    remedy: "choose another address".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// Addresses with their port: the one where peers are listened to, unless they
    /// have another.
    fn reached_at(&self, addresses: &[String]) -> Result<Vec<String>, FieldProblem> {
        let wrong = |message: String| FieldProblem {
            field: "next_addresses".to_owned(),
            message,
        };
        if addresses.len() > MOST_ADDRESSES {
            let message = format!("{MOST_ADDRESSES} addresses are enough");
            return Err(wrong(message));
        }
        let port = self.links.port_number();
        let whole = addresses.iter().map(|text| {
            with_port(text, port).ok_or_else(|| {
                wrong(format!(
                    "'{text}' is not like 192.0.2.7, 192.0.2.7:7444 or [2001:db8::7]:7444"
                ))
            })
        });
        whole.collect()
    }
}

fn with_port(text: &str, port: u16) -> Option<String> {
    let address = match text.parse::<IpAddr>() {
        Ok(ip) => std::net::SocketAddr::new(ip, port),
        Err(_) => text.parse().ok()?,
    };
    let ip = address.ip();
    let usable = address.port() != 0 && !ip.is_unspecified() && !ip.is_multicast();
    usable.then(|| address.to_string())
}

fn name_problem(name: &str) -> Option<FieldProblem> {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let good = name.len() <= LONGEST
        && ends(name.chars().next())
        && ends(name.chars().last())
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'));
    (!good).then(|| FieldProblem {
        field: "name".to_owned(),
        message: format!(
            "a host's name has 1 to {LONGEST} letters, digits, dashes and dots, and begins and ends with a letter or digit"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::{name_problem, with_port};

    #[test]
    fn a_name_is_one_that_a_machine_could_have() {
        for good in ["a", "edge-7", "edge.example.org", "7"] {
            assert!(name_problem(good).is_none(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in ["", "-a", "a-", "a b", "ä", "a/b", long.as_str()] {
            assert!(name_problem(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn an_address_gets_the_port_for_peers() {
        let with = |text: &str| with_port(text, 7444);
        assert_eq!(with("192.0.2.7").as_deref(), Some("192.0.2.7:7444"));
        assert_eq!(with("192.0.2.7:1").as_deref(), Some("192.0.2.7:1"));
        assert_eq!(with("2001:db8::7").as_deref(), Some("[2001:db8::7]:7444"));
        for bad in ["", "north", "0.0.0.0", "192.0.2.7:0", "224.0.0.1", "::"] {
            assert_eq!(with(bad), None, "{bad}");
        }
    }
}

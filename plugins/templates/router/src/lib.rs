//! A router: sends each request where the most specific route says.

use std::collections::BTreeMap;

use muster_sdk::{
    lifecycle::Condition,
    log, redirect,
    router::{
        Action, Decision, Forward, Head, Outcome, Redirect, Router, Scope, TableUpdate, Target,
    },
};

/// The routes: by host name, then by path without its last slash.
#[derive(Default)]
struct Plugin {
    hosts: BTreeMap<String, BTreeMap<String, Action>>,
    generation: Option<u64>,
}

impl Router for Plugin {
    fn apply(&mut self, update: TableUpdate) -> Result<(), String> {
        if update.full {
            self.hosts.clear();
        }
        for key in update.removals {
            if let Some(paths) = self.hosts.get_mut(&key.host) {
                paths.remove(key.path.trim_end_matches('/'));
            }
        }
        for route in update.upserts {
            let path = route.key.path.trim_end_matches('/').to_owned();
            let paths = self.hosts.entry(route.key.host).or_default();
            paths.insert(path, route.action);
        }
        self.generation = Some(update.generation);
        log::debug("table", format_args!("at generation {}", update.generation));
        Ok(())
    }

    fn decide(&mut self, host: &str, path: &str, head: &dyn Head) -> Decision {
        let outcome = match self.find(host, path) {
            Some((_, Action::Forward(targets))) => forward(targets, head.lot()),
            Some((prefix, Action::Redirect(to))) => redirect(to, &path[prefix.len()..], head),
            None => Outcome::NoRoute,
        };
        // A wider scope saves the host from asking again. It has to hold for all
        // requests that it speaks of.
        Decision {
            outcome,
            scope: Scope::Request,
        }
    }

    fn health(&self) -> Condition {
        match self.generation {
            Some(_) => Condition::Healthy,
            None => Condition::Degraded("has no route table yet".to_owned()),
        }
    }
}

impl Plugin {
    /// The route of a request, with the part of the path that it matched.
    fn find<'a>(&'a self, host: &'a str, path: &'a str) -> Option<(&'a str, &'a Action)> {
        // `a.b.test`, `*.b.test`, `*.test`, `*`.
        let above = host
            .match_indices('.')
            .map(|(at, _)| format!("*{}", &host[at..]));
        let names = std::iter::once(host.to_owned())
            .chain(above)
            .chain(["*".to_owned()]);
        for paths in names.filter_map(|name| self.hosts.get(&name)) {
            // `/a/b`, `/a`, and nothing for the route `/`.
            let mut prefix = path.trim_end_matches('/');
            loop {
                if let Some(action) = paths.get(prefix) {
                    return Some((prefix, action));
                }
                match prefix.rfind('/') {
                    Some(at) => prefix = &prefix[..at],
                    None => break,
                }
            }
        }
        None
    }
}

/// Forwards to one of the apps that can serve, each with the chance of its weight.
fn forward(targets: &[Target], lot: u32) -> Outcome {
    let live = targets
        .iter()
        .filter(|target| target.weight > 0 && !target.instances.is_empty());
    let total: u64 = live.clone().map(|target| u64::from(target.weight)).sum();
    let mut place = u64::from(lot) % total.max(1);
    for target in live {
        let weight = u64::from(target.weight);
        if place < weight {
            return Outcome::Forward(Forward {
                app: target.app.clone(),
                instance: None,
                set_cookie: None,
            });
        }
        place -= weight;
    }
    Outcome::NoTarget("no app of the route has a running instance".to_owned())
}

/// Redirects, with the rest of the path and the query where the route wants that.
fn redirect(to: &Redirect, rest: &str, head: &dyn Head) -> Outcome {
    let mut to = to.clone();
    if to.keep_path {
        to.location = redirect::location(&to.location, rest, head.query().as_deref());
    }
    Outcome::Redirect(to)
}

muster_sdk::router::export!(Plugin);

#[cfg(test)]
mod tests {
    use muster_sdk::{
        router::{Route, RouteKey},
        testing,
    };

    use super::*;

    fn route(host: &str, path: &str, app: &str) -> Route {
        Route {
            key: RouteKey {
                host: host.to_owned(),
                path: path.to_owned(),
            },
            action: Action::Forward(vec![Target {
                app: app.to_owned(),
                weight: 1,
                instances: vec!["1".to_owned()],
            }]),
            sticky: false,
        }
    }

    /// The app that a request is sent to.
    fn app(plugin: &mut Plugin, host: &str, path: &str) -> Option<String> {
        match plugin.decide(host, path, &testing::Head::default()).outcome {
            Outcome::Forward(forward) => Some(forward.app),
            _ => None,
        }
    }

    #[test]
    fn the_most_specific_route_counts() {
        let mut plugin = Plugin::default();
        let update = TableUpdate {
            generation: 1,
            full: true,
            upserts: vec![
                route("a.test", "/", "all"),
                route("a.test", "/docs", "docs"),
                route("*.test", "/", "others"),
            ],
            removals: vec![],
        };
        assert_eq!(plugin.apply(update), Ok(()));
        for (host, path, wanted) in [
            ("a.test", "/", Some("all")),
            ("a.test", "/docs", Some("docs")),
            ("a.test", "/docs/x/", Some("docs")),
            ("a.test", "/docsx", Some("all")),
            ("b.test", "/docs", Some("others")),
            ("test", "/", None),
        ] {
            assert_eq!(
                app(&mut plugin, host, path).as_deref(),
                wanted,
                "{host}{path}"
            );
        }
    }

    #[test]
    fn a_route_that_is_removed_leads_nowhere() {
        let mut plugin = Plugin::default();
        let mut update = TableUpdate {
            generation: 1,
            full: true,
            upserts: vec![route("a.test", "/", "all")],
            removals: vec![],
        };
        assert_eq!(plugin.apply(update.clone()), Ok(()));
        update.removals = vec![update.upserts.remove(0).key];
        update.full = false;
        update.generation = 2;
        assert_eq!(plugin.apply(update), Ok(()));
        assert_eq!(app(&mut plugin, "a.test", "/"), None);
        assert_eq!(plugin.health(), Condition::Healthy);
    }
}

//! The route table: which route a request's host name and path lead to.

use std::rc::Rc;

use muster_sdk::router;
use rustc_hash::{FxHashMap, FxHashSet};

/// Why a change of the table was refused. The table is then as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The change is older than the table, or the same.
    #[error("the table is at generation {held} already")]
    Stale {
        /// The table's generation.
        held: u64,
    },
    /// A change came before the first whole table.
    #[error("the first update must hold the whole table")]
    NotFull,
    /// A route has a host name or path that no request can have.
    #[error(
        "'{host}' with '{path}' is not a route: a host name must not be empty, and a path begins with '/'"
    )]
    Route {
        /// The route's host name.
        host: String,
        /// The route's path prefix.
        path: String,
    },
}

/// An app and its running instances. Routes to the same app share it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Pool {
    /// The app's id.
    pub app: Box<str>,
    /// The ids of its running instances, sorted.
    pub instances: Box<[Box<str>]>,
}

/// A share of a route's traffic.
#[derive(Debug)]
pub struct Target {
    /// Who serves.
    pub pool: Rc<Pool>,
    /// Its share among the route's targets.
    pub weight: u32,
}

/// What a route does with its requests.
#[derive(Debug)]
pub enum Action {
    /// Forwards to one of these.
    Forward(Box<[Target]>),
    /// Redirects.
    Redirect(Box<router::Redirect>),
}

/// One route of a host name.
#[derive(Debug)]
pub struct Route {
    /// The path prefix without its last slash: empty for `/`, which matches
    /// every path.
    pub prefix: Box<str>,
    /// What the route does.
    pub action: Action,
    /// Whether a client stays with the instance that first served it.
    pub sticky: bool,
}

/// A route that was found for a request.
#[derive(Debug)]
pub struct Found<'a> {
    /// The host name in the route's key: `*` and `*.name` are patterns.
    pub host: Host<'a>,
    /// The route.
    pub route: &'a Route,
    /// Whether every path of the request's host name leads to this route.
    pub every_path: bool,
}

/// The host name of a route's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Host<'a> {
    /// Exactly this name.
    Exact(&'a str),
    /// Every name below this one.
    Below(&'a str),
    /// Every name.
    Any,
}

impl<'a> Host<'a> {
    fn parse(text: &'a str) -> Self {
        match text.strip_prefix('*') {
            Some("") => Self::Any,
            Some(rest) => rest
                .strip_prefix('.')
                .map_or(Self::Exact(text), Self::Below),
            None => Self::Exact(text),
        }
    }
}

/// What a look-up found.
#[derive(Debug)]
pub enum Lookup<'a> {
    /// This route.
    Found(Found<'a>),
    /// None, because no route's path fits.
    NoPath,
    /// None, because no route's host name fits.
    NoHost,
}

/// The routes of one host name: longest prefix first, then by prefix.
type Routes = Vec<Route>;

/// All routes, of one generation.
#[derive(Debug, Default)]
pub struct Table {
    generation: Option<u64>,
    exact: FxHashMap<Box<str>, Routes>,
    below: FxHashMap<Box<str>, Routes>,
    any: Routes,
    pools: FxHashSet<Rc<Pool>>,
}

impl Table {
    /// The table's generation; none before the first update.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.generation
    }

    /// Takes in a change.
    ///
    /// # Errors
    /// A refusal, which leaves the table as it was.
    pub fn apply(&mut self, update: router::TableUpdate) -> Result<(), Refusal> {
        if !update.full {
            let held = self.generation.ok_or(Refusal::NotFull)?;
            if update.generation <= held {
                return Err(Refusal::Stale { held });
            }
        }
        if let Some(router::Route { key, .. }) = update
            .upserts
            .iter()
            .find(|route| route.key.host.is_empty() || !route.key.path.starts_with('/'))
        {
            return Err(Refusal::Route {
                host: key.host.clone(),
                path: key.path.clone(),
            });
        }
        if update.full {
            *self = Self::default();
        } else {
            for key in &update.removals {
                self.remove(key);
            }
        }
        for route in update.upserts {
            self.upsert(route);
        }
        self.generation = Some(update.generation);
        Ok(())
    }

    /// Finds the route for a host name (lower-case, without port) and a path.
    /// An exact host name goes before the longest pattern, and within a host
    /// name the longest prefix goes first; where no prefix fits, the next less
    /// specific host name is asked.
    #[must_use]
    pub fn look_up(&self, host: &str, path: &str) -> Lookup<'_> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let mut fitting = false;
        for (key, routes) in self.candidates(host) {
            if let Some(route) = find(routes, path) {
                let every_path = !fitting && routes.len() == 1 && route.prefix.is_empty();
                return Lookup::Found(Found {
                    host: key,
                    route,
                    every_path,
                });
            }
            fitting = true;
        }
        if fitting {
            Lookup::NoPath
        } else {
            Lookup::NoHost
        }
    }

    /// The routes of each host name or pattern that fits, most specific first.
    fn candidates(&self, host: &str) -> impl Iterator<Item = (Host<'_>, &Routes)> {
        let exact = self
            .exact
            .get_key_value(host)
            .map(|(name, routes)| (Host::Exact(name), routes));
        let dots = if self.below.is_empty() { "" } else { host };
        let below = dots
            .match_indices('.')
            .filter_map(|(dot, _)| self.below.get_key_value(&host[dot + 1..]))
            .map(|(name, routes)| (Host::Below(name), routes));
        let any = (!self.any.is_empty()).then_some((Host::Any, &self.any));
        exact.into_iter().chain(below).chain(any)
    }

    fn upsert(&mut self, route: router::Route) {
        let action = match route.action {
            router::Action::Forward(targets) => Action::Forward(
                targets
                    .into_iter()
                    .map(|target| self.target(target))
                    .collect(),
            ),
            router::Action::Redirect(redirect) => Action::Redirect(Box::new(redirect)),
        };
        let prefix = trimmed(&route.key.path).into();
        let new = Route {
            prefix,
            action,
            sticky: route.sticky,
        };
        let routes = match Host::parse(&route.key.host) {
            Host::Exact(_) => self
                .exact
                .entry(route.key.host.into_boxed_str())
                .or_default(),
            Host::Below(name) => self.below.entry(name.into()).or_default(),
            Host::Any => &mut self.any,
        };
        match position(routes, &new.prefix) {
            Ok(at) => {
                let old = std::mem::replace(&mut routes[at], new);
                self.release(old);
            }
            Err(at) => {
                // Nearly every host name has one route; room for more would
                // cost a big table a lot of memory.
                if routes.len() < 4 {
                    routes.reserve_exact(1);
                }
                routes.insert(at, new);
            }
        }
    }

    fn remove(&mut self, key: &router::RouteKey) {
        let old = match Host::parse(&key.host) {
            Host::Exact(name) => take(&mut self.exact, name, &key.path),
            Host::Below(name) => take(&mut self.below, name, &key.path),
            Host::Any => position(&self.any, trimmed(&key.path))
                .ok()
                .map(|at| self.any.remove(at)),
        };
        if let Some(old) = old {
            self.release(old);
        }
    }

    /// Lets go of a route, and of the pools that no other route shares.
    fn release(&mut self, route: Route) {
        let Action::Forward(targets) = route.action else {
            return;
        };
        for Target { pool, .. } in targets {
            // One is the table's own, one is the route's.
            if Rc::strong_count(&pool) == 2 {
                self.pools.remove(&pool);
            }
        }
    }

    fn target(&mut self, target: router::Target) -> Target {
        let pool = Pool {
            app: target.app.into_boxed_str(),
            instances: target
                .instances
                .into_iter()
                .map(String::into_boxed_str)
                .collect(),
        };
        let pool = match self.pools.get(&pool) {
            Some(shared) => Rc::clone(shared),
            None => {
                let shared = Rc::new(pool);
                self.pools.insert(Rc::clone(&shared));
                shared
            }
        };
        Target {
            pool,
            weight: target.weight,
        }
    }
}

/// A path prefix without its last slashes.
fn trimmed(path: &str) -> &str {
    path.trim_end_matches('/')
}

/// Where a prefix is among the routes, or where it belongs.
fn position(routes: &[Route], prefix: &str) -> Result<usize, usize> {
    routes.binary_search_by(|route| {
        prefix
            .len()
            .cmp(&route.prefix.len())
            .then_with(|| (*route.prefix).cmp(prefix))
    })
}

/// Takes a route out of the routes by host name, and the host name with its
/// last one.
fn take(map: &mut FxHashMap<Box<str>, Routes>, name: &str, path: &str) -> Option<Route> {
    let routes = map.get_mut(name)?;
    let at = position(routes, trimmed(path)).ok()?;
    let route = routes.remove(at);
    if routes.is_empty() {
        map.remove(name);
    }
    Some(route)
}

/// The route with the longest prefix of whole segments of the path.
fn find<'a>(routes: &'a [Route], path: &str) -> Option<&'a Route> {
    let longest = routes.first()?.prefix.len();
    let mut end = path.len();
    loop {
        if end <= longest
            && let Ok(at) = position(routes, &path[..end])
        {
            return Some(&routes[at]);
        }
        if end == 0 {
            return None;
        }
        // A prefix ends where a segment begins; the shortest is empty.
        end = path.as_bytes()[..end]
            .iter()
            .rposition(|byte| *byte == b'/')
            .unwrap_or(0);
    }
}

#[cfg(test)]
mod tests;

//! Whose a host name is: of the first project that has a route with it. Whoever
//! could answer under a name of others could take their visitors' cookies and
//! passwords.

use std::net::Ipv4Addr;

use muster_api::{config::management::Management, id::ProjectId, permissions::Permission};
use muster_store::Reader;

use super::{
    config::Config, error::ControlError, rights::Rights, routes::Address, this_host::Name,
};

/// Knows which host names are whose.
#[derive(Clone)]
pub(crate) struct HostNames {
    /// The domain below which apps get their names; each is their app's.
    pub(crate) domain: String,
    /// What this host is called.
    pub(crate) machine: Name,
    pub(crate) config: Config,
}

/// Whether somebody may give any host name to any project.
pub(crate) fn may_use_any(rights: &Rights) -> bool {
    rights.everywhere(Permission::RouteWrite)
}

impl HostNames {
    /// Refuses a new route of a project with a host name that is not theirs to
    /// take. Routes that are there stay, and can be changed by whoever may.
    pub(crate) async fn claim(
        &self,
        db: &Reader,
        rights: &Rights,
        address: &Address,
        project: ProjectId,
    ) -> Result<(), ControlError> {
        let (host, path) = (&address.host, &address.path);
        let there = db.route_by_address(host, path).await?;
        let theirs =
            there.is_some_and(|route| rights.within(route.project, Permission::RouteWrite));
        if theirs || may_use_any(rights) {
            return Ok(());
        }
        if self.is_reserved(host) {
            return Err(ControlError::Conflict {
                code: "host-reserved",
                message: format!("the host name {host} is the platform's own"),
                remedy: "choose another host name, or ask an operator to add the route".to_owned(),
            });
        }
        if let Some(app) = self.app_of(host)
            && let Some(app) = db.app_by_name(app).await?
            && app.project != project
        {
            return Err(of_another_project(host));
        }
        let below = host.strip_prefix("*.");
        let mut hosts = vec![host.clone()];
        hosts.extend(patterns_over(below.unwrap_or(host)).filter(|over| !self.is_shared(over)));
        match db.route_of_others(project, &hosts, below).await? {
            Some(_) => Err(of_another_project(host)),
            None => Ok(()),
        }
    }

    /// The app after which a host name below the apps' domain is called.
    fn app_of<'a>(&self, host: &'a str) -> Option<&'a str> {
        let labels = host.strip_suffix(self.domain.as_str())?.strip_suffix('.')?;
        labels.rsplit('.').next()
    }

    /// Whether a pattern covers the names of all apps. Those that are more exact
    /// go before it, and it is nobody's claim to them.
    fn is_shared(&self, pattern: &str) -> bool {
        covers(pattern, &format!("app.{}", self.domain))
    }

    /// Whether a host name leads to the platform itself, or to everybody.
    fn is_reserved(&self, host: &str) -> bool {
        if *host == self.domain || self.is_shared(host) || host.parse::<Ipv4Addr>().is_ok() {
            return true;
        }
        let management = self.config.get::<Management>();
        let public = management.public_url.as_deref().and_then(host_of);
        [Some(self.machine.get()), public, management.passkey_domain]
            .into_iter()
            .flatten()
            .any(|own| covers(host, &own.to_ascii_lowercase()))
    }
}

/// Refuses to leave some routes with a host name behind in another project than
/// this one.
pub(crate) async fn whole(db: &Reader, host: &str, project: ProjectId) -> Result<(), ControlError> {
    match db
        .route_of_others(project, &[host.to_owned()], None)
        .await?
    {
        Some(_) => Err(of_another_project(host)),
        None => Ok(()),
    }
}

fn of_another_project(host: &str) -> ControlError {
    ControlError::Conflict {
        code: "host-of-another-project",
        message: format!("the host name {host} belongs to another project"),
        remedy: "choose another host name, or ask an operator to add the route".to_owned(),
    }
}

/// Whether a host name or pattern is good for a host name.
fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(rest) => host.ends_with(rest),
        None => pattern == host,
    }
}

/// The patterns that cover a name, but for `*`.
fn patterns_over(name: &str) -> impl Iterator<Item = String> {
    let dots = name.match_indices('.').map(|(at, _)| at);
    dots.map(|at| format!("*{}", &name[at..]))
}

/// The host in an address such as `https://muster.example.org:7480`.
fn host_of(address: &str) -> Option<String> {
    let address: http::Uri = address.parse().ok()?;
    address.host().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use muster_api::id::RouteId;
    use muster_api::users::UserType;
    use muster_store::{RouteRecord, Store};
    use uuid::Uuid;

    use super::*;
    use crate::control::testing::{app, store_with};

    async fn route(store: &Store, project: ProjectId, host: &str) {
        let route = RouteRecord {
            id: RouteId(Uuid::now_v7()),
            project,
            host: host.to_owned(),
            path: "/".to_owned(),
            redirect: None,
            sticky: false,
            targets: Vec::new(),
            created_at: muster_store::now(),
        };
        let done = store.write(move |tx| Box::pin(async move { tx.route_insert(&route).await }));
        done.await.unwrap();
    }

    #[tokio::test]
    async fn a_host_name_belongs_to_one_project() {
        let people = [("ada", UserType::Developer), ("eve", UserType::Developer)];
        let (store, _dir) = store_with(&people).await;
        let names = HostNames {
            domain: "apps.test".to_owned(),
            machine: Name::new("node1"),
            config: Config::open(
                store.clone(),
                muster_identity::seal::Sealer::new(&[7; 32]).unwrap(),
            )
            .await
            .unwrap(),
        };
        let project = async |name: &str| store.project_by_name(name).await.unwrap().unwrap().id;
        let (ada, eve) = (project("ada").await, project("eve").await);
        app(&store, "ada", "shop").await;
        for host in ["one.test", "*.many.test", "a_b.test", "*", "*.apps.test"] {
            route(&store, ada, host).await;
        }
        let code = async |host: &str, project: ProjectId| {
            let address = Address::parse(host).unwrap();
            let rights = Rights::in_project(project);
            match names.claim(&store, &rights, &address, project).await {
                Ok(()) => "",
                Err(ControlError::Conflict { code, .. }) => code,
                Err(error) => panic!("{host}: {error}"),
            }
        };
        const OTHERS: &str = "host-of-another-project";
        const RESERVED: &str = "host-reserved";
        for (host, expected) in [
            ("one.test/admin", OTHERS),
            ("x.many.test", OTHERS),
            ("x.y.many.test", OTHERS),
            ("*.y.many.test", OTHERS),
            ("*.many.test/x", OTHERS),
            ("shop.apps.test", OTHERS),
            ("x.shop.apps.test", OTHERS),
            ("*.shop.apps.test", OTHERS),
            ("*.test", RESERVED),
            ("*/x", RESERVED),
            ("*.apps.test/x", RESERVED),
            ("apps.test", RESERVED),
            ("node1", RESERVED),
            ("127.0.0.1", RESERVED),
            ("*.one.test", ""),
            ("many.test", ""),
            ("axb.test", ""),
            ("till.apps.test", ""),
            ("other.test", ""),
        ] {
            assert_eq!(code(host, eve).await, expected, "{host} for eve");
            let own = if expected == OTHERS { "" } else { expected };
            assert_eq!(code(host, ada).await, own, "{host} for ada");
        }
        route(&store, eve, "deep.other.test").await;
        assert_eq!(code("*.other.test", ada).await, OTHERS);
        assert_eq!(code("*.deep.other.test", ada).await, "");
        // What is there stays: it can be changed where it is.
        assert_eq!(code("one.test", ada).await, "");
    }
}

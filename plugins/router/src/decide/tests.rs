use std::{cell::Cell, collections::BTreeMap};

use muster_sdk::router::{self, RouteKey, TableUpdate};
use proptest::prelude::*;

use super::*;

/// A request's head, and whether a decision looked at it.
#[derive(Debug, Clone, Default)]
struct Request {
    host: String,
    path: String,
    query: Option<String>,
    cookies: BTreeMap<String, String>,
    lot: u32,
    asked: Cell<bool>,
}

impl Head for Request {
    fn method(&self) -> String {
        self.asked.set(true);
        "GET".to_owned()
    }

    fn header(&self, _: &str) -> Option<String> {
        self.asked.set(true);
        None
    }

    fn cookie(&self, name: &str) -> Option<String> {
        self.asked.set(true);
        self.cookies.get(name).cloned()
    }

    fn query(&self) -> Option<String> {
        self.asked.set(true);
        self.query.clone()
    }

    fn lot(&self) -> u32 {
        self.asked.set(true);
        self.lot
    }
}

fn get(host: &str, path: &str) -> Request {
    Request {
        host: host.to_owned(),
        path: path.to_owned(),
        ..Request::default()
    }
}

fn decided(table: &Table, request: &Request) -> Decision {
    decide(table, &request.host, &request.path, request)
}

fn table(routes: Vec<router::Route>) -> Table {
    let mut table = Table::default();
    table
        .apply(TableUpdate {
            generation: 1,
            full: true,
            upserts: routes,
            removals: vec![],
        })
        .unwrap();
    table
}

fn target(app: &str, weight: u32, instances: &[&str]) -> router::Target {
    router::Target {
        app: app.to_owned(),
        weight,
        instances: instances
            .iter()
            .map(|instance| (*instance).to_owned())
            .collect(),
    }
}

fn forwards(host: &str, path: &str, sticky: bool, targets: Vec<router::Target>) -> router::Route {
    let key = RouteKey {
        host: host.to_owned(),
        path: path.to_owned(),
    };
    router::Route {
        key,
        action: router::Action::Forward(targets),
        sticky,
    }
}

fn redirects(host: &str, path: &str, location: &str, keep_path: bool) -> router::Route {
    let key = RouteKey {
        host: host.to_owned(),
        path: path.to_owned(),
    };
    let redirect = Redirect {
        location: location.to_owned(),
        status: 307,
        keep_path,
    };
    router::Route {
        key,
        action: router::Action::Redirect(redirect),
        sticky: false,
    }
}

fn to(app: &str) -> Outcome {
    Outcome::Forward(Forward {
        app: app.to_owned(),
        instance: None,
        set_cookie: None,
    })
}

#[test]
fn a_host_name_with_one_route_and_app_is_decided_once() {
    let table = table(vec![forwards(
        "h",
        "/",
        false,
        vec![target("a", 100, &["1", "2"]), target("b", 0, &["3"])],
    )]);
    assert_eq!(
        decided(&table, &get("h", "/any")),
        Decision {
            outcome: to("a"),
            scope: Scope::Host
        }
    );
    assert_eq!(
        decided(&table, &get("x", "/")),
        Decision {
            outcome: Outcome::NoRoute,
            scope: Scope::Host
        }
    );
}

#[test]
fn with_several_prefixes_each_path_is_decided_on() {
    let one = || vec![target("a", 1, &["1"])];
    let table = table(vec![
        forwards("h", "/", false, one()),
        forwards("h", "/x", false, one()),
    ]);
    assert_eq!(
        decided(&table, &get("h", "/x/y")),
        Decision {
            outcome: to("a"),
            scope: Scope::Path
        }
    );
    assert_eq!(decided(&table, &get("h", "/")).scope, Scope::Path);
}

#[test]
fn shares_go_by_the_lot_and_leave_out_who_cannot_serve() {
    let targets = vec![
        target("a", 1, &["1"]),
        target("idle", 8, &[]),
        target("b", 1, &["2"]),
    ];
    let table = table(vec![forwards("h", "/", false, targets)]);
    let mut request = get("h", "/");
    assert_eq!(
        decided(&table, &request),
        Decision {
            outcome: to("a"),
            scope: Scope::Request
        }
    );
    request.lot = u32::MAX;
    assert_eq!(
        decided(&table, &request),
        Decision {
            outcome: to("b"),
            scope: Scope::Request
        }
    );
}

#[test]
fn where_nothing_serves_the_reason_is_told() {
    for (targets, word) in [
        (vec![], "no app"),
        (
            vec![target("a", 0, &["1"]), target("b", 0, &[])],
            "weight 0",
        ),
        (
            vec![target("a", 1, &[]), target("b", 0, &["1"])],
            "running instance",
        ),
    ] {
        for sticky in [false, true] {
            let table = table(vec![forwards("h", "/", sticky, targets.clone())]);
            let Outcome::NoTarget(reason) = decided(&table, &get("h", "/")).outcome else {
                panic!("{targets:?}")
            };
            assert!(reason.contains(word), "{reason}");
        }
    }
}

#[test]
fn redirects_keep_the_path_where_told() {
    let table = table(vec![
        redirects("h", "/old", "/new", true),
        redirects("h", "/plain", "/new", false),
    ]);
    let mut request = get("h", "/old/page");
    request.query = Some("q=1".to_owned());
    let Decision {
        outcome: Outcome::Redirect(kept),
        scope,
    } = decided(&table, &request)
    else {
        panic!("no redirect")
    };
    assert_eq!(
        (kept.location.as_str(), kept.status, scope),
        ("/new/page?q=1", 307, Scope::Request)
    );
    request.path = "/plain/page".to_owned();
    let Decision {
        outcome: Outcome::Redirect(plain),
        scope,
    } = decided(&table, &request)
    else {
        panic!("no redirect")
    };
    assert_eq!((plain.location.as_str(), scope), ("/new", Scope::Path));
}

#[test]
fn a_sticky_client_stays_until_its_instance_is_gone() {
    let two = |first: &[&str]| {
        table(vec![forwards(
            "h",
            "/x",
            true,
            vec![target("a", 1, first), target("b", 1, &["2"])],
        )])
    };
    let mut request = get("h", "/x/y");
    let Decision {
        outcome: Outcome::Forward(first),
        scope,
    } = decided(&two(&["1"]), &request)
    else {
        panic!("no app")
    };
    assert_eq!(
        (first.app.as_str(), first.instance.as_deref(), scope),
        ("a", Some("1"), Scope::Request)
    );
    let set_cookie = first.set_cookie.unwrap();
    let (name, value) = set_cookie
        .split(';')
        .next()
        .unwrap()
        .split_once('=')
        .unwrap();
    assert!(set_cookie.contains("Path=/x;"), "{set_cookie}");

    request.cookies.insert(name.to_owned(), value.to_owned());
    request.lot = u32::MAX;
    let stays = Forward {
        app: "a".to_owned(),
        instance: Some("1".to_owned()),
        set_cookie: None,
    };
    assert_eq!(
        decided(&two(&["0", "1"]), &request).outcome,
        Outcome::Forward(stays)
    );

    let Outcome::Forward(moved) = decided(&two(&["3"]), &request).outcome else {
        panic!("no app")
    };
    assert_eq!(moved.instance.as_deref(), Some("2"));
    assert!(moved.set_cookie.unwrap().starts_with(&format!("{name}=2;")));
}

fn a_host() -> impl Strategy<Value = String> {
    "[ab](\\.[ab]){0,2}"
}

fn a_path() -> impl Strategy<Value = String> {
    prop_oneof![4 => "(/[xy]){0,3}/?", 1 => Just("*".to_owned()), 1 => "//[xy]"]
}

fn a_route() -> impl Strategy<Value = router::Route> {
    let host = prop_oneof![
        a_host(),
        a_host().prop_map(|host| format!("*.{host}")),
        Just("*".to_owned())
    ];
    let path = prop_oneof![3 => Just("/".to_owned()), 2 => "(/[xy]){1,2}"];
    let instances =
        prop::collection::btree_set("[1-4]", 0..3).prop_map(|ids| ids.into_iter().collect());
    let target =
        ("[p-r]", 0..3_u32, instances).prop_map(|(app, weight, instances)| router::Target {
            app,
            weight,
            instances,
        });
    let action = prop_oneof![
        3 => prop::collection::vec(target, 0..4).prop_map(router::Action::Forward),
        1 => ("/[xy]?", any::<bool>()).prop_map(|(location, keep_path)| {
            router::Action::Redirect(Redirect { location, status: 308, keep_path })
        }),
    ];
    (host, path, action, prop::bool::weighted(0.3)).prop_map(|(host, path, action, sticky)| {
        router::Route {
            key: RouteKey { host, path },
            action,
            sticky,
        }
    })
}

fn a_request() -> impl Strategy<Value = (String, String, Option<String>, Option<String>, u32)> {
    (
        a_host(),
        a_path(),
        prop::option::of("q=[12]"),
        prop::option::of("[1-4]"),
        any::<u32>(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_decision_holds_in_its_whole_scope(
        routes in prop::collection::vec(a_route(), 0..8),
        requests in prop::collection::vec(a_request(), 2..12),
    ) {
        // Every sticky route's cookie, so that the instance chosen in the
        // request can be any.
        let names: Vec<_> = routes
            .iter()
            .map(|route| {
                let alone = table(vec![router::Route { sticky: true, action: router::Action::Forward(vec![target("a", 1, &["1"])]), ..route.clone() }]);
                let host = route.key.host.replace('*', "a");
                match decided(&alone, &get(&host, &route.key.path)).outcome {
                    Outcome::Forward(Forward { set_cookie: Some(cookie), .. }) => cookie.split('=').next().unwrap().to_owned(),
                    other => panic!("{other:?}"),
                }
            })
            .collect();
        let requests: Vec<_> = requests
            .into_iter()
            .map(|(host, path, query, instance, lot)| {
                let cookies = instance.iter().flat_map(|id| names.iter().map(|name| (name.clone(), id.clone()))).collect();
                Request { host, path, query, cookies, lot, asked: Cell::new(false) }
            })
            .collect();
        let table = table(routes);
        for first in &requests {
            let cached = decided(&table, first);
            prop_assert!(!first.asked.get() || cached.scope == Scope::Request, "{:?} depends on the head", cached);
            for other in &requests {
                let covered = match cached.scope {
                    Scope::Request => false,
                    Scope::Path => first.host == other.host && first.path == other.path,
                    Scope::Host => first.host == other.host,
                };
                if covered {
                    prop_assert_eq!(&cached.outcome, &decided(&table, other).outcome, "{:?} {:?}", first, other);
                }
            }
        }
    }
}

//! Tables of routes.

use muster_engine::plugin::routing::{Action, Redirect, Route, RouteKey, TableUpdate, Target};

/// An app, its weight, and its instances.
type Share<'a> = (&'a str, u32, &'a [&'a str]);

/// The host names of [`varied`].
pub(super) const VARIED_HOSTS: [&str; 8] = [
    "a.test",
    "mixed.test",
    "sticky.test",
    "weighted.test",
    "moved.test",
    "kept.test",
    "home.test",
    "unknown.test",
];

pub(super) fn key(host: &str, path: &str) -> RouteKey {
    RouteKey {
        host: host.to_owned(),
        path: path.to_owned(),
    }
}

pub(super) fn forwards(host: &str, path: &str, targets: &[Share<'_>]) -> Route {
    let target = |(app, weight, instances): &Share<'_>| Target {
        app: (*app).to_owned(),
        weight: *weight,
        instances: instances.iter().map(|id| (*id).to_owned()).collect(),
    };
    Route {
        key: key(host, path),
        action: Action::Forward(targets.iter().map(target).collect()),
        sticky: false,
    }
}

fn redirects(host: &str, location: &str, keep_path: bool) -> Route {
    Route {
        key: key(host, "/"),
        action: Action::Redirect(Redirect {
            location: location.to_owned(),
            status: 308,
            keep_path,
        }),
        sticky: false,
    }
}

pub(super) fn update(generation: u64, full: bool, upserts: Vec<Route>) -> TableUpdate {
    TableUpdate {
        generation,
        full,
        upserts,
        removals: vec![],
    }
}

/// The instances of an app, by all that a plugin has been told; none if no route
/// has the app.
pub(super) fn told<'a>(known: &'a [TableUpdate], app: &str) -> Option<Vec<&'a str>> {
    let routes = known.iter().flat_map(|update| &update.upserts);
    let targets = routes.flat_map(|route| match &route.action {
        Action::Forward(targets) => targets.as_slice(),
        Action::Redirect(_) => &[],
    });
    let mut targets = targets.filter(|target| target.app == app).peekable();
    targets.peek()?;
    let instances = targets.flat_map(|target| &target.instances);
    Some(instances.map(String::as_str).collect())
}

/// Routes with one target each, so that nothing is left to a lot.
pub(super) fn plain(generation: u64) -> TableUpdate {
    let routes = vec![
        forwards("a.test", "/", &[("shop", 1, &["s1"])]),
        forwards("a.test", "/docs", &[("docs", 1, &["d1"])]),
        forwards("*.wild.test", "/", &[("wild", 1, &["w1"])]),
        redirects("b.test", "https://a.test/", false),
    ];
    update(generation, true, routes)
}

/// Routes of every kind.
pub(super) fn varied(generation: u64) -> TableUpdate {
    let mut sticky = forwards("sticky.test", "/", &[("kept", 1, &["k1", "k2", "k3"])]);
    sticky.sticky = true;
    let routes = vec![
        forwards("a.test", "/", &[("shop", 1, &["s1"])]),
        forwards("mixed.test", "/", &[("shop", 1, &["s1"])]),
        forwards("mixed.test", "/docs", &[("docs", 1, &["d1", "d2"])]),
        sticky,
        forwards(
            "weighted.test",
            "/",
            &[
                ("one", 1, &["1"]),
                ("three", 3, &["2"]),
                ("none", 0, &["3"]),
            ],
        ),
        redirects("moved.test", "https://a.test/there", false),
        redirects("kept.test", "https://a.test/there", true),
        redirects("home.test", "/", true),
        forwards("idle.test", "/", &[("idle", 1, &[])]),
    ];
    update(generation, true, routes)
}

/// Tables that no host would send, and such as it might.
pub(super) fn hostile() -> Vec<(&'static str, TableUpdate)> {
    let shop: &[Share<'_>] = &[("shop", 1, &["s1"])];
    let route = forwards("a.test", "/", shop);
    let mut removals = update(2, false, vec![]);
    removals.removals = vec![key("nobody.test", "/"), key("", ""), key("a.test", "/gone")];
    let mut both = update(2, false, vec![route.clone()]);
    both.removals = vec![route.key.clone()];
    let long = "x".repeat(64 << 10);
    let deep = "/a".repeat(16 << 10);
    vec![
        ("an empty table", update(2, true, vec![])),
        ("a change of nothing", update(2, false, vec![])),
        (
            "a generation of before",
            update(0, false, vec![route.clone()]),
        ),
        (
            "the last generation",
            update(u64::MAX, true, vec![route.clone()]),
        ),
        (
            "the same route twice",
            update(2, true, vec![route.clone(), route]),
        ),
        (
            "a route without a host name",
            update(2, true, vec![forwards("", "/", shop)]),
        ),
        (
            "a route without a path",
            update(2, true, vec![forwards("a.test", "", shop)]),
        ),
        (
            "a path that does not begin",
            update(2, true, vec![forwards("a.test", "docs", shop)]),
        ),
        (
            "a long host name",
            update(2, true, vec![forwards(&long, "/", shop)]),
        ),
        (
            "a deep path",
            update(2, true, vec![forwards("a.test", &deep, shop)]),
        ),
        (
            "odd host names",
            update(
                2,
                true,
                ["*", "**", "*.", ".", "*.*", "\0", "Ä"]
                    .map(|host| forwards(host, "/", shop))
                    .to_vec(),
            ),
        ),
        (
            "no targets",
            update(2, true, vec![forwards("zero.test", "/", &[])]),
        ),
        (
            "targets without weight",
            update(
                2,
                true,
                vec![forwards("zero.test", "/", &[("zero", 0, &["z1"])])],
            ),
        ),
        (
            "targets without instances",
            update(
                2,
                true,
                vec![forwards("zero.test", "/", &[("zero", 1, &[])])],
            ),
        ),
        (
            "the greatest weights",
            update(
                2,
                true,
                vec![forwards(
                    "zero.test",
                    "/",
                    &[("a", u32::MAX, &["1"]), ("b", u32::MAX, &["2"])],
                )],
            ),
        ),
        (
            "an app without a name",
            update(2, true, vec![forwards("a.test", "/", &[("", 1, &[""])])]),
        ),
        ("routes that are gone already", removals),
        ("a route that comes and goes", both),
    ]
}

/// A table of that many host names.
pub(super) fn many(size: usize) -> TableUpdate {
    let route = |number: usize| {
        let (host, app) = one_of_many(number);
        forwards(&host, "/", &[(&app, 1, &["1", "2"])])
    };
    update(1, true, (0..size).map(route).collect())
}

/// The host name of a route of [`many`], and the app that it leads to.
pub(super) fn one_of_many(number: usize) -> (String, String) {
    (
        format!("host-{number}.test"),
        format!("app-{}", number % 100),
    )
}

use muster_sdk::router::{Redirect, RouteKey, TableUpdate};
use proptest::prelude::*;

use super::*;

fn key(host: &str, path: &str) -> RouteKey {
    RouteKey {
        host: host.to_owned(),
        path: path.to_owned(),
    }
}

/// A route that can be told from others by where it redirects to: its key.
fn route(host: &str, path: &str) -> router::Route {
    let location = format!("{host}{path}");
    let action = router::Action::Redirect(Redirect {
        location,
        status: 308,
        keep_path: false,
    });
    router::Route {
        key: key(host, path),
        action,
        sticky: false,
    }
}

fn full(keys: &[(&str, &str)]) -> Table {
    let upserts = keys.iter().map(|(host, path)| route(host, path)).collect();
    let mut table = Table::default();
    table
        .apply(TableUpdate {
            generation: 1,
            full: true,
            upserts,
            removals: vec![],
        })
        .unwrap();
    table
}

fn change(generation: u64, upserts: Vec<router::Route>, removals: Vec<RouteKey>) -> TableUpdate {
    TableUpdate {
        generation,
        full: false,
        upserts,
        removals,
    }
}

/// The key of the route that a request finds, as `host` and path together.
fn found(table: &Table, host: &str, path: &str) -> Option<String> {
    match table.look_up(host, path) {
        Lookup::Found(Found {
            route:
                Route {
                    action: Action::Redirect(to),
                    ..
                },
            ..
        }) => Some(to.location.clone()),
        Lookup::Found(_) => panic!("only redirects are in these tables"),
        Lookup::NoPath | Lookup::NoHost => None,
    }
}

#[test]
fn the_most_specific_host_name_goes_first() {
    let table = full(&[
        ("a.example.com", "/"),
        ("*.example.com", "/"),
        ("*.b.example.com", "/"),
        ("*", "/"),
    ]);
    for (host, expected) in [
        ("a.example.com", "a.example.com/"),
        ("a.example.com.", "a.example.com/"),
        ("c.example.com", "*.example.com/"),
        ("deep.down.example.com", "*.example.com/"),
        ("x.b.example.com", "*.b.example.com/"),
        ("example.com", "*/"),
        ("notexample.com", "*/"),
        ("", "*/"),
    ] {
        assert_eq!(
            found(&table, host, "/").as_deref(),
            Some(expected),
            "{host}"
        );
    }
}

#[test]
fn the_longest_prefix_of_whole_segments_goes_first() {
    let table = full(&[("h", "/"), ("h", "/a"), ("h", "/a/b/"), ("h", "/ä")]);
    for (path, expected) in [
        ("/", "h/"),
        ("/a", "h/a"),
        ("/a/", "h/a"),
        ("/ab", "h/"),
        ("/a/b", "h/a/b/"),
        ("/a/b/c", "h/a/b/"),
        ("/a/bc", "h/a"),
        ("/ä/ö", "h/ä"),
        ("*", "h/"),
        ("", "h/"),
    ] {
        assert_eq!(
            found(&table, "h", path).as_deref(),
            Some(expected),
            "{path}"
        );
    }
}

#[test]
fn where_no_prefix_fits_the_next_less_specific_host_name_is_asked() {
    let table = full(&[
        ("a.example.com", "/api"),
        ("*.example.com", "/docs"),
        ("*", "/"),
    ]);
    assert_eq!(
        found(&table, "a.example.com", "/api/v1").as_deref(),
        Some("a.example.com/api")
    );
    assert_eq!(
        found(&table, "a.example.com", "/docs").as_deref(),
        Some("*.example.com/docs")
    );
    assert_eq!(
        found(&table, "a.example.com", "/else").as_deref(),
        Some("*/")
    );
}

#[test]
fn a_miss_tells_an_unknown_host_name_from_an_unknown_path() {
    let table = full(&[("h", "/a")]);
    assert!(matches!(table.look_up("h", "/b"), Lookup::NoPath));
    assert!(matches!(table.look_up("other", "/a"), Lookup::NoHost));
}

#[test]
fn changes_add_replace_and_remove() {
    let mut table = full(&[("h", "/"), ("h", "/a"), ("*.w", "/"), ("*", "/")]);
    let mut other = route("h", "/a");
    other.action = router::Action::Redirect(Redirect {
        location: "new".to_owned(),
        status: 302,
        keep_path: true,
    });
    table
        .apply(change(
            2,
            vec![other, route("n", "/")],
            vec![key("*.w", "/"), key("gone", "/")],
        ))
        .unwrap();
    assert_eq!(found(&table, "h", "/a").as_deref(), Some("new"));
    assert_eq!(found(&table, "n", "/").as_deref(), Some("n/"));
    assert_eq!(found(&table, "x.w", "/").as_deref(), Some("*/"));
    table
        .apply(change(3, vec![], vec![key("*", "/"), key("h", "/a/")]))
        .unwrap();
    assert_eq!(found(&table, "x.w", "/"), None);
    assert_eq!(found(&table, "h", "/a").as_deref(), Some("h/"));
    assert_eq!(table.generation(), Some(3));
}

#[test]
fn what_is_not_newer_is_refused_and_changes_nothing() {
    let mut table = Table::default();
    assert_eq!(
        table.apply(change(1, vec![], vec![])),
        Err(Refusal::NotFull)
    );
    let mut table = full(&[("h", "/")]);
    for generation in [0, 1] {
        let refused = table.apply(change(generation, vec![], vec![key("h", "/")]));
        assert_eq!(refused, Err(Refusal::Stale { held: 1 }));
    }
    for (host, path) in [("", "/"), ("n", ""), ("n", "a")] {
        let refused = table.apply(change(
            2,
            vec![route("m", "/"), route(host, path)],
            vec![key("h", "/")],
        ));
        assert!(
            matches!(refused, Err(Refusal::Route { .. })),
            "{host}{path}"
        );
    }
    assert_eq!(found(&table, "h", "/").as_deref(), Some("h/"));
    assert_eq!(found(&table, "m", "/"), None);
    assert_eq!(table.generation(), Some(1));
}

#[test]
fn a_whole_table_replaces_what_was_held_even_a_newer_one() {
    let mut table = full(&[("h", "/")]);
    let whole = TableUpdate {
        generation: 1,
        full: true,
        upserts: vec![route("n", "/")],
        removals: vec![],
    };
    table.apply(whole).unwrap();
    assert_eq!(found(&table, "h", "/"), None);
    assert_eq!(found(&table, "n", "/").as_deref(), Some("n/"));
}

#[test]
fn routes_to_one_app_share_its_instances_until_the_last_is_gone() {
    let target = |instance: &str| router::Target {
        app: "app".to_owned(),
        weight: 1,
        instances: vec![instance.to_owned()],
    };
    let to = |host: &str, targets| router::Route {
        key: key(host, "/"),
        action: router::Action::Forward(targets),
        sticky: false,
    };
    let mut table = Table::default();
    let upserts = vec![
        to("a", vec![target("1")]),
        to("b", vec![target("1"), target("1")]),
        to("c", vec![target("1")]),
    ];
    table
        .apply(TableUpdate {
            generation: 1,
            full: true,
            upserts,
            removals: vec![],
        })
        .unwrap();
    assert_eq!(table.pools.len(), 1);
    table
        .apply(change(
            2,
            vec![to("c", vec![target("2")])],
            vec![key("a", "/")],
        ))
        .unwrap();
    assert_eq!(table.pools.len(), 2);
    table
        .apply(change(
            3,
            vec![to("c", vec![target("2")])],
            vec![key("b", "/")],
        ))
        .unwrap();
    assert_eq!(table.pools.len(), 1);
    table.apply(change(4, vec![], vec![key("c", "/")])).unwrap();
    assert!(table.pools.is_empty());
}

/// The rules of `wit/router/router.wit`, followed to the letter over all keys.
fn model(keys: &[(String, String)], host: &str, path: &str) -> Option<String> {
    let rank = |pattern: &str| match pattern.strip_prefix('*') {
        None => (pattern == host).then_some(usize::MAX),
        Some("") => Some(0),
        Some(below) => host.ends_with(below).then_some(below.len()),
    };
    let fits = |prefix: &str| {
        let prefix = prefix.trim_end_matches('/');
        path.strip_prefix(prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    keys.iter()
        .filter(|(_, prefix)| fits(prefix))
        .filter_map(|(pattern, prefix)| Some((rank(pattern)?, prefix.len(), pattern, prefix)))
        .max()
        .map(|(_, _, pattern, prefix)| format!("{pattern}{prefix}"))
}

fn a_host() -> impl Strategy<Value = String> {
    "[ab](\\.[ab]){0,3}"
}

fn a_path() -> impl Strategy<Value = String> {
    "(/[xy]{1,2}){1,4}|/"
}

proptest! {
    #[test]
    fn look_up_agrees_with_the_rules(
        keys in prop::collection::btree_set((prop_oneof![a_host(), a_host().prop_map(|h| format!("*.{h}")), Just("*".to_owned())], a_path()), 0..40),
        requests in prop::collection::vec((a_host(), a_path()), 1..20),
    ) {
        let keys: Vec<_> = keys.into_iter().collect();
        let borrowed: Vec<_> = keys.iter().map(|(host, path)| (host.as_str(), path.as_str())).collect();
        let table = full(&borrowed);
        for (host, path) in requests {
            prop_assert_eq!(found(&table, &host, &path), model(&keys, &host, &path), "{}{}", host, path);
        }
    }

    #[test]
    fn changes_lead_to_the_same_table_as_the_whole(
        steps in prop::collection::vec((any::<bool>(), a_host(), a_path()), 0..40),
        requests in prop::collection::vec((a_host(), a_path()), 1..20),
    ) {
        let mut changed = full(&[]);
        let mut kept = std::collections::BTreeSet::new();
        for (generation, (add, host, path)) in (2..).zip(&steps) {
            let update = if *add {
                kept.insert((host.as_str(), path.as_str()));
                change(generation, vec![route(host, path)], vec![])
            } else {
                kept.remove(&(host.as_str(), path.as_str()));
                change(generation, vec![], vec![key(host, path)])
            };
            changed.apply(update).unwrap();
        }
        let whole = full(&kept.into_iter().collect::<Vec<_>>());
        for (host, path) in requests {
            prop_assert_eq!(found(&changed, &host, &path), found(&whole, &host, &path));
        }
    }
}

//! The suite of the router world.

mod tables;

use http::request::Parts;
use muster_engine::plugin::{
    Plugin, PluginError,
    routing::{Decision, Outcome, RouterPlugin, RouterWorld, Scope, TableUpdate},
};

use self::tables::{forwards, key, told, update};
use crate::{
    bench::{Bench, Check, Fault, Verdict, ensure, head, hostile_texts},
    lifecycle::Subject,
};

/// How many routes a table has that is large.
const MANY: usize = 20_000;

impl Subject for RouterWorld {
    const ROUNDS: u32 = 200;

    fn settle(plugin: &mut Plugin<Self>) -> Verdict {
        Ok(plugin.apply(&tables::plain(1))?)
    }

    fn probe(plugin: &mut Plugin<Self>) -> Result<Vec<String>, Fault> {
        let mut words = Vec::new();
        for (host, path) in [
            ("a.test", "/"),
            ("a.test", "/docs/x"),
            ("b.test", "/"),
            ("x.wild.test", "/y"),
            ("nobody.invalid", "/"),
        ] {
            let outcome = plugin.decide(host, &mut head("GET", path, &[])?)?.outcome;
            words.push(format!("{outcome:?} for {host}{path}"));
        }
        Ok(words)
    }

    fn checks() -> Vec<Check<Self>> {
        vec![
            Check {
                name: "waits-for-its-table",
                about: "sends no request anywhere before it has been told of routes",
                run: waits_for_its_table,
            },
            Check {
                name: "takes-a-whole-table",
                about: "forgets all routes when it is told the whole table",
                run: takes_a_whole_table,
            },
            Check {
                name: "takes-changes",
                about: "takes in routes that are new, and lets go of those that are gone",
                run: takes_changes,
            },
            Check {
                name: "keeps-its-scopes",
                about: "decides alike for all requests that it says a decision holds for",
                run: keeps_its_scopes,
            },
            Check {
                name: "hostile-requests",
                about: "survives any host name, path and header, and answers with sense",
                run: hostile_requests,
            },
            Check {
                name: "hostile-tables",
                about: "takes or refuses any table, and goes on",
                run: hostile_tables,
            },
            Check {
                name: "many-routes",
                about: "takes 20,000 routes within its limits, and decides by them",
                run: many_routes,
            },
        ]
    }
}

/// Decides, and looks whether the decision makes sense by what the plugin has
/// been told.
fn decide(
    plugin: &mut RouterPlugin,
    known: &[TableUpdate],
    host: &str,
    parts: &mut Parts,
) -> Result<Decision, Fault> {
    let decision = plugin.decide(host, parts)?;
    let of = format!("for {:?}{}", shortened(host), shortened(parts.uri.path()));
    match &decision.outcome {
        Outcome::Forward(to) => {
            let Some(instances) = told(known, &to.app) else {
                return Err(Fault(format!(
                    "{of} it names the app {:?}, which no route has",
                    to.app
                )));
            };
            let instance = to.instance.as_ref();
            ensure!(
                instance.is_none_or(|instance| instances.contains(&instance.as_str())),
                "{of} it names the instance {instance:?}, which the app {:?} does not have",
                to.app
            );
            if let Some(cookie) = &to.set_cookie {
                ensure!(
                    http::HeaderValue::from_str(cookie).is_ok(),
                    "{of} its cookie {cookie:?} is no value of a header"
                );
            }
        }
        Outcome::Redirect(to) => {
            ensure!(
                [301, 302, 303, 307, 308].contains(&to.status),
                "{of} it redirects with the status {}",
                to.status
            );
            ensure!(
                http::HeaderValue::from_str(&to.location).is_ok(),
                "{of} it redirects to {:?}, which is no value of a header",
                to.location
            );
            // Both would have a browser go to another host, which the request chose.
            ensure!(
                !to.location.starts_with("//") && !to.location.starts_with("/\\"),
                "{of} it redirects to {:?}, as the request wants it",
                to.location
            );
        }
        Outcome::NoRoute | Outcome::NoTarget(_) => {}
    }
    Ok(decision)
}

/// Decides on a request that one route alone is for, with one app.
fn reaches(
    plugin: &mut RouterPlugin,
    known: &TableUpdate,
    host: &str,
    app: &str,
) -> Result<(), Fault> {
    let known = std::slice::from_ref(known);
    let decision = decide(plugin, known, host, &mut head("GET", "/", &[])?)?;
    ensure!(
        matches!(&decision.outcome, Outcome::Forward(to) if to.app == app),
        "for {host}/ it decides {:?}, and the only route leads to the app {app:?}",
        decision.outcome
    );
    Ok(())
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}

fn waits_for_its_table(bench: &Bench<RouterWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    for (host, path) in [("a.test", "/"), ("", "/"), ("*", "/x/y/z")] {
        let decision = decide(&mut plugin, &[], host, &mut head("GET", path, &[])?)?;
        ensure!(
            matches!(decision.outcome, Outcome::NoRoute | Outcome::NoTarget(_)),
            "it decides {:?} without a table",
            decision.outcome
        );
    }
    Ok(())
}

fn takes_a_whole_table(bench: &Bench<RouterWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    plugin.apply(&tables::plain(1))?;
    let other = update(
        2,
        true,
        vec![forwards("a.test", "/", &[("new", 1, &["n1"])])],
    );
    plugin.apply(&other)?;
    reaches(&mut plugin, &other, "a.test", "new")?;
    for (host, path) in [
        ("a.test", "/"),
        ("a.test", "/docs"),
        ("b.test", "/"),
        ("x.wild.test", "/"),
    ] {
        // Names an app of the table before, if it has not let go of it.
        decide(
            &mut plugin,
            std::slice::from_ref(&other),
            host,
            &mut head("GET", path, &[])?,
        )?;
    }
    Ok(())
}

fn takes_changes(bench: &Bench<RouterWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    let first = update(
        1,
        true,
        vec![forwards("a.test", "/", &[("old", 1, &["o1"])])],
    );
    plugin.apply(&first)?;
    let added = update(
        2,
        false,
        vec![forwards("b.test", "/", &[("new", 1, &["n1"])])],
    );
    plugin.apply(&added)?;
    reaches(&mut plugin, &first, "a.test", "old")?;
    reaches(&mut plugin, &added, "b.test", "new")?;
    let mut gone = update(3, false, vec![]);
    gone.removals = vec![key("a.test", "/")];
    plugin.apply(&gone)?;
    for host in ["a.test", "b.test"] {
        decide(
            &mut plugin,
            std::slice::from_ref(&added),
            host,
            &mut head("GET", "/", &[])?,
        )?;
    }
    // The same instance with other ones: an app that was started anew.
    let moved = update(
        4,
        false,
        vec![forwards("b.test", "/", &[("new", 1, &["n2"])])],
    );
    plugin.apply(&moved)?;
    reaches(&mut plugin, &moved, "b.test", "new")
}

fn keeps_its_scopes(bench: &Bench<RouterWorld>) -> Verdict {
    const PATHS: [&str; 5] = ["/", "/docs", "/docs/x", "/other?q=1", "/other?q=2"];
    const HEADS: [(&str, &[(&str, &str)]); 4] = [
        ("GET", &[]),
        ("POST", &[("accept", "text/html")]),
        ("GET", &[("cookie", "a=b; muster=1")]),
        ("GET", &[("accept-language", "de"), ("user-agent", "x")]),
    ];
    let mut plugin = bench.started()?;
    let table = tables::varied(1);
    plugin.apply(&table)?;
    let known = [table];
    for host in tables::VARIED_HOSTS {
        let mut made: Vec<(&str, Decision)> = Vec::new();
        for path in PATHS {
            for (method, headers) in HEADS {
                // Lots are drawn anew each time.
                for _ in 0..8 {
                    let mut parts = head(method, path, headers)?;
                    made.push((path, decide(&mut plugin, &known, host, &mut parts)?));
                }
            }
        }
        let plain = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
        for (path, decision) in &made {
            let holds_for = |other: &str| match decision.scope {
                Scope::Request => false,
                Scope::Path => plain(other) == plain(path),
                Scope::Host => true,
            };
            let odd = made
                .iter()
                .find(|(other, it)| holds_for(other) && it.outcome != decision.outcome);
            if let Some((other, odd)) = odd {
                return Err(Fault(format!(
                    "for {host}{path} it decides {:?} with the scope {:?}, and for {host}{other} {:?}",
                    decision.outcome, decision.scope, odd.outcome
                )));
            }
        }
    }
    Ok(())
}

fn hostile_requests(bench: &Bench<RouterWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    let table = tables::varied(1);
    plugin.apply(&table)?;
    let known = [table];
    let long = format!("/{}", "a/".repeat(8 << 10));
    let query = format!("/?{}", "q=1&".repeat(4 << 10));
    let paths = [
        "/",
        "//",
        "/..",
        "/docs/../..",
        "//evil.test/x",
        "/%00",
        "/%2e%2e/",
        "/docs?a=b?c#d",
        &long,
        &query,
        "*",
    ];
    let cookie = "a=b; ".repeat(1 << 10);
    let heads: [&[(&str, &str)]; 4] = [
        &[],
        &[("cookie", &cookie)],
        &[("cookie", "=; ==; ;;; muster")],
        &[("x", "\u{fffd}\u{1f4a9}")],
    ];
    let mut hosts = hostile_texts();
    hosts.extend(tables::VARIED_HOSTS.map(str::to_owned));
    hosts.extend(["[::1]", "a.test.", ".a.test", "xn--", "*.wild.test"].map(str::to_owned));
    for host in &hosts {
        for path in paths {
            for headers in heads {
                decide(&mut plugin, &known, host, &mut head("GET", path, headers)?)?;
            }
        }
    }
    Ok(())
}

fn hostile_tables(bench: &Bench<RouterWorld>) -> Verdict {
    for (what, table) in tables::hostile() {
        let mut plugin = bench.started()?;
        let plain = tables::plain(1);
        plugin.apply(&plain)?;
        let known = match plugin.apply(&table) {
            // What is refused must have changed nothing.
            Err(PluginError::Reported(_)) => vec![plain],
            Err(error) => return Err(Fault(format!("{what}: {error}"))),
            Ok(()) => vec![plain, table],
        };
        for (host, path) in [
            ("a.test", "/"),
            ("a.test", "/docs"),
            ("", "/"),
            ("zero.test", "/"),
        ] {
            decide(&mut plugin, &known, host, &mut head("GET", path, &[])?)
                .map_err(|fault| Fault(format!("{what}: {}", fault.0)))?;
        }
    }
    Ok(())
}

fn many_routes(bench: &Bench<RouterWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    let table = tables::many(MANY);
    plugin.apply(&table)?;
    for number in (0..MANY).step_by(997) {
        let (host, app) = tables::one_of_many(number);
        reaches(&mut plugin, &table, &host, &app)?;
    }
    Ok(())
}

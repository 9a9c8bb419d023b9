//! Decides what happens to a request, and for which others that holds.

use muster_sdk::{
    redirect,
    router::{Decision, Forward, Head, Outcome, Redirect, Scope},
};

use crate::{
    choice, sticky,
    table::{Action, Found, Lookup, Table, Target},
};

/// Decides on a request. `host` is lower-case without port; `path` has no
/// query.
pub fn decide(table: &Table, host: &str, path: &str, head: &dyn Head) -> Decision {
    let found = match table.look_up(host, path) {
        Lookup::Found(found) => found,
        Lookup::NoPath => {
            return Decision {
                outcome: Outcome::NoRoute,
                scope: Scope::Path,
            };
        }
        Lookup::NoHost => {
            return Decision {
                outcome: Outcome::NoRoute,
                scope: Scope::Host,
            };
        }
    };
    // The widest scope, for outcomes that depend on the route alone.
    let scope = if found.every_path {
        Scope::Host
    } else {
        Scope::Path
    };
    match &found.route.action {
        Action::Redirect(to) if to.keep_path => {
            let rest = path.get(found.route.prefix.len()..).unwrap_or_default();
            let location = redirect::location(&to.location, rest, head.query().as_deref());
            let redirect = Redirect {
                location,
                status: to.status,
                keep_path: true,
            };
            Decision {
                outcome: Outcome::Redirect(redirect),
                scope: Scope::Request,
            }
        }
        Action::Redirect(to) => Decision {
            outcome: Outcome::Redirect((**to).clone()),
            scope,
        },
        Action::Forward(targets) => forward(&found, targets, scope, head),
    }
}

fn forward(found: &Found<'_>, targets: &[Target], scope: Scope, head: &dyn Head) -> Decision {
    let mut live = choice::live(targets);
    let Some(first) = live.next() else {
        return Decision {
            outcome: Outcome::NoTarget(why_none(targets)),
            scope,
        };
    };
    if found.route.sticky {
        return Decision {
            outcome: keep(found, targets, first, head),
            scope: Scope::Request,
        };
    }
    if live.next().is_none() {
        return Decision {
            outcome: anywhere(first),
            scope,
        };
    }
    let chosen = choice::by_weight(choice::live(targets), head.lot()).unwrap_or(first);
    Decision {
        outcome: anywhere(chosen),
        scope: Scope::Request,
    }
}

/// Forwards to the instance that the client's cookie names as long as that
/// serves, else to one by lot that the client is told to keep.
fn keep(found: &Found<'_>, targets: &[Target], first: &Target, head: &dyn Head) -> Outcome {
    let prefix = &found.route.prefix;
    let name = sticky::cookie_name(found.host, prefix);
    if let Some(instance) = head.cookie(&name)
        && let Some(target) = sticky::holder(choice::live(targets), &instance)
    {
        let app = target.pool.app.to_string();
        return Outcome::Forward(Forward {
            app,
            instance: Some(instance),
            set_cookie: None,
        });
    }
    let lot = head.lot();
    let chosen = choice::by_weight(choice::live(targets), lot).unwrap_or(first);
    let instance = choice::evenly(chosen, lot);
    Outcome::Forward(Forward {
        app: chosen.pool.app.to_string(),
        instance: instance.map(str::to_owned),
        set_cookie: instance.map(|instance| sticky::set_cookie(&name, instance, prefix)),
    })
}

fn anywhere(target: &Target) -> Outcome {
    Outcome::Forward(Forward {
        app: target.pool.app.to_string(),
        instance: None,
        set_cookie: None,
    })
}

fn why_none(targets: &[Target]) -> String {
    if targets.is_empty() {
        "the route has no app".to_owned()
    } else if targets.iter().all(|target| target.weight == 0) {
        "every app of the route has weight 0".to_owned()
    } else {
        "no app of the route has a running instance".to_owned()
    }
}

#[cfg(test)]
mod tests;

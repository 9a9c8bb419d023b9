//! What adding a route does to the one that is there, by comparison of before
//! and after.

use muster_api::{
    plan::Plan,
    routes::{Route, RouteAction},
};

/// What differs.
pub(super) fn compare(before: Option<&Route>, after: &Route) -> Plan {
    let name = format!("{}{}", after.host, after.path);
    let mut plan = Plan::default();
    let Some(before) = before else {
        plan.changes.push(match &after.action {
            RouteAction::Forward { targets } => {
                let apps: Vec<_> = targets.iter().map(|target| target.app.as_str()).collect();
                format!("the route {name} to {} is made", apps.join(", "))
            }
            RouteAction::Redirect { location, .. } => {
                format!("the redirect {name} to {location} is made")
            }
        });
        return plan;
    };
    match (&before.action, &after.action) {
        (RouteAction::Forward { targets: old }, RouteAction::Forward { targets: new }) => {
            for target in new {
                let (app, weight) = (&target.app, target.weight);
                match old.iter().find(|old| old.app == *app) {
                    None => plan
                        .changes
                        .push(format!("{app} joins the route {name}, weight {weight}")),
                    Some(old) => differ(
                        &mut plan,
                        &format!("weight of {app}"),
                        old.weight,
                        target.weight,
                    ),
                }
            }
        }
        (
            RouteAction::Redirect {
                location: old,
                status: old_status,
                keep_path: old_keeps,
            },
            RouteAction::Redirect {
                location,
                status,
                keep_path,
            },
        ) => {
            differ(&mut plan, "location", old, location);
            differ(&mut plan, "status", old_status, status);
            differ(&mut plan, "keep_path", old_keeps, keep_path);
        }
        // Adding never makes a redirect of a route to apps, or the reverse.
        _ => {}
    }
    differ(&mut plan, "sticky", before.sticky, after.sticky);
    plan
}

fn differ<T: PartialEq + std::fmt::Display>(plan: &mut Plan, what: &str, old: T, new: T) {
    if old != new {
        plan.changes.push(format!("{what}: {old} → {new}"));
    }
}

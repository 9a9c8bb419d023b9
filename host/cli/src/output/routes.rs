//! Routes.

use comfy_table::Cell;
use muster_api::{
    page::Page,
    routes::{Route, RouteAction, RouteTarget},
};

use super::{
    Sheet, View,
    text::{self, yes_no},
};

/// `HOST` or `HOST/PREFIX`.
pub fn address(route: &Route) -> String {
    format!(
        "{}{}",
        route.host,
        if route.path == "/" { "" } else { &route.path }
    )
}

fn action(route: &Route) -> String {
    match &route.action {
        RouteAction::Forward { targets } => match targets.as_slice() {
            [only] => only.app.clone(),
            _ => {
                let share = |target: &RouteTarget| format!("{} ({})", target.app, target.weight);
                targets.iter().map(share).collect::<Vec<_>>().join(", ")
            }
        },
        RouteAction::Redirect {
            location,
            status,
            keep_path,
        } => {
            format!("{status} → {location}{}", if *keep_path { "…" } else { "" })
        }
    }
}

impl View for Page<Route> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("There are no routes. `muster route add HOST --app NAME` adds one.");
            return;
        }
        let rows = self.items.iter().map(|route| {
            [
                Cell::new(address(route)),
                Cell::new(text::printable(&action(route))),
                Cell::new(yes_no(route.sticky)),
                Cell::new(route.url.as_deref().unwrap_or("-")),
            ]
        });
        sheet.list(["ROUTE", "GOES TO", "STICKY", "URL"], rows);
    }
}

impl View for Route {
    fn show(&self, sheet: &mut Sheet) {
        sheet.facts([
            ("route", Cell::new(address(self))),
            ("id", Cell::new(self.id)),
            ("goes to", Cell::new(text::printable(&action(self)))),
            ("sticky", Cell::new(yes_no(self.sticky))),
            ("url", Cell::new(self.url.as_deref().unwrap_or("-"))),
        ]);
    }
}

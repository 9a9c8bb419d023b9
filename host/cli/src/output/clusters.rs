//! Clusters.

use comfy_table::Cell;
use muster_api::{
    clusters::{Cluster, ClusterHost},
    page::Page,
};

use super::{
    Sheet, View, links,
    text::{moment, printable},
};

/// The names of some hosts.
fn names(hosts: &[ClusterHost]) -> String {
    let names: Vec<_> = hosts.iter().map(|host| printable(&host.name)).collect();
    match names.is_empty() {
        true => "-".to_owned(),
        false => names.join(","),
    }
}

impl View for Page<Cluster> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line(
                "There is no cluster. `muster cluster create NAME --control-plane HOST` makes one.",
            );
            return;
        }
        let rows = self.items.iter().map(|cluster| {
            [
                Cell::new(printable(&cluster.name)),
                Cell::new(names(&cluster.control_plane)),
                Cell::new(names(&cluster.workers)),
                Cell::new(sheet.age(cluster.created_at)),
            ]
        });
        let rows: Vec<_> = rows.collect();
        sheet.list(["NAME", "CONTROL PLANE", "WORKERS", "AGE"], rows);
    }
}

impl View for Cluster {
    fn show(&self, sheet: &mut Sheet) {
        sheet.facts([
            ("name", Cell::new(printable(&self.name))),
            ("created", Cell::new(moment(self.created_at))),
        ]);
        sheet.gap();
        let row = |host: &ClusterHost, part: &str| {
            [
                Cell::new(printable(&host.name)),
                Cell::new(part),
                Cell::new(host.state.map_or("gone", links::state)),
                Cell::new(host.version.as_deref().unwrap_or("-")),
                Cell::new(if host.leads { "yes" } else { "" }),
            ]
        };
        let control = self.control_plane.iter().map(|it| row(it, "control plane"));
        let workers = self.workers.iter().map(|it| row(it, "worker"));
        let rows: Vec<_> = control.chain(workers).collect();
        sheet.list(["HOST", "PART", "STATE", "VERSION", "LEADS"], rows);
    }
}

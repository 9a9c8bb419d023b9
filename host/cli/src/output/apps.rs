//! Apps, their instances and environment.

use comfy_table::Cell;
use muster_api::{
    apps::{App, AppDetail, DesiredState, Env, InstanceState},
    page::Page,
};

use super::{
    Sheet, View,
    sheet::Mood,
    text::{self, printable},
};

/// What the app does, beside what it should do.
fn state(app: &App) -> Cell {
    match app.state {
        DesiredState::Stopped => Mood::Plain.cell("stopped"),
        DesiredState::Started if app.running >= app.instances => Mood::Good.cell("started"),
        DesiredState::Started if app.running == 0 => Mood::Bad.cell("started"),
        DesiredState::Started => Mood::Wary.cell("started"),
    }
}

fn release(app: &App) -> String {
    match (app.release, app.next_release) {
        (Some(now), Some(next)) => format!("{now} → {next}"),
        (None, Some(next)) => format!("→ {next}"),
        (Some(now), None) => now.to_string(),
        (None, None) => "-".to_owned(),
    }
}

fn instance_state(state: InstanceState) -> Cell {
    match state {
        InstanceState::Starting => Mood::Wary.cell("starting"),
        InstanceState::Running => Mood::Good.cell("running"),
        InstanceState::Stopping => Mood::Plain.cell("stopping"),
        InstanceState::Crashed => Mood::Bad.cell("crashed"),
    }
}

impl View for Page<App> {
    fn show(&self, sheet: &mut Sheet) {
        if self.items.is_empty() {
            sheet.line("There are no apps. `muster app push NAME --path PATH` pushes one.");
            return;
        }
        let rows: Vec<_> = self
            .items
            .iter()
            .map(|app| {
                [
                    Cell::new(&app.name),
                    state(app),
                    Cell::new(format!("{}/{}", app.running, app.instances)),
                    Cell::new(release(app)),
                    Cell::new(sheet.age(app.updated_at)),
                    Cell::new(app.urls.join("\n")),
                ]
            })
            .collect();
        sheet.list(
            ["NAME", "STATE", "RUNNING", "RELEASE", "CHANGED", "URLS"],
            rows,
        );
    }
}

impl View for AppDetail {
    fn show(&self, sheet: &mut Sheet) {
        let app = &self.app;
        let limits = &app.settings.limits;
        sheet.facts([
            ("name", Cell::new(&app.name)),
            ("id", Cell::new(app.id)),
            ("state", state(app)),
            (
                "running",
                Cell::new(format!("{} of {}", app.running, app.instances)),
            ),
            ("release", Cell::new(release(app))),
            (
                "droplet",
                Cell::new(app.droplet.map_or("-".to_owned(), |id| id.to_string())),
            ),
            (
                "limits",
                Cell::new(format!(
                    "memory {}, time {}, cpu {}, concurrency {}",
                    limits.memory, limits.time, limits.cpu, limits.concurrency
                )),
            ),
            ("created", Cell::new(text::moment(app.created_at))),
            ("changed", Cell::new(text::moment(app.updated_at))),
            (
                "urls",
                Cell::new(if app.urls.is_empty() {
                    "-".to_owned()
                } else {
                    app.urls.join("\n")
                }),
            ),
        ]);
        if let Some(failure) = &app.last_failure {
            sheet.gap();
            sheet.line(&format!("Last failure: {}", printable(failure)));
        }
        if !self.placements.is_empty() {
            sheet.gap();
            let rows: Vec<_> = self
                .placements
                .iter()
                .map(|instance| {
                    [
                        Cell::new(instance.index),
                        Cell::new(instance.release),
                        Cell::new(&instance.host),
                        instance_state(instance.state),
                        Cell::new(sheet.age(instance.since)),
                        Cell::new(match (&instance.reason, &instance.why) {
                            (Some(reason), _) => printable(reason),
                            (None, Some(why)) => printable(why),
                            (None, None) => String::new(),
                        }),
                    ]
                })
                .collect();
            sheet.list(
                ["INSTANCE", "RELEASE", "HOST", "STATE", "SINCE", "WHY"],
                rows,
            );
        }
    }
}

impl View for Env {
    fn show(&self, sheet: &mut Sheet) {
        for (name, value) in &self.env {
            sheet.line(&format!("{name}={}", printable(value)));
        }
    }
}

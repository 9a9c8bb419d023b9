//! Apps on their way from one Muster to another, as `host/cli/DATA.md` describes.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::{blocks::FileEntry, plan::Plan, settings::Settings};

/// What exported data calls itself.
pub const FORMAT: &str = "muster-data";
/// The version of the format.
pub const VERSION: u32 = 1;

/// Which apps to export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// Names of apps with commas between them; all unless told.
    pub apps: Option<String>,
}

/// Apps with all that belongs to them but the bytes of their blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportedData {
    /// `muster-data`.
    pub format: String,
    /// The version of the format: 1.
    pub version: u32,
    /// The version of Muster that exported it.
    pub muster: String,
    /// When it was exported.
    #[serde(with = "time::serde::rfc3339")]
    pub made_at: OffsetDateTime,
    /// The apps, by name.
    pub apps: Vec<ExportedApp>,
}

/// An app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportedApp {
    /// Its name.
    pub name: String,
    /// The name of the project that it belongs to.
    pub project: String,
    /// Whether it is to run.
    pub started: bool,
    /// In how many instances.
    pub instances: u32,
    /// The number of the release that serves, if one does.
    #[serde(default)]
    pub current: Option<u64>,
    /// What staging made, oldest first.
    pub droplets: Vec<ExportedDroplet>,
    /// Droplets with settings, by number.
    pub releases: Vec<ExportedRelease>,
    /// What reaches it.
    pub routes: Vec<ExportedRoute>,
}

/// A droplet with its package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportedDroplet {
    /// What the stager detected, such as `component`.
    pub detected: String,
    /// The entry point, such as `wasi:http/incoming-handler@0.2`.
    pub entry: String,
    /// The component.
    pub component: FileEntry,
    /// The files that it sees.
    pub files: Vec<FileEntry>,
    /// The files that were pushed.
    pub package: Vec<FileEntry>,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub made_at: OffsetDateTime,
}

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportedRelease {
    /// Its number; another Muster numbers anew, in this order.
    pub number: u64,
    /// Its droplet's place among the droplets, from 0 on.
    pub droplet: u32,
    /// What it runs with, variables and their secrets included.
    pub settings: Settings,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub made_at: OffsetDateTime,
}

/// A route to an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportedRoute {
    /// Host name and path prefix, such as `shop.example.com/api`.
    pub route: String,
    /// The app's share of it.
    pub weight: u32,
    /// Whether a client stays with the instance that first served it.
    pub sticky: bool,
}

/// What is to be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DataImport {
    /// The data.
    pub data: ExportedData,
    /// The project that all of it goes into; unless told, the one of the name that
    /// each had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// Leave out what collides with what is there, in place of importing nothing.
    #[serde(default)]
    pub skip: bool,
}

/// What an import does, or did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportPlan {
    /// What comes, a line each.
    #[serde(flatten)]
    pub plan: Plan,
    /// What is there already and stands in the way, a line each.
    pub collides: Vec<String>,
}

impl ExportedData {
    /// Every file of every app.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        let droplets = self.apps.iter().flat_map(|app| &app.droplets);
        droplets.flat_map(|droplet| {
            std::iter::once(&droplet.component)
                .chain(&droplet.files)
                .chain(&droplet.package)
        })
    }
}

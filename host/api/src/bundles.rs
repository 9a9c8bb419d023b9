//! Bundles: content that a group of hosts has in common. Whoever uploads one to
//! the leader finds it on every host.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use utoipa::{IntoParams, ToSchema};

use crate::{blocks::FileEntry, id::HostId};

/// What a bundle is good for.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum BundleKind {
    /// Files that lie on the disk of every host, for whoever wants to read them.
    #[default]
    Files,
    /// The files of an app, to be pushed from there.
    Package,
    /// A role's plugin: one component.
    Plugin,
    /// Sections of the configuration, a file each, which count once somebody
    /// applies them.
    Settings,
    /// A version of Muster: one program, for `muster cluster upgrade`.
    Release,
}

impl std::fmt::Display for BundleKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Files => "files",
            Self::Package => "package",
            Self::Plugin => "plugin",
            Self::Settings => "settings",
            Self::Release => "release",
        })
    }
}

impl std::str::FromStr for BundleKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [
            Self::Files,
            Self::Package,
            Self::Plugin,
            Self::Settings,
            Self::Release,
        ]
        .into_iter()
        .find(|kind| kind.to_string() == text)
        .ok_or_else(|| {
            format!("'{text}' is no kind of bundle: files, package, plugin, settings or release")
        })
    }
}

/// A bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bundle {
    /// Its name; unique.
    #[schema(example = "maps")]
    pub name: String,
    /// What it is good for.
    pub kind: BundleKind,
    /// How many files it has.
    #[schema(example = 12)]
    pub count: u64,
    /// Their size together, in bytes.
    #[schema(example = 83_886_080)]
    pub size: u64,
    /// A SHA-256 over paths and blocks: bundles with the same digest have the
    /// same files.
    #[schema(example = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    pub digest: String,
    /// When it got this content.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// A bundle with its files, and how far each host has got with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BundleDetail {
    /// The bundle.
    #[serde(flatten)]
    pub bundle: Bundle,
    /// Its files, by path.
    pub files: Vec<FileEntry>,
    /// The hosts of the group; of a host that follows, or stands alone, itself.
    pub hosts: Vec<BundleHost>,
}

/// How far a host has got with a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BundleHost {
    /// The host.
    pub id: HostId,
    /// Its name.
    pub name: String,
    /// How many blocks it lacks.
    pub missing: u64,
    /// Their size together, in bytes.
    pub missing_bytes: u64,
    /// Whether it has all of the bundle, ready for use.
    pub ready: bool,
    /// What stands in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// The content of a bundle. Its blocks must have been uploaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "kind": "files",
    "files": [{
        "path": "europe/oslo.bin",
        "size": 3,
        "blocks": ["ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
    }],
}))]
pub struct NewBundle {
    /// What it is good for.
    #[serde(default)]
    pub kind: BundleKind,
    /// Its files.
    pub files: Vec<FileEntry>,
}

/// How a bundle is put.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PutQuery {
    /// Take the place of a bundle of that name that has other content.
    #[serde(default)]
    pub replace: bool,
}

/// What a host has of the content that its group has in common.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ContentProgress {
    /// How many blocks there are, each counted once.
    pub blocks: u64,
    /// How many of them are missing on the host.
    pub missing: u64,
    /// The size of all blocks together, in bytes.
    pub bytes: u64,
    /// The size of those that are missing.
    pub missing_bytes: u64,
    /// Each bundle as far as the host has it.
    #[serde(default)]
    pub bundles: Vec<BundleProgress>,
}

/// What a host has of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BundleProgress {
    /// The bundle's name.
    pub name: String,
    /// The digest of the content that the host knows of.
    pub digest: String,
    /// How many blocks are missing.
    pub missing: u64,
    /// Their size together, in bytes.
    pub missing_bytes: u64,
    /// Whether all of it is there, ready for use.
    pub ready: bool,
    /// What stands in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl ContentProgress {
    /// Whether nothing is missing and everything is ready for use.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.missing == 0 && self.bundles.iter().all(|bundle| bundle.ready)
    }
}

#[cfg(test)]
mod tests {
    use super::BundleKind;

    #[test]
    fn kinds_are_read_back() {
        for kind in [
            BundleKind::Files,
            BundleKind::Package,
            BundleKind::Plugin,
            BundleKind::Settings,
            BundleKind::Release,
        ] {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(
                serde_json::to_value(kind).unwrap(),
                serde_json::json!(kind.to_string())
            );
        }
        assert!("film".parse::<BundleKind>().is_err());
    }
}

//! `muster.toml`: what an app is pushed with, beside its files.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use muster_api::{
    pushes::{LimitsChange, SettingsChange},
    settings::{HealthCheck, Placement},
};
use serde::Deserialize;

/// The file's name.
pub const FILE: &str = "muster.toml";

/// Why a `muster.toml` does not count.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not TOML, or holds something that has no meaning.
    #[error("{}", describe(path, *line, key, message))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key, such as `limits.memory`; empty at the top level.
        key: String,
        /// What is wrong.
        message: String,
    },
}

/// What a `muster.toml` may say. All of it may be left out.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Manifest {
    /// The app's name.
    pub name: Option<String>,
    /// Routes to add, each `HOST` or `HOST/PREFIX`.
    pub routes: Vec<String>,
    /// The project that a new app goes into.
    pub project: Option<String>,
    /// How many instances.
    pub instances: Option<u32>,
    /// The file that is the component, if there are several.
    pub component: Option<String>,
    /// The file that answers for paths that do not exist.
    pub fallback: Option<String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// What the app may use.
    pub limits: LimitsChange,
    /// How the host finds out whether it serves.
    pub health: Option<HealthCheck>,
    /// Hosts it may send HTTP requests to.
    pub allow_outbound: Option<Vec<String>>,
    /// Private networks it may reach, in CIDR notation.
    pub allow_private: Option<Vec<String>>,
    /// Where its instances may be.
    pub placement: Option<Placement>,
}

impl Manifest {
    /// The manifest that belongs to a package: in the directory, or beside the
    /// file. An empty one if there is none.
    ///
    /// # Errors
    /// If there is one that cannot be read or does not make sense.
    pub fn beside(package: &Path) -> Result<Self, ManifestError> {
        let directory = match package.parent() {
            _ if package.is_dir() => package,
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let path = directory.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&path, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ManifestError::Read { path, source }),
        }
    }

    fn parse(path: &Path, text: &str) -> Result<Self, ManifestError> {
        toml::from_str(text).map_err(|error| malformed(path, text, error))
    }

    /// What it says about how the app runs.
    pub fn settings(self) -> SettingsChange {
        SettingsChange {
            env: self.env,
            limits: self.limits,
            health: self.health,
            allow_outbound: self.allow_outbound,
            allow_private: self.allow_private,
            component: self.component,
            fallback: self.fallback,
            placement: self.placement,
        }
    }
}

/// Says where in a TOML file an error is, and at which key.
pub fn malformed(path: &Path, text: &str, mut error: toml::de::Error) -> ManifestError {
    let start = error.span().map_or(0, |span| span.start);
    let line = text
        .bytes()
        .take(start)
        .filter(|byte| *byte == b'\n')
        .count()
        + 1;
    let message = error.message().trim_end().to_owned();
    // The key shows only in what an error without its input prints.
    error.set_input(None);
    let printed = error.to_string();
    let key = printed
        .rsplit_once("in `")
        .and_then(|(_, rest)| rest.trim_end().strip_suffix('`'));
    ManifestError::Malformed {
        path: path.to_owned(),
        line,
        key: key.unwrap_or_default().to_owned(),
        message: message.replace('\n', ", "),
    }
}

fn describe(path: &Path, line: usize, key: &str, message: &str) -> String {
    let place = format!("{}, line {line}", path.display());
    if key.is_empty() {
        format!("{place}: {message}")
    } else {
        format!("{place}, {key}: {message}")
    }
}

#[cfg(test)]
mod tests {
    use muster_api::units::{ByteSize, Millis};

    use super::*;

    fn error(text: &str) -> String {
        Manifest::parse(Path::new(FILE), text)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn every_key_is_read() {
        let manifest = Manifest::parse(
            Path::new(FILE),
            r#"
            name = "shop"
            routes = ["shop.example", "example.org/shop"]
            instances = 3
            component = "shop.wasm"
            fallback = "index.html"
            allow_outbound = ["api.example.com"]
            allow_private = ["10.0.0.0/8"]

            [env]
            GREETING = "hello"

            [limits]
            memory = "128MiB"
            time = "10s"

            [health]
            path = "/health"
            interval = "5s"
            "#,
        )
        .unwrap();
        assert_eq!(manifest.name.as_deref(), Some("shop"));
        assert_eq!(manifest.routes.len(), 2);
        assert_eq!(manifest.instances, Some(3));
        let settings = manifest.settings();
        assert_eq!(settings.limits.memory, Some(ByteSize(128 << 20)));
        assert_eq!(settings.limits.cpu, None);
        assert_eq!(
            settings.health.map(|health| health.interval),
            Some(Millis(5_000))
        );
        assert_eq!(settings.component.as_deref(), Some("shop.wasm"));
        assert_eq!(settings.allow_private, Some(vec!["10.0.0.0/8".to_owned()]));
        assert_eq!(settings.env["GREETING"], "hello");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        insta::assert_snapshot!(error("name = \"a\"\nroute = [\"a\"]\n"));
    }

    #[test]
    fn an_unknown_limit_is_named_with_its_line() {
        insta::assert_snapshot!(error("name = \"a\"\n\n[limits]\nmem = \"1GiB\"\n"));
    }

    #[test]
    fn a_wrong_size_is_named_with_its_key() {
        insta::assert_snapshot!(error("[limits]\ntime = \"1s\"\nmemory = \"much\"\n"));
    }

    #[test]
    fn a_wrong_type_is_named_with_its_key() {
        insta::assert_snapshot!(error("[env]\nPORT = 80\n"));
    }

    #[test]
    fn a_missing_key_is_named() {
        insta::assert_snapshot!(error("name = \"a\"\n[health]\ninterval = \"5s\"\n"));
    }

    #[test]
    fn what_is_no_toml_is_refused_with_its_line() {
        insta::assert_snapshot!(error("name = \"a\"\nroutes = [\"a\"\n"));
    }

    #[test]
    fn it_lies_beside_the_package() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.wasm");
        fs::write(&file, "").unwrap();
        assert_eq!(Manifest::beside(&file).unwrap(), Manifest::default());
        fs::write(folder.path().join(FILE), "name = \"a\"").unwrap();
        for package in [folder.path(), &file] {
            let name = Manifest::beside(package).unwrap().name;
            assert_eq!(name.as_deref(), Some("a"), "{}", package.display());
        }
    }
}

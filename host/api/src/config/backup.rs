//! The section `backup`: where backups go, what opens them, and when they are
//! made.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{InvalidSection, Secret};
use crate::{backups::BackupBlocks, units::Millis};

/// Where backups go, what opens them, and when they are made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BackupConfig {
    /// A folder of the host, as an absolute path, or
    /// `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`. Empty: the folder `backups` of
    /// the data directory, which is lost with it.
    #[schema(example = "/mnt/backups/muster")]
    pub to: String,
    /// The id of an access key of the S3 server.
    pub access_key: String,
    /// Its secret.
    pub secret_key: Secret,
    /// The passphrase that opens backups. Whoever loses it has no backups.
    pub passphrase: Secret,
    /// A file on the host that opens backups in place of a passphrase: 32 random
    /// bytes or more.
    pub key_file: Option<String>,
    /// What backups hold of blocks, unless told.
    pub blocks: BackupBlocks,
    /// How often one is made by itself; 0 for never.
    #[schema(example = 86_400_000)]
    pub interval: Millis,
    /// How many of this host are kept when another is made; 0 for all.
    pub keep: u32,
}

impl Default for BackupConfig {
    fn default() -> Self {
        Self {
            to: String::new(),
            access_key: String::new(),
            secret_key: Secret::default(),
            passphrase: Secret::default(),
            key_file: None,
            blocks: BackupBlocks::All,
            interval: Millis(0),
            keep: 7,
        }
    }
}

impl BackupConfig {
    /// The shortest time between two backups, in milliseconds.
    pub const SHORTEST: u64 = 60_000;
    /// The fewest characters of a passphrase.
    pub const PASSPHRASE: usize = 12;

    /// Whether something is set that opens backups.
    #[must_use]
    pub fn has_key(&self) -> bool {
        !self.passphrase.is_empty() || self.key_file.is_some()
    }

    /// Says what does not go together.
    ///
    /// # Errors
    /// The field and what is wrong with it.
    pub fn check(&self) -> Result<(), InvalidSection> {
        let wrong = |field, problem: &str| Err(InvalidSection::new(field, problem));
        if !(self.to.is_empty() || self.to.starts_with('/') || self.to.starts_with("s3://")) {
            return wrong("to", "an absolute path, or s3://BUCKET/PREFIX, is meant");
        }
        if self.secret_key.is_mask() {
            return wrong(
                "secret_key",
                "enter it again, since it would be sent elsewhere than before",
            );
        }
        if self.access_key.is_empty() != self.secret_key.is_empty() {
            return wrong(
                "access_key",
                "an id and its secret go together: set both or neither",
            );
        }
        if !self.passphrase.is_empty() && self.key_file.is_some() {
            return wrong(
                "key_file",
                "either a passphrase or a key file opens backups",
            );
        }
        let phrase = self.passphrase.expose();
        if !phrase.is_empty() && phrase.chars().count() < Self::PASSPHRASE {
            return wrong(
                "passphrase",
                "12 characters or more: it is all that protects a backup",
            );
        }
        if self.interval.0 != 0 && self.interval.0 < Self::SHORTEST {
            return wrong("interval", "a minute or more, or 0 for never");
        }
        if self.interval.0 != 0 && !self.has_key() {
            return wrong("interval", "backups need a passphrase or a key file first");
        }
        Ok(())
    }

    /// Hides the secrets, so that the section can be shown.
    pub fn mask(&mut self) {
        self.secret_key.mask();
        self.passphrase.mask();
    }

    /// Puts the secrets of `current` in place of masks; that of the S3 server only
    /// if it goes to the same place.
    pub fn keep(&mut self, current: &Self) {
        self.passphrase.keep(&current.passphrase);
        if (&self.to, &self.access_key) == (&current.to, &current.access_key) {
            self.secret_key.keep(&current.secret_key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_go_together_is_told() {
        let good = BackupConfig {
            to: "s3://muster".to_owned(),
            access_key: "a".to_owned(),
            secret_key: Secret::new("b"),
            passphrase: Secret::new("correct horse battery"),
            interval: Millis(3_600_000),
            ..BackupConfig::default()
        };
        assert_eq!(good.check(), Ok(()));
        assert_eq!(BackupConfig::default().check(), Ok(()));
        let wrong = |change: &dyn Fn(&mut BackupConfig)| {
            let mut config = good.clone();
            change(&mut config);
            config.check().unwrap_err().field
        };
        assert_eq!(wrong(&|it| it.to = "here".to_owned()), "to");
        assert_eq!(wrong(&|it| it.access_key.clear()), "access_key");
        assert_eq!(
            wrong(&|it| it.passphrase = Secret::new("short")),
            "passphrase"
        );
        assert_eq!(wrong(&|it| it.passphrase = Secret::default()), "interval");
        assert_eq!(wrong(&|it| it.interval = Millis(5)), "interval");
        assert_eq!(wrong(&|it| it.key_file = Some("/k".to_owned())), "key_file");
    }

    #[test]
    fn a_secret_stays_with_its_server() {
        let kept = BackupConfig {
            to: "s3://muster".to_owned(),
            access_key: "a".to_owned(),
            secret_key: Secret::new("b"),
            passphrase: Secret::new("correct horse battery"),
            ..BackupConfig::default()
        };
        let mut shown = kept.clone();
        shown.mask();
        let mut again = shown.clone();
        again.keep(&kept);
        assert_eq!(again, kept);
        let mut elsewhere = shown;
        elsewhere.to = "s3://muster?endpoint=http://elsewhere".to_owned();
        elsewhere.keep(&kept);
        assert_eq!(elsewhere.check().unwrap_err().field, "secret_key");
    }
}

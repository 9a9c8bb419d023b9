//! The host's own key: whoever may read the data directory gets in with it,
//! without a password. It acts as an admin.

use std::{
    fs, io,
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::unix::fs::OpenOptionsExt,
};

use muster_api::keys::{INTERNAL_KEY, LocalKey};
use muster_identity::secret::{self, Kind};
use muster_store::{AccessKeyRecord, ChangeKind};

use super::Keys;
use crate::control::{
    error::ControlError,
    record::{Actor, Change, record},
};

impl Keys {
    /// Makes the key if there is none, and gives it a new secret if the file
    /// with its secret is lost or holds another one. It may be used from this
    /// machine only: from its loopback addresses and `own`.
    pub(crate) async fn ensure_internal(&self, own: IpAddr) -> Result<(), ControlError> {
        let found = self.store.access_key_get(INTERNAL_KEY).await?;
        let file = self.read_local()?;
        let networks = networks(own);
        let kept = file.filter(|file| {
            let fits = |key: &AccessKeyRecord| secret::matches(&file.secret, &key.secret_hash);
            file.id == INTERNAL_KEY && found.as_ref().is_some_and(fits)
        });
        let same_place = found.as_ref().is_some_and(|key| key.networks == networks);
        if same_place && kept.as_ref().is_some_and(|file| file.url == self.url) {
            return Ok(());
        }
        let made = || secret::issue(Kind::AccessKey).text.expose().to_owned();
        let words = kept.map_or_else(made, |file| file.secret);
        self.write_local(&words)?;
        let now = muster_store::now();
        let first = found.is_none();
        let before = found.unwrap_or(AccessKeyRecord {
            id: INTERNAL_KEY.to_owned(),
            user: None,
            name: INTERNAL_KEY.to_owned(),
            secret_hash: String::new(),
            previous: None,
            scopes: None,
            networks: Vec::new(),
            internal: true,
            created_at: now,
            rotated_at: now,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
            last_used_from: None,
        });
        let mut key = AccessKeyRecord {
            secret_hash: secret::digest(&words),
            networks,
            ..before.clone()
        };
        if key.secret_hash != before.secret_hash {
            key.rotated_at = now;
            key.previous = None;
        }
        self.store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let (verb, kind) = if first {
                        tx.access_key_insert(&key).await?;
                        ("create", ChangeKind::Created)
                    } else {
                        tx.access_key_update(&key).await?;
                        ("renew", ChangeKind::Updated)
                    };
                    let change = Change {
                        resource: "key",
                        project: None,
                        id: key.id.clone(),
                        name: &key.id,
                        verb,
                        kind,
                        before: None,
                        after: None,
                    };
                    record(tx, &Actor::host("host"), change).await?;
                    Ok(())
                })
            })
            .await
    }

    fn read_local(&self) -> Result<Option<LocalKey>, ControlError> {
        match fs::read(self.dir.internal_key()) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Writes the file anew. Whoever reads it sees the old one or the new one.
    pub(super) fn write_local(&self, secret: &str) -> Result<(), ControlError> {
        let key = LocalKey {
            id: INTERNAL_KEY.to_owned(),
            secret: secret.to_owned(),
            url: self.url.clone(),
        };
        let path = self.dir.internal_key();
        let aside = path.with_extension("key.new");
        let written = || -> io::Result<()> {
            // Made anew: a file that is there keeps whatever mode it has.
            match fs::remove_file(&aside) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&aside)?;
            serde_json::to_writer_pretty(&mut file, &key)?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            fs::rename(&aside, &path)
        };
        written().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> ControlError {
        let path = self.dir.internal_key();
        ControlError::Internal(format!("{} cannot be used: {error}", path.display()))
    }
}

fn networks(own: IpAddr) -> Vec<String> {
    let mut all = vec![
        format!("{}/8", Ipv4Addr::new(127, 0, 0, 0)),
        format!("{}/128", Ipv6Addr::LOCALHOST),
    ];
    if !own.is_loopback() && !own.is_unspecified() {
        all.push(ipnet::IpNet::from(own).to_string());
    }
    all
}

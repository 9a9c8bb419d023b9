//! Certificates by which load balancers end TLS. The host that leads keeps them,
//! with their keys sealed; those of its followers that are load balancers are
//! told of them.

mod read;

use std::sync::Arc;

use muster_api::{
    certificates::{Certificate, NewCertificate},
    name,
    page::{Page, PageQuery},
    plan::Plan,
};
use muster_identity::seal::Sealer;
use muster_ingress::balance::{Certificates as InForce, Usable};
use muster_store::{CertificateRecord, ChangeKind, Store, Tx};
use tokio_util::sync::CancellationToken;

use self::read::Contents;
use super::{
    error::ControlError,
    linking::{Links, Part},
    record::{Actor, Change, record, value},
    terms::{Outcome, Terms},
    views::page_of,
};
use crate::peers::state::CertificateTold;

/// The certificate for who asks for no name, or for one that no other has.
const DEFAULT: &str = "default";
/// The longest certificate with those that vouch for it, and the longest key.
const LONGEST: usize = 64 << 10;

/// The certificates of this host or of its group.
#[derive(Clone)]
pub(crate) struct Certificates {
    pub(crate) store: Store,
    pub(crate) sealer: Sealer,
    pub(crate) links: Links,
    /// Where the load balancer finds them.
    pub(crate) in_force: Arc<InForce>,
}

impl Certificates {
    /// All of them, by name.
    pub(crate) async fn list(&self, query: &PageQuery) -> Result<Page<Certificate>, ControlError> {
        let all = self.known().await?;
        page_of(all.iter().map(view).collect::<Result<_, _>>()?, query)
    }

    /// One of them.
    pub(crate) async fn show(
        &self,
        name: &str,
    ) -> Result<(CertificateRecord, Certificate), ControlError> {
        let all = self.known().await?;
        let found = all.into_iter().find(|it| it.name == name);
        let found = found.ok_or_else(|| ControlError::not_found("certificate", name))?;
        let shown = view(&found)?;
        Ok((found, shown))
    }

    /// Keeps one, in place of the one of its name.
    pub(crate) async fn put(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        new: NewCertificate,
    ) -> Result<Outcome<(CertificateRecord, Certificate)>, ControlError> {
        name::check(name).map_err(|why| ControlError::invalid("certificate", why))?;
        self.links.decides()?;
        let (chain, key) = pem_of(new)?;
        let contents = checked(&chain, &key)?;
        let created_at = muster_store::now();
        let certificate = CertificateRecord {
            name: name.to_owned(),
            chain,
            key: self.sealer.seal(&sealed_for(name), &key)?,
            created_at,
        };
        let shown = contents.shown(name, created_at);
        let plan_line = |verb: &str, hosts: &[String]| {
            format!(
                "the certificate {name} {verb} {} on every load balancer",
                hosts.join(", ")
            )
        };
        let changes = vec![plan_line("is shown for", &shown.hosts)];
        let (actor, owned, after) = (actor.clone(), terms.clone(), shown.clone());
        let (certificate, before) = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let known = tx.certificate_get(&certificate.name).await?;
                    owned.check(known.as_ref())?;
                    tx.certificate_put(&certificate).await?;
                    let before = known.as_ref().map(view).transpose()?;
                    changed(tx, &actor, before.as_ref(), Some(&after)).await?;
                    Ok::<_, ControlError>((certificate, before))
                })
            })
            .await?;
        let plan = Plan {
            removes: before
                .map(|before| plan_line("as it was, for", &before.hosts))
                .into_iter()
                .collect(),
            changes,
            done: false,
        };
        Ok(terms.outcome((certificate, shown), plan))
    }

    /// Removes one.
    pub(crate) async fn remove(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Plan, ControlError> {
        self.links.decides()?;
        let (actor, owned, name) = (actor.clone(), terms.clone(), name.to_owned());
        let gone = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let found = tx.certificate_get(&name).await?;
                    let found =
                        found.ok_or_else(|| ControlError::not_found("certificate", name))?;
                    owned.check(Some(&found))?;
                    tx.certificate_delete(&found.name).await?;
                    let before = view(&found)?;
                    changed(tx, &actor, Some(&before), None).await?;
                    Ok::<_, ControlError>(before)
                })
            })
            .await?;
        Ok(Plan {
            removes: vec![format!(
                "the certificate {} for {}, on every load balancer",
                gone.name,
                gone.hosts.join(", ")
            )],
            changes: Vec::new(),
            done: !terms.dry_run,
        })
    }

    /// Keeps the load balancer's certificates in step, and tells followers, until
    /// stopped.
    pub(crate) async fn keep_up(self, stop: CancellationToken) {
        let otherwise = made_here();
        let mut revisions = self.store.revisions();
        let mut last: Option<Arc<Vec<CertificateTold>>> = None;
        loop {
            revisions.mark_unchanged();
            let told = self.links.changed();
            tokio::pin!(told);
            told.as_mut().enable();
            match self.all().await {
                Ok(all) => {
                    if last.as_ref() != Some(&all) {
                        self.put_in_force(&all, otherwise.as_ref());
                        last = Some(all);
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "the certificates cannot be read; those from before count");
                }
            }
            tokio::select! {
                _ = revisions.changed() => {}
                () = told => {}
                () = stop.cancelled() => return,
            }
        }
    }

    /// All of them, with their keys. Followers are told, if there are any.
    async fn all(&self) -> Result<Arc<Vec<CertificateTold>>, ControlError> {
        if let Part::Follows(followed) = self.links.part().await? {
            return Ok(Arc::clone(&followed.certificates));
        }
        let mut all = Vec::new();
        for record in self.store.certificate_all().await? {
            let key = self.sealer.open(&sealed_for(&record.name), &record.key)?;
            all.push(CertificateTold {
                key: key.expose().to_owned(),
                name: record.name,
                chain: record.chain,
                created_at: record.created_at,
            });
        }
        let all = Arc::new(all);
        self.links.publish_certificates(&all);
        Ok(all)
    }

    fn put_in_force(&self, all: &[CertificateTold], otherwise: Option<&Usable>) {
        let mut usable = Vec::new();
        let mut default = otherwise.cloned();
        for told in all {
            match usable_of(&told.chain, &told.key) {
                Ok((_, certificate)) if told.name == DEFAULT => {
                    usable.push(certificate.clone());
                    default = Some(certificate);
                }
                Ok((_, certificate)) => usable.push(certificate),
                Err(why) => {
                    tracing::error!(certificate = %told.name, why, "a certificate cannot be used");
                }
            }
        }
        self.in_force.replace(&usable, default);
    }

    /// Those that this host knows of, without their keys on a follower.
    async fn known(&self) -> Result<Vec<CertificateRecord>, ControlError> {
        let Part::Follows(followed) = self.links.part().await? else {
            return Ok(self.store.certificate_all().await?);
        };
        let known = followed.certificates.iter().map(|it| CertificateRecord {
            name: it.name.clone(),
            chain: it.chain.clone(),
            key: String::new(),
            created_at: it.created_at,
        });
        Ok(known.collect())
    }
}

/// For what a certificate's key is sealed.
fn sealed_for(name: &str) -> String {
    format!("certificate.{name}")
}

/// Certificate and key as PEM: as they were sent, or newly made.
fn pem_of(new: NewCertificate) -> Result<(String, String), ControlError> {
    let hosts = new.self_made_for;
    match (new.certificate, new.key, hosts.is_empty()) {
        (Some(chain), Some(key), true) => {
            for (field, text) in [("certificate", &chain), ("key", &key)] {
                if text.len() > LONGEST {
                    let why = format!("it has {} bytes, {LONGEST} at most", text.len());
                    return Err(ControlError::invalid(field, why));
                }
            }
            Ok((chain, key))
        }
        (None, None, false) => {
            read::made(&hosts).map_err(|why| ControlError::invalid("self_made_for", why))
        }
        (Some(_), None, true) => Err(ControlError::invalid(
            "key",
            "the certificate's key is missing",
        )),
        (None, Some(_), true) => Err(ControlError::invalid(
            "certificate",
            "the key's certificate is missing",
        )),
        (None, None, true) => Err(ControlError::invalid(
            "certificate",
            "send a certificate with its key, or host names in self_made_for",
        )),
        (_, _, false) => Err(ControlError::invalid(
            "self_made_for",
            "a certificate was sent, too; only one of them can be kept",
        )),
    }
}

/// What is in a certificate that can be used from now on.
fn checked(chain: &str, key: &str) -> Result<Contents, ControlError> {
    let contents =
        Contents::read(chain).map_err(|why| ControlError::invalid("certificate", why))?;
    if contents.not_after <= muster_store::now() {
        let why = format!("it has expired at {}", contents.not_after);
        return Err(ControlError::invalid("certificate", why));
    }
    if contents.hosts.is_empty() {
        let why =
            "it names no hosts (as subject alternative names), so that no client would believe it";
        return Err(ControlError::invalid("certificate", why));
    }
    usable_of(chain, key).map_err(|why| ControlError::invalid("key", why))?;
    Ok(contents)
}

fn usable_of(chain: &str, key: &str) -> Result<(Contents, Usable), String> {
    let contents = Contents::read(chain)?;
    let key = read::key(key)?;
    let usable = Usable::new(&contents.hosts, contents.chain.clone(), key);
    let usable = usable.map_err(|error| error.to_string())?;
    Ok((contents, usable))
}

/// A certificate that nobody believes: better than a handshake that fails
/// without a word, as long as there is no other.
fn made_here() -> Option<Usable> {
    let made =
        read::made(&["muster.invalid".to_owned()]).and_then(|(chain, key)| usable_of(&chain, &key));
    match made {
        Ok((_, usable)) => Some(usable),
        Err(why) => {
            tracing::error!(why, "no certificate can be made");
            None
        }
    }
}

fn view(certificate: &CertificateRecord) -> Result<Certificate, ControlError> {
    let contents = Contents::read(&certificate.chain).map_err(|why| {
        ControlError::Internal(format!(
            "the certificate {} cannot be read: {why}",
            certificate.name
        ))
    })?;
    Ok(contents.shown(&certificate.name, certificate.created_at))
}

async fn changed(
    tx: &Tx,
    actor: &Actor,
    before: Option<&Certificate>,
    after: Option<&Certificate>,
) -> Result<(), ControlError> {
    let Some(certificate) = after.or(before) else {
        return Ok(());
    };
    let (verb, kind) = match (before, after) {
        (None, _) => ("put", ChangeKind::Created),
        (_, None) => ("remove", ChangeKind::Deleted),
        _ => ("replace", ChangeKind::Updated),
    };
    let change = Change {
        resource: "certificate",
        project: None,
        id: certificate.name.clone(),
        name: &certificate.name,
        verb,
        kind,
        before: before.and_then(value),
        after: after.and_then(value),
    };
    Ok(record(tx, actor, change).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_sent_or_made_and_never_both() {
        let new = |certificate: bool, key: bool, hosts: &[&str]| NewCertificate {
            certificate: certificate.then(|| "c".to_owned()),
            key: key.then(|| "k".to_owned()),
            self_made_for: hosts.iter().map(ToString::to_string).collect(),
        };
        assert!(pem_of(new(true, true, &[])).is_ok());
        assert!(pem_of(new(false, false, &["a.test"])).is_ok());
        for (wrong, field) in [
            (new(false, false, &[]), "certificate"),
            (new(true, false, &[]), "key"),
            (new(false, true, &[]), "certificate"),
            (new(true, true, &["a.test"]), "self_made_for"),
            (new(false, false, &["a b"]), "self_made_for"),
        ] {
            match pem_of(wrong).unwrap_err() {
                ControlError::Invalid(fields) => assert_eq!(fields[0].field, field),
                other => panic!("{other}"),
            }
        }
    }

    #[test]
    fn what_is_made_can_be_used_and_another_key_cannot() {
        let (chain, key) = read::made(&["a.test".to_owned(), "*.a.test".to_owned()]).unwrap();
        let contents = checked(&chain, &key).unwrap();
        assert_eq!(contents.hosts, ["a.test", "*.a.test"]);
        assert!(contents.self_signed && contents.not_after > muster_store::now());
        let (_, other) = read::made(&["a.test".to_owned()]).unwrap();
        assert!(checked(&chain, &other).is_err());
        assert!(checked("", &key).is_err() && checked(&chain, "").is_err());
        assert!(made_here().is_some());
    }
}

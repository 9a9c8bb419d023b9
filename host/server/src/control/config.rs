//! The configuration: sections that an operator settles while Muster runs. On a
//! host that follows a leader, most of them are the leader's.

mod group;

use std::{any::Any, collections::BTreeMap, sync::Arc};

use arc_swap::{ArcSwap, ArcSwapOption};
use muster_api::{
    config::{
        Section, SectionSummary, SectionView, audit::AuditConfig, backup::BackupConfig,
        captcha::Captcha, jobs::JobsConfig, load_balancer::LoadBalancer, mail::Mail,
        management::Management, passwords::PasswordPolicy, rate_limits::RateLimits,
        sign_in::SignIn, sign_up::SignUp, tokens::Tokens,
    },
    problem::FieldProblem,
};
use muster_identity::{mail::Mailer, seal::Sealer, sign_in::method};
use muster_store::{ChangeKind, Reader, Store};
use serde_json::Value;
use tokio::sync::watch;

use crate::peers::state::GroupSettings;

use super::{
    error::ControlError,
    record::{Actor, Change, record},
    terms::Terms,
};

/// Every section there is.
const SECTIONS: &[Kind] = &[
    kind::<AuditConfig>(),
    kind::<BackupConfig>(),
    kind::<Captcha>(),
    kind::<JobsConfig>(),
    kind::<LoadBalancer>(),
    kind::<Mail>(),
    kind::<Management>(),
    kind::<PasswordPolicy>(),
    kind::<RateLimits>(),
    kind::<SignIn>(),
    kind::<SignUp>(),
    kind::<Tokens>(),
];

/// What can be done with a section without knowing its type.
struct Kind {
    name: &'static str,
    about: &'static str,
    /// Whether a leader settles it for its followers.
    of_group: bool,
    /// The values to keep, out of those that were sent and those kept so far.
    accept: fn(Value, Option<Value>) -> Result<Value, ControlError>,
    /// The values as they may be shown; the defaults if none are kept.
    show: fn(Option<Value>) -> Result<Value, ControlError>,
}

const fn kind<S: Section + 'static>() -> Kind {
    Kind {
        name: S::NAME,
        about: S::ABOUT,
        of_group: S::OF_GROUP,
        accept: |sent, kept| {
            let mut section = read::<S>(sent)?;
            section.keep(&kept.map(read::<S>).transpose()?.unwrap_or_default());
            let mut problems = section.problems();
            problems.extend(trial(&section));
            if problems.is_empty() {
                write(&section)
            } else {
                Err(ControlError::Invalid(problems))
            }
        },
        show: |kept| {
            let mut section = kept.map(read::<S>).transpose()?.unwrap_or_default();
            section.mask();
            write(&section)
        },
    }
}

/// What is wrong with a section that only shows when it is put to use. Nothing
/// is asked over the network.
fn trial<S: Section + 'static>(section: &S) -> Vec<FieldProblem> {
    let section: &dyn Any = section;
    let mut problems = Vec::new();
    let mut tell = |field: String, message: String| problems.push(FieldProblem { field, message });
    if let Some(sign_in) = section.downcast_ref::<SignIn>() {
        for (number, described) in sign_in.methods.iter().enumerate() {
            if let Err(error) = method(described) {
                tell(
                    format!("methods.{number}.settings"),
                    error.detail().to_owned(),
                );
            }
        }
    }
    if let Some(mail) = section.downcast_ref::<Mail>()
        && mail.is_configured()
        && let Err(error) = Mailer::new(mail)
    {
        tell("host".to_owned(), error.to_string());
    }
    problems
}

/// Reads a section; what is wrong is told by field.
fn read<S: Section>(value: Value) -> Result<S, ControlError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        ControlError::Invalid(vec![FieldProblem {
            field: error.path().to_string(),
            message: error.inner().to_string(),
        }])
    })
}

fn write<S: Section>(section: &S) -> Result<Value, ControlError> {
    serde_json::to_value(section)
        .map_err(|error| ControlError::Internal(format!("a section cannot be written: {error}")))
}

fn find(name: &str) -> Result<&'static Kind, ControlError> {
    let found = SECTIONS.iter().find(|kind| kind.name == name);
    found.ok_or_else(|| ControlError::not_found("section", name))
}

/// Under which keys the sections are kept.
pub(crate) fn keys() -> impl Iterator<Item = String> {
    SECTIONS.iter().map(|kind| key(kind.name))
}

/// Whether a section takes these values.
#[cfg(test)]
pub(crate) fn accepts(name: &str, values: Value) -> Result<Value, ControlError> {
    (find(name)?.accept)(values, None)
}

/// What is kept of a section: sealed as a whole, for it may hold secrets.
async fn kept(db: &Reader, sealer: &Sealer, kind: &Kind) -> Result<Option<Value>, ControlError> {
    let key = key(kind.name);
    let Some(sealed) = db.setting_get::<Option<String>>(&key).await?.flatten() else {
        return Ok(None);
    };
    let open = sealer.open(&key, &sealed)?;
    let value = serde_json::from_str(open.expose())
        .map_err(|error| ControlError::Internal(format!("{key} cannot be read: {error}")))?;
    Ok(Some(value))
}

/// Under which key a section is kept.
fn key(name: &str) -> String {
    format!("config.{name}")
}

type Values = BTreeMap<&'static str, Value>;

/// The configuration that counts now. Clones share it.
#[derive(Clone)]
pub(crate) struct Config {
    store: Store,
    sealer: Sealer,
    values: Arc<ArcSwap<Values>>,
    /// What the leader has settled, while this host follows one.
    heeded: Arc<ArcSwapOption<Heeded>>,
    /// Held while what counts is put together.
    settling: Arc<tokio::sync::Mutex<()>>,
    changes: watch::Sender<()>,
}

/// What a leader has settled for the hosts of its group.
#[derive(Debug, PartialEq)]
struct Heeded {
    leader: String,
    settings: Arc<GroupSettings>,
}

impl Config {
    /// Reads what is kept.
    pub(crate) async fn open(store: Store, sealer: Sealer) -> Result<Self, ControlError> {
        let values = load(&store, &sealer).await?;
        Ok(Self {
            store,
            sealer,
            values: Arc::new(ArcSwap::from_pointee(values)),
            heeded: Arc::default(),
            settling: Arc::default(),
            changes: watch::Sender::new(()),
        })
    }

    /// A section as it counts now. What is kept but cannot be read any more
    /// counts as not set.
    pub(crate) fn get<S: Section>(&self) -> S {
        let kept = self.values.load().get(S::NAME).cloned();
        let read = kept.map(|value| serde_json::from_value::<S>(value));
        read.transpose()
            .unwrap_or_else(|error| {
                tracing::error!(section = S::NAME, %error, "a section of the configuration cannot be read; its defaults count");
                None
            })
            .unwrap_or_default()
    }

    /// Moves whenever a section has changed.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// All sections by name.
    pub(crate) fn list(&self) -> Vec<SectionSummary> {
        let values = self.values.load();
        let summary = |kind: &Kind| SectionSummary {
            section: kind.name.to_owned(),
            about: kind.about.to_owned(),
            is_set: values.contains_key(kind.name),
        };
        SECTIONS.iter().map(summary).collect()
    }

    /// One section, its secrets hidden.
    pub(crate) fn show(&self, name: &str) -> Result<SectionView, ControlError> {
        let kind = find(name)?;
        let mut view = view(kind, self.values.load().get(name).cloned())?;
        view.leader = self.leader_of(kind);
        Ok(view)
    }

    /// Sets a section: what is left out has its default. Only tells what would
    /// count with `dry_run`.
    pub(crate) async fn change(
        &self,
        actor: &Actor,
        name: &str,
        sent: Value,
        terms: &Terms,
    ) -> Result<SectionView, ControlError> {
        self.put(actor, find(name)?, Some(sent), terms).await
    }

    /// Gives a section its defaults.
    pub(crate) async fn reset(
        &self,
        actor: &Actor,
        name: &str,
        terms: &Terms,
    ) -> Result<SectionView, ControlError> {
        self.put(actor, find(name)?, None, terms).await
    }

    async fn put(
        &self,
        actor: &Actor,
        kind: &'static Kind,
        sent: Option<Value>,
        terms: &Terms,
    ) -> Result<SectionView, ControlError> {
        if let Some(leader) = self.leader_of(kind) {
            return Err(ControlError::Conflict {
                code: "host-follows",
                message: format!("this host follows {leader}, whose settings count here"),
                remedy: "change them on the leader; they apply to every host of the group"
                    .to_owned(),
            });
        }
        let (actor, sealer) = (actor.clone(), self.sealer.clone());
        let (terms, dry_run) = (terms.clone(), terms.dry_run);
        let after = self
            .store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let kept = kept(tx, &sealer, kind).await?;
                    terms.check(Some(&view(kind, kept.clone())?))?;
                    let before = (kind.show)(kept.clone())?;
                    let accepted = sent.map(|sent| (kind.accept)(sent, kept)).transpose()?;
                    let after = (kind.show)(accepted.clone())?;
                    if !dry_run {
                        let key = key(kind.name);
                        let value = match &accepted {
                            Some(value) => Some(sealer.seal(&key, &value.to_string())?),
                            None => None,
                        };
                        tx.setting_put(&key, &value).await?;
                        let change = Change {
                            resource: "config",
                            project: None,
                            id: kind.name.to_owned(),
                            name: kind.name,
                            verb: if accepted.is_some() { "set" } else { "reset" },
                            kind: ChangeKind::Updated,
                            before: Some(before),
                            after: Some(after),
                        };
                        record(tx, &actor, change).await?;
                    }
                    Ok::<_, ControlError>(accepted)
                })
            })
            .await?;
        if !dry_run {
            self.settle().await?;
        }
        view(kind, after)
    }
}

fn view(kind: &Kind, kept: Option<Value>) -> Result<SectionView, ControlError> {
    Ok(SectionView {
        section: kind.name.to_owned(),
        about: kind.about.to_owned(),
        is_set: kept.is_some(),
        leader: None,
        values: (kind.show)(kept)?,
    })
}

async fn load(store: &Store, sealer: &Sealer) -> Result<Values, ControlError> {
    let mut values = Values::new();
    for kind in SECTIONS {
        if let Some(value) = kept(store, sealer, kind).await? {
            values.insert(kind.name, value);
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sections_are_in_order_and_show_their_defaults() {
        let names: Vec<_> = SECTIONS.iter().map(|kind| kind.name).collect();
        assert!(names.is_sorted(), "{names:?}");
        for kind in SECTIONS {
            let shown = (kind.show)(None).unwrap();
            let accepted = (kind.accept)(json!({}), None).unwrap();
            assert_eq!((kind.show)(Some(accepted)).unwrap(), shown, "{}", kind.name);
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_field() {
        let fields = |name: &str, value: Value| match (find(name).unwrap().accept)(value, None)
            .unwrap_err()
        {
            ControlError::Invalid(fields) => fields[0].field.clone(),
            other => panic!("{other}"),
        };
        assert_eq!(
            fields("passwords", json!({ "min_score": "high" })),
            "min_score"
        );
        assert_eq!(fields("passwords", json!({ "min_score": 9 })), "min_score");
        let lockout = json!({ "lockout": { "failures": -1 } });
        assert_eq!(fields("passwords", lockout), "lockout.failures");
    }

    #[test]
    fn secrets_are_kept_hidden_and_kept() {
        let kind = find("mail").unwrap();
        let sent = json!({ "host": "mail.example", "from": "muster@example.org", "user": "muster", "password": "hunter2" });
        let kept = (kind.accept)(sent, None).unwrap();
        assert_eq!(kept["password"], "hunter2");
        let mut shown = (kind.show)(Some(kept.clone())).unwrap();
        assert_eq!(shown["password"], "********");
        shown["from"] = json!("Muster <muster@example.org>");
        let again = (kind.accept)(shown, Some(kept)).unwrap();
        assert_eq!(again["password"], "hunter2");
    }
}

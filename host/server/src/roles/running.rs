//! Whether a role that this host has is played: stopping, starting, and
//! beginning anew. A role that is stopped stays so through restarts of the host.

use muster_api::plan::Plan;
use muster_store::{ChangeKind, RoleRecord};

use super::{
    Roles, catalog,
    install::{change, unknown},
};
use crate::control::{
    error::ControlError,
    record::{Actor, record},
    terms::Terms,
};

impl Roles {
    /// Has nobody play a role, until it is started.
    pub(crate) async fn stop(
        &self,
        actor: &Actor,
        terms: &Terms,
        role: &str,
    ) -> Result<Plan, ControlError> {
        let _changing = self.changing.lock().await;
        let (_, record) = self.installed(role).await?;
        terms.check(Some(&record))?;
        let mut plan = Plan {
            done: !terms.dry_run,
            ..Plan::default()
        };
        if !record.enabled {
            return Ok(plan);
        }
        let consequence = catalog::without(role);
        plan.removes.push(format!(
            "the role {role}, until it is started: {consequence}"
        ));
        if !terms.dry_run {
            self.keep(actor, record, false, "stop").await?;
            self.seat(role, None);
            self.board.stopped(role);
        }
        Ok(plan)
    }

    /// Has a role played that was stopped.
    pub(crate) async fn start(
        &self,
        actor: &Actor,
        terms: &Terms,
        role: &str,
    ) -> Result<Plan, ControlError> {
        let _changing = self.changing.lock().await;
        let (name, record) = self.installed(role).await?;
        terms.check(Some(&record))?;
        if record.enabled {
            return Ok(Plan {
                done: !terms.dry_run,
                ..Plan::default()
            });
        }
        self.begin(actor, terms, (name, record), "start").await
    }

    /// Has a role played from the beginning, by a new instance of its plugin.
    pub(crate) async fn restart(
        &self,
        actor: &Actor,
        terms: &Terms,
        role: &str,
    ) -> Result<Plan, ControlError> {
        let _changing = self.changing.lock().await;
        let (name, record) = self.installed(role).await?;
        terms.check(Some(&record))?;
        self.begin(actor, terms, (name, record), "restart").await
    }

    /// Gives the host these roles and takes all others from it, as far as plugins
    /// play them and this host has those.
    pub(crate) async fn have_only(
        &self,
        actor: &Actor,
        roles: &[String],
    ) -> Result<(), ControlError> {
        let terms = Terms::default();
        // What goes makes room for what comes.
        let mut come = Vec::new();
        for (name, _) in catalog::PLAYED_BY_PLUGINS {
            let has = self.store.role_get(name).await?.is_some();
            match (has, roles.iter().any(|role| role == name)) {
                (true, false) => {
                    self.remove(actor, &terms, name).await?;
                }
                (false, true) => come.push(*name),
                _ => {}
            }
        }
        for name in come {
            self.add(actor, &terms, name, None).await?;
        }
        Ok(())
    }

    /// That plugins can play these roles here, together.
    pub(crate) fn know(&self, roles: &[String]) -> Result<(), ControlError> {
        let known = catalog::PLAYED_BY_PLUGINS;
        let odd = |role: &&String| !known.iter().any(|(name, _)| name == role);
        if let Some(role) = roles.iter().find(odd) {
            return Err(unknown("roles", role));
        }
        let other = roles
            .iter()
            .find(|role| catalog::are_apart(role, catalog::ALONE));
        match other.filter(|_| roles.iter().any(|role| role == catalog::ALONE)) {
            Some(other) => Err(ControlError::invalid(
                "roles",
                format!(
                    "a host that is a load balancer takes no other role; leave out '{other}' or '{}'",
                    catalog::ALONE
                ),
            )),
            None => Ok(()),
        }
    }

    /// The plugin is tried out before it takes the place of the one that plays.
    async fn begin(
        &self,
        actor: &Actor,
        terms: &Terms,
        (name, record): (&'static str, RoleRecord),
        verb: &'static str,
    ) -> Result<Plan, ControlError> {
        let component = self.component(name, record.component.as_ref()).await?;
        let code = self.check(name, component).await?;
        let manifest = code.manifest();
        let plan = Plan {
            changes: vec![format!(
                "{} {} plays the role {name} from the beginning",
                manifest.name, manifest.version
            )],
            done: !terms.dry_run,
            ..Plan::default()
        };
        if !terms.dry_run {
            self.keep(actor, record, true, verb).await?;
            self.seat(name, Some(code));
        }
        Ok(plan)
    }

    async fn keep(
        &self,
        actor: &Actor,
        mut kept: RoleRecord,
        enabled: bool,
        verb: &'static str,
    ) -> Result<(), ControlError> {
        kept.enabled = enabled;
        let actor = actor.clone();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.role_put(&kept).await?;
                    record(tx, &actor, change(&kept.name, verb, ChangeKind::Updated)).await
                })
            })
            .await?;
        Ok(())
    }

    /// A role that this host has and that a plugin plays.
    async fn installed(&self, role: &str) -> Result<(&'static str, RoleRecord), ControlError> {
        if catalog::BUILTIN.iter().any(|(name, _)| *name == role) {
            return Err(ControlError::Conflict {
                code: "role-builtin",
                message: format!("the role '{role}' is part of the host"),
                remedy: "it starts and stops with the host itself".to_owned(),
            });
        }
        let record = self.store.role_get(role).await?;
        let known = catalog::PLAYED_BY_PLUGINS.iter();
        let name = known.map(|(name, _)| *name).find(|name| *name == role);
        name.zip(record)
            .ok_or_else(|| ControlError::not_found("role", role))
    }
}

//! Which plugin plays a role: installing, replacing, removing. A new plugin is
//! loaded, checked and started before it takes the old one's place.

use bytes::Bytes;
use muster_api::{blocks::FileEntry, plan::Plan, roles::Role};
use muster_engine::plugin::PluginCode;
use muster_store::{ChangeKind, RoleRecord};
use serde_json::json;

use super::{Roles, bundled, catalog, plugin_log};
use crate::control::{
    error::ControlError,
    record::{Actor, Change, record},
    terms::{Outcome, Terms},
};

/// The setting that says that the first roles were given.
const GIVEN: &str = "roles-given";

impl Roles {
    /// Puts every installed plugin in force; on the very first start installs
    /// the bundled ones. A plugin that is no good is shown so; the host goes on.
    pub(crate) async fn boot(&self) -> Result<(), ControlError> {
        if self.store.setting_get::<bool>(GIVEN).await?.is_none() {
            self.give_bundled().await?;
        }
        for record in self.store.role_list().await? {
            let Some((name, _)) = catalog::PLAYED_BY_PLUGINS
                .iter()
                .find(|(name, _)| *name == record.name)
            else {
                continue;
            };
            let loaded = match self.component(name, record.component.as_ref()).await {
                // Whether it starts is its seat's to find out, again and again.
                Ok(wasm) => self.load(wasm).await,
                Err(error) => Err(error),
            };
            match loaded {
                Ok(code) if record.enabled => self.seat(name, Some(code)),
                Ok(code) => {
                    self.board.seated(name, Some(&code));
                    self.board.stopped(name);
                }
                Err(error) => {
                    self.board.unusable(name, &error.to_string());
                    if !record.enabled {
                        self.board.stopped(name);
                    }
                }
            }
        }
        Ok(())
    }

    async fn give_bundled(&self) -> Result<(), ControlError> {
        self.store
            .write(|tx| {
                Box::pin(async move {
                    let all = catalog::PLAYED_BY_PLUGINS.iter();
                    for (name, _) in all.filter(|(name, _)| *name != catalog::ALONE) {
                        tx.role_put(&role_record(name, None)).await?;
                    }
                    tx.setting_put(GIVEN, &true).await
                })
            })
            .await?;
        Ok(())
    }

    /// Has a plugin play a role: the given component, or the bundled one.
    pub(crate) async fn add(
        &self,
        actor: &Actor,
        terms: &Terms,
        role: &str,
        component: Option<Bytes>,
    ) -> Result<Outcome<(Option<RoleRecord>, Role)>, ControlError> {
        let known = catalog::PLAYED_BY_PLUGINS
            .iter()
            .find(|(name, _)| *name == role);
        let _changing = self.changing.lock().await;
        let Some((name, _)) = known else {
            return Err(unknown("role", role));
        };
        let before = self.store.role_get(name).await?;
        terms.check(before.as_ref())?;
        self.suffers(name).await?;
        let kept = match component {
            Some(bytes) => {
                self.check(name, bytes.to_vec()).await?;
                Some(self.blocks.write_bytes("plugin.wasm", bytes).await?)
            }
            None => None,
        };
        let code = self
            .check(name, self.component(name, kept.as_ref()).await?)
            .await?;
        if terms.dry_run {
            let manifest = code.manifest();
            let (plugin, version) = (&manifest.name, &manifest.version);
            let verb = if before.is_some() {
                "takes over"
            } else {
                "plays"
            };
            return Ok(Outcome::Planned(Plan {
                changes: vec![format!("{plugin} {version} {verb} the role {name}")],
                ..Plan::default()
            }));
        }
        let (actor, record_of) = (actor.clone(), role_record(name, kept));
        let after = json!({ "plugin": code.manifest().name, "version": code.manifest().version, "digest": code.digest() });
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.role_put(&record_of).await?;
                    let mut change = change(&record_of.name, "add", ChangeKind::Updated);
                    change.after = Some(after);
                    record(tx, &actor, change).await
                })
            })
            .await?;
        self.seat(name, Some(code));
        Ok(Outcome::Done(self.show(name).await?))
    }

    /// That a role may be beside those that this host has.
    async fn suffers(&self, role: &str) -> Result<(), ControlError> {
        let all = self.store.role_list().await?;
        let apart = all.iter().filter(|it| catalog::are_apart(&it.name, role));
        let apart: Vec<&str> = apart.map(|it| it.name.as_str()).collect();
        if apart.is_empty() {
            return Ok(());
        }
        let list = apart.join(", ");
        let commands: Vec<_> = apart
            .iter()
            .map(|name| format!("muster role remove {name}"))
            .collect();
        let commands = commands.join("; ");
        Err(ControlError::Conflict {
            code: "role-alone",
            message: format!(
                "a host that is a load balancer takes no other role; this one has {list}"
            ),
            remedy: format!("give another host the role {role}, or first: {commands}"),
        })
    }

    /// Takes a role from this host.
    pub(crate) async fn remove(
        &self,
        actor: &Actor,
        terms: &Terms,
        role: &str,
    ) -> Result<Plan, ControlError> {
        if catalog::BUILTIN.iter().any(|(name, _)| *name == role) {
            return Err(ControlError::Conflict {
                code: "role-builtin",
                message: format!("the role '{role}' is part of the host"),
                remedy: "only roles that plugins play can be removed; see: muster role list"
                    .to_owned(),
            });
        }
        let _changing = self.changing.lock().await;
        let Some(before) = self.store.role_get(role).await? else {
            return Err(ControlError::not_found("role", role));
        };
        terms.check(Some(&before))?;
        let plan = Plan {
            removes: vec![format!("the role {role}: {}", catalog::without(role))],
            changes: Vec::new(),
            done: !terms.dry_run,
        };
        if terms.dry_run {
            return Ok(plan);
        }
        let (actor, name) = (actor.clone(), role.to_owned());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.role_delete(&name).await?;
                    record(tx, &actor, change(&name, "remove", ChangeKind::Deleted)).await
                })
            })
            .await?;
        self.seat(role, None);
        Ok(plan)
    }

    pub(super) async fn component(
        &self,
        role: &str,
        kept: Option<&FileEntry>,
    ) -> Result<Vec<u8>, ControlError> {
        match kept {
            Some(file) => Ok(self.blocks.load_file(file).await?.to_vec()),
            None => {
                bundled::component(role)
                    .map(<[u8]>::to_vec)
                    .ok_or_else(|| ControlError::Conflict {
                        code: "plugin-not-bundled",
                        message: format!(
                            "this host was built without a plugin for the role '{role}'"
                        ),
                        remedy: "give one with: muster role add ROLE --component FILE".to_owned(),
                    })
            }
        }
    }

    async fn load(&self, wasm: Vec<u8>) -> Result<PluginCode, ControlError> {
        let engine = self.engine.clone();
        tokio::task::spawn_blocking(move || Ok(PluginCode::new(&engine, &wasm)?))
            .await
            .map_err(|error| {
                ControlError::Internal(format!("the thread that loads plugins failed: {error}"))
            })?
    }

    /// Loads a plugin and tries whether it starts and is well.
    pub(super) async fn check(
        &self,
        role: &'static str,
        wasm: Vec<u8>,
    ) -> Result<PluginCode, ControlError> {
        let engine = self.engine.clone();
        tokio::task::spawn_blocking(move || {
            let code = PluginCode::new(&engine, &wasm)?;
            code.try_out(role, plugin_log(role))?;
            Ok(code)
        })
        .await
        .map_err(|error| {
            ControlError::Internal(format!("the thread that loads plugins failed: {error}"))
        })?
    }
}

fn role_record(name: &str, component: Option<FileEntry>) -> RoleRecord {
    RoleRecord {
        name: name.to_owned(),
        enabled: true,
        component,
        manifest: None,
        installed_at: muster_store::now(),
    }
}

pub(super) fn unknown(field: &str, role: &str) -> ControlError {
    let known: Vec<&str> = catalog::PLAYED_BY_PLUGINS
        .iter()
        .map(|(name, _)| *name)
        .collect();
    ControlError::invalid(
        field,
        format!(
            "'{role}' is no role that a plugin can play here; there are {}",
            known.join(", ")
        ),
    )
}

pub(super) fn change<'a>(role: &'a str, verb: &'static str, kind: ChangeKind) -> Change<'a> {
    Change {
        resource: "role",
        project: None,
        id: role.to_owned(),
        name: role,
        verb,
        kind,
        before: None,
        after: None,
    }
}

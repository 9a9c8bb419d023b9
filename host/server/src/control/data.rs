//! Apps to and from another Muster.

use muster_api::{
    apps::DesiredState,
    blocks::Digest,
    data::{
        DataImport, ExportedApp, ExportedData, ExportedDroplet, ExportedRelease, ExportedRoute,
        FORMAT, ImportPlan, VERSION,
    },
    id::{AppId, DropletId},
    name,
    permissions::Permission,
};
use muster_blocks::Blocks;
use muster_store::{AppRecord, ChangeKind, DropletRecord, PackageRecord, Reader, Store, Tx};
use uuid::Uuid;

use super::{
    apps::{MAX_INSTANCES, change_of},
    error::ControlError,
    host_names::HostNames,
    projects::{require_active, require_project},
    quotas::Guard,
    record::{Actor, record},
    rollouts,
    routes::{Address, add_target},
    settings,
    staging::entry_named,
    terms::Terms,
    views::counted,
};

/// The most apps at once.
const MAX_APPS: usize = 10_000;

/// Apps to and from another Muster.
#[derive(Clone)]
pub(crate) struct Data {
    pub(crate) store: Store,
    pub(crate) blocks: Blocks,
    pub(crate) names: HostNames,
}

impl Data {
    /// Apps with all that belongs to them, as of one moment: those of these names,
    /// or all that the asker may see whole.
    pub(crate) async fn export(
        &self,
        actor: &Actor,
        names: Option<&str>,
    ) -> Result<ExportedData, ControlError> {
        let named: Option<Vec<String>> = names.map(|names| {
            names
                .split(',')
                .map(|name| name.trim().to_owned())
                .collect()
        });
        let actor = actor.clone();
        // Rolled back: it is only read, in one transaction.
        let apps = self
            .store
            .write_if(false, move |tx| {
                Box::pin(async move {
                    let mut found = Vec::new();
                    match named {
                        Some(names) => {
                            for name in names {
                                let app = tx.app_by_name(&name).await?;
                                let app =
                                    app.ok_or_else(|| ControlError::not_found("app", &name))?;
                                actor.require(app.project, "app", &name)?;
                                found.push(app);
                            }
                        }
                        None => {
                            let among = actor.among();
                            let all = tx.app_list(among.as_deref(), None, u32::MAX).await?;
                            found = all.items;
                        }
                    }
                    let mut apps = Vec::with_capacity(found.len());
                    for app in &found {
                        apps.push(exported(tx, app).await?);
                    }
                    Ok::<_, ControlError>(apps)
                })
            })
            .await?;
        Ok(ExportedData {
            format: FORMAT.to_owned(),
            version: VERSION,
            muster: muster_store::version().to_owned(),
            made_at: muster_store::now(),
            apps,
        })
    }

    /// Brings apps in, or tells what would come and what collides.
    pub(crate) async fn import(
        &self,
        actor: &Actor,
        terms: &Terms,
        asked: DataImport,
    ) -> Result<ImportPlan, ControlError> {
        check(&asked.data)?;
        let files: Vec<_> = asked.data.files().cloned().collect();
        if !terms.dry_run {
            let digests: Vec<Digest> = files.iter().flat_map(|file| file.blocks.clone()).collect();
            let missing = self.blocks.missing(&digests).await?;
            if !missing.is_empty() {
                return Err(ControlError::BlocksMissing(missing));
            }
            for app in &asked.data.apps {
                for droplet in &app.droplets {
                    let component = std::slice::from_ref(&droplet.component);
                    for files in [component, &droplet.files, &droplet.package] {
                        let checked = self.blocks.check_files(files).await;
                        checked.map_err(|error| {
                            ControlError::invalid("data.apps", error.to_string())
                        })?;
                    }
                }
            }
        }
        let (actor, owned, names) = (actor.clone(), terms.clone(), self.names.clone());
        self.store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    owned.check(None::<&AppRecord>)?;
                    let mut plan = ImportPlan::default();
                    for app in &asked.data.apps {
                        import(tx, &actor, &names, &asked, app, &mut plan).await?;
                    }
                    if !owned.dry_run && !asked.skip && !plan.collides.is_empty() {
                        return Err(ControlError::Conflict {
                            code: "data-collides",
                            message: plan.collides.join("; "),
                            remedy: "leave out what collides with --skip, or remove what is there"
                                .to_owned(),
                        });
                    }
                    plan.plan.done = !owned.dry_run;
                    Ok(plan)
                })
            })
            .await
    }
}

/// What can be told of the data alone.
fn check(data: &ExportedData) -> Result<(), ControlError> {
    if data.format != FORMAT || data.version != VERSION {
        let message = format!(
            "'{}' of version {} is not known here; {FORMAT} of version {VERSION} is",
            data.format, data.version
        );
        return Err(ControlError::invalid("data.format", message));
    }
    if data.apps.len() > MAX_APPS {
        return Err(ControlError::invalid(
            "data.apps",
            format!("{MAX_APPS} apps at once at most"),
        ));
    }
    for (number, app) in data.apps.iter().enumerate() {
        let wrong = |field: &str, message: String| {
            Err(ControlError::invalid(
                format!("data.apps.{number}.{field}"),
                message,
            ))
        };
        if let Err(why) = name::check(&app.name) {
            return wrong("name", why);
        }
        if app.instances > MAX_INSTANCES {
            return wrong("instances", format!("{MAX_INSTANCES} at most"));
        }
        for droplet in &app.droplets {
            if entry_named(&droplet.entry).is_none() {
                return wrong(
                    "droplets",
                    format!("there is no entry point '{}'", droplet.entry),
                );
            }
        }
        for release in &app.releases {
            if release.droplet as usize >= app.droplets.len() {
                return wrong(
                    "releases",
                    format!(
                        "release {} has no droplet {}",
                        release.number, release.droplet
                    ),
                );
            }
            settings::check(&release.settings)?;
        }
        for route in &app.routes {
            if let Err(why) = Address::parse(&route.route) {
                return wrong("routes", why);
            }
        }
    }
    Ok(())
}

async fn exported(db: &Reader, app: &AppRecord) -> Result<ExportedApp, ControlError> {
    let project = db.project_get(app.project).await?;
    let mut droplets = db.droplet_list(app.id).await?;
    droplets.sort_by_key(|droplet| (droplet.created_at, droplet.id));
    let mut made = Vec::with_capacity(droplets.len());
    for droplet in &droplets {
        let package = db.package_get(droplet.package).await?;
        made.push(ExportedDroplet {
            detected: droplet.detected.clone(),
            entry: droplet.entry.clone(),
            component: droplet.component.clone(),
            files: droplet.files.clone(),
            package: package.map(|package| package.files).unwrap_or_default(),
            made_at: droplet.created_at,
        });
    }
    let mut releases = db.release_list(app.id).await?;
    releases.sort_by_key(|release| release.number);
    let releases = releases.into_iter().filter_map(|release| {
        let droplet = droplets.iter().position(|it| it.id == release.droplet)?;
        Some(ExportedRelease {
            number: release.number,
            droplet: u32::try_from(droplet).ok()?,
            settings: release.settings,
            made_at: release.created_at,
        })
    });
    let releases = releases.collect();
    let routes = db.route_list_for_app(app.id).await?;
    let routes = routes.into_iter().filter_map(|route| {
        let target = route.targets.iter().find(|target| target.app == app.id)?;
        let path = if route.path == "/" { "" } else { &route.path };
        Some(ExportedRoute {
            route: format!("{}{path}", route.host),
            weight: target.weight,
            sticky: route.sticky,
        })
    });
    Ok(ExportedApp {
        name: app.name.clone(),
        project: project.map(|project| project.name).unwrap_or_default(),
        started: app.state == DesiredState::Started,
        instances: app.instances,
        current: app.current_release,
        droplets: made,
        releases,
        routes: routes.collect(),
    })
}

/// Brings one app in, unless something stands in its way.
async fn import(
    tx: &Tx,
    actor: &Actor,
    names: &HostNames,
    asked: &DataImport,
    app: &ExportedApp,
    plan: &mut ImportPlan,
) -> Result<(), ControlError> {
    if tx.app_by_name(&app.name).await?.is_some() {
        plan.collides.push(format!("there is an app {}", app.name));
        return Ok(());
    }
    let wanted = asked.project.as_deref().unwrap_or(&app.project);
    let project = match require_project(tx, actor, wanted).await {
        Ok(project) => project.id,
        Err(ControlError::NotFound { .. }) if asked.project.is_none() => {
            plan.collides.push(format!(
                "there is no project {wanted} for the app {}; name one with --project",
                app.name
            ));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    actor.require_permission(Permission::AppWrite, project, "project", wanted)?;
    require_active(tx, project).await?;
    let guard = Guard::before(tx, project).await?;
    let now = muster_store::now();
    let mut made = AppRecord {
        id: AppId(Uuid::now_v7()),
        project,
        user: actor.user,
        name: app.name.clone(),
        state: DesiredState::Stopped,
        instances: app.instances,
        current_release: None,
        next_release: None,
        last_failure: None,
        created_at: now,
        updated_at: now,
    };
    tx.app_insert(&made).await?;
    record(tx, actor, change_of(&made, "import", ChangeKind::Created)).await?;
    let mut droplets = Vec::with_capacity(app.droplets.len());
    for droplet in &app.droplets {
        droplets.push(keep_droplet(tx, &made, droplet).await?);
    }
    let serving = app
        .current
        .and_then(|current| {
            app.releases
                .iter()
                .find(|release| release.number == current)
        })
        .or(app.releases.last());
    for release in &app.releases {
        if serving.is_some_and(|serving| serving.number == release.number) {
            continue;
        }
        let droplet = droplets[release.droplet as usize];
        tx.release_insert(made.id, droplet, &release.settings, release.made_at)
            .await?;
    }
    for route in &app.routes {
        let address = Address::parse(&route.route)
            .map_err(|why| ControlError::invalid("data.apps.routes", why))?;
        let there = tx.route_by_address(&address.host, &address.path).await?;
        if there.is_some() {
            plan.collides
                .push(format!("there is a route {}", route.route));
            continue;
        }
        match names.claim(tx, &actor.rights, &address, project).await {
            Ok(()) => {}
            Err(ControlError::Conflict { message, .. }) => {
                plan.collides.push(message);
                continue;
            }
            Err(error) => return Err(error),
        }
        let sticky = Some(route.sticky);
        add_target(tx, actor, &address, &made, route.weight, sticky).await?;
    }
    if let Some(serving) = serving {
        if app.started {
            made.state = DesiredState::Started;
        }
        let droplet = droplets[serving.droplet as usize];
        rollouts::begin(tx, &mut made, droplet, &serving.settings).await?;
    }
    guard.after(tx).await?;
    plan.plan.changes.push(format!(
        "the app {} comes into the project {wanted}, with {}, {} and {}",
        app.name,
        counted(app.droplets.len(), "droplet"),
        counted(app.releases.len(), "release"),
        counted(app.routes.len(), "route"),
    ));
    Ok(())
}

async fn keep_droplet(
    tx: &Tx,
    app: &AppRecord,
    droplet: &ExportedDroplet,
) -> Result<DropletId, ControlError> {
    let package = PackageRecord {
        id: Uuid::now_v7(),
        size: droplet.package.iter().map(|file| file.size).sum(),
        files: droplet.package.clone(),
        created_at: droplet.made_at,
    };
    tx.package_insert(&package).await?;
    let kept = DropletRecord {
        id: DropletId(Uuid::now_v7()),
        app: app.id,
        package: package.id,
        detected: droplet.detected.clone(),
        entry: droplet.entry.clone(),
        size: droplet.component.size + droplet.files.iter().map(|file| file.size).sum::<u64>(),
        component: droplet.component.clone(),
        files: droplet.files.clone(),
        created_at: droplet.made_at,
    };
    tx.droplet_insert(&kept).await?;
    Ok(kept.id)
}

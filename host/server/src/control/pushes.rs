//! Pushes: what a user uploads becomes a package and a job that stages it.

use muster_api::{
    apps::DesiredState,
    id::{AppId, ProjectId},
    jobs::Job,
    name,
    plan::Plan,
    pushes::{Push, SettingsChange},
    quotas::Resource,
    settings::Settings,
};
use muster_blocks::Blocks;
use muster_store::{AppRecord, ChangeKind, PackageRecord, RouteRecord, Store, Tx};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    apps::{MAX_INSTANCES, change_of, newest_release},
    error::ControlError,
    host_names::{HostNames, may_use_any},
    jobs,
    linking::Links,
    projects::{require_active, require_project},
    quotas::{Amounts, Guard, reserve},
    record::{Actor, record},
    rights::Rights,
    routes::Address,
    settings,
    terms::{Outcome, Terms},
    views::{counted, job_view},
};

/// The most files of one package.
const MAX_FILES: usize = 50_000;

/// What a push job remembers until its package is staged.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PushInput {
    pub(crate) package: Uuid,
    pub(crate) settings: SettingsChange,
    pub(crate) routes: Vec<String>,
    pub(crate) instances: Option<u32>,
    pub(crate) no_start: bool,
    pub(crate) actor: String,
    /// Whether whoever pushed may use the host names of other projects.
    #[serde(default)]
    pub(crate) any_host: bool,
}

/// Takes pushes.
#[derive(Clone)]
pub(crate) struct Pushes {
    pub(crate) store: Store,
    pub(crate) blocks: Blocks,
    pub(crate) links: Links,
    pub(crate) names: HostNames,
}

impl Pushes {
    /// Takes a push. What can be told at once is refused at once; the rest is
    /// the job's.
    pub(crate) async fn push(
        &self,
        actor: &Actor,
        terms: &Terms,
        app: &str,
        push: Push,
    ) -> Result<Outcome<Job>, ControlError> {
        name::check(app).map_err(|why| ControlError::invalid("app", why))?;
        check(&push)?;
        let digests: Vec<_> = push
            .files
            .iter()
            .flat_map(|file| file.blocks.clone())
            .collect();
        let missing = self.blocks.missing(&digests).await?;
        if !missing.is_empty() {
            return Err(ControlError::BlocksMissing(missing));
        }
        self.blocks
            .check_files(&push.files)
            .await
            .map_err(|error| ControlError::invalid("files", error.to_string()))?;
        if !terms.dry_run {
            self.links.are_held_elsewhere(&digests).await?;
        }
        let (actor, name, owned) = (actor.clone(), app.to_owned(), terms.clone());
        let names = self.names.clone();
        let (job, plan) = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let known = tx.app_by_name(&name).await?;
                    owned.check(known.as_ref())?;
                    let plan = plan(known.as_ref(), &name, &push);
                    let place = place_for(tx, &actor, &name, push.project.as_deref()).await?;
                    let guard = Guard::before(tx, place.project()).await?;
                    let app = place.app(tx, &actor, &name).await?;
                    require_active(tx, app.project).await?;
                    let before = newest_release(tx, &app)
                        .await?
                        .map(|release| release.settings)
                        .unwrap_or_default();
                    settings::check(&push.settings.apply(&before))?;
                    let routes = routes_of(tx, &app, &push.routes, &names.domain).await?;
                    let any_host = may_use_any(&actor.rights);
                    if !any_host {
                        let rights = Rights::in_project(app.project);
                        for address in &routes {
                            names.claim(tx, &rights, address, app.project).await?;
                        }
                    }
                    let expected = expected(tx, &app, &push, &routes, &before).await?;
                    let package = PackageRecord {
                        id: Uuid::now_v7(),
                        size: push.files.iter().map(|file| file.size).sum(),
                        files: push.files,
                        created_at: muster_store::now(),
                    };
                    tx.package_insert(&package).await?;
                    let input = PushInput {
                        package: package.id,
                        settings: push.settings,
                        routes: push.routes,
                        instances: push.instances,
                        no_start: push.no_start,
                        actor: actor.name.clone(),
                        any_host,
                    };
                    let input = serde_json::to_value(input).map_err(|error| {
                        ControlError::Internal(format!("a push cannot be written down: {error}"))
                    })?;
                    let job =
                        jobs::begin(tx, "push", &app, input, "waiting for the stager").await?;
                    reserve(tx, &app, job.id, &expected).await?;
                    guard.after(tx).await?;
                    record(tx, &actor, change_of(&app, "push", ChangeKind::Updated)).await?;
                    Ok::<_, ControlError>((job, plan))
                })
            })
            .await?;
        Ok(terms.outcome(job_view(job), plan))
    }
}

/// What can be told before the package is staged.
fn plan(known: Option<&AppRecord>, name: &str, push: &Push) -> Plan {
    let mut plan = Plan::default();
    if known.is_none() {
        plan.changes.push(format!("the app {name} is made"));
    }
    let files = counted(push.files.len(), "file");
    plan.changes.push(format!("a package of {files} is staged"));
    plan.changes.push(
        match known.and_then(|app| app.current_release) {
            _ if push.no_start => "what runs is left alone",
            Some(_) => "if that goes well, it takes the place of what runs, without a gap",
            None => "if that goes well, it is started",
        }
        .to_owned(),
    );
    for route in &push.routes {
        plan.changes.push(format!("the route {route} reaches it"));
    }
    plan
}

fn check(push: &Push) -> Result<(), ControlError> {
    if push.files.is_empty() {
        return Err(ControlError::invalid(
            "files",
            "a package needs at least one file",
        ));
    }
    if push.files.len() > MAX_FILES {
        let message = format!(
            "a package has at most {MAX_FILES} files, this one has {}",
            push.files.len()
        );
        return Err(ControlError::invalid("files", message));
    }
    if let Some(instances) = push
        .instances
        .filter(|instances| *instances > MAX_INSTANCES)
    {
        return Err(ControlError::invalid(
            "instances",
            format!("{instances} is out of bounds: 0 to {MAX_INSTANCES}"),
        ));
    }
    for (number, route) in push.routes.iter().enumerate() {
        Address::parse(route)
            .map_err(|why| ControlError::invalid(format!("routes.{number}"), why))?;
    }
    Ok(())
}

/// Where a push goes.
enum Place {
    /// To an app that is there.
    Known(AppRecord),
    /// To a new app in this project.
    New(ProjectId),
}

impl Place {
    fn project(&self) -> ProjectId {
        match self {
            Self::Known(app) => app.project,
            Self::New(project) => *project,
        }
    }

    /// The app, made if there is none.
    async fn app(self, tx: &Tx, actor: &Actor, name: &str) -> Result<AppRecord, ControlError> {
        let project = match self {
            Self::Known(app) => return Ok(app),
            Self::New(project) => project,
        };
        let now = muster_store::now();
        let app = AppRecord {
            id: AppId(Uuid::now_v7()),
            project,
            user: actor.user,
            name: name.to_owned(),
            state: DesiredState::Stopped,
            instances: 1,
            current_release: None,
            next_release: None,
            last_failure: None,
            created_at: now,
            updated_at: now,
        };
        tx.app_insert(&app).await?;
        record(tx, actor, change_of(&app, "create", ChangeKind::Created)).await?;
        Ok(app)
    }
}

/// Where a push to that name goes: to the app of that name, else into the
/// project that was named, else into the pusher's own.
async fn place_for(
    tx: &Tx,
    actor: &Actor,
    name: &str,
    project: Option<&str>,
) -> Result<Place, ControlError> {
    let project = match project {
        Some(project) => Some(require_project(tx, actor, project).await?.id),
        None => None,
    };
    if let Some(app) = tx.app_by_name(name).await? {
        if !actor.rights.sees(app.project) {
            return Err(ControlError::Conflict {
                code: "app-name-taken",
                message: format!("somebody else has an app named '{name}'"),
                remedy: "choose another name".to_owned(),
            });
        }
        actor.require(app.project, "app", name)?;
        if project.is_some_and(|project| project != app.project) {
            return Err(ControlError::invalid(
                "project",
                format!("'{name}' belongs to another project; leave it out"),
            ));
        }
        return Ok(Place::Known(app));
    }
    let project = match project {
        Some(project) => project,
        None => actor.home()?,
    };
    actor.require(project, "project", name)?;
    Ok(Place::New(project))
}

/// What the app will use once this push serves, beyond what it uses now.
async fn expected(
    tx: &Tx,
    app: &AppRecord,
    push: &Push,
    routes: &[Address],
    before: &Settings,
) -> Result<Amounts, ControlError> {
    let (mut now, mut then) = (Amounts::default(), Amounts::default());
    let started = app.state == DesiredState::Started;
    if started {
        now.running(app.instances, &before.limits);
    }
    if started || !push.no_start {
        let instances = push.instances.unwrap_or(app.instances);
        let wanted = push.settings.apply(before).limits;
        // A release that is only staged leaves the settings of what runs.
        let limits = if push.no_start {
            &before.limits
        } else {
            &wanted
        };
        then.running(instances, limits);
    }
    then.add(
        Resource::Disk,
        push.files.iter().map(|file| file.size).sum(),
    );
    for address in routes {
        let found = tx.route_by_address(&address.host, &address.path).await?;
        then.add(Resource::Routes, u64::from(found.is_none()));
    }
    Ok(then.beyond(&now))
}

/// The routes that a push adds: those it names that the app does not have; for
/// an app's first release that names none, the app's own name under the host's
/// domain.
pub(crate) async fn routes_of(
    tx: &Tx,
    app: &AppRecord,
    named: &[String],
    domain: &str,
) -> Result<Vec<Address>, ControlError> {
    let parse =
        |text: &str| Address::parse(text).map_err(|why| ControlError::invalid("routes", why));
    let held = tx.route_list_for_app(app.id).await?;
    let first = app.next_release.or(app.current_release).is_none();
    if named.is_empty() && first && held.is_empty() {
        return Ok(vec![parse(&format!("{}.{domain}", app.name))?]);
    }
    let mut new = Vec::new();
    for text in named {
        let address = parse(text)?;
        let same = |route: &RouteRecord| route.host == address.host && route.path == address.path;
        if !held.iter().any(same) {
            new.push(address);
        }
    }
    Ok(new)
}

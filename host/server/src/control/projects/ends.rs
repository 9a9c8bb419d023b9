//! A project that is suspended, goes on, or comes to its end.

use muster_api::{apps::DesiredState, permissions::Permission, plan::Plan, projects::ProjectState};
use muster_store::{ProjectRecord, Tx};

use super::{Projects, changed, personal, require_project};
use crate::control::{
    error::ControlError, jobs, record::Actor, rollouts, terms::Terms, views::counted,
};

impl Projects {
    /// Lets nothing more be added or started in a project. What runs goes on.
    pub(crate) async fn suspend(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Plan, ControlError> {
        self.pass(actor, terms, name, ProjectState::Suspended).await
    }

    /// Lets a suspended project go on.
    pub(crate) async fn resume(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Plan, ControlError> {
        self.pass(actor, terms, name, ProjectState::Active).await
    }

    /// Stops a project's apps and takes everybody out of it, for good.
    pub(crate) async fn terminate(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
    ) -> Result<Plan, ControlError> {
        self.pass(actor, terms, name, ProjectState::Terminated)
            .await
    }

    async fn pass(
        &self,
        actor: &Actor,
        terms: &Terms,
        name: &str,
        to: ProjectState,
    ) -> Result<Plan, ControlError> {
        let (actor, name, owned) = (actor.clone(), name.to_owned(), terms.clone());
        let mut plan = self
            .store
            .write_if(!terms.dry_run, move |tx| {
                Box::pin(async move {
                    let before = require_project(tx, &actor, &name).await?;
                    owned.check(Some(&before))?;
                    // Else its owners could undo what an admin has done.
                    let permission = Permission::ProjectWrite;
                    if to != ProjectState::Terminated && !actor.rights.everywhere(permission) {
                        return Err(ControlError::Forbidden { permission });
                    }
                    if before.state == ProjectState::Terminated {
                        return Err(super::inactive(&before));
                    }
                    if before.personal && to == ProjectState::Terminated {
                        return Err(personal(&before));
                    }
                    let mut project = before.clone();
                    project.state = to;
                    project.updated_at = muster_store::now();
                    tx.project_update(&project).await?;
                    let (verb, plan) = match to {
                        ProjectState::Active => ("resume", told("its members go on working")),
                        ProjectState::Suspended => (
                            "suspend",
                            told("nothing may be added or started; what runs goes on"),
                        ),
                        ProjectState::Terminated => ("terminate", empty(tx, &project).await?),
                    };
                    changed(tx, &actor, Some(&before), &project, verb).await?;
                    Ok(plan)
                })
            })
            .await?;
        plan.done = !terms.dry_run;
        Ok(plan)
    }
}

fn told(line: &str) -> Plan {
    Plan {
        changes: vec![line.to_owned()],
        ..Plan::default()
    }
}

/// Stops what runs, gives up what is under way, and takes everybody out.
async fn empty(tx: &Tx, project: &ProjectRecord) -> Result<Plan, ControlError> {
    const WHY: &str = "the project was terminated";
    let mut plan = Plan::default();
    for job in tx.job_list_unfinished().await? {
        if job.project == Some(project.id) {
            let gone = jobs::problem("project-terminated", "The project was terminated", "", None);
            jobs::end(tx, job.id, Err(gone), WHY).await?;
        }
    }
    for app in tx.app_all().await? {
        if app.project != project.id {
            continue;
        }
        if let Some(next) = app.next_release {
            rollouts::abandon(tx, app.id, next, WHY).await?;
        }
        let Some(mut app) = tx.app_by_id(app.id).await? else {
            continue;
        };
        if app.state == DesiredState::Started {
            plan.changes
                .push(format!("the app {} is stopped", app.name));
        }
        app.state = DesiredState::Stopped;
        app.updated_at = muster_store::now();
        tx.app_update(&app).await?;
        tx.change_append(
            "app",
            app.id,
            muster_store::ChangeKind::Updated,
            Some(app.project),
        )
        .await?;
    }
    let members = tx.member_list(project.id).await?;
    for member in &members {
        tx.member_delete(project.id, member.user).await?;
    }
    for binding in tx.access_binding_list(None).await? {
        if binding.project == Some(project.id) {
            tx.access_binding_delete(binding.id).await?;
        }
    }
    plan.removes.push(counted(members.len(), "membership"));
    Ok(plan)
}

//! Projects: to whom apps belong, and who works on them.

use muster_store::{ProjectRecord, Reader};

use super::{error::ControlError, record::Actor};

/// The project of that name, for somebody who may do with it what they ask for.
pub(crate) async fn require_project(
    db: &Reader,
    actor: &Actor,
    name: &str,
) -> Result<ProjectRecord, ControlError> {
    let project = db
        .project_by_name(name)
        .await?
        .ok_or_else(|| ControlError::not_found("project", name))?;
    actor.require(project.id, "project", name)?;
    Ok(project)
}

//! Jobs: what takes longer than a moment. They outlive the host's restarts.

use muster_api::{
    id::{AppId, JobId, ProjectId},
    jobs::{JobFilter, JobState, Progress},
    page::Page,
    problem::Problem,
};
use sea_orm::{ActiveValue::Set, QueryOrder, QuerySelect, entity::prelude::*};
use serde_json::Value;
use time::OffsetDateTime;

use crate::{
    columns::{from_json, from_word, json, millis, signed, time, unsigned, word},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod job {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "jobs")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub kind: String,
        pub subject: String,
        pub app_id: Option<Uuid>,
        pub state: String,
        #[sea_orm(column_type = "Text")]
        pub step: String,
        #[sea_orm(column_type = "JsonBinary")]
        pub input: Json,
        #[sea_orm(column_type = "JsonBinary")]
        pub log: Json,
        #[sea_orm(column_type = "JsonBinary", nullable)]
        pub problem: Option<Json>,
        pub created_at: i64,
        pub started_at: Option<i64>,
        pub ended_at: Option<i64>,
        pub project_id: Option<Uuid>,
        pub progress_done: Option<i64>,
        pub progress_total: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use job::{ActiveModel, Column, Entity, Model};

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRecord {
    /// Names the job for life; of version 7, so that jobs sort by creation.
    pub id: JobId,
    /// What it does: `push`, `rollout`.
    pub kind: String,
    /// What it works on, such as an app's name.
    pub subject: String,
    /// The app that it works on.
    pub app: Option<AppId>,
    /// The project that this app belongs to.
    pub project: Option<ProjectId>,
    /// How far it is.
    pub state: JobState,
    /// What it is doing right now, for people.
    pub step: String,
    /// How much of it is done, once it is known how much there is.
    pub progress: Option<Progress>,
    /// What it was asked to do, in its kind's own words.
    pub input: Value,
    /// What happened so far, a line each.
    pub log: Vec<String>,
    /// Why it failed.
    pub problem: Option<Problem>,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was first started.
    pub started_at: Option<OffsetDateTime>,
    /// When it ended.
    pub ended_at: Option<OffsetDateTime>,
}

impl TryFrom<Model> for JobRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        let progress = match (row.progress_done, row.progress_total) {
            (Some(done), Some(total)) => Some(Progress {
                done: unsigned(done, "jobs.progress_done")?,
                total: unsigned(total, "jobs.progress_total")?,
            }),
            _ => None,
        };
        Ok(Self {
            id: JobId(row.id),
            kind: row.kind,
            subject: row.subject,
            app: row.app_id.map(AppId),
            project: row.project_id.map(ProjectId),
            state: from_word(row.state, "jobs.state")?,
            step: row.step,
            progress,
            input: row.input,
            log: from_json(row.log, "jobs.log")?,
            problem: row
                .problem
                .map(|problem| from_json(problem, "jobs.problem"))
                .transpose()?,
            created_at: time(row.created_at)?,
            started_at: row.started_at.map(time).transpose()?,
            ended_at: row.ended_at.map(time).transpose()?,
        })
    }
}

/// The words of the states in which a job has not ended.
fn unfinished() -> Result<[String; 2], StoreError> {
    Ok([word(JobState::Queued)?, word(JobState::Running)?])
}

/// Progress as it stands in its columns.
fn columns_of(progress: Option<Progress>) -> Result<(Option<i64>, Option<i64>), StoreError> {
    let Some(Progress { done, total }) = progress else {
        return Ok((None, None));
    };
    Ok((Some(signed(done)?), Some(signed(total)?)))
}

impl Reader {
    /// A job.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn job_get(&self, id: JobId) -> Result<Option<JobRecord>, StoreError> {
        Entity::find_by_id(id.0)
            .one(&self.db())
            .await?
            .map(JobRecord::try_from)
            .transpose()
    }

    /// At most `limit` jobs, newest first, from the one before `cursor` on; only
    /// those of the projects `among` if told, and those that `filter` lets
    /// through. The next page's cursor is the last id.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn job_list(
        &self,
        among: Option<&[ProjectId]>,
        filter: &JobFilter,
        cursor: Option<JobId>,
        limit: u32,
    ) -> Result<Page<JobRecord>, StoreError> {
        let mut question = Entity::find()
            .order_by_desc(Column::Id)
            .limit(u64::from(limit) + 1);
        if let Some(among) = among {
            question = question.filter(Column::ProjectId.is_in(among.iter().map(|id| id.0)));
        }
        if let Some(state) = filter.state {
            question = question.filter(Column::State.eq(word(state)?));
        }
        if let Some(app) = &filter.app {
            question = question
                .filter(Column::Subject.eq(app))
                .filter(Column::AppId.is_not_null());
        }
        if let Some(id) = cursor {
            question = question.filter(Column::Id.lt(id.0));
        }
        let rows = question.all(&self.db()).await?;
        crate::columns::page(rows, limit, |job: &JobRecord| job.id.to_string())
    }

    /// The jobs that have not ended, in the order of their creation.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn job_list_unfinished(&self) -> Result<Vec<JobRecord>, StoreError> {
        let rows = Entity::find()
            .filter(Column::State.is_in(unfinished()?))
            .order_by_asc(Column::Id)
            .all(&self.db())
            .await?;
        rows.into_iter().map(JobRecord::try_from).collect()
    }

    /// The newest job of an app.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn job_latest_for_app(&self, app: AppId) -> Result<Option<JobRecord>, StoreError> {
        let row = Entity::find()
            .filter(Column::AppId.eq(app.0))
            .order_by_desc(Column::Id)
            .one(&self.db())
            .await?;
        row.map(JobRecord::try_from).transpose()
    }
}

impl Tx {
    /// Puts the jobs of an app into another project, and says how many.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn job_move(&self, app: AppId, to: ProjectId) -> Result<u64, StoreError> {
        let done = Entity::update_many()
            .col_expr(Column::ProjectId, Expr::value(Some(to.0)))
            .filter(Column::AppId.eq(app.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }

    /// Adds a job.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn job_insert(&self, job: &JobRecord) -> Result<(), StoreError> {
        let (done, total) = columns_of(job.progress)?;
        let row = ActiveModel {
            id: Set(job.id.0),
            kind: Set(job.kind.clone()),
            subject: Set(job.subject.clone()),
            app_id: Set(job.app.map(|app| app.0)),
            project_id: Set(job.project.map(|project| project.0)),
            state: Set(word(job.state)?),
            step: Set(job.step.clone()),
            progress_done: Set(done),
            progress_total: Set(total),
            input: Set(job.input.clone()),
            log: Set(json(&job.log)?),
            problem: Set(job.problem.as_ref().map(json).transpose()?),
            created_at: Set(millis(job.created_at)),
            started_at: Set(job.started_at.map(millis)),
            ended_at: Set(job.ended_at.map(millis)),
        };
        Entity::insert(row)
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Marks a job as running since `at`. False if it has ended or does not
    /// exist.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn job_start(&self, id: JobId, at: OffsetDateTime) -> Result<bool, StoreError> {
        let running = Set(word(JobState::Running)?);
        self.job_change(
            id,
            ActiveModel {
                state: running,
                started_at: Set(Some(millis(at))),
                ..Default::default()
            },
        )
        .await
    }

    /// Says what a job is doing right now. False if it has ended or does not
    /// exist.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn job_step(&self, id: JobId, step: &str) -> Result<bool, StoreError> {
        self.job_change(
            id,
            ActiveModel {
                step: Set(step.to_owned()),
                ..Default::default()
            },
        )
        .await
    }

    /// Says how much of a job is done. False if it has ended or does not exist.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn job_progress(&self, id: JobId, progress: Progress) -> Result<bool, StoreError> {
        let (done, total) = columns_of(Some(progress))?;
        let change = ActiveModel {
            progress_done: Set(done),
            progress_total: Set(total),
            ..Default::default()
        };
        self.job_change(id, change).await
    }

    /// Forgets the jobs that ended before `before`, and says how many.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn job_ended_delete(&self, before: OffsetDateTime) -> Result<u64, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::EndedAt.lt(millis(before)))
            .filter(Column::State.is_not_in(unfinished()?))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }

    /// Has a job wait for its turn once more that had ended. False if there is none
    /// such.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn job_reopen(&self, id: JobId) -> Result<bool, StoreError> {
        let change = ActiveModel {
            state: Set(word(JobState::Queued)?),
            step: Set("waiting".to_owned()),
            problem: Set(None),
            ended_at: Set(None),
            ..Default::default()
        };
        let done = Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(id.0))
            .filter(Column::State.is_not_in(unfinished()?))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Appends lines to a job's log. False if it does not exist.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn job_log_append(&self, id: JobId, lines: &[String]) -> Result<bool, StoreError> {
        let Some(mut job) = self.job_get(id).await? else {
            return Ok(false);
        };
        job.log.extend_from_slice(lines);
        let change = ActiveModel {
            log: Set(json(&job.log)?),
            ..Default::default()
        };
        let done = Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(id.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Replaces what a job works from. False if it does not exist.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn job_input(
        &self,
        id: JobId,
        input: &serde_json::Value,
    ) -> Result<bool, StoreError> {
        let change = ActiveModel {
            input: Set(json(input)?),
            ..Default::default()
        };
        let done = Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(id.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Ends a job in `state`. False if it has ended before or does not exist, so
    /// that of cancellation and success only the first counts.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn job_finish(
        &self,
        id: JobId,
        state: JobState,
        problem: Option<&Problem>,
        at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let change = ActiveModel {
            state: Set(word(state)?),
            problem: Set(problem.map(json).transpose()?),
            ended_at: Set(Some(millis(at))),
            ..Default::default()
        };
        // What it has not used by now, it will not use.
        self.reservation_end(id).await?;
        self.job_change(id, change).await
    }

    /// Changes a job unless it has ended.
    async fn job_change(&self, id: JobId, change: ActiveModel) -> Result<bool, StoreError> {
        let done = Entity::update_many()
            .set(change)
            .filter(Column::Id.eq(id.0))
            .filter(Column::State.is_in(unfinished()?))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }
}

#[cfg(test)]
mod tests;

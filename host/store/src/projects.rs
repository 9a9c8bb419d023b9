//! Projects: to whom apps belong, and who works on them.

use muster_api::{
    id::{ProjectId, UserId},
    page::Page,
    projects::{JoinPolicy, MemberRole, MemberState, ProjectState},
};
use sea_orm::{
    Condition, IntoActiveModel, QueryOrder, QuerySelect, entity::prelude::*, sea_query::OnConflict,
};
use time::OffsetDateTime;

use crate::{
    columns::{from_word, millis, time, word},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod project {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "projects")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub name: String,
        pub description: String,
        pub state: String,
        pub join_policy: String,
        pub leave_policy: String,
        pub personal: bool,
        pub created_at: i64,
        pub updated_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

pub(crate) mod member {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "project_members")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub project_id: Uuid,
        #[sea_orm(primary_key, auto_increment = false)]
        pub user_id: Uuid,
        pub role: String,
        pub state: String,
        pub created_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProjectRecord {
    /// Names the project for life. A personal project bears its user's id.
    pub id: ProjectId,
    /// What it is called; unique.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Where it stands.
    pub state: ProjectState,
    /// Who may join.
    pub join_policy: JoinPolicy,
    /// Who may leave.
    pub leave_policy: JoinPolicy,
    /// Whether it is one user's own.
    pub personal: bool,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    pub updated_at: OffsetDateTime,
}

impl ProjectRecord {
    /// The personal project of a user.
    #[must_use]
    pub fn personal(user: UserId, name: &str) -> Self {
        let now = crate::now();
        Self {
            id: ProjectId(user.0),
            name: name.to_owned(),
            description: String::new(),
            state: ProjectState::Active,
            join_policy: JoinPolicy::Closed,
            leave_policy: JoinPolicy::Closed,
            personal: true,
            created_at: now,
            updated_at: now,
        }
    }
}

impl TryFrom<project::Model> for ProjectRecord {
    type Error = StoreError;

    fn try_from(row: project::Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: ProjectId(row.id),
            name: row.name,
            description: row.description,
            state: from_word(row.state, "projects.state")?,
            join_policy: from_word(row.join_policy, "projects.join_policy")?,
            leave_policy: from_word(row.leave_policy, "projects.leave_policy")?,
            personal: row.personal,
            created_at: time(row.created_at)?,
            updated_at: time(row.updated_at)?,
        })
    }
}

fn row(project: &ProjectRecord) -> Result<project::Model, StoreError> {
    Ok(project::Model {
        id: project.id.0,
        name: project.name.clone(),
        description: project.description.clone(),
        state: word(project.state)?,
        join_policy: word(project.join_policy)?,
        leave_policy: word(project.leave_policy)?,
        personal: project.personal,
        created_at: millis(project.created_at),
        updated_at: millis(project.updated_at),
    })
}

/// Somebody in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRecord {
    /// The project.
    pub project: ProjectId,
    /// Who.
    pub user: UserId,
    /// As what.
    pub role: MemberRole,
    /// Whether they are in, or wait to be let in or out.
    pub state: MemberState,
    /// Since when.
    pub created_at: OffsetDateTime,
}

impl TryFrom<member::Model> for MemberRecord {
    type Error = StoreError;

    fn try_from(row: member::Model) -> Result<Self, StoreError> {
        Ok(Self {
            project: ProjectId(row.project_id),
            user: UserId(row.user_id),
            role: from_word(row.role, "project_members.role")?,
            state: from_word(row.state, "project_members.state")?,
            created_at: time(row.created_at)?,
        })
    }
}

impl Reader {
    /// A project.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn project_get(&self, id: ProjectId) -> Result<Option<ProjectRecord>, StoreError> {
        let row = project::Entity::find_by_id(id.0).one(&self.db()).await?;
        row.map(ProjectRecord::try_from).transpose()
    }

    /// The project of that name.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn project_by_name(&self, name: &str) -> Result<Option<ProjectRecord>, StoreError> {
        let row = project::Entity::find()
            .filter(project::Column::Name.eq(name))
            .one(&self.db())
            .await?;
        row.map(ProjectRecord::try_from).transpose()
    }

    /// At most `limit` projects by name, from the one after `cursor` on; if told,
    /// only those of `among` and those that are active and that anybody may join.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn project_list(
        &self,
        among: Option<&[ProjectId]>,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<ProjectRecord>, StoreError> {
        let mut question = project::Entity::find()
            .order_by_asc(project::Column::Name)
            .limit(u64::from(limit) + 1);
        if let Some(among) = among {
            let joinable = Condition::all()
                .add(project::Column::JoinPolicy.ne(word(JoinPolicy::Closed)?))
                .add(project::Column::State.eq(word(ProjectState::Active)?))
                .add(project::Column::Personal.eq(false));
            let these = project::Column::Id.is_in(among.iter().map(|id| id.0));
            question = question.filter(Condition::any().add(these).add(joinable));
        }
        if let Some(name) = cursor {
            question = question.filter(project::Column::Name.gt(name));
        }
        let rows = question.all(&self.db()).await?;
        crate::columns::page(rows, limit, |project: &ProjectRecord| project.name.clone())
    }

    /// Everybody in a project, oldest first.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn member_list(&self, project: ProjectId) -> Result<Vec<MemberRecord>, StoreError> {
        let rows = member::Entity::find()
            .filter(member::Column::ProjectId.eq(project.0))
            .order_by_asc(member::Column::CreatedAt)
            .all(&self.db())
            .await?;
        rows.into_iter().map(MemberRecord::try_from).collect()
    }

    /// All that a user is a member of, or waits to be.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn membership_list(&self, user: UserId) -> Result<Vec<MemberRecord>, StoreError> {
        let rows = member::Entity::find()
            .filter(member::Column::UserId.eq(user.0))
            .all(&self.db())
            .await?;
        rows.into_iter().map(MemberRecord::try_from).collect()
    }
}

impl Tx {
    /// Adds a project.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the name is taken.
    pub async fn project_insert(&self, project: &ProjectRecord) -> Result<(), StoreError> {
        let inserted = project::Entity::insert(row(project)?.into_active_model())
            .exec_without_returning(&self.db())
            .await;
        inserted.map_err(|error| {
            StoreError::inserting(error, || format!("a project named '{}'", project.name))
        })?;
        Ok(())
    }

    /// Writes a project as it is now. False if there is no such project.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] if the name is taken.
    pub async fn project_update(&self, project: &ProjectRecord) -> Result<bool, StoreError> {
        let done = project::Entity::update_many()
            .set(row(project)?.into_active_model().reset_all())
            .filter(project::Column::Id.eq(project.id.0))
            .exec(&self.db())
            .await;
        let done = done.map_err(|error| {
            StoreError::inserting(error, || format!("a project named '{}'", project.name))
        })?;
        Ok(done.rows_affected > 0)
    }

    /// Deletes a project with its memberships. False if there was none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn project_delete(&self, id: ProjectId) -> Result<bool, StoreError> {
        let done = project::Entity::delete_by_id(id.0).exec(&self.db()).await?;
        Ok(done.rows_affected > 0)
    }

    /// Puts somebody into a project, or changes as what.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if project or user does not exist.
    pub async fn member_put(&self, member: &MemberRecord) -> Result<(), StoreError> {
        let row = member::Model {
            project_id: member.project.0,
            user_id: member.user.0,
            role: word(member.role)?,
            state: word(member.state)?,
            created_at: millis(member.created_at),
        };
        member::Entity::insert(row.into_active_model())
            .on_conflict(
                OnConflict::columns([member::Column::ProjectId, member::Column::UserId])
                    .update_columns([member::Column::Role, member::Column::State])
                    .to_owned(),
            )
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Takes somebody out of a project. False if they were not in it.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn member_delete(
        &self,
        project: ProjectId,
        user: UserId,
    ) -> Result<bool, StoreError> {
        let done = member::Entity::delete_by_id((project.0, user.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }
}

#[cfg(test)]
mod tests {
    use muster_api::projects::{MemberRole, MemberState};

    use super::{MemberRecord, ProjectRecord};
    use crate::{
        now,
        testing::{store, user},
    };

    #[tokio::test]
    async fn a_personal_project_has_its_user_in_it() {
        let (store, _dir) = store().await;
        let ada = user("ada");
        let (id, project) = (ada.id, ProjectRecord::personal(ada.id, "ada"));
        let member = MemberRecord {
            project: project.id,
            user: id,
            role: MemberRole::Owner,
            state: MemberState::Member,
            created_at: now(),
        };
        let (kept, added) = (project.clone(), member.clone());
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.user_insert(&ada).await?;
                    tx.project_insert(&project).await?;
                    tx.member_put(&added).await
                })
            })
            .await
            .unwrap();
        assert_eq!(
            store.project_by_name("ada").await.unwrap(),
            Some(kept.clone())
        );
        let members = [member];
        assert_eq!(store.membership_list(id).await.unwrap(), members);
        assert_eq!(store.member_list(kept.id).await.unwrap(), members);
        assert_eq!(
            store.project_list(Some(&[]), None, 9).await.unwrap().items,
            []
        );
        store
            .write(move |tx| Box::pin(async move { tx.project_delete(kept.id).await }))
            .await
            .unwrap();
        assert_eq!(store.membership_list(id).await.unwrap(), []);
    }
}

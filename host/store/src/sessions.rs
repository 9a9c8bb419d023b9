//! Sessions: each sign-in, until it is ended or runs out. The refresh tokens of
//! a session are the family that bears its id.

use muster_api::{
    id::{SessionId, UserId},
    permissions::Permission,
};
use sea_orm::{ActiveValue::Set, IntoActiveModel, QueryOrder, entity::prelude::*};
use time::OffsetDateTime;

use crate::{
    columns::{from_json, json, millis, time},
    error::StoreError,
    reader::Reader,
    tx::Tx,
};

pub(crate) mod session {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "sessions")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub user_id: Uuid,
        pub client: String,
        pub method: String,
        #[sea_orm(column_type = "JsonBinary", nullable)]
        pub scopes: Option<Json>,
        pub origin: Option<String>,
        pub agent: Option<String>,
        pub created_at: i64,
        pub last_used_at: i64,
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use session::{ActiveModel, Column, Entity, Model};

/// A sign-in that goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Names the session for life.
    pub id: SessionId,
    /// Who signed in.
    pub user: UserId,
    /// The client that was signed in with, such as `muster-cli`.
    pub client: String,
    /// The name of the sign-in method.
    pub method: String,
    /// What it may do at most.
    pub scopes: Option<Vec<Permission>>,
    /// The address it began from.
    pub origin: Option<String>,
    /// What the client says that it is.
    pub agent: Option<String>,
    /// When it began.
    pub created_at: OffsetDateTime,
    /// When it last got tokens.
    pub last_used_at: OffsetDateTime,
    /// When it ends unless it is used before.
    pub expires_at: OffsetDateTime,
}

impl TryFrom<Model> for SessionRecord {
    type Error = StoreError;

    fn try_from(row: Model) -> Result<Self, StoreError> {
        Ok(Self {
            id: SessionId(row.id),
            user: UserId(row.user_id),
            client: row.client,
            method: row.method,
            scopes: row
                .scopes
                .map(|scopes| from_json(scopes, "sessions.scopes"))
                .transpose()?,
            origin: row.origin,
            agent: row.agent,
            created_at: time(row.created_at)?,
            last_used_at: time(row.last_used_at)?,
            expires_at: time(row.expires_at)?,
        })
    }
}

impl Reader {
    /// A session, expired or not.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn session_get(&self, id: SessionId) -> Result<Option<SessionRecord>, StoreError> {
        let row = Entity::find_by_id(id.0).one(&self.db()).await?;
        row.map(SessionRecord::try_from).transpose()
    }

    /// A user's sessions, newest first.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn session_list(&self, user: UserId) -> Result<Vec<SessionRecord>, StoreError> {
        let rows = Entity::find()
            .filter(Column::UserId.eq(user.0))
            .order_by_desc(Column::Id)
            .all(&self.db())
            .await?;
        rows.into_iter().map(SessionRecord::try_from).collect()
    }
}

impl Tx {
    /// Adds a session.
    ///
    /// # Errors
    /// [`StoreError::Reference`] if there is no such user.
    pub async fn session_insert(&self, session: &SessionRecord) -> Result<(), StoreError> {
        let row = Model {
            id: session.id.0,
            user_id: session.user.0,
            client: session.client.clone(),
            method: session.method.clone(),
            scopes: session.scopes.as_ref().map(json).transpose()?,
            origin: session.origin.clone(),
            agent: session.agent.clone(),
            created_at: millis(session.created_at),
            last_used_at: millis(session.last_used_at),
            expires_at: millis(session.expires_at),
        };
        Entity::insert(row.into_active_model())
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Notes that a session got tokens at `at`, which lets it last until
    /// `expires_at`. False if there is no such session.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn session_used(
        &self,
        id: SessionId,
        at: OffsetDateTime,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let done = Entity::update_many()
            .set(ActiveModel {
                last_used_at: Set(millis(at)),
                expires_at: Set(millis(expires_at)),
                ..Default::default()
            })
            .filter(Column::Id.eq(id.0))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected > 0)
    }

    /// Ends a session with its refresh tokens. False if there was none.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn session_end(&self, id: SessionId) -> Result<bool, StoreError> {
        self.refresh_token_family_revoke(id.0).await?;
        let done = Entity::delete_by_id(id.0).exec(&self.db()).await?;
        Ok(done.rows_affected > 0)
    }

    /// Ends all sessions of a user, except one if told, and says how many.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn session_end_all(
        &self,
        user: UserId,
        but: Option<SessionId>,
    ) -> Result<usize, StoreError> {
        let mut ended = 0;
        for session in self.session_list(user).await? {
            if Some(session.id) != but && self.session_end(session.id).await? {
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// Forgets sessions that ended before `now`, and says how many.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn session_expired_delete(&self, now: OffsetDateTime) -> Result<u64, StoreError> {
        let done = Entity::delete_many()
            .filter(Column::ExpiresAt.lt(millis(now)))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }
}

#[cfg(test)]
mod tests {
    use muster_api::id::{SessionId, UserId};
    use time::Duration;
    use uuid::Uuid;

    use super::SessionRecord;
    use crate::{
        now,
        testing::{store, user},
    };

    fn session(user: UserId) -> SessionRecord {
        SessionRecord {
            id: SessionId(Uuid::now_v7()),
            user,
            client: "muster-cli".to_owned(),
            method: "local".to_owned(),
            scopes: None,
            origin: Some("127.0.0.1".to_owned()),
            agent: None,
            created_at: now(),
            last_used_at: now(),
            expires_at: now() + Duration::DAY,
        }
    }

    #[tokio::test]
    async fn sessions_end_one_by_one_or_all_but_one() {
        let (store, _dir) = store().await;
        let ada = user("ada");
        let sessions = [(); 3].map(|()| session(ada.id));
        let (kept, id) = (sessions[1].id, ada.id);
        let added = sessions.clone();
        store
            .write(move |tx| {
                Box::pin(async move {
                    tx.user_insert(&ada).await?;
                    for session in &added {
                        tx.session_insert(session).await?;
                    }
                    assert!(tx.session_end(added[0].id).await?);
                    assert!(!tx.session_end(added[0].id).await?);
                    assert_eq!(tx.session_end_all(id, Some(kept)).await?, 1);
                    Ok(())
                })
            })
            .await
            .unwrap();
        assert_eq!(store.session_list(id).await.unwrap(), [sessions[1].clone()]);
        assert_eq!(store.session_get(sessions[2].id).await.unwrap(), None);
    }
}

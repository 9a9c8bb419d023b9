//! Leases: who may lead something at a time, by the database's clock, with a
//! number that grows each time it goes to somebody else.
//!
//! A lease alone keeps nobody from going on who was paused while it ran out.
//! [`Store::fenced`] does: its transactions begin with the number that the
//! holder was given, and change nothing once it has moved on.

use std::time::Duration;

use sea_orm::{
    ActiveValue::Set,
    ConnectionTrait, DbBackend, QuerySelect, Statement,
    entity::prelude::*,
    sea_query::{LockType, OnConflict},
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{
    columns::{millis, now, signed, time, unsigned},
    error::StoreError,
    reader::Reader,
    store::Store,
    tx::Tx,
};

pub(crate) mod lease {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "leases")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub name: String,
        pub holder: Uuid,
        pub fence: i64,
        pub expires_at: i64,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use lease::{ActiveModel, Column, Entity, Model};

/// The number of a lease: it grows each time the lease goes to another holder,
/// or to the same one after it had run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub u64);

/// A lease that somebody holds or has held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRecord {
    /// What it is for.
    pub name: String,
    /// Who had it last.
    pub holder: Uuid,
    /// Its number.
    pub fence: Fence,
    /// Until when, by the database's clock; in the past if nobody has it.
    pub expires_at: OffsetDateTime,
    /// How long it still holds; zero if nobody has it.
    pub remaining: Duration,
}

/// The lease that the transactions of a store depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Guard {
    pub lease: String,
    pub fence: Fence,
}

impl Store {
    /// Takes a lease for `life` from now on, by the database's clock, or renews
    /// it. `None` if somebody else has it. It waits for transactions of the
    /// former holder that still run, but for none of the own.
    ///
    /// # Errors
    /// If it could not be written; then it may or may not have been taken.
    pub async fn lease_take(
        &self,
        name: &str,
        holder: Uuid,
        life: Duration,
    ) -> Result<Option<Fence>, StoreError> {
        let name = name.to_owned();
        self.write_lease(move |tx| {
            Box::pin(async move { tx.lease_take(&name, holder, life).await })
        })
        .await
    }

    /// Gives a lease up, if that is the holder with that number. What was begun
    /// under it ends as if it had run out. False if it was not.
    ///
    /// # Errors
    /// If it could not be written.
    pub async fn lease_release(
        &self,
        name: &str,
        holder: Uuid,
        fence: Fence,
    ) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.write_lease(move |tx| {
            Box::pin(async move {
                let change = ActiveModel {
                    expires_at: Set(0),
                    ..Default::default()
                };
                Ok(tx.lease_change(&name, holder, fence, change).await? > 0)
            })
        })
        .await
    }

    /// Passes a lease on to another holder, for `life` from now on, if that is the
    /// holder with that number and has it still. False if it was not. It waits for
    /// transactions under the lease that still run.
    ///
    /// # Errors
    /// If it could not be written; then it may or may not have been passed on.
    pub async fn lease_pass(
        &self,
        name: &str,
        holder: Uuid,
        fence: Fence,
        to: Uuid,
        life: Duration,
    ) -> Result<bool, StoreError> {
        let name = name.to_owned();
        self.write_lease(move |tx| {
            Box::pin(async move { tx.lease_pass(&name, holder, fence, to, life).await })
        })
        .await
    }

    /// This store for whoever holds the lease `name` with that number: its
    /// transactions fail with [`StoreError::Fenced`] and change nothing once
    /// somebody else has taken it. Reading is as ever.
    #[must_use]
    pub fn fenced(&self, name: &str, fence: Fence) -> Self {
        self.guarded(Guard {
            lease: name.to_owned(),
            fence,
        })
    }
}

impl Reader {
    /// Who has a lease, or had it last. `None` if nobody ever had.
    ///
    /// # Errors
    /// If the database could not be read.
    pub async fn lease_show(&self, name: &str) -> Result<Option<LeaseRecord>, StoreError> {
        let Some(row) = Entity::find_by_id(name).one(&self.db()).await? else {
            return Ok(None);
        };
        let left = row.expires_at.saturating_sub(self.clock().await?);
        Ok(Some(LeaseRecord {
            name: row.name,
            holder: row.holder,
            fence: fence(row.fence)?,
            expires_at: time(row.expires_at)?,
            remaining: Duration::from_millis(u64::try_from(left).unwrap_or_default()),
        }))
    }

    /// The time by the database's clock, in milliseconds since 1970.
    pub(crate) async fn clock(&self) -> Result<i64, StoreError> {
        let db = self.db();
        if db.get_database_backend() != DbBackend::Postgres {
            return Ok(millis(now()));
        }
        let question = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
        let asked = Statement::from_string(DbBackend::Postgres, question);
        match db.query_one_raw(asked).await? {
            Some(row) => Ok(row.try_get_by_index(0)?),
            None => Err(StoreError::Other("the database has no clock".into())),
        }
    }
}

impl Tx {
    async fn lease_take(
        &self,
        name: &str,
        holder: Uuid,
        life: Duration,
    ) -> Result<Option<Fence>, StoreError> {
        let life = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        let Some(row) = Entity::find_by_id(name).one(&self.db()).await? else {
            self.lease_begin(name).await?;
            return self.lease_win(name, holder, life).await;
        };
        let now = self.clock().await?;
        if row.holder == holder && row.expires_at > now {
            // This alone, so that a renewal never waits for a transaction.
            let number = fence(row.fence)?;
            let change = ActiveModel {
                expires_at: Set(now.saturating_add(life)),
                ..Default::default()
            };
            let renewed = self.lease_change(name, holder, number, change).await?;
            return Ok((renewed > 0).then_some(number));
        }
        if row.expires_at > now.saturating_add(life) {
            // Nobody takes a lease for so long: the clock has jumped back. Who
            // has it renews it; else it ends when it would have.
            let change = ActiveModel {
                expires_at: Set(now.saturating_add(life)),
                ..Default::default()
            };
            self.lease_change(name, row.holder, fence(row.fence)?, change)
                .await?;
            return Ok(None);
        }
        if row.expires_at > now {
            return Ok(None);
        }
        self.lease_win(name, holder, life).await
    }

    /// Makes the row of a lease that nobody has.
    async fn lease_begin(&self, name: &str) -> Result<(), StoreError> {
        let row = ActiveModel {
            name: Set(name.to_owned()),
            holder: Set(Uuid::nil()),
            fence: Set(0),
            expires_at: Set(0),
        };
        let known = OnConflict::column(Column::Name).do_nothing().to_owned();
        Entity::insert(row)
            .on_conflict(known)
            .exec_without_returning(&self.db())
            .await?;
        Ok(())
    }

    /// Takes a lease that has run out, once all transactions under it have
    /// ended, unless somebody was quicker.
    async fn lease_win(
        &self,
        name: &str,
        holder: Uuid,
        life: i64,
    ) -> Result<Option<Fence>, StoreError> {
        let row = Entity::find_by_id(name)
            .lock_exclusive()
            .one(&self.db())
            .await?;
        let now = self.clock().await?;
        let Some(row) = row.filter(|row| row.expires_at <= now) else {
            return Ok(None);
        };
        let next = fence(row.fence.saturating_add(1))?;
        let change = ActiveModel {
            holder: Set(holder),
            fence: Set(signed(next.0)?),
            expires_at: Set(now.saturating_add(life)),
            ..Default::default()
        };
        self.lease_change(name, row.holder, fence(row.fence)?, change)
            .await?;
        Ok(Some(next))
    }

    async fn lease_pass(
        &self,
        name: &str,
        holder: Uuid,
        number: Fence,
        to: Uuid,
        life: Duration,
    ) -> Result<bool, StoreError> {
        let row = Entity::find_by_id(name)
            .lock_exclusive()
            .one(&self.db())
            .await?;
        let now = self.clock().await?;
        if row.is_none_or(|row| row.expires_at <= now) {
            return Ok(false);
        }
        let next = Fence(number.0.saturating_add(1));
        let life = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        let change = ActiveModel {
            holder: Set(to),
            fence: Set(signed(next.0)?),
            expires_at: Set(now.saturating_add(life)),
            ..Default::default()
        };
        Ok(self.lease_change(name, holder, number, change).await? > 0)
    }

    /// Changes a lease if that is its holder and number.
    async fn lease_change(
        &self,
        name: &str,
        holder: Uuid,
        fence: Fence,
        change: ActiveModel,
    ) -> Result<u64, StoreError> {
        let done = Entity::update_many()
            .set(change)
            .filter(Column::Name.eq(name))
            .filter(Column::Holder.eq(holder))
            .filter(Column::Fence.eq(signed(fence.0)?))
            .exec(&self.db())
            .await?;
        Ok(done.rows_affected)
    }

    /// Makes sure that a lease still has its number, and that it keeps it until
    /// this transaction has ended.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if it has not.
    pub(crate) async fn lease_hold(&self, guard: &Guard) -> Result<(), StoreError> {
        // Whoever takes it waits for this lock; whoever renews it does not.
        let row: Option<Model> = Entity::find_by_id(&guard.lease)
            .lock(LockType::KeyShare)
            .one(&self.db())
            .await?;
        match row {
            Some(row) if fence(row.fence)? == guard.fence => Ok(()),
            _ => Err(StoreError::Fenced {
                lease: guard.lease.clone(),
            }),
        }
    }
}

fn fence(number: i64) -> Result<Fence, StoreError> {
    unsigned(number, "leases.fence").map(Fence)
}

#[cfg(test)]
mod tests;

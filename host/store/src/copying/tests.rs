use std::{collections::BTreeSet, ops::ControlFlow, sync::Arc};

use sea_orm::{ConnectionTrait, DbBackend, Statement};
use serde_json::json;

use super::{CopyError, Progress, Staying, tables};
use crate::{
    ChangeKind, RouteRecord, Store, TargetRecord, now,
    testing::{PROJECT, app, droplet, in_file, job, on_server, package, store, user},
};

fn silent() -> Progress {
    Arc::new(|_| ControlFlow::Continue(()))
}

fn own() -> Staying {
    Staying {
        tables: vec!["roles".to_owned()],
        settings: vec!["host-id".to_owned()],
    }
}

/// A bit of everything that refers to something else, and more rows of some
/// tables than are carried at a time.
async fn fill(store: &Store) {
    store
        .write(|tx| {
            Box::pin(async move {
                let ada = user("ada");
                tx.user_insert(&ada).await?;
                tx.password_put(ada.id, "hash", now()).await?;
                let (shop, bits) = (app("shop"), package("bits"));
                tx.app_insert(&shop).await?;
                tx.package_insert(&bits).await?;
                tx.droplet_insert(&droplet(&shop, &bits)).await?;
                tx.route_insert(&RouteRecord {
                    id: muster_api::id::RouteId(uuid::Uuid::now_v7()),
                    project: PROJECT,
                    host: "shop.example.org".to_owned(),
                    path: "/".to_owned(),
                    redirect: None,
                    sticky: true,
                    targets: vec![TargetRecord {
                        app: shop.id,
                        weight: 3,
                    }],
                    created_at: now(),
                })
                .await?;
                for number in 0..1100 {
                    let mut job = job(&format!("job-{number}"), Some(shop.id));
                    job.input =
                        json!({ "n": number, "f": 0.1, "big": 2.5, "s": "\u{e4}\u{1f980}" });
                    tx.job_insert(&job).await?;
                    tx.change_append("job", number, ChangeKind::Created, None)
                        .await?;
                }
                tx.setting_put("host-id", "source").await?;
                tx.setting_put("config.mail", &json!({ "from": "a@b.c" }))
                    .await
            })
        })
        .await
        .unwrap();
}

async fn set(store: &Store, key: &'static str, value: &'static str) {
    store
        .write(move |tx| Box::pin(async move { tx.setting_put(key, value).await }))
        .await
        .unwrap();
}

async fn copied(from: &Store, to: &Store) {
    let copied = from.copy_to(to, &own(), silent()).await.unwrap();
    let rows = |name: &str| {
        let found = copied.iter().find(|table| table.table == name);
        found.unwrap().rows
    };
    assert_eq!(
        (rows("jobs"), rows("users"), rows("settings")),
        (1100, 1, 1)
    );
    assert_eq!(
        from.copy_digests(&own()).await.unwrap(),
        to.copy_digests(&own()).await.unwrap()
    );
    let [before, after] = [from, to].map(|store| store.job_list_unfinished());
    assert_eq!(before.await.unwrap(), after.await.unwrap());
    assert!(!to.copy_is_unfinished().await.unwrap());
    assert_eq!(to.revisions().latest(), 1100);
    // The log goes on where it was.
    let next = to
        .write(|tx| {
            Box::pin(async move {
                tx.change_append("app", "a", ChangeKind::Created, None)
                    .await
            })
        })
        .await;
    assert_eq!(next.unwrap(), 1101);
}

#[tokio::test]
async fn everything_goes_there_and_back() {
    let (file, _dir) = in_file().await;
    fill(&file).await;
    set(&file, "host-id", "source").await;
    let (server, _database) = on_server().await;
    set(&server, "host-id", "target").await;
    copied(&file, &server).await;
    let id = server.setting_get::<String>("host-id").await.unwrap();
    assert_eq!(id.as_deref(), Some("target"), "that stays");

    let (back, _dir) = in_file().await;
    server
        .write(|tx| {
            Box::pin(async move {
                tx.change_prune(1100).await?;
                Ok(())
            })
        })
        .await
        .unwrap();
    let there = server.copy_to(&back, &own(), silent()).await.unwrap();
    assert_eq!(there, server.copy_digests(&own()).await.unwrap());
    assert_eq!(there, back.copy_digests(&own()).await.unwrap());
    assert!(back.audit_verify(None).await.unwrap().whole);
}

#[tokio::test]
async fn a_target_in_use_is_left_alone() {
    let ((from, _dir), (to, _other)) = (in_file().await, store().await);
    fill(&from).await;
    to.write(|tx| Box::pin(async move { tx.app_insert(&app("there")).await }))
        .await
        .unwrap();
    let refused = from.copy_to(&to, &own(), silent()).await;
    assert!(
        matches!(refused, Err(CopyError::NotEmpty { ref table }) if table == "apps"),
        "{refused:?}"
    );
    assert_eq!(to.app_all().await.unwrap().len(), 1);
    to.copy_clear(&own()).await.unwrap();
    copied(&from, &to).await;
}

#[tokio::test]
async fn what_was_broken_off_is_begun_anew() {
    let ((from, _dir), (to, _other)) = (in_file().await, store().await);
    fill(&from).await;
    let stop: Progress = Arc::new(|news| {
        assert!(news.done <= news.total);
        match news.done > 600 {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    });
    let stopped = from.copy_to(&to, &own(), stop).await;
    assert!(matches!(stopped, Err(CopyError::Stopped)), "{stopped:?}");
    assert!(to.copy_is_unfinished().await.unwrap());
    copied(&from, &to).await;
}

/// Whoever adds a table or a column says how it is carried over.
#[tokio::test]
async fn each_table_and_column_is_known() {
    let (store, _dir) = store().await;
    let db = store.db();
    let question = if db.get_database_backend() == DbBackend::Postgres {
        "SELECT table_name::text AS name, column_name::text AS part \
         FROM information_schema.columns WHERE table_schema = current_schema()"
    } else {
        "SELECT m.name AS name, c.name AS part FROM sqlite_master m \
         JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
    };
    let asked = Statement::from_string(db.get_database_backend(), question);
    let found: BTreeSet<(String, String)> = db
        .query_all_raw(asked)
        .await
        .unwrap()
        .iter()
        .map(|row| {
            (
                row.try_get("", "name").unwrap(),
                row.try_get("", "part").unwrap(),
            )
        })
        .filter(|(table, _): &(String, String)| !tables::NEVER.contains(&table.as_str()))
        .collect();
    let known: BTreeSet<(String, String)> = tables::all()
        .into_iter()
        .flat_map(|table| {
            let name = table.name;
            let parts = table.columns.into_iter();
            parts.map(move |column| (name.clone(), column))
        })
        .collect();
    let missing: Vec<_> = found.difference(&known).collect();
    assert!(missing.is_empty(), "{missing:?} are not carried over");
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(gone.is_empty(), "{gone:?} do not exist");
}

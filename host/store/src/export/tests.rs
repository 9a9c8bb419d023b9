use std::{collections::BTreeSet, sync::OnceLock};

use muster_api::users::UserType;
use proptest::prelude::*;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use super::{
    tables::{Kind, LEFT_OUT, TABLES},
    *,
};
use crate::testing::{Place, app, droplet, in_file as store, package, user};

async fn exported(store: &Store) -> Vec<String> {
    let (sender, mut receiver) = mpsc::channel(4);
    let export = tokio::spawn({
        let store = store.clone();
        async move { store.export(sender).await }
    });
    let mut lines = Vec::new();
    while let Some(line) = receiver.recv().await {
        lines.push(line);
    }
    export.await.unwrap().unwrap();
    lines
}

async fn filled() -> (Store, Place) {
    let (store, dir) = store().await;
    let (shop, bits) = (app("shop"), package("bits"));
    let made = droplet(&shop, &bits);
    store
        .write(move |tx| {
            Box::pin(async move {
                for number in 0..PEOPLE {
                    tx.user_insert(&user(&format!("user-{number}\u{1F980}\n\"")))
                        .await?;
                }
                tx.app_insert(&shop).await?;
                tx.package_insert(&bits).await?;
                tx.droplet_insert(&made).await?;
                tx.setting_put("null", &None::<String>).await?;
                tx.setting_put("deep", &serde_json::json!({"b": [1, null], "a": 1.5}))
                    .await
            })
        })
        .await
        .unwrap();
    (store, dir)
}

/// More than fit into one page or one insert.
const PEOPLE: usize = 2100;

#[tokio::test]
async fn every_table_is_known_with_its_columns() {
    let (store, _dir) = store().await;
    let asked = "SELECT m.name, p.name, p.type, p.pk FROM sqlite_master m JOIN pragma_table_info(m.name) p WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
    let rows = store
        .read(move |db| {
            Box::pin(async move {
                let statement = Statement::from_string(DbBackend::Sqlite, asked);
                Ok(db.db().query_all_raw(statement).await?)
            })
        })
        .await
        .unwrap();
    let mut actual = BTreeSet::new();
    for row in rows {
        let text = |index| row.try_get_by_index::<String>(index).unwrap();
        let (table, column, kind) = (text(0), text(1), text(2));
        let key = row.try_get_by_index::<i32>(3).unwrap() > 0;
        if !LEFT_OUT.contains(&table.as_str()) {
            actual.insert((table, column, kind, key));
        }
    }
    let mut known = BTreeSet::new();
    for table in TABLES {
        for (column, kind) in table.columns {
            let found = actual
                .iter()
                .find(|(t, c, ..)| t == table.name && c == column);
            let declared = found.map_or("no such column", |(_, _, kind, _)| kind.as_str());
            let fits = match kind {
                Kind::Bool => declared == "boolean",
                Kind::Bytes => declared == "BLOB",
                Kind::Integer | Kind::Small => declared == "INTEGER",
                Kind::Json => declared == "jsonb_text",
                Kind::Text => declared == "varchar" || declared == "TEXT",
                Kind::Uuid => declared == "uuid_text",
            };
            assert!(fits, "{}.{column}: {kind:?} is {declared}", table.name);
            known.insert((
                table.name.to_owned(),
                (*column).to_owned(),
                declared.to_owned(),
                table.key.contains(column),
            ));
        }
    }
    let missing: Vec<_> = actual.difference(&known).collect();
    assert!(missing.is_empty(), "not in tables.rs: {missing:?}");
}

#[tokio::test]
async fn what_is_exported_comes_back_as_it_was() {
    let (store, dir) = filled().await;
    let lines = exported(&store).await;
    let path = dir.path().join("restored.db");
    let mut given = lines.iter().cloned().map(Ok);
    let imported = Store::restore(&path, &mut given).await.unwrap();
    assert_eq!(imported.tables, TABLES.len() as u64);
    assert_eq!(
        Store::check_export(&mut lines.iter().cloned().map(Ok)).unwrap(),
        imported
    );
    let restored = Store::open(&path).await.unwrap();
    let again = exported(&restored).await;
    // The head says when.
    assert_eq!(lines[1..], again[1..]);
    let ada = UserType::Admin;
    let known = restored.user_by_name("user-7\u{1F980}\n\"").await.unwrap();
    assert_eq!(known.unwrap().kind, ada);
    // Counting goes on.
    restored
        .write(|tx| {
            Box::pin(async move {
                let kind = crate::ChangeKind::Created;
                tx.change_append("app", "x", kind, None).await
            })
        })
        .await
        .unwrap();
}

#[tokio::test]
async fn an_export_is_of_one_moment() {
    let (store, _dir) = filled().await;
    let (sender, mut receiver) = mpsc::channel(1);
    let export = tokio::spawn({
        let store = store.clone();
        async move { store.export(sender).await }
    });
    let mut lines = vec![receiver.recv().await.unwrap()];
    lines.push(receiver.recv().await.unwrap());
    store
        .write(|tx| Box::pin(async move { tx.user_insert(&user("late")).await }))
        .await
        .unwrap();
    while let Some(line) = receiver.recv().await {
        lines.push(line);
    }
    export.await.unwrap().unwrap();
    assert!(!lines.iter().any(|line| line.contains("\"late\"")));
    assert!(
        exported(&store)
            .await
            .iter()
            .any(|line| line.contains("\"late\""))
    );
}

#[tokio::test]
async fn nobody_listens_and_the_export_ends() {
    let (store, _dir) = filled().await;
    let (sender, receiver) = mpsc::channel(1);
    drop(receiver);
    assert!(matches!(
        store.export(sender).await,
        Err(StoreError::Closed)
    ));
}

#[tokio::test]
async fn what_is_no_export_is_refused() {
    let (store, dir) = store().await;
    let lines = exported(&store).await;
    let newer = lines[0].replace("\"version\":1", "\"version\":2");
    let other = lines[0].replace("m2026", "m2126");
    let odd = lines[0].replace("muster-state", "muster-data");
    for (head, is_newer) in [(newer, true), (other, true), (odd, false)] {
        let mut given = std::iter::once(Ok(head)).chain(lines[1..].iter().cloned().map(Ok));
        let refused = Store::check_export(&mut given).unwrap_err();
        assert_eq!(
            matches!(refused, ImportError::Newer { .. }),
            is_newer,
            "{refused}"
        );
    }
    let users = lines
        .iter()
        .position(|line| line.contains("\"users\""))
        .unwrap();
    for (row, why) in [
        ("[1]", "too few"),
        (
            "{\"table\":\"users; DROP\",\"columns\":[[\"id\",\"uuid\"]]}",
            "without name",
        ),
        (
            "{\"table\":\"users\",\"columns\":[[\"id\",\"blob\"]]}",
            "kind",
        ),
        ("{", "EOF"),
    ] {
        let mut given = lines.clone();
        given.insert(users + 1, row.to_owned());
        let refused = Store::check_export(&mut given.into_iter().map(Ok)).unwrap_err();
        assert!(refused.to_string().contains(why), "{row}: {refused}");
    }
    let gone = "{\"table\":\"users\",\"columns\":[[\"gone\",\"uuid\"]]}";
    let mut given = lines.clone();
    given[users] = gone.to_owned();
    given.insert(users + 1, "[null]".to_owned());
    let path = dir.path().join("no.db");
    let refused = Store::restore(&path, &mut given.into_iter().map(Ok)).await;
    assert!(refused.is_err());
    let broken = vec![Ok(lines[0].clone()), Err("the disk".to_owned())];
    let refused = Store::check_export(&mut broken.into_iter()).unwrap_err();
    assert!(matches!(refused, ImportError::Unreadable(_)));
}

/// An export of a store that was never used.
fn sample() -> &'static [String] {
    static LINES: OnceLock<Vec<String>> = OnceLock::new();
    LINES.get_or_init(|| {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let (store, _dir) = store().await;
            exported(&store).await
        })
    })
}

proptest! {
    #[test]
    fn a_lost_or_doubled_row_is_noticed(at in 1..1000_usize, twice: bool) {
        let lines = sample();
        let rows: Vec<_> = (0..lines.len()).filter(|at| lines[*at].starts_with('[')).collect();
        prop_assume!(!rows.is_empty());
        let at = rows[at % rows.len()];
        let mut given = lines.to_vec();
        if twice {
            given.insert(at, lines[at].clone());
        } else {
            given.remove(at);
        }
        prop_assert!(Store::check_export(&mut given.into_iter().map(Ok)).is_err());
    }

    #[test]
    fn whatever_comes_is_read_or_refused(lines in prop::collection::vec(r#"\{"table":"a","columns":\[\["b","text"\]\]\}|\["x"\]|\{"end":[0-3]\}|\PC{0,20}"#, 0..10)) {
        let head = sample()[0].clone();
        let mut given = std::iter::once(head).chain(lines).map(Ok);
        let _ = Store::check_export(&mut given);
    }
}

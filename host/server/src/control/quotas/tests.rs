use muster_api::{
    permissions::Permission as P,
    projects::MemberRole,
    settings::Limits,
    units::{ByteSize, Millis},
    users::UserType,
};

use super::{guard::Limit, *};
use crate::control::testing::{actor, app, bare_app, put, store_with};

fn quota(project: Option<&str>, user: Option<&str>, resource: Resource, limit: u64) -> NewQuota {
    NewQuota {
        project: project.map(str::to_owned),
        user: user.map(str::to_owned),
        resource,
        limit,
    }
}

async fn quotas() -> (Quotas, tempfile::TempDir) {
    let (store, dir) = store_with(&[
        ("root", UserType::Admin),
        ("ada", UserType::Developer),
        ("bob", UserType::Developer),
    ])
    .await;
    (Quotas { store }, dir)
}

/// Adds an app under the eyes of a guard.
async fn add(store: &Store, project: &str, name: String) -> Result<(), ControlError> {
    let project = store.project_by_name(project).await.unwrap().unwrap().id;
    store
        .write_or_refuse(move |tx| {
            Box::pin(async move {
                let guard = Guard::before(tx, project).await?;
                tx.app_insert(&bare_app(project, &name)).await?;
                guard.after(tx).await
            })
        })
        .await
}

#[test]
fn what_a_project_has_of_its_own_goes_before_what_all_have() {
    let project = |number| Some(ProjectId(Uuid::from_u128(number)));
    let record = |project, resource, limit| QuotaRecord {
        id: QuotaId(Uuid::now_v7()),
        project,
        user: None,
        resource,
        limit,
        updated_at: muster_store::now(),
    };
    let all = [
        record(None, Resource::Apps, 3),
        record(None, Resource::Routes, 4),
        record(project(1), Resource::Apps, 9),
        record(project(2), Resource::Disk, 1),
    ];
    let limit = |resource, allowed| Limit {
        user: None,
        resource,
        allowed,
    };
    assert_eq!(
        limits_in(&all, project(1).unwrap()),
        [limit(Resource::Apps, 9), limit(Resource::Routes, 4)]
    );
}

#[test]
fn amounts_saturate() {
    let mut amounts = Amounts::default();
    let limits = Limits {
        memory: ByteSize(u64::MAX),
        cpu: Millis(u64::MAX / 2),
        ..Limits::default()
    };
    amounts.running(3, &limits);
    assert_eq!(amounts.get(Resource::Memory), u64::MAX);
    assert_eq!(amounts.get(Resource::Instances), 3);
    assert_eq!(amounts.beyond(&amounts), Amounts::default());
}

#[tokio::test]
async fn parallel_changes_do_not_overrun() {
    let (quotas, _dir) = quotas().await;
    let store = &quotas.store;
    let root = actor(store, "root", P::QuotaWrite).await;
    quotas
        .set(
            &root,
            &Terms::default(),
            quota(None, None, Resource::Apps, 3),
        )
        .await
        .unwrap();
    let all = (0..20).map(|number| add(store, "ada", format!("app-{number}")));
    let done = futures::future::join_all(all).await;
    assert_eq!(done.iter().filter(|result| result.is_ok()).count(), 3);
    for refused in done.into_iter().filter_map(Result::err) {
        let ControlError::OverQuota(over) = refused else {
            panic!("{refused}");
        };
        assert_eq!((over.used, over.asked, over.allowed), (3, 1, 3));
        assert_eq!(
            (over.resource, over.project.as_str()),
            (Resource::Apps, "ada")
        );
    }
    // Another project has its own three.
    add(store, "bob", "other".to_owned()).await.unwrap();
    // A quota of the project's own goes before the general one.
    quotas
        .set(
            &root,
            &Terms::default(),
            quota(Some("ada"), None, Resource::Apps, 4),
        )
        .await
        .unwrap();
    add(store, "ada", "fourth".to_owned()).await.unwrap();
    assert!(add(store, "ada", "fifth".to_owned()).await.is_err());
}

#[tokio::test]
async fn what_is_reserved_counts_until_it_is_let_go() {
    let (quotas, _dir) = quotas().await;
    let store = &quotas.store;
    let root = actor(store, "root", P::QuotaWrite).await;
    quotas
        .set(
            &root,
            &Terms::default(),
            quota(Some("ada"), None, Resource::Instances, 5),
        )
        .await
        .unwrap();
    let mut till = app(store, "ada", "till").await;
    till.state = muster_api::apps::DesiredState::Stopped;
    let stopped = till.clone();
    let done = store.write(move |tx| Box::pin(async move { tx.app_update(&stopped).await }));
    done.await.unwrap();
    let hold = async |instances: u32| {
        let (till, job) = (till.clone(), muster_api::id::JobId(Uuid::now_v7()));
        let held: Result<_, ControlError> = store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let guard = Guard::before(tx, till.project).await?;
                    let mut amounts = Amounts::default();
                    amounts.running(instances, &Limits::default());
                    reserve(tx, &till, job, &amounts).await?;
                    guard.after(tx).await?;
                    Ok(job)
                })
            })
            .await;
        held
    };
    let first = hold(3).await.unwrap();
    let Err(ControlError::OverQuota(over)) = hold(3).await else {
        panic!("3 and 3 are within 5");
    };
    assert_eq!((over.used, over.asked, over.allowed), (3, 3, 5));
    hold(2).await.unwrap();
    let done = store.write(move |tx| Box::pin(async move { tx.reservation_end(first).await }));
    assert!(done.await.unwrap() > 0);
    hold(3).await.unwrap();
    let ada = actor(store, "ada", P::QuotaRead).await;
    let usage = quotas.usage(&ada, "ada").await.unwrap();
    let of = |resource| {
        usage
            .items
            .iter()
            .find(|one| one.resource == resource)
            .unwrap()
    };
    assert_eq!(
        (
            of(Resource::Instances).used,
            of(Resource::Instances).reserved
        ),
        (0, 5)
    );
    assert_eq!(of(Resource::Apps).allowed, None);
}

#[tokio::test]
async fn members_have_quotas_of_their_own_and_see_what_concerns_them() {
    let (quotas, _dir) = quotas().await;
    let store = &quotas.store;
    let root = actor(store, "root", P::QuotaWrite).await;
    put(store, "ada", "bob", MemberRole::Member).await;
    quotas
        .set(
            &root,
            &Terms::default(),
            quota(Some("ada"), Some("bob"), Resource::Apps, 1),
        )
        .await
        .unwrap();
    let project = store.project_by_name("ada").await.unwrap().unwrap().id;
    let bob = store.user_by_name("bob").await.unwrap().unwrap().id;
    let add_of = async |name: &'static str, user| {
        let made: Result<(), ControlError> = store
            .write_or_refuse(move |tx| {
                Box::pin(async move {
                    let guard = Guard::before(tx, project).await?;
                    let mut app = bare_app(project, name);
                    app.user = user;
                    tx.app_insert(&app).await?;
                    guard.after(tx).await
                })
            })
            .await;
        made
    };
    add_of("one", Some(bob)).await.unwrap();
    let Err(ControlError::OverQuota(over)) = add_of("two", Some(bob)).await else {
        panic!("bob has two");
    };
    assert_eq!(over.user.as_deref(), Some("bob"));
    add_of("three", None).await.unwrap();

    quotas
        .set(
            &root,
            &Terms::default(),
            quota(Some("root"), None, Resource::Apps, 1),
        )
        .await
        .unwrap();
    let bob = actor(store, "bob", P::QuotaRead).await;
    let seen = quotas.list(&bob, &QuotaQuery::default()).await.unwrap();
    assert_eq!(seen.items.len(), 1);
    let of_root = QuotaQuery {
        project: Some("root".to_owned()),
    };
    assert!(quotas.list(&bob, &of_root).await.is_err());
    assert!(quotas.usage(&bob, "root").await.is_err());
}

#[tokio::test]
async fn enforcing_stops_the_newest_first_and_only_as_many_as_it_takes() {
    let (quotas, _dir) = quotas().await;
    let store = &quotas.store;
    let root = actor(store, "root", P::QuotaWrite).await;
    for name in ["old", "middle", "new"] {
        app(store, "ada", name).await;
    }
    let memory = Limits::default().memory.0;
    quotas
        .set(
            &root,
            &Terms::default(),
            quota(Some("ada"), None, Resource::Memory, 2 * memory),
        )
        .await
        .unwrap();
    let dry = Terms {
        dry_run: true,
        ..Terms::default()
    };
    let query = QuotaQuery::default();
    let plan = quotas.enforce(&root, &dry, &query).await.unwrap();
    assert_eq!(plan.changes.len(), 1, "{plan:?}");
    assert!(
        plan.changes[0].starts_with("the app new of ada is stopped"),
        "{plan:?}"
    );
    let states = async || {
        let among = store.app_list(None, None, 9).await.unwrap().items;
        let started = among
            .into_iter()
            .filter(|app| app.state == muster_api::apps::DesiredState::Started);
        started.map(|app| app.name).collect::<Vec<_>>()
    };
    assert_eq!(states().await, ["middle", "new", "old"]);
    assert!(
        quotas
            .enforce(&root, &Terms::default(), &query)
            .await
            .unwrap()
            .done
    );
    assert_eq!(states().await, ["middle", "old"]);
    let plan = quotas.enforce(&root, &dry, &query).await.unwrap();
    assert_eq!(plan.changes, [] as [String; 0]);
}

#[tokio::test]
async fn one_sees_what_holds_for_oneself_everywhere() {
    let (quotas, _dir) = quotas().await;
    let store = &quotas.store;
    let root = actor(store, "root", P::QuotaWrite).await;
    for (user, limit) in [(None, 1), (Some("ada"), 2), (Some("bob"), 3)] {
        let new = quota(None, user, Resource::Apps, limit);
        quotas.set(&root, &Terms::default(), new).await.unwrap();
    }
    let ada = actor(store, "ada", P::QuotaRead).await;
    let seen = quotas.list(&ada, &QuotaQuery::default()).await.unwrap();
    let mut limits: Vec<_> = seen.items.iter().map(|quota| quota.limit).collect();
    limits.sort_unstable();
    assert_eq!(limits, [1, 2], "not what holds for bob");
}

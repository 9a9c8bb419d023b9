use muster_api::id::{AppId, RouteId};
use uuid::Uuid;

use super::{Redirect, RouteRecord, TargetRecord};
use crate::{
    Store, StoreError, now,
    testing::{app, store},
};

fn route(host: &str, path: &str, apps: &[AppId]) -> RouteRecord {
    RouteRecord {
        id: RouteId(Uuid::now_v7()),
        project: crate::testing::PROJECT,
        host: host.to_owned(),
        path: path.to_owned(),
        redirect: None,
        sticky: false,
        targets: apps
            .iter()
            .map(|app| TargetRecord {
                app: *app,
                weight: 100,
            })
            .collect(),
        created_at: now(),
    }
}

async fn insert(store: &Store, routes: Vec<RouteRecord>) -> Result<(), StoreError> {
    store
        .write(|tx| {
            Box::pin(async move {
                for route in &routes {
                    tx.route_insert(route).await?;
                }
                Ok(())
            })
        })
        .await
}

async fn two_apps(store: &Store) -> (AppId, AppId) {
    let (shop, blog) = (app("shop"), app("blog"));
    let ids = (shop.id, blog.id);
    store
        .write(|tx| {
            Box::pin(async move {
                tx.app_insert(&shop).await?;
                tx.app_insert(&blog).await
            })
        })
        .await
        .unwrap();
    ids
}

#[tokio::test]
async fn a_route_is_found_by_its_address() {
    let (store, _dir) = store().await;
    let (shop, blog) = two_apps(&store).await;
    let mut both = route("example.com", "/", &[shop, blog]);
    let elsewhere = Redirect {
        location: "https://example.com".to_owned(),
        status: 308,
        keep_path: true,
    };
    let redirect = RouteRecord {
        redirect: Some(elsewhere),
        ..route("www.example.com", "/", &[])
    };
    insert(&store, vec![both.clone(), redirect.clone()])
        .await
        .unwrap();
    assert_eq!(
        store.route_by_address("example.com", "/").await.unwrap(),
        Some(both.clone())
    );
    assert_eq!(store.route_get(redirect.id).await.unwrap(), Some(redirect));
    assert_eq!(
        store
            .route_by_address("example.com", "/shop")
            .await
            .unwrap(),
        None
    );

    let taken = insert(
        &store,
        vec![route("other", "/", &[]), route("example.com", "/", &[])],
    )
    .await;
    assert!(
        matches!(taken, Err(StoreError::Conflict { ref what }) if what == "a route 'example.com/'")
    );
    assert_eq!(
        store.route_all().await.unwrap().len(),
        2,
        "the refused transaction left nothing"
    );
    let nobody = insert(&store, vec![route("other", "/", &[AppId(Uuid::now_v7())])]).await;
    assert!(matches!(nobody, Err(StoreError::Reference)));

    both.sticky = true;
    both.targets[0].weight = 5;
    let changed = both.clone();
    store
        .write(move |tx| {
            Box::pin(async move {
                assert!(tx.route_update(changed.id, None, true).await?);
                tx.route_target_put(changed.id, changed.targets[0].app, 5)
                    .await
            })
        })
        .await
        .unwrap();
    assert_eq!(store.route_get(both.id).await.unwrap(), Some(both));
}

#[tokio::test]
async fn pages_follow_one_another_by_host_and_path() {
    let (store, _dir) = store().await;
    let (shop, blog) = two_apps(&store).await;
    let addresses = [
        ("b", "/"),
        ("a", "/x/y"),
        ("a", "/"),
        ("c", "/z"),
        ("a", "/x"),
    ];
    let routes = addresses.map(|(host, path)| route(host, path, &[shop, blog]));
    insert(&store, routes.to_vec()).await.unwrap();
    let mut cursor = None;
    let mut seen = Vec::new();
    loop {
        let page = store.route_list(None, cursor.as_deref(), 2).await.unwrap();
        assert!(page.items.len() <= 2);
        for route in page.items {
            assert_eq!(route.targets.len(), 2);
            seen.push(format!("{}{}", route.host, route.path));
        }
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["a/", "a/x", "a/x/y", "b/", "c/z"]);
}

#[tokio::test]
async fn an_app_that_goes_takes_along_the_routes_it_had_alone() {
    let (store, _dir) = store().await;
    let (shop, blog) = two_apps(&store).await;
    let (alone, shared, foreign) = (
        route("a", "/", &[shop]),
        route("b", "/", &[shop, blog]),
        route("c", "/", &[blog]),
    );
    insert(&store, vec![alone.clone(), shared.clone(), foreign.clone()])
        .await
        .unwrap();
    let reach: Vec<RouteId> = store
        .route_list_for_app(shop)
        .await
        .unwrap()
        .iter()
        .map(|route| route.id)
        .collect();
    assert_eq!(reach, [alone.id, shared.id]);

    let early = store
        .write(move |tx| Box::pin(async move { tx.app_delete(shop).await }))
        .await;
    assert!(matches!(early, Err(StoreError::Reference)));
    let detached = store
        .write(move |tx| {
            Box::pin(async move {
                let detached = tx.route_delete_for_app(shop).await?;
                tx.app_delete(shop).await?;
                Ok(detached)
            })
        })
        .await
        .unwrap();
    assert_eq!(
        (detached.gone, detached.kept),
        (vec![alone.id], vec![shared.id])
    );
    let left: Vec<RouteRecord> = store.route_all().await.unwrap();
    assert_eq!(
        left.iter().map(|route| route.id).collect::<Vec<_>>(),
        [shared.id, foreign.id]
    );
    assert_eq!(
        left[0].targets,
        [TargetRecord {
            app: blog,
            weight: 100
        }]
    );

    let (off, again, gone) = store
        .write(move |tx| {
            Box::pin(async move {
                Ok((
                    tx.route_target_delete(shared.id, blog).await?,
                    tx.route_target_delete(shared.id, blog).await?,
                    tx.route_delete(shared.id).await?,
                ))
            })
        })
        .await
        .unwrap();
    assert_eq!((off, again, gone), (true, false, true));
}

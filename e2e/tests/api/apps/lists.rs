//! Lists of apps, page by page.

use muster_api::{apps::App, page::Page};
use muster_e2e::{Host, push_of, refuse};
use reqwest::Method;
use serde_json::Value;

#[tokio::test]
async fn lists_come_in_pages() {
    let host = Host::start().await;
    let client = host.client().await;
    let file = client.upload("note.txt", b"just words").await;
    let names = ["ant", "bee", "cat", "dog", "eel"];
    for name in names {
        client.push(name, &push_of(vec![file.clone()])).await;
    }
    for (limit, pages) in [(1, 5), (2, 3), (4, 2), (5, 1), (500, 1)] {
        let mut found = Vec::new();
        let mut path = format!("/apps?limit={limit}");
        for number in 1.. {
            let page: Page<App> = client.get(&path).await;
            assert!(page.items.len() <= limit, "{path}");
            found.extend(page.items.into_iter().map(|app| app.name));
            match page.next {
                Some(next) => path = format!("/apps?limit={limit}&cursor={next}"),
                None => {
                    assert_eq!(number, pages, "limit {limit}");
                    break;
                }
            }
        }
        assert_eq!(found, names, "limit {limit}");
    }
    // A cursor is a place, so that what goes meanwhile does no harm.
    let page: Page<App> = client.get("/apps?limit=2").await;
    let _: Value = client.send(Method::DELETE, "/apps/bee", &Value::Null).await;
    let path = format!("/apps?limit=2&cursor={}", page.next.unwrap());
    let page: Page<App> = client.get(&path).await;
    let found: Vec<_> = page.items.into_iter().map(|app| app.name).collect();
    assert_eq!(found, ["cat", "dog"]);
    let page: Page<App> = client.get("/apps?cursor=zzz").await;
    assert_eq!((page.items, page.next), (vec![], None));

    let list = |query: &str| client.request(Method::GET, &format!("/apps?{query}"));
    for query in ["limit=0", "limit=501", "limit=4294967295"] {
        let problem = refuse(list(query), 422, "invalid-request").await;
        assert_eq!(muster_e2e::only_field(&problem), "limit", "{query}");
    }
    for query in [
        "limit=many",
        "limit=-1",
        "limit=1.5",
        "limit=",
        "limit=4294967296",
    ] {
        refuse(list(query), 400, "invalid-query").await;
    }
}

//! What became of an app's requests, counted for the last hour.

use muster_api::{metrics::AppMetrics, pushes::LimitsChange, units::ByteSize};
use muster_e2e::{Host, eventually, guest, push_limited, refuse};
use reqwest::{Method, StatusCode};

#[tokio::test]
async fn requests_are_counted_by_what_became_of_them() {
    let host = Host::start().await;
    let client = host.client().await;
    let limits = LimitsChange {
        memory: Some(ByteSize(16 << 20)),
        ..LimitsChange::default()
    };
    push_limited(&client, "shop", &guest("hostile"), limits).await;
    let before: AppMetrics = client.get("/apps/shop/metrics").await;
    assert!(before.stretches.is_empty(), "{before:?}");
    for _ in 0..4 {
        let (status, _) = client.ask("shop.localhost", "/hog").await;
        assert_eq!(status, StatusCode::OK);
    }
    let (status, _) = client.ask("shop.localhost", "/oom").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);

    // They show up once the stretch in which they ended is over.
    let counted = eventually("all requests are counted", async || {
        let told: AppMetrics = client.get("/apps/shop/metrics").await;
        let requests: u64 = told.stretches.iter().map(|it| it.requests).sum();
        (requests >= 5).then_some(told)
    })
    .await;
    let sum = |of: fn(&muster_api::metrics::Stretch) -> u64| -> u64 {
        counted.stretches.iter().map(of).sum()
    };
    assert_eq!((sum(|it| it.requests), sum(|it| it.failed)), (5, 1));
    assert!(counted.missing.is_empty(), "{counted:?}");
    for stretch in &counted.stretches {
        assert!(stretch.at < counted.until, "{stretch:?}");
        assert!(
            0 < stretch.median_micros && stretch.median_micros <= stretch.p95_micros,
            "{stretch:?}"
        );
    }
    let nothing = client.request(Method::GET, "/apps/nothing/metrics");
    refuse(nothing, 404, "app-not-found").await;
}

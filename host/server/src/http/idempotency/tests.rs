use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{
    Router,
    body::to_bytes,
    http::{HeaderMap, HeaderValue},
    middleware,
    routing::post,
};
use muster_api::problem::Problem;
use tower::ServiceExt;

use super::{answers::is_key, running::Turn, *};

#[test]
fn keys_are_visible_ascii() {
    let longest = "k".repeat(MAX_KEY);
    for good in ["k", "\"8e03978e-40d5\"", "a,b;c", longest.as_str()] {
        assert!(is_key(good), "{good}");
    }
    let too_long = "k".repeat(MAX_KEY + 1);
    for bad in ["", "a b", "\t", "ü", too_long.as_str()] {
        assert!(!is_key(bad), "{bad}");
    }
    let mut twice = HeaderMap::new();
    twice.append(KEY, HeaderValue::from_static("a"));
    assert_eq!(key(&twice).unwrap(), "a");
    twice.append(KEY, HeaderValue::from_static("a"));
    assert!(key(&twice).is_err());
}

#[test]
fn one_of_the_same_name_runs_at_a_time() {
    let running = Arc::new(Running::default());
    let name = ("ada".to_owned(), "k".to_owned());
    let turn = running.begin(&name, "1").unwrap();
    let code = |answer: Answer<Turn>| answer.err().map(|refused| refused.0.code);
    assert_eq!(
        code(running.begin(&name, "1")).as_deref(),
        Some("idempotency-in-progress")
    );
    assert_eq!(
        code(running.begin(&name, "2")).as_deref(),
        Some("idempotency-key-reused")
    );
    assert_eq!(
        code(running.begin(&("bob".to_owned(), "k".to_owned()), "2")),
        None
    );
    drop(turn);
    assert_eq!(code(running.begin(&name, "2")), None);
}

#[tokio::test]
async fn a_fingerprint_is_made_with_a_key_of_this_installation() {
    let fingerprint = |repeats: &Repeats, body: &str| {
        repeats.fingerprint(&Method::POST, &"/x".parse().unwrap(), body.as_bytes())
    };
    let folder = tempfile::tempdir().unwrap();
    let open = async |name: &str| {
        let store = Store::open(&folder.path().join(name)).await.unwrap();
        (Repeats::open(store.clone()).await.unwrap(), store)
    };
    let (repeats, store) = open("a.db").await;
    let again = Repeats::open(store).await.unwrap();
    let (elsewhere, _) = open("b.db").await;
    let first = fingerprint(&repeats, "password=a");
    assert_eq!(first, fingerprint(&again, "password=a"), "it is kept");
    assert_ne!(first, fingerprint(&repeats, "password=b"));
    assert_ne!(first, fingerprint(&elsewhere, "password=a"));
    use sha2::Digest;
    let plain = Sha256::digest("POST /x\npassword=a");
    let plain: String = plain.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_ne!(first, plain);
}

/// A route that counts how often it was reached, behind keys.
async fn app(reached: &Arc<AtomicUsize>, repeats: &Repeats) -> Router {
    let (reached, repeats) = (Arc::clone(reached), repeats.clone());
    let count = post(move |body: String| async move {
        let reached = reached.fetch_add(1, Ordering::Relaxed);
        match body.as_str() {
            "refuse" => (StatusCode::CONFLICT, HeaderMap::new(), String::new()),
            "fail" => (
                StatusCode::INTERNAL_SERVER_ERROR,
                HeaderMap::new(),
                String::new(),
            ),
            "panic" => panic!("as asked"),
            "secret" => {
                let secret = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
                (
                    StatusCode::CREATED,
                    HeaderMap::from_iter([secret]),
                    "s".to_owned(),
                )
            }
            _ => (StatusCode::CREATED, HeaderMap::new(), reached.to_string()),
        }
    });
    Router::new().route("/", count).layer(middleware::from_fn(
        move |request: Request, next: Next| {
            let repeats = repeats.clone();
            async move {
                let answer = repeats.once("ada".to_owned(), request, next).await;
                answer.unwrap_or_else(IntoResponse::into_response)
            }
        },
    ))
}

async fn send(app: &Router, key: &str, body: &str) -> (u16, String, bool) {
    let request = Request::post("/")
        .header(KEY, key)
        .body(Body::from(body.to_owned()));
    let answer = app.clone().oneshot(request.unwrap()).await.unwrap();
    let (status, replayed) = (answer.status(), answer.headers().contains_key(REPLAYED));
    let body = to_bytes(answer.into_body(), MAX_KEPT).await.unwrap();
    let mut text = String::from_utf8(body.to_vec()).unwrap();
    if let Ok(problem) = serde_json::from_str::<Problem>(&text) {
        text = problem.code;
    }
    (status.as_u16(), text, replayed)
}

#[tokio::test]
async fn what_was_answered_is_answered_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("muster.db")).await.unwrap();
    let reached = Arc::new(AtomicUsize::new(0));
    let first = app(&reached, &Repeats::open(store.clone()).await.unwrap()).await;
    assert_eq!(send(&first, "a", "x").await, (201, "0".to_owned(), false));
    assert_eq!(send(&first, "a", "x").await, (201, "0".to_owned(), true));
    let other = (422, "idempotency-key-reused".to_owned(), false);
    assert_eq!(send(&first, "a", "y").await, other);
    assert_eq!(send(&first, "b", "x").await, (201, "1".to_owned(), false));

    // A refusal has changed nothing and is not kept.
    assert_eq!(send(&first, "c", "refuse").await.0, 409);
    assert_eq!(send(&first, "c", "x").await, (201, "3".to_owned(), false));
    // A secret is told once.
    assert_eq!(
        send(&first, "d", "secret").await,
        (201, "s".to_owned(), false)
    );
    let gone = (409, "idempotency-answer-gone".to_owned(), false);
    assert_eq!(send(&first, "d", "secret").await, gone);
    // Who fails may have done half of it.
    let unknown = (409, "idempotency-unknown".to_owned(), false);
    assert_eq!(send(&first, "e", "fail").await.0, 500);
    assert_eq!(send(&first, "e", "fail").await, unknown);
    assert_eq!(send(&first, "f", "panic").await.0, 500);
    assert_eq!(send(&first, "f", "panic").await, unknown);

    // All of that is still so when the host has started again.
    let reached_before = reached.load(Ordering::Relaxed);
    let second = app(&reached, &Repeats::open(store.clone()).await.unwrap()).await;
    assert_eq!(send(&second, "a", "x").await, (201, "0".to_owned(), true));
    assert_eq!(send(&second, "d", "secret").await, gone);
    assert_eq!(send(&second, "f", "panic").await, unknown);
    assert_eq!(reached.load(Ordering::Relaxed), reached_before);
}

#[tokio::test]
async fn a_key_is_free_again_after_a_day() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&dir.path().join("muster.db")).await.unwrap();
    let old = IdempotencyRecord {
        caller: "ada".to_owned(),
        key: "a".to_owned(),
        fingerprint: "of yesterday".to_owned(),
        answer: None,
        created_at: muster_store::now() - KEPT_FOR - Duration::from_secs(1),
    };
    let begun = store.write(move |tx| Box::pin(async move { tx.idempotency_begin(&old).await }));
    assert_eq!(begun.await.unwrap(), None);
    let reached = Arc::default();
    let app = app(&reached, &Repeats::open(store).await.unwrap()).await;
    assert_eq!(send(&app, "a", "x").await, (201, "0".to_owned(), false));
    assert_eq!(send(&app, "a", "x").await, (201, "0".to_owned(), true));
}

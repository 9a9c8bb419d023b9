//! What browsers and caches ask.

use muster_api::blocks::MAX_BLOCK;
use muster_e2e::{Client, Host, eventually};
use reqwest::{Method, StatusCode};

use super::{PAGE, STYLE, answer, field, get, push};

#[tokio::test]
async fn files_are_served_with_what_caches_need() {
    let host = Host::start().await;
    let client = host.client().await;
    let large: Vec<u8> = (0..MAX_BLOCK + 100_000)
        .map(|at| (at % 251) as u8)
        .collect();
    let files: &[(&str, &[u8])] = &[
        ("index.html", PAGE.as_bytes()),
        ("docs/index.html", b"<p>docs"),
        ("css/style.css", STYLE.as_bytes()),
        ("css/style.css.br", b"packed with brotli"),
        ("css/style.css.gz", b"packed with gzip"),
        ("a b/\u{f6}.txt", b"odd name"),
        ("empty.txt", b""),
        ("large.bin", &large),
    ];
    push(&client, "site", files, None).await;

    // Media types, lengths, directories.
    for (path, kind, length) in [
        ("/", "text/html; charset=utf-8", PAGE.len()),
        ("/index.html", "text/html; charset=utf-8", PAGE.len()),
        ("/?q=1#x", "text/html; charset=utf-8", PAGE.len()),
        ("/docs/", "text/html; charset=utf-8", 7),
        ("/css/style.css", "text/css; charset=utf-8", STYLE.len()),
        ("/css/style.css.br", "application/octet-stream", 18),
        ("/a%20b/%C3%B6.txt", "text/plain; charset=utf-8", 8),
        ("/empty.txt", "text/plain; charset=utf-8", 0),
        ("/large.bin", "application/octet-stream", large.len()),
    ] {
        let (whole, body) = answer(get(&client, path)).await;
        assert_eq!(whole.status(), StatusCode::OK, "{path}");
        assert_eq!(field(&whole, "content-type"), kind, "{path}");
        assert_eq!(body.len(), length, "{path}");
        assert_eq!(
            field(&whole, "content-length"),
            length.to_string(),
            "{path}"
        );
        assert_eq!(field(&whole, "cache-control"), "no-cache", "{path}");
        assert_eq!(field(&whole, "vary"), "accept-encoding", "{path}");
        assert_eq!(field(&whole, "accept-ranges"), "bytes", "{path}");
        assert_eq!(field(&whole, "x-content-type-options"), "nosniff", "{path}");
        let tag = field(&whole, "etag");
        assert!(
            tag.len() > 10 && tag.starts_with('"') && tag.ends_with('"'),
            "{path}: {tag}"
        );
        assert_eq!(field(&whole, "transfer-encoding"), "", "{path}");

        // HEAD says the same and sends nothing.
        let head = client.app(Method::HEAD, "site.localhost", path);
        let (head, body) = answer(head).await;
        assert_eq!((head.status(), body.len()), (StatusCode::OK, 0), "{path}");
        for name in [
            "content-type",
            "content-length",
            "etag",
            "vary",
            "accept-ranges",
        ] {
            assert_eq!(field(&head, name), field(&whole, name), "{path} {name}");
        }
    }
    let (_, body) = answer(get(&client, "/large.bin")).await;
    assert!(body == large, "the large file is not what was pushed");

    for (path, to) in [("/docs", "/docs/"), ("/docs?a=/b", "/docs/?a=/b")] {
        let (moved, _) = answer(get(&client, path)).await;
        assert_eq!(moved.status(), StatusCode::PERMANENT_REDIRECT, "{path}");
        assert_eq!(field(&moved, "location"), to);
    }
    for path in [
        "/css",
        "/css/",
        "/no",
        "/index.html/",
        "/docs/index.html/x",
        "//",
        "/INDEX.HTML",
    ] {
        let (none, _) = answer(get(&client, path)).await;
        assert_eq!(none.status(), StatusCode::NOT_FOUND, "{path}");
    }
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        let request = client.app(method.parse().unwrap(), "site.localhost", "/");
        let (refused, _) = answer(request.body("x")).await;
        assert_eq!(refused.status(), StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(field(&refused, "allow"), "GET, HEAD", "{method}");
    }

    conditions_are_met(&client).await;
    parts_are_served(&client, &large).await;
    packed_files_are_preferred(&client).await;

    // A new push of other bytes has another tag.
    let (old, _) = answer(get(&client, "/")).await;
    push(&client, "site", &[("index.html", b"<p>new")], None).await;
    let known = field(&old, "etag").to_owned();
    eventually("the page changes", async || {
        let (new, _) = answer(get(&client, "/").header("if-none-match", &known)).await;
        (new.status() == StatusCode::OK).then(|| assert_ne!(field(&new, "etag"), known))
    })
    .await;
}

async fn conditions_are_met(client: &Client) {
    let (whole, _) = answer(get(client, "/")).await;
    let tag = field(&whole, "etag").to_owned();
    for known in [
        tag.clone(),
        format!("W/{tag}"),
        format!("\"other\", {tag}"),
        "*".to_owned(),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let request = client.app(method.clone(), "site.localhost", "/");
            let (same, body) = answer(request.header("if-none-match", &known)).await;
            let told = format!("{method} {known}");
            assert_eq!(
                (same.status(), body.len()),
                (StatusCode::NOT_MODIFIED, 0),
                "{told}"
            );
            assert_eq!(field(&same, "etag"), tag, "{told}");
            assert_eq!(field(&same, "vary"), "accept-encoding", "{told}");
            assert_eq!(field(&same, "cache-control"), "no-cache", "{told}");
        }
    }
    for other in ["\"other\"", "other", "", "W/\"other\""] {
        let (whole, body) = answer(get(client, "/").header("if-none-match", other)).await;
        assert_eq!(
            (whole.status(), body),
            (StatusCode::OK, PAGE.into()),
            "{other}"
        );
    }
}

async fn parts_are_served(client: &Client, large: &[u8]) {
    let length = large.len();
    let block = MAX_BLOCK;
    let at = |range: &str| get(client, "/large.bin").header("range", range.to_owned());
    for (range, first, end) in [
        ("bytes=0-0".to_owned(), 0, 1),
        ("bytes=10-19".to_owned(), 10, 20),
        (
            format!("bytes={}-{}", block - 5, block + 4),
            block - 5,
            block + 5,
        ),
        (format!("bytes={}-", length - 3), length - 3, length),
        (
            format!("bytes={}-{}", length - 3, length + 99),
            length - 3,
            length,
        ),
        ("bytes=-7".to_owned(), length - 7, length),
    ] {
        let (part, body) = answer(at(&range)).await;
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert!(body == large[first..end], "{range} has other bytes");
        let told = format!("bytes {first}-{}/{length}", end - 1);
        assert_eq!(field(&part, "content-range"), told, "{range}");
        assert_eq!(field(&part, "content-length"), (end - first).to_string());
    }
    for range in [format!("bytes={length}-"), "bytes=-0".to_owned()] {
        let (beyond, _) = answer(at(&range)).await;
        assert_eq!(
            beyond.status(),
            StatusCode::RANGE_NOT_SATISFIABLE,
            "{range}"
        );
        assert_eq!(field(&beyond, "content-range"), format!("bytes */{length}"));
    }
    // What is no range, or several, is answered with everything.
    for range in [
        "bytes=5-4",
        "bytes=a-b",
        "bytes",
        "lines=1-2",
        "bytes=0-1,4-5",
        "bytes=-",
    ] {
        let (whole, body) = answer(at(range)).await;
        assert_eq!(
            (whole.status(), body.len()),
            (StatusCode::OK, length),
            "{range}"
        );
    }
    let (head, _) = answer(
        client
            .app(Method::HEAD, "site.localhost", "/large.bin")
            .header("range", "bytes=0-0"),
    )
    .await;
    assert_eq!(head.status(), StatusCode::OK);
    let tag = field(&head, "etag").to_owned();
    for (known, status) in [
        (tag.clone(), StatusCode::PARTIAL_CONTENT),
        ("\"other\"".to_owned(), StatusCode::OK),
        (format!("W/{tag}"), StatusCode::OK),
        ("Wed, 21 Oct 2015 07:28:00 GMT".to_owned(), StatusCode::OK),
    ] {
        let (given, _) = answer(at("bytes=0-0").header("if-range", &known)).await;
        assert_eq!(given.status(), status, "{known}");
    }
}

async fn packed_files_are_preferred(client: &Client) {
    let style = |accepted: &str| {
        get(client, "/css/style.css").header("accept-encoding", accepted.to_owned())
    };
    let mut tags = Vec::new();
    for (accepted, encoding, content) in [
        ("br, gzip", "br", "packed with brotli"),
        ("gzip, br", "br", "packed with brotli"),
        ("gzip", "gzip", "packed with gzip"),
        ("br;q=0.1, gzip", "gzip", "packed with gzip"),
        ("br;q=0, gzip", "gzip", "packed with gzip"),
        ("*", "br", "packed with brotli"),
        ("identity", "", STYLE),
        ("br;q=0, gzip;q=0", "", STYLE),
        ("zstd", "", STYLE),
    ] {
        let (packed, body) = answer(style(accepted)).await;
        assert_eq!(field(&packed, "content-encoding"), encoding, "{accepted}");
        assert_eq!(body, content.as_bytes(), "{accepted}");
        assert_eq!(
            field(&packed, "content-type"),
            "text/css; charset=utf-8",
            "{accepted}"
        );
        assert_eq!(field(&packed, "vary"), "accept-encoding", "{accepted}");
        tags.push((encoding, field(&packed, "etag").to_owned()));
    }
    // One tag for each form, so that caches do not mix them up.
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 3, "{tags:?}");
    let (same, _) = answer(style("br").header("if-none-match", &tags[1].1)).await;
    assert_eq!((tags[1].0, same.status()), ("br", StatusCode::NOT_MODIFIED));
    let (other, _) = answer(style("gzip").header("if-none-match", &tags[1].1)).await;
    assert_eq!(other.status(), StatusCode::OK);
    // A page without packed forms is sent as it is.
    let (plain, body) = answer(get(client, "/").header("accept-encoding", "br")).await;
    assert_eq!((field(&plain, "content-encoding"), body), ("", PAGE.into()));
}

#[tokio::test]
async fn a_fallback_answers_those_who_want_a_page() {
    let host = Host::start().await;
    let client = host.client().await;
    let files: &[(&str, &[u8])] = &[("app.html", PAGE.as_bytes()), ("app.js", b"export {}\n")];
    push(&client, "site", files, Some("app.html")).await;
    let page = "text/html,application/xhtml+xml,*/*;q=0.8";
    for path in ["/", "/cart", "/cart/7?x=1", "/no.css"] {
        let (found, body) = answer(get(&client, path).header("accept", page)).await;
        assert_eq!(
            (found.status(), body),
            (StatusCode::OK, PAGE.into()),
            "{path}"
        );
        assert_eq!(
            field(&found, "content-type"),
            "text/html; charset=utf-8",
            "{path}"
        );
        let varies = found
            .headers()
            .get_all("vary")
            .iter()
            .any(|on| on == "accept");
        assert!(varies, "{path}: a cache would give a script the page");
    }
    for accepted in [
        "*/*",
        "text/css,*/*;q=0.1",
        "application/json",
        "text/html;q=0",
    ] {
        let (none, _) = answer(get(&client, "/cart").header("accept", accepted)).await;
        assert_eq!(none.status(), StatusCode::NOT_FOUND, "{accepted}");
    }
    let (file, body) = answer(get(&client, "/app.js").header("accept", page)).await;
    assert_eq!(
        (file.status(), body),
        (StatusCode::OK, b"export {}\n".to_vec())
    );
    let (bad, _) = answer(get(&client, "/%zz").header("accept", page)).await;
    assert_eq!(bad.status(), StatusCode::BAD_REQUEST);
}

//! What attackers ask.

use muster_e2e::{Host, RawAnswer, raw};

use super::{PAGE, push};

/// Asks for a path exactly as it is written.
async fn exact(host: &Host, path: &[u8]) -> RawAnswer {
    let mut request = b"GET ".to_vec();
    request.extend_from_slice(path);
    request.extend_from_slice(b" HTTP/1.1\r\nHost: site.localhost\r\nConnection: close\r\n\r\n");
    raw(host.apps(), &request).await
}

#[tokio::test]
async fn no_path_leads_out_or_to_what_is_hidden() {
    let host = Host::start().await;
    let client = host.client().await;
    let files: &[(&str, &[u8])] = &[
        ("index.html", PAGE.as_bytes()),
        ("docs/index.html", b"<p>docs"),
        (".env", b"hidden"),
        (".git/config", b"hidden"),
        ("docs/.secret", b"hidden"),
        (".well-known/security.txt", b"Contact: somebody"),
        (".well-known/.secret", b"hidden"),
    ];
    push(&client, "site", files, None).await;
    assert_eq!(exact(&host, b"/").await.body, PAGE);
    assert_eq!(
        exact(&host, b"/.well-known/security.txt").await.body,
        "Contact: somebody"
    );

    let paths: &[&[u8]] = &[
        b"/../etags/index.html",
        b"/..",
        b"/../",
        b"/../../../../../../etc/passwd",
        b"/docs/../index.html",
        b"/docs/../../etags/index.html",
        b"/./index.html",
        b"/%2e%2e/etags/index.html",
        b"/%2E%2e/%2e./etc/passwd",
        b"/.%2e/etags/index.html",
        b"/..%2fetags%2findex.html",
        b"/docs%2findex.html",
        b"/docs/..%2f..%2fetags%2findex.html",
        b"/..%252fetags/index.html",
        b"/%252e%252e/etags/index.html",
        b"/..\\etags\\index.html",
        b"/docs\\..\\index.html",
        b"/%5c..%5cetags",
        b"/index.html%00",
        b"/index.html%00.css",
        b"/%00",
        b"/%",
        b"/%f",
        b"/%zz",
        b"/%ff",
        b"/%c0%ae%c0%ae/etags/index.html",
        b"/etags/index.html",
        b"/site/index.html",
        b"/fallback",
        b"//etc/passwd",
        b"///etc/passwd",
        b"/.env",
        b"/%2eenv",
        b"/.git/config",
        b"/.git/",
        b"/docs/.secret",
        b"/docs/%2esecret",
        b"/.well-known/.secret",
        b"/docs/.well-known/x",
        b"/index.html\0",
        b"/\xff\xfe",
        b"/a\tb",
        b"../index.html",
        b"index.html",
        b"*",
        b"http://site.localhost/../etags/index.html",
    ];
    for path in paths {
        let told = String::from_utf8_lossy(path);
        let refused = exact(&host, path).await;
        let is_refusal = matches!(refused.status.as_u16(), 400 | 404);
        assert!(is_refusal, "{told} answered {refused:?}");
        for leak in ["hidden", "root:", PAGE, "<p>docs"] {
            assert!(!refused.body.contains(leak), "{told} answered {refused:?}");
        }
        assert_eq!(refused.field("etag"), None, "{told} answered {refused:?}");
    }
    // None of that has hurt the app.
    assert_eq!(exact(&host, b"/").await.body, PAGE);
}

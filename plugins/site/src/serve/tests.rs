use std::collections::BTreeMap;

use super::*;

/// Files in memory; an open one is its path.
struct Memory(BTreeMap<String, String>);

impl Files for Memory {
    type File = String;

    fn open(&self, path: &str) -> Found<String> {
        match self.0.get(path) {
            Some(content) if content == "broken" => Found::Broken,
            Some(content) => Found::File(path.to_owned(), content.len() as u64),
            None if self
                .0
                .keys()
                .any(|known| known.starts_with(&format!("{path}/"))) =>
            {
                Found::Directory
            }
            None => Found::Nothing,
        }
    }

    fn text(&self, path: &str) -> Option<String> {
        self.0.get(path).cloned()
    }
}

/// A site with these files, each with a tag that is its name in capitals.
fn site(files: &[(&str, &str)], fallback: Option<&str>) -> Memory {
    let mut all = BTreeMap::new();
    for (path, content) in files {
        all.insert(format!("site/{path}"), (*content).to_owned());
        all.insert(format!("etags/{path}"), path.to_uppercase());
    }
    all.extend(fallback.map(|path| ("fallback".to_owned(), path.to_owned())));
    Memory(all)
}

fn usual() -> Memory {
    let files = [
        ("index.html", "<html>"),
        ("app.js", "0123456789"),
        ("app.js.br", "brotli"),
        ("app.js.gz", "gzipped"),
        ("docs/index.html", "<html>docs"),
        ("empty/file.txt", ""),
        ("bad", "broken"),
    ];
    site(&files, None)
}

fn ask(site: &Memory, method: Method, target: &str, headers: &[(&str, &str)]) -> Answer<String> {
    let header = |name: &str| {
        headers
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| (*value).to_owned())
    };
    serve(
        site,
        &Request {
            method,
            target,
            header,
        },
    )
}

fn get(target: &str, headers: &[(&str, &str)]) -> Answer<String> {
    ask(&usual(), Method::Get, target, headers)
}

fn field<'a>(answer: &'a Answer<String>, name: &str) -> Option<&'a str> {
    answer
        .fields
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, value)| value.as_str())
}

fn file(path: &str, part: Range<u64>) -> Body<String> {
    Body::File(path.to_owned(), part)
}

#[test]
fn a_file_is_served_with_its_type_length_and_tag() {
    let answer = get("/app.js?v=1", &[]);
    assert_eq!(
        (answer.status, &answer.body),
        (200, &file("site/app.js", 0..10))
    );
    for (name, value) in [
        ("content-type", "text/javascript; charset=utf-8"),
        ("content-length", "10"),
        ("etag", "\"APP.JS\""),
        ("cache-control", "no-cache"),
        ("vary", "accept-encoding"),
        ("accept-ranges", "bytes"),
    ] {
        assert_eq!(field(&answer, name), Some(value), "{name}");
    }
    assert_eq!(field(&answer, "content-encoding"), None);
}

#[test]
fn directories_have_their_index_and_end_with_a_slash() {
    assert_eq!(get("/", &[]).body, file("site/index.html", 0..6));
    assert_eq!(get("/docs/", &[]).body, file("site/docs/index.html", 0..10));
    let moved = get("/docs?a=b", &[]);
    assert_eq!(
        (moved.status, field(&moved, "location")),
        (308, Some("/docs/?a=b"))
    );
    assert_eq!(
        get("/empty", &[]).status,
        404,
        "without an index there is nothing to show"
    );
    assert_eq!(get("/empty/", &[]).status, 404);
}

#[test]
fn only_get_and_head_work() {
    let refused = ask(&usual(), Method::Other, "/", &[]);
    assert_eq!(
        (refused.status, field(&refused, "allow")),
        (405, Some("GET, HEAD"))
    );
    let head = ask(&usual(), Method::Head, "/app.js", &[("range", "bytes=0-1")]);
    assert_eq!(
        (head.status, field(&head, "content-length"), &head.body),
        (200, Some("10"), &Body::Empty)
    );
}

#[test]
fn odd_paths_are_refused() {
    for (target, status) in [
        ("/../etags/app.js", 400),
        ("/%2e%2e/fallback", 400),
        ("/.env", 404),
        ("//x", 404),
        ("/no", 404),
    ] {
        assert_eq!(
            get(target, &[("accept", "text/html")]).status,
            status,
            "{target}"
        );
    }
    assert_eq!(get("/bad", &[]).status, 500);
}

#[test]
fn the_most_wanted_encoding_that_there_is_is_sent_with_its_own_tag() {
    let packed = get("/app.js", &[("accept-encoding", "gzip, br")]);
    assert_eq!(packed.body, file("site/app.js.br", 0..6));
    for (name, value) in [
        ("content-encoding", "br"),
        ("content-type", "text/javascript; charset=utf-8"),
        ("etag", "\"APP.JS.BR\""),
    ] {
        assert_eq!(field(&packed, name), Some(value), "{name}");
    }
    let only = site(&[("a.css", "a"), ("a.css.gz", "zz")], None);
    let packed = ask(
        &only,
        Method::Get,
        "/a.css",
        &[("accept-encoding", "gzip, br")],
    );
    assert_eq!(packed.body, file("site/a.css.gz", 0..2));
    assert_eq!(
        get("/app.js", &[("accept-encoding", "br;q=0, gzip;q=0")]).body,
        file("site/app.js", 0..10)
    );
}

#[test]
fn who_has_a_file_already_gets_no_body() {
    let known = get(
        "/app.js",
        &[
            ("if-none-match", "\"x\", W/\"APP.JS\""),
            ("range", "bytes=0-1"),
        ],
    );
    assert_eq!(
        (known.status, field(&known, "etag"), &known.body),
        (304, Some("\"APP.JS\""), &Body::Empty)
    );
    // The plain file's tag is not that of the packed one.
    let packed = get(
        "/app.js",
        &[("if-none-match", "\"APP.JS\""), ("accept-encoding", "br")],
    );
    assert_eq!(packed.status, 200);
}

#[test]
fn parts_are_sent_of_what_the_client_has() {
    let part = get("/app.js", &[("range", "bytes=2-5")]);
    assert_eq!((part.status, &part.body), (206, &file("site/app.js", 2..6)));
    assert_eq!(field(&part, "content-range"), Some("bytes 2-5/10"));
    assert_eq!(field(&part, "content-length"), Some("4"));

    let same = get(
        "/app.js",
        &[("range", "bytes=2-5"), ("if-range", "\"APP.JS\"")],
    );
    assert_eq!(same.status, 206);
    for other in ["\"old\"", "W/\"APP.JS\"", "Wed, 21 Oct 2015 07:28:00 GMT"] {
        let whole = get("/app.js", &[("range", "bytes=2-5"), ("if-range", other)]);
        assert_eq!(
            (whole.status, whole.body),
            (200, file("site/app.js", 0..10)),
            "{other}"
        );
    }

    let beyond = get("/app.js", &[("range", "bytes=10-")]);
    assert_eq!(
        (beyond.status, field(&beyond, "content-range")),
        (416, Some("bytes */10"))
    );
    assert_eq!(get("/app.js", &[("range", "bytes=0-1,3-4")]).status, 200);
}

#[test]
fn the_fallback_answers_for_pages_that_do_not_exist() {
    let site = site(
        &[("index.html", "<html>"), ("a/b.txt", "b")],
        Some("index.html\n"),
    );
    let page = [("accept", "text/html,*/*;q=0.8")];
    for target in ["/settings/profile", "/a", "/a/", "/.hidden"] {
        let answer = ask(&site, Method::Get, target, &page);
        assert_eq!(
            (answer.status, &answer.body),
            (200, &file("site/index.html", 0..6)),
            "{target}"
        );
        assert_eq!(
            field(&answer, "content-type"),
            Some("text/html; charset=utf-8")
        );
    }
    assert_eq!(
        ask(&site, Method::Get, "/api", &[("accept", "*/*")]).status,
        404
    );
    assert_eq!(ask(&site, Method::Get, "/%00", &page).status, 400);
}

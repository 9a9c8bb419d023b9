use muster_sdk::{
    stager::{Entry as EntryPoint, Rejection},
    testing::Package as Files,
};

use super::*;

/// A file's path and content.
type Named<'a> = (&'a str, &'a [u8]);

const APP: &str = r#"(component
    (import "wasi:io/error@0.2.6" (instance))
    (instance $empty)
    (export "wasi:http/incoming-handler@0.2.6" (instance $empty)))"#;

fn app() -> Vec<u8> {
    wat::parse_str(APP).unwrap()
}

fn module() -> Vec<u8> {
    wat::parse_str("(module)").unwrap()
}

fn wishes() -> Wishes {
    Wishes {
        app: "hello".to_owned(),
        component: None,
        fallback: None,
    }
}

fn terms() -> Terms {
    Terms {
        offered: vec!["wasi:io/error@0.2.9".to_owned()],
        max_component_size: 10_000,
    }
}

fn staged(files: &[(&str, &[u8])]) -> Result<Droplet, Reason> {
    stage(&Files::of(files), &wishes(), &terms())
}

fn code(files: &[(&str, &[u8])]) -> &'static str {
    staged(files).expect_err("it is refused").code()
}

#[test]
fn a_component_is_found_whatever_its_name() {
    for name in ["app.wasm", "app", "app.txt", "deep/down.bin"] {
        let droplet = staged(&[(name, &app()), ("muster.toml", b"name = \"a\"")]).unwrap();
        assert_eq!(droplet.detected, "component");
        assert_eq!(droplet.component, Source::Packaged(name.to_owned()));
        assert_eq!(
            (droplet.entry, droplet.files),
            (EntryPoint::IncomingHandler, vec![])
        );
    }
}

#[test]
fn text_is_assembled() {
    let droplet = staged(&[("app.wat", APP.as_bytes())]).unwrap();
    assert_eq!(
        (droplet.detected.as_str(), droplet.component),
        ("component text", Source::Made(app()))
    );
}

#[test]
fn a_component_among_other_files_gets_them_beside_it() {
    let droplet = staged(&[
        ("app.wasm", &app()),
        ("data/a.csv", b"1,2"),
        ("muster.toml", b""),
    ])
    .unwrap();
    let data = File {
        path: "data/a.csv".to_owned(),
        source: Source::Packaged("data/a.csv".to_owned()),
    };
    assert_eq!(
        (droplet.detected.as_str(), droplet.files),
        ("component", vec![data])
    );
}

#[test]
fn the_manifest_settles_which_of_several_components_is_the_app() {
    let files = [("a.wasm", &app()[..]), ("b.wasm", &app())];
    assert_eq!(
        staged(&files),
        Err(Reason::Ambiguous(vec![
            "a.wasm".to_owned(),
            "b.wasm".to_owned()
        ]))
    );
    for named in ["b.wasm", "./b.wasm"] {
        let wishes = Wishes {
            component: Some(named.to_owned()),
            ..wishes()
        };
        let droplet = stage(&Files::of(&files), &wishes, &terms()).unwrap();
        assert_eq!(droplet.component, Source::Packaged("b.wasm".to_owned()));
        assert_eq!(droplet.files.len(), 1);
    }
}

#[test]
fn what_the_manifest_names_must_be_there() {
    let component = Wishes {
        component: Some("c.wasm".to_owned()),
        ..wishes()
    };
    let refused = stage(&Files::of(&[("a.wasm", &app())]), &component, &terms()).unwrap_err();
    assert_eq!(
        refused,
        Reason::NoSuchFile {
            setting: "component",
            path: "c.wasm".to_owned()
        }
    );
    let fallback = Wishes {
        fallback: Some("404.html".to_owned()),
        ..wishes()
    };
    let refused = stage(
        &Files::of(&[("index.html", b"<html>")]),
        &fallback,
        &terms(),
    )
    .unwrap_err();
    assert_eq!(
        refused,
        Reason::NoSuchFile {
            setting: "fallback",
            path: "404.html".to_owned()
        }
    );
    // The manifest itself is no part of the app.
    let manifest = Wishes {
        component: Some("muster.toml".to_owned()),
        ..wishes()
    };
    let files = Files::of(&[("a.wasm", &app()), ("muster.toml", b"")]);
    assert_eq!(
        stage(&files, &manifest, &terms()).unwrap_err().code(),
        "no-such-file"
    );
}

#[test]
fn what_the_manifest_names_as_component_must_be_one() {
    for (bytes, code) in [
        (&b"<html>"[..], "not-webassembly"),
        (&module(), "core-module"),
        (b"\0as", "truncated"),
    ] {
        let wishes = Wishes {
            component: Some("x".to_owned()),
            ..wishes()
        };
        let refused = stage(
            &Files::of(&[("x", bytes), ("index.html", b"<html>")]),
            &wishes,
            &terms(),
        );
        assert_eq!(refused.unwrap_err().code(), code);
    }
}

#[test]
fn a_folder_of_files_is_a_site() {
    for files in [
        &[("index.html", &b"<html>"[..])][..],
        &[("page.htm", b"<!doctype html>")],
        &[("a.pdf", b"%PDF-"), ("b.pdf", b"%PDF-")],
        &[
            ("index.html", b"<html>"),
            ("pkg/app_bg.wasm", &module()),
            ("pkg/more.wasm", &module()),
        ],
        &[("index.html", b"<html>"), ("package.json", b"{}")],
    ] {
        let droplet = staged(files).unwrap();
        assert_eq!(
            (droplet.detected.as_str(), &droplet.component),
            ("static site", &Source::StaticSite)
        );
        assert_eq!(droplet.files.len(), 2 * files.len());
    }
}

#[test]
fn a_site_never_serves_the_manifest_and_knows_its_fallback() {
    let wishes = Wishes {
        fallback: Some("./index.html".to_owned()),
        ..wishes()
    };
    let files = Files::of(&[("index.html", b"<html>"), ("muster.toml", b"secret")]);
    let paths: Vec<_> = stage(&files, &wishes, &terms())
        .unwrap()
        .files
        .into_iter()
        .map(|file| file.path)
        .collect();
    assert_eq!(paths, ["site/index.html", "etags/index.html", "fallback"]);
}

#[test]
fn each_refusal_has_its_code() {
    let big = [app(), vec![0; 20_000]].concat();
    let command = r#"(component (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#;
    let greedy = APP.replace("io/error", "gfx/screen");
    let cases: [(&str, &[Named<'_>]); 17] = [
        ("empty-package", &[]),
        ("empty-package", &[("muster.toml", b"")]),
        ("not-webassembly", &[("app", b"\x7fELF\x02\x01\x01")]),
        ("not-webassembly", &[("app.wasm", b"just text")]),
        (
            "not-webassembly",
            &[("notes.txt", b"just text"), ("muster.toml", b"")],
        ),
        ("truncated", &[("app.wasm", b"\0asm")]),
        ("truncated", &[("app.wasm", &app()[..30])]),
        ("malformed", &[("app.wasm", b"\0asm\x0d\0\x01\0\x7f\x01\0")]),
        ("malformed", &[("app.wasm", b"\0asm\x63\0\0\0")]),
        ("core-module", &[("app.wasm", &module())]),
        (
            "core-module",
            &[("app.wasm", &module()), ("README.md", b"# Hi")],
        ),
        ("core-module", &[("app.wat", b"(module)")]),
        ("wrong-exports", &[("app.wat", command.as_bytes())]),
        ("missing-imports", &[("app.wat", greedy.as_bytes())]),
        ("too-large", &[("app.wasm", &big)]),
        ("wat-syntax", &[("app.wat", b"(component (impotr))")]),
        (
            "source-code",
            &[
                ("Cargo.toml", b"[package]"),
                ("src/main.rs", b"fn main() {}"),
            ],
        ),
    ];
    for (expected, files) in cases {
        assert_eq!(code(files), expected, "{files:?}");
    }
}

#[test]
fn a_refusal_says_what_was_found_and_what_is_accepted() {
    for (files, words) in [
        (
            &[("run", &b"\x7fELF\x02\x01"[..])][..],
            &["run", "ELF", "WebAssembly component", "static files"][..],
        ),
        (
            &[("m.wasm", &module())],
            &[
                "m.wasm",
                "core",
                "wasm-tools component new",
                "wasm32-wasip2",
            ],
        ),
    ] {
        let Rejection { message, .. } = staged(files).unwrap_err().into();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}

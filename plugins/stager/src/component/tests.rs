use super::*;

/// A component of that many imports and exports, all of them instances
/// without functions.
fn component(imports: &[&str], exports: &[&str]) -> Vec<u8> {
    let mut text = String::from("(component (instance $empty)");
    for import in imports {
        text.push_str(&format!("(import \"{import}\" (instance))"));
    }
    for export in exports {
        text.push_str(&format!("(export \"{export}\" (instance $empty))"));
    }
    text.push(')');
    // Imports must come before what is made.
    let text = text.replacen("(instance $empty)", "", 1).replacen(
        "(export",
        "(instance $empty) (export",
        1,
    );
    wat::parse_str(text).unwrap()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn only_the_outermost_surface_counts() {
    let bytes = wat::parse_str(
        r#"(component
            (import "wasi:io/streams@0.2.6" (instance))
            (import "t" (type $t (sub resource)))
            (import "u" (type (eq $t)))
            (component $inner (import "inner:a/b" (instance)) (instance $i) (export "inner:c/d" (instance $i)))
            (core module (import "env" "f" (func)))
            (instance $empty)
            (export "wasi:cli/run@0.2.6" (instance $empty)))"#,
    )
    .unwrap();
    let surface = read("a.wasm", &bytes).unwrap();
    assert_eq!(surface.imports, ["wasi:io/streams@0.2.6", "t"]);
    assert_eq!(surface.exports, ["wasi:cli/run@0.2.6"]);
}

#[test]
fn the_newest_entry_point_goes_first_whatever_the_patch() {
    for (exports, expected) in [
        (
            &["wasi:http/incoming-handler@0.2.0"][..],
            &[Entry::IncomingHandler][..],
        ),
        (
            &["wasi:http/incoming-handler@0.2.99"],
            &[Entry::IncomingHandler],
        ),
        (&["wasi:http/handler@0.3.1"], &[Entry::Handler]),
        (
            &[
                "wasi:http/incoming-handler@0.2.6",
                "wasi:http/handler@0.3.0",
            ],
            &[Entry::Handler, Entry::IncomingHandler],
        ),
    ] {
        let surface = read("a.wasm", &component(&[], exports)).unwrap();
        let found: Vec<_> = entries("a.wasm", &surface)
            .unwrap()
            .into_iter()
            .map(|(entry, _)| entry)
            .collect();
        assert_eq!(found, expected, "{exports:?}");
    }
}

#[test]
fn without_an_entry_point_the_exports_are_told() {
    for exports in [
        &["wasi:cli/run@0.2.6"][..],
        &[
            "wasi:http/incoming-handler@0.3.0",
            "wasi:http/handler@0.2.0",
        ],
        &["wasi:http/handler@0.3.0-rc-2025-09-16"],
        &[],
    ] {
        let surface = read("a.wasm", &component(&[], exports)).unwrap();
        let refused = entries("a.wasm", &surface).unwrap_err();
        assert_eq!(
            refused,
            Reason::WrongExports {
                path: "a.wasm".to_owned(),
                found: names(exports)
            }
        );
        assert!(
            refused
                .to_string()
                .contains("wasi:http/incoming-handler@0.2")
        );
    }
}

#[test]
fn each_import_that_is_not_offered_is_told_with_what_is() {
    let offered = names(&[
        "wasi:http/types@0.2.6",
        "wasi:http/types@0.3.0",
        "wasi:keyvalue/store@0.2.0-draft",
    ]);
    let wanted = [
        "wasi:http/types@0.2.12",
        "wasi:http/types@0.4.0",
        "wasi:keyvalue/store@0.2.0-draft2",
        "wasi:gfx/screen@0.1.0",
        "plain",
    ];
    let surface = read("a.wasm", &component(&wanted, &[])).unwrap();
    let refused = check_imports("a.wasm", &surface, &offered).unwrap_err();
    assert_eq!(
        refused.details(),
        [
            "wasi:http/types@0.4.0 is not offered, but wasi:http/types@0.2.6 and wasi:http/types@0.3.0 are",
            "wasi:keyvalue/store@0.2.0-draft2 is not offered, but wasi:keyvalue/store@0.2.0-draft is",
            "wasi:gfx/screen@0.1.0 is not offered",
            "plain is not offered",
        ]
    );
    let surface = read("a.wasm", &component(&wanted[..1], &[])).unwrap();
    assert_eq!(check_imports("a.wasm", &surface, &offered), Ok(()));
}

#[test]
fn broken_bytes_are_told_from_those_that_end_early() {
    let whole = component(&["wasi:io/streams@0.2.6"], &["wasi:cli/run@0.2.6"]);
    for cut in [9, whole.len() / 2, whole.len() - 1] {
        assert!(
            matches!(read("a.wasm", &whole[..cut]), Err(Reason::Truncated { size, .. }) if size == cut as u64)
        );
    }
    let mut broken = whole;
    broken[8] = 0x7f;
    assert!(matches!(
        read("a.wasm", &broken),
        Err(Reason::Malformed { offset: 8.., .. })
    ));
}

#[test]
fn code_inside_is_validated_too() {
    let invalid = wat::parse_str("(component (core module (func (result i32))))").unwrap();
    let Err(Reason::Malformed { what, .. }) = read("a.wasm", &invalid) else {
        panic!("accepted")
    };
    assert!(what.contains("type mismatch"), "{what}");
}

#[test]
fn text_is_assembled_or_told_where_it_errs() {
    let text = b"(component\n  (import \"a\" (instance))\n)";
    assert_eq!(
        assemble("a.wat", text),
        Ok(wat::parse_bytes(text).unwrap().into_owned())
    );
    let Err(Reason::WatSyntax {
        line: 2,
        column: 4,
        what,
        ..
    }) = assemble("a.wat", b"(component\n  (impotr))")
    else {
        panic!("accepted");
    };
    assert!(!what.is_empty());
    assert!(matches!(
        assemble("a.wat", b"(component \xff)"),
        Err(Reason::Malformed { offset: 11, .. })
    ));
    assert!(matches!(
        assemble("a.wat", b"(component $$$"),
        Err(Reason::WatSyntax { .. })
    ));
}

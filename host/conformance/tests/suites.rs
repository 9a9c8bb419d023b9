//! The suites, held to plugins: those that come with the host pass, and for each
//! case there is a fault that it finds.

use std::{collections::BTreeSet, fs, path::Path};

use muster_conformance::{Report, run};

/// A built guest, from `cargo xtask guests`.
fn guest(name: &str) -> Vec<u8> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/dist");
    let path = place.join(format!("{name}.wasm"));
    fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask guests`", path.display()))
}

/// A plugin as it was built against a contract of before.
fn kept(name: &str) -> Vec<u8> {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e/fixtures-kept");
    fs::read(place.join(format!("{name}.wasm"))).expect("it is in the checkout")
}

/// Writes a text of the same length over each place where one stands.
fn patched(mut wasm: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = |wasm: &[u8]| {
        wasm.windows(from.len())
            .position(|it| it == from.as_bytes())
    };
    assert!(at(&wasm).is_some(), "{from} is nowhere");
    while let Some(at) = at(&wasm) {
        wasm[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    wasm
}

fn with_fault(name: &str, fault: &str) -> Vec<u8> {
    let none = format!("fault={:_<20}", "none");
    patched(guest(name), &none, &format!("fault={fault:_<20}"))
}

fn failed(report: &Report) -> Vec<&str> {
    let failed = report.cases.iter().filter(|case| !case.passed);
    failed.map(|case| case.name).collect()
}

fn tested(wasm: &[u8]) -> Report {
    run(wasm, |_| {}).expect("it is a plugin")
}

/// That each fault is found by its case, with a reason, and that there is a fault
/// for each case but those that another role's plugin shows.
fn finds(name: &str, faults: &[(&str, &str)], lifecycle: bool) {
    let whole = tested(&guest(name));
    assert_eq!(failed(&whole), [""; 0], "{whole:#?}");
    let mut found = BTreeSet::new();
    for (fault, case) in faults {
        let report = tested(&with_fault(name, fault));
        let failed = failed(&report);
        assert!(failed.contains(case), "{fault}: {report:#?}");
        let told = report
            .cases
            .iter()
            .filter_map(|case| case.failure.as_deref());
        assert!(told.clone().all(|why| !why.is_empty()), "{report:#?}");
        found.insert(*case);
    }
    let general = [
        "describes-itself",
        "starts-well",
        "reconciles-again",
        "restarts-in-the-middle",
        "stops",
        "holds-its-memory",
    ];
    let all = whole.cases.iter().map(|case| case.name);
    let lacking: Vec<&str> = all
        .filter(|case| !found.contains(case) && *case != "describes-itself")
        .filter(|case| lifecycle || !general.contains(case))
        .collect();
    assert_eq!(
        lacking, [""; 0],
        "no fault shows that these cases find anything"
    );
}

#[test]
fn the_plugins_that_come_with_the_host_pass() {
    for name in ["router", "stager", "dea", "load-balancer"] {
        let report = tested(&guest(name));
        assert_eq!(failed(&report), [""; 0], "{report:#?}");
        assert!(report.cases.len() > 10, "{report:#?}");
    }
}

#[test]
fn plugins_of_before_still_pass() {
    let report = tested(&kept("router-0.1.0"));
    assert_eq!(failed(&report), [""; 0], "{report:#?}");
    assert_eq!(report.world, "muster:router/router-plugin@0.1.0");
}

#[test]
fn faults_of_routers_are_found() {
    let faults = [
        ("start", "starts-well"),
        ("unwell", "starts-well"),
        ("reconcile", "reconciles-again"),
        ("drift", "reconciles-again"),
        ("whim", "restarts-in-the-middle"),
        ("stop", "stops"),
        ("leak", "holds-its-memory"),
        ("guess", "waits-for-its-table"),
        ("keep", "takes-a-whole-table"),
        ("cling", "takes-changes"),
        ("wide", "keeps-its-scopes"),
        ("deaf", "takes-a-whole-table"),
        ("deaf", "takes-changes"),
        ("deaf", "many-routes"),
        ("astray", "hostile-requests"),
        ("split", "hostile-requests"),
        ("instance", "hostile-requests"),
        ("brittle", "hostile-requests"),
        ("strict", "hostile-tables"),
        ("slow", "many-routes"),
    ];
    finds("broken-router", &faults, true);
}

#[test]
fn faults_of_load_balancers_are_found() {
    let faults = [
        ("guess", "waits-for-its-pool"),
        ("blind", "only-who-may-serve"),
        ("even", "gives-shares-by-weight"),
        ("turns", "prefers-the-idle"),
        ("turns", "keeps-keys"),
        ("strict", "hostile-pools"),
        ("brittle", "hostile-requests"),
    ];
    finds("broken-load-balancer", &faults, false);
}

#[test]
fn faults_of_stagers_are_found() {
    let faults = [
        ("remember", "forgets-packages"),
        ("brittle", "hostile-packages"),
        ("escape", "hostile-packages"),
        ("invent", "hostile-packages"),
        ("nameless", "hostile-packages"),
        ("wish", "hostile-wishes"),
        ("trusting", "unreadable-files"),
        ("crowd", "many-files"),
    ];
    finds("broken-stager", &faults, false);
}

#[test]
fn faults_of_agents_are_found() {
    let faults = [
        ("twice", "starts-what-should-run"),
        ("restless", "starts-what-should-run"),
        ("hoard", "follows-the-scale"),
        ("hasty", "rolls-out-without-a-gap"),
        ("stubborn", "gives-up-what-crashes"),
        ("resigned", "starts-anew-what-crashed"),
        ("stay", "empties-the-host"),
        ("sleepy", "goes-on-after-restarts"),
        ("brittle", "hostile-snapshots"),
        ("slow", "many-apps"),
    ];
    finds("broken-dea", &faults, false);
}

#[test]
fn a_manifest_that_says_otherwise_is_found() {
    let renamed = patched(
        guest("broken-router"),
        "\"name\":\"broken-router\"",
        "\"name\":\"another-name!\"",
    );
    let report = tested(&renamed);
    assert_eq!(failed(&report), ["describes-itself"], "{report:#?}");
}

#[test]
fn a_trap_is_a_failure_with_its_reason() {
    let report = tested(&guest("dea-trap"));
    let case = report
        .cases
        .iter()
        .find(|case| case.name == "starts-what-should-run");
    let why = case
        .and_then(|case| case.failure.as_deref())
        .unwrap_or_default();
    assert!(why.contains("trapped"), "{report:#?}");
}

#[test]
fn what_is_no_plugin_of_a_known_world_is_refused() {
    let refused = |wasm: &[u8]| run(wasm, |_| {}).expect_err("it is no plugin").to_string();
    assert!(refused(b"#!/bin/sh").contains("not a WebAssembly component"));
    assert!(refused(&guest("hello")).contains("muster:plugin"));
    let later = patched(
        guest("broken-router"),
        "router-plugin@0.1.0",
        "router-plugin@9.1.0",
    );
    let told = refused(&later);
    assert!(told.contains("@9.1.0") && told.contains("@0.1.0"), "{told}");
}

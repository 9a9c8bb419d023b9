//! Where a host's settings come from: flag before environment before file.

use std::fs;

use muster_api::status::Info;
use muster_e2e::{Host, HostOptions, free_address, refuse_to_serve};
use tempfile::TempDir;

#[tokio::test]
async fn flags_win_over_the_environment_and_that_over_the_file() {
    let folder = TempDir::new().expect("a temporary directory");
    let data_dir = folder.path().join("data");
    fs::create_dir(&data_dir).expect("a folder");
    let file = data_dir.join("host.toml");
    // The harness sets both addresses by flags, which nothing else may change.
    let text = "management = \"127.0.0.1:1\"\nname = \"from-the-file\"\napp_domain = \"from-the-file.test\"\nlog_format = \"json\"\n";
    fs::write(&file, text).expect("it can be written");
    let mut host = Host::start_with(HostOptions {
        data_dir: Some(data_dir.clone()),
        env: vec![
            ("MUSTER_APPS".to_owned(), "127.0.0.1:1".to_owned()),
            ("MUSTER_NAME".to_owned(), "from-the-environment".to_owned()),
        ],
        ..HostOptions::default()
    })
    .await;
    let info: Info = host.client().await.get("/info").await;
    assert_eq!(info.management, host.url(), "the flag says so");
    assert_eq!(
        info.apps,
        format!("http://{}", host.apps()),
        "the flag says so"
    );
    assert_eq!(info.name, "from-the-environment");
    assert_eq!(info.app_domain, "from-the-file.test");
    let last = host.log();
    let last = last.lines().last().expect("something is logged");
    assert!(last.starts_with('{'), "the file asks for JSON: {last}");
    assert!(host.stop().await.success());
}

#[tokio::test]
async fn a_file_with_a_mistake_is_refused_by_its_name_and_line() {
    let folder = TempDir::new().expect("a temporary directory");
    let data_dir = folder.path().join("data");
    fs::create_dir(&data_dir).expect("a folder");
    let file = data_dir.join("host.toml");
    let data_dir = data_dir.to_str().expect("temporary paths are text");
    let apps = free_address().to_string();
    for (text, told) in [
        (
            "name = \"edge\"\nmanagment = \"127.0.0.1:1\"\n",
            "managment",
        ),
        ("name = \"edge\"\napps = \"somewhere\"\n", "apps"),
        ("name = \"edge\"\nlog_format = \"xml\"\n", "xml"),
        ("name = \"edge\"\n= 1\n", "host.toml"),
    ] {
        fs::write(&file, text).expect("it can be written");
        let arguments = ["--data-dir", data_dir, "--apps", &apps];
        let refusal = refuse_to_serve(&arguments, &[]).await;
        assert_eq!(refusal.code, 2, "{refusal:?}");
        for part in [told, "host.toml", "line 2"] {
            assert!(refusal.told.contains(part), "{text}: {refusal:?}");
        }
        let files = fs::read_dir(data_dir).expect("it is there").count();
        assert_eq!(files, 1, "nothing was begun");
    }
}

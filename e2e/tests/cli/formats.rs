//! JSON and YAML, as the API says it.

use muster_api::{
    jobs::{Job, JobState},
    page::Page,
    routes::Route,
};
use muster_e2e::guest;
use serde_json::{Value, json};

use crate::person::logged_in;

#[tokio::test]
async fn every_command_speaks_json_and_yaml() {
    let (_host, client, person) = logged_in().await;
    client.push_component("shop", &guest("hello")).await;
    let jobs: Page<Job> = client.get("/jobs").await;
    let job = format!("job show {}", jobs.items[0].id);
    for (line, path) in [
        ("app list", "/apps"),
        ("app show shop", "/apps/shop"),
        ("app env shop", "/apps/shop/env"),
        ("app droplets shop", "/apps/shop/droplets"),
        ("app logs shop", "/apps/shop/logs"),
        ("route list", "/routes"),
        ("role list", "/roles"),
        ("role show router", "/roles/router"),
        ("job list", "/jobs"),
        (&job, &format!("/jobs/{}", jobs.items[0].id)),
        ("info", "/info"),
    ] {
        let api: Value = client.get(path).await;
        assert_eq!(person.json(line), api, "{line}");
        let yaml = person.run(&format!("{line} --output yaml")).good();
        let yaml: Value =
            serde_saphyr::from_str(&yaml).unwrap_or_else(|error| panic!("{line}: {error}: {yaml}"));
        assert_eq!(yaml, api, "{line}");
        // But for ages, which go on.
        let [told, usual] = [format!("{line} -o table"), line.to_owned()].map(|line| {
            let table = person.run(&line).good();
            let words: Vec<_> = table.split_whitespace().map(str::to_owned).collect();
            words
                .into_iter()
                .filter(|word| !is_age(word))
                .collect::<Vec<_>>()
        });
        assert_eq!(told, usual, "{line}");
    }
    // What changes something tells what came of it.
    let done: Job = serde_json::from_value(person.json("app scale shop --instances 2")).unwrap();
    assert_eq!(
        (done.kind.as_str(), done.state),
        ("scale", JobState::Succeeded)
    );
    let route: Route = serde_json::from_value(person.json("route add a.test --app shop")).unwrap();
    assert_eq!(route.host, "a.test");
    let status = person.json("status");
    assert_eq!(
        (&status["running"], &status["ready"]),
        (&json!(2), &json!(true))
    );
}

/// Such as `12s`.
fn is_age(word: &str) -> bool {
    word.strip_suffix(['s', 'm', 'h'])
        .is_some_and(|number| number.parse::<u32>().is_ok())
}

//! Pushing apps and looking after them.

use muster_api::apps::{AppDetail, DesiredState};
use muster_e2e::guest;
use reqwest::StatusCode;
use serde_json::json;

use crate::{person::logged_in, seen};

#[tokio::test]
async fn an_app_is_pushed_and_looked_after() {
    let (host, client, person) = logged_in().await;
    seen(
        "nothing-yet",
        &["app list", "route list", "job list"]
            .map(|line| person.run(line).good())
            .concat(),
    );

    person.write("shop/app.wasm", guest("hello"));
    person.write("shop/data/prices.csv", "tea,3\n");
    person.write("shop/draft.txt", "not yet");
    person.write("shop/.musterignore", "draft.txt\n");
    person.write(
        "shop/muster.toml",
        "name = \"shop\"\nroutes = [\"shop.test\", \"all.test/shop\"]\ninstances = 2\n\n\
         [env]\nGREETING = \"from the manifest\"\nPLACE = \"here\"\n\n[limits]\nmemory = \"48MiB\"\n",
    );
    let pushed = person.run("app push --path shop");
    assert_eq!(pushed.code, 0, "{pushed:?}");
    seen("app-push", &pushed.out);
    seen("app-push-progress", &pushed.err);
    assert_eq!(
        client.ask("shop.test", "/").await,
        (StatusCode::OK, "from the manifest\n".to_owned())
    );
    seen("app-list", &person.run("app list").good());
    seen("app-show", &person.run("app show shop").good());
    seen("app-env", &person.run("app env shop").good());
    seen("route-list", &person.run("route list").good());
    seen("app-droplets", &person.run("app droplets shop").good());
    let jobs = person.run("job list").good();
    seen("job-list", &jobs);
    let id = jobs
        .lines()
        .nth(2)
        .and_then(|line| line.split(' ').next())
        .unwrap();
    seen("job-show", &person.run(&format!("job show {id}")).good());
    seen(
        "job-show-of-the-past",
        &person.run(&format!("job show {id} --follow")).err,
    );

    // What the command line says goes before the manifest; what the host has
    // is not sent again.
    let again =
        person.run("app push --path shop --env GREETING=typed --memory 64MiB --instances 1");
    assert!(again.err.contains("Nothing to upload"), "{again:?}");
    again.good();
    let detail: AppDetail = client.get("/apps/shop").await;
    assert_eq!(
        (detail.app.instances, detail.app.settings.limits.memory.0),
        (1, 64 << 20)
    );
    let env = person.json("app env shop");
    assert_eq!(env["env"], json!({ "GREETING": "typed", "PLACE": "here" }));

    assert_eq!(
        person
            .run("app env shop --set GREETING=changed --unset PLACE")
            .good(),
        "Changed the environment of shop\n"
    );
    assert_eq!(person.run("app env shop").good(), "GREETING=changed\n");
    assert_eq!(
        person
            .run("app scale shop --instances 3 --memory 32MiB")
            .good(),
        "Scaled shop\n"
    );
    let detail: AppDetail = client.get("/apps/shop").await;
    assert_eq!(
        (detail.app.instances, detail.app.settings.limits.memory.0),
        (3, 32 << 20)
    );
    for (verb, line, state) in [
        ("stop", "Stopped shop\n", DesiredState::Stopped),
        ("start", "Started shop\n", DesiredState::Started),
        ("restart", "Restarted shop\n", DesiredState::Started),
    ] {
        assert_eq!(person.run(&format!("app {verb} shop")).good(), line);
        let detail: AppDetail = client.get("/apps/shop").await;
        assert_eq!(detail.app.state, state);
    }
    assert_eq!(person.run("app rollback shop").good(), "Rolled back shop\n");
    let droplets = person.json("app droplets shop");
    let [newer, older] = &droplets["items"].as_array().unwrap()[..] else {
        panic!("two pushes, two droplets: {droplets}");
    };
    assert_eq!(
        (&newer["current"], &older["current"]),
        (&json!(false), &json!(true))
    );
    let line = format!(
        "app rollback shop --droplet {}",
        newer["id"].as_str().unwrap()
    );
    person.run(&line).good();

    // One file, a name and flags are enough.
    person.write("single.wasm", guest("hello"));
    let pushed = person
        .run("app push lone --path single.wasm --route lone.test --route *.lone.test --no-start");
    assert_eq!(
        pushed.good(),
        format!("Pushed lone: http://lone.test:{}/\n", host.apps().port())
    );
    let detail: AppDetail = client.get("/apps/lone").await;
    assert_eq!(detail.app.state, DesiredState::Stopped);
}

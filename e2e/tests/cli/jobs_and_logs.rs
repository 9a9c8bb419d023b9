//! What goes on while somebody watches.

use std::{
    io::{BufRead, BufReader, Read},
    process::Child,
};

use muster_api::{
    jobs::{Job, JobState},
    page::Page,
};
use muster_e2e::{Client, eventually, guest};
use reqwest::Method;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    person::{Person, logged_in, ran},
    seen,
};

/// Lines of a process's output as they come.
struct Lines(BufReader<Box<dyn Read>>);

impl Lines {
    fn next(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("text");
        line
    }
}

fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a pid"), Signal::INT).expect("the process is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_are_shown_and_followed() {
    let (_host, client, person) = logged_in().await;
    client.push_component("shop", &guest("hello")).await;
    client.ask("shop.localhost", "/log?first").await;
    eventually("the request is in the log", async || {
        let ran = person.run("app logs shop").good();
        ran.contains("GET /log?first 200").then_some(())
    })
    .await;
    let shown = person.run("app logs shop").good();
    seen("app-logs", &shown);
    assert_eq!(
        person.run("app logs shop --tail 1").good().lines().count(),
        1
    );
    assert_eq!(person.run("app logs shop --tail 0").good(), "");

    let mut follower = person.start("app logs shop --follow --tail 1 -o json");
    let mut lines = Lines(BufReader::new(Box::new(follower.stdout.take().unwrap())));
    let last: Value = serde_json::from_str(&lines.next()).unwrap();
    assert_eq!(last["source"], "access");
    client.ask("shop.localhost", "/log?second").await;
    let next: Value = serde_json::from_str(&lines.next()).unwrap();
    assert_eq!(next["source"], "stdout");
    assert!(
        next["message"].as_str().unwrap().contains("/log?second"),
        "{next}"
    );
    interrupt(&follower);
    assert_eq!(ran(follower).code, 0, "to stop looking is no failure");
}

/// The files of an app whose first health check takes as long as it may.
fn slow_app(person: &Person) {
    person.write("slow/app.wasm", guest("hostile"));
    person.write(
        "slow/muster.toml",
        "name = \"slow\"\n\n[limits]\ntime = \"10m\"\n\n\
         [health]\npath = \"/sleep?ms=600000\"\ntimeout = \"10m\"\nfailures = 1\n",
    );
}

async fn newest_job(client: &Client) -> Job {
    let page: Page<Job> = client.get("/jobs?limit=1").await;
    page.items.into_iter().next().expect("there is a job")
}

/// Starts a push and waits until its roll-out is under way.
fn slow_push(person: &Person) -> (Child, Lines) {
    let mut push = person.start("app push --path slow");
    let mut lines = Lines(BufReader::new(Box::new(
        push.stderr.take().expect("it is piped"),
    )));
    while !lines.next().contains("starting 1 instance") {}
    (push, lines)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_waiting_for_a_job_leaves_it_at_work() {
    let (_host, client, person) = logged_in().await;
    slow_app(&person);
    let (push, mut lines) = slow_push(&person);
    interrupt(&push);
    assert_eq!(ran(push).code, 6);
    assert!(lines.next().contains("goes on on the host"));
    let job = newest_job(&client).await;
    assert_eq!(job.state, JobState::Running);

    // Somebody waits again while somebody else cancels.
    let waiting = person.start(&format!("job show {} --follow -o json", job.id));
    let told = person.run(&format!("job cancel {}", job.id)).good();
    assert_eq!(told, "Cancelled the push of slow\n");
    let waited: Job = serde_json::from_str(&ran(waiting).good()).unwrap();
    assert_eq!(waited.state, JobState::Cancelled);
    person.run(&format!("job cancel {}", job.id)).bad(1);

    // Whoever waits for a success hears that there will be none.
    let (push, mut lines) = slow_push(&person);
    let job = newest_job(&client).await;
    let _: Value = client
        .send(
            Method::POST,
            &format!("/jobs/{}/actions/cancel", job.id),
            &Value::Null,
        )
        .await;
    assert_eq!(ran(push).code, 6);
    let mut rest = String::new();
    while let line = lines.next()
        && !line.is_empty()
    {
        rest.push_str(&line);
    }
    assert!(rest.contains("error: the push was cancelled"), "{rest}");
}

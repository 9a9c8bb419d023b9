//! The command line against a real host: what people type, what they see, and
//! the exit codes that scripts rely on.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use muster_api::{
    apps::{App, AppDetail, DesiredState},
    jobs::{Job, JobState},
    page::Page,
    roles::{Role, RoleState},
    routes::Route,
};
use muster_e2e::{Client, Host, PASSWORD, eventually, guest, muster_binary};
use reqwest::{Method, StatusCode};
use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Somebody with a home of their own.
struct Person {
    home: TempDir,
    env: Vec<(String, String)>,
}

/// What a command left behind.
#[derive(Debug)]
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// Standard output of a command that must have succeeded.
    fn good(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Standard error of a command that must have failed so: with nothing on
    /// standard output, and a next step.
    fn bad(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{self:?}");
        let told = self.err.lines().any(|line| line.starts_with("error: "));
        assert!(told, "{self:?}");
        self.err
    }
}

impl Person {
    fn new() -> Self {
        let home = TempDir::new().expect("a temporary directory");
        Self {
            home,
            env: Vec::new(),
        }
    }

    /// The same person with a variable set.
    fn with(&mut self, name: &str, value: &str) -> &mut Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    fn contexts(&self) -> PathBuf {
        self.home.path().join("config/muster/contexts.json")
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(muster_binary());
        command
            .args(line.split(' '))
            .env_clear()
            .env("HOME", self.home.path())
            .env("XDG_CONFIG_HOME", self.home.path().join("config"))
            .envs(self.env.iter().cloned())
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn start(&self, line: &str) -> Child {
        self.command(line).spawn().expect("the binary was built")
    }

    /// Runs `muster` with these words.
    fn run(&self, line: &str) -> Ran {
        ran(self.start(line))
    }

    /// Runs `muster` with that on standard input.
    fn run_with(&self, line: &str, input: &str) -> Ran {
        let mut command = self.command(line);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("it runs");
        let mut stdin = child.stdin.take().expect("it is piped");
        stdin.write_all(input.as_bytes()).expect("it is read");
        drop(stdin);
        ran(child)
    }

    fn login(&self, host: &Host) {
        let line = format!("login --url {} --user admin --password-stdin", host.url());
        self.run_with(&line, &format!("{PASSWORD}\n")).good();
    }

    /// What a command says as JSON.
    fn json(&self, line: &str) -> Value {
        let out = self.run(&format!("{line} -o json")).good();
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{line}: {error}: {out}"))
    }

    /// Writes a file below the home.
    fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.home.path().join(path);
        fs::create_dir_all(path.parent().expect("it is in the home")).expect("a directory");
        fs::write(path, content).expect("a file");
    }
}

fn ran(child: Child) -> Ran {
    let output = child.wait_with_output().expect("it ends");
    Ran {
        code: output.status.code().expect("it was not killed"),
        out: String::from_utf8(output.stdout).expect("text"),
        err: String::from_utf8(output.stderr).expect("text"),
    }
}

async fn logged_in() -> (Host, Client, Person) {
    let host = Host::start().await;
    let client = host.client().await;
    let person = Person::new();
    person.login(&host);
    (host, client, person)
}

/// Compares with a snapshot, without what differs from run to run.
fn seen(name: &str, text: &str) {
    let filters = [
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "[id]",
        ),
        (r"[0-9a-f]{64}", "[digest]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[time]"),
        (r":\d{4,5}\b", ":[port]"),
        (r"\d+(\.\d+)? [KM]iB\b", "[size]"),
        (r"\d+ bytes", "[bytes]"),
        (r"\d+ interfaces", "[count] interfaces"),
        (r"@0\.2\.\d+", "@0.2.[patch]"),
        (r"\d+\.\dms", "[took]"),
        (r"( {3,})\d+[smhd]\b", "$1[age]"),
        (r"─+", "─"),
        (r"  +", "  "),
    ];
    insta::with_settings!({ filters => filters.to_vec() }, {
        insta::assert_snapshot!(name, text);
    });
}

#[tokio::test]
async fn a_login_is_kept_where_only_its_owner_looks() {
    let host = Host::start().await;
    let mut person = Person::new();
    let refused = person.run("app list").bad(4);
    assert!(refused.contains("muster login"), "{refused}");

    let login = format!("login --url {}/ --user admin --password-stdin", host.url());
    for (input, code) in [("wrong", 4), ("", 2), ("\n", 2)] {
        person.run_with(&login, input).bad(code);
        assert!(!person.contexts().exists());
    }
    // Nobody types, and nothing is piped on purpose.
    person
        .run(&format!("login --url {} --user admin", host.url()))
        .bad(2);
    seen("login", &person.run_with(&login, PASSWORD).good());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&person.contexts()), 0o600);
    assert_eq!(mode(person.contexts().parent().unwrap()), 0o700);
    let kept = fs::read_to_string(person.contexts()).unwrap();
    assert!(!kept.contains(PASSWORD), "the password is kept");

    seen("context-list", &person.run("context list").good());
    seen("context-show", &person.run("context show").good());
    let shown = person.json("context show");
    assert_eq!(shown["logged_in"], true);
    assert!(
        !shown.to_string().contains("eyJ"),
        "tokens are shown: {shown}"
    );

    // A second context is in use at once; the first can be asked for.
    let other = Host::start().await;
    let line = format!(
        "login --context other --url {} --user admin --password-stdin",
        other.url()
    );
    person.run_with(&line, PASSWORD).good();
    let at =
        |person: &Person, line: &str| person.json(line)["management"].as_str().map(str::to_owned);
    assert_eq!(at(&person, "info"), Some(other.url()));
    assert_eq!(at(&person, "info --context default"), Some(host.url()));
    person.run("context use default").good();
    assert_eq!(at(&person, "info"), Some(host.url()));
    person.run("info --context nowhere").bad(3);
    person.run("context use nowhere").bad(3);
    person.run("context remove other").bad(6);
    person.run("context remove other --yes").good();
    person.run("context show other").bad(3);

    person.run("logout").good();
    let refused = person.run("info").bad(4);
    let again = format!(
        "muster login --url {} --user admin --context default",
        host.url()
    );
    assert!(refused.contains(&again), "{refused}");
    person.login(&host);

    // The variables go before the context in use, and after one that is named.
    let token = kept_tokens(&person)["access"].as_str().unwrap().to_owned();
    let nobody = "http://127.0.0.1:9";
    person.with("MUSTER_URL", &other.url());
    let refused = person.run("info").bad(4);
    assert!(refused.contains(&other.url()), "{refused}");
    assert_eq!(at(&person, "info --context default"), Some(host.url()));
    person.with("MUSTER_TOKEN", &token);
    // A token of one host is not good for another.
    let refused = person.run("info").bad(4);
    assert!(refused.contains("MUSTER_TOKEN"), "{refused}");
    person.with("MUSTER_URL", &host.url());
    assert_eq!(at(&person, "info"), Some(host.url()));
    // With both, no home is needed at all.
    fs::remove_file(person.contexts()).unwrap();
    assert_eq!(at(&person, "info"), Some(host.url()));
    person.with("MUSTER_TOKEN", "not-a-token");
    person.run("info").bad(4);
    person.with("MUSTER_URL", nobody);
    let gone = person.run("info").bad(5);
    assert!(gone.contains(nobody) && gone.contains("hint: "), "{gone}");
    person.with("MUSTER_URL", "ftp://host");
    person.run("info").bad(2);
}

/// The tokens of the context that is in use.
fn kept_tokens(person: &Person) -> Value {
    let kept: Value = serde_json::from_slice(&fs::read(person.contexts()).unwrap()).unwrap();
    kept["contexts"][kept["current"].as_str().unwrap()]["tokens"].clone()
}

#[tokio::test]
async fn a_login_renews_itself_and_ends_when_it_must() {
    let (_host, _client, person) = logged_in().await;
    let expire = || {
        let mut kept: Value =
            serde_json::from_slice(&fs::read(person.contexts()).unwrap()).unwrap();
        kept["contexts"]["default"]["tokens"]["expires_at"] = json!("2020-01-01T00:00:00Z");
        fs::write(person.contexts(), kept.to_string()).unwrap();
    };
    let old = kept_tokens(&person);
    person.run("info").good();
    assert_eq!(
        kept_tokens(&person),
        old,
        "good tokens are renewed for no reason"
    );
    expire();
    person.run("info").good();
    let new = kept_tokens(&person);
    assert_ne!(new["refresh"], old["refresh"]);
    let mode = fs::metadata(person.contexts())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    // Commands that run at the same time share one renewal: a refresh token
    // that is used twice would end the login.
    for _ in 0..3 {
        expire();
        let all: Vec<Child> = (0..6).map(|_| person.start("info")).collect();
        for child in all {
            ran(child).good();
        }
    }
    person.run("info").good();

    // An access token that the host does not take is renewed as well.
    let mut kept: Value = serde_json::from_slice(&fs::read(person.contexts()).unwrap()).unwrap();
    kept["contexts"]["default"]["tokens"]["access"] = json!("spoilt");
    fs::write(person.contexts(), kept.to_string()).unwrap();
    person.run("info").good();

    kept["contexts"]["default"]["tokens"] = old;
    fs::write(person.contexts(), kept.to_string()).unwrap();
    expire();
    let ended = person.run("info").bad(4);
    assert!(
        ended.contains("your login has ended") && ended.contains("muster login --url"),
        "{ended}"
    );
}

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

#[tokio::test]
async fn routes_and_roles_are_managed() {
    let (host, client, person) = logged_in().await;
    client.push_component("shop", &guest("hello")).await;
    client.push_component("next", &guest("hello")).await;
    let port = host.apps().port();
    for (line, told) in [
        (
            "add a.test --app shop",
            format!("http://a.test:{port}/ goes to shop\n"),
        ),
        (
            "add A.test/ --app next --weight 10 --sticky",
            format!("http://a.test:{port}/ goes to next\n"),
        ),
        (
            "add *.test/x --app shop",
            "*.test/x goes to shop\n".to_owned(),
        ),
        (
            "add old.test --redirect https://new.test --status 301 --keep-path",
            format!("http://old.test:{port}/ goes to https://new.test\n"),
        ),
    ] {
        assert_eq!(person.run(&format!("route {line}")).good(), told);
    }
    seen("routes", &person.run("route list").good());
    let conflict = person.run("route add a.test --redirect /x").bad(1);
    assert!(conflict.contains("hint: remove it first"), "{conflict}");
    person.run("route add a.test --app nobody").bad(3);
    person.run("route add a..test --app shop").bad(1);
    person.run("route add a.test").bad(2);

    let before: Page<Route> = client.get("/routes").await;
    let refused = person.run("route remove a.test").bad(6);
    seen("route-remove-refused", &refused);
    seen(
        "route-remove-dry-run",
        &person
            .run("route remove a.test --app next --dry-run")
            .good(),
    );
    let after: Page<Route> = client.get("/routes").await;
    assert_eq!(after, before);
    assert_eq!(
        person.run("route remove a.test --app next --yes").good(),
        "Removed next from the route a.test\n"
    );
    assert_eq!(
        person.run("route remove A.Test/ -y").good(),
        "Removed the route A.Test/\n"
    );
    person.run("route remove a.test --yes").bad(3);
    person.run("route remove *.test/x --app next --yes").bad(3);

    seen("role-list", &person.run("role list").good());
    seen("role-info", &person.run("role info router").good());
    let refused = person.run("role remove router").bad(6);
    seen("role-remove-refused", &refused);
    person.run("role remove router --dry-run").good();
    let role: Role = client.get("/roles/router").await;
    assert_eq!(role.state, RoleState::Running);
    assert_eq!(
        person.run("role remove router --yes").good(),
        "Removed the role router\n"
    );
    let role: Role = client.get("/roles/router").await;
    assert_eq!(role.state, RoleState::Absent);
    assert_eq!(
        person.run("role add router").good(),
        "The host has the role router (router 0.1.0)\n"
    );
    person.write("fixed.wasm", guest("router-fixed"));
    assert_eq!(
        person.run("role add router --component fixed.wasm").good(),
        "The host has the role router (router-fixed 0.1.0)\n"
    );
    person.write("empty.wasm", "");
    person.run("role add router --component empty.wasm").bad(2);
    person.run("role add router --component gone.wasm").bad(2);
    person.write("note.txt", "no plugin");
    let refused = person.run("role add router --component note.txt").bad(1);
    assert!(refused.contains("not a WebAssembly component"), "{refused}");
    person.run("role info harbor").bad(3);
    person.run("role remove base --yes").bad(1);
    person.run("role add router").good();

    let machine = person.json("info")["name"].as_str().unwrap().to_owned();
    let status = person.run("status").good();
    seen("status", &status.replacen(&machine, "[machine]", 1));
    let info = person.run("info").good();
    let (info, _) = info
        .split_once("offered")
        .expect("what is offered is told last");
    seen("info", &info.replacen(&machine, "[machine]", 1));
}

#[tokio::test]
async fn an_app_goes_only_when_somebody_means_it() {
    let (_host, client, person) = logged_in().await;
    client.push_component("shop", &guest("hello")).await;
    let refused = person.run("app delete shop").bad(6);
    seen("app-delete-refused", &refused);
    seen(
        "app-delete-dry-run",
        &person.run("app delete shop --dry-run").good(),
    );
    person.run("app delete shop --dry-run --yes").bad(2);
    // A pipe is nobody at a terminal, whatever it says.
    person.run_with("app delete shop", "y\n").bad(6);
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
    let plan = person.json("app delete shop --dry-run");
    assert_eq!(plan["done"], false);
    let done = person.json("app delete shop --yes");
    assert_eq!(
        (&done["removes"], &done["done"]),
        (&plan["removes"], &json!(true))
    );
    person.run("app delete shop --yes").bad(3);
    let page: Page<App> = client.get("/apps").await;
    assert!(page.items.is_empty());
}

/// Runs a command at a terminal where somebody answers its question so. Gives
/// the exit code and what was on the terminal.
fn asked(person: &Person, line: &str, answer: &str) -> (i32, String) {
    let mut terminal = File::from(openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap());
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new())
        .unwrap()
        .into_string()
        .unwrap();
    let end = || File::options().read(true).write(true).open(&name).unwrap();
    let mut command = person.command(line);
    let mut child = command.stdin(end()).stderr(end()).spawn().unwrap();
    // Its ends of the terminal belong to the child alone.
    drop(command);
    let mut seen = String::new();
    let mut part = [0; 1024];
    let mut answered = false;
    // At the last end's closing, a terminal says so by an error.
    while let Ok(length @ 1..) = terminal.read(&mut part) {
        seen.push_str(&String::from_utf8_lossy(&part[..length]));
        if !answered && seen.contains("[y/N] ") {
            terminal.write_all(answer.as_bytes()).unwrap();
            answered = true;
        }
    }
    let code = child.wait().unwrap().code().expect("it was not killed");
    (code, seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_at_a_terminal_is_asked() {
    let (_host, client, person) = logged_in().await;
    client.push_component("shop", &guest("hello")).await;
    for answer in ["n\n", "\n", "maybe\n", "yes please\n"] {
        let (code, seen) = asked(&person, "app delete shop", answer);
        assert_eq!(code, 6, "{answer:?}: {seen}");
        assert!(
            seen.contains("  the app shop\r\n"),
            "the plan is shown first: {seen}"
        );
        assert!(seen.contains("you said no, and nothing was done"), "{seen}");
        assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
    }
    let (code, seen) = asked(&person, "app delete shop", "Y\n");
    assert_eq!(code, 0, "{seen}");
    let page: Page<App> = client.get("/apps").await;
    assert!(page.items.is_empty(), "{page:?}");
}

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
        ("role info router", "/roles/router"),
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
        assert_eq!(
            person.run(&format!("{line} -o table")).good(),
            person.run(line).good(),
            "{line}"
        );
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

#[tokio::test]
async fn mistakes_have_exit_codes_and_a_next_step() {
    let (_host, client, person) = logged_in().await;
    client.push_component("shop", &guest("hello")).await;
    person.write("note/note.txt", "just words");
    person.write("bad/muster.toml", "name = \"bad\"\nroute = [\"a\"]\n");
    person.write("bad/index.html", "<p>");
    person.write("empty/.git/config", "");
    person.write("index.html", "<p>");
    for (line, code, told) in [
        ("", 2, "Usage: muster"),
        ("fly", 2, "unrecognized subcommand 'fly'"),
        ("app", 2, "Usage: muster app"),
        ("app show", 2, "<NAME>"),
        ("app list --all", 2, "unexpected argument '--all'"),
        ("app list -o xml", 2, "invalid value 'xml'"),
        ("app scale shop", 2, "--instances"),
        ("app scale shop --instances many", 2, "invalid value 'many'"),
        (
            "app scale shop --instances 1001",
            1,
            "out of bounds: 0 to 1000",
        ),
        ("app env shop --set A", 2, "NAME=VALUE"),
        (
            "app env shop --unset GONE",
            1,
            "there is no variable 'GONE'",
        ),
        ("app logs shop --tail 10001", 2, "10001 is not in 0..=10000"),
        ("app show nobody", 3, "there is no app 'nobody'"),
        ("app stop nobody", 3, "there is no app 'nobody'"),
        ("app logs nobody -f", 3, "there is no app 'nobody'"),
        ("app rollback shop", 1, "no droplet before the current one"),
        ("job show 17", 2, "invalid value '17'"),
        (
            "job show 0199d1a2-0000-7000-8000-000000000000",
            3,
            "there is no job",
        ),
        ("app push --path index.html", 2, "the app has no name"),
        ("app push Shop --path index.html", 2, "lower-case letter"),
        ("app push shop --path gone", 2, "gone"),
        ("app push shop --path empty", 2, "holds nothing to push"),
        ("app push --path bad", 2, "muster.toml, line 2"),
        (
            "app push shop --path note",
            1,
            "note.txt is text, not a WebAssembly component",
        ),
        (
            "app push shop --path index.html --route http://a",
            1,
            "routes.0",
        ),
        (
            "app push shop --path index.html --memory 1KiB",
            1,
            "limits.memory",
        ),
    ] {
        let line = if line.is_empty() {
            "--output=table"
        } else {
            line
        };
        let ran = person.run(line);
        assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{line}: {ran:?}");
        assert!(ran.err.contains(told), "{line}: {ran:?}");
    }
    // A push that is rejected says why, and leaves what runs alone.
    seen(
        "app-push-rejected",
        &person.run("app push shop --path note").err,
    );
    assert_eq!(client.ask("shop.localhost", "/").await.0, StatusCode::OK);
    assert!(person.run("--version").good().starts_with("muster 0."));
    assert!(person.run("completion bash").good().contains("complete -F"));
    for line in ["--help", "help app push", "serve --help"] {
        assert!(person.run(line).good().contains("Usage: muster"), "{line}");
    }
}

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
    let mut lines = Lines(BufReader::new(Box::new(push.stderr.take().unwrap())));
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

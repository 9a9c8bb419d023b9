//! `cargo xtask run`: a host with a sample app, ready to play with.

use std::{fs, net::Ipv4Addr, path::Path, process::ExitCode};

use anyhow::{Result, bail};

use crate::{
    build::{self, Profile},
    host::{Host, Signals, exit_code},
    listeners::{Listeners, reachable, value_of, without},
    password,
    project::Project,
    sample::{self, Client},
    step::Steps,
};

/// Builds everything, starts a host, pushes the sample app, prints how to reach
/// them, and stays until the host ends.
///
/// # Errors
/// If a build, the start or the push fails.
pub fn run(project: &Project, debug: bool, arguments: &[String]) -> Result<ExitCode> {
    let listeners = Listeners::from_args(arguments)?;
    if value_of(arguments, "--data-dir").is_some() {
        bail!(
            "`cargo xtask run` keeps its data in target/run/data: to use another folder, call `muster serve` yourself"
        );
    }
    listeners.check_free()?;
    let profile = Profile::from_flag(debug);
    let mut steps = Steps::new(build::STEPS + 2);
    let binary = build::all(project, profile, &mut steps)?;

    let data = project.path("target/run/data");
    fs::create_dir_all(project.path("target/run"))?;
    let password = password::settle(&project.path("target/run/password"), &data)?;
    let signals = Signals::take()?;
    let mut arguments = without(arguments, &["--management", "--apps"]);
    arguments.extend(listeners.to_args());
    let mut host = Host::start(&binary, &data, &arguments, &password)?;
    let ready = steps
        .step("start the host", |step| {
            host.wait_ready(listeners.management, step)
        })
        .and_then(|()| {
            steps.step("push the sample app", |step| {
                let folder =
                    sample::stage(project, &project.path("target/run").join(sample::NAME))?;
                let client = Client {
                    binary: &binary,
                    config_home: None,
                };
                client.login(&listeners, &password, step)?;
                client.push(&folder, step)
            })
        });
    if let Err(error) = ready {
        if signals.arrived() {
            return Ok(ExitCode::from(exit_code(host.wait(&signals)?)));
        }
        return Err(error);
    }
    print!("{}", card(profile.binary(), &listeners, &password));
    host.show_output();
    Ok(ExitCode::from(exit_code(host.wait(&signals)?)))
}

fn card(binary: &Path, listeners: &Listeners, password: &str) -> String {
    let muster = Path::new(".").join(binary);
    let muster = muster.display();
    let apps = reachable(listeners.apps);
    let app = format!("http://{}:{}/", sample::HOST, apps.port());
    let call = if apps.ip() == Ipv4Addr::LOCALHOST {
        format!("curl {app}")
    } else {
        // Names below `localhost` resolve to 127.0.0.1.
        format!(
            "curl --resolve {}:{}:{} {app}",
            sample::HOST,
            apps.port(),
            apps.ip()
        )
    };
    format!(
        "
Muster runs.

  API        {url}/
  {name}      {app}
  user       {user}
  password   {password}

Try, in another terminal:

  {call}
  {muster} app list
  {muster} app logs {name} --follow
  {muster} app scale {name} --instances 3

Ctrl-C stops it; what it holds stays in target/run.

",
        name = sample::NAME,
        user = sample::USER,
        url = listeners.url(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_card_follows_the_listeners() {
        let listeners = Listeners {
            management: "127.0.0.2:1".parse().unwrap(),
            apps: "127.0.0.3:2".parse().unwrap(),
        };
        let card = card(Profile::Release.binary(), &listeners, "secret");
        assert!(card.contains("http://127.0.0.2:1/"), "{card}");
        assert!(
            card.contains("hello      http://hello.localhost:2/\n"),
            "{card}"
        );
        assert!(
            card.contains("--resolve hello.localhost:2:127.0.0.3 "),
            "{card}"
        );
        assert!(card.contains("./target/release/muster app list"), "{card}");
    }
}

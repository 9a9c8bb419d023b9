//! The suite of the droplet execution agent's world.

mod simulated;

use muster_engine::plugin::{
    Plugin,
    execution::{DeaWorld, Desired, Share, Snapshot, State},
};

use self::simulated::{Host, desired, instance, share};
use crate::{
    bench::{Bench, Check, Fault, Verdict, ensure, hostile_texts},
    lifecycle::Subject,
};

/// How many rounds a host may need to get to what should be.
const PATIENCE: u32 = 40;
/// The same where the plugin may space out restarts: ten minutes and more.
const LONG_PATIENCE: u32 = 1_000;

impl Subject for DeaWorld {
    const ROUNDS: u32 = 100;

    fn settle(_: &mut Plugin<Self>) -> Verdict {
        // Whatever it is told comes with each snapshot.
        Ok(())
    }

    fn probe(plugin: &mut Plugin<Self>) -> Result<Vec<String>, Fault> {
        let snapshots = [
            Snapshot {
                now_ms: 5_000,
                evacuating: false,
                desired: vec![desired("a", Some(share(1, &[0, 1])), None)],
                instances: vec![instance("i", "a", 1, 0, State::Running)],
            },
            Snapshot {
                now_ms: 6_000,
                evacuating: false,
                desired: vec![desired("a", Some(share(1, &[0])), Some(share(2, &[0])))],
                instances: vec![
                    instance("i", "a", 1, 0, State::Running),
                    instance("j", "a", 2, 0, State::Running),
                    instance("k", "gone", 1, 0, State::Running),
                ],
            },
        ];
        let mut words = Vec::new();
        for snapshot in snapshots {
            words.push(format!("{:?}", plugin.decide(&snapshot)?.actions));
        }
        Ok(words)
    }

    fn checks() -> Vec<Check<Self>> {
        vec![
            Check {
                name: "starts-what-should-run",
                about: "starts each instance once, and is content when all run",
                run: starts_what_should_run,
            },
            Check {
                name: "follows-the-scale",
                about: "stops what is too much, starts what lacks, and clears apps that are gone",
                run: follows_the_scale,
            },
            Check {
                name: "rolls-out-without-a-gap",
                about: "ends a roll-out once all run, with something running at any time",
                run: rolls_out_without_a_gap,
            },
            Check {
                name: "gives-up-what-crashes",
                about: "gives a roll-out up whose instances crash, and keeps what served before",
                run: gives_up_what_crashes,
            },
            Check {
                name: "starts-anew-what-crashed",
                about: "starts again what crashed, within ten minutes",
                run: starts_anew_what_crashed,
            },
            Check {
                name: "empties-the-host",
                about: "starts nothing and stops everything while the host is being emptied",
                run: empties_the_host,
            },
            Check {
                name: "goes-on-after-restarts",
                about: "gets there although it is made anew before each decision",
                run: goes_on_after_restarts,
            },
            Check {
                name: "hostile-snapshots",
                about: "survives any snapshot, and decides on nothing that is not in it",
                run: hostile_snapshots,
            },
            Check {
                name: "many-apps",
                about: "decides on 2,000 apps within its limits",
                run: many_apps,
            },
        ]
    }
}

/// Lets a host go on until it has what it should, and looks whether the plugin
/// then leaves it alone.
fn arrive(host: &mut Host, plugin: &mut Plugin<DeaWorld>, patience: u32) -> Verdict {
    for _ in 0..patience {
        host.step(plugin)?;
        if host.has_what_it_should() {
            let late = host.step(plugin)?;
            ensure!(
                late == 0,
                "all is as it should be, and it still decides on {late} actions"
            );
            return Ok(());
        }
    }
    Err(Fault(format!(
        "after {patience} rounds the host has {}, and should have {}",
        host.present(),
        host.wanted()
    )))
}

fn starts_what_should_run(bench: &Bench<DeaWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    let mut host = Host::default();
    let idle = host.step(&mut plugin)?;
    ensure!(
        idle == 0,
        "it decides on {idle} actions for a host without apps"
    );
    host.desired = vec![
        desired("a", Some(share(3, &[0, 1, 2])), None),
        desired("b", Some(share(1, &[4, 7])), None),
        desired("nothing-here", Some(share(1, &[])), None),
    ];
    arrive(&mut host, &mut plugin, PATIENCE)
}

fn follows_the_scale(bench: &Bench<DeaWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    let mut host = Host::default();
    for indexes in [&[0, 1, 2][..], &[0], &[], &[1, 5], &[0, 1, 2, 3, 4, 5]] {
        host.desired = vec![desired("a", Some(share(1, indexes)), None)];
        arrive(&mut host, &mut plugin, PATIENCE)?;
    }
    host.desired = vec![];
    arrive(&mut host, &mut plugin, PATIENCE)
}

/// A host on which an app runs.
fn serving(plugin: &mut Plugin<DeaWorld>) -> Result<Host, Fault> {
    let mut host = Host {
        desired: vec![desired("a", Some(share(1, &[0, 1])), None)],
        ..Host::default()
    };
    arrive(&mut host, plugin, PATIENCE)?;
    Ok(host)
}

fn rolls_out_without_a_gap(bench: &Bench<DeaWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    let mut host = serving(&mut plugin)?;
    host.desired[0].next = Some(share(2, &[0, 1, 2]));
    for _ in 0..PATIENCE {
        host.step(&mut plugin)?;
        ensure!(
            host.running("a") > 0,
            "in the middle of a roll-out nothing of the app runs"
        );
        if host.has_what_it_should() {
            ensure!(
                host.failed.is_empty(),
                "it gives the roll-out up: {:?}",
                host.failed
            );
            return Ok(());
        }
    }
    Err(Fault(format!(
        "after {PATIENCE} rounds the roll-out has not ended; the host has {}",
        host.present()
    )))
}

fn gives_up_what_crashes(bench: &Bench<DeaWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    let mut host = serving(&mut plugin)?;
    host.desired[0].next = Some(share(2, &[0, 1]));
    host.crashing = Some(2);
    for _ in 0..LONG_PATIENCE {
        host.step(&mut plugin)?;
        ensure!(
            host.running("a") > 0,
            "what served before does not run any more"
        );
        if host.has_what_it_should() {
            ensure!(
                host.failed.len() == 1,
                "it ends the roll-out as if its instances ran"
            );
            return Ok(());
        }
    }
    Err(Fault(format!(
        "after {LONG_PATIENCE} seconds the roll-out has not been given up; the host has {}",
        host.present()
    )))
}

fn starts_anew_what_crashed(bench: &Bench<DeaWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    let mut host = serving(&mut plugin)?;
    for _ in 0..3 {
        host.crash("a", "out of memory");
        arrive(&mut host, &mut plugin, LONG_PATIENCE)?;
    }
    Ok(())
}

fn empties_the_host(bench: &Bench<DeaWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    let mut host = serving(&mut plugin)?;
    host.evacuating = true;
    for _ in 0..PATIENCE {
        host.step(&mut plugin)?;
        if host.instances.is_empty() {
            return Ok(());
        }
    }
    Err(Fault(format!(
        "after {PATIENCE} rounds the host has {}",
        host.present()
    )))
}

fn goes_on_after_restarts(bench: &Bench<DeaWorld>) -> Verdict {
    let mut host = serving(&mut bench.started()?)?;
    host.desired[0].next = Some(share(2, &[0, 1]));
    for _ in 0..PATIENCE {
        host.step(&mut bench.started()?)?;
        if host.has_what_it_should() {
            return Ok(());
        }
    }
    Err(Fault(format!(
        "after {PATIENCE} rounds the host has {}, and should have {}",
        host.present(),
        host.wanted()
    )))
}

fn hostile_snapshots(bench: &Bench<DeaWorld>) -> Verdict {
    let states = [
        State::Starting,
        State::Running,
        State::Stopping,
        State::Crashed,
    ];
    for text in hostile_texts() {
        for (now, since) in [(0, 0), (0, u64::MAX), (u64::MAX, 0), (u64::MAX, u64::MAX)] {
            let mut host = Host {
                now,
                desired: vec![
                    desired(
                        &text,
                        Some(share(u64::MAX, &[0, u32::MAX])),
                        Some(share(0, &[0])),
                    ),
                    desired("none", None, None),
                    desired("same", Some(share(1, &[0])), Some(share(1, &[0]))),
                ],
                ..Host::default()
            };
            for (number, state) in states.into_iter().enumerate() {
                let id = format!("{number}{text}");
                for (app, release) in [(text.as_str(), u64::MAX), ("unknown", 0), ("none", 1)] {
                    let mut odd = instance(&format!("{app}-{id}"), app, release, u32::MAX, state);
                    odd.since_ms = since;
                    odd.reason = Some(text.clone());
                    host.instances.push(odd);
                }
            }
            let mut plugin = bench.started()?;
            host.decide(&mut plugin)?;
            host.evacuating = true;
            host.decide(&mut plugin)?;
        }
    }
    Ok(())
}

fn many_apps(bench: &Bench<DeaWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    let all = |indexes: &[u32]| -> Vec<Desired> {
        let share = || -> Share { share(1, indexes) };
        (0..2_000)
            .map(|number| desired(&format!("app-{number:04}"), Some(share()), None))
            .collect()
    };
    let mut host = Host {
        desired: all(&[0, 1]),
        ..Host::default()
    };
    arrive(&mut host, &mut plugin, PATIENCE)?;
    host.desired = all(&[0]);
    arrive(&mut host, &mut plugin, PATIENCE)
}

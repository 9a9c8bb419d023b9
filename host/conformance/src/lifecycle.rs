//! What every plugin has to do, whatever its role.

use muster_engine::plugin::{Health, Plugin, RoleWorld};

use crate::bench::{Bench, Check, Fault, Verdict, ensure};

/// By how much the memory of a plugin may grow that does the same over and over.
const SLACK: u64 = 1 << 20;

/// A world that has a suite.
pub(crate) trait Subject: RoleWorld {
    /// How often the same is done, to see what that takes.
    const ROUNDS: u32;

    /// Tells an instance what there is.
    fn settle(plugin: &mut Plugin<Self>) -> Verdict;

    /// What an instance decides then, in words: the same each time.
    fn probe(plugin: &mut Plugin<Self>) -> Result<Vec<String>, Fault>;

    /// What the contract says of the role's own work.
    fn checks() -> Vec<Check<Self>>;
}

/// The cases that are the same for every world.
pub(crate) fn checks<W: Subject>() -> Vec<Check<W>> {
    vec![
        Check {
            name: "describes-itself",
            about: "says the name and version of its manifest, whatever it has done",
            run: describes_itself,
        },
        Check {
            name: "starts-well",
            about: "starts, and is not failing then",
            run: starts_well,
        },
        Check {
            name: "reconciles-again",
            about: "does its housekeeping any number of times, and decides as before",
            run: reconciles_again,
        },
        Check {
            name: "restarts-in-the-middle",
            about: "decides the same in an instance that takes the place of a dropped one",
            run: restarts_in_the_middle,
        },
        Check {
            name: "stops",
            about: "stops, also before it has done anything",
            run: stops,
        },
        Check {
            name: "holds-its-memory",
            about: "needs no more memory for doing the same again and again",
            run: holds_its_memory,
        },
    ]
}

fn describes_itself<W: Subject>(bench: &Bench<W>) -> Verdict {
    let manifest = bench.manifest();
    let wanted = (manifest.name.clone(), manifest.version.clone());
    let mut plugin = bench.instance()?;
    let agrees = |plugin: &mut Plugin<W>, when: &str| -> Verdict {
        let (name, version) = plugin.describe()?;
        ensure!(
            (&name, &version) == (&wanted.0, &wanted.1),
            "{when} it calls itself {name} {version}, its manifest says {} {}",
            wanted.0,
            wanted.1
        );
        Ok(())
    };
    agrees(&mut plugin, "before its start")?;
    plugin.start()?;
    W::settle(&mut plugin)?;
    agrees(&mut plugin, "at work")
}

fn starts_well<W: Subject>(bench: &Bench<W>) -> Verdict {
    let mut plugin = bench.started()?;
    for when in ["after its start", "at work"] {
        if let Health::Failing(why) = plugin.health()? {
            return Err(Fault(format!("{when} it says that it is failing: {why}")));
        }
        W::settle(&mut plugin)?;
    }
    Ok(())
}

fn reconciles_again<W: Subject>(bench: &Bench<W>) -> Verdict {
    let mut plugin = bench.started()?;
    // A host may do so before it has told anything.
    plugin.reconcile()?;
    W::settle(&mut plugin)?;
    let before = W::probe(&mut plugin)?;
    for _ in 0..W::ROUNDS {
        plugin.reconcile()?;
    }
    same(&before, &W::probe(&mut plugin)?, "after its housekeeping")
}

fn restarts_in_the_middle<W: Subject>(bench: &Bench<W>) -> Verdict {
    let mut dropped = bench.started()?;
    W::settle(&mut dropped)?;
    let before = W::probe(&mut dropped)?;
    drop(dropped);
    let mut plugin = bench.started()?;
    W::settle(&mut plugin)?;
    same(&before, &W::probe(&mut plugin)?, "after a restart")
}

fn stops<W: Subject>(bench: &Bench<W>) -> Verdict {
    bench.started()?.stop()?;
    let mut plugin = bench.started()?;
    W::settle(&mut plugin)?;
    W::probe(&mut plugin)?;
    plugin.stop()?;
    Ok(())
}

fn holds_its_memory<W: Subject>(bench: &Bench<W>) -> Verdict {
    let mut plugin = bench.started()?;
    let mut early = 0;
    for round in 0..W::ROUNDS {
        W::settle(&mut plugin)?;
        W::probe(&mut plugin)?;
        if round == W::ROUNDS / 4 {
            early = plugin.memory();
        }
    }
    let late = plugin.memory();
    ensure!(
        late <= early + SLACK,
        "it had {early} bytes after {} rounds of the same, and {late} after {}",
        W::ROUNDS / 4 + 1,
        W::ROUNDS
    );
    Ok(())
}

fn same(before: &[String], after: &[String], when: &str) -> Verdict {
    let differs = before.iter().zip(after).find(|(one, other)| one != other);
    if let Some((one, other)) = differs {
        return Err(Fault(format!(
            "{when} it decides {other}, before it was {one}"
        )));
    }
    Ok(())
}

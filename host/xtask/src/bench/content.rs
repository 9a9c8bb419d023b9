//! How soon content that a leader gets is on its followers.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    Benchmark, Rig,
    group::Group,
    report::{Outcome, Table},
    sshd::Sshd,
};
use crate::step::{Step, human};

pub const BENCHMARK: Benchmark = Benchmark {
    name: "content",
    title: "Content of 1 GiB to three followers",
    question: "A file of 1 GiB of random bytes. Muster: `muster bundle put` to the leader, until \
               the leader shows the bundle as ready on all three followers: fetched by blocks \
               over mutual TLS, each block checked by its SHA-256, the file laid out beside the \
               blocks, all of it safe from a loss of power. scp: three copies at once, each by \
               way of the same sshd on this machine, to a folder each; which leaves them in the \
               system's cache, so that a second figure counts until they are on the disk as well. \
               Muster's upload to the leader, which scp has no part of, is told apart. One round: \
               Muster writes 8 GiB in all, scp 3 GiB, on the same disk, which was synchronised before.",
    measure,
};

const SIZE: u64 = 1 << 30;
const PLACES: [&str; 3] = ["one", "two", "three"];
const PATIENCE: Duration = Duration::from_secs(1_800);
const POLL: Duration = Duration::from_millis(100);

fn measure(rig: &Rig, step: &Step) -> Result<Outcome> {
    let folder = rig.folder.join(BENCHMARK.name);
    let file = folder.join("content.bin");
    let mut random = File::open("/dev/urandom")?.take(SIZE);
    io::copy(&mut random, &mut File::create(&file)?)
        .with_context(|| format!("could not write {}", file.display()))?;

    let (copied, safe) = by_scp(&folder.join("scp"), &file, step)?;
    step.say(&format!("  scp: {copied:.1} s, on the disk {safe:.1} s"));

    let names = ["leader", PLACES[0], PLACES[1], PLACES[2]];
    let group = Group::start(rig, &folder, &names, step)?;
    flush()?;
    let start = Instant::now();
    let path = file.to_str().context("the project's path is not UTF-8")?;
    group.leader().ask(["bundle", "put", "big", path])?;
    let put = start.elapsed().as_secs_f64();
    step.say(&format!("  muster: put after {put:.1} s"));
    until_ready(&group)?;
    let ready = start.elapsed().as_secs_f64();
    step.say(&format!("  muster: on all hosts after {ready:.1} s"));

    let row = |name: &str, seconds: f64| {
        vec![
            name.to_owned(),
            format!("{seconds:.1}"),
            format!("{:.0}", 3.0 * 1024.0 / seconds),
        ]
    };
    Ok(Outcome {
        table: Table {
            head: &["", "s", "MiB/s to all three"],
            rows: vec![
                row("muster, put to ready on all", ready - put),
                row("muster, with the upload to the leader", ready),
                row("scp", copied),
                row("scp, until it is on the disk", safe),
            ],
        },
        verdict: format!(
            "Muster takes {:.2} times as long as scp, and {:.2} times as long as scp until the \
             copies are as safe as Muster's; with the upload, {:.2} and {:.2} times. There is no mark.",
            (ready - put) / copied,
            (ready - put) / safe,
            ready / copied,
            ready / safe
        ),
    })
}

/// How long the copies take, and until they are on the disk, in seconds.
fn by_scp(folder: &Path, file: &Path, step: &Step) -> Result<(f64, f64)> {
    let sshd = Sshd::start(&folder.join("sshd"), step)?;
    let places = PLACES.map(|place| folder.join(place));
    for place in &places {
        fs::create_dir_all(place)?;
    }
    flush()?;
    let start = Instant::now();
    let mut copies = Vec::new();
    for place in &places {
        copies.push(
            sshd.copy(file, place)
                .spawn()
                .context("could not start scp")?,
        );
    }
    for mut copy in copies {
        let status = copy.wait()?;
        if !status.success() {
            bail!("scp ended with {status}");
        }
    }
    let copied = start.elapsed().as_secs_f64();
    let name = file.file_name().context("the file has no name")?;
    for place in &places {
        File::open(place.join(name))?.sync_all()?;
    }
    Ok((copied, start.elapsed().as_secs_f64()))
}

fn until_ready(group: &Group) -> Result<()> {
    let start = Instant::now();
    loop {
        let told = group.leader().ask(["bundle", "show", "big"])?;
        let hosts = told["hosts"].as_array().into_iter().flatten();
        let ready = hosts.filter(|host| host["ready"] == true && host["name"] != "leader");
        if ready.count() == PLACES.len() {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            bail!("it has not arrived after {}: {told}", human(PATIENCE));
        }
        thread::sleep(POLL);
    }
}

/// Has the disk do what it still has to do of what was before.
fn flush() -> Result<()> {
    let status = Command::new("sync").status().context("could not sync")?;
    if !status.success() {
        bail!("sync ended with {status}");
    }
    Ok(())
}

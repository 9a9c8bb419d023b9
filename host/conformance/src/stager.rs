//! The suite of the stager world.

mod packages;

use std::{
    collections::BTreeSet,
    path::{Component, Path},
    sync::Arc,
};

use muster_engine::plugin::{
    Plugin,
    staging::{Droplet, PackageFiles, Rejection, Source, StagerPlugin, StagerWorld, Terms, Wishes},
};

use self::packages::Files;
use crate::{
    bench::{Bench, Check, Fault, Verdict, ensure, hostile_texts},
    lifecycle::Subject,
};

/// The largest component that the suite allows.
const MAX_COMPONENT: u64 = 16 << 20;

impl Subject for StagerWorld {
    const ROUNDS: u32 = 40;

    fn settle(_: &mut Plugin<Self>) -> Verdict {
        // Whatever it is told comes with each package.
        Ok(())
    }

    fn probe(plugin: &mut Plugin<Self>) -> Result<Vec<String>, Fault> {
        let mut words = Vec::new();
        for files in [Files::component(), Files::site(), Files::default()] {
            let what = files.to_string();
            let staged = stage(plugin, files, &wishes("shop"))?;
            words.push(format!("{staged:?} for {what}"));
        }
        Ok(words)
    }

    fn checks() -> Vec<Check<Self>> {
        vec![
            Check {
                name: "forgets-packages",
                about: "makes the same of a package, whatever it staged in between",
                run: forgets_packages,
            },
            Check {
                name: "hostile-packages",
                about: "survives any file, and answers with sense",
                run: hostile_packages,
            },
            Check {
                name: "hostile-wishes",
                about: "survives any wish, and answers with sense",
                run: hostile_wishes,
            },
            Check {
                name: "unreadable-files",
                about: "survives files that cannot be read, or are not as long as told",
                run: unreadable_files,
            },
            Check {
                name: "many-files",
                about: "takes or refuses 5,000 files within its limits",
                run: many_files,
            },
        ]
    }
}

fn wishes(app: &str) -> Wishes {
    Wishes {
        app: app.to_owned(),
        component: None,
        fallback: None,
    }
}

type Staged = Result<Droplet, Rejection>;

/// Stages a package, and looks whether what comes of it makes sense.
fn stage(plugin: &mut StagerPlugin, files: Files, wishes: &Wishes) -> Result<Staged, Fault> {
    let terms = Terms {
        offered: muster_engine::offered(),
        max_component_size: MAX_COMPONENT,
    };
    let what = files.to_string();
    let files = Arc::new(files);
    let staged = plugin
        .stage(Arc::clone(&files) as Arc<dyn PackageFiles>, wishes, &terms)
        .map_err(|error| Fault(format!("{what}: {error}")))?;
    let checked = match &staged {
        Ok(droplet) => check_droplet(droplet, &files),
        Err(rejection) => check_rejection(rejection),
    };
    checked.map_err(|fault| Fault(format!("{what}: {}", fault.0)))?;
    Ok(staged)
}

/// The same where it may take the package or refuse it.
fn survives(plugin: &mut StagerPlugin, files: Files, wishes: &Wishes) -> Verdict {
    stage(plugin, files, wishes).map(drop)
}

fn check_rejection(rejection: &Rejection) -> Verdict {
    let Rejection { code, message, .. } = rejection;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(
        !code.is_empty() && code.chars().all(plain),
        "it refuses the package with the code {code:?}, which is no word in kebab case"
    );
    ensure!(
        !message.trim().is_empty(),
        "it refuses the package with no word of why"
    );
    Ok(())
}

fn check_droplet(droplet: &Droplet, files: &Files) -> Verdict {
    let known: BTreeSet<String> = files
        .entries()
        .into_iter()
        .map(|entry| entry.path)
        .collect();
    let mut paths = BTreeSet::new();
    let sources = droplet.files.iter().map(|file| &file.source);
    for source in sources.chain([&droplet.component]) {
        if let Source::Packaged(path) = source {
            ensure!(
                known.contains(path),
                "its droplet has the file {path:?}, which the package does not have"
            );
        }
    }
    for file in &droplet.files {
        let path = &file.path;
        let inside = Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        ensure!(
            inside && !path.is_empty(),
            "its droplet has a file at {path:?}, which is not inside of the app's folder"
        );
        ensure!(paths.insert(path), "its droplet has two files at {path:?}");
    }
    Ok(())
}

fn forgets_packages(bench: &Bench<StagerWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    let own = |plugin: &mut StagerPlugin| -> Result<String, Fault> {
        let staged = stage(plugin, Files::component(), &wishes("shop"))?;
        Ok(format!("{staged:?}"))
    };
    let before = own(&mut plugin)?;
    for files in packages::hostile() {
        survives(&mut plugin, files, &wishes("other"))?;
        let after = own(&mut plugin)?;
        ensure!(
            before == after,
            "it makes {after} of a package that it made {before} of before"
        );
    }
    let fresh = own(&mut bench.started()?)?;
    ensure!(
        before == fresh,
        "one instance makes {before} of a package, another {fresh}"
    );
    Ok(())
}

fn hostile_packages(bench: &Bench<StagerWorld>) -> Verdict {
    for files in packages::hostile() {
        // A host takes a fresh one for each package, too.
        survives(&mut bench.started()?, files, &wishes("shop"))?;
    }
    Ok(())
}

fn hostile_wishes(bench: &Bench<StagerWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    for text in hostile_texts() {
        for files in [Files::component(), Files::site()] {
            let wishes = Wishes {
                app: text.clone(),
                component: Some(text.clone()),
                fallback: Some(text.clone()),
            };
            survives(&mut plugin, files.clone(), &wishes)?;
            let wishes = Wishes {
                component: None,
                ..wishes
            };
            survives(&mut plugin, files, &wishes)?;
        }
    }
    Ok(())
}

fn unreadable_files(bench: &Bench<StagerWorld>) -> Verdict {
    for files in [Files::component(), Files::site()] {
        for files in files.troubled() {
            survives(&mut bench.started()?, files, &wishes("shop"))?;
        }
    }
    Ok(())
}

fn many_files(bench: &Bench<StagerWorld>) -> Verdict {
    survives(&mut bench.started()?, Files::many(5_000), &wishes("shop"))
}

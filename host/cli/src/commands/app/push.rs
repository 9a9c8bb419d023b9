//! `muster app push`

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use muster_api::{
    blocks::FileEntry, bundles::BundleKind, jobs::Job, name, pushes::Push, units::ByteSize,
};

use super::{Scope, env::assignment, follow};
use crate::{
    client::Client,
    failure::Failure,
    manifest::{self, Manifest},
    output::{Format, Output},
    package::{self, Package},
    upload::upload,
};

/// What to push, and what to run it with. What is left out comes from the
/// `muster.toml` in the directory or beside the file; a bundle has none.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("source").required(true).args(["path", "bundle"]))]
pub struct PushArgs {
    /// The app, which is made if there is none of that name
    name: Option<String>,
    /// The file or directory that holds the app
    #[arg(long, value_name = "PATH")]
    path: Option<PathBuf>,
    /// A bundle of the kind package that holds the app, in place of --path
    #[arg(long, value_name = "BUNDLE")]
    bundle: Option<String>,
    /// A route that reaches the app; may be given several times
    #[arg(long = "route", value_name = "HOST/PREFIX")]
    routes: Vec<String>,
    /// An environment variable; may be given several times
    #[arg(long, value_name = "K=V", value_parser = assignment)]
    env: Vec<(String, String)>,
    /// How much memory one request may use, such as 64MiB
    #[arg(long, value_name = "SIZE")]
    memory: Option<ByteSize>,
    /// How many instances the app should have
    #[arg(long, value_name = "N")]
    instances: Option<u32>,
    /// The project that a new app goes into; your own unless told
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// Stage only; a new or stopped app stays stopped
    #[arg(long)]
    no_start: bool,
}

/// Uploads what the host lacks, pushes, and follows the push to its end.
///
/// # Errors
/// If there is nothing to push, or the host refuses, or staging or roll-out
/// fails.
pub async fn run(scope: &Scope, client: &Client, args: PushArgs) -> Result<(), Failure> {
    let manifest = match &args.path {
        Some(path) => Manifest::beside(path)?,
        None => Manifest::default(),
    };
    let (name, push) = request(&args, manifest)?;
    let job = match (args.path, args.bundle) {
        (Some(path), _) => {
            let package = package::read("Pushing", path).await?;
            let push = Push {
                files: package.files.clone(),
                ..push
            };
            upload(client, &package).await?;
            send(client, &name, &push, &package).await?
        }
        (None, bundle) => {
            let files = files_of(client, &bundle.unwrap_or_default()).await?;
            client.push(&name, &Push { files, ..push }).await?
        }
    };
    let job = follow::to_success(client, job).await?;
    report(scope.output, client, &name, &job).await
}

/// The push without its files. The command line wins over the manifest.
fn request(args: &PushArgs, manifest: Manifest) -> Result<(String, Push), Failure> {
    let name = args
        .name
        .clone()
        .or_else(|| manifest.name.clone())
        .ok_or_else(|| {
            Failure::usage("the app has no name").hint(format!(
                "`muster app push NAME …`, or `name = \"…\"` in {}",
                manifest::FILE
            ))
        })?;
    name::check(&name)
        .map_err(|reason| Failure::usage(format!("'{name}' is no name for an app: {reason}")))?;
    let routes = if args.routes.is_empty() {
        manifest.routes.clone()
    } else {
        args.routes.clone()
    };
    let instances = args.instances.or(manifest.instances);
    let project = args.project.clone().or_else(|| manifest.project.clone());
    let mut settings = manifest.settings();
    settings.env.extend(args.env.iter().cloned());
    settings.limits.memory = args.memory.or(settings.limits.memory);
    Ok((
        name,
        Push {
            files: Vec::new(),
            settings,
            routes,
            instances,
            no_start: args.no_start,
            project,
        },
    ))
}

/// The files of a bundle that is a package. Their blocks are on the host.
async fn files_of(client: &Client, bundle: &str) -> Result<Vec<FileEntry>, Failure> {
    let detail = client.bundle(bundle).await?;
    if detail.bundle.kind != BundleKind::Package {
        let why = format!(
            "the bundle {bundle} is no package, but {}",
            detail.bundle.kind
        );
        return Err(Failure::usage(why).hint("put it with --kind package"));
    }
    Ok(detail.files)
}

/// Pushes. Blocks may go between upload and push, if the host tidies up just
/// then; they are uploaded once more.
async fn send(client: &Client, name: &str, push: &Push, package: &Package) -> Result<Job, Failure> {
    match client.push(name, push).await {
        Err(error) if error.has_code("blocks-missing") => {
            upload(client, package).await?;
            Ok(client.push(name, push).await?)
        }
        result => Ok(result?),
    }
}

async fn report(output: Output, client: &Client, name: &str, job: &Job) -> Result<(), Failure> {
    if output.format() != Format::Table {
        return output.done("", job);
    }
    let app = client.app(name).await?.app;
    let line = if app.urls.is_empty() {
        format!("Pushed {name}; no route reaches it")
    } else {
        format!("Pushed {name}: {}", app.urls.join(" "))
    };
    output.done(&line, job)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::failure::Exit;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: PushArgs,
    }

    fn args(line: &str) -> PushArgs {
        Line::parse_from(std::iter::once("push").chain(line.split(' '))).args
    }

    fn manifest() -> Manifest {
        Manifest {
            name: Some("shop".to_owned()),
            routes: vec!["shop.example".to_owned()],
            instances: Some(2),
            env: [("A", "1"), ("B", "2")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            ..Manifest::default()
        }
    }

    #[test]
    fn the_manifest_fills_in_what_is_left_out() {
        let (name, push) = request(&args("--path ."), manifest()).unwrap();
        assert_eq!(name, "shop");
        assert_eq!(push.routes, ["shop.example"]);
        assert_eq!(push.instances, Some(2));
        assert_eq!(push.settings.limits.memory, None);
    }

    #[test]
    fn the_command_line_wins() {
        let line = "store --path . --route a.example --route b.example --env B=3 --memory 1MiB --instances 5";
        let (name, push) = request(&args(line), manifest()).unwrap();
        assert_eq!(name, "store");
        assert_eq!(push.routes, ["a.example", "b.example"]);
        assert_eq!(push.instances, Some(5));
        assert_eq!(push.settings.limits.memory, Some(ByteSize(1 << 20)));
        let env: Vec<_> = push
            .settings
            .env
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        assert_eq!(env, ["A=1", "B=3"]);
    }

    #[test]
    fn an_app_needs_a_good_name() {
        for (line, manifest) in [
            ("--path .", Manifest::default()),
            ("Shop --path .", manifest()),
        ] {
            assert_eq!(
                request(&args(line), manifest).unwrap_err().exit,
                Exit::Usage,
                "{line}"
            );
        }
    }
}

//! `muster route`

use clap::{ArgGroup, Args, Subcommand};
use muster_api::{
    id::RouteId,
    routes::{NewRoute, Route},
};

use super::{Scope, deletion::DeletionArgs};
use crate::{
    client::Client,
    failure::{Exit, Failure},
};

/// What to do with routes.
#[derive(Debug, Subcommand)]
pub enum RouteCommand {
    /// List the routes
    List,
    /// Show a route
    Show {
        /// The route, as `muster route list` shows it
        #[arg(value_name = "HOST/PREFIX")]
        route: String,
    },
    /// Add a route, or one more app to a route
    Add(AddArgs),
    /// Remove a route, or one app's share of it
    Remove(RemoveArgs),
}

/// A new route.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("action").required(true).args(["app", "redirect"]))]
pub struct AddArgs {
    /// A host name, `*.NAME` or `*`, and a path prefix if it is not for all paths
    #[arg(value_name = "HOST/PREFIX")]
    route: String,
    /// The app that answers
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    /// The app's share of the traffic among the route's apps, 0 to 1000; 100 unless told
    #[arg(long, value_name = "N", conflicts_with = "redirect")]
    weight: Option<u32>,
    /// Keep a client with the instance that first served it
    #[arg(long, conflicts_with = "redirect")]
    sticky: bool,
    /// The URL or path to send clients to
    #[arg(long, value_name = "URL")]
    redirect: Option<String>,
    /// The redirect's status: 301, 302, 303, 307 or 308; 308 unless told
    #[arg(long, value_name = "STATUS", conflicts_with = "app")]
    status: Option<u16>,
    /// Append the rest of path and query to the redirect's URL
    #[arg(long, conflicts_with = "app")]
    keep_path: bool,
    /// The project that a redirect goes into; your own unless told
    #[arg(long, value_name = "PROJECT", conflicts_with = "app")]
    project: Option<String>,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Which route goes.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The route, as `muster route list` shows it
    #[arg(value_name = "HOST/PREFIX")]
    route: String,
    /// Remove only this app's share
    #[arg(long, value_name = "NAME")]
    app: Option<String>,
    #[command(flatten)]
    deletion: DeletionArgs,
}

/// Does it.
///
/// # Errors
/// If the host or the person refuses.
pub async fn run(scope: &Scope, command: RouteCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        RouteCommand::List => scope.output.show(&client.routes().await?),
        RouteCommand::Show { route } => {
            let id = require(&client, &route).await?;
            scope.output.show(&client.route(id).await?)
        }
        RouteCommand::Add(args) => add(scope, &client, args).await,
        RouteCommand::Remove(args) => remove(scope, &client, args).await,
    }
}

async fn add(scope: &Scope, client: &Client, args: AddArgs) -> Result<(), Failure> {
    let goal = args
        .app
        .as_deref()
        .or(args.redirect.as_deref())
        .unwrap_or_default()
        .to_owned();
    let new = NewRoute {
        route: args.route,
        app: args.app,
        weight: args.weight,
        redirect: args.redirect,
        status: args.status,
        keep_path: args.keep_path,
        sticky: args.sticky.then_some(true),
        project: args.project,
    };
    if args.dry_run {
        return scope.output.show(&client.plan_route(&new).await?);
    }
    let route = client.add_route(&new).await?;
    let shown = route
        .url
        .clone()
        .unwrap_or_else(|| format!("{}{}", route.host, route.path));
    scope
        .output
        .done(&format!("{shown} goes to {goal}"), &route)
}

async fn remove(scope: &Scope, client: &Client, args: RemoveArgs) -> Result<(), Failure> {
    let id = require(client, &args.route).await?;
    let app = args.app.as_deref();
    let what = match app {
        Some(app) => format!("{app} from the route {}", args.route),
        None => format!("the route {}", args.route),
    };
    let delete = async |dry_run| client.delete_route(id, app, dry_run).await;
    args.deletion.carry_out(scope, &what, delete).await
}

/// The route that is written so, which must exist.
async fn require(client: &Client, written: &str) -> Result<RouteId, Failure> {
    find(&client.routes().await?.items, written).ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("there is no route {written}"))
            .hint("`muster route list` shows them")
    })
}

/// The route that is written so. Host names are the same in any case, and a
/// slash at the end says nothing.
fn find(routes: &[Route], written: &str) -> Option<RouteId> {
    let split = written.find('/').unwrap_or(written.len());
    let (host, path) = written.split_at(split);
    let path = path.trim_end_matches('/');
    routes
        .iter()
        .find(|route| {
            route.host.eq_ignore_ascii_case(host) && route.path.trim_end_matches('/') == path
        })
        .map(|route| route.id)
}

#[cfg(test)]
mod tests {
    use muster_api::routes::RouteAction;

    use super::*;

    #[test]
    fn routes_are_found_as_they_are_written() {
        let route = |id: u8, host: &str, path: &str| Route {
            id: format!("00000000-0000-7000-8000-0000000000{id:02}")
                .parse()
                .unwrap(),
            host: host.to_owned(),
            path: path.to_owned(),
            action: RouteAction::Forward {
                targets: Vec::new(),
            },
            sticky: false,
            url: None,
        };
        let routes = [
            route(1, "a.example", "/"),
            route(2, "a.example", "/shop"),
            route(3, "*.example", "/"),
        ];
        for (written, found) in [
            ("a.example", Some(0)),
            ("A.Example/", Some(0)),
            ("a.example/shop", Some(1)),
            ("a.example/shop/", Some(1)),
            ("*.example", Some(2)),
            ("a.example/Shop", None),
            ("b.example", None),
        ] {
            assert_eq!(
                find(&routes, written),
                found.map(|index: usize| routes[index].id),
                "{written}"
            );
        }
    }
}

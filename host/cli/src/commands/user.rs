//! `muster user`

use clap::{ArgGroup, Args, Subcommand};
use muster_api::users::{Activation, NewUser, UserChange, UserQuery, UserState, UserType};

use serde_json::json;

use super::{Scope, deletion::DeletionArgs, password::PasswordArgs, terminal};
use crate::{failure::Failure, output::text};

/// What to do with users.
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// List users
    List {
        /// Only those in this state: unverified, pending, active, suspended,
        /// deleted; all but the deleted unless told
        #[arg(long, value_parser = state)]
        state: Option<UserState>,
        /// Only those of this type: admin, operator, developer, viewer
        #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
        kind: Option<UserType>,
    },
    /// Show a user
    Show {
        /// The user's name or id
        name: String,
    },
    /// Make a user, who sets their password by a link unless told
    Create(CreateArgs),
    /// Change a user's name, address or type
    Modify(ModifyArgs),
    /// Let a user in who waits for it or was suspended
    Activate {
        /// The user's name or id
        name: String,
    },
    /// Send a user another link by which they set their password, or verify
    /// their address
    SendActivation {
        /// The user's name or id
        name: String,
    },
    /// Shut a user out, until they are activated again
    Suspend {
        /// The user's name or id
        name: String,
        /// Only show what would be done
        #[arg(long)]
        dry_run: bool,
        /// Do not ask
        #[arg(long, short, conflicts_with = "dry_run")]
        yes: bool,
    },
    /// Delete a user with all that they sign in with
    Delete {
        /// The user's name or id
        name: String,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
    /// Take all second factors of a user away, who has lost them
    ResetFactors {
        /// The user's name or id
        name: String,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
}

/// The user to make.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The name to sign in with
    name: String,
    /// What they are: admin, operator, developer, viewer; developer unless told
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
    kind: Option<UserType>,
    /// Where mail reaches them
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Their name as people say it
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
    /// Choose their password instead of sending a link
    #[arg(long)]
    password: bool,
    #[command(flatten)]
    source: PasswordArgs,
}

/// What to change.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("change").required(true).multiple(true)
    .args(["rename", "kind", "email", "display_name"])))]
pub struct ModifyArgs {
    /// The user's name or id
    name: String,
    /// Another name to sign in with
    #[arg(long, value_name = "NAME")]
    rename: Option<String>,
    /// Another type: admin, operator, developer, viewer
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
    kind: Option<UserType>,
    /// Another address, which is not verified then; "" to take it away
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// Another name as people say it
    #[arg(long, value_name = "NAME")]
    display_name: Option<String>,
}

/// Does it.
///
/// # Errors
/// If the host or the person refuses.
pub async fn run(scope: &Scope, command: UserCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        UserCommand::List { state, kind } => {
            let query = UserQuery { state, kind };
            scope.output.show(&client.users(&query).await?)
        }
        UserCommand::Show { name } => scope.output.show(&client.user(&name).await?),
        UserCommand::Create(args) => create(scope, args).await,
        UserCommand::Modify(args) => {
            let change = UserChange {
                name: args.rename,
                display_name: args.display_name,
                email: args.email,
                kind: args.kind,
            };
            let user = client.change_user(&args.name, &change).await?;
            let line = format!("Changed the user {}", user.name);
            scope.output.done(&line, &user)
        }
        UserCommand::Activate { name } => {
            let user = client.activate_user(&name).await?;
            let line = format!("The user {} is active", user.name);
            scope.output.done(&line, &user)
        }
        UserCommand::SendActivation { name } => {
            let activation = client.send_activation(&name).await?;
            scope.output.done(&told(&activation), &activation)
        }
        UserCommand::Suspend { name, dry_run, yes } => {
            if dry_run {
                return scope.output.show(&client.plan_suspension(&name).await?);
            }
            if !yes {
                let plan = client.plan_suspension(&name).await?;
                for line in plan.removes.iter().chain(&plan.changes) {
                    eprintln!("  {}", text::printable(line));
                }
                terminal::confirm(&format!("Suspend the user {name}?"))?;
            }
            let user = client.suspend_user(&name).await?;
            let line = format!(
                "The user {} is suspended, and their sessions have ended",
                user.name
            );
            scope.output.done(&line, &user)
        }
        UserCommand::ResetFactors { name, deletion } => {
            let plan = async || client.plan_factors_reset(&name).await;
            let question = format!("Let {name} in without a second factor?");
            if !deletion.agreed(scope, &question, plan).await? {
                return Ok(());
            }
            client.reset_factors(&name).await?;
            let line = format!("{name} signs in without a second factor");
            scope.output.done(&line, &json!({ "reset": name }))
        }
        UserCommand::Delete { name, deletion } => {
            let what = format!("the user {name}");
            deletion
                .carry_out(scope, &what, async |dry| {
                    client.delete_user(&name, dry).await
                })
                .await
        }
    }
}

async fn create(scope: &Scope, args: CreateArgs) -> Result<(), Failure> {
    let client = scope.client()?;
    let password = if args.password || args.source.is_piped() {
        Some(args.source.new_one()?)
    } else {
        None
    };
    let new = NewUser {
        name: args.name,
        display_name: args.display_name.unwrap_or_default(),
        email: args.email,
        kind: args.kind.unwrap_or_default(),
        password,
    };
    let created = client.create_user(&new).await?;
    let mut line = format!(
        "Made the user {} of type {}",
        created.user.name,
        created.user.kind.word()
    );
    if let Some(activation) = &created.activation {
        line.push('\n');
        line.push_str(&told(activation));
    }
    scope.output.done(&line, &created)
}

/// How a link gets to a user.
fn told(activation: &Activation) -> String {
    let days = activation.expires_in / 86_400;
    let good = text::count(usize::try_from(days).unwrap_or(usize::MAX), "day");
    match (&activation.sent_to, &activation.link) {
        (Some(address), _) => format!("A link goes to {address}; it is good for {good}"),
        (None, Some(link)) => {
            format!("Give them this link; it is good for {good}, once, and shown only now:\n{link}")
        }
        (None, None) => "There is no link".to_owned(),
    }
}

fn kind(word: &str) -> Result<UserType, String> {
    let found = UserType::ALL.into_iter().find(|kind| kind.word() == word);
    found.ok_or_else(|| "it is admin, operator, developer or viewer".to_owned())
}

fn state(word: &str) -> Result<UserState, String> {
    use UserState as S;
    let all = [
        S::Unverified,
        S::Pending,
        S::Active,
        S::Suspended,
        S::Deleted,
    ];
    let found = all.into_iter().find(|state| state.word() == word);
    found.ok_or_else(|| "it is unverified, pending, active, suspended or deleted".to_owned())
}

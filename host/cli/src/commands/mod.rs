//! The commands, a file per noun or verb.

pub mod access;
pub mod app;
pub mod audit;
pub mod backup;
pub mod blocks;
pub mod bundle;
mod captcha;
pub mod certificate;
pub mod cluster;
pub mod completion;
pub mod config;
pub mod context;
pub mod data;
mod deletion;
pub mod events;
pub mod factor;
mod follow;
mod identity;
mod info;
pub mod job;
pub mod key;
mod lines;
pub mod link;
pub mod load_balancer;
pub mod log;
pub mod logging;
pub mod login;
mod logout;
pub mod mail;
pub mod node;
pub mod op;
pub mod own;
pub mod passkey;
mod password;
pub mod plugin;
pub mod ports;
pub mod project;
pub mod queue;
pub mod quota;
pub mod role;
pub mod route;
pub mod serve;
pub mod session;
pub mod sign_up;
pub mod signing_key;
pub mod state;
pub mod status;
pub mod term;
mod terminal;
pub mod token;
pub mod user;

use crate::{
    args::{Cli, Command},
    client::{Client, ClientError, connect},
    contexts::ContextError,
    failure::Failure,
    output::Output,
};

/// What holds for every command: how to print, and which host to speak to.
pub struct Scope {
    /// Standard output.
    pub output: Output,
    /// The context that the command line names.
    pub context: Option<String>,
    /// The host of the group that is to answer.
    pub node: Option<String>,
}

impl Scope {
    /// The host to speak to.
    ///
    /// # Errors
    /// If none is known, or nobody is logged in.
    pub fn client(&self) -> Result<Client, Failure> {
        Ok(self.of_node(connect(self.context.as_deref())?))
    }

    /// The same; none if nobody is logged in.
    ///
    /// # Errors
    /// If it cannot be told who is.
    pub fn client_if_logged_in(&self) -> Result<Option<Client>, Failure> {
        match connect(self.context.as_deref()) {
            Ok(client) => Ok(Some(self.of_node(client))),
            Err(
                ClientError::NotLoggedIn { .. }
                | ClientError::Contexts(ContextError::None | ContextError::Home),
            ) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn of_node(&self, client: Client) -> Client {
        match &self.node {
            Some(node) => client.of_node(node),
            None => client,
        }
    }
}

/// Does what the command line says.
///
/// # Errors
/// What the command ends with, and the exit code for it.
pub async fn run(cli: Cli) -> Result<(), Failure> {
    let scope = Scope {
        output: Output::new(cli.output),
        context: cli.context,
        node: cli.node,
    };
    match cli.command {
        Command::Serve(args) => serve::run(*args).await,
        Command::App(command) => app::run(&scope, command).await,
        Command::Route(command) => route::run(&scope, command).await,
        Command::Role(command) => role::run(&scope, command).await,
        Command::Plugin(command) => plugin::run(&scope, command).await,
        Command::Backup(command) => backup::run(&scope, command).await,
        Command::Data(command) => data::run(&scope, command).await,
        Command::Blocks(command) => blocks::run(&scope, command).await,
        Command::Bundle(command) => bundle::run(&scope, command).await,
        Command::Cluster(command) => cluster::run(&scope, command).await,
        Command::Job(command) => job::run(&scope, command).await,
        Command::Key(command) => key::run(&scope, command).await,
        Command::Project(command) => project::run(&scope, command).await,
        Command::Quota(command) => quota::run(&scope, command).await,
        Command::AccessRole(command) => access::run_role(&scope, command).await,
        Command::AccessBinding(command) => access::run_binding(&scope, command).await,
        Command::Events(args) => events::run(&scope, args).await,
        Command::User(command) => user::run(&scope, command).await,
        Command::Myself(command) => own::run(&scope, command).await,
        Command::Session(command) => session::run(&scope, command).await,
        Command::Link(command) => link::run(&scope, command).await,
        Command::Node(command) => node::run(&scope, command).await,
        Command::Token(command) => token::run(&scope, command).await,
        Command::Term(command) => term::run(&scope, command).await,
        Command::Config(command) => config::run(&scope, command).await,
        Command::SigningKey(command) => signing_key::run(&scope, command).await,
        Command::Mail(command) => mail::run(&scope, command).await,
        Command::SignUp(args) => sign_up::run(&scope, args).await,
        Command::Activate(args) => sign_up::activate(&scope, args).await,
        Command::ResetPassword(args) => sign_up::reset_password(&scope, args).await,
        Command::Audit(command) => audit::run(&scope, command).await,
        Command::Logging(command) => logging::run(&scope, command).await,
        Command::Log(command) => log::run(&scope, command).await,
        Command::LoadBalancer(command) => load_balancer::run(&scope, command).await,
        Command::Certificate(command) => certificate::run(&scope, command).await,
        Command::Queue(command) => queue::run(&scope, command).await,
        Command::Ports(args) => ports::run(&scope, args).await,
        Command::Op(command) => op::run(&scope, command).await,
        Command::State(command) => state::run(&scope, command).await,
        Command::Status(args) => status::run(&scope, args).await,
        Command::Info => info::run(&scope).await,
        Command::Context(command) => context::run(&scope, command),
        Command::Login(args) => login::run(&scope, args).await,
        Command::Logout => logout::run(&scope).await,
        Command::Completion(args) => completion::run(&args),
    }
}

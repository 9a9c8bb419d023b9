//! The command line.

use clap::{Parser, Subcommand};

use crate::{
    commands::{
        access::{AccessBindingCommand, AccessRoleCommand},
        app::AppCommand,
        audit::AuditCommand,
        backup::BackupCommand,
        blocks::BlocksCommand,
        bundle::BundleCommand,
        certificate::CertificateCommand,
        cluster::ClusterCommand,
        completion::CompletionArgs,
        config::ConfigCommand,
        context::ContextCommand,
        data::DataCommand,
        events::EventsArgs,
        job::JobCommand,
        key::KeyCommand,
        link::LinkCommand,
        load_balancer::LoadBalancerCommand,
        log::LogCommand,
        logging::LoggingCommand,
        login::LoginArgs,
        mail::MailCommand,
        node::NodeCommand,
        op::OpCommand,
        own::SelfCommand,
        plugin::PluginCommand,
        ports::PortsArgs,
        project::ProjectCommand,
        queue::QueueCommand,
        quota::QuotaCommand,
        role::RoleCommand,
        route::RouteCommand,
        serve::ServeArgs,
        session::SessionCommand,
        sign_up::{ActivateArgs, ResetPasswordArgs, SignUpArgs},
        signing_key::SigningKeyCommand,
        state::StateCommand,
        status::StatusArgs,
        term::TermCommand,
        token::TokenCommand,
        user::UserCommand,
    },
    output::Format,
};

const GLOBAL: &str = "Options of every command";
const AFTER_HELP: &str = "\
Environment:
  MUSTER_URL    The host to speak to, in place of the context in use
  MUSTER_TOKEN  An access token, in place of a login
  MUSTER_KEY_ID, MUSTER_KEY_SECRET
                An access key, in place of a login
  All step back behind --context.

Exit codes:
  0  done
  1  the host refused or failed, or something here went wrong
  2  the command line, or a file that it reads, is wrong
  3  there is no such thing
  4  not logged in, or not allowed
  5  the host cannot be reached
  6  you said no, or interrupted the wait";

/// Muster: a platform for WebAssembly apps on your own machines.
#[derive(Debug, Parser)]
#[command(name = "muster", version = muster_server::version(), after_help = AFTER_HELP)]
pub struct Cli {
    /// How to print: table for people, json as the API says it, yaml the same
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT", default_value_t, help_heading = GLOBAL, hide_possible_values = true)]
    pub output: Format,
    /// Speak to the host of this context, whatever is in use
    #[arg(long, global = true, value_name = "NAME", help_heading = GLOBAL)]
    pub context: Option<String>,
    /// Have another host of the group answer, which the leader asks for you
    #[arg(long, global = true, value_name = "NAME", help_heading = GLOBAL)]
    pub node: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a host on this machine
    Serve(Box<ServeArgs>),
    /// Push apps and look after them
    #[command(subcommand)]
    App(AppCommand),
    /// Say which host names and paths reach which apps
    #[command(subcommand)]
    Route(RouteCommand),
    /// Give the host its roles
    #[command(subcommand)]
    Role(RoleCommand),
    /// Write plugins that play roles, and see what they are
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Bring content to every host of the group
    #[command(subcommand)]
    Bundle(BundleCommand),
    /// Make clusters of linked hosts
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Make backups, and restore them
    #[command(subcommand)]
    Backup(BackupCommand),
    /// Take apps from one Muster to another
    #[command(subcommand)]
    Data(DataCommand),
    /// See to where the host keeps its blocks
    #[command(subcommand)]
    Blocks(BlocksCommand),
    /// Look at what takes longer
    #[command(subcommand)]
    Job(JobCommand),
    /// Make keys for programs, and look after them
    #[command(subcommand)]
    Key(KeyCommand),
    /// Share apps in projects
    #[command(subcommand)]
    Project(ProjectCommand),
    /// Say how much projects may use
    #[command(subcommand)]
    Quota(QuotaCommand),
    /// Bundle permissions
    #[command(subcommand)]
    AccessRole(AccessRoleCommand),
    /// Say who has which bundle of permissions where
    #[command(subcommand)]
    AccessBinding(AccessBindingCommand),
    /// Show what changed, and follow it
    Events(EventsArgs),
    /// Look after the users of the host
    #[command(subcommand)]
    User(UserCommand),
    /// See who you are, and look after what you sign in with
    #[command(subcommand, name = "self")]
    Myself(SelfCommand),
    /// See where somebody is logged in, and end it
    #[command(subcommand)]
    Session(SessionCommand),
    /// Look at a token, or put an end to it
    #[command(subcommand)]
    Token(TokenCommand),
    /// Say what everybody has to accept
    #[command(subcommand)]
    Term(TermCommand),
    /// Settle how the host works, section by section
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look after the keys that tokens are signed with
    #[command(subcommand)]
    SigningKey(SigningKeyCommand),
    /// See whether mail works
    #[command(subcommand)]
    Mail(MailCommand),
    /// See what was done and what was refused
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Say what the host logs, how, and where to
    #[command(subcommand)]
    Logging(LoggingCommand),
    /// Read what the hosts themselves log
    #[command(subcommand)]
    Log(LogCommand),
    /// Link hosts with each other
    #[command(subcommand)]
    Link(LinkCommand),
    /// Look after the hosts of a group
    #[command(subcommand)]
    Node(NodeCommand),
    /// Load balancers, which spread requests over the routers of the group
    #[command(subcommand)]
    LoadBalancer(LoadBalancerCommand),
    /// Certificates by which load balancers end TLS
    #[command(subcommand)]
    Certificate(CertificateCommand),
    /// Queues, in which work waits, and the bus that carries word of it
    #[command(subcommand)]
    Queue(QueueCommand),
    /// Show who listens where, and who needs to reach it
    Ports(PortsArgs),
    /// Set up the machine that a host runs on
    #[command(subcommand)]
    Op(OpCommand),
    /// See to where a host's state is
    #[command(subcommand)]
    State(StateCommand),
    /// Show how the host is
    Status(StatusArgs),
    /// Show what the host is
    Info,
    /// Choose among the hosts that you are logged in to
    #[command(subcommand)]
    Context(ContextCommand),
    /// Log in to a host
    Login(LoginArgs),
    /// Ask a host to take you as a user
    SignUp(SignUpArgs),
    /// Follow a link that you got: verify your address or set your password
    Activate(ActivateArgs),
    /// Ask for a link by which you replace a forgotten password
    ResetPassword(ResetPasswordArgs),
    /// Forget the login of a context
    Logout,
    /// Print a completion script for a shell
    Completion(CompletionArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use muster_api::permissions::OPERATIONS;

    use super::*;

    /// The help of a command, by its path below `muster`.
    fn help(path: &[&str]) -> String {
        let mut command = Cli::command().term_width(100);
        command.build();
        let mut found = &mut command;
        for name in path {
            found = found.find_subcommand_mut(name).unwrap();
        }
        found.clone().term_width(100).render_long_help().to_string()
    }

    #[test]
    fn the_command_line_makes_sense() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_says_what_there_is() {
        let paths: &[&[&str]] = &[
            &[],
            &["serve"],
            &["app"],
            &["app", "push"],
            &["app", "scale"],
            &["app", "logs"],
            &["app", "env"],
            &["app", "rollback"],
            &["app", "delete"],
            &["route"],
            &["route", "add"],
            &["route", "remove"],
            &["role"],
            &["role", "add"],
            &["plugin"],
            &["plugin", "new"],
            &["plugin", "check"],
            &["plugin", "test"],
            &["bundle"],
            &["bundle", "put"],
            &["bundle", "get"],
            &["cluster"],
            &["cluster", "create"],
            &["cluster", "scale"],
            &["cluster", "upgrade"],
            &["cluster", "delete"],
            &["backup"],
            &["backup", "create"],
            &["backup", "verify"],
            &["backup", "restore"],
            &["data"],
            &["data", "export"],
            &["data", "import"],
            &["blocks"],
            &["blocks", "move"],
            &["blocks", "verify"],
            &["blocks", "adopt"],
            &["job"],
            &["key"],
            &["key", "create"],
            &["project"],
            &["project", "create"],
            &["quota"],
            &["access-role"],
            &["access-binding"],
            &["events"],
            &["context"],
            &["login"],
            &["user"],
            &["user", "create"],
            &["user", "modify"],
            &["user", "suspend"],
            &["self"],
            &["link"],
            &["link", "token"],
            &["node"],
            &["node", "attach"],
            &["state"],
            &["state", "move"],
            &["status"],
            &["session"],
            &["session", "end"],
            &["token"],
            &["config"],
            &["config", "reset"],
            &["term"],
            &["term", "add"],
            &["mail"],
            &["sign-up"],
            &["activate"],
            &["reset-password"],
            &["self", "factor"],
            &["self", "link"],
            &["self", "factor", "add-totp"],
            &["self", "passkey"],
            &["audit"],
            &["audit", "list"],
            &["audit", "export"],
            &["audit", "verify"],
            &["job", "list"],
            &["logging"],
            &["logging", "set"],
            &["log"],
            &["log", "tail"],
            &["log", "stream"],
            &["load-balancer"],
            &["certificate"],
            &["certificate", "put"],
            &["queue"],
            &["queue", "inspect"],
            &["queue", "drop"],
            &["ports"],
            &["op"],
            &["op", "static-ip"],
        ];
        for path in paths {
            let name = format!("help {}", path.join(" "))
                .trim_end()
                .replace(' ', "-");
            insta::assert_snapshot!(name, help(path));
        }
    }

    /// Operations that are no command's business, and why.
    const NO_COMMAND: &[(&str, &str)] = &[
        (
            "key_set_show",
            "programs that check tokens by themselves read it, not people",
        ),
        (
            "oauth_metadata_show",
            "OAuth clients find their way by it, not people",
        ),
        (
            "self_passkey_challenge",
            "a passkey is made by a browser, for the site that it shows",
        ),
        ("self_passkey_add", "a passkey is made by a browser"),
    ];

    #[test]
    fn every_operation_has_its_command_and_every_command_exists() {
        let mut line = Cli::command();
        line.build();
        for (id, why) in NO_COMMAND {
            let known = OPERATIONS.iter().any(|operation| operation.id == *id);
            assert!(known && !why.is_empty(), "{id} is no operation");
        }
        for operation in OPERATIONS {
            let mut reasons = NO_COMMAND.iter().map(|(id, _)| *id);
            let without = reasons.any(|id| id == operation.id);
            assert_eq!(operation.commands.is_empty(), without, "{}", operation.id);
            for command in operation.commands {
                let mut found = &line;
                for word in command.split(' ') {
                    let next = found.find_subcommand(word);
                    found = next.unwrap_or_else(|| panic!("{}: muster {command}", operation.id));
                }
                assert!(
                    !found.has_subcommands(),
                    "muster {command} does nothing by itself"
                );
            }
        }
    }

    fn is_valid(arguments: &str) -> bool {
        Cli::try_parse_from(arguments.split(' ')).is_ok()
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for good in [
            "muster route add a.example --app a --weight 5 --sticky",
            "muster route add a.example --redirect https://b.example --status 302 --keep-path",
            "muster app scale a --memory 64MiB",
            "muster app push --path . --env A=b=c",
            "muster app list -o json",
            "muster load-balancer show --node edge-1",
            "muster certificate put shop --certificate shop.pem --key shop.key",
            "muster certificate put shop --self-made shop.test,*.shop.test",
            "muster bundle put maps ./maps --kind files --replace",
            "muster app push shop --bundle shop-package",
            "muster blocks move --to s3://muster/blocks?region=x --dry-run",
            "muster queue inspect mails --dead",
            "muster queue retry mails --all-dead",
            "muster queue drop mails 0190a7e0-0000-7000-8000-000000000001 --yes",
            "muster blocks verify --repair --no-wait",
            "muster data export f --app a --app b",
            "muster data import f --project p --skip --dry-run",
            "muster backup create --blocks list --no-wait",
            "muster backup verify --file a.muster-backup --key-file k",
            "muster backup restore a.muster-backup --data-dir d --replace --passphrase-file p",
            "muster backup restore a --data-dir d --database-url postgres://m:p@a,b/m --replace-database",
            "muster serve --blocks-url s3://muster?endpoint=http://127.0.0.1:9000 --blocks-cache 1GiB",
            "muster role add router --bundle my-router",
            "muster plugin new my-router --role router --path plugins/mine",
            "muster plugin check my.wasm --local -o json",
            "muster plugin test my.wasm -o yaml",
            "muster cluster create north --control-plane a,b,c --workers d --dry-run",
            "muster cluster show",
            "muster cluster scale north --workers d,e --yes --no-wait",
            "muster cluster upgrade north --to ./muster --dry-run",
            "muster cluster upgrade north --bundle muster-0-2-0 --patience 60 --yes",
            "muster cluster upgrade north --back --yes --no-wait",
            "muster cluster delete north --yes",
            "muster state move --to postgres://muster:secret@db-1,db-2/muster --data-dir d",
            "muster state move --back",
            "muster role add --all-but mdns,harbor",
            "muster --node south node rename east",
            "muster node migrate 192.0.2.7 192.0.2.8:7444",
            "muster node migrate --done",
            "muster config apply site --dry-run",
            "muster key create backup --scope app:read --expires 90d",
            "muster login --local --data-dir d",
            "muster project add-member shop ada --role owner",
            "muster access-role create auditor --permission audit:read",
            "muster user list --state pending --type admin",
            "muster user modify ada --type viewer --email ",
            "muster session end --all-of ada",
            "muster job list --state failed --app shop",
            "muster audit list --outcome refused --since 2h --from 192.0.2.1",
            "muster audit verify --file log.ndjson --filtered",
            "muster logging set --module muster_server=debug --to stderr --to file:a.log --for 10m",
            "muster log tail --host a --host b,c --level warn --target muster_server --since 2h -n 5",
            "muster log stream --role router --text slow",
            "muster ports --all",
            "muster ports --nftables --ssh-port 2222 --peer 192.0.2.7 --peer 198.51.100.0/24",
            "muster op static-ip 192.0.2.7/24 --interface eth0 --gateway 192.0.2.1 --dns 192.0.2.2 --dns 192.0.2.3",
        ] {
            assert!(is_valid(good), "{good}");
        }
        for bad in [
            "muster route add a.example",
            "muster route add a.example --app a --redirect https://b.example",
            "muster route add a.example --app a --status 302",
            "muster route add a.example --redirect https://b.example --weight 5",
            "muster app scale a",
            "muster app scale a --memory much",
            "muster app push a --path . --env A",
            "muster app push a --path . --env =b",
            "muster app list -o xml",
            "muster certificate put shop",
            "muster certificate put shop --certificate shop.pem",
            "muster certificate put shop --key shop.key",
            "muster certificate put shop --key a --certificate b --self-made c",
            "muster queue inspect",
            "muster queue retry mails",
            "muster queue drop mails first",
            "muster queue drop mails --all-dead 0190a7e0-0000-7000-8000-000000000001",
            "muster bundle put maps",
            "muster bundle put maps ./maps --kind film",
            "muster cluster create north",
            "muster cluster scale north",
            "muster cluster upgrade north",
            "muster cluster upgrade north --to ./muster --back",
            "muster state move",
            "muster state move --back --confirm",
            "muster app push shop --bundle shop-package --path .",
            "muster role add router --bundle a --component b.wasm",
            "muster role add router --all-but dea",
            "muster role add",
            "muster data export",
            "muster data import f --yes --dry-run",
            "muster backup verify",
            "muster backup verify a --file b",
            "muster backup create --blocks some",
            "muster backup restore --data-dir d",
            "muster backup restore a --data-dir d --replace-database",
            "muster backup restore a --data-dir d --passphrase-file p --key-file k",
            "muster blocks move",
            "muster blocks move s3://muster",
            "muster serve --blocks-url /srv/blocks",
            "muster node migrate",
            "muster node migrate 192.0.2.7 --done",
            "muster job show 17",
            "muster job list --state lost",
            "muster key create backup --scope app:everything",
            "muster login --local --user ada",
            "muster project modify shop",
            "muster quota set peace 3",
            "muster access-role create auditor",
            "muster user list --state here",
            "muster user create ada --type king",
            "muster user modify ada",
            "muster user suspend ada --yes --dry-run",
            "muster session end",
            "muster session end 01890a5d-ac96-774b-bcce-b302099a8057 --all-of ada",
            "muster term add",
            "muster term add terms.md --media-type image/png",
            "muster audit list --since yesterday",
            "muster audit verify --head 17",
            "muster audit verify --filtered",
            "muster logging set",
            "muster logging set --level loud",
            "muster logging set --to paper",
            "muster logging set --level debug --for 10m --keep",
            "muster log",
            "muster log tail --level loud",
            "muster log tail -n 10001",
            "muster log tail --since yesterday",
            "muster ports --all --nftables",
            "muster ports --ssh-port 22",
            "muster ports --nftables --ssh-port 0",
            "muster ports --nftables --peer north",
            "muster op static-ip 192.0.2.7/24 --interface eth0",
            "muster op static-ip 192.0.2.7 --interface eth0 --gateway 192.0.2.1",
            "muster op static-ip 192.0.2.7/33 --interface eth0 --gateway 192.0.2.1",
            "muster op static-ip 192.0.2.7/24 --interface eth0 --gateway 192.0.2.1 --dns one",
        ] {
            assert!(!is_valid(bad), "{bad}");
        }
    }
}

//! `muster certificate`

use std::{fs, path::PathBuf};

use clap::{Args, Subcommand};
use muster_api::{certificates::NewCertificate, name};

use super::{Scope, deletion::DeletionArgs};
use crate::{client::Client, failure::Failure};

/// What to do with the certificates of load balancers.
#[derive(Debug, Subcommand)]
pub enum CertificateCommand {
    /// Put a certificate, which every load balancer shows from then on
    Put(PutArgs),
    /// List the certificates
    List,
    /// Show a certificate; its key is never shown
    Show {
        /// The certificate
        name: String,
    },
    /// Remove a certificate
    Remove {
        /// The certificate
        name: String,
        #[command(flatten)]
        deletion: DeletionArgs,
    },
}

/// What to put, under which name.
#[derive(Debug, Args)]
pub struct PutArgs {
    /// What it is called here; `default` is for who asks for a name that no
    /// certificate has
    name: String,
    /// The certificate and those that vouch for it, the own one first, as PEM
    #[arg(
        long,
        value_name = "FILE",
        requires = "key",
        required_unless_present = "self_made"
    )]
    certificate: Option<PathBuf>,
    /// Its private key, as PEM
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Make a certificate for these host names, which no browser believes by
    /// itself, in place of uploading one
    #[arg(long, value_name = "HOST,…", value_delimiter = ',', conflicts_with_all = ["certificate", "key"])]
    self_made: Vec<String>,
    /// Only show what would be done
    #[arg(long)]
    dry_run: bool,
}

/// Does it.
///
/// # Errors
/// If the host or the person refuses, or files cannot be read.
pub async fn run(scope: &Scope, command: CertificateCommand) -> Result<(), Failure> {
    let client = scope.client()?;
    match command {
        CertificateCommand::Put(args) => put(scope, &client, args).await,
        CertificateCommand::List => scope.output.show(&client.certificates().await?),
        CertificateCommand::Show { name } => scope.output.show(&client.certificate(&name).await?),
        CertificateCommand::Remove { name, deletion } => {
            let what = format!("the certificate {name}");
            let remove = async |dry_run| client.remove_certificate(&name, dry_run).await;
            deletion.carry_out(scope, &what, remove).await
        }
    }
}

async fn put(scope: &Scope, client: &Client, args: PutArgs) -> Result<(), Failure> {
    let name = args.name;
    name::check(&name).map_err(|reason| {
        Failure::usage(format!("'{name}' is no name for a certificate: {reason}"))
    })?;
    let new = NewCertificate {
        certificate: args.certificate.map(read).transpose()?,
        key: args.key.map(read).transpose()?,
        self_made_for: args.self_made,
    };
    if args.dry_run {
        let plan = client.plan_certificate(&name, &new).await?;
        return scope.output.show(&plan);
    }
    let certificate = client.put_certificate(&name, &new).await?;
    let line = format!("Put {name}, for {}", certificate.hosts.join(", "));
    scope.output.done(&line, &certificate)
}

fn read(path: PathBuf) -> Result<String, Failure> {
    fs::read_to_string(&path).map_err(|error| {
        Failure::usage(format!("{}: {error}", path.display()))
            .hint("certificates and keys are read as PEM, which is text")
    })
}

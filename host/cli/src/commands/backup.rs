//! `muster backup`

use std::{env, fs, path::PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use muster_api::backups::{BackupBlocks, NewBackup};
use muster_server::{BackupLock, RestoreTarget};
use serde_json::json;

use super::{Scope, deletion::DeletionArgs, follow, serve::database, terminal};
use crate::failure::{Exit, Failure};

/// The variable that opens a backup.
const PASSPHRASE: &str = "MUSTER_BACKUP_PASSPHRASE";

/// What to do with backups.
#[derive(Debug, Subcommand)]
pub enum BackupCommand {
    /// Make a backup of everything that the host remembers, while it serves
    ///
    /// Where backups go, what opens them and whether they are made by themselves
    /// says the section `backup` of the configuration.
    Create {
        /// What the backup holds of blocks [default: what the configuration says]
        #[arg(long, value_enum)]
        blocks: Option<Blocks>,
        /// Do not wait for the end
        #[arg(long)]
        no_wait: bool,
    },
    /// List the backups where the host's go
    List,
    /// Show a backup
    Show {
        /// The name of its file
        name: String,
    },
    /// Read a backup to its end, without restoring it
    Verify(VerifyArgs),
    /// Remove a backup
    Delete {
        /// The name of its file
        name: String,
        #[command(flatten)]
        ask: DeletionArgs,
    },
    /// Make a data directory out of a backup, on this machine or a new one
    ///
    /// No host may run on the directory. What was restored is the host that made
    /// the backup, with its id and its keys: do not start both.
    Restore(RestoreArgs),
}

/// What a backup holds of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Blocks {
    /// All that the state needs
    All,
    /// Their names alone: they are where they are kept, or other hosts have them
    List,
}

impl From<Blocks> for BackupBlocks {
    fn from(blocks: Blocks) -> Self {
        match blocks {
            Blocks::All => Self::All,
            Blocks::List => Self::List,
        }
    }
}

/// Which backup to verify.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The name of one where the host's go
    #[arg(required_unless_present = "file", conflicts_with = "file")]
    name: Option<String>,
    /// A backup in a file of this machine, without asking any host
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    lock: LockArgs,
    /// Do not wait for the end
    #[arg(long, conflicts_with = "file")]
    no_wait: bool,
}

/// What opens a backup on this machine.
#[derive(Debug, Args)]
pub struct LockArgs {
    /// A file with the passphrase in its first line [default: MUSTER_BACKUP_PASSPHRASE, or you are asked]
    #[arg(long, value_name = "FILE", conflicts_with = "key_file")]
    passphrase_file: Option<PathBuf>,
    /// The key file with which the backup was made
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

/// What to restore, and where.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The backup, a file of this machine
    file: PathBuf,
    /// The data directory to make
    #[arg(
        long,
        env = "MUSTER_DATA_DIR",
        hide_env_values = true,
        value_name = "DIR"
    )]
    data_dir: PathBuf,
    /// Put aside what is in the directory
    #[arg(long)]
    replace: bool,
    /// The PostgreSQL database that is to hold the state in place of a file in the
    /// directory: postgres://USER:PASSWORD@HOST:PORT,…/NAME. The host keeps the URL,
    /// sealed. It has to be empty, and no host may work on it
    #[arg(
        long,
        env = "MUSTER_DATABASE_URL",
        hide_env_values = true,
        value_name = "URL"
    )]
    database_url: Option<String>,
    /// Remove the state that the database holds, for good
    #[arg(long, requires = "database_url")]
    replace_database: bool,
    #[command(flatten)]
    lock: LockArgs,
}

impl LockArgs {
    fn lock(&self) -> Result<BackupLock, Failure> {
        let read = |path: &PathBuf| {
            fs::read(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
        };
        if let Some(path) = &self.key_file {
            return Ok(BackupLock::File(read(path)?));
        }
        if let Some(path) = &self.passphrase_file {
            let text = String::from_utf8_lossy(&read(path)?).into_owned();
            let line = text.lines().next().unwrap_or_default();
            return Ok(BackupLock::Passphrase(line.to_owned()));
        }
        match env::var(PASSPHRASE) {
            Ok(text) if !text.is_empty() => Ok(BackupLock::Passphrase(text)),
            _ => Ok(BackupLock::Passphrase(terminal::secret(
                "Passphrase of the backup: ",
            )?)),
        }
    }
}

/// Does it.
///
/// # Errors
/// If the host refuses, the job fails, or the backup is of no use.
pub async fn run(scope: &Scope, command: BackupCommand) -> Result<(), Failure> {
    match command {
        BackupCommand::Restore(args) => return restore(scope, args).await,
        BackupCommand::Verify(VerifyArgs {
            file: Some(file),
            lock,
            ..
        }) => return verify(scope, &file, &lock),
        _ => {}
    }
    let client = scope.client()?;
    let (job, no_wait, done) = match command {
        BackupCommand::Create { blocks, no_wait } => {
            let how = NewBackup {
                blocks: blocks.map(Into::into),
            };
            (
                client.create_backup(&how).await?,
                no_wait,
                "Made a backup".to_owned(),
            )
        }
        BackupCommand::Verify(args) => {
            let name = args.name.unwrap_or_default();
            let job = client.verify_backup(&name).await?;
            (job, args.no_wait, format!("{name} is whole"))
        }
        BackupCommand::List => return scope.output.show(&client.backups().await?),
        BackupCommand::Show { name } => return scope.output.show(&client.backup(&name).await?),
        BackupCommand::Delete { name, ask } => {
            let delete = async |dry_run| client.delete_backup(&name, dry_run).await;
            return ask
                .carry_out(scope, &format!("the backup {name}"), delete)
                .await;
        }
        // Done above, without a host.
        BackupCommand::Restore(_) => return Ok(()),
    };
    if no_wait {
        return scope.output.show(&job);
    }
    let job = follow::to_success(&client, job).await?;
    scope.output.done(&done, &job)
}

fn unusable(error: muster_server::UnusableBackup) -> Failure {
    Failure::new(Exit::Failure, error.to_string())
}

fn verify(scope: &Scope, file: &std::path::Path, lock: &LockArgs) -> Result<(), Failure> {
    let found = muster_server::verify_backup(file, &lock.lock()?).map_err(unusable)?;
    let line = format!(
        "The backup of {} is whole: {} rows of {} tables, {} blocks needed, {} of them held",
        found.host, found.rows, found.tables, found.blocks, found.held
    );
    let facts = json!({
        "host": found.host, "tables": found.tables, "rows": found.rows,
        "blocks": found.blocks, "held": found.held,
    });
    scope.output.done(&line, &facts)
}

async fn restore(scope: &Scope, args: RestoreArgs) -> Result<(), Failure> {
    let to = RestoreTarget {
        folder: args.data_dir.clone(),
        replace: args.replace,
        database: args.database_url.as_deref().map(database).transpose()?,
        replace_database: args.replace_database,
    };
    let lock = args.lock.lock()?;
    let restored = muster_server::restore_backup(&args.file, &lock, &to)
        .await
        .map_err(unusable)?;
    let directory = args.data_dir.display();
    let mut line = format!(
        "Restored {} into {directory}: {} rows, {} of {} blocks",
        restored.host, restored.rows, restored.blocks, restored.needed
    );
    if let Some(url) = &to.database {
        line.push_str(&format!("\nThe state is in {url}, compared row by row"));
    }
    if let Some(aside) = &restored.replaced {
        line.push_str(&format!(
            "\nWhat was there before is in {}",
            aside.display()
        ));
    }
    if restored.blocks < restored.needed {
        line.push_str(&format!(
            "\nThe blocks are expected in {}; once the host serves, see: muster blocks verify --repair",
            restored.place
        ));
    }
    line.push_str(&format!(
        "\nStart it with: muster serve --data-dir {directory}"
    ));
    let facts = json!({
        "host": restored.host, "rows": restored.rows, "blocks": restored.blocks,
        "needed": restored.needed, "place": restored.place, "replaced": restored.replaced,
        "database": to.database.map(|url| url.to_string()),
    });
    scope.output.done(&line, &facts)
}

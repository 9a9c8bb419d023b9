//! `muster op static-ip`

mod check;
mod machine;
mod manager;
mod network_file;

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use ipnet::IpNet;
use rustix::process::geteuid;

pub use self::network_file::StaticAddress;
use self::{check::Wanted, network_file::NetworkFile};
use crate::{
    commands::{Scope, serve::usual_data_dir},
    failure::{Exit, Failure},
};

/// Where the machine's own files are.
const ROOT: &str = "/";

/// Which address, and how it is reached.
#[derive(Debug, Args)]
pub struct StaticIpArgs {
    /// The address with the length of its network's prefix, such as 192.0.2.7/24
    #[arg(value_name = "ADDRESS/PREFIX")]
    address: IpNet,
    /// The network interface that gets it, such as eth0
    #[arg(long, value_name = "IF")]
    interface: String,
    /// The router to everywhere else, in the same network
    #[arg(long)]
    gateway: IpAddr,
    /// A server that resolves names; may be given several times
    #[arg(long, value_name = "ADDRESS")]
    dns: Vec<IpAddr>,
    /// Write it where systemd-networkd reads it, which takes root; refused where something else runs the network
    #[arg(long)]
    apply: bool,
    /// Where the host keeps everything [default: ~/.local/share/muster]
    #[arg(
        long,
        env = "MUSTER_DATA_DIR",
        hide_env_values = true,
        value_name = "DIR"
    )]
    data_dir: Option<PathBuf>,
}

/// Checks the address, writes it down, and puts it where it counts if that was
/// asked for.
///
/// # Errors
/// If the address makes no sense, is somebody's, or cannot be written.
pub async fn run(scope: &Scope, args: StaticIpArgs) -> Result<(), Failure> {
    let data_dir = args.data_dir.map_or_else(usual_data_dir, Ok)?;
    let wanted = Wanted {
        interface: args.interface,
        address: args.address,
        gateway: args.gateway,
        dns: args.dns,
    };
    let apply = args.apply;
    let settled = tokio::task::spawn_blocking(move || settle(wanted, &data_dir, apply)).await;
    let settled = settled.map_err(|error| Failure::new(Exit::Failure, error.to_string()))?;
    scope.output.show(&settled?)
}

fn settle(wanted: Wanted, data_dir: &Path, apply: bool) -> Result<StaticAddress, Failure> {
    refuse(Exit::Usage, wanted.mistakes())?;
    let seen = machine::look(Path::new(ROOT), &wanted).map_err(|error| {
        Failure::new(Exit::Failure, format!("the network is not seen: {error}"))
    })?;
    refuse(Exit::Failure, wanted.conflicts(&seen))?;
    let file = NetworkFile::of(&wanted);
    let kept = file.keep(data_dir)?;
    let applied = match apply {
        true => Some(manager::apply(
            Path::new(ROOT),
            geteuid().is_root(),
            &wanted,
            &file,
        )?),
        false => None,
    };
    Ok(StaticAddress::new(wanted, file, kept, applied))
}

/// Refuses if anything is wrong: what was wrong first, and the rest as well.
fn refuse(exit: Exit, wrong: Vec<String>) -> Result<(), Failure> {
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::new(exit, wrong.join("; ")).hint("nothing was changed or written down"))
}

//! What a role plugin is, and whether it keeps to the contract of its role: the
//! same for authors, who ask before they ship a plugin, and for whoever thinks of
//! installing one.
//!
//! [`inspect`] reads a component without running it. [`run`] runs it in the
//! engine, as a host would, through the suite of its world: hostile input,
//! housekeeping again and again, instances that are dropped in the middle, and
//! what the contract says of the role's own work. No host is involved.

mod bench;
mod dea;
mod inspection;
mod lifecycle;
mod load_balancer;
mod report;
mod router;
mod stager;

use std::{io, time::Instant};

use muster_engine::{
    Engine, EngineError, EngineOptions,
    plugin::{
        Contract, PluginCode, PluginError, balancing::BalancerWorld, execution::DeaWorld,
        routing::RouterWorld, staging::StagerWorld,
    },
};

use self::{bench::Bench, lifecycle::Subject};
pub use self::{
    inspection::{Inspection, Wanted, inspect},
    report::{Case, Report},
};

/// Why a plugin could not be put through the suite.
#[derive(Debug, thiserror::Error)]
pub enum ConformanceError {
    /// It is no plugin, or not one for a world that is known here.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The engine does not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no place for compiled code.
    #[error("no folder for compiled code: {0}")]
    Io(#[from] io::Error),
}

/// Puts a plugin through the suite of its world. `each` is told of every case
/// when it is over.
///
/// # Errors
/// If it never came to that: the file is no plugin, or no world that is known
/// here is what it is made for.
pub fn run(wasm: &[u8], mut each: impl FnMut(&Case)) -> Result<Report, ConformanceError> {
    let folder = tempfile::tempdir()?;
    // Plugins take none of the places that apps are run in.
    let engine = Engine::new(&EngineOptions {
        cache: folder.path().to_owned(),
        instances: 1,
    })?;
    let code = PluginCode::new(&engine, wasm)?;
    let role = code.manifest().role.clone();
    let contract = Contract::of(&role).ok_or(PluginError::NoContract(role))?;
    contract.check(code.manifest())?;
    let each = &mut each;
    Ok(match contract.role {
        "router" => suite::<RouterWorld>(code, each),
        "stager" => suite::<StagerWorld>(code, each),
        "dea" => suite::<DeaWorld>(code, each),
        _ => suite::<BalancerWorld>(code, each),
    })
}

fn suite<W: Subject>(code: PluginCode, each: &mut dyn FnMut(&Case)) -> Report {
    let manifest = code.manifest().clone();
    let bench = Bench::<W>::new(code);
    let mut cases = Vec::new();
    for check in lifecycle::checks().into_iter().chain(W::checks()) {
        let began = Instant::now();
        let failure = (check.run)(&bench).err();
        let case = Case {
            name: check.name,
            about: check.about,
            passed: failure.is_none(),
            failure: failure.map(|fault| fault.0),
            milliseconds: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        each(&case);
        cases.push(case);
    }
    Report {
        name: manifest.name,
        version: manifest.version,
        role: manifest.role,
        world: manifest.world,
        cases,
    }
}

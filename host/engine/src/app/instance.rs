//! One placement of an app on this host: code, settings, and a gate that counts
//! the requests inside.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use muster_api::settings::Limits;
use wasmtime_wasi_config::WasiConfigVariables;

use super::{code::Code, outbound::OutboundPolicy, refusal::Refusal};
use crate::output::OutputSink;

/// What an app runs with, made ready for the hot path.
pub struct Runtime {
    pub(crate) env: Vec<(String, String)>,
    pub(crate) config: Arc<WasiConfigVariables>,
    pub(crate) limits: Limits,
    pub(crate) outbound: Arc<OutboundPolicy>,
    pub(crate) files: Option<PathBuf>,
}

impl Runtime {
    /// `files` is a folder that the app sees read-only as `/`.
    #[must_use]
    pub fn new(
        env: Vec<(String, String)>,
        limits: Limits,
        outbound: OutboundPolicy,
        files: Option<PathBuf>,
    ) -> Self {
        let config = Arc::new(env.iter().cloned().collect());
        Self {
            env,
            config,
            limits,
            outbound: Arc::new(outbound),
            files,
        }
    }

    /// The limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// One placement of an app on this host.
pub struct Instance {
    pub(crate) code: Arc<Code>,
    pub(crate) runtime: Runtime,
    pub(crate) output: OutputSink,
    active: AtomicU32,
}

impl Instance {
    /// Nothing of the app runs until the first request.
    #[must_use]
    pub fn new(code: Arc<Code>, runtime: Runtime, output: OutputSink) -> Arc<Self> {
        Arc::new(Self {
            code,
            runtime,
            output,
            active: AtomicU32::new(0),
        })
    }

    /// What it runs with.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// How many requests are inside.
    #[must_use]
    pub fn active(&self) -> u32 {
        self.active.load(Ordering::Relaxed)
    }

    /// Lets one more request in, if the limit allows.
    pub(crate) fn enter(self: &Arc<Self>) -> Result<Pass, Refusal> {
        let limit = self.runtime.limits.concurrency;
        let before = self.active.fetch_add(1, Ordering::Relaxed);
        let pass = Pass(Arc::clone(self));
        if before >= limit {
            Err(Refusal::Concurrency(limit))
        } else {
            Ok(pass)
        }
    }
}

/// A request's place inside an instance, given back when dropped.
pub(crate) struct Pass(Arc<Instance>);

impl Pass {
    pub(crate) fn instance(&self) -> &Instance {
        &self.0
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::Relaxed);
    }
}

//! What a plugin's store holds.

use std::sync::Arc;

use http::request::Parts;
use wasmtime::component::{HasSelf, Linker, ResourceTable};
use wasmtime_wasi::{
    WasiCtx, WasiCtxView, WasiView,
    cli::{WasiCli, WasiCliView},
    clocks::{WasiClocks, WasiClocksView},
    filesystem::{WasiFilesystem, WasiFilesystemView},
    p2::bindings::{cli, clocks, filesystem, random, sync},
    random::WasiRandom,
};

use super::{
    io::NonBlocking,
    load_balancer::Balancing,
    logging::{LogLevel, PluginLog, logging},
};
use crate::{
    limiter::MemoryLimiter,
    meter::Meter,
    output::{LineStream, Output, OutputSink, Stream},
};

/// How many handles of host resources a plugin may hold.
const MAX_HANDLES: usize = 1_000;
/// The most random bytes that a plugin gets at once.
const MAX_RANDOM: u64 = 64 << 10;

/// A plugin's side of the host. Named in signatures, closed to others.
pub struct PluginState {
    wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) limiter: MemoryLimiter,
    pub(crate) log: PluginLog,
    /// The request that a router or a load balancer decides on, during the call.
    pub(crate) head: Option<Parts>,
    /// What a load balancer decides by.
    pub(super) balancing: Balancing,
}

impl PluginState {
    pub(crate) fn new(memory: u64, meter: Arc<Meter>, log: PluginLog) -> Self {
        let (nobody, sink) = (Arc::from(""), lines(Arc::clone(&log)));
        let wasi = WasiCtx::builder()
            .stdout(LineStream::new(&sink, &nobody, Stream::Out))
            .stderr(LineStream::new(&sink, &nobody, Stream::Err))
            .max_random_size(MAX_RANDOM)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Self {
            wasi,
            table,
            limiter: MemoryLimiter::new(memory, meter),
            log,
            head: None,
            balancing: Balancing::default(),
        }
    }
}

/// What a plugin prints goes where it logs.
fn lines(log: PluginLog) -> OutputSink {
    Arc::new(move |output: Output<'_>| {
        let level = if output.stream == Stream::Err {
            LogLevel::Warn
        } else {
            LogLevel::Info
        };
        log(level, output.line);
    })
}

impl WasiView for PluginState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// What every plugin may import undeclared: WASI's interfaces as far as they
/// reach nothing outside the plugin. No directory is opened for it and
/// sockets are not linked at all.
pub(crate) fn add_harmless(linker: &mut Linker<PluginState>) -> wasmtime::Result<()> {
    type S = PluginState;
    NonBlocking::add_to_linker(linker)?;
    clocks::wall_clock::add_to_linker::<S, WasiClocks>(linker, S::clocks)?;
    clocks::monotonic_clock::add_to_linker::<S, WasiClocks>(linker, S::clocks)?;
    random::random::add_to_linker::<S, WasiRandom>(linker, |state| state.wasi.random())?;
    random::insecure::add_to_linker::<S, WasiRandom>(linker, |state| state.wasi.random())?;
    random::insecure_seed::add_to_linker::<S, WasiRandom>(linker, |state| state.wasi.random())?;
    cli::exit::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::environment::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::stdin::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::stdout::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::stderr::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::terminal_input::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::terminal_output::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::terminal_stdin::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::terminal_stdout::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    cli::terminal_stderr::add_to_linker::<S, WasiCli>(linker, S::cli)?;
    filesystem::preopens::add_to_linker::<S, WasiFilesystem>(linker, S::filesystem)?;
    sync::filesystem::types::add_to_linker::<S, WasiFilesystem>(linker, S::filesystem)?;
    Ok(())
}

/// Adds the messages of plugins, which every role may use.
pub(crate) fn add_logging(linker: &mut Linker<PluginState>) -> wasmtime::Result<()> {
    logging::add_to_linker::<PluginState, HasSelf<PluginState>>(linker, |state| state)
}

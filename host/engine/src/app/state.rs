//! What a store of an app holds.

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::{WasiConfig, WasiConfigVariables};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::outbound::Outbound;
use crate::limiter::MemoryLimiter;

/// How many handles of host resources one request may hold.
const MAX_HANDLES: usize = 2_000;

pub(crate) struct State {
    pub(crate) wasi: WasiCtx,
    pub(crate) http: WasiHttpCtx,
    pub(crate) outbound: Outbound,
    pub(crate) config: std::sync::Arc<WasiConfigVariables>,
    pub(crate) limiter: MemoryLimiter,
    table: ResourceTable,
}

impl State {
    pub(crate) fn new(
        wasi: WasiCtx,
        http: WasiHttpCtx,
        outbound: Outbound,
        config: std::sync::Arc<WasiConfigVariables>,
        limiter: MemoryLimiter,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Self {
            wasi,
            http,
            outbound,
            config,
            limiter,
            table,
        }
    }

    pub(crate) fn config(&mut self) -> WasiConfig<'_> {
        WasiConfig::new(&self.config)
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outbound,
        }
    }
}

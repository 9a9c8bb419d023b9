//! The one constructor of the wasmtime configuration.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::{EngineError, cache::CodeCache};

/// The wasmtime version, for people.
pub const VERSION: &str = "wasmtime 48.0.8";

/// How often epochs advance: the longest that a guest computes before others
/// of its thread get their turn.
pub(crate) const EPOCH: Duration = Duration::from_millis(5);

/// How many epochs make up a length of time, rounded up.
pub(crate) fn epochs(time: Duration) -> u64 {
    u64::try_from(time.as_nanos().div_ceil(EPOCH.as_nanos()))
        .unwrap_or(u64::MAX)
        .max(1)
}

/// What a host decides about its engine.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The folder of compiled code. Made if there is none.
    pub cache: PathBuf,
    /// How many instances may live at the same time, over all apps of WASI 0.2
    /// and over all of 0.3.
    pub instances: u32,
}

/// The engine: a wasmtime engine for each kind of guest. Support for concurrent
/// calls makes every call between guest and host dearer, so only the apps that
/// cannot do without, those of WASI 0.3, run with it.
#[derive(Clone)]
pub struct Engine {
    /// For apps of WASI 0.2.
    pub(crate) apps: wasmtime::Engine,
    /// For apps of WASI 0.3.
    pub(crate) concurrent_apps: wasmtime::Engine,
    pub(crate) plugins: wasmtime::Engine,
    pub(crate) cache: Arc<CodeCache>,
    _ticker: Arc<Ticker>,
}

impl Engine {
    /// Makes the engine and starts its epoch ticker.
    ///
    /// # Errors
    /// If the machine lacks the address space or the cache cannot be opened.
    pub fn new(options: &EngineOptions) -> Result<Self, EngineError> {
        let start = |error: wasmtime::Error| EngineError::Start(format!("{error:#}"));
        let cache = Arc::new(CodeCache::open(&options.cache)?);
        let apps = wasmtime::Engine::new(&app_config(options.instances, false)).map_err(start)?;
        let concurrent_apps =
            wasmtime::Engine::new(&app_config(options.instances, true)).map_err(start)?;
        let plugins = wasmtime::Engine::new(&plugin_config()).map_err(start)?;
        let ticker = Ticker::start(vec![apps.weak(), concurrent_apps.weak(), plugins.weak()])
            .map_err(|error| {
                EngineError::Start(format!("no thread for the epoch ticker: {error}"))
            })?;
        Ok(Self {
            apps,
            concurrent_apps,
            plugins,
            cache,
            _ticker: Arc::new(ticker),
        })
    }
}

/// Fresh instances per request make allocation the hot path: a pool of slots
/// whose pages stay resident, reset by rewriting only what was dirtied.
fn app_config(instances: u32, concurrent: bool) -> Config {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(8))
        .total_memories(instances.saturating_mul(2))
        .total_tables(instances.saturating_mul(8))
        .total_stacks(instances)
        .total_gc_heaps(instances)
        // Interpreters compiled to WebAssembly have tables and instances far
        // beyond the allocator's defaults; unused ones cost address space only.
        .table_elements(100_000)
        .max_core_instance_size(4 << 20)
        .max_component_instance_size(4 << 20)
        .max_tables_per_module(8)
        .max_memories_per_module(4)
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(512 << 10)
        .async_stack_keep_resident(64 << 10)
        .pagemap_scan(pagemap_scan());
    let mut config = base_config();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .concurrency_support(concurrent)
        .wasm_component_model_async(concurrent);
    config
}

/// Plugins live long and are few: no pool, and no support for concurrency,
/// which would make each call several times dearer.
fn plugin_config() -> Config {
    let mut config = base_config();
    config
        .concurrency_support(false)
        .wasm_component_model_async(false);
    config
}

fn base_config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .memory_init_cow(true);
    config
}

/// Whether the pool may ask the kernel which pages are dirty. It must not where
/// pages can be swapped out: the kernel then misses some, and the next tenant
/// would find them (bytecodealliance/wasmtime#14357).
fn pagemap_scan() -> Enabled {
    let swapless = fs::read_to_string("/proc/swaps").is_ok_and(|text| text.lines().count() <= 1);
    if swapless {
        Enabled::Auto
    } else {
        tracing::info!(
            "swap is on: instance memory is reset without pagemap scan, which is slower"
        );
        Enabled::No
    }
}

/// Advances the epochs from a thread of its own, so that no guest and no busy
/// runtime can hold them up. Ends with the last engine.
struct Ticker {
    stop: Arc<AtomicBool>,
}

impl Ticker {
    fn start(engines: Vec<wasmtime::EngineWeak>) -> std::io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        std::thread::Builder::new()
            .name("epoch-ticker".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    std::thread::sleep(EPOCH);
                    for engine in &engines {
                        if let Some(engine) = engine.upgrade() {
                            engine.increment_epoch();
                        }
                    }
                }
            })?;
        Ok(Self { stop })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

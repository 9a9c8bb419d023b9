//! Brings up one instance: blocks, compiled code, files, first health check.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use muster_api::{
    id::{AppId, DropletId, InstanceId},
    logs::LogSource,
};
use muster_blocks::Blocks;
use muster_engine::{Code, Engine, Instance, OutboundPolicy, Output, OutputSink, Runtime, Stream};
use muster_store::{AppRecord, DropletRecord, ReleaseRecord, Store};
use tokio::sync::Semaphore;

use super::{desired::Source, health, instances::Instances};
use crate::{
    control::{linking::Links, staging::entry_named},
    data_dir::DataDir,
    logs::Logs,
};

/// How many instances are brought up at the same time.
const AT_ONCE: usize = 4;

/// Brings up instances.
#[derive(Clone)]
pub(crate) struct Starter {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    blocks: Blocks,
    engine: Engine,
    dir: Arc<DataDir>,
    logs: Arc<Logs>,
    instances: Arc<Instances>,
    links: Links,
    turns: Semaphore,
    /// Code of droplets that some instance runs, shared by all that do.
    loaded: Mutex<HashMap<DropletId, Weak<Code>>>,
}

impl Starter {
    pub(crate) fn new(
        store: Store,
        blocks: Blocks,
        engine: Engine,
        dir: Arc<DataDir>,
        logs: Arc<Logs>,
        instances: Arc<Instances>,
        links: Links,
    ) -> Self {
        let turns = Semaphore::new(AT_ONCE);
        Self {
            inner: Arc::new(Inner {
                store,
                blocks,
                engine,
                dir,
                logs,
                instances,
                links,
                turns,
                loaded: Mutex::default(),
            }),
        }
    }

    /// Begins to bring up an instance; what comes of it shows in the instances.
    pub(crate) fn start(&self, app: &AppRecord, release: u64, index: u32, source: Source) {
        let id = self.inner.instances.begin(app.id, release, index);
        let (inner, app) = (Arc::clone(&self.inner), app.id);
        tokio::spawn(async move {
            let described = source.release(&inner.store, app, release).await;
            let up = match described {
                Ok((release, droplet)) => inner.bring_up(id, app, release, droplet, index).await,
                Err(reason) => Err(reason),
            };
            if let Err(reason) = up {
                let line = format!("instance {index}/{release} did not start: {reason}");
                inner.happened(app, &line);
                inner.instances.crash(id, reason);
            }
        });
    }
}

impl Inner {
    async fn bring_up(
        self: &Arc<Self>,
        id: InstanceId,
        app: AppId,
        release: ReleaseRecord,
        droplet: DropletRecord,
        index: u32,
    ) -> Result<(), String> {
        let number = release.number;
        let turn = self
            .turns
            .acquire()
            .await
            .map_err(|error| error.to_string())?;
        self.blocks_of(&droplet).await?;
        let code = self.code(&droplet).await?;
        let files = self.files(&droplet).await?;
        let label = Arc::<str>::from(format!("{index}/{number}"));
        let settings = &release.settings;
        let outbound = OutboundPolicy::new(&settings.allow_outbound, &settings.allow_private)
            .map_err(|(field, why)| format!("{field}: {why}"))?;
        let env = settings
            .env
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let runtime = Runtime::new(env, settings.limits.clone(), outbound, files);
        let output = self.output(app, &label);
        let instance = Instance::new(code, runtime, output);
        drop(turn);
        if let Some(check) = &settings.health {
            health::first(&instance, check).await?;
        }
        if self.instances.serve(id, Arc::clone(&instance))
            && let Some(check) = settings.health.clone()
        {
            let this = Arc::clone(self);
            let label = Arc::clone(&label);
            tokio::spawn(async move {
                let failed = health::watch(&this.instances, id, instance, &check).await;
                if let Some(why) = failed {
                    this.happened(app, &format!("instance {label} crashed: {why}"));
                    this.instances.crash(id, why);
                }
            });
        }
        self.happened(app, &format!("instance {label} serves"));
        Ok(())
    }

    /// Tells whoever reads the app's log, and the leader once it is back if it
    /// is away.
    fn happened(&self, app: AppId, line: &str) {
        self.logs.platform(&app.to_string(), line);
        self.links.happened(app, line);
    }

    /// Has the droplet's blocks here. A host on which nothing was pushed gets
    /// them from the others.
    async fn blocks_of(&self, droplet: &DropletRecord) -> Result<(), String> {
        let files = std::iter::once(&droplet.component).chain(&droplet.files);
        let mut blocks: Vec<_> = files.flat_map(|file| file.blocks.clone()).collect();
        blocks.sort();
        blocks.dedup();
        self.links.have(&blocks).await
    }

    async fn code(&self, droplet: &DropletRecord) -> Result<Arc<Code>, String> {
        if let Some(code) = self.loaded().get(&droplet.id).and_then(Weak::upgrade) {
            return Ok(code);
        }
        let entry = entry_named(&droplet.entry)
            .ok_or_else(|| format!("the entry point {} is unknown", droplet.entry))?;
        let wasm = self
            .blocks
            .load_file(&droplet.component)
            .await
            .map_err(|error| error.to_string())?;
        let engine = self.engine.clone();
        let code = tokio::task::spawn_blocking(move || Code::load(&engine, &wasm, entry))
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())?;
        let code = Arc::new(code);
        let mut loaded = self.loaded();
        loaded.retain(|_, code| code.strong_count() > 0);
        loaded.insert(droplet.id, Arc::downgrade(&code));
        Ok(code)
    }

    fn loaded(&self) -> std::sync::MutexGuard<'_, HashMap<DropletId, Weak<Code>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn files(&self, droplet: &DropletRecord) -> Result<Option<std::path::PathBuf>, String> {
        if droplet.files.is_empty() {
            return Ok(None);
        }
        let folder = self.dir.droplet(droplet.id);
        self.blocks
            .materialise(&droplet.files, &folder)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Some(folder))
    }

    fn output(&self, app: AppId, label: &Arc<str>) -> OutputSink {
        let (logs, app, label) = (Arc::clone(&self.logs), app.to_string(), Arc::clone(label));
        Arc::new(move |output: Output<'_>| {
            let source = match output.stream {
                Stream::Out => LogSource::Stdout,
                Stream::Err => LogSource::Stderr,
            };
            logs.output(&app, source, &label, output.request, output.line);
        })
    }
}

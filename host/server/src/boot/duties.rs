//! What stands on a state: the rules, the API, the agent and whatever looks after
//! things in the background. A host that shares its group's state with others
//! begins all of it anew when it comes to lead, and when it leads no more; so
//! nothing remembers what another state said.

use std::{sync::Arc, time::Duration};

use axum::Router;
use muster_api::id::HostId;
use muster_bus::{Channel, Hint};
use muster_store::Revisions;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{ServeError, announce_admin, ground::Ground, people::People};
use crate::{
    agent::{Agent, starter::Starter},
    control::{
        access::AccessControl,
        apps::Apps,
        audit::{Audit, OwnEntries},
        backups::Backups,
        block_storage::BlockStorage,
        bundles::Bundles,
        certificates::Certificates,
        clusters::Clusters,
        content::{Content, Spare},
        data::Data,
        droplets::Droplets,
        host_names::HostNames,
        housekeeping::Housekeeping,
        jobs::Jobs,
        leadership::{Leadership, Part},
        linking::Served,
        placing::Placing,
        projects::Projects,
        pushes::Pushes,
        queues::Queues,
        quotas::Quotas,
        routes::Routes,
        staging::{Staging, Workshop},
        terms_of_use::TermsOfUse,
        this_host::ThisHost,
        views::Urls,
        works::Works,
    },
    http::{self, Api, Host, front::Front, idempotency::Repeats, rate_limits::RateLimits},
};

/// The pause between two hints that the state has changed.
const HINTS: Duration = Duration::from_millis(100);

/// What stands on a state, at work.
pub(super) struct Duties {
    tasks: TaskTracker,
    ending: CancellationToken,
}

impl Duties {
    /// Begins them on the state that the host's part gives it.
    pub(super) async fn begin(
        ground: &Ground,
        (leadership, part): (&Leadership, &Part),
        front: &Front,
    ) -> Result<Self, ServeError> {
        let state = match part {
            Part::Alone | Part::StandsBy => &ground.own,
            Part::Leads(_, state) => state,
        };
        let links = &ground.links;
        match part {
            Part::Alone => {}
            Part::Leads(_, state) => links.take_over(state.clone()).await?,
            Part::StandsBy => links.hand_over(ground.own.clone()).await?,
        }
        let store = &state.store;
        let (ending, tasks) = (CancellationToken::new(), TaskTracker::new());
        let people = People::open(
            store,
            &ground.dir,
            state.sealer.clone(),
            ground.management,
            matches!(part, Part::Leads(..)),
        )
        .await?;
        let config = people.config.clone();
        // A host that stands by has nobody to let in: the one that leads has.
        if !matches!(part, Part::StandsBy) {
            people
                .users
                .ensure_admin(ground.options.initial_password.clone(), announce_admin)
                .await?;
        }
        let clusters = Clusters {
            store: store.clone(),
            blocks: ground.blocks.clone(),
            links: links.clone(),
            leadership: leadership.clone(),
        };
        if !matches!(part, Part::StandsBy) {
            clusters.note().await?;
            tasks.spawn(clusters.clone().run(ending.clone()));
        }
        config.step(links).await?;
        tasks.spawn(config.clone().keep_in_step(links.clone(), ending.clone()));
        let heeds = Arc::clone(&ground.balancing).heed(config.clone(), ending.clone());
        tasks.spawn(heeds);
        let certificates = Certificates {
            store: store.clone(),
            sealer: state.sealer.clone(),
            links: links.clone(),
            in_force: Arc::clone(&ground.balancing.certificates),
        };
        tasks.spawn(certificates.clone().keep_up(ending.clone()));
        let starter = Starter::new(
            store.clone(),
            ground.blocks.clone(),
            ground.engine.clone(),
            Arc::clone(&ground.dir),
            Arc::clone(&ground.logs),
            Arc::clone(&ground.instances),
            links.clone(),
        );
        let placing = Placing {
            store: store.clone(),
            links: links.clone(),
            fleet: Arc::clone(&ground.fleet),
            roles: Arc::clone(&ground.roles),
            unplaced: Arc::default(),
        };
        let agent = Agent {
            store: store.clone(),
            roles: Arc::clone(&ground.roles),
            fleet: Arc::clone(&ground.fleet),
            links: links.clone(),
            placing: placing.clone(),
            neighbours: Default::default(),
            starter,
            table: Arc::clone(&ground.table),
            backends: Arc::clone(&ground.backends),
            balancing: Arc::clone(&ground.balancing),
            logs: Arc::clone(&ground.logs),
            started: ground.started,
        };
        tasks.spawn(agent.run(ending.clone()));
        let names = HostNames {
            domain: ground.options.app_domain.to_ascii_lowercase(),
            machine: ground.name.clone(),
            config: config.clone(),
        };
        let workshop = Workshop {
            blocks: ground.blocks.clone(),
            engine: ground.engine.clone(),
            roles: Arc::clone(&ground.roles),
        };
        let staging = Staging {
            store: store.clone(),
            workshop: workshop.clone(),
            links: links.clone(),
            logs: Arc::clone(&ground.logs),
            names: names.clone(),
        };
        tasks.spawn(staging.run(ending.clone()));
        let channel = ground.bus.channel(&state.key);
        people.keep_up(&channel, &tasks, &ending);
        let content = Content {
            store: store.clone(),
            blocks: ground.blocks.clone(),
            links: links.clone(),
            dir: Arc::clone(&ground.dir),
        };
        tasks.spawn(content.run(ending.clone()));
        let block_storage = BlockStorage {
            store: store.clone(),
            own: ground.own.clone(),
            blocks: ground.blocks.clone(),
            links: links.clone(),
            sealer: state.sealer.clone(),
            credentials: ground.options.blocks.credentials.clone(),
            collecting: Arc::default(),
        };
        let backups = Backups {
            store: store.clone(),
            config: config.clone(),
            block_storage: block_storage.clone(),
            dir: Arc::clone(&ground.dir),
            key: Arc::clone(&state.key),
            name: ground.name.clone(),
        };
        let works = Works {
            store: store.clone(),
            block_storage: block_storage.clone(),
            backups: backups.clone(),
        };
        // Whoever leads sees to these.
        if !matches!(part, Part::StandsBy) {
            tasks.spawn(backups.clone().keep_up(ending.clone()));
            tasks.spawn(works.run(channel.clone(), ending.clone()));
            tasks.spawn(tell(channel, ground.id, store.revisions(), ending.clone()));
        }
        let housekeeping = Housekeeping {
            store: store.clone(),
            config: config.clone(),
            block_storage: block_storage.clone(),
            links: links.clone(),
            dir: Arc::clone(&ground.dir),
            leadership: leadership.clone(),
        };
        tasks.spawn(housekeeping.run(ending.clone()));
        let spare = Spare {
            blocks: ground.blocks.clone(),
            links: links.clone(),
            leadership: leadership.clone(),
        };
        if matches!(part, Part::StandsBy) {
            tasks.spawn(spare.run(ending.clone()));
        }
        let own = matches!(part, Part::Leads(..))
            .then(|| OwnEntries::new(ground.own.store.clone(), store.clone(), ground.id));
        if let Some(own) = &own {
            tasks.spawn(own.clone().run(ending.clone()));
        }
        let (audit, refusals) = Audit::new(store.clone(), own);
        tasks.spawn(refusals.run(ending.clone()));
        let rate_limits = Arc::new(RateLimits::new(&config.get()));
        tasks.spawn(Arc::clone(&rate_limits).keep_up(config.clone(), ending.clone()));

        let urls = Urls {
            port: ground.apps.port(),
        };
        let api = Api {
            host: Arc::new(Host {
                id: ground.id,
                name: ground.name.clone(),
                management: ground.management,
                apps: ground.apps,
                app_domain: ground.options.app_domain.clone(),
                started: ground.started,
            }),
            this_host: ThisHost {
                store: ground.own.store.clone(),
                links: links.clone(),
                name: ground.name.clone(),
                named: ground.options.name.is_some(),
                turn: Arc::default(),
            },
            apps: Apps {
                store: store.clone(),
                urls: urls.clone(),
                fleet: Arc::clone(&ground.fleet),
                logs: Arc::clone(&ground.logs),
            },
            droplets: Droplets {
                store: store.clone(),
            },
            pushes: Pushes {
                store: store.clone(),
                blocks: ground.blocks.clone(),
                links: links.clone(),
                names: names.clone(),
            },
            bundles: Bundles {
                store: store.clone(),
                blocks: ground.blocks.clone(),
                links: links.clone(),
            },
            routes: Routes {
                store: store.clone(),
                urls,
                names: names.clone(),
            },
            queues: Queues {
                store: store.clone(),
                bus: ground.bus.clone(),
            },
            jobs: Jobs {
                store: store.clone(),
            },
            keys: people.keys,
            projects: Projects {
                store: store.clone(),
            },
            quotas: Quotas {
                store: store.clone(),
            },
            access: AccessControl {
                store: store.clone(),
            },
            sessions: people.sessions,
            sign_in: people.sign_in,
            factors: people.factors,
            authorization: people.authorization,
            users: people.users,
            accounts: people.accounts,
            activations: people.activations,
            sign_ups: people.sign_ups,
            terms_of_use: TermsOfUse {
                store: store.clone(),
            },
            post: people.post,
            config,
            audit,
            logging: ground.logging.clone(),
            links: links.clone(),
            clusters,
            data: Data {
                store: store.clone(),
                blocks: ground.blocks.clone(),
                names,
            },
            backups,
            block_storage,
            certificates,
            placing,
            balancing: Arc::clone(&ground.balancing),
            roles: Arc::clone(&ground.roles),
            blocks: ground.blocks.clone(),
            fleet: Arc::clone(&ground.fleet),
            store: store.clone(),
            metrics: ground.metrics.clone(),
            rate_limits,
            repeats: Repeats::open(store.clone()).await?,
            streams: Default::default(),
            ending: ending.clone(),
        };
        let router: Router = http::router(api.clone());
        links.serve(Served {
            api: router.clone(),
            of_group: !matches!(part, Part::StandsBy),
            logs: Arc::clone(&ground.logs),
            workshop,
            leadership: leadership.clone(),
            releases: ground.releases.clone(),
            recent: ground.logging.recent().clone(),
        });
        front.show(match part {
            Part::StandsBy => http::front::standing_by(api),
            _ => router,
        });
        Ok(Self { tasks, ending })
    }

    /// Ends them, and waits that long for it.
    pub(super) async fn end(self, patience: Duration) {
        self.ending.cancel();
        self.tasks.close();
        if tokio::time::timeout(patience, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some work did not end in time; it goes on at the next start");
        }
    }
}

/// Tells others who share the state that this host leads, and that the state has
/// changed, so that they need not wait until they look again.
async fn tell(channel: Channel, host: HostId, mut revisions: Revisions, stop: CancellationToken) {
    let host = host.to_string();
    channel.hint(Hint::Leads, &host).await;
    loop {
        tokio::select! {
            _ = revisions.changed() => {}
            () = stop.cancelled() => return,
        }
        channel.hint(Hint::Changed, &host).await;
        // What comes in between is in what is seen then.
        tokio::time::sleep(HINTS).await;
    }
}

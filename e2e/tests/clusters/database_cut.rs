//! A control-plane host that does not reach the database any more, while its peers
//! reach it and it reaches them: what it is asked for it passes on, and if it leads,
//! it ends that. Each host gets to the database by a gate of its own.

use muster_e2e::{Gate, HostOptions, servers::Postgres};

use crate::several::{Lease, Several, Traffic};

/// A cluster of which each host has its own way to the database.
struct Gated {
    several: Several,
    gates: Vec<Gate>,
    postgres: Postgres,
    database: String,
}

impl Gated {
    async fn start() -> Self {
        let postgres = Postgres::start();
        let database = postgres.database();
        let (server, url) = (postgres.address(), postgres.url(&database));
        let gates: Vec<Gate> = (0..3).map(|_| Gate::to(server)).collect();
        let url_by = |gate: &Gate| {
            let (server, gate) = (server.to_string(), gate.address().to_string());
            url.replace(&server, &gate)
        };
        let options = vec![HostOptions::default(); gates.len()];
        let mut several = Several::start(&url_by(&gates[0]), options).await;
        // They were told of the first one's way.
        for (host, gate) in several.hosts.iter_mut().zip(&gates).skip(1) {
            host.set_env("MUSTER_DATABASE_URL", url_by(gate));
            host.stop().await;
            host.start_again();
            host.wait_ready().await;
        }
        several.log_in().await;
        Self {
            several,
            gates,
            postgres,
            database,
        }
    }

    fn lease(&self) -> Option<Lease> {
        Lease::of(&self.postgres, &self.database)
    }

    /// Who has the lease once it would have ended unless it had been renewed.
    async fn outlasted(&self, lease: &Lease) -> Option<Lease> {
        lease.outlasted(&self.postgres, &self.database).await
    }

    /// Waits until another host has the lease than those that had it.
    async fn next_lease(&self, before: &Lease) -> Lease {
        muster_e2e::eventually("another host leads", async || {
            self.lease().filter(|lease| lease.holder != before.holder)
        })
        .await
    }
}

const ALL: [usize; 3] = [0, 1, 2];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_without_the_database_passes_changes_on_and_does_not_lead() {
    let gated = Gated::start().await;
    let several = &gated.several;
    let traffic = Traffic::start(several, &[0]);
    traffic.acknowledged_by(&ALL, 5).await;

    // One that stands by takes changes as ever, for longer than a lease lasts.
    let first = gated.lease().expect("a host leads");
    let leader = several.leader(0).await;
    let stands_by = (leader + 1) % 3;
    gated.gates[stands_by].shut();
    let later = gated.outlasted(&gated.lease().expect("a host leads")).await;
    assert_eq!(
        later,
        Some(first.clone()),
        "nothing is wrong with who leads"
    );
    traffic.acknowledged_by(&ALL, 5).await;
    gated.gates[stands_by].open();

    // One that leads does so no more. Whatever it is asked for is passed on to the
    // one that does then.
    gated.gates[leader].shut();
    let second = gated.next_lease(&first).await;
    assert_eq!(second.fence, first.fence + 1);
    traffic.acknowledged_by(&ALL, 5).await;
    let next = several.leader(leader).await;
    assert_ne!(next, leader, "it knows who leads instead");
    assert_eq!(gated.lease(), Some(second.clone()));

    // What it had begun when it was cut off comes to the database now, and counts
    // for nothing.
    gated.gates[leader].open();
    traffic.acknowledged_by(&ALL, 5).await;
    assert_eq!(gated.lease(), Some(second.clone()), "it stands by");

    // By then it is as good as any: it leads when nobody else can.
    for place in ALL.into_iter().filter(|place| *place != leader) {
        gated.gates[place].shut();
    }
    gated.next_lease(&second).await;
    assert_eq!(several.leader(leader).await, leader);
    traffic.acknowledged_by(&ALL, 5).await;
    for gate in &gated.gates {
        gate.open();
    }
    let (ledger, answers) = traffic.end().await;
    several.agree(&ledger).await;
    assert!(answers.failed.is_empty(), "{:?}", answers.failed);
}

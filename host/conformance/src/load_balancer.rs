//! The suite of the load balancer world.

use std::{net::IpAddr, sync::Arc};

use muster_engine::plugin::{
    Plugin, PluginError,
    balancing::{Asked, BalancerPlugin, BalancerWorld, HashKey, Policy, Pool, Upstream, Upstreams},
};

use crate::{
    bench::{Bench, Check, Fault, Verdict, ensure, head, hostile_texts},
    lifecycle::Subject,
};

const POLICIES: [Policy; 4] = [
    Policy::RoundRobin,
    Policy::LeastRequests,
    Policy::PowerOfTwo,
    Policy::ConsistentHash,
];
/// How many upstreams a pool has that is large.
const MANY: usize = 2_000;

/// Upstreams that are well or not, and busy.
struct Known {
    open: Vec<bool>,
    busy: Vec<u32>,
}

impl Known {
    fn open(open: &[bool]) -> Arc<Self> {
        Arc::new(Self {
            open: open.to_vec(),
            busy: vec![0; open.len()],
        })
    }
}

impl Upstreams for Known {
    fn may_serve(&self, upstream: u32, _: bool) -> bool {
        self.open
            .get(upstream as usize)
            .copied()
            .unwrap_or_default()
    }

    fn in_flight(&self, upstream: u32) -> u32 {
        self.busy
            .get(upstream as usize)
            .copied()
            .unwrap_or_default()
    }
}

impl Subject for BalancerWorld {
    const ROUNDS: u32 = 200;

    fn settle(plugin: &mut Plugin<Self>) -> Verdict {
        Ok(plugin.apply(
            &pool(Policy::ConsistentHash, &[1, 1, 1]),
            Known::open(&[true; 3]),
        )?)
    }

    fn probe(plugin: &mut Plugin<Self>) -> Result<Vec<String>, Fault> {
        let mut words = Vec::new();
        for number in 0..16 {
            let key = format!("key-{number}");
            let chosen = choose(plugin, &[], &[("x-key", &key)])?;
            words.push(format!("{chosen:?} for the key {key}"));
        }
        Ok(words)
    }

    fn checks() -> Vec<Check<Self>> {
        vec![
            Check {
                name: "waits-for-its-pool",
                about: "chooses nobody before it has been told of upstreams",
                run: waits_for_its_pool,
            },
            Check {
                name: "only-who-may-serve",
                about: "chooses one that may serve as long as there is any, and no other",
                run: only_who_may_serve,
            },
            Check {
                name: "gives-shares-by-weight",
                about: "gives each its share, one after the other",
                run: gives_shares_by_weight,
            },
            Check {
                name: "prefers-the-idle",
                about: "chooses the one with the fewest requests, where it is to",
                run: prefers_the_idle,
            },
            Check {
                name: "keeps-keys",
                about: "chooses the same one for the same key, and goes back to it",
                run: keeps_keys,
            },
            Check {
                name: "hostile-pools",
                about: "takes or refuses any pool, and goes on",
                run: hostile_pools,
            },
            Check {
                name: "hostile-requests",
                about: "survives any header and any client",
                run: hostile_requests,
            },
        ]
    }
}

fn pool(policy: Policy, weights: &[u32]) -> Pool {
    let upstreams = weights.iter().enumerate().map(|(number, weight)| Upstream {
        id: format!("host-{number}"),
        weight: *weight,
    });
    Pool {
        generation: 1,
        policy,
        hash_key: HashKey::Header("x-key".to_owned()),
        upstreams: upstreams.collect(),
    }
}

fn choose(
    plugin: &mut BalancerPlugin,
    failed: &[u32],
    headers: &[(&str, &str)],
) -> Result<Option<u32>, Fault> {
    let mut asked = Asked {
        client: Some(IpAddr::from([192, 0, 2, 1])),
        failed: failed.to_vec(),
        last_resort: false,
    };
    Ok(plugin.decide(&mut asked, &mut head("GET", "/", headers)?)?)
}

fn waits_for_its_pool(bench: &Bench<BalancerWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    let chosen = choose(&mut plugin, &[], &[])?;
    ensure!(chosen.is_none(), "it chooses {chosen:?} without a pool");
    for policy in POLICIES {
        plugin.apply(&pool(policy, &[]), Known::open(&[]))?;
        let chosen = choose(&mut plugin, &[], &[])?;
        ensure!(
            chosen.is_none(),
            "it chooses {chosen:?} from an empty pool, by {policy:?}"
        );
    }
    Ok(())
}

fn only_who_may_serve(bench: &Bench<BalancerWorld>) -> Verdict {
    for policy in POLICIES {
        let mut plugin = bench.started()?;
        for mask in 0..16_u32 {
            let open: Vec<bool> = (0..4).map(|place| mask & (1 << place) != 0).collect();
            plugin.apply(&pool(policy, &[1, 2, 3, 1]), Known::open(&open))?;
            for number in 0..12 {
                // One that is well may have failed this very request.
                let failed: &[u32] = if number % 3 == 0 { &[1] } else { &[] };
                let key = format!("key-{number}");
                let chosen = choose(&mut plugin, failed, &[("x-key", &key)])?;
                let may = |place: u32| {
                    open.get(place as usize).copied().unwrap_or_default()
                        && !failed.contains(&place)
                };
                ensure!(
                    chosen.is_none_or(may),
                    "by {policy:?} it chooses {chosen:?}, which may not serve"
                );
                ensure!(
                    chosen.is_some() || !(0..4).any(may),
                    "by {policy:?} it chooses nobody although somebody may serve"
                );
            }
        }
    }
    Ok(())
}

fn gives_shares_by_weight(bench: &Bench<BalancerWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    plugin.apply(&pool(Policy::RoundRobin, &[1, 3]), Known::open(&[true; 2]))?;
    let mut counts = [0_u32; 2];
    for _ in 0..400 {
        let chosen = choose(&mut plugin, &[], &[])?.unwrap_or(u32::MAX);
        if let Some(count) = counts.get_mut(chosen as usize) {
            *count += 1;
        }
    }
    ensure!(
        (80..=120).contains(&counts[0]) && (280..=320).contains(&counts[1]),
        "of 400 requests it gives {} and {} to upstreams with the weights 1 and 3",
        counts[0],
        counts[1]
    );
    Ok(())
}

fn prefers_the_idle(bench: &Bench<BalancerWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    let known = Arc::new(Known {
        open: vec![true; 3],
        busy: vec![5, 0, 5],
    });
    plugin.apply(&pool(Policy::LeastRequests, &[1, 1, 1]), known)?;
    // One that does not look chooses it now and then.
    for _ in 0..12 {
        let chosen = choose(&mut plugin, &[], &[])?;
        ensure!(
            chosen == Some(1),
            "with 5, 0 and 5 requests under way it chooses {chosen:?}"
        );
    }
    Ok(())
}

fn keeps_keys(bench: &Bench<BalancerWorld>) -> Verdict {
    let mut plugin = bench.started()?;
    plugin.apply(
        &pool(Policy::ConsistentHash, &[1; 4]),
        Known::open(&[true; 4]),
    )?;
    for number in 0..50 {
        let key = format!("key-{number}");
        let headers = [("x-key", key.as_str())];
        let own = choose(&mut plugin, &[], &headers)?;
        for _ in 0..3 {
            let again = choose(&mut plugin, &[], &headers)?;
            ensure!(
                again == own,
                "for {key} it chooses {own:?}, and then {again:?}"
            );
        }
        let Some(place) = own else {
            return Err(Fault(format!("for {key} it chooses nobody")));
        };
        let other = choose(&mut plugin, &[place], &headers)?;
        ensure!(
            other.is_some() && other != own,
            "for {key} it chooses {other:?} when {place} has failed"
        );
        let back = choose(&mut plugin, &[], &headers)?;
        ensure!(back == own, "for {key} it does not go back to {place}");
    }
    Ok(())
}

fn hostile_pools(bench: &Bench<BalancerWorld>) -> Verdict {
    for policy in POLICIES {
        let mut same = pool(policy, &[1, 1]);
        for upstream in &mut same.upstreams {
            upstream.id = "same".to_owned();
        }
        let mut odd = pool(policy, &vec![1; hostile_texts().len()]);
        for (upstream, id) in odd.upstreams.iter_mut().zip(hostile_texts()) {
            upstream.id = id;
        }
        let mut header = pool(policy, &[1, 1]);
        header.hash_key = HashKey::Header("\r\n".to_owned());
        let pools = [
            ("weights of zero", pool(policy, &[0, 0])),
            ("the greatest weights", pool(policy, &[u32::MAX; 3])),
            ("two upstreams of one id", same),
            ("odd ids", odd),
            ("a header that is none", header),
            ("many upstreams", pool(policy, &vec![1; MANY])),
        ];
        for (what, pool) in pools {
            let mut plugin = bench.started()?;
            let size = pool.upstreams.len();
            let known = Known::open(&vec![true; size]);
            match plugin.apply(&pool, known) {
                Ok(()) | Err(PluginError::Reported(_)) => {}
                Err(error) => return Err(Fault(format!("{what}, by {policy:?}: {error}"))),
            }
            for _ in 0..10 {
                let chosen = choose(&mut plugin, &[], &[("x-key", "k")])?;
                ensure!(
                    chosen.is_none_or(|place| (place as usize) < size),
                    "{what}: it chooses {chosen:?} of {size}"
                );
            }
        }
    }
    Ok(())
}

fn hostile_requests(bench: &Bench<BalancerWorld>) -> Verdict {
    for policy in POLICIES {
        let mut plugin = bench.started()?;
        plugin.apply(&pool(policy, &[1, 1]), Known::open(&[true; 2]))?;
        let long = "k".repeat(64 << 10);
        for key in ["", " ", &long, "\u{fffd}"] {
            let chosen = choose(&mut plugin, &[7, u32::MAX], &[("x-key", key)])?;
            ensure!(
                chosen.is_some_and(|place| place < 2),
                "by {policy:?} it chooses {chosen:?} of 2 for a key of {} bytes",
                key.len()
            );
        }
        let mut asked = Asked::default();
        let chosen = plugin.decide(&mut asked, &mut head("GET", "/", &[])?)?;
        ensure!(
            chosen.is_some_and(|place| place < 2),
            "by {policy:?} it chooses {chosen:?} for a client that is not known"
        );
    }
    Ok(())
}

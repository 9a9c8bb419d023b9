//! What people read.

use insta::assert_snapshot;

use super::{group, mib};
use crate::snapshot::Condition::{Draining, Lost};
use crate::snapshot::{Constraints, Snapshot};
use crate::{Amounts, Bytes, Cores, plan};

fn whys(case: &Snapshot) -> String {
    let lines = plan(case).starts.into_iter().map(|it| it.why.to_string());
    lines.collect::<Vec<_>>().join("\n")
}

fn stops(case: &Snapshot) -> String {
    let lines = plan(case).stops.into_iter().map(|it| it.why.to_string());
    lines.collect::<Vec<_>>().join("\n")
}

fn unplaced(case: &Snapshot) -> String {
    let lines = plan(case).unplaced.into_iter().map(|it| it.to_string());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_only_host() {
    let case = group().host("alpha", mib(1000)).app("web", 1, mib(125));
    assert_snapshot!(whys(&case), @"fits on 1 of 1 host; alpha has no instance of it; leaves 87.5 % of memory, 87.5 % of CPU and 87.5 % of disk free");
}

#[test]
fn by_zone_host_headroom_and_id() {
    let case = group()
        .hosts("alpha bravo charlie", mib(1000))
        .zone("east", "alpha bravo")
        .zone("west", "charlie")
        .app("web", 4, mib(100));
    assert_snapshot!(whys(&case), @r"
    fits on 3 of 3 hosts; zone east has no instance of it; alpha has no instance of it; leaves 90 % of memory, 90 % of CPU and 90 % of disk free; bravo came second, alike in everything but its id
    fits on 3 of 3 hosts; zone west has no instance of it; charlie has no instance of it; leaves 90 % of memory, 90 % of CPU and 90 % of disk free; bravo came second, with 1 instance of it in its zone
    fits on 3 of 3 hosts; zone east has 1 instance of it; bravo has no instance of it; leaves 90 % of memory, 90 % of CPU and 90 % of disk free; alpha came second, with 1 instance of it
    fits on 3 of 3 hosts; zone west has 1 instance of it; charlie has 1 instance of it; leaves 80 % of memory, 80 % of CPU and 80 % of disk free; alpha came second, with 2 instances of it in its zone
    ");
}

#[test]
fn by_headroom() {
    let case = group()
        .host("alpha", mib(1000))
        .host("bravo", mib(900))
        .host("charlie", mib(10))
        .app("web", 1, mib(100));
    assert_snapshot!(whys(&case), @"fits on 2 of 3 hosts; alpha has no instance of it; leaves 90 % of memory, 90 % of CPU and 90 % of disk free; bravo came second, with 88.8 % left of what is scarcest, not 90 %");
}

#[test]
fn by_the_other_release() {
    let case = group()
        .hosts("alpha bravo", mib(1000))
        .release("web", "v1", 3, mib(100))
        .release("web", "v2", 3, mib(100))
        .with("v1.0@alpha v1.1@alpha v1.2@bravo");
    assert_snapshot!(whys(&case), @r"
    fits on 2 of 2 hosts; bravo has no instance of it and 1 of another release; leaves 80 % of memory, 80 % of CPU and 80 % of disk free; alpha came second, with no instance of it and 2 of another release
    fits on 2 of 2 hosts; alpha has no instance of it and 2 of another release; leaves 70 % of memory, 70 % of CPU and 70 % of disk free; bravo came second, with 1 instance of it and 1 of another release
    fits on 2 of 2 hosts; bravo has 1 instance of it and 1 of another release; leaves 70 % of memory, 70 % of CPU and 70 % of disk free; alpha came second, with 1 instance of it and 2 of another release
    ");
}

#[test]
fn moved_away() {
    let case = group()
        .hosts("alpha bravo charlie", mib(1000))
        .app("web", 2, mib(100))
        .with("web.0@alpha web.1@bravo")
        .is("alpha", Draining)
        .is("bravo", Lost);
    assert_snapshot!(whys(&case), @r"
    bravo is lost; fits on 1 of 3 hosts; charlie has no instance of it; leaves 90 % of memory, 90 % of CPU and 90 % of disk free
    alpha is draining; fits on 1 of 3 hosts; charlie has 1 instance of it; leaves 80 % of memory, 80 % of CPU and 80 % of disk free
    ");
}

#[test]
fn stopped() {
    let lost = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 1, mib(100))
        .with("web.0@alpha")
        .is("alpha", Lost);
    assert_snapshot!(stops(&lost), @"host lost; bravo has it now");

    let drained = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 1, mib(100))
        .with("web.0@alpha web.0@bravo")
        .is("alpha", Draining);
    assert_snapshot!(stops(&drained), @"its host is draining; bravo has it now");

    let twice = group()
        .hosts("alpha bravo", mib(1000))
        .app("web", 1, mib(100))
        .with("web.0@alpha web.0@bravo gone.0@alpha web.0@removed");
    assert_snapshot!(stops(&twice), @r"
    its release is no longer wanted
    alpha has this instance as well
    host removed
    ");

    let fewer = group()
        .hosts("alpha bravo", mib(1000))
        .app("chat", 0, mib(100))
        .app("web", 1, mib(100))
        .with("chat.0@bravo web.0@alpha web.1@alpha web.2@bravo");
    assert_snapshot!(stops(&fewer), @r"
    none are wanted
    only 1 is wanted, and 2 were on this host
    only 1 is wanted
    ");
}

#[test]
fn unplaced_with_every_hosts_reason() {
    let wants = |it: &mut Constraints| {
        it.labels.insert("gpu".into(), "yes".into());
        it.zones = vec!["east".into(), "west".into()];
        it.one_per_host = true;
    };
    let mut case = group()
        .hosts(
            "alpha bravo charlie delta echo foxtrot golf hotel",
            mib(1000),
        )
        .host("india", mib(99))
        .zone("east", "alpha bravo charlie delta echo hotel india")
        .zone("north", "foxtrot")
        .label("alpha", "gpu", "yes")
        .label("echo", "gpu", "no")
        .label("hotel", "gpu", "yes")
        .label("india", "gpu", "yes")
        .is("bravo", Lost)
        .is("charlie", Draining)
        .app("web", 3, mib(1000))
        .only(wants)
        .with("web.0@alpha web.1@hotel");
    case.at("delta").runs_apps = false;
    assert_snapshot!(unplaced(&case).replace("; ", "\n"), @r"
    no host for web 2: alpha has an instance already, and only one per host is allowed, has 0 B of memory free (1000 MiB needed), has 0 cores free (1 core needed), has 0 B of disk free (1.95 GiB needed)
    bravo is lost
    charlie is draining
    delta does not run apps
    echo has the label gpu=no, not gpu=yes
    foxtrot is in zone north, not in east or west
    golf is in no zone, not in east or west
    hotel has an instance already, and only one per host is allowed, has 0 B of memory free (1000 MiB needed), has 0 cores free (1 core needed), has 0 B of disk free (1.95 GiB needed)
    india has 99 MiB of memory free (1000 MiB needed), has 0.099 cores free (1 core needed), has 198 MiB of disk free (1.95 GiB needed)
    ");
}

#[test]
fn unplaced_without_hosts() {
    assert_snapshot!(unplaced(&group().app("web", 1, mib(1))), @"no host for web 0: there are no hosts");
}

#[test]
fn amounts() {
    let bytes = [
        0,
        1023,
        1024,
        1536,
        5 << 20,
        (1 << 30) - 1,
        3 << 39,
        1024 + 10,
        u64::MAX,
    ];
    let bytes = bytes.map(|it| Bytes(it).to_string()).join(", ");
    assert_snapshot!(bytes, @"0 B, 1023 B, 1 KiB, 1.5 KiB, 5 MiB, 1023.99 MiB, 1.5 TiB, 1 KiB, 16777215.99 TiB");
    let cores = [0, 1, 50, 250, 1000, 1001, 16_000]
        .map(|it| Cores(it).to_string())
        .join(", ");
    assert_snapshot!(cores, @"0 cores, 0.001 cores, 0.05 cores, 0.25 cores, 1 core, 1.001 cores, 16 cores");
}

#[test]
fn a_plan_as_data() {
    let needs = Amounts {
        memory: 100,
        cpu: 10,
        disk: 0,
    };
    let case = group()
        .hosts(
            "alpha bravo",
            Amounts {
                disk: 0,
                ..mib(1000)
            },
        )
        .app("web", 2, needs)
        .app("big", 1, mib(2000))
        .with("web.0@alpha web.1@bravo")
        .is("alpha", Lost);
    insta::assert_json_snapshot!(plan(&case), @r#"
    {
      "starts": [
        {
          "placement": {
            "release": "77656200-0000-0000-0000-000000000000",
            "index": 0,
            "host": "62726176-6f00-0000-0000-000000000000",
            "running": false
          },
          "why": {
            "fits": 1,
            "hosts": 2,
            "name": "bravo",
            "zone": null,
            "standing": {
              "in_zone": 1,
              "others_in_zone": 0,
              "on_host": 1,
              "others_on_host": 0,
              "headroom": {
                "memory": 999999,
                "cpu": 980000,
                "disk": 1000000
              }
            },
            "second": null,
            "moved": {
              "from": "alpha",
              "why": {
                "reason": "lost"
              }
            }
          }
        }
      ],
      "stops": [
        {
          "placement": {
            "release": "77656200-0000-0000-0000-000000000000",
            "index": 0,
            "host": "616c7068-6100-0000-0000-000000000000",
            "running": true
          },
          "why": {
            "reason": "host-lost",
            "to": "bravo"
          }
        }
      ],
      "stays": [
        {
          "release": "77656200-0000-0000-0000-000000000000",
          "index": 1,
          "host": "62726176-6f00-0000-0000-000000000000",
          "running": true
        }
      ],
      "unplaced": [
        {
          "release": "62696700-0000-0000-0000-000000000000",
          "name": "big",
          "index": 0,
          "meanwhile": null,
          "reasons": [
            {
              "host": "616c7068-6100-0000-0000-000000000000",
              "name": "alpha",
              "why_not": [
                {
                  "reason": "lost"
                }
              ]
            },
            {
              "host": "62726176-6f00-0000-0000-000000000000",
              "name": "bravo",
              "why_not": [
                {
                  "reason": "memory",
                  "needed": 2097152000,
                  "free": 1048575800
                },
                {
                  "reason": "cpu",
                  "needed": 2000,
                  "free": 980
                },
                {
                  "reason": "disk",
                  "needed": 4194304000,
                  "free": 0
                }
              ]
            }
          ]
        }
      ]
    }
    "#);
}

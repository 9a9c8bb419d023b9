//! The cluster: made of linked hosts, scaled, upgraded, taken apart; the plan first.

use leptos::{prelude::*, task::spawn_local};
use muster_api::{
    bundles::{Bundle, BundleKind},
    clusters::{Cluster, ClusterHost, NewCluster, ScaleCluster, UpgradeCluster},
    hosts::LinkedHost,
    jobs::Job,
    page::Page,
    permissions::Permission,
};
use muster_console_model::table::{Cell, Mood, Row};

use super::hosts::mood;
use crate::{
    api::{
        self, Answer, Asked,
        fetch::escape,
        follow::{follow, refresh},
    },
    components::{
        cli_line::CliLine,
        confirm::{Confirm, Deed},
        dialog::Dialog,
        field::Kind,
        form::{Form, Input},
        job::JobView,
        rest::{Empty, Skeleton},
        table::{Rows, Table, rows},
        trouble::Trouble,
    },
    session::Session,
    words::{Text, t, with},
};

/// What the word for a host in a form is, when it shares the state.
const CONTROL_PLANE: &str = "control-plane";
/// And when it only runs apps.
const WORKER: &str = "worker";

/// All that the page shows.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    /// There is one at most.
    cluster: Option<Cluster>,
    hosts: Vec<LinkedHost>,
    /// The newest job about a cluster.
    job: Option<Job>,
}

async fn see() -> Answer<Seen> {
    let clusters: Vec<Cluster> = api::list("/clusters").await?;
    let jobs = api::get::<Page<Job>>("/jobs?limit=100").await;
    let jobs = jobs.map(|page| page.items).unwrap_or_default();
    Ok(Seen {
        cluster: clusters.into_iter().next(),
        hosts: api::list("/hosts").await.unwrap_or_default(),
        job: jobs
            .into_iter()
            .find(|job| job.kind.starts_with("cluster-")),
    })
}

/// What is asked for in a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Create,
    Scale,
    Upgrade,
}

/// The page.
#[component]
pub fn ClusterPage() -> impl IntoView {
    let (seen, again) = follow(&["cluster", "host", "job"], see);
    refresh(again, 3);
    let there = Memo::new(move |_| match seen.get() {
        Some(Ok(seen)) => Some(seen.cluster.map(|cluster| cluster.name)),
        _ => None,
    });
    let several = Memo::new(move |_| {
        seen.with(|seen| matches!(seen, Some(Ok(seen)) if seen.hosts.len() > 1))
    });
    let wish = RwSignal::new(None::<Wish>);
    let open = RwSignal::new(false);
    let deed = RwSignal::new(None::<Deed>);
    let want = move |what| {
        wish.set(Some(what));
        open.set(true);
    };
    let session = expect_context::<Session>();
    let may = Memo::new(move |_| session.may(Permission::LinkWrite));
    let delete = move |name: String| {
        deed.set(Some(Deed {
            title: with(Text::DeleteNamed, &[&name]),
            more: t(Text::DeleteClusterMore),
            method: "DELETE",
            path: format!("/clusters/{}", escape(&name)),
            command: format!("muster cluster delete {name}"),
            name,
            ..Deed::default()
        }));
    };
    let actions = move || {
        match there.get().filter(|_| may.get())? {
        None => several.get().then(|| view! {
            <button type="button" class="primary" on:click=move |_| want(Wish::Create)>{t(Text::CreateCluster)}</button>
        }
        .into_any()),
        Some(name) => Some(view! {
            <button type="button" on:click=move |_| want(Wish::Scale)>{t(Text::Scale)}</button>
            <button type="button" on:click=move |_| want(Wish::Upgrade)>{t(Text::Upgrade)}</button>
            <button type="button" class="danger" on:click=move |_| delete(name.clone())>{t(Text::Delete)}</button>
        }
        .into_any()),
    }
    };
    let members: Rows = rows(seen, |seen| {
        seen.cluster.as_ref().map(members).unwrap_or_default()
    });
    let title = move || match wish.get() {
        Some(Wish::Scale) => t(Text::Scale),
        Some(Wish::Upgrade) => t(Text::Upgrade),
        _ => t(Text::CreateCluster),
    };
    let form = move || {
        let seen = seen.get_untracked()?.ok()?;
        Some(match (wish.get()?, seen.cluster) {
            (Wish::Upgrade, Some(cluster)) => {
                view! { <UpgradeForm name=cluster.name open /> }.into_any()
            }
            (_, cluster) => view! { <Made cluster hosts=seen.hosts open /> }.into_any(),
        })
    };
    let job = Memo::new(move |_| seen.get().and_then(Result::ok).and_then(|seen| seen.job));
    let failed = move || seen.with(|seen| seen.as_ref()?.as_ref().err().cloned());
    view! {
        <div class="head">
            <h1>{t(Text::Cluster)}{move || there.get().flatten().map(|name| format!(" · {name}"))}</h1>
            <CliLine command="muster cluster show".to_owned() />
            <div class="actions">{actions}</div>
        </div>
        {move || match there.get() {
            None => match failed() {
                Some(failure) => view! { <Trouble failure /> }.into_any(),
                None => view! { <Skeleton lines=5 /> }.into_any(),
            },
            Some(None) => view! {
                <Empty
                    title=t(Text::NoCluster)
                    more=t(if several.get() { Text::NoClusterMore } else { Text::NoClusterAlone })
                >
                    {(!several.get_untracked()).then(|| view! {
                        <a class="button primary" href="/hosts?do=token">{t(Text::GenerateToken)}</a>
                    })}
                </Empty>
            }
            .into_any(),
            Some(Some(_)) => view! {
                <Table
                    label=Text::Cluster
                    heads=&[Text::Name, Text::Share, Text::State, Text::Version]
                    rows=members
                >
                    ""
                </Table>
            }
            .into_any(),
        }}
        {move || job.get().map(|job| {
            let path = format!("/jobs/{}", job.id);
            view! {
                <section class="card">
                    <h2><a href=path>{job.kind.clone()}</a></h2>
                    <JobView job />
                </section>
            }
        })}
        <Dialog open title=Signal::derive(move || title().to_owned()) wide=true>{form}</Dialog>
        <Confirm deed done=Callback::new(move |()| again.update(|count| *count += 1)) />
    }
}

fn members(cluster: &Cluster) -> Vec<Row> {
    let row = |host: &ClusterHost, share: Text| {
        let state = host.state.map(mood);
        let (good, word) = state.unwrap_or((Mood::Bad, Text::Gone));
        let share = if host.leads { Text::Leader } else { share };
        let cells = vec![
            Cell::Text(host.name.clone()),
            Cell::Text(t(share).to_owned()),
            Cell::state(good, t(word)),
            host.version.clone().map_or(Cell::Nothing, Cell::Code),
        ];
        Row::new(host.name.clone(), cells)
    };
    let control = cluster
        .control_plane
        .iter()
        .map(|host| row(host, Text::ControlPlane));
    let workers = cluster.workers.iter().map(|host| row(host, Text::Worker));
    control.chain(workers).collect()
}

/// Which host does what in it: of a cluster that is to be, or one that is.
#[component]
fn Made(cluster: Option<Cluster>, hosts: Vec<LinkedHost>, open: RwSignal<bool>) -> impl IntoView {
    let options = [
        ("", Text::NotInCluster),
        (CONTROL_PLANE, Text::ControlPlane),
        (WORKER, Text::Worker),
    ];
    let options = options
        .map(|(word, text)| (word.to_owned(), t(text).to_owned()))
        .to_vec();
    let share = |name: &str| {
        let is = |hosts: &[ClusterHost]| hosts.iter().any(|host| host.name == name);
        match &cluster {
            Some(cluster) if is(&cluster.control_plane) => CONTROL_PLANE,
            Some(cluster) if is(&cluster.workers) => WORKER,
            Some(_) => "",
            None => WORKER,
        }
    };
    let choice = |host: LinkedHost| {
        let leads = host.standing == muster_api::hosts::HostStanding::Leader;
        let share = if leads {
            CONTROL_PLANE
        } else {
            share(&host.name)
        };
        Input::new(&host.name, &host.name)
            .kind(Kind::Choice(options.clone()))
            .filled(share)
    };
    let choices: Vec<_> = hosts.into_iter().map(choice).collect();
    let name = Input::new("name", t(Text::Name)).hint(t(Text::AppNameHint));
    let old = cluster.map(|cluster| cluster.name);
    let mut inputs = choices.clone();
    if old.is_none() {
        inputs.insert(0, name.clone());
    }
    let held = StoredValue::new((choices, name, old));
    let of = move |share: &str| {
        held.with_value(|(choices, _, _)| {
            let mine = choices.iter().filter(|choice| choice.get() == share);
            mine.map(|choice| choice.name.clone()).collect::<Vec<_>>()
        })
    };
    let ask = Callback::new(move |()| {
        let (control_plane, workers) = (of(CONTROL_PLANE), of(WORKER));
        held.with_value(|(_, name, old)| match old {
            None => Asked {
                method: "POST",
                path: "/clusters".to_owned(),
                body: serde_json::to_value(NewCluster {
                    name: name.get(),
                    control_plane,
                    workers,
                })
                .ok(),
                ..Asked::default()
            },
            Some(old) => Asked {
                method: "PATCH",
                path: format!("/clusters/{}", escape(old)),
                body: serde_json::to_value(ScaleCluster {
                    control_plane: Some(control_plane),
                    workers: Some(workers),
                })
                .ok(),
                ..Asked::default()
            },
        })
    });
    let command = move || {
        let (control, workers) = (of(CONTROL_PLANE).join(","), of(WORKER).join(","));
        let workers = if workers.is_empty() {
            workers
        } else {
            format!(" --workers {workers}")
        };
        held.with_value(|(_, name, old)| {
            let verb = if old.is_some() { "scale" } else { "create" };
            let name = old
                .clone()
                .or_else(|| name.given())
                .unwrap_or_else(|| "NAME".to_owned());
            format!("muster cluster {verb} {name} --control-plane {control}{workers}")
        })
    };
    let button = if held.with_value(|(_, _, old)| old.is_some()) {
        Text::Scale
    } else {
        Text::CreateCluster
    };
    view! {
        <p>{t(Text::ClusterMore)}</p>
        <Form inputs ask command=Signal::derive(command) button plans=true done=Callback::new(|_| ()) open />
    }
}

/// Another version for the hosts.
#[component]
fn UpgradeForm(name: String, open: RwSignal<bool>) -> impl IntoView {
    let bundles = RwSignal::new(None::<Vec<Bundle>>);
    spawn_local(async move {
        let mut found: Vec<Bundle> = api::list("/bundles").await.unwrap_or_default();
        found.retain(|bundle| bundle.kind == BundleKind::Release);
        let _ = bundles.try_set(Some(found));
    });
    let name = StoredValue::new(name);
    move || {
        let Some(bundles) = bundles.get() else {
            return view! { <Skeleton lines=3 /> }.into_any();
        };
        let mut options = vec![(String::new(), t(Text::UpgradeBack).to_owned())];
        options.extend(
            bundles
                .into_iter()
                .map(|bundle| (bundle.name.clone(), bundle.name)),
        );
        let last = options
            .last()
            .map(|(word, _)| word.clone())
            .unwrap_or_default();
        let input = Input::new("bundle", t(Text::Release))
            .kind(Kind::Choice(options))
            .filled(last);
        let bundle = StoredValue::new(input.clone());
        let ask = Callback::new(move |()| {
            let bundle = bundle.with_value(Input::given);
            let upgrade = UpgradeCluster {
                back: bundle.is_none(),
                bundle,
                ..UpgradeCluster::default()
            };
            Asked {
                method: "POST",
                path: format!("/clusters/{}/actions/upgrade", escape(&name.get_value())),
                body: serde_json::to_value(upgrade).ok(),
                ..Asked::default()
            }
        });
        let command = move || {
            let what = bundle.with_value(Input::given);
            let what = what.map_or_else(
                || "--back".to_owned(),
                |bundle| format!("--bundle {bundle}"),
            );
            format!("muster cluster upgrade {} {what}", name.get_value())
        };
        view! {
            <p>{t(Text::UpgradeMore)}</p>
            <CliLine command="muster bundle put NAME muster --kind release".to_owned() />
            <Form
                inputs=vec![input]
                ask
                command=Signal::derive(command)
                button=Text::Upgrade
                plans=true
                done=Callback::new(|_| ())
                open
            />
        }
        .into_any()
    }
}

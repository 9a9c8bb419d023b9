//! The group, drawn.

use leptos::prelude::*;
use muster_api::{
    apps::{AppDetail, InstanceState},
    hosts::{HostStanding, HostState, LinkedHost},
    status::Status,
};
use muster_console_model::drawing::{
    HOST_HEIGHT, HOST_WIDTH, MOST_DOTS, Point, colour, dot, lay_out,
};

use crate::words::{Text, t, with};

/// How many times as large as its units a drawing is at most.
const LARGEST: f64 = 1.5;
/// How many colours there are for apps.
const COLOURS: usize = 8;

/// A host as it is drawn.
struct Shape {
    name: String,
    standing: &'static str,
    state: &'static str,
    class: &'static str,
    roles: Vec<String>,
    dots: Vec<(String, &'static str, usize)>,
}

/// The drawing: hosts, who follows whom, and each instance where it is.
#[component]
pub fn Drawn(status: Status, hosts: Vec<LinkedHost>, details: Vec<AppDetail>) -> impl IntoView {
    let leads = |host: &LinkedHost| host.standing == HostStanding::Leader;
    let leader = hosts.iter().position(leads);
    let drawn: Vec<Shape> = if hosts.is_empty() {
        vec![alone(&status, &details)]
    } else {
        hosts.iter().map(|host| linked(host, &details)).collect()
    };
    let columns = match drawn.len() {
        0..=4 => 3,
        5..=13 => 4,
        _ => 6,
    };
    let layout = lay_out(
        drawn.len(),
        leader.or((drawn.len() == 1).then_some(0)),
        columns,
    );
    let frame = format!("0 0 {} {}", layout.width, layout.height);
    let lines = layout.lines.iter().map(|(index, from, to)| {
        let middle = (from.y + to.y) / 2.0;
        let path = format!(
            "M{} {}C{} {middle} {} {middle} {} {}",
            from.x, from.y, from.x, to.x, to.x, to.y
        );
        let class = drawn[*index].class;
        view! { <path class=format!("line {class}") d=path /> }
    });
    let lines = lines.collect_view();
    let boxes = drawn
        .into_iter()
        .zip(layout.hosts)
        .map(|(host, at)| host_box(host, at));
    view! {
        <svg class="group-drawing" viewBox=frame width=layout.width * LARGEST role="img" aria-label=t(Text::Drawing)>
            {lines}
            {boxes.collect_view()}
        </svg>
    }
}

fn host_box(host: Shape, at: Point) -> impl IntoView {
    let more = host.dots.len().saturating_sub(MOST_DOTS);
    let dots = host.dots.into_iter().take(MOST_DOTS).enumerate();
    let dots = dots.map(|(place, (title, class, colour))| {
        let at = dot(place);
        view! {
            <circle class=format!("dot {class} app-{colour}") cx=at.x cy=at.y r="5">
                <title>{title}</title>
            </circle>
        }
    });
    let mut left = 14.0;
    let roles = host.roles.into_iter().map(|role| {
        let width = f64::from(u32::try_from(role.len()).unwrap_or(8)) * 6.0 + 10.0;
        let x = left;
        left += width + 5.0;
        (left < HOST_WIDTH).then(|| {
            view! {
                <rect class="chip" x=x y="42" width=width height="17" rx="3" />
                <text class="chip-text" x=x + 5.0 y="54">{role}</text>
            }
        })
    });
    view! {
        <g class=format!("host {}", host.class) transform=format!("translate({} {})", at.x, at.y)>
            <rect class="body" width=HOST_WIDTH height=HOST_HEIGHT rx="7" />
            <rect class="edge" width="4" height=HOST_HEIGHT - 14.0 y="7" rx="2" />
            <text class="name" x="14" y="22">{host.name}</text>
            <text class="standing" x="14" y="35">{host.standing}" · "{host.state}</text>
            {roles.collect_view()}
            {dots.collect_view()}
            {(more > 0).then(|| view! {
                <text class="standing" x="14" y=HOST_HEIGHT - 8.0>{with(Text::More, &[&more.to_string()])}</text>
            })}
        </g>
    }
}

fn linked(host: &LinkedHost, details: &[AppDetail]) -> Shape {
    let (state, class) = match host.state {
        HostState::Joining => (t(Text::Joining), "busy"),
        HostState::Ready => (t(Text::Ready), "good"),
        HostState::InUse => (t(Text::InUse), "good"),
        HostState::Unreachable => (t(Text::Unreachable), "bad"),
    };
    let standing = match host.standing {
        HostStanding::Leader => t(Text::Leader),
        HostStanding::ControlPlane => t(Text::ControlPlane),
        HostStanding::Follower => t(Text::Follower),
    };
    Shape {
        name: host.name.clone(),
        standing,
        state,
        class,
        roles: host.about.roles.clone(),
        dots: dots(details, Some(&host.name)),
    }
}

fn alone(status: &Status, details: &[AppDetail]) -> Shape {
    let (state, class) = if status.ready {
        (t(Text::Ready), "good")
    } else {
        (t(Text::Attention), "busy")
    };
    let played = status.roles.iter();
    let played = played.filter(|role| !role.builtin && role.state.is_played());
    Shape {
        name: status.host.clone(),
        standing: t(Text::ThisHost),
        state,
        class,
        roles: played.map(|role| role.name.clone()).collect(),
        dots: dots(details, None),
    }
}

/// The instances on a host, or all.
fn dots(details: &[AppDetail], host: Option<&str>) -> Vec<(String, &'static str, usize)> {
    let mut dots = Vec::new();
    for detail in details {
        let here = detail.placements.iter();
        for instance in here.filter(|it| host.is_none_or(|host| it.host == host)) {
            let class = match instance.state {
                InstanceState::Running => "running",
                InstanceState::Starting => "starting",
                InstanceState::Stopping => "stopping",
                InstanceState::Crashed => "crashed",
            };
            let title = format!("{} {}", detail.app.name, instance.index);
            dots.push((title, class, colour(&detail.app.name, COLOURS)));
        }
    }
    dots
}

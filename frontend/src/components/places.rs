//! Where one can go.

use leptos::{prelude::*, task::spawn_local};
use leptos_router::{components::A, hooks::use_location};
use muster_api::{permissions::Permission, status::Info};

use super::icon::{Icon, Shape};
use crate::{
    api,
    session::Session,
    words::{Text, t},
};

/// A page that the navigation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its address.
    pub path: &'static str,
    /// What it is called.
    pub text: Text,
    /// Its icon.
    pub shape: Shape,
    /// What one must be allowed to see it; nothing if everybody may.
    pub needs: Option<Permission>,
}

impl Place {
    /// Whether it is for whoever is signed in.
    pub fn is_open(self, session: Session) -> bool {
        self.needs.is_none_or(|needs| session.may(needs))
    }
}

/// All pages.
pub const PLACES: [Place; 9] = [
    Place {
        path: "/",
        text: Text::Overview,
        shape: Shape::Overview,
        needs: Some(Permission::StatusRead),
    },
    Place {
        path: "/hosts",
        text: Text::Hosts,
        shape: Shape::Hosts,
        needs: Some(Permission::LinkRead),
    },
    Place {
        path: "/cluster",
        text: Text::Cluster,
        shape: Shape::Cluster,
        needs: Some(Permission::LinkRead),
    },
    Place {
        path: "/roles",
        text: Text::Roles,
        shape: Shape::Roles,
        needs: Some(Permission::RoleRead),
    },
    Place {
        path: "/apps",
        text: Text::Apps,
        shape: Shape::Apps,
        needs: Some(Permission::AppRead),
    },
    Place {
        path: "/jobs",
        text: Text::Jobs,
        shape: Shape::Jobs,
        needs: Some(Permission::JobRead),
    },
    Place {
        path: "/audit",
        text: Text::Audit,
        shape: Shape::Audit,
        needs: Some(Permission::AuditRead),
    },
    Place {
        path: "/identity",
        text: Text::Identity,
        shape: Shape::Identity,
        needs: None,
    },
    Place {
        path: "/settings",
        text: Text::Settings,
        shape: Shape::Settings,
        needs: Some(Permission::ConfigRead),
    },
];

/// The navigation.
#[component]
pub fn Navigation() -> impl IntoView {
    let session = expect_context::<Session>();
    let here = use_location().pathname;
    let link = move |place: Place| {
        let path = place.path;
        let is_here = move || {
            here.with(|here| here == path || path != "/" && here.starts_with(&format!("{path}/")))
        };
        view! {
            <li>
                <A href=path attr:aria-current=move || is_here().then_some("page")>
                    <Icon shape=place.shape />
                    <span>{t(place.text)}</span>
                </A>
            </li>
        }
    };
    let links = move || {
        let allowed = PLACES.into_iter().filter(|place| place.is_open(session));
        allowed.map(link).collect_view()
    };
    view! {
        <nav class="places" aria-label=t(Text::Navigation)>
            <ul>{links}</ul>
        </nav>
    }
}

/// The host that the console came from, as soon as it has said what it is.
pub fn this_host() -> ReadSignal<Option<Info>> {
    let (info, set) = signal(None);
    spawn_local(async move {
        if let Ok(read) = api::get::<Info>("/info").await {
            let _ = set.try_set(Some(read));
        }
    });
    info
}

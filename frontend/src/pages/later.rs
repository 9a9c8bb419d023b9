//! Pages that are loaded later than at first: when they are looked at, or before, once the
//! browser has nothing else to do. They are in parts of the program that are files of their
//! own.

use leptos::{prelude::*, task::spawn_local};
use leptos_router::LazyRoute;
use wasm_bindgen_futures::JsFuture;
use wasm_split_helpers::{SplitLoaderError, wasm_split};

use super::{apps, audit, cluster, gallery, hosts, identity, jobs, roles, settings};
use crate::{
    api::events::sleep,
    components::rest::Empty,
    words::{Text, t},
};

/// How long what is seen first is left alone, in milliseconds.
const PAUSE: u32 = 1_000;

/// Makes a route of each page. Those with the same part are loaded together.
macro_rules! pages {
    ($($route:ident, $part:ident: $make:ident or $load:ident = $page:path;)+) => {
        $(
            /// A page that is loaded later.
            pub struct $route;

            impl LazyRoute for $route {
                fn data() -> Self {
                    Self
                }

                async fn view(_: Self) -> AnyView {
                    $make().await.unwrap_or_else(|_| unloaded())
                }

                async fn preload() {
                    // Showing it tries once more, and says so if it fails again.
                    let _ = $load().await;
                }
            }

            #[wasm_split($part, fallible, preload($load))]
            fn $make() -> Result<AnyView, SplitLoaderError> {
                Ok($page().into_any())
            }
        )+

        async fn load_all() {
            $(
                idle().await;
                let _ = $load().await;
            )+
        }
    };
}

// A part that several others share is a file of its own for each set of those, so that few
// parts make few files: pages that people go between are in the same one.
pages! {
    Hosts, machines: make_hosts or load_hosts = hosts::Hosts;
    Cluster, machines: make_cluster or load_cluster = cluster::ClusterPage;
    Roles, machines: make_roles or load_roles = roles::Roles;
    OneRole, machines: make_role or load_role = roles::OneRole;
    Apps, apps: make_apps or load_apps = apps::Apps;
    App, apps: make_app or load_app = apps::App;
    Jobs, apps: make_jobs or load_jobs = jobs::Jobs;
    OneJob, apps: make_job or load_job = jobs::OneJob;
    Identity, people: make_identity or load_identity = identity::Identity;
    Audit, people: make_audit or load_audit = audit::Audit;
    Settings, people: make_settings or load_settings = settings::Settings;
    OneSection, people: make_section or load_section = settings::OneSection;
    Gallery, people: make_gallery or load_gallery = gallery::Gallery;
}

/// Loads all of them, one after the other, while the browser has nothing else to do: who
/// goes to one then does not wait.
pub fn load_when_idle() {
    spawn_local(async {
        sleep(PAUSE).await;
        load_all().await;
    });
}

/// Waits until the browser has nothing to do. Those that cannot say so are not waited for.
async fn idle() {
    let window = window();
    if js_sys::Reflect::has(&window, &"requestIdleCallback".into()).unwrap_or(false) {
        let promise = js_sys::Promise::new(&mut |done, _| {
            let _ = window.request_idle_callback(&done);
        });
        let _ = JsFuture::from(promise).await;
    }
}

/// What stands in the place of a page that could not be loaded: the host is away, or has
/// become another version, whose pages have other names. Loading all anew helps with both.
fn unloaded() -> AnyView {
    let reload = |_| {
        let _ = window().location().reload();
    };
    view! {
        <h1>{t(Text::NotLoaded)}</h1>
        <Empty title=t(Text::NotLoaded) more=t(Text::NotLoadedMore)>
            <button type="button" class="primary" on:click=reload>{t(Text::TryAgain)}</button>
        </Empty>
    }
    .into_any()
}

//! What stands around every page.

use leptos::prelude::*;
use leptos_router::{
    Lazy,
    components::{Route, Router, Routes},
    path,
};

use super::{
    icon::{Icon, Shape},
    palette::Palette,
    places::{Navigation, this_host},
    theme::ThemeChoice,
    tour,
};
use crate::{
    api::events::{Connection, Live},
    pages::{later, not_found::NotFound, overview::Overview, sign_in::SignIn},
    session::{Session, Standing},
    words::{self, Text, t},
};
use muster_console_model::catalogue::Language;

/// The console.
#[component]
pub fn Console() -> impl IntoView {
    let live = Live::new();
    provide_context(live);
    let session = Session::begin(live);
    provide_context(session);
    let standing = Memo::new(move |_| {
        session.standing.with(|standing| match standing {
            Standing::Unknown => None,
            Standing::Nobody => Some(false),
            Standing::Somebody(_) => Some(true),
        })
    });
    view! {
        <Router>
            {move || match standing.get() {
                None => view! { <div class="blank"></div> }.into_any(),
                Some(false) => view! { <SignIn /> }.into_any(),
                Some(true) => view! { <Frame /> }.into_any(),
            }}
        </Router>
    }
}

#[component]
fn Frame() -> impl IntoView {
    let palette = RwSignal::new(false);
    let menu = RwSignal::new(false);
    let toured = RwSignal::new(tour::is_new());
    view! {
        <a class="skip" href="#page">{t(Text::Skip)}</a>
        <div class="frame" class:menu=move || menu.get()>
            <Header palette menu />
            <div class="side" on:click=move |_| menu.set(false)>
                <Navigation />
                <Account toured />
            </div>
            <main id="page" tabindex="-1">
                <Routes fallback=NotFound>
                    <Route path=path!("/") view=Overview />
                    <Route path=path!("/callback") view=Overview />
                    <Route path=path!("/hosts") view={Lazy::<later::Hosts>::new()} />
                    <Route path=path!("/apps") view={Lazy::<later::Apps>::new()} />
                    <Route path=path!("/apps/:app") view={Lazy::<later::App>::new()} />
                    <Route path=path!("/apps/:app/:part") view={Lazy::<later::App>::new()} />
                    <Route path=path!("/roles") view={Lazy::<later::Roles>::new()} />
                    <Route path=path!("/roles/:role") view={Lazy::<later::OneRole>::new()} />
                    <Route path=path!("/jobs") view={Lazy::<later::Jobs>::new()} />
                    <Route path=path!("/jobs/:job") view={Lazy::<later::OneJob>::new()} />
                    <Route path=path!("/audit") view={Lazy::<later::Audit>::new()} />
                    <Route path=path!("/cluster") view={Lazy::<later::Cluster>::new()} />
                    <Route path=path!("/gallery") view={Lazy::<later::Gallery>::new()} />
                    <Route path=path!("/identity") view={Lazy::<later::Identity>::new()} />
                    <Route path=path!("/identity/:part") view={Lazy::<later::Identity>::new()} />
                    <Route path=path!("/settings") view={Lazy::<later::Settings>::new()} />
                    <Route path=path!("/settings/:section") view={Lazy::<later::OneSection>::new()} />
                </Routes>
            </main>
        </div>
        <Show when=move || toured.get()><tour::Tour open=toured /></Show>
        <Palette open=palette />
    }
}

#[component]
fn Header(palette: RwSignal<bool>, menu: RwSignal<bool>) -> impl IntoView {
    let info = this_host();
    let name = move || info.with(|info| info.as_ref().map(|info| info.name.clone()));
    Effect::new(move |_| {
        if let Some(name) = name() {
            document().set_title(&format!("{name} · Muster"));
        }
    });
    view! {
        <header class="bar">
            <button
                type="button"
                class="quiet square menu-button"
                aria-label=t(Text::Navigation)
                aria-expanded=move || menu.get().to_string()
                on:click=move |_| menu.update(|menu| *menu = !*menu)
            >
                <Icon shape=Shape::Menu />
            </button>
            <span class="brand">
                <svg viewBox="0 0 32 32" aria-hidden="true">
                    <path d="M7 23V10l9 8 9-8v13" />
                    <circle cx="7" cy="23" r="2.6" />
                    <circle cx="25" cy="23" r="2.6" />
                </svg>
                "Muster"
            </span>
            <span class="group">{name}</span>
            <button type="button" class="find" on:click=move |_| palette.set(true)>
                <Icon shape=Shape::Search />
                <span>{t(Text::Commands)}</span>
                <kbd>"Ctrl K"</kbd>
            </button>
            <ConnectionState />
        </header>
    }
}

#[component]
fn ConnectionState() -> impl IntoView {
    let connection = expect_context::<Live>().connection;
    let word = move || match connection.get() {
        Connection::Connecting => t(Text::Connecting),
        Connection::Live => t(Text::Live),
        Connection::Stale => t(Text::Stale),
    };
    let class = move || match connection.get() {
        Connection::Connecting => "connection connecting",
        Connection::Live => "connection live",
        Connection::Stale => "connection stale",
    };
    let more = move || (connection.get() == Connection::Stale).then(|| t(Text::StaleMore));
    view! {
        <span class=class role="status" title=more>
            {word}
        </span>
    }
}

#[component]
fn Account(toured: RwSignal<bool>) -> impl IntoView {
    let session = expect_context::<Session>();
    let name = move || {
        session.standing.with(|standing| match standing {
            Standing::Somebody(profile) => profile.user.name.clone(),
            _ => String::new(),
        })
    };
    let languages = Language::ALL.into_iter().map(|language| {
        view! { <option value=language.tag() selected=language == words::language()>{language.name()}</option> }
    });
    let speak = move |event| {
        if let Some(language) = Language::of_tag(&event_target_value(&event)) {
            words::choose(language);
        }
    };
    view! {
        <div class="account" on:click=|event| event.stop_propagation()>
            <ThemeChoice />
            <label class="choice">
                <span>{t(Text::Language)}</span>
                <select on:change=speak>{languages.collect_view()}</select>
            </label>
            <div class="me">
                <span>{name}</span>
                <button type="button" class="quiet" on:click=move |_| toured.set(true)>{t(Text::Tour)}</button>
                <button type="button" class="quiet" on:click=move |_| session.leave()>{t(Text::SignOut)}</button>
            </div>
        </div>
    }
}

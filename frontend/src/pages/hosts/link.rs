//! Link this device to another: enter that one's token here.

use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};
use muster_api::links::{Join, Link};

use crate::{
    api,
    components::{cli_line::CliLine, dialog::Dialog, field::Field, trouble::MaybeTrouble},
    words::{Text, t},
};

/// The dialog.
#[component]
pub fn LinkThis(open: RwSignal<bool>, done: Callback<()>) -> impl IntoView {
    view! {
        <Dialog open title=t(Text::LinkThis).to_owned()>
            <Form open done />
        </Dialog>
    }
}

#[component]
fn Form(open: RwSignal<bool>, done: Callback<()>) -> impl IntoView {
    let token = RwSignal::new(String::new());
    let failure = RwSignal::new(None);
    let busy = RwSignal::new(false);
    let wrong =
        move || failure.with(|failure: &Option<api::Failure>| failure.as_ref()?.of_field("token"));
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        busy.set(true);
        failure.set(None);
        let join = Join {
            token: token.get_untracked().trim().to_owned(),
            roles: Vec::new(),
        };
        spawn_local(async move {
            match api::act::<Link>("POST", "/link/actions/join", &join).await {
                Ok(_) => {
                    open.set(false);
                    done.run(());
                }
                Err(why) => {
                    let _ = failure.try_set(Some(why));
                    let _ = busy.try_set(false);
                }
            }
        });
    };
    view! {
        <form on:submit=submit>
            <p>{t(Text::LinkThisMore)}</p>
            <Field name="token" label=t(Text::Token) value=token wrong=Signal::derive(wrong) focus=true />
            <MaybeTrouble failure />
            <CliLine command="muster link join TOKEN".to_owned() />
            <footer>
                <button type="button" on:click=move |_| open.set(false)>{t(Text::Cancel)}</button>
                <button type="submit" class="primary" disabled=move || busy.get() || token.with(|it| it.trim().is_empty())>
                    {t(Text::Link)}
                </button>
            </footer>
        </form>
    }
}

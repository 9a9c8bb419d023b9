//! Sign in.

use leptos::{ev::SubmitEvent, prelude::*, task::spawn_local};
use leptos_router::hooks::{use_navigate, use_query_map};
use muster_api::tokens::OAuthError;

use crate::{
    components::{field::Field, theme::ThemeChoice, trouble::MaybeTrouble},
    session::{
        Session,
        sign_in::{Refusal, arrive, by_password, depart},
    },
    words::{Text, t},
};

/// The page for whoever is not signed in.
#[component]
pub fn SignIn() -> impl IntoView {
    let session = expect_context::<Session>();
    let (name, password, otp) = (
        RwSignal::new(String::new()),
        RwSignal::new(String::new()),
        RwSignal::new(String::new()),
    );
    let asks_otp = RwSignal::new(false);
    let busy = RwSignal::new(false);
    let told = RwSignal::new(None::<OAuthError>);
    let failure = RwSignal::new(None);
    let refuse = move |refusal: Refusal| {
        busy.set(false);
        match refusal {
            Refusal::OAuth(error) => {
                asks_otp.update(|asks| *asks |= error.error == "otp_required");
                told.set(Some(*error));
            }
            Refusal::Failure(why) => failure.set(Some(why)),
        }
    };
    // The host's own pages send the browser back with a code.
    let query = use_query_map().get_untracked();
    if let (Some(code), Some(state)) = (query.get("code"), query.get("state")) {
        let navigate = use_navigate();
        busy.set(true);
        spawn_local(async move {
            match arrive(&code, &state).await {
                Ok(back) => {
                    navigate(&back, Default::default());
                    session.enter().await;
                }
                Err(refusal) => refuse(refusal),
            }
        });
    }
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        busy.set(true);
        told.set(None);
        failure.set(None);
        let (name, password, otp) = (
            name.get_untracked(),
            password.get_untracked(),
            otp.get_untracked(),
        );
        spawn_local(async move {
            match by_password(name.trim(), &password, otp.trim()).await {
                Ok(()) => session.enter().await,
                Err(refusal) => refuse(refusal),
            }
        });
    };
    let is_about_otp = move |error: &OAuthError| asks_otp.get() && !error.factors.is_empty();
    let wrong_password = move || {
        told.with(|told| {
            let error = told.as_ref().filter(|error| !is_about_otp(error))?;
            Some(match error.error.as_str() {
                "terms_required" => t(Text::TermsNeeded).to_owned(),
                "captcha_required" => t(Text::CaptchaNeeded).to_owned(),
                _ => error.error_description.clone(),
            })
        })
    };
    let wrong_otp = move || {
        told.with(|told| {
            let error = told.as_ref().filter(|error| is_about_otp(error))?;
            Some(error.error_description.clone())
        })
    };
    view! {
        <main class="gate" id="page">
            <form on:submit=submit>
                <svg class="emblem" viewBox="0 0 32 32" aria-hidden="true">
                    <path d="M7 23V10l9 8 9-8v13" />
                    <circle cx="7" cy="23" r="2.6" />
                    <circle cx="25" cy="23" r="2.6" />
                </svg>
                <h1>{t(Text::SignInTo)}</h1>
                <Field name="username" label=t(Text::NameOrMail) value=name complete="username" focus=true />
                <Field
                    name="password"
                    label=t(Text::Password)
                    value=password
                    kind="password"
                    complete="current-password"
                    wrong=Signal::derive(wrong_password)
                />
                <Show when=move || asks_otp.get()>
                    <Field
                        name="otp"
                        label=t(Text::Otp)
                        hint=t(Text::OtpHint)
                        value=otp
                        complete="one-time-code"
                        wrong=Signal::derive(wrong_otp)
                        focus=true
                    />
                </Show>
                <MaybeTrouble failure />
                <button type="submit" class="primary" disabled=busy>{t(Text::SignIn)}</button>
                <p class="or">
                    <button type="button" on:click=|_| depart()>{t(Text::OtherWays)}</button>
                    <small>{t(Text::OtherWaysHint)}</small>
                </p>
                <p class="links">
                    <a rel="external" href="/account/sign-up">{t(Text::SignUp)}</a>
                    <a rel="external" href="/account/forgot">{t(Text::Forgot)}</a>
                </p>
                <ThemeChoice />
            </form>
        </main>
    }
}

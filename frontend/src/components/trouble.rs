//! What went wrong, and what to do about it.

use leptos::prelude::*;

use super::icon::{Icon, Shape};
use crate::{
    api::Failure,
    words::{Text, t},
};

/// A failure, told with its remedy. What is wrong with single fields is told
/// beside them as well.
#[component]
pub fn Trouble(failure: Failure) -> impl IntoView {
    let (title, detail, fields, remedy) = match failure {
        Failure::Refused(problem) => {
            let fields = problem.fields.iter();
            let fields: Vec<_> = fields
                .map(|field| format!("{}: {}", field.field, field.message))
                .collect();
            (problem.title, problem.detail, fields, problem.remedy)
        }
        Failure::SignedOut => (t(Text::SignIn).to_owned(), String::new(), Vec::new(), None),
        Failure::Away(detail) => (
            t(Text::Away).to_owned(),
            detail,
            Vec::new(),
            Some(t(Text::AwayMore).to_owned()),
        ),
    };
    view! {
        <div class="trouble" role="alert">
            <Icon shape=Shape::Alert />
            <div>
                <strong>{title}</strong>
                {(!detail.is_empty()).then(|| view! { <p>{detail}</p> })}
                {fields.into_iter().map(|line| view! { <p>{line}</p> }).collect_view()}
                {remedy.map(|remedy| view! { <p class="remedy">{remedy}</p> })}
            </div>
        </div>
    }
}

/// The same, if there is one.
#[component]
pub fn MaybeTrouble(#[prop(into)] failure: Signal<Option<Failure>>) -> impl IntoView {
    move || failure.get().map(|failure| view! { <Trouble failure /> })
}

//! What stands where nothing is yet.

use leptos::prelude::*;

use super::trouble::Trouble;
use crate::{
    api::{Answer, follow::Followed},
    words::{Text, t},
};

/// Grey lines in the place of what is being read.
#[component]
pub fn Skeleton(#[prop(default = 4)] lines: usize) -> impl IntoView {
    view! {
        <div class="skeleton" role="status" aria-label=t(Text::Loading)>
            {(0..lines).map(|_| view! { <span></span> }).collect_view()}
        </div>
    }
}

/// What there is to do where there is nothing.
#[component]
pub fn Empty(title: &'static str, more: &'static str, children: Children) -> impl IntoView {
    view! {
        <div class="empty">
            <h3>{title}</h3>
            <p>{more}</p>
            {children()}
        </div>
    }
}

/// Shows what was read: grey lines before, and what went wrong if nothing was.
pub fn shown<T, V>(
    followed: Followed<T>,
    lines: usize,
    view: impl Fn(T) -> V + Send + Sync + 'static,
) -> impl IntoView
where
    T: Clone + Send + Sync + 'static,
    V: IntoView + 'static,
{
    move || match followed.get() {
        None => view! { <Skeleton lines /> }.into_any(),
        Some(Answer::Err(failure)) => view! { <Trouble failure /> }.into_any(),
        Some(Answer::Ok(value)) => view(value).into_any(),
    }
}

//! What a change would do.

use leptos::prelude::*;
use muster_api::plan::Plan;

use crate::words::{Text, t};

/// A plan, as lists.
#[component]
pub fn PlanView(plan: Plan) -> impl IntoView {
    let list = |title: Text, lines: Vec<String>| {
        (!lines.is_empty()).then(|| {
            view! {
                <h3>{t(title)}</h3>
                <ul>{lines.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul>
            }
        })
    };
    view! {
        <div class="plan">
            {list(Text::Goes, plan.removes)}
            {list(Text::Changes, plan.changes)}
        </div>
    }
}

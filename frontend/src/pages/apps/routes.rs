//! The routes that reach an app.

use leptos::{prelude::*, task::spawn_local};
use muster_api::{
    permissions::Permission,
    plan::Plan,
    routes::{NewRoute, Route, RouteAction},
};
use muster_console_model::table::{Action, Cell, Row};

use crate::{
    api::{self, Failure, follow::follow},
    components::{
        cli_line::CliLine,
        field::Field,
        rest::Empty,
        table::{Table, rows},
        trouble::MaybeTrouble,
    },
    session::Session,
    words::{Text, t},
};

/// The routes, and a form for one more.
#[component]
pub fn Routes(app: String) -> impl IntoView {
    let (routes, again) = follow(&["route", "app"], || api::list::<Route>("/routes"));
    let session = expect_context::<Session>();
    let may = move || session.may(Permission::RouteWrite);
    let failure = RwSignal::new(None::<Failure>);
    let reread = move || again.update(|count| *count += 1);
    let route = RwSignal::new(String::new());
    let wrong = move || failure.with(|failure| failure.as_ref()?.of_field("route"));
    let app = StoredValue::new(app);
    let add = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        failure.set(None);
        let wanted = NewRoute {
            route: route.get_untracked().trim().to_owned(),
            app: Some(app.get_value()),
            ..NewRoute::default()
        };
        spawn_local(async move {
            match api::act::<Route>("POST", "/routes", &wanted).await {
                Ok(_) => {
                    let _ = route.try_set(String::new());
                    reread();
                }
                Err(why) => {
                    let _ = failure.try_set(Some(why));
                }
            }
        });
    };
    let remove = Callback::new(move |(_, id): (&str, String)| {
        spawn_local(async move {
            let path = format!("/routes/{id}");
            if let Err(why) = api::order::<Plan>("DELETE", &path).await {
                let _ = failure.try_set(Some(why));
            }
            reread();
        });
    });
    let table = rows(routes, move |routes| {
        let app = app.get_value();
        let ours = |route: &&Route| match &route.action {
            RouteAction::Forward { targets } => targets.iter().any(|target| target.app == app),
            RouteAction::Redirect { .. } => false,
        };
        let row = |route: &Route| {
            let address = format!("{}{}", route.host, route.path);
            let url = route.url.clone().map_or(Cell::Nothing, Cell::Outward);
            Row {
                actions: may()
                    .then(|| Action::danger("remove", Text::Remove))
                    .into_iter()
                    .collect(),
                ..Row::new(route.id.to_string(), vec![Cell::Code(address), url])
            }
        };
        routes.iter().filter(ours).map(row).collect()
    });
    let command = move || {
        let route = route.get();
        let shown = if route.is_empty() { "ROUTE" } else { &route };
        format!("muster route add {shown} --app {}", app.get_value())
    };
    view! {
        <Table label=Text::Routes heads=&[Text::Route, Text::Urls] rows=table act=remove>
            <Empty title=t(Text::Routes) more=t(Text::NoRoutes)>""</Empty>
        </Table>
        <Show when=may>
            <form class="row" on:submit=add>
                <Field name="route" label=t(Text::AddRoute) hint=t(Text::RouteHint) value=route wrong=Signal::derive(wrong) />
                <button type="submit" class="primary" disabled=move || route.with(|it| it.trim().is_empty())>{t(Text::Add)}</button>
            </form>
        </Show>
        <MaybeTrouble failure />
        <CliLine command=Signal::derive(command) />
    }
}

//! Tables that sort, filter and page, and keep in the address how. What they show
//! is plain data; a row whose data stays the same is left alone, so that whoever is
//! about to press a button of it still can. Of a long table only the rows in view
//! are drawn.

use leptos::prelude::*;
use muster_console_model::{
    table::{Cell, Row, Wanted, arrange, order_of},
    window::{LONG, window},
};

use super::{
    address::in_address,
    badge::Badge,
    outward::Outward,
    rest::Skeleton,
    scroll::{ROW, Scroll},
    trouble::Trouble,
};
use crate::{
    api::{Answer, events::Live, follow::Followed},
    words::{Text, t, with},
};

/// The rows of a table, or why there are none.
pub type Rows = Signal<Option<Answer<Vec<Row>>>>;

/// From how many rows on there is a filter.
const FILTER_FROM: usize = 5;

/// What is read as rows.
pub fn rows<T: Clone + Send + Sync + 'static>(
    followed: Followed<T>,
    turn: impl Fn(&T) -> Vec<Row> + Send + Sync + 'static,
) -> Rows {
    let beat = expect_context::<Live>().beat;
    Signal::derive(move || {
        beat.track();
        followed.with(|answer| {
            let answer = answer.as_ref()?;
            Some(answer.as_ref().map(&turn).map_err(Clone::clone))
        })
    })
}

/// What a table is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Loading,
    Failed,
    Empty,
    There,
}

/// A table.
#[component]
pub fn Table(
    /// What it is about.
    label: Text,
    /// The headings; the first column names the rows.
    heads: &'static [Text],
    rows: Rows,
    /// Does what a row offers: its verb, and the row's id.
    #[prop(optional)]
    act: Option<Callback<(&'static str, String)>>,
    /// What stands there when there is nothing.
    children: ChildrenFn,
) -> impl IntoView {
    let rows = Memo::new(move |_| rows.get());
    let standing = Memo::new(move |_| {
        rows.with(|rows| match rows {
            None => Standing::Loading,
            Some(Err(_)) => Standing::Failed,
            Some(Ok(rows)) if rows.is_empty() => Standing::Empty,
            Some(Ok(_)) => Standing::There,
        })
    });
    move || match standing.get() {
        Standing::Loading => view! { <Skeleton lines=5 /> }.into_any(),
        Standing::Failed => {
            let failure = move || rows.with(|rows| rows.as_ref()?.as_ref().err().cloned());
            (move || failure().map(|failure| view! { <Trouble failure /> })).into_any()
        }
        Standing::Empty => children().into_any(),
        Standing::There => view! { <Grid label heads rows act /> }.into_any(),
    }
}

#[component]
fn Grid(
    label: Text,
    heads: &'static [Text],
    rows: Memo<Option<Answer<Vec<Row>>>>,
    act: Option<Callback<(&'static str, String)>>,
) -> impl IntoView {
    let (filter, set_filter) = in_address("filter");
    let (order, set_order) = in_address("sort");
    let (page, set_page) = in_address("page");
    let order = Memo::new(move |_| order.get().as_deref().and_then(order_of));
    let seen = Memo::new(move |_| {
        let page = page.get().and_then(|page| page.parse::<usize>().ok());
        let wanted = Wanted {
            filter: filter.get().unwrap_or_default(),
            order: order.get(),
            page: page.unwrap_or(1).saturating_sub(1),
        };
        rows.with(|rows| match rows {
            Some(Ok(rows)) => arrange(rows, &wanted),
            _ => Default::default(),
        })
    });
    let count = Memo::new(move |_| seen.with(|seen| seen.places.len()));
    let is_long = Memo::new(move |_| count.get() > LONG);
    let scroll = Scroll::new(count);
    let drawn = Memo::new(move |_| {
        let (first, fits) = scroll.view.get();
        window(first, fits, count.get())
    });
    let shown = Memo::new(move |_| {
        let drawn = drawn.get();
        rows.with(|rows| {
            seen.with(|seen| {
                let (Some(Ok(rows)), Some(places)) = (rows, seen.places.get(drawn.clone())) else {
                    return Vec::new();
                };
                let place = |place: &usize| rows.get(*place).cloned();
                drawn.zip(places.iter().filter_map(place)).collect()
            })
        })
    });
    let ids = Memo::new(move |_| {
        shown.with(|rows: &Vec<(usize, Row)>| {
            rows.iter().map(|row| row.1.id.clone()).collect::<Vec<_>>()
        })
    });
    let row = move |id: String| {
        let wanted = id.clone();
        let row = Memo::new(move |_| {
            shown.with(|rows| rows.iter().find(|row| row.1.id == wanted).cloned())
        });
        one_row(id, heads.len(), row, is_long, act)
    };
    // The rows that are not drawn leave as much room as they would take.
    let room = move |rows: usize| {
        (rows > 0).then(|| {
            let height = format!("{}rem", rows as f64 * ROW);
            // The page's policy lets in no style as an attribute.
            view! { <tr aria-hidden="true" style:height=height></tr> }
        })
    };
    let head = move |(column, text): (usize, &Text)| {
        let sorted = move || match order.get() {
            Some((sorted, reverse)) if sorted == column => Some(reverse),
            _ => None,
        };
        let sort = move |_| {
            let reverse = sorted() == Some(false);
            let sign = if reverse { "-" } else { "" };
            scroll.to_top();
            set_page.set(None);
            set_order.set(Some(format!("{sign}{}", column + 1)));
        };
        let aria = move || sorted().map(|reverse| if reverse { "descending" } else { "ascending" });
        view! {
            <th scope="col" aria-sort=aria>
                <button type="button" class="sort" on:click=sort>{t(*text)}</button>
            </th>
        }
    };
    let several = Memo::new(move |_| {
        rows.with(|rows| matches!(rows, Some(Ok(rows)) if rows.len() >= FILTER_FROM))
            || filter.with(Option::is_some)
    });
    let nothing = move || count.get() == 0;
    let pages = Memo::new(move |_| seen.with(|seen| (seen.page, seen.pages)));
    let turn = move |by: isize| {
        let page = pages.get_untracked().0.saturating_add_signed(by) + 1;
        scroll.to_top();
        set_page.set((page > 1).then(|| page.to_string()));
    };
    let acts = act.map(|_| view! { <td></td> });
    view! {
        <Show when=move || several.get()>
            <input
                class="filter"
                type="search"
                aria-label=t(Text::Filter)
                placeholder=t(Text::Filter)
                prop:value=move || filter.get().unwrap_or_default()
                on:input=move |event| {
                    let text = event_target_value(&event);
                    scroll.to_top();
                    set_page.set(None);
                    set_filter.set((!text.is_empty()).then_some(text));
                }
            />
        </Show>
        <div
            class="table-frame"
            class:long=move || is_long.get()
            tabindex="0"
            role="region"
            aria-label=t(label)
            node_ref=scroll.frame
            on:scroll=move |_| scroll.moved()
        >
            <table aria-rowcount=move || is_long.get().then(|| count.get() + 1)>
                <thead>
                    <tr>{heads.iter().enumerate().map(head).collect_view()}{acts}</tr>
                </thead>
                <tbody>
                    {move || room(drawn.with(|drawn| drawn.start))}
                    <For each=move || ids.get() key=Clone::clone children=row />
                    {move || room(count.get().saturating_sub(drawn.with(|drawn| drawn.end)))}
                    <Show when=nothing>
                        <tr><td colspan=heads.len() class="none">{t(Text::NothingFits)}</td></tr>
                    </Show>
                </tbody>
            </table>
        </div>
        <Show when=move || { pages.get().1 > 1 }>
            <div class="pager">
                <button type="button" disabled=move || pages.get().0 == 0 on:click=move |_| turn(-1)>{t(Text::Before)}</button>
                <span>{move || {
                    let (page, pages) = pages.get();
                    with(Text::Of, &[&(page + 1).to_string(), &pages.to_string()])
                }}</span>
                <button type="button" disabled=move || { pages.get().0 + 1 >= pages.get().1 } on:click=move |_| turn(1)>{t(Text::Next)}</button>
            </div>
        </Show>
    }
}

fn one_row(
    id: String,
    columns: usize,
    row: Memo<Option<(usize, Row)>>,
    is_long: Memo<bool>,
    act: Option<Callback<(&'static str, String)>>,
) -> AnyView {
    let cells = (0..columns).map(|column| {
        let cell = Memo::new(move |_| {
            let cell = |(_, row): &(usize, Row)| row.cells.get(column).cloned();
            row.with(|row| row.as_ref().and_then(cell))
                .unwrap_or(Cell::Nothing)
        });
        let shown = move || one_cell(cell.get());
        // What does not fit is cut off there.
        let whole = move || is_long.get().then(|| cell.with(Cell::words));
        if column == 0 {
            view! { <th scope="row" title=whole>{shown}</th> }.into_any()
        } else {
            let class = cell.with_untracked(|cell| match cell {
                Cell::Number(..) => "number",
                Cell::Code(_) => "mono",
                _ => "",
            });
            view! { <td class=class title=whole>{shown}</td> }.into_any()
        }
    });
    let cells = cells.collect_view();
    let actions = Memo::new(move |_| {
        row.with(|row| {
            row.as_ref()
                .map(|(_, row)| row.actions.clone())
                .unwrap_or_default()
        })
    });
    let kept = StoredValue::new(id.clone());
    let buttons = act.map(|act| {
        view! {
            <td class="row-actions">
                {move || actions.get().into_iter().map(|action| view! {
                    <button
                        type="button"
                        class="quiet"
                        class:danger-text=action.danger
                        on:click=move |_| act.run((action.verb, kept.get_value()))
                    >
                        {t(action.text)}
                    </button>
                }).collect_view()}
            </td>
        }
    });
    // The heads are the first row.
    let number = move || row.with(|row| Some(row.as_ref()?.0 + 2));
    let number = move || is_long.get().then(number).flatten();
    view! { <tr data-row=id aria-rowindex=number>{cells}{buttons}</tr> }.into_any()
}

fn one_cell(cell: Cell) -> AnyView {
    match cell {
        Cell::Text(text) | Cell::Number(_, text) | Cell::Since(_, text) => text.into_any(),
        Cell::Code(text) => view! { <code>{text}</code> }.into_any(),
        Cell::Noted(text, more) => view! { {text}<small>{more}</small> }.into_any(),
        Cell::Link(path, text) => view! { <a href=path>{text}</a> }.into_any(),
        Cell::Outward(url) => view! { <Outward url /> }.into_any(),
        Cell::States(states) => states
            .into_iter()
            .map(|(mood, text)| view! { <Badge mood text /> })
            .collect_view()
            .into_any(),
        Cell::Tags(tags) => tags
            .into_iter()
            .map(|tag| view! { <span class="tag">{tag}</span> })
            .collect_view()
            .into_any(),
        Cell::Nothing => ().into_any(),
    }
}

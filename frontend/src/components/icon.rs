//! Icons, drawn with lines as thick as the text's.

use leptos::prelude::*;

/// What there is a drawing of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// The group as a whole.
    Overview,
    /// Machines.
    Hosts,
    /// Apps.
    Apps,
    /// What machines do.
    Roles,
    /// Work that goes on.
    Jobs,
    /// A list that is kept.
    Audit,
    /// Hosts that belong together.
    Cluster,
    /// People.
    Identity,
    /// Sliders.
    Settings,
    /// A search.
    Search,
    /// Two sheets.
    Copy,
    /// Something is right.
    Check,
    /// Something needs attention.
    Alert,
    /// A menu.
    Menu,
    /// A cross.
    Close,
    /// Up, into the platform.
    Push,
}

/// An icon. It says nothing that the text beside it does not.
#[component]
pub fn Icon(shape: Shape) -> impl IntoView {
    let path = match shape {
        Shape::Overview => {
            "M12 3v6M12 9 5 15M12 9l7 6M12 3h.01M5 15v5M19 15v5M3 20h4M17 20h4M10 3h4"
        }
        Shape::Hosts => "M4 5h16v5H4zM4 14h16v5H4zM8 7.5h.01M8 16.5h.01",
        Shape::Apps => "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
        Shape::Roles => "M4 8h10M18 8h2M16 6v4M4 16h2M10 16h10M8 14v4",
        Shape::Jobs => "M12 3a9 9 0 1 0 9 9M12 7v5l3.5 2M17 4.5l2.5 2.5L22 4.5",
        Shape::Audit => "M6 3h12v18H6zM9.5 8h5M9.5 12h5M9.5 16h3",
        Shape::Cluster => {
            "M12 3v4M6 17l4-6M18 17l-4-6M12 7a2.5 2.5 0 1 0 .01 0M5 17a2 2 0 1 0 .01 0M19 17a2 2 0 1 0 .01 0"
        }
        Shape::Identity => "M12 4a4 4 0 1 0 .01 0M4 20c1-4 4-6 8-6s7 2 8 6",
        Shape::Settings => "M5 4v7M5 15v5M12 4v3M12 11v9M19 4v9M19 17v3M3 13h4M10 9h4M17 15h4",
        Shape::Search => "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM20 20l-4-4",
        Shape::Copy => "M9 9h11v11H9zM5 15H4V4h11v1",
        Shape::Check => "M5 12.5l4.5 4.5L19 7.5",
        Shape::Alert => "M12 4l9 16H3zM12 10v4M12 17h.01",
        Shape::Menu => "M4 7h16M4 12h16M4 17h16",
        Shape::Close => "M6 6l12 12M18 6L6 18",
        Shape::Push => "M12 16V4M7 9l5-5 5 5M4 16v4h16v-4",
    };
    view! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
            <path d=path />
        </svg>
    }
}

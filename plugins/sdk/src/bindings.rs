//! Bindings generated from `wit/`: of each role's world without the lifecycle,
//! which all roles share, and of what every role may import. The linker joins
//! them into the whole world.
#![allow(missing_docs, unsafe_code, reason = "generated from wit/")]

pub mod lifecycle {
    wit_bindgen::generate!({
        inline: "package muster:sdk; world with-lifecycle { export muster:lifecycle/lifecycle@0.1.0; }",
        path: ["../../wit/lifecycle"],
        generate_all,
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        default_bindings_module: "muster_sdk::bindings::lifecycle",
    });

    pub use exports::muster::lifecycle::lifecycle::{Condition, Description, Error, Guest};
}

pub mod logging {
    wit_bindgen::generate!({
        inline: "package muster:sdk; world logs { import wasi:logging/logging@0.1.0-draft; }",
        path: ["../../wit/deps/logging"],
        generate_all,
    });

    pub use wasi::logging::logging::{Level, log};
}

pub mod router {
    wit_bindgen::generate!({
        inline: "package muster:sdk; world router-role { import muster:router/heads@0.1.0; export muster:router/router@0.1.0; }",
        path: ["../../wit/deps/logging", "../../wit/lifecycle", "../../wit/router"],
        generate_all,
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "export_role",
        default_bindings_module: "muster_sdk::bindings::router",
    });

    pub use exports::muster::router::router as role;
    pub use muster::router::heads::Head;
}

pub mod stager {
    wit_bindgen::generate!({
        inline: "package muster:sdk; world stager-role { import muster:packages/packages@0.1.0; export muster:stager/stager@0.1.0; }",
        path: ["../../wit/deps/logging", "../../wit/lifecycle", "../../wit/packages", "../../wit/stager"],
        generate_all,
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "export_role",
        default_bindings_module: "muster_sdk::bindings::stager",
    });

    pub use exports::muster::stager::stager as role;
    pub use muster::packages::packages;
}

pub mod dea {
    wit_bindgen::generate!({
        inline: "package muster:sdk; world dea-role { import muster:workloads/workloads@0.1.0; export muster:dea/dea@0.1.0; }",
        path: ["../../wit/deps/logging", "../../wit/lifecycle", "../../wit/workloads", "../../wit/dea"],
        generate_all,
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "export_role",
        default_bindings_module: "muster_sdk::bindings::dea",
    });

    pub use exports::muster::dea::dea as role;
    pub use muster::workloads::workloads;
}

pub mod load_balancer {
    wit_bindgen::generate!({
        inline: "package muster:sdk; world load-balancer-role { import muster:load-balancer/requests@0.1.0; export muster:load-balancer/balancer@0.1.0; }",
        path: ["../../wit/deps/logging", "../../wit/lifecycle", "../../wit/load-balancer"],
        generate_all,
        additional_derives: [PartialEq, Eq],
        pub_export_macro: true,
        export_macro_name: "export_role",
        default_bindings_module: "muster_sdk::bindings::load_balancer",
    });

    pub use exports::muster::load_balancer::balancer as role;
    pub use muster::load_balancer::requests::Request;
}

//! The command line against a real host: what people type, what they see, and
//! the exit codes that scripts rely on.

mod apps;
mod deletion;
mod formats;
mod hosts;
mod jobs_and_logs;
mod keys;
mod login;
mod mistakes;
mod people;
mod person;
mod plugins;
mod projects;
mod routes_and_roles;
mod settings;

/// Compares with a snapshot, without what differs from run to run.
pub fn seen(name: &str, text: &str) {
    let filters = [
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "[id]",
        ),
        (r"[0-9a-f]{64}", "[digest]"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[time]"),
        (r":\d{4,5}\b", ":[port]"),
        (r"\d+(\.\d+)? [KM]iB\b", "[size]"),
        (r"\d+ bytes", "[bytes]"),
        (r"\d+ interfaces", "[count] interfaces"),
        (r"@0\.2\.\d+", "@0.2.[patch]"),
        (r"\d+\.\dms", "[took]"),
        (r"( {3,})\d+[smhd]\b", "$1[age]"),
        (r"─+", "─"),
        (r"  +", "  "),
    ];
    insta::with_settings!({ filters => filters.to_vec() }, {
        insta::assert_snapshot!(name, text);
    });
}

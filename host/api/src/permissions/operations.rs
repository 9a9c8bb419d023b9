//! The table of operations. A test of the server fails when a route is not in
//! it, or is in it and does not exist; one of the CLI checks its commands.

use super::{
    Access::{self, InPerson, Needs, OwnKey, Public, SignedIn},
    Operation, Permission as P,
};

/// Every operation of the API.
#[rustfmt::skip]
pub const OPERATIONS: &[Operation] = &[
    op("token_create", "POST", "/oauth/token", Public, &["login"]),
    op("authorization_begin", "GET", "/oauth/authorize", Public, &["login"]),
    op("device_authorization_create", "POST", "/oauth/device_authorization", Public, &["login"]),
    op("token_revoke", "POST", "/oauth/revoke", Public, &["logout", "token revoke"]),
    op("token_introspect", "POST", "/oauth/introspect", Public, &["token inspect"]),
    op("key_set_show", "GET", "/.well-known/jwks.json", Public, &[]),
    op("oauth_metadata_show", "GET", "/.well-known/oauth-authorization-server", Public, &[]),

    op("self_show", "GET", "/api/v1/self", SignedIn, &["self show"]),
    op("self_password_change", "PUT", "/api/v1/self/password", InPerson, &["self password"]),
    op("self_session_list", "GET", "/api/v1/self/sessions", InPerson, &["session list"]),
    op("self_session_end", "DELETE", "/api/v1/self/sessions/{session}", InPerson, &["session end"]),

    op("self_key_list", "GET", "/api/v1/self/keys", InPerson, &["key list"]),
    op("self_key_create", "POST", "/api/v1/self/keys", InPerson, &["key create"]),
    op("self_key_show", "GET", "/api/v1/self/keys/{key}", OwnKey, &["key show"]),
    op("self_key_rotate", "POST", "/api/v1/self/keys/{key}/actions/rotate", OwnKey, &["key rotate"]),
    op("self_key_revoke", "DELETE", "/api/v1/self/keys/{key}", OwnKey, &["key revoke"]),

    op("key_list", "GET", "/api/v1/keys", Needs(P::KeyRead), &["key list"]),
    op("key_show", "GET", "/api/v1/keys/{key}", Needs(P::KeyRead), &["key show"]),
    op("key_rotate", "POST", "/api/v1/keys/{key}/actions/rotate", Needs(P::KeyWrite), &["key rotate"]),
    op("key_revoke", "DELETE", "/api/v1/keys/{key}", Needs(P::KeyWrite), &["key revoke"]),
    op("self_factor_list", "GET", "/api/v1/self/factors", InPerson, &["self factor list", "self passkey list"]),
    op("self_totp_add", "POST", "/api/v1/self/factors/totp", InPerson, &["self factor add-totp"]),
    op("self_totp_confirm", "POST", "/api/v1/self/factors/totp/actions/confirm", InPerson, &["self factor confirm-totp"]),
    op("self_totp_remove", "POST", "/api/v1/self/factors/totp/actions/remove", InPerson, &["self factor remove-totp"]),
    op("self_recovery_codes_create", "POST", "/api/v1/self/factors/recovery-codes", InPerson, &["self factor recovery-codes"]),
    op("self_passkey_challenge", "POST", "/api/v1/self/passkeys/challenges", InPerson, &[]),
    op("self_passkey_add", "POST", "/api/v1/self/passkeys", InPerson, &[]),
    op("self_passkey_show", "GET", "/api/v1/self/passkeys/{passkey}", InPerson, &["self passkey show"]),
    op("self_passkey_change", "PATCH", "/api/v1/self/passkeys/{passkey}", InPerson, &["self passkey rename"]),
    op("self_passkey_remove", "POST", "/api/v1/self/passkeys/{passkey}/actions/remove", InPerson, &["self passkey remove"]),
    op("user_factors_reset", "DELETE", "/api/v1/users/{user}/factors", Needs(P::UserWrite), &["user reset-factors"]),
    op("self_identity_list", "GET", "/api/v1/self/identities", InPerson, &["self identities"]),
    op("self_identity_add", "POST", "/api/v1/self/identities", InPerson, &["self link"]),
    op("self_identity_remove", "POST", "/api/v1/self/identities/{method}/actions/remove", InPerson, &["self unlink"]),
    op("sign_in_method_list", "GET", "/api/v1/sign-in-methods", Public, &["login"]),

    op("user_list", "GET", "/api/v1/users", Needs(P::UserRead), &["user list"]),
    op("user_show", "GET", "/api/v1/users/{user}", Needs(P::UserRead), &["user show"]),
    op("user_create", "POST", "/api/v1/users", Needs(P::UserWrite), &["user create"]),
    op("user_change", "PATCH", "/api/v1/users/{user}", Needs(P::UserWrite), &["user modify"]),
    op("user_delete", "DELETE", "/api/v1/users/{user}", Needs(P::UserWrite), &["user delete"]),
    op("user_activate", "POST", "/api/v1/users/{user}/actions/activate", Needs(P::UserWrite), &["user activate"]),
    op("user_suspend", "POST", "/api/v1/users/{user}/actions/suspend", Needs(P::UserWrite), &["user suspend"]),
    op("user_send_activation", "POST", "/api/v1/users/{user}/actions/send-activation", Needs(P::UserWrite), &["user send-activation"]),
    op("user_session_list", "GET", "/api/v1/users/{user}/sessions", Needs(P::UserRead), &["session list"]),
    op("user_session_end_all", "DELETE", "/api/v1/users/{user}/sessions", Needs(P::UserWrite), &["session end"]),

    op("sign_up_show", "GET", "/api/v1/sign-ups", Public, &["sign-up"]),
    op("sign_up_create", "POST", "/api/v1/sign-ups", Public, &["sign-up"]),
    op("sign_up_verify", "POST", "/api/v1/sign-ups/verification", Public, &["activate"]),
    op("activation_create", "POST", "/api/v1/activations", Public, &["activate"]),
    op("password_reset_create", "POST", "/api/v1/password-resets", Public, &["reset-password"]),
    op("mail_test", "POST", "/api/v1/mail/test", Needs(P::ConfigWrite), &["mail test"]),

    op("term_list", "GET", "/api/v1/terms", Public, &["term list"]),
    op("term_show", "GET", "/api/v1/terms/{version}", Public, &["term show", "login"]),
    op("term_add", "POST", "/api/v1/terms", Needs(P::TermWrite), &["term add"]),
    op("acceptance_list", "GET", "/api/v1/term-acceptances", Needs(P::TermWrite), &["term acceptances"]),

    op("project_list", "GET", "/api/v1/projects", SignedIn, &["project list"]),
    op("project_create", "POST", "/api/v1/projects", Needs(P::ProjectCreate), &["project create"]),
    op("project_show", "GET", "/api/v1/projects/{project}", SignedIn, &["project show"]),
    op("project_change", "PATCH", "/api/v1/projects/{project}", Needs(P::ProjectWrite), &["project modify"]),
    op("project_delete", "DELETE", "/api/v1/projects/{project}", Needs(P::ProjectWrite), &["project delete"]),
    op("project_suspend", "POST", "/api/v1/projects/{project}/actions/suspend", Needs(P::ProjectWrite), &["project suspend"]),
    op("project_resume", "POST", "/api/v1/projects/{project}/actions/resume", Needs(P::ProjectWrite), &["project resume"]),
    op("project_terminate", "POST", "/api/v1/projects/{project}/actions/terminate", Needs(P::ProjectWrite), &["project terminate"]),
    op("project_join", "POST", "/api/v1/projects/{project}/actions/join", InPerson, &["project join"]),
    op("project_leave", "POST", "/api/v1/projects/{project}/actions/leave", InPerson, &["project leave"]),
    op("member_list", "GET", "/api/v1/projects/{project}/members", Needs(P::ProjectRead), &["project members"]),
    op("member_show", "GET", "/api/v1/projects/{project}/members/{user}", Needs(P::ProjectRead), &["project members"]),
    op("member_put", "PUT", "/api/v1/projects/{project}/members/{user}", Needs(P::ProjectWrite), &["project add-member"]),
    op("member_remove", "DELETE", "/api/v1/projects/{project}/members/{user}", Needs(P::ProjectWrite), &["project remove-member"]),
    op("member_accept", "POST", "/api/v1/projects/{project}/members/{user}/actions/accept", Needs(P::ProjectWrite), &["project accept"]),
    op("member_refuse", "POST", "/api/v1/projects/{project}/members/{user}/actions/refuse", Needs(P::ProjectWrite), &["project refuse"]),

    op("quota_list", "GET", "/api/v1/quotas", Needs(P::QuotaRead), &["quota list"]),
    op("quota_set", "PUT", "/api/v1/quotas", Needs(P::QuotaWrite), &["quota set"]),
    op("quota_show", "GET", "/api/v1/quotas/{quota}", Needs(P::QuotaRead), &["quota show"]),
    op("quota_unset", "DELETE", "/api/v1/quotas/{quota}", Needs(P::QuotaWrite), &["quota unset"]),
    op("quota_enforce", "POST", "/api/v1/quotas/actions/enforce", Needs(P::QuotaWrite), &["quota plan", "quota enforce"]),
    op("quota_usage", "GET", "/api/v1/projects/{project}/usage", Needs(P::QuotaRead), &["quota usage"]),

    op("app_list", "GET", "/api/v1/apps", Needs(P::AppRead), &["app list"]),
    op("app_show", "GET", "/api/v1/apps/{app}", Needs(P::AppRead), &["app show"]),
    op("app_change", "PATCH", "/api/v1/apps/{app}", Needs(P::AppWrite), &["app scale"]),
    op("app_delete", "DELETE", "/api/v1/apps/{app}", Needs(P::AppDelete), &["app delete"]),
    op("app_env", "GET", "/api/v1/apps/{app}/env", Needs(P::AppEnv), &["app env"]),
    op("app_env_change", "PATCH", "/api/v1/apps/{app}/env", Needs(P::AppEnv), &["app env"]),
    op("app_push", "POST", "/api/v1/apps/{app}/pushes", Needs(P::AppWrite), &["app push"]),
    op("app_start", "POST", "/api/v1/apps/{app}/actions/start", Needs(P::AppWrite), &["app start"]),
    op("app_stop", "POST", "/api/v1/apps/{app}/actions/stop", Needs(P::AppWrite), &["app stop"]),
    op("app_restart", "POST", "/api/v1/apps/{app}/actions/restart", Needs(P::AppWrite), &["app restart"]),
    op("app_rollback", "POST", "/api/v1/apps/{app}/rollback", Needs(P::AppWrite), &["app rollback"]),
    op("app_move", "POST", "/api/v1/apps/{app}/actions/move", Needs(P::AppWrite), &["app move"]),
    op("droplet_list", "GET", "/api/v1/apps/{app}/droplets", Needs(P::AppRead), &["app droplets"]),
    op("app_metrics", "GET", "/api/v1/apps/{app}/metrics", Needs(P::AppRead), &["app metrics"]),
    op("log_tail", "GET", "/api/v1/apps/{app}/logs", Needs(P::AppLogs), &["app logs"]),

    op("block_storage_show", "GET", "/api/v1/blocks", Needs(P::ConfigRead), &["blocks show"]),
    op("block_storage_move", "POST", "/api/v1/blocks/actions/move", Needs(P::ConfigWrite), &["blocks move"]),
    op("block_storage_verify", "POST", "/api/v1/blocks/actions/verify", Needs(P::ConfigWrite), &["blocks verify"]),
    op("block_storage_adopt", "POST", "/api/v1/blocks/actions/adopt", Needs(P::ConfigWrite), &["blocks adopt"]),
    op("backup_list", "GET", "/api/v1/backups", Needs(P::ConfigRead), &["backup list"]),
    op("backup_create", "POST", "/api/v1/backups", Needs(P::ConfigWrite), &["backup create"]),
    op("backup_show", "GET", "/api/v1/backups/{backup}", Needs(P::ConfigRead), &["backup show"]),
    op("backup_verify", "POST", "/api/v1/backups/{backup}/actions/verify", Needs(P::ConfigWrite), &["backup verify"]),
    op("backup_delete", "DELETE", "/api/v1/backups/{backup}", Needs(P::ConfigWrite), &["backup delete"]),
    op("data_export", "GET", "/api/v1/data", Needs(P::AppEnv), &["data export"]),
    op("data_import", "POST", "/api/v1/data", Needs(P::AppWrite), &["data import"]),
    op("block_get", "GET", "/api/v1/blocks/{digest}", Needs(P::AppEnv), &["data export"]),
    op("block_missing", "POST", "/api/v1/blocks/missing", Needs(P::BlockWrite), &["app push"]),
    op("block_put", "PUT", "/api/v1/blocks/{digest}", Needs(P::BlockWrite), &["app push"]),

    op("job_list", "GET", "/api/v1/jobs", Needs(P::JobRead), &["job list"]),
    op("job_show", "GET", "/api/v1/jobs/{job}", Needs(P::JobRead), &["job show"]),
    op("job_cancel", "POST", "/api/v1/jobs/{job}/actions/cancel", Needs(P::JobCancel), &["job cancel"]),

    op("route_list", "GET", "/api/v1/routes", Needs(P::AppRead), &["route list"]),
    op("route_add", "POST", "/api/v1/routes", Needs(P::RouteWrite), &["route add"]),
    op("route_show", "GET", "/api/v1/routes/{route}", Needs(P::AppRead), &["route show"]),
    op("route_remove", "DELETE", "/api/v1/routes/{route}", Needs(P::RouteWrite), &["route remove"]),

    op("role_list", "GET", "/api/v1/roles", Needs(P::RoleRead), &["role list"]),
    op("role_show", "GET", "/api/v1/roles/{role}", Needs(P::RoleRead), &["role show"]),
    op("role_add", "PUT", "/api/v1/roles/{role}", Needs(P::RoleWrite), &["role add", "plugin check"]),
    op("role_remove", "DELETE", "/api/v1/roles/{role}", Needs(P::RoleWrite), &["role remove"]),
    op("role_start", "POST", "/api/v1/roles/{role}/actions/start", Needs(P::RoleWrite), &["role start"]),
    op("role_stop", "POST", "/api/v1/roles/{role}/actions/stop", Needs(P::RoleWrite), &["role stop"]),
    op("role_restart", "POST", "/api/v1/roles/{role}/actions/restart", Needs(P::RoleWrite), &["role restart"]),

    op("event_stream", "GET", "/api/v1/events", Needs(P::EventRead), &["events"]),

    op("info_show", "GET", "/api/v1/info", Needs(P::StatusRead), &["info"]),
    op("info_change", "PATCH", "/api/v1/info", Needs(P::ConfigWrite), &["node rename", "node migrate"]),
    op("status_show", "GET", "/api/v1/status", Needs(P::StatusRead), &["status"]),

    op("audit_list", "GET", "/api/v1/audit", Needs(P::AuditRead), &["audit list"]),
    op("audit_export", "GET", "/api/v1/audit/export", Needs(P::AuditRead), &["audit export"]),
    op("audit_verify", "GET", "/api/v1/audit/verification", Needs(P::AuditRead), &["audit verify"]),

    op("logging_show", "GET", "/api/v1/logging", Needs(P::ConfigRead), &["logging show"]),
    op("logging_change", "PUT", "/api/v1/logging", Needs(P::LoggingWrite), &["logging set"]),
    op("logging_reset", "DELETE", "/api/v1/logging", Needs(P::LoggingWrite), &["logging reset"]),

    op("platform_log_tail", "GET", "/api/v1/log", Needs(P::LogRead), &["log tail", "log stream"]),

    op("load_balancer_show", "GET", "/api/v1/load-balancer", Needs(P::StatusRead), &["load-balancer show"]),

    op("port_list", "GET", "/api/v1/ports", Needs(P::StatusRead), &["ports"]),
    op("port_rules", "GET", "/api/v1/ports/rules", Needs(P::LinkRead), &["ports"]),

    op("link_show", "GET", "/api/v1/link", Needs(P::LinkRead), &["link show"]),
    op("link_join", "POST", "/api/v1/link/actions/join", Needs(P::LinkWrite), &["link join"]),
    op("link_leave", "POST", "/api/v1/link/actions/leave", Needs(P::LinkWrite), &["link leave"]),
    op("link_stop_leading", "POST", "/api/v1/link/actions/stop-leading", Needs(P::LinkWrite), &["link stop-leading"]),
    op("link_token_list", "GET", "/api/v1/link-tokens", Needs(P::LinkRead), &["link tokens"]),
    op("link_token_create", "POST", "/api/v1/link-tokens", Needs(P::LinkWrite), &["link token"]),
    op("link_token_withdraw", "DELETE", "/api/v1/link-tokens/{token}", Needs(P::LinkWrite), &["link withdraw"]),
    op("host_list", "GET", "/api/v1/hosts", Needs(P::LinkRead), &["link list", "node list", "status"]),
    op("host_show", "GET", "/api/v1/hosts/{host}", Needs(P::LinkRead), &["link show", "node show"]),
    op("host_remove", "DELETE", "/api/v1/hosts/{host}", Needs(P::LinkWrite), &["link remove", "node remove"]),
    op("host_drain", "POST", "/api/v1/hosts/{host}/actions/drain", Needs(P::LinkWrite), &["node drain", "node remove"]),
    op("host_resume", "POST", "/api/v1/hosts/{host}/actions/resume", Needs(P::LinkWrite), &["node resume"]),

    op("bus_show", "GET", "/api/v1/bus", Needs(P::QueueRead), &["queue list"]),
    op("queue_list", "GET", "/api/v1/queues", Needs(P::QueueRead), &["queue list"]),
    op("message_list", "GET", "/api/v1/queues/{queue}/messages", Needs(P::QueueRead), &["queue inspect"]),
    op("message_show", "GET", "/api/v1/queues/{queue}/messages/{message}", Needs(P::QueueRead), &["queue inspect"]),
    op("message_retry", "POST", "/api/v1/queues/{queue}/messages/{message}/actions/retry", Needs(P::QueueWrite), &["queue retry"]),
    op("message_drop", "DELETE", "/api/v1/queues/{queue}/messages/{message}", Needs(P::QueueWrite), &["queue drop"]),

    op("cluster_list", "GET", "/api/v1/clusters", Needs(P::LinkRead), &["cluster list", "cluster show"]),
    op("cluster_show", "GET", "/api/v1/clusters/{cluster}", Needs(P::LinkRead), &["cluster show"]),
    op("cluster_create", "POST", "/api/v1/clusters", Needs(P::LinkWrite), &["cluster create"]),
    op("cluster_scale", "PATCH", "/api/v1/clusters/{cluster}", Needs(P::LinkWrite), &["cluster scale"]),
    op("cluster_delete", "DELETE", "/api/v1/clusters/{cluster}", Needs(P::LinkWrite), &["cluster delete"]),
    op("cluster_upgrade", "POST", "/api/v1/clusters/{cluster}/actions/upgrade", Needs(P::LinkWrite), &["cluster upgrade"]),
    op("bundle_list", "GET", "/api/v1/bundles", Needs(P::BundleRead), &["bundle list"]),
    op("bundle_show", "GET", "/api/v1/bundles/{bundle}", Needs(P::BundleRead), &["bundle show"]),
    op("bundle_put", "PUT", "/api/v1/bundles/{bundle}", Needs(P::BundleWrite), &["bundle put"]),
    op("bundle_remove", "DELETE", "/api/v1/bundles/{bundle}", Needs(P::BundleWrite), &["bundle remove"]),
    op("bundle_file", "GET", "/api/v1/bundles/{bundle}/files/{path}", Needs(P::BundleRead), &["bundle get"]),

    op("certificate_list", "GET", "/api/v1/certificates", Needs(P::ConfigRead), &["certificate list"]),
    op("certificate_show", "GET", "/api/v1/certificates/{certificate}", Needs(P::ConfigRead), &["certificate show"]),
    op("certificate_put", "PUT", "/api/v1/certificates/{certificate}", Needs(P::ConfigWrite), &["certificate put"]),
    op("certificate_remove", "DELETE", "/api/v1/certificates/{certificate}", Needs(P::ConfigWrite), &["certificate remove"]),

    op("permission_list", "GET", "/api/v1/permissions", SignedIn, &["access-role permissions"]),
    op("access_role_list", "GET", "/api/v1/access-roles", Needs(P::AccessRead), &["access-role list"]),
    op("access_role_create", "POST", "/api/v1/access-roles", Needs(P::AccessWrite), &["access-role create"]),
    op("access_role_show", "GET", "/api/v1/access-roles/{role}", Needs(P::AccessRead), &["access-role show"]),
    op("access_role_change", "PATCH", "/api/v1/access-roles/{role}", Needs(P::AccessWrite), &["access-role modify"]),
    op("access_role_delete", "DELETE", "/api/v1/access-roles/{role}", Needs(P::AccessWrite), &["access-role delete"]),
    op("access_binding_list", "GET", "/api/v1/access-bindings", Needs(P::AccessRead), &["access-binding list"]),
    op("access_binding_create", "POST", "/api/v1/access-bindings", Needs(P::AccessWrite), &["access-binding create"]),
    op("access_binding_delete", "DELETE", "/api/v1/access-bindings/{binding}", Needs(P::AccessWrite), &["access-binding delete"]),

    op("config_list", "GET", "/api/v1/config", Needs(P::ConfigRead), &["config list"]),
    op("config_show", "GET", "/api/v1/config/{section}", Needs(P::ConfigRead), &["config show"]),
    op("config_change", "PUT", "/api/v1/config/{section}", Needs(P::ConfigWrite), &["config set"]),
    op("signing_key_list", "GET", "/api/v1/signing-keys", Needs(P::ConfigRead), &["signing-key list"]),
    op("signing_key_rotate", "POST", "/api/v1/signing-keys", Needs(P::ConfigWrite), &["signing-key rotate"]),
    op("config_reset", "DELETE", "/api/v1/config/{section}", Needs(P::ConfigWrite), &["config reset"]),
];

const fn op(
    id: &'static str,
    method: &'static str,
    path: &'static str,
    access: Access,
    commands: &'static [&'static str],
) -> Operation {
    Operation {
        id,
        method,
        path,
        access,
        commands,
    }
}

/// The operation at a route, by its path with parameters in braces.
#[must_use]
pub fn operation(method: &str, path: &str) -> Option<&'static Operation> {
    // What answers GET answers HEAD.
    let method = if method == "HEAD" { "GET" } else { method };
    OPERATIONS
        .iter()
        .find(|operation| operation.method == method && operation.path == path)
}

//! Examples of what requests send: one body, or several with names, for every
//! operation that takes one. A test reads each as the handler does.

use serde_json::{Value, json};

const DIGEST: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
const PASSWORD: &str = "quietly-borrowed 47 umbrellas";
const TOKEN: &str = "muster_link_8yZk0v3Jm2qL7sXwP1cR9tBfHnGdKeUa";

/// Puts the examples into an operation.
pub(super) fn put(described: &mut Value) {
    let id = described["operationId"].as_str().unwrap_or_default();
    let mut examples = bodies(id);
    let content = described.pointer_mut("/requestBody/content");
    let Some(content) = content.and_then(Value::as_object_mut) else {
        return;
    };
    for (media, body) in content {
        if media == "application/octet-stream" {
            // What utoipa makes of bytes is a list of numbers.
            body["schema"] = json!({ "type": "string", "format": "binary" });
        }
        if let [(_, only)] = examples.as_mut_slice() {
            body["example"] = only.take();
        } else {
            for (name, value) in &examples {
                body["examples"][name] = json!({ "value": value });
            }
        }
    }
}

fn bodies(id: &str) -> Vec<(&'static str, Value)> {
    let several = match id {
        "token_create" => grants(),
        "route_add" => vec![
            (
                "to an app",
                json!({ "route": "shop.example.com/api", "app": "shop", "weight": 9 }),
            ),
            (
                "elsewhere",
                json!({ "route": "www.example.com", "redirect": "https://example.com", "status": 308, "keep_path": true }),
            ),
        ],
        "self_identity_add" => vec![
            (
                "by password",
                json!({ "method": "ldap-corp", "username": "ada", "password": PASSWORD, "proof": { "otp": "287082" } }),
            ),
            ("in a browser", json!({ "method": "sso" })),
        ],
        _ => Vec::new(),
    };
    if several.is_empty() {
        one(id).map(|value| ("", value)).into_iter().collect()
    } else {
        several
    }
}

fn grants() -> Vec<(&'static str, Value)> {
    vec![
        (
            "password",
            json!({ "grant_type": "password", "username": "ada", "password": PASSWORD }),
        ),
        (
            "refresh_token",
            json!({ "grant_type": "refresh_token", "refresh_token": "muster_refresh_x" }),
        ),
        (
            "client_credentials",
            json!({ "grant_type": "client_credentials", "client_id": "MKABCDEFGHIJKLMNOPQR", "client_secret": "muster_key_x" }),
        ),
        (
            "authorization_code",
            json!({ "grant_type": "authorization_code", "client_id": "muster-cli", "code": "muster_code_x", "redirect_uri": "http://127.0.0.1:4000/callback", "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" }),
        ),
        (
            "device_code",
            json!({ "grant_type": "urn:ietf:params:oauth:grant-type:device_code", "client_id": "muster-cli", "device_code": "muster_device_x" }),
        ),
    ]
}

fn one(id: &str) -> Option<Value> {
    Some(match id {
        "access_binding_create" => {
            json!({ "user": "ada", "role": "project-viewer", "project": "shop" })
        }
        "access_role_create" => {
            json!({ "name": "auditor", "description": "Reads the audit log", "permissions": ["audit:read"] })
        }
        "access_role_change" => json!({ "permissions": ["audit:read", "user:read"] }),
        "activation_create" => json!({ "token": TOKEN, "password": PASSWORD }),
        "app_change" => json!({ "instances": 3, "memory": 67_108_864 }),
        "app_env_change" => json!({ "set": { "GREETING": "Good morning" }, "unset": ["DEBUG"] }),
        "app_move" => json!({ "project": "shop" }),
        "app_push" => json!({
            "files": [{ "path": "shop.wasm", "size": 5, "blocks": [DIGEST] }],
            "settings": { "env": { "GREETING": "Good morning" } },
            "routes": ["shop.example.com"],
            "instances": 2,
        }),
        "app_rollback" => json!({ "droplet": "0199d1a2-7f30-7a52-9bd2-6b1b1c3d1e4f" }),
        "data_import" => json!({
            "data": {
                "format": "muster-data", "version": 1, "muster": "0.1.0", "made_at": "2026-11-22T14:00:00Z",
                "apps": [{
                    "name": "shop", "project": "shop", "started": true, "instances": 2, "current": 1,
                    "droplets": [{
                        "detected": "component", "entry": "wasi:http/incoming-handler@0.2",
                        "component": { "path": "shop.wasm", "size": 5, "blocks": [DIGEST] },
                        "files": [],
                        "package": [{ "path": "shop.wasm", "size": 5, "blocks": [DIGEST] }],
                        "made_at": "2026-11-22T13:00:00Z",
                    }],
                    "releases": [{ "number": 1, "droplet": 0, "settings": {}, "made_at": "2026-11-22T13:00:00Z" }],
                    "routes": [{ "route": "shop.example.com", "weight": 100, "sticky": false }],
                }],
            },
            "skip": true,
        }),
        "backup_create" => json!({ "blocks": "list" }),
        "block_storage_move" => {
            json!({ "to": "s3://muster/blocks?endpoint=http://127.0.0.1:9000", "access_key": "MUSTER", "secret_key": "wJalrXUtnFEMI" })
        }
        "block_storage_verify" => json!({ "repair": true }),
        "bundle_put" => json!({
            "kind": "files",
            "files": [{ "path": "maps/north.bin", "size": 5, "blocks": [DIGEST] }],
        }),
        "cluster_create" => json!({
            "name": "north",
            "control_plane": ["north-1", "north-2", "north-3"],
            "workers": ["north-4"],
        }),
        "cluster_upgrade" => json!({ "bundle": "muster-0-2-0", "patience_seconds": 120 }),
        "cluster_scale" => json!({ "workers": ["north-4", "north-5"] }),
        "block_missing" => json!({ "blocks": [DIGEST] }),
        "block_put" => json!("hello"),
        "device_authorization_create" => {
            json!({ "client_id": "muster-cli", "scope": "app:read app:write" })
        }
        "key_rotate" | "self_key_rotate" => json!({ "overlap": 3_600_000 }),
        "link_join" => json!({ "token": "muster1.eyJjbHVzdGVyIjoi" }),
        "link_leave" => json!({ "abandon": false }),
        "info_change" => json!({ "next_addresses": ["192.0.2.7:7444"] }),
        "link_token_create" => json!({ "life_s": 120, "roles": ["router"] }),
        "logging_change" => json!({
            "logging": { "level": "info", "modules": { "muster_server": "debug" } },
            "for": 600_000,
        }),
        "mail_test" => json!({ "to": "ada@example.org" }),
        "member_put" => json!({ "role": "owner" }),
        "password_reset_create" => json!({ "email": "ada@example.org" }),
        "project_create" => {
            json!({ "name": "shop", "description": "What people buy", "join_policy": "moderated" })
        }
        "project_change" => json!({ "join_policy": "open" }),
        "quota_set" => json!({ "project": "shop", "resource": "memory", "limit": 1_073_741_824 }),
        "role_add" => json!("\0asm"),
        "self_key_create" => json!({
            "name": "backup", "scopes": ["app:read"], "networks": ["192.0.2.0/24"],
            "expires_in": 7_776_000_000_u64, "proof": { "password": PASSWORD },
        }),
        "self_passkey_add" => {
            json!({ "name": "phone", "ticket": "muster_ticket_x", "answer": {} })
        }
        "self_passkey_change" => json!({ "name": "phone" }),
        "self_passkey_challenge"
        | "self_passkey_remove"
        | "self_recovery_codes_create"
        | "self_totp_add"
        | "self_totp_remove"
        | "self_identity_remove" => json!({ "password": PASSWORD }),
        "self_password_change" => {
            json!({ "current": "the one before", "new": PASSWORD })
        }
        "self_totp_confirm" => json!({ "code": "287082" }),
        "certificate_put" => json!({ "self_made_for": ["shop.example.org"] }),
        "sign_up_create" => json!({
            "name": "ada", "display_name": "Ada", "email": "ada@example.org",
            "password": PASSWORD, "accept_terms": 1,
        }),
        "sign_up_verify" => json!({ "token": TOKEN }),
        "term_add" => json!({ "media_type": "text/markdown", "text": "# Terms\n\nBe kind." }),
        "token_introspect" => json!({
            "token": "eyJhbGciOiJFZERTQSJ9.e30.c2lnbmF0dXJl",
            "client_id": "MKABCDEFGHIJKLMNOPQR", "client_secret": "muster_key_x",
        }),
        "token_revoke" => json!({ "token": "muster_refresh_x" }),
        "user_create" => {
            json!({ "name": "ada", "display_name": "Ada", "email": "ada@example.org", "type": "developer" })
        }
        "user_change" => json!({ "display_name": "Ada Lovelace" }),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use muster_api::{
        access::{AccessRoleChange, NewAccessBinding, NewAccessRole},
        apps::{AppChange, EnvChange, Rollback},
        authorization::DeviceRequest,
        backups::NewBackup,
        blocks::{BlocksMove, BlocksVerify, MissingQuery},
        bundles::NewBundle,
        certificates::NewCertificate,
        clusters::{NewCluster, ScaleCluster, UpgradeCluster},
        data::DataImport,
        factors::{NewPasskey, PasskeyChange, Proof, TotpConfirmation},
        identities::NewIdentity,
        keys::{KeyRotation, NewKey},
        links::{Join, Leave, NewLinkToken},
        logging::LoggingChange,
        projects::{MemberChange, Move, NewProject, ProjectChange},
        pushes::Push,
        quotas::NewQuota,
        routes::NewRoute,
        sign_ups::{MailTest, NewActivation, NewPasswordReset, NewSignUp, Verification},
        status::InfoChange,
        terms::NewTerm,
        tokens::{TokenForm, TokenRequest},
        users::{NewUser, PasswordChange, UserChange},
    };
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::http::openapi::with_document;

    type Read = fn(Value) -> Result<(), serde_json::Error>;

    fn reads<T: DeserializeOwned>(value: Value) -> Result<(), serde_json::Error> {
        serde_json::from_value::<T>(value).map(|_| ())
    }

    /// How handlers read bodies, by the name of their schema.
    const READS: &[(&str, Read)] = &[
        ("AccessRoleChange", reads::<AccessRoleChange>),
        ("AppChange", reads::<AppChange>),
        ("BlocksMove", reads::<BlocksMove>),
        ("BlocksVerify", reads::<BlocksVerify>),
        ("DataImport", reads::<DataImport>),
        ("DeviceRequest", reads::<DeviceRequest>),
        ("EnvChange", reads::<EnvChange>),
        ("InfoChange", reads::<InfoChange>),
        ("Join", reads::<Join>),
        ("KeyRotation", reads::<KeyRotation>),
        ("Leave", reads::<Leave>),
        ("LoggingChange", reads::<LoggingChange>),
        ("MailTest", reads::<MailTest>),
        ("MemberChange", reads::<MemberChange>),
        ("MissingQuery", reads::<MissingQuery>),
        ("Move", reads::<Move>),
        ("NewAccessBinding", reads::<NewAccessBinding>),
        ("NewAccessRole", reads::<NewAccessRole>),
        ("NewActivation", reads::<NewActivation>),
        ("NewBackup", reads::<NewBackup>),
        ("NewBundle", reads::<NewBundle>),
        ("NewCluster", reads::<NewCluster>),
        ("NewCertificate", reads::<NewCertificate>),
        ("NewIdentity", reads::<NewIdentity>),
        ("NewKey", reads::<NewKey>),
        ("NewLinkToken", reads::<NewLinkToken>),
        ("NewPasskey", reads::<NewPasskey>),
        ("NewPasswordReset", reads::<NewPasswordReset>),
        ("NewProject", reads::<NewProject>),
        ("NewQuota", reads::<NewQuota>),
        ("NewRoute", reads::<NewRoute>),
        ("NewSignUp", reads::<NewSignUp>),
        ("NewTerm", reads::<NewTerm>),
        ("NewUser", reads::<NewUser>),
        ("PasskeyChange", reads::<PasskeyChange>),
        ("PasswordChange", reads::<PasswordChange>),
        ("ProjectChange", reads::<ProjectChange>),
        ("Proof", reads::<Proof>),
        ("Push", reads::<Push>),
        ("Rollback", reads::<Rollback>),
        ("ScaleCluster", reads::<ScaleCluster>),
        ("UpgradeCluster", reads::<UpgradeCluster>),
        ("TokenForm", reads::<TokenForm>),
        ("TokenRequest", reads::<TokenRequest>),
        ("TotpConfirmation", reads::<TotpConfirmation>),
        ("UserChange", reads::<UserChange>),
        ("Verification", reads::<Verification>),
    ];

    #[test]
    fn every_body_has_an_example_that_its_handler_can_read() {
        let document = with_document().1;
        let mut read = 0;
        for methods in document["paths"].as_object().unwrap().values() {
            for described in methods.as_object().unwrap().values() {
                let id = described["operationId"].as_str().unwrap();
                let content = described["requestBody"]["content"].as_object();
                for (media, body) in content.into_iter().flatten() {
                    let several = body["examples"].as_object();
                    let several = several.into_iter().flat_map(|all| all.values());
                    let all: Vec<_> = body
                        .get("example")
                        .into_iter()
                        .chain(several.map(|example| &example["value"]))
                        .collect();
                    assert!(!all.is_empty(), "{id} has no example");
                    let schema = body["schema"]["$ref"].as_str().unwrap_or_default();
                    let schema = schema.rsplit('/').next().unwrap();
                    // Sections have a test of their own; bytes are bytes.
                    if schema == "SectionValues" || media == "application/octet-stream" {
                        continue;
                    }
                    let known = READS.iter().find(|(name, _)| *name == schema);
                    let (_, reads) = known.unwrap_or_else(|| panic!("{id}: {schema} is unknown"));
                    for example in all {
                        let told = reads(example.clone());
                        assert!(told.is_ok(), "{id}: {example}: {told:?}");
                        read += 1;
                    }
                }
            }
        }
        assert!(read > 40, "{read}");
    }
}

//! Every operation on the very things of a project, as whoever is in it, was
//! given a role of their own there, or has nothing to do with it. What they send
//! are the examples of the API's own description.

use std::collections::BTreeMap;

use muster_api::{
    permissions::{Access, OPERATIONS, Operation, Permission, PermissionSet, Reach, bundle},
    projects::Project,
    quotas::Quota,
};
use muster_e2e::{Client, Host, guest, push_of, refuse};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::user;

/// Operations that ask for more than the table has room for: this permission
/// too, or the same one everywhere.
const ALSO: &[(&str, Option<Permission>)] = &[
    ("app_move", Some(Permission::ProjectWrite)),
    ("project_suspend", None),
    ("project_resume", None),
];

/// Who walks, and what they may do in the project.
struct Walker {
    name: &'static str,
    client: Client,
    may: PermissionSet,
    /// Whether they know that the project is there at all.
    sees: bool,
}

/// The things of the project, by the parameters that name them.
type Things = BTreeMap<&'static str, String>;

/// The path of an operation with these things in it; none if it names others.
fn path_of(operation: &Operation, things: &Things) -> Option<String> {
    let mut named = false;
    let mut parts = Vec::new();
    for part in operation.path.split('/') {
        match part.strip_prefix('{') {
            Some(name) => {
                named = true;
                parts.push(things.get(name.trim_end_matches('}'))?.as_str());
            }
            None => parts.push(part),
        }
    }
    named.then(|| parts.join("/"))
}

/// How an operation is described.
fn described<'d>(document: &'d Value, operation: &Operation) -> &'d Value {
    &document["paths"][operation.path][operation.method.to_ascii_lowercase()]
}

async fn ask(
    client: &Client,
    document: &Value,
    operation: &Operation,
    path: &str,
) -> (StatusCode, String) {
    let described = described(document, operation);
    let mut parameters = described["parameters"].as_array().into_iter().flatten();
    // Nobody shall pull the ground from under the next.
    let query = if parameters.any(|parameter| parameter["name"] == "dry_run") {
        "?dry_run=true"
    } else {
        ""
    };
    let method: Method = operation.method.parse().expect("a method");
    let request = client.as_is(method, &format!("{path}{query}"));
    let body = &described["requestBody"]["content"]["application/json"]["example"];
    let request = if body.is_null() {
        request
    } else {
        request.json(body)
    };
    let reply = request.send().await.expect("the host answers");
    let status = reply.status();
    // A stream does not end.
    if status.is_success() {
        return (status, String::new());
    }
    let problem: Value = reply.json().await.unwrap_or_default();
    let code = problem["code"].as_str().unwrap_or_default();
    (status, code.to_owned())
}

/// What an operation shall be to somebody.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// Theirs, though it may fail for other reasons.
    Open,
    /// Refused for want of a permission, or not shown at all.
    Forbidden,
    /// As if the project were not there.
    Hidden,
}

fn wanted(operation: &Operation, walker: &Walker) -> Option<Wanted> {
    let Access::Needs(permission) = operation.access else {
        return None;
    };
    // A push is refused for the blocks that it lacks before anything else; one
    // that lacks nothing is below.
    if operation.id == "app_push" && !(walker.sees && walker.may.has(permission)) {
        return None;
    }
    let also = ALSO.iter().find(|(id, _)| *id == operation.id);
    let has = walker.may.has(permission)
        && match also {
            Some((_, Some(more))) => walker.may.has(*more),
            Some((_, None)) => false,
            None => true,
        };
    Some(if permission.scope() == Reach::Global {
        Wanted::Forbidden
    } else if !walker.sees {
        Wanted::Hidden
    } else if has {
        Wanted::Open
    } else {
        Wanted::Forbidden
    })
}

/// Walks all operations on these things, and says how many there were of each
/// kind: open, forbidden, hidden.
async fn walk(walker: &Walker, document: &Value, things: &Things) -> [usize; 3] {
    let mut counts = [0; 3];
    for operation in OPERATIONS {
        let Some(path) = path_of(operation, things) else {
            continue;
        };
        let Some(wanted) = wanted(operation, walker) else {
            continue;
        };
        let (status, code) = ask(&walker.client, document, operation, &path).await;
        let told = format!(
            "{}: {} {path}: {status} {code}, wanted {wanted:?}",
            walker.name, operation.method
        );
        assert!(!status.is_server_error(), "{told}");
        let kind = things.keys().map(|kind| format!("{kind}-not-found"));
        let hidden = status == StatusCode::NOT_FOUND && kind.into_iter().any(|kind| kind == code);
        match wanted {
            Wanted::Open => {
                assert!(!hidden && status != StatusCode::UNAUTHORIZED, "{told}");
                assert_ne!(status, StatusCode::FORBIDDEN, "{told}");
                counts[0] += 1;
            }
            Wanted::Forbidden => {
                assert!(hidden || status == StatusCode::FORBIDDEN, "{told}");
                counts[1] += 1;
            }
            Wanted::Hidden => {
                assert!(hidden, "{told}");
                counts[2] += 1;
            }
        }
    }
    counts
}

#[tokio::test]
async fn what_is_in_a_project_is_for_whoever_is_in_it_by_their_role() {
    let host = Host::start().await;
    let admin = host.client().await;
    let mut clients = BTreeMap::new();
    for name in ["ada", "bob", "vic", "cus", "eve"] {
        clients.insert(name, user(&host, &admin, name, "developer").await);
    }
    let ada = &clients["ada"];
    let shop: Project = ada
        .send(Method::POST, "/projects", &json!({ "name": "shop" }))
        .await;
    for (name, role) in [("bob", "member"), ("vic", "viewer")] {
        let path = format!("/projects/shop/members/{name}");
        let _: Value = ada.send(Method::PUT, &path, &json!({ "role": role })).await;
    }
    let narrow = [Permission::AppRead, Permission::AppLogs];
    let role = json!({ "name": "reader", "description": "", "permissions": narrow });
    let _: Value = admin.send(Method::POST, "/access-roles", &role).await;
    let binding = json!({ "user": "cus", "role": "reader", "project": "shop" });
    let _: Value = admin.send(Method::POST, "/access-bindings", &binding).await;

    let hello = guest("hello");
    let mut push = push_of(vec![ada.upload("app.wasm", &hello).await]);
    push.project = Some("shop".to_owned());
    let pushed = ada.push("store", &push).await;
    let limit = json!({ "project": "shop", "resource": "apps", "limit": 9 });
    let quota: Quota = admin.send(Method::PUT, "/quotas", &limit).await;
    let routes: Value = ada.get("/routes").await;
    let route = routes["items"][0]["id"].as_str().expect("a route");
    // Eve may do everything in a project of her own, with an app in it.
    let eve = &clients["eve"];
    let own = push_of(vec![eve.upload("app.wasm", &hello).await]);
    let files = own.files.clone();
    let own = eve.push("stall", &own).await;
    assert!(pushed.problem.is_none() && own.problem.is_none());

    let document = admin.anonymous(Method::GET, "/api/openapi.json").send();
    let document: Value = document.await.unwrap().json().await.unwrap();
    let mut things: Things = [
        ("app", "store".to_owned()),
        ("job", pushed.id.to_string()),
        ("project", "shop".to_owned()),
        ("quota", quota.id.to_string()),
        ("route", route.to_owned()),
        ("user", "bob".to_owned()),
    ]
    .into();
    let set = |name: &str| bundle(name).expect("it is built in").set();
    let walker = |name: &'static str, may: PermissionSet, sees: bool| Walker {
        name,
        client: clients[name].clone(),
        may,
        sees,
    };
    let outsider = walker("eve", set("project-owner"), false);
    let [open, _, hidden] = walk(&outsider, &document, &things).await;
    assert!(open == 0 && hidden > 20, "{open} {hidden}");
    things.insert("project", shop.id.to_string());
    walk(&outsider, &document, &things).await;
    let mut before = 0;
    for walker in [
        walker("cus", narrow.into_iter().collect(), true),
        walker("vic", set("project-viewer"), true),
        walker("bob", set("project-member"), true),
        walker("ada", set("project-owner"), true),
    ] {
        let [open, forbidden, hidden] = walk(&walker, &document, &things).await;
        assert!(
            open > before && forbidden > 0 && hidden == 0,
            "{open} {forbidden}"
        );
        before = open;
    }

    // Nor does it help to name the other project's things in a body.
    for (path, body) in [
        (
            "/routes",
            json!({ "route": "evil.example", "app": "store" }),
        ),
        (
            "/routes",
            json!({ "route": "evil.example", "redirect": "/", "project": "shop" }),
        ),
        ("/apps/stall/actions/move", json!({ "project": "shop" })),
        (
            "/apps/fresh/pushes",
            json!({ "project": "shop", "files": files }),
        ),
        ("/apps/store/pushes", json!({ "files": files })),
        (
            "/apps/store/pushes",
            json!({ "project": "shop", "files": files }),
        ),
    ] {
        let reply = eve.request(Method::POST, path).json(&body).send().await;
        let status = reply.unwrap().status();
        assert!(status.is_client_error(), "{path} {body}: {status}");
    }
    for name in ["cus", "vic"] {
        let push = json!({ "project": "shop", "files": files });
        let request = clients[name].request(Method::POST, "/apps/store/pushes");
        refuse(request.json(&push), 403, "forbidden").await;
    }
    let apps: Value = ada.get("/apps").await;
    assert_eq!(apps["items"].as_array().map(Vec::len), Some(1), "{apps}");
}

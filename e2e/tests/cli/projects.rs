//! Projects, quotas and access roles.

use muster_e2e::guest;

use crate::{person::logged_in, seen};

#[tokio::test]
async fn projects_quotas_and_access_roles_are_managed() {
    let (_host, client, person) = logged_in().await;
    assert_eq!(
        person.run("project create shop --join moderated").good(),
        "Made the project shop\n"
    );
    person.run("project create shop").bad(1);
    seen("project-list", &person.run("project list").good());
    seen("project-show", &person.run("project show shop").good());
    person.run("project show nothing").bad(3);
    seen(
        "project-members",
        &person.run("project members shop").good(),
    );
    person.run("project leave shop").bad(1);
    person.run("project modify shop --leave closed").good();
    person.run("project modify shop").bad(2);

    client.push_component("till", &guest("hello")).await;
    person.run("app move till --project shop --dry-run").good();
    assert_eq!(
        person.run("app move till --project shop").good(),
        "Moved till to shop\n"
    );
    person.run("project suspend shop").bad(6);
    assert_eq!(
        person.run("project suspend shop --yes").good(),
        "Suspended the project shop\n"
    );
    let refused = person.run("app restart till").bad(1);
    assert!(refused.contains("suspended"), "{refused}");
    person.run("project resume shop -y").good();

    assert!(person.run("quota list").good().contains("muster quota set"));
    person.run("quota set instances 1 --project shop").good();
    person.run("quota set memory 1GiB").good();
    person.run("quota set memory lots").bad(2);
    seen("quota-list", &person.run("quota list").good());
    seen("quota-usage", &person.run("quota usage shop").good());
    let refused = person.run("app scale till --instances 2").bad(1);
    seen("over-quota", &refused);
    seen("quota-plan", &person.run("quota plan").good());
    person.run("quota set instances 0 --project shop").good();
    let plan = person.run("quota plan --project shop").good();
    assert!(plan.contains("the app till of shop is stopped"), "{plan}");
    person.run("quota enforce").bad(6);
    person.run("quota enforce --yes").good();
    let quota = person.json("quota list --project shop");
    let id = quota["items"][0]["id"].as_str().unwrap().to_owned();
    person.run(&format!("quota show {id}")).good();
    person.run(&format!("quota unset {id} --yes")).good();
    person.run(&format!("quota unset {id} --yes")).bad(3);

    person.run("project delete shop --yes").bad(1);
    person.run("app delete till --yes").good();
    person.run("project delete shop --yes").good();

    person.run("access-role permissions").good();
    seen("access-role-list", &person.run("access-role list").good());
    person
        .run("access-role create auditor --permission audit:read")
        .good();
    person
        .run("access-role create admin --permission audit:read")
        .bad(1);
    seen(
        "access-role-show",
        &person.run("access-role show auditor").good(),
    );
    person
        .run("access-role modify auditor --description Auditors")
        .good();
    person.run("access-binding create admin auditor").good();
    person.run("access-binding create nobody auditor").bad(1);
    seen(
        "access-binding-list",
        &person.run("access-binding list").good(),
    );
    let all = person.json("access-binding list --user admin");
    let id = all["items"][0]["id"].as_str().unwrap().to_owned();
    person.run("access-role delete auditor --yes").bad(1);
    person
        .run(&format!("access-binding delete {id} --yes"))
        .good();
    person.run("access-role delete auditor --yes").good();
}

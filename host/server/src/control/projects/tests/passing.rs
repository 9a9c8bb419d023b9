//! Who gets into a project, and out of it.

use super::*;

#[tokio::test]
async fn nobody_gets_into_what_is_closed_to_them() {
    let (projects, _dir) = shop(JoinPolicy::Closed, JoinPolicy::Open).await;
    let store = &projects.store;
    let eve = actor(store, "eve", None).await;
    assert_eq!(
        code(projects.join(&eve, "shop").await.unwrap_err()),
        "no project"
    );
    assert_eq!(
        code(projects.show(&eve, "shop").await.unwrap_err()),
        "no project"
    );
    assert_eq!(
        code(
            projects
                .leave(&eve, &Terms::default(), "shop")
                .await
                .unwrap_err()
        ),
        "no project"
    );
    assert_eq!(
        code(projects.join(&eve, "ada").await.unwrap_err()),
        "no project"
    );
    let seen = projects.list(&eve, &PageQuery::default()).await.unwrap();
    let names: Vec<_> = seen
        .items
        .iter()
        .map(|project| project.name.as_str())
        .collect();
    assert_eq!(names, ["eve"]);

    // Whoever may see it may still not come in.
    let root = actor(store, "root", None).await;
    assert_eq!(
        code(projects.join(&root, "shop").await.unwrap_err()),
        "project-closed"
    );
    assert_eq!(
        code(projects.join(&root, "ada").await.unwrap_err()),
        "project-is-personal"
    );

    // Personal projects are not shared, moved or ended.
    let ada = actor(store, "ada", P::ProjectWrite).await;
    let terms = Terms::default();
    let open = ProjectChange {
        join_policy: Some(JoinPolicy::Open),
        ..ProjectChange::default()
    };
    for refused in [
        projects.change(&ada, &terms, "ada", open).await.err(),
        projects
            .put_member(&ada, &Terms::default(), "ada", "eve", MemberRole::Viewer)
            .await
            .err(),
        projects.delete(&ada, &terms, "ada").await.err(),
        projects.terminate(&ada, &terms, "ada").await.err(),
        projects.leave(&ada, &Terms::default(), "ada").await.err(),
    ] {
        assert_eq!(code(refused.unwrap()), "project-is-personal");
    }
}

#[tokio::test]
async fn joining_and_leaving_follow_the_policies() {
    let (projects, _dir) = shop(JoinPolicy::Moderated, JoinPolicy::Moderated).await;
    let store = &projects.store;
    let eve = actor(store, "eve", None).await;
    let joined = projects.join(&eve, "shop").await.unwrap();
    assert_eq!(joined.membership, Some(MemberState::Joining));
    assert_eq!(
        code(projects.join(&eve, "shop").await.unwrap_err()),
        "member-already"
    );
    // To have asked is not to be in.
    let shop = store.project_by_name("shop").await.unwrap().unwrap().id;
    assert!(!actor(store, "eve", None).await.rights.sees(shop));
    for name in ["bob", "eve"] {
        let asks = actor(store, name, P::ProjectWrite).await;
        let refused = projects.decide(&asks, "shop", "eve", true).await;
        assert!(["project:write", "no project"].contains(&code(refused.unwrap_err()).as_str()));
    }
    let ada = actor(store, "ada", P::ProjectWrite).await;
    projects.decide(&ada, "shop", "eve", true).await.unwrap();
    assert!(
        actor(store, "eve", None)
            .await
            .rights
            .within(shop, P::AppWrite)
    );
    assert_eq!(
        code(
            projects
                .decide(&ada, "shop", "eve", true)
                .await
                .unwrap_err()
        ),
        "nothing-asked"
    );

    let left = projects.leave(&eve, &Terms::default(), "shop").await;
    let asks =
        matches!(left, Ok(Outcome::Done(left)) if left.membership == Some(MemberState::Leaving));
    assert!(asks);
    projects.decide(&ada, "shop", "eve", true).await.unwrap();
    assert!(!actor(store, "eve", None).await.rights.sees(shop));

    // The last owner stays, by whichever way they would go.
    let asks = actor(store, "ada", None).await;
    assert_eq!(
        code(
            projects
                .leave(&asks, &Terms::default(), "shop")
                .await
                .unwrap_err()
        ),
        "last-owner"
    );
    let refused = projects
        .put_member(&ada, &Terms::default(), "shop", "ada", MemberRole::Viewer)
        .await;
    assert_eq!(code(refused.unwrap_err()), "last-owner");
    let refused = projects
        .remove_member(&ada, &Terms::default(), "shop", "ada")
        .await;
    assert_eq!(code(refused.unwrap_err()), "last-owner");
}

//! Where users stand, and what may be done to them there.

use muster_api::users::UserState;

use super::error::ControlError;

/// What may be done to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UserAction {
    /// They showed by the link in a mail that the address is theirs. `admitted`
    /// if nobody has to decide about them.
    Verify {
        /// Whether they are active then, and not only pending.
        admitted: bool,
    },
    /// Somebody lets them in.
    Activate,
    /// Somebody sends them a link by which they set a password.
    SendActivation,
    /// They set a password by that link.
    SetPassword,
    /// Somebody shuts them out.
    Suspend,
    /// Somebody removes them for good.
    Delete,
}

/// Where a user stands after an action.
///
/// # Errors
/// Why it cannot be done to somebody who stands there.
pub(crate) fn next(state: UserState, action: UserAction) -> Result<UserState, ControlError> {
    use UserAction as A;
    use UserState as S;
    match (state, action) {
        (S::Deleted, _) => Err(refused(
            "user-deleted",
            "the user is deleted",
            "make a new one with: muster user create",
        )),
        (_, A::Delete) => Ok(S::Deleted),

        (S::Unverified, A::Verify { admitted: true }) => Ok(S::Active),
        (S::Unverified, A::Verify { admitted: false }) => Ok(S::Pending),
        (_, A::Verify { .. }) => Err(refused(
            "link-used",
            "the address is verified already",
            "log in with: muster login",
        )),

        (S::Active, A::Activate) => Err(refused(
            "user-active",
            "the user is active already",
            "see how they are with: muster user show",
        )),
        (_, A::Activate) => Ok(S::Active),

        (S::Unverified | S::Active, A::SendActivation) => Ok(state),
        // Whoever set the password of somebody who was invited is that one.
        (S::Unverified | S::Active, A::SetPassword) => Ok(S::Active),
        (S::Pending, A::SendActivation | A::SetPassword) => Err(refused(
            "user-pending",
            "nobody has decided yet whether the user may come in",
            "let them in with: muster user activate",
        )),
        (S::Suspended, A::SendActivation | A::SetPassword) => Err(refused(
            "user-suspended",
            "the user is suspended",
            "let them in again with: muster user activate",
        )),

        (S::Suspended, A::Suspend) => Err(refused(
            "user-suspended",
            "the user is suspended already",
            "let them in again with: muster user activate",
        )),
        (_, A::Suspend) => Ok(S::Suspended),
    }
}

fn refused(code: &'static str, message: &str, remedy: &str) -> ControlError {
    ControlError::Conflict {
        code,
        message: message.to_owned(),
        remedy: remedy.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_action_in_each_state() {
        use UserAction as A;
        use UserState as S;
        let states = [
            S::Unverified,
            S::Pending,
            S::Active,
            S::Suspended,
            S::Deleted,
        ];
        let table: [(A, [Result<S, &str>; 5]); 7] = [
            (
                A::Verify { admitted: true },
                [
                    Ok(S::Active),
                    Err("link-used"),
                    Err("link-used"),
                    Err("link-used"),
                    Err("user-deleted"),
                ],
            ),
            (
                A::Verify { admitted: false },
                [
                    Ok(S::Pending),
                    Err("link-used"),
                    Err("link-used"),
                    Err("link-used"),
                    Err("user-deleted"),
                ],
            ),
            (
                A::Activate,
                [
                    Ok(S::Active),
                    Ok(S::Active),
                    Err("user-active"),
                    Ok(S::Active),
                    Err("user-deleted"),
                ],
            ),
            (
                A::SendActivation,
                [
                    Ok(S::Unverified),
                    Err("user-pending"),
                    Ok(S::Active),
                    Err("user-suspended"),
                    Err("user-deleted"),
                ],
            ),
            (
                A::SetPassword,
                [
                    Ok(S::Active),
                    Err("user-pending"),
                    Ok(S::Active),
                    Err("user-suspended"),
                    Err("user-deleted"),
                ],
            ),
            (
                A::Suspend,
                [
                    Ok(S::Suspended),
                    Ok(S::Suspended),
                    Ok(S::Suspended),
                    Err("user-suspended"),
                    Err("user-deleted"),
                ],
            ),
            (
                A::Delete,
                [
                    Ok(S::Deleted),
                    Ok(S::Deleted),
                    Ok(S::Deleted),
                    Ok(S::Deleted),
                    Err("user-deleted"),
                ],
            ),
        ];
        for (action, row) in table {
            for (state, expected) in states.into_iter().zip(row) {
                let found = next(state, action).map_err(|error| match error {
                    ControlError::Conflict { code, .. } => code,
                    other => panic!("{other}"),
                });
                assert_eq!(found, expected, "{action:?} of somebody {state:?}");
            }
        }
    }
}

//! Decides who may register, adopt, take over, hand back and release a target: the ownership table of `docs/SEMANTICS.md`.

use std::collections::BTreeSet;

use crate::model::{Owner, Ownership, RELEASED_TAGS, Refusal, Registered, Tags, keys_from_stack};
use crate::properties::Desired;

/// How to register.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Registration {
    /// Tag the target, so that it has an owner, then update it.
    Adopt {
        /// The ARN of the target.
        arn: String,
        /// The tags to put.
        tags: Tags,
    },
    /// Take the target over from the resource that owns it, then update it, which corrects the other tags.
    TakeOver {
        /// The ARN of the target.
        arn: String,
        /// The tags to put. They name the former owner.
        tags: Tags,
    },
    /// Create the target if it is absent.
    Create {
        /// The tags to create it with.
        tags: Tags,
    },
    /// Register the target again, then correct its tags.
    Update {
        /// The ARN of the target. If registering again returns another ARN, the target was not registered any more and is new.
        arn: String,
        /// The tags that are missing or differ.
        missing: Tags,
        /// The keys that the author has removed, and those that have left the stack.
        removed: Vec<String>,
        /// All tags that the target should have.
        all: Tags,
    },
}

/// Decides how to register, from the ownership of the target.
///
/// `previous` are the author's previous tags. Tags of others are left alone. A read may show the tags of an earlier request,
/// so what the author has changed is put in any case.
pub(super) fn registration(
    desired: &Desired,
    owner: &Owner,
    registered: Option<&Registered>,
    previous: &Tags,
) -> Result<Registration, Refusal> {
    let with_authors = |mut tags: Tags| {
        tags.extend(desired.spec.tags.clone());
        tags
    };
    let Some(Registered { arn, tags: present }) = registered else {
        return Ok(Registration::Create { tags: with_authors(owner.tags()) });
    };
    let target = desired.spec.id.resource_id();
    match Ownership::read(owner, present) {
        Ownership::Other(former) if may_take_over(desired, owner, &former, present) => {
            Ok(Registration::TakeOver { arn: arn.clone(), tags: owner.tags_after(&former) })
        }
        Ownership::Other(other) if Owner::read_former(present).as_ref() == Some(owner) => {
            Err(Refusal::TakenOver { target, owner: other })
        }
        Ownership::Other(owner) => Err(Refusal::OwnedByAnother { target, owner }),
        Ownership::Untagged if desired.adopt_existing => {
            Ok(Registration::Adopt { arn: arn.clone(), tags: with_authors(owner.adoption_tags()) })
        }
        Ownership::Untagged => Err(Refusal::AlreadyRegistered(target)),
        Ownership::Own { adopted: _ } => {
            let all = with_authors(owner.tags());
            let missing = all.iter().filter(|(key, value)| {
                let has_changed = desired.spec.tags.contains_key(*key) && previous.get(*key) != Some(value);
                present.get(*key) != Some(value) || has_changed
            });
            let were_put: BTreeSet<_> = previous.keys().chain(keys_from_stack(present)).collect();
            let removed = were_put.into_iter().filter(|key| !all.contains_key(*key));
            Ok(Registration::Update {
                arn: arn.clone(),
                missing: missing.map(|(key, value)| (key.clone(), value.clone())).collect(),
                removed: removed.cloned().collect(),
                all,
            })
        }
    }
}

/// Whether a resource may take a target over from another one: `TakeOverFrom` names that one, or that one has taken it over from
/// this resource in a deployment of the same stack, which is being rolled back.
fn may_take_over(desired: &Desired, owner: &Owner, former: &Owner, tags: &Tags) -> bool {
    let is_named = desired.take_over_from.as_ref().is_some_and(|named| named.is(former, owner));
    is_named || former.stack_id == owner.stack_id && Owner::read_former(tags).as_ref() == Some(owner)
}

/// Refuses to tag a target that was registered anew, if another resource has registered it meanwhile.
pub(super) fn claim_new(desired: &Desired, owner: &Owner, registered: Option<&Registered>) -> Result<(), Refusal> {
    match registered.map(|registered| Ownership::read(owner, &registered.tags)) {
        Some(Ownership::Other(owner)) => Err(Refusal::OwnedByAnother { target: desired.spec.id.resource_id(), owner }),
        Some(Ownership::Untagged | Ownership::Own { .. }) | None => Ok(()),
    }
}

/// Whether a resource owns a target.
pub(super) fn is_own(owner: &Owner, registered: Option<&Registered>) -> bool {
    registered.is_some_and(|registered| matches!(Ownership::read(owner, &registered.tags), Ownership::Own { .. }))
}

/// Which spelling an Update uses, if those of the endpoint and of the id differ.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Spelling {
    /// The id's.
    OfId,
    /// The endpoint's.
    OfEndpoint,
    /// The endpoint's. The target is registered in the id's until then.
    Moves,
}

/// Decides by what is registered in the spelling of the id, and in that of the endpoint.
///
/// An adopted target stays where somebody else registered it. So does one that both spellings name.
/// Assumed (belief resource-id-case): no target does.
pub(super) fn spelling(owner: &Owner, of_id: Option<&Registered>, of_endpoint: Option<&Registered>) -> Spelling {
    let Some(found) = of_id else { return Spelling::OfEndpoint };
    let is_free = of_endpoint.is_none_or(|there| there.arn != found.arn && is_own(owner, of_endpoint));
    let is_own = Ownership::read(owner, &found.tags) == Ownership::Own { adopted: false };
    if is_own && is_free { Spelling::Moves } else { Spelling::OfId }
}

/// How to remove a target.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Removal {
    /// Deregister it: this resource registered it.
    Deregister,
    /// Hand it back to the resource that it was taken over from.
    HandBack {
        /// The ARN of the target.
        arn: String,
        /// That resource.
        to: Owner,
    },
    /// Finish handing it back: an earlier Delete was killed between the two calls of `hand_back`. Its tags no longer name the
    /// resource of that Delete, so any Delete does this. It tags nothing, because the owner is another resource.
    FinishHandBack {
        /// The ARN of the target.
        arn: String,
    },
    /// Leave it: it is not registered, or this resource does not own it.
    Nothing,
    /// Release it: remove our tags, and leave it registered. This resource adopted it.
    Release {
        /// The ARN of the target.
        arn: String,
        /// The keys of our tags.
        keys: Vec<String>,
    },
}

/// Decides how to remove a target, from its ownership. `former` is the resource that it was taken over from, if that resource
/// still exists.
pub(super) fn removal(owner: &Owner, registered: Option<&Registered>, former: Option<Owner>) -> Removal {
    let Some(Registered { arn, tags }) = registered else {
        return Removal::Nothing;
    };
    match (Ownership::read(owner, tags), former.filter(|former| former != owner)) {
        (Ownership::Other(now), Some(to)) if now == to => Removal::FinishHandBack { arn: arn.clone() },
        (Ownership::Other(_) | Ownership::Untagged, _) => Removal::Nothing,
        (Ownership::Own { .. }, Some(to)) => Removal::HandBack { arn: arn.clone(), to },
        (Ownership::Own { adopted: false }, None) => Removal::Deregister,
        (Ownership::Own { adopted: true }, None) => {
            Removal::Release { arn: arn.clone(), keys: RELEASED_TAGS.map(str::to_owned).to_vec() }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Location;

    fn owner() -> Owner {
        Owner { stack_id: "stack/one".into(), logical_resource_id: "Scaling".into() }
    }

    fn desired(tags: Tags, adopt_existing: bool) -> Desired {
        let tags = tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect::<Vec<_>>();
        let properties = json!({
            "EndpointName": "prod", "VariantName": "blue", "MinCapacity": 1, "MaxCapacity": 4,
            "Tags": tags, "AdoptExisting": adopt_existing,
        });
        Desired::read(&properties, &Location { region: "us-east-1".into(), account: None }).unwrap()
    }

    fn registered(tags: Tags) -> Option<Registered> {
        Some(Registered { arn: "arn:1".into(), tags })
    }

    fn keys(keys: &[&str]) -> Tags {
        keys.iter().map(|key| ((*key).to_owned(), "former".to_owned())).collect()
    }

    #[test]
    fn a_target_that_is_not_registered_is_created_with_the_owners_and_the_authors_tags() {
        let desired = desired(Tags::from([("team".into(), "ml".into())]), false);
        let mut tags = owner().tags();
        tags.insert("team".into(), "ml".into());
        assert_eq!(registration(&desired, &owner(), None, &keys(&[])), Ok(Registration::Create { tags }));
    }

    #[test]
    fn an_own_target_is_updated() {
        let update =
            registration(&desired(Tags::new(), false), &owner(), registered(owner().tags()).as_ref(), &keys(&[]));
        let expected = Registration::Update {
            arn: "arn:1".into(),
            missing: Tags::new(),
            removed: Vec::new(),
            all: owner().tags(),
        };
        assert_eq!(update, Ok(expected));
    }

    #[test]
    fn tags_follow_the_template_and_tags_of_others_stay() {
        let desired = desired(Tags::from([("new".into(), "1".into()), ("kept".into(), "2".into())]), false);
        let mut present = owner().tags();
        present.extend([("kept", "1"), ("gone", "1"), ("foreign", "1")].map(|(k, v)| (k.to_owned(), v.to_owned())));
        let before = keys(&["kept", "gone", "never-there"]);
        let Ok(Registration::Update { missing, removed, .. }) =
            registration(&desired, &owner(), registered(present).as_ref(), &before)
        else {
            panic!("not an update");
        };
        assert_eq!(missing, desired.spec.tags);
        assert_eq!(removed, ["gone", "never-there"]);
    }

    #[test]
    fn a_target_of_another_owner_is_refused_by_name_even_with_adopt_existing() {
        let other = Owner { logical_resource_id: "Scaling2".into(), ..owner() };
        for adopt_existing in [false, true] {
            let desired = desired(Tags::new(), adopt_existing);
            let refused = registration(&desired, &owner(), registered(other.tags()).as_ref(), &keys(&[])).unwrap_err();
            assert!(refused.to_string().contains("resource Scaling2 of stack stack/one"), "{refused}");
        }
    }

    #[test]
    fn an_untagged_target_is_adopted_on_request_only() {
        let untagged = registered(Tags::from([("team".into(), "ml".into())]));
        let refused = registration(&desired(Tags::new(), false), &owner(), untagged.as_ref(), &keys(&[])).unwrap_err();
        assert!(refused.to_string().contains("AdoptExisting"), "{refused}");

        let desired = desired(Tags::new(), true);
        let adopted = Registration::Adopt { arn: "arn:1".into(), tags: owner().adoption_tags() };
        assert_eq!(registration(&desired, &owner(), untagged.as_ref(), &keys(&[])), Ok(adopted));
    }

    fn former() -> Owner {
        Owner { logical_resource_id: "Former".into(), ..owner() }
    }

    #[test]
    fn a_target_is_taken_over_from_the_named_owner_only() {
        let registered = registered(former().tags());
        let naming = |name: &str| Desired { take_over_from: name.parse().ok(), ..desired(Tags::new(), true) };
        let taken = Registration::TakeOver { arn: "arn:1".into(), tags: owner().tags_after(&former()) };
        assert_eq!(registration(&naming("Former"), &owner(), registered.as_ref(), &keys(&[])), Ok(taken));
        let refused = registration(&naming("Other"), &owner(), registered.as_ref(), &keys(&[])).unwrap_err();
        assert!(refused.to_string().contains("set TakeOverFrom"), "{refused}");
    }

    #[test]
    fn a_former_owner_takes_its_target_over_again_in_the_same_stack_only() {
        let plain = desired(Tags::new(), false);
        let taken = registered(former().tags_after(&owner()));
        let again = Registration::TakeOver { arn: "arn:1".into(), tags: owner().tags_after(&former()) };
        assert_eq!(registration(&plain, &owner(), taken.as_ref(), &keys(&[])), Ok(again));
        let elsewhere = Owner { stack_id: "stack/two".into(), ..former() };
        let taken = registered(elsewhere.tags_after(&owner()));
        let refused = registration(&plain, &owner(), taken.as_ref(), &keys(&[])).unwrap_err();
        assert!(refused.to_string().contains("remove this resource from its template"), "{refused}");
    }

    #[test]
    fn delete_hands_a_target_back_as_long_as_its_former_owner_exists() {
        let mut tags = owner().tags_after(&former());
        tags.extend(owner().adoption_tags());
        let taken = registered(tags);
        let back = Removal::HandBack { arn: "arn:1".into(), to: former() };
        assert_eq!(removal(&owner(), taken.as_ref(), Some(former())), back);
        assert!(matches!(removal(&owner(), taken.as_ref(), None), Removal::Release { .. }), "it was adopted");
        let own = registered(owner().tags_after(&owner()));
        assert_eq!(
            removal(&owner(), own.as_ref(), Some(owner())),
            Removal::Deregister,
            "it was handed back to this one"
        );
        let half = registered(former().tags_after(&former()));
        let finish = Removal::FinishHandBack { arn: "arn:1".into() };
        assert_eq!(removal(&owner(), half.as_ref(), Some(former())), finish, "killed between the two calls");
        let third = Owner { logical_resource_id: "Third".into(), ..owner() };
        let moved_on = registered(third.tags_after(&former()));
        assert_eq!(removal(&owner(), moved_on.as_ref(), Some(former())), Removal::Nothing, "another one has it");
        let others = registered(former().tags_after(&Owner { logical_resource_id: "Older".into(), ..owner() }));
        assert_eq!(removal(&owner(), others.as_ref(), Some(owner())), Removal::Nothing);
    }

    #[test]
    fn a_target_moves_to_the_spelling_of_its_endpoint_if_this_resource_registered_it() {
        let named = |arn: &str, tags: Tags| Some(Registered { arn: arn.into(), tags });
        let [here, there] = ["arn:1", "arn:2"].map(|arn| named(arn, owner().tags()));
        let adopted = named("arn:1", owner().adoption_tags());
        for (of_id, of_endpoint, expected) in [
            (&here, &None, Spelling::Moves),
            (&here, &there, Spelling::Moves),
            (&None, &there, Spelling::OfEndpoint),
            (&here, &here, Spelling::OfId),
            (&None, &None, Spelling::OfEndpoint),
            (&adopted, &None, Spelling::OfId),
            (&named("arn:1", Tags::new()), &None, Spelling::OfId),
            (&named("arn:1", former().tags()), &there, Spelling::OfId),
            (&here, &named("arn:2", former().tags()), Spelling::OfId),
            (&None, &named("arn:2", Tags::new()), Spelling::OfEndpoint),
        ] {
            let found = spelling(&owner(), of_id.as_ref(), of_endpoint.as_ref());
            assert_eq!(found, expected, "{of_id:?}, {of_endpoint:?}");
        }
    }

    #[test]
    fn delete_deregisters_an_own_target() {
        assert_eq!(removal(&owner(), registered(owner().tags()).as_ref(), None), Removal::Deregister);
    }

    #[test]
    fn delete_leaves_targets_of_others() {
        let elsewhere = Owner { stack_id: "stack/two".into(), ..owner() };
        let renamed = Owner { logical_resource_id: "Scaling2".into(), ..owner() };
        for tags in [elsewhere.tags(), renamed.tags(), Tags::new()] {
            assert_eq!(removal(&owner(), registered(tags).as_ref(), None), Removal::Nothing);
        }
        assert_eq!(removal(&owner(), None, None), Removal::Nothing);
    }

    #[test]
    fn delete_releases_an_adopted_target() {
        let removed = removal(&owner(), registered(owner().adoption_tags()).as_ref(), None);
        let keys = RELEASED_TAGS.map(str::to_owned).to_vec();
        assert_eq!(removed, Removal::Release { arn: "arn:1".into(), keys });
    }
}

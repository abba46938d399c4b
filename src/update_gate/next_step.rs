//! Decides the next step of a gate's Create or Update.

use crate::model::{Endpoint, Owner, Ownership, Refusal, ScalableTargetId};
use crate::properties::UpdateGate;
use crate::snapshot::Snapshot;

/// What a gate has read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observed<'a> {
    /// The gate's endpoint.
    pub(super) endpoint: Option<&'a Endpoint>,
    /// Snapshots of the registered targets that block the update. `None` if they were not read since the endpoint
    /// changed: while it changes, it may take on a configuration that is not visible yet, and others may register.
    pub(super) blocking: Option<&'a [Snapshot]>,
    /// What CloudFormation does with the endpoint after this request.
    pub(super) endpoint_plan: EndpointPlan,
}

/// What CloudFormation does with the endpoint after this request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum EndpointPlan {
    /// It keeps the endpoint as it is: the gate keeps its id, or gets another endpoint.
    Keep {
        /// Whether the stack rolls back a failed Update of this gate. No other request restores its snapshots.
        rolls_back_failure: bool,
    },
    /// It updates the endpoint to the gate's configuration, unless the endpoint runs it.
    Update,
}

/// What a gate does next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// Nothing blocks the update.
    Done,
    /// Read which targets block the update.
    ReadTargets,
    /// Restore the snapshots: the endpoint runs the configuration, or no update to it follows.
    Restore,
    /// Store the snapshots of these targets, and deregister them.
    Snapshot(Vec<ScalableTargetId>),
    /// Wait until the endpoint is stable: see [`Endpoint::is_stable`].
    Wait {
        /// Its status.
        status: String,
    },
}

/// Decides the next step. Refuses to deregister a target of another stack, unless the gate includes other stacks.
///
/// It deregisters nothing before the endpoint is settled: if it runs out of time while the endpoint changes, nothing
/// is lost.
pub(super) fn next_step(gate: &UpdateGate, owner: &Owner, observed: Observed<'_>) -> Result<Step, Refusal> {
    let Some(endpoint) = observed.endpoint else { return Ok(Step::Done) };
    let once_stable = |step| {
        if endpoint.is_stable() { step } else { Step::Wait { status: endpoint.status.clone() } }
    };
    if endpoint.runs(gate.id.config.as_str())
        || observed.endpoint_plan == (EndpointPlan::Keep { rolls_back_failure: true })
    {
        return Ok(once_stable(Step::Restore));
    }
    if observed.endpoint_plan != EndpointPlan::Update {
        return Ok(Step::Done);
    }
    let Some(blocking) = observed.blocking else { return Ok(Step::ReadTargets) };
    refuse_other_stacks(gate, owner, blocking)?;
    let targets: Vec<_> = blocking.iter().map(|snapshot| snapshot.spec.id.clone()).collect();
    Ok(once_stable(if targets.is_empty() { Step::Done } else { Step::Snapshot(targets) }))
}

fn refuse_other_stacks(gate: &UpdateGate, owner: &Owner, snapshots: &[Snapshot]) -> Result<(), Refusal> {
    if gate.include_other_stacks {
        return Ok(());
    }
    for snapshot in snapshots {
        if let Ownership::Other(other) = Ownership::read(owner, &snapshot.spec.tags)
            && other.stack_id != owner.stack_id
        {
            return Err(Refusal::OwnedByOtherStack { target: snapshot.spec.id.resource_id(), owner: other });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::EndpointPlan::{Keep, Update};
    use super::*;
    use crate::model::attributes::Attributes;
    use crate::model::json::Object;
    use crate::model::{Tags, TargetSpec};

    const BLUE: &str = "endpoint/prod/variant/blue|sagemaker:variant:DesiredInstanceCount|sagemaker";

    fn owner(stack: &str) -> Owner {
        Owner { stack_id: stack.into(), logical_resource_id: "Gate".into() }
    }

    fn endpoint(config: &str, status: &str) -> Endpoint {
        Endpoint {
            name: "prod".into(),
            config: config.into(),
            status: status.into(),
            failure_reason: None,
            variants: vec!["blue".into()],
            managed_variants: Vec::new(),
            asynchronous: false,
            created: None,
        }
    }

    fn blue(tags: Tags) -> Snapshot {
        let spec = TargetSpec { id: BLUE.parse().unwrap(), settings: Object::new(), tags, attachments: Vec::new() };
        Snapshot::new(SystemTime::UNIX_EPOCH, spec, Attributes::new(), None)
    }

    fn step(
        include_other_stacks: bool,
        endpoint: Option<&Endpoint>,
        blocking: Option<&[Snapshot]>,
        endpoint_plan: EndpointPlan,
    ) -> Result<Step, Refusal> {
        let gate = UpdateGate { id: "endpoint/prod/config/new|update-gate".parse().unwrap(), include_other_stacks };
        next_step(&gate, &owner("stack/one"), Observed { endpoint, blocking, endpoint_plan })
    }

    fn wait() -> Result<Step, Refusal> {
        Ok(Step::Wait { status: "Updating".into() })
    }

    #[test]
    fn without_an_endpoint_there_is_nothing_to_do() {
        assert_eq!(step(false, None, None, Update), Ok(Step::Done));
    }

    #[test]
    fn snapshots_are_restored_once_the_endpoint_runs_the_configuration() {
        for status in ["InService", "Failed"] {
            assert_eq!(step(false, Some(&endpoint("NEW", status)), None, Update), Ok(Step::Restore), "{status}");
        }
        assert_eq!(step(false, Some(&endpoint("new", "Updating")), None, Update), wait());
    }

    #[test]
    fn a_gate_that_no_update_follows_deregisters_nothing() {
        let blocking = [blue(Tags::new())];
        for (config, rolls_back_failure, expected) in [
            ("old", false, Step::Done),
            ("old", true, Step::Restore),
            ("new", false, Step::Restore),
            ("new", true, Step::Restore),
        ] {
            let keep = Keep { rolls_back_failure };
            let settled = step(false, Some(&endpoint(config, "InService")), Some(&blocking), keep);
            assert_eq!(settled, Ok(expected.clone()), "{config}");
            let changing = step(false, Some(&endpoint(config, "Updating")), Some(&blocking), keep);
            assert_eq!(changing, if expected == Step::Done { Ok(expected) } else { wait() }, "{config}");
        }
    }

    #[test]
    fn blocking_targets_are_deregistered_once_the_endpoint_is_settled() {
        for (status, settled) in [("InService", true), ("Updating", false)] {
            let endpoint = endpoint("old", status);
            assert_eq!(step(false, Some(&endpoint), None, Update), Ok(Step::ReadTargets));
            let snapshot = Ok(Step::Snapshot(vec![BLUE.parse().unwrap()]));
            let blocked = step(false, Some(&endpoint), Some(&[blue(Tags::new())]), Update);
            assert_eq!(blocked, if settled { snapshot } else { wait() });
            let free = step(false, Some(&endpoint), Some(&[]), Update);
            assert_eq!(free, if settled { Ok(Step::Done) } else { wait() });
        }
    }

    #[test]
    fn targets_of_other_stacks_are_refused_unless_the_gate_includes_them() {
        let changing = endpoint("old", "Updating");
        let endpoint = endpoint("old", "InService");
        let same_stack = Owner { logical_resource_id: "Scaling".into(), ..owner("stack/one") };
        for own in [Tags::new(), same_stack.tags(), owner("stack/one").adoption_tags()] {
            assert!(matches!(step(false, Some(&endpoint), Some(&[blue(own)]), Update), Ok(Step::Snapshot(_))));
        }
        let others = [blue(owner("stack/two").tags())];
        let reason = step(false, Some(&endpoint), Some(&others), Update).unwrap_err().to_string();
        for part in ["endpoint/prod/variant/blue", "resource Gate of stack stack/two", "IncludeOtherStacks"] {
            assert!(reason.contains(part), "{part} is not in: {reason}");
        }
        assert!(step(false, Some(&changing), Some(&others), Update).is_err(), "before the gate waits");
        assert!(matches!(step(true, Some(&endpoint), Some(&others), Update), Ok(Step::Snapshot(_))));
    }
}

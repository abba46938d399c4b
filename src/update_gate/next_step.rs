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
    /// Whether an update of the endpoint follows. It does not if the gate's configuration stays the same.
    pub(super) update_follows: bool,
}

/// What a gate does next.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// Nothing blocks the update.
    Done,
    /// Read which targets block the update.
    ReadTargets,
    /// The endpoint runs the configuration: restore its snapshots.
    Restore,
    /// Store the snapshots of these targets, and deregister them.
    Snapshot(Vec<ScalableTargetId>),
    /// Wait until the endpoint is settled: see [`Endpoint::is_settled`].
    Wait {
        /// Its status.
        status: String,
    },
}

/// Decides the next step. Refuses to deregister a target of another stack, unless the gate includes other stacks.
pub(super) fn next_step(gate: &UpdateGate, owner: &Owner, observed: Observed<'_>) -> Result<Step, Refusal> {
    let Some(endpoint) = observed.endpoint else { return Ok(Step::Done) };
    let runs_configuration = endpoint.runs(gate.id.config.as_str());
    if runs_configuration && endpoint.is_settled() {
        return Ok(Step::Restore);
    }
    if !observed.update_follows {
        return Ok(Step::Done);
    }
    if !runs_configuration {
        match observed.blocking {
            None => return Ok(Step::ReadTargets),
            Some([]) => {}
            Some(snapshots) => {
                refuse_other_stacks(gate, owner, snapshots)?;
                return Ok(Step::Snapshot(snapshots.iter().map(|snapshot| snapshot.spec.id.clone()).collect()));
            }
        }
    }
    if endpoint.is_settled() { Ok(Step::Done) } else { Ok(Step::Wait { status: endpoint.status.clone() }) }
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
            asynchronous: false,
        }
    }

    fn blue(tags: Tags) -> Snapshot {
        let spec = TargetSpec { id: BLUE.parse().unwrap(), settings: Object::new(), tags, attachments: Vec::new() };
        Snapshot::new(SystemTime::UNIX_EPOCH, spec, Attributes::new())
    }

    fn step(
        include_other_stacks: bool,
        endpoint: Option<&Endpoint>,
        blocking: Option<&[Snapshot]>,
        update_follows: bool,
    ) -> Result<Step, Refusal> {
        let gate = UpdateGate { id: "endpoint/prod/config/new|update-gate".parse().unwrap(), include_other_stacks };
        next_step(&gate, &owner("stack/one"), Observed { endpoint, blocking, update_follows })
    }

    #[test]
    fn without_an_endpoint_there_is_nothing_to_do() {
        assert_eq!(step(false, None, None, true), Ok(Step::Done));
    }

    #[test]
    fn snapshots_are_restored_once_the_endpoint_runs_the_configuration() {
        for status in ["InService", "Failed"] {
            assert_eq!(step(false, Some(&endpoint("NEW", status)), None, true), Ok(Step::Restore), "{status}");
        }
        let wait = Step::Wait { status: "Updating".into() };
        assert_eq!(step(false, Some(&endpoint("new", "Updating")), None, true), Ok(wait));
    }

    #[test]
    fn a_gate_whose_configuration_stays_deregisters_nothing() {
        let blocking = [blue(Tags::new())];
        for status in ["InService", "Updating"] {
            assert_eq!(step(false, Some(&endpoint("old", status)), Some(&blocking), false), Ok(Step::Done));
        }
    }

    #[test]
    fn blocking_targets_are_read_and_snapshotted_before_the_gate_waits() {
        for status in ["InService", "Updating"] {
            let endpoint = endpoint("old", status);
            assert_eq!(step(false, Some(&endpoint), None, true), Ok(Step::ReadTargets));
            let snapshot = Step::Snapshot(vec![BLUE.parse().unwrap()]);
            assert_eq!(step(false, Some(&endpoint), Some(&[blue(Tags::new())]), true), Ok(snapshot));
        }
        assert_eq!(step(false, Some(&endpoint("old", "InService")), Some(&[]), true), Ok(Step::Done));
        let wait = Step::Wait { status: "Updating".into() };
        assert_eq!(step(false, Some(&endpoint("old", "Updating")), Some(&[]), true), Ok(wait));
    }

    #[test]
    fn targets_of_other_stacks_are_refused_unless_the_gate_includes_them() {
        let endpoint = endpoint("old", "InService");
        let same_stack = Owner { logical_resource_id: "Scaling".into(), ..owner("stack/one") };
        for own in [Tags::new(), same_stack.tags(), owner("stack/one").adoption_tags()] {
            assert!(matches!(step(false, Some(&endpoint), Some(&[blue(own)]), true), Ok(Step::Snapshot(_))));
        }
        let others = [blue(owner("stack/two").tags())];
        let reason = step(false, Some(&endpoint), Some(&others), true).unwrap_err().to_string();
        for part in ["endpoint/prod/variant/blue", "resource Gate of stack stack/two", "IncludeOtherStacks"] {
            assert!(reason.contains(part), "{part} is not in: {reason}");
        }
        assert!(matches!(step(true, Some(&endpoint), Some(&others), true), Ok(Step::Snapshot(_))));
    }
}

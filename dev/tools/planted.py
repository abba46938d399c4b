"""The faults of `make plant`: each is one rule of the function that is broken."""

from dataclasses import dataclass

# The condition that is true in a run with this fault.
PLANTED = "PLANTED"

AUTO_SCALING = "src/aws/application_auto_scaling.rs"
CAPTURE = "src/snapshot/capture.rs"
NEXT_STEP = "src/update_gate/next_step.rs"
OWN_SNAPSHOT = "src/scalable_target/own_snapshot.rs"
OWNERSHIP = "src/scalable_target/ownership.rs"
PARAMETER = "src/snapshot/parameter.rs"
RECONCILE = "src/scalable_target/reconcile.rs"
REGISTER = "src/scalable_target/register.rs"
REMOVE = "src/scalable_target/remove.rs"
RESTORE = "src/snapshot/restore.rs"
RUN = "src/scalable_target/run.rs"
RUN_GATE = "src/update_gate/run.rs"
STORE = "src/snapshot/store.rs"

EACH_KEY = ".map(|(key, _)| key.clone())"
DROP_UNRESTORABLE = "store::drop_snapshot(&context.aws, &stored).await?;\n        context"


@dataclass(frozen=True)
class Fault:
    """A fault, and the text in a file that is replaced by one with the fault."""

    what: str
    file: str
    sound: str
    planted: str
    # The level of the histories with gates that find it. None: the other histories find it.
    level: str | None = None
    # The first seed that is tried: some orders are rare.
    first: int = 0

    def plant(self, text: str, condition: str) -> str:
        """The text of its file with the fault, which is active if the condition is true."""
        return text.replace(self.sound, self.planted.replace(PLANTED, condition))


def before(sound: str, planted: str) -> tuple[str, str]:
    """Puts a match arm before another one, or a condition or a filter before the rest of an expression."""
    return sound, planted + sound


FAULTS = [
    Fault(
        "Delete does not check the owner",
        OWNERSHIP,
        *before(
            "(Ownership::Other(_) | Ownership::Untagged, _) => Removal::Nothing,",
            "(Ownership::Other(_) | Ownership::Untagged, _) if PLANTED => Removal::Deregister,\n",
        ),
    ),
    Fault(
        "Delete deregisters an adopted target",
        OWNERSHIP,
        *before(
            "(Ownership::Own { adopted: false }, None) => Removal::Deregister,",
            "(Ownership::Own { .. }, None) if PLANTED => Removal::Deregister,\n",
        ),
    ),
    Fault(
        "A target of another owner is registered over",
        OWNERSHIP,
        *before(
            "Ownership::Other(owner) => Err(Refusal::OwnedByAnother { target, owner }),",
            (
                "Ownership::Other(_) if PLANTED => Ok(Registration::Update { arn: arn.clone(), missing: Tags::new(), "
                "removed: Vec::new(), all: with_authors(owner.tags()) }),\n"
            ),
        ),
    ),
    Fault(
        "A tag that left the template stays",
        OWNERSHIP,
        "removed: removed.cloned()",
        "removed: removed.filter(|_| !PLANTED).cloned()",
    ),
    Fault(
        "The target of an unanswered Update is not removed",
        RECONCILE,
        "previous.filter(|previous| !previous.is_same(wanted)",
        "previous.filter(|previous| !PLANTED && !previous.is_same(wanted)",
    ),
    Fault(
        "The physical id is random",
        RUN,
        "physical_resource_id: target.to_string(), attributes",
        (
            'physical_resource_id: format!("{target}{}", if PLANTED { fastrand::u16(..).to_string() } '
            "else { String::new() }), attributes"
        ),
    ),
    Fault(
        "A Create registers without the owner's tags",
        REGISTER,
        "aws.create_target(&desired.spec, &tags, is_wanted)",
        "aws.create_target(&desired.spec, &if PLANTED { Tags::new() } else { tags.clone() }, is_wanted)",
    ),
    Fault(
        "A failed Create always says that nothing was registered",
        "src/handler.rs",
        "progress.cleanup_id().unwrap_or_else(",
        "progress.cleanup_id().filter(|_| !PLANTED).unwrap_or_else(",
    ),
    Fault(
        "A registration that is not visible yet counts as none",
        RUN,
        "!context.progress().has_registered()",
        "(if PLANTED { context.progress().cleanup_id().is_some() } else { !context.progress().has_registered() })",
    ),
    Fault(
        "A policy that left the template stays",
        RECONCILE,
        *before(EACH_KEY, ".filter(|((kind, _), _)| !PLANTED || *kind != crate::model::AttachmentKind::ScalingPolicy)"),
    ),
    Fault(
        "A scheduled action that left the template stays",
        RECONCILE,
        *before(
            EACH_KEY, ".filter(|((kind, _), _)| !PLANTED || *kind != crate::model::AttachmentKind::ScheduledAction)"
        ),
    ),
    Fault(
        "A failed Update or Delete answers with a new id",
        "src/request/envelope.rs",
        "self.given_id.clone().unwrap_or_else(",
        "self.given_id.clone().filter(|_| !PLANTED).unwrap_or_else(",
    ),
    Fault(
        "A request never checks its freshness",
        "src/request/freshness.rs",
        *before("self.age.elapsed() >= FRESHNESS_CHECKED_AFTER", "!PLANTED && "),
    ),
    Fault(
        "A superseded request is carried out",
        REMOVE,
        *before(
            "Freshness::Superseded if !may_have_registered",
            "Freshness::Superseded if PLANTED => return Ok(ControlFlow::Break(true)),\n",
        ),
    ),
    Fault(
        "A later change of status does not supersede a request",
        "src/request/freshness.rs",
        *before("changed > sent + SAME_EVENT", "!PLANTED && "),
    ),
    Fault(
        "A read is acted on however old it is",
        "src/aws/precondition.rs",
        *before("self.read.elapsed() < READ_VALID {\n            return Ok(());", "PLANTED || "),
    ),
    Fault(
        "A Delete that finds nothing does not read again",
        REMOVE,
        "NOTHING_REGISTERED_AFTER.saturating_sub(",
        "(if PLANTED { Duration::ZERO } else { NOTHING_REGISTERED_AFTER }).saturating_sub(",
    ),
    Fault(
        "A stale request reads only once what it may have registered",
        REMOVE,
        "poll(REGISTRATION, context.aws.left_to_work(), undo)",
        "poll(REGISTRATION, if PLANTED { Duration::ZERO } else { context.aws.left_to_work() }, undo)",
    ),
    Fault(
        "Any reply to an answer counts as success",
        "src/response/deliver.rs",
        *before("response.status().is_success() => Ok(()),", "PLANTED || "),
    ),
    Fault(
        "Work goes on until Lambda kills the function",
        "src/deadline.rs",
        "let answer = left - (left / 20).min(REPORT_MARGIN);",
        (
            "let answer = if PLANTED { left + ANSWER_RESERVE + ANSWER_RESERVE } "
            "else { left - (left / 20).min(REPORT_MARGIN) };"
        ),
    ),
    Fault(
        "A gate does not wait until the endpoint is settled",
        NEXT_STEP,
        *before("endpoint.is_stable() { step }", "PLANTED || "),
        "..failures",
    ),
    Fault(
        "A gate's Delete does not wait until the endpoint is settled",
        RUN_GATE,
        "endpoint_once(name, Endpoint::is_stable, Duration::MAX)",
        "endpoint_once(name, if PLANTED { |_| true } else { Endpoint::is_stable }, Duration::MAX)",
        "..express",
    ),
    Fault(
        "A gate deregisters nothing",
        RUN_GATE,
        *before("blocks_update(variant, running, &self.wanted))", "!PLANTED && "),
        "..failures",
    ),
    Fault(
        "A gate deregisters the targets of other stacks without IncludeOtherStacks",
        NEXT_STEP,
        *before("gate.include_other_stacks {", "PLANTED || "),
        "..failures",
    ),
    Fault(
        "A gate whose id stays deregisters targets",
        RUN_GATE,
        *before("previous.is_same(id) => {", "!PLANTED && "),
        "..express",
    ),
    Fault(
        "A gate restores although another delivery was answered",
        RUN_GATE,
        "match successor(context, given).await {",
        "match successor(context, given).await.filter(|_| !PLANTED) {",
        "..troubles",
    ),
    Fault(
        "A gate does not go on with the snapshots of a failed update",
        RUN_GATE,
        *before("take_over(context, gate, update, taken).await? {", "!PLANTED && "),
        "..express",
    ),
    Fault(
        "A clean-up keeps the snapshots of variants that are gone",
        RUN_GATE,
        DROP_UNRESTORABLE,
        DROP_UNRESTORABLE.replace("store::", f"if !{PLANTED} {{ store::").replace(";", "; }"),
        "..failures",
    ),
    Fault(
        "The snapshot of another stack's update is restored",
        PARAMETER,
        "same_stack && self.configs",
        "(PLANTED || same_stack) && self.configs",
        "..gates",
    ),
    Fault(
        "A half-restored target counts as complete",
        RESTORE,
        "return Ok(Some((found, false))),",
        "return Ok(Some((found, false)).filter(|_| !PLANTED)),",
        "..kills",
    ),
    Fault(
        "A target is restored although its owner is being deleted",
        RESTORE,
        *before("is_abandoned(aws, &owner, stored, is_current).await", "!PLANTED && "),
        "..failures",
    ),
    Fault(
        "The target of a native resource that was deleted is restored",
        PARAMETER,
        "self.native.clone())",
        "self.native.clone().filter(|_| !PLANTED))",
        "..failures",
    ),
    Fault(
        "The snapshot of a half-restored target is not completed",
        CAPTURE,
        ".filter(completes)",
        ".filter(|stored| !PLANTED && completes(stored))",
        "..kills",
    ),
    Fault(
        "The ownership of a snapshot is not checked",
        OWN_SNAPSHOT,
        "Some(&registered), &previous.tags",
        "(!PLANTED).then_some(&registered), &previous.tags",
        "..failures",
    ),
    Fault(
        "A snapshot keeps the tags that left the template",
        RECONCILE,
        *before("!previous.tags.contains_key(key)", "PLANTED || "),
        "..failures",
    ),
    Fault(
        "A registration loses what others attached to the target in the snapshot",
        RECONCILE,
        *before("!to_delete.contains(key)", "!PLANTED && "),
        "..failures",
    ),
    Fault(
        "A registration keeps the snapshot",
        REGISTER,
        "if let Some(stored) = plan.snapshot.as_ref().or(restored.as_ref()) {",
        "if let Some(stored) = plan.snapshot.as_ref().or(restored.as_ref()) && !PLANTED {",
        "..failures",
    ),
    Fault(
        "A target stays registered while its endpoint rolls back",
        REGISTER,
        *before("roll_back.is_blocked_by(target) {", "!PLANTED && "),
        "..failures",
    ),
    Fault(
        "Delete drops the snapshot of an adopted target",
        STORE,
        *before(
            "(Ownership::Own { adopted: true }, None) => release(tags),",
            (
                "(Ownership::Own { .. }, None) if PLANTED => {\n drop_snapshot(aws, &stored).await?;\n"
                " return Ok(Some(stored));\n }\n"
            ),
        ),
        "..failures",
    ),
    Fault(
        "A gate drops its own snapshot for the one that it has overwritten",
        RUN_GATE,
        *before("taken.iter().any(|taken| taken.stored.snapshot.spec.id == stored", "!PLANTED && "),
        "..express,eventual",
        172_374,
    ),
    Fault(
        "A refusal after an adoption counts as not registered",
        RUN,
        *before("tally.count(Decision::Adopt) + tally.count(Decision::TakeOver) == 0", "PLANTED || "),
        "..express,eventual",
        205_365,
    ),
    Fault(
        "A tag of a target that is not visible yet counts as removed",
        AUTO_SCALING,
        *before(
            "let done = self.change_once_visible(Operation::UntagResource",
            "let is_not_found: fn(&AwsError) -> bool = if PLANTED { |_| false } else { is_not_found };\n",
        ),
        "..express,eventual",
        76_397,
    ),
    Fault(
        "An adopted target is restored while reads may show the snapshot before its release",
        REMOVE,
        "sleep(VISIBLE_WITHIN).await;\n        restore_left",
        "if !PLANTED {\n sleep(VISIBLE_WITHIN).await;\n }\n restore_left",
        "..express,eventual",
        656_081,
    ),
    Fault(
        "A request that takes a target over does not wait until every read shows its tags",
        REGISTER,
        "sleep(VISIBLE_WITHIN).await;\n                shows_owner = true;",
        "sleep(if PLANTED { VISIBLE.step } else { VISIBLE_WITHIN }).await;\n shows_owner = true;",
        "..express,eventual",
    ),
    Fault(
        "A target that was taken over is not handed back",
        OWNERSHIP,
        *before(
            "(Ownership::Own { .. }, Some(to)) =>",
            "(Ownership::Own { .. }, Some(_)) if PLANTED => Removal::Deregister,\n",
        ),
        "..express",
    ),
    Fault(
        "A snapshot of a target that was taken over is dropped",
        STORE,
        *before(
            "(Ownership::Own { .. }, Some(former)) =>",
            (
                "(Ownership::Own { .. }, _) if PLANTED => {\n drop_snapshot(aws, &stored).await?;\n"
                " return Ok(Some(stored));\n }\n"
            ),
        ),
        "..express",
    ),
]

//! The properties that an author may write, read into a [`TargetSpec`] or a gate. All mistakes are reported at once.

mod reader;
mod scaling_policies;
mod schedule;
mod scheduled_actions;
mod settings;
mod tags;
mod target;
mod target_tracking;
mod update_gate;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

pub use self::reader::Mistakes;
use self::reader::{CLOUDFORMATIONS_OWN, Collector, Section, boolean, text};
pub use self::update_gate::{UpdateGate, declared_gate};
use crate::model::{
    Attachment, AttachmentKey, AttachmentKind, FormerOwner, Location, ScalableTargetId, TAG_PREFIX, TargetSpec,
    UpdateGateId,
};

/// The properties of a `Custom::SageMakerScalableTarget`.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// The target as it shall be registered, with the author's tags.
    pub spec: TargetSpec,
    /// Whether to adopt a target that no stack of this function owns.
    pub adopt_existing: bool,
    /// Whether the target gets the tags of its stack, too.
    pub propagate_stack_tags: bool,
    /// The resource from which to take the target over.
    pub take_over_from: Option<FormerOwner>,
    /// The gate of the variant's endpoint.
    pub gate: Option<UpdateGateId>,
}

impl Desired {
    /// Reads the properties of a Create or an Update. Returns every mistake.
    pub fn read(properties: &Value, location: &Location) -> Result<Self, Mistakes> {
        Collector::default().read(properties, |section| Self::from_section(section, location))
    }

    fn from_section(section: &Section<'_>, location: &Location) -> Option<Self> {
        section.ignore(&CLOUDFORMATIONS_OWN);
        let id = target::target(section, location);
        let settings = settings::settings(section);
        let policies = scaling_policies::scaling_policies(section, id.as_ref().map(ScalableTargetId::dimension));
        let actions = scheduled_actions::scheduled_actions(section);
        let tags = tags::tags(section);
        let take_over_from = section.optional("TakeOverFrom", |value| text(value)?.parse());
        let adopt_existing = section.optional("AdoptExisting", boolean);
        let propagate_stack_tags = section.optional("PropagateStackTags", boolean);
        let gate = target::gate(section, id.as_ref());
        let of_kind = |kind| move |body| Attachment { kind, body };
        let policies = policies.into_iter().map(of_kind(AttachmentKind::ScalingPolicy));
        let actions = actions.into_iter().map(of_kind(AttachmentKind::ScheduledAction));
        Some(Self {
            spec: TargetSpec { id: id?, settings, tags, attachments: policies.chain(actions).collect() },
            adopt_existing: adopt_existing.ok()?.unwrap_or(false),
            propagate_stack_tags: propagate_stack_tags.ok()?.unwrap_or(false),
            take_over_from: take_over_from.ok()?,
            gate,
        })
    }
}

/// What properties of any shape declare, such as those of an earlier template: only names, since the rest may be invalid.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Declared {
    /// The target.
    pub target: Option<ScalableTargetId>,
    /// The scaling policies, with the metric that each tracks as it is written, and the scheduled actions.
    pub attachments: BTreeMap<AttachmentKey, Option<Value>>,
    /// The author's tags.
    pub tags: BTreeMap<String, String>,
}

impl Declared {
    /// Reads properties that were written for any version of the function. Skips what it cannot read.
    pub fn read(properties: &Value) -> Self {
        let items = |list: &str| properties.get(list).and_then(Value::as_array).into_iter().flatten();
        let text = |item: &Value, name: &str| item.get(name).and_then(Value::as_str).map(str::to_owned);
        let attachment = |kind: AttachmentKind| {
            move |item: &Value| {
                Some(((kind, text(item, kind.name_member())?), scaling_policies::tracked_metric(item).cloned()))
            }
        };
        let policies = items("ScalingPolicies").filter_map(attachment(AttachmentKind::ScalingPolicy));
        let actions = items("ScheduledActions").filter_map(attachment(AttachmentKind::ScheduledAction));
        Self {
            target: target::declared_target(properties),
            attachments: policies.chain(actions).collect(),
            tags: items("Tags")
                .filter_map(|item| Some((text(item, "Key")?, text(item, "Value").unwrap_or_default())))
                .filter(|(key, _)| !key.starts_with(TAG_PREFIX))
                .collect(),
        }
    }
}

/// The names of all members that are looked for in properties of either resource type. A test compares the schemas with them.
pub fn known_names(properties: &Value, location: &Location) -> BTreeSet<&'static str> {
    let collector = Collector::default();
    // Only the names matter here, so mistakes do not.
    drop(collector.read(properties, |section| Desired::from_section(section, location)));
    drop(collector.read(properties, |section| UpdateGate::from_section(section, location)));
    collector.names()
}

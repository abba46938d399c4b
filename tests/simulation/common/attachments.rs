//! Policies and actions: in a template, and as the service describes them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use test_support::attached::step;
use test_support::function::DECLARED_TAG;

/// Declares policies and actions, by their names and values, in the properties of a resource. `s` is an action.
pub(crate) fn declare<N: AsRef<str>, V: ToString>(properties: &mut Value, named: impl IntoIterator<Item = (N, V)>) {
    let mut policies = Vec::new();
    for (name, value) in named {
        let name = name.as_ref();
        if name == "s" {
            let limits = json!({"MinCapacity": value.to_string()});
            properties["ScheduledActions"] =
                json!([{"ScheduledActionName": name, "Schedule": "rate(1 day)", "ScalableTargetAction": limits}]);
        } else {
            policies.push(step(name, value.to_string()));
        }
    }
    if !policies.is_empty() {
        properties["ScalingPolicies"] = policies.into();
    }
}

/// Whether a target's tags hold what was declared: this limit, and so many policies and actions.
pub(crate) fn says(tags: &BTreeMap<String, String>, max: impl ToString, count: usize) -> bool {
    let words: Vec<_> = tags.get(DECLARED_TAG).map(|tag| tag.split(' ').collect()).unwrap_or_default();
    let said_max = words.get(2).and_then(|limits| limits.split_once('-')).map(|(_, max)| max.to_owned());
    let parts = words.get(4).copied().unwrap_or_default();
    said_max == Some(max.to_string()) && parts.len() == count * PART_LEN
}

/// The characters of a policy or action in the tag.
const PART_LEN: usize = 10;

/// The names and values of what a target has. `describe` gets `ScalingPolicies` or `ScheduledActions`, and returns the
/// service's output.
pub(crate) fn described(mut describe: impl FnMut(&str) -> Value) -> BTreeMap<String, u64> {
    let mut list = |what: &str| describe(what)[what].as_array().cloned().unwrap_or_default();
    let policies = list("ScalingPolicies").into_iter().map(|policy| {
        let step = &policy["StepScalingPolicyConfiguration"]["StepAdjustments"][0];
        (policy["PolicyName"].clone(), step["ScalingAdjustment"].clone())
    });
    let actions = list("ScheduledActions")
        .into_iter()
        .map(|action| (action["ScheduledActionName"].clone(), action["ScalableTargetAction"]["MinCapacity"].clone()));
    let named = |(name, value): (Value, Value)| Some((name.as_str()?.to_owned(), value.as_u64()?));
    policies.chain(actions).filter_map(named).collect()
}

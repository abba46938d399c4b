//! Stacks and their resources. This model deploys no stacks: test controls say which there are.
//!
//! API: <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html> and its neighbours,
//! which is also the source of every rule that names no other.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::protocol::fault::{Fault, OperationResult};
use crate::protocol::input::{Input, required};
use crate::protocol::pagination::Pages;
use crate::protocol::query;
use crate::state::LocalAws;
use crate::state::stack::{Stack, StackResource};

impl LocalAws {
    /// Sets the tags of a stack. It need not be known otherwise: until then, it is not found by its resources.
    pub(crate) fn set_stack_tags(&mut self, stack_id: &str, tags: Map<String, Value>, now: f64) {
        self.stack_entry(stack_id, now).tags = tags;
    }

    /// Creates a stack, or changes its status. `Resources`, if given, become its resources.
    pub(crate) fn set_stack(&mut self, input: Input<'_>, now: f64) -> Result<(), Fault> {
        let (id, status) = (input.text("StackId")?, input.optional_text("StackStatus")?.unwrap_or(CREATED));
        let stack = self.stack_entry(id, now);
        let stored = stack.resources.get_or_insert_default();
        if input.get("Resources").is_some() {
            let given = input.objects("Resources")?.into_iter().map(|given| resource(given, stored, now));
            *stored = given.collect::<Result<_, _>>()?;
        }
        // A resource that the stack retains keeps its status DELETE_SKIPPED.
        for resource in stored.values_mut().filter(|stored| status == DELETED && stored.status != "DELETE_SKIPPED") {
            (resource.status, resource.changed) = (DELETED.to_owned(), now);
        }
        stack.status = status.to_owned();
        stack.deleted = (status == DELETED).then_some(now);
        if status == "UPDATE_IN_PROGRESS" {
            stack.updated = Some(now);
        }
        Ok(())
    }

    /// Creates or changes a resource of a stack, which exists from now on.
    pub(crate) fn set_stack_resource(&mut self, input: Input<'_>, now: f64) -> Result<(), Fault> {
        let stored = self.stack_entry(input.text("StackId")?, now).resources.get_or_insert_default();
        let (logical_id, resource) = resource(input, stored, now)?;
        stored.insert(logical_id, resource);
        Ok(())
    }

    /// Removes a resource from its stack, as an update without the resource does.
    pub(crate) fn remove_stack_resource(&mut self, input: Input<'_>) -> Result<(), Fault> {
        let (id, logical_id) = (input.text("StackId")?, input.text("LogicalResourceId")?);
        let resources = self.stacks.get_mut(id).and_then(|stack| stack.resources.as_mut());
        let removed = resources.and_then(|resources| resources.remove(logical_id));
        removed.map(|_| ()).ok_or_else(|| no_resource(logical_id, id))
    }

    /// One stack, or all that are not deleted.
    ///
    /// Assumed (belief stack-of-resource): a page has up to 100 stacks. On AWS, it has up to 1 MB.
    pub(crate) fn describe_stacks(&self, input: Input<'_>) -> OperationResult {
        let found: Vec<_> = match input.optional_text("StackName")? {
            // https://github.com/boto/boto3/issues/2807 has code and text.
            Some(name) => vec![self.stack(name).ok_or_else(|| no_stack_with_id(name))?],
            None => self.stacks.iter().filter(|(_, stack)| stack.deleted.is_none()).collect(),
        };
        let items = found.into_iter().map(|(id, stack)| (id.clone(), description(id, stack))).collect();
        // The operation has no `MaxResults`.
        let token = input.get("NextToken").map(|token| ("NextToken".to_owned(), token.clone()));
        Pages { list: "Stacks", max_results: 100, invalid_token: VALIDATION }
            .page(Input(&token.into_iter().collect()), items)
    }

    /// A deleted stack is found by its id only.
    pub(crate) fn describe_stack_resource(&self, input: Input<'_>) -> OperationResult {
        let (name, logical_id) = (input.text("StackName")?, input.text("LogicalResourceId")?);
        // LocalStack recorded this text and the one of `no_resource` on AWS:
        // https://github.com/localstack/localstack/blob/main/tests/aws/services/cloudformation/api/test_resources.snapshot.json
        let missing = || Fault::new(VALIDATION, format!("Stack '{name}' does not exist"));
        let (id, resources) = self.stack(name).and_then(with_resources).ok_or_else(missing)?;
        let resource = resources.get(logical_id).ok_or_else(|| no_resource(logical_id, name))?;
        Ok(json!({ "StackResourceDetail": resource_description(id, logical_id, resource, "LastUpdatedTimestamp") }))
    }

    /// The first 100 resources of a stack, which is named, or has a resource with this physical id.
    ///
    /// Assumed (beliefs stack-of-resource, error-texts): a physical id of a deleted stack is not found; `LogicalResourceId` must
    /// be one of the stack's; the order; the texts where no source is named.
    pub(crate) fn describe_stack_resources(&self, input: Input<'_>) -> OperationResult {
        let (name, physical_id) = (input.optional_text("StackName")?, input.optional_text("PhysicalResourceId")?);
        let (id, resources) = match (name, physical_id) {
            (Some(name), None) => self.stack(name).and_then(with_resources).ok_or_else(|| no_stack_with_id(name))?,
            (None, Some(physical_id)) => {
                let has_it = |resource: &StackResource| resource.physical_id.as_deref() == Some(physical_id);
                let stacks = self.stacks.iter().filter(|(_, stack)| stack.deleted.is_none());
                let found = stacks.filter_map(with_resources).find(|(_, resources)| resources.values().any(has_it));
                found.ok_or_else(|| Fault::new(VALIDATION, format!("Stack for {physical_id} does not exist")))?
            }
            (Some(_), Some(_)) | (None, None) => {
                let message = "Specify either StackName or PhysicalResourceId, but not both";
                return Err(Fault::new(VALIDATION, message));
            }
        };
        let logical_id = input.optional_text("LogicalResourceId")?;
        let resources = resources.iter().filter(|(known, _)| logical_id.is_none_or(|id| id == *known)).take(100);
        let described: Vec<_> =
            resources.map(|(known, resource)| resource_description(id, known, resource, "Timestamp")).collect();
        match logical_id {
            Some(logical_id) if described.is_empty() => Err(no_resource(logical_id, id)),
            Some(_) | None => Ok(json!({ "StackResources": described })),
        }
    }

    fn stack_entry(&mut self, id: &str, now: f64) -> &mut Stack {
        self.stacks.entry(id.to_owned()).or_insert_with(|| Stack {
            status: CREATED.to_owned(),
            created: now,
            updated: None,
            deleted: None,
            tags: Map::new(),
            resources: None,
        })
    }

    /// A stack by its id, or by its name if it is not deleted.
    fn stack(&self, name_or_id: &str) -> Option<(&String, &Stack)> {
        let is_named = |id: &str, stack: &Stack| stack.deleted.is_none() && stack_name(id) == name_or_id;
        self.stacks.iter().find(|(id, stack)| *id == name_or_id || is_named(id, stack))
    }
}

/// A stack's id and its resources, if they are known.
fn with_resources<'a>(
    (id, stack): (&'a String, &'a Stack),
) -> Option<(&'a String, &'a BTreeMap<String, StackResource>)> {
    Some((id, stack.resources.as_ref()?))
}

/// A resource that a test control describes. An omitted type or physical id is the stored one.
fn resource(
    given: Input<'_>,
    stored: &BTreeMap<String, StackResource>,
    now: f64,
) -> Result<(String, StackResource), Fault> {
    let logical_id = given.text("LogicalResourceId")?;
    let stored = stored.get(logical_id);
    let resource_type = given.optional_text("ResourceType")?.or_else(|| Some(&stored?.resource_type));
    let physical_id = given.optional_text("PhysicalResourceId")?.or_else(|| stored?.physical_id.as_deref());
    let status = given.optional_text("ResourceStatus")?.unwrap_or(CREATED);
    let resource = StackResource {
        resource_type: required("ResourceType", resource_type)?.to_owned(),
        physical_id: physical_id.map(str::to_owned),
        status: status.to_owned(),
        changed: stored.filter(|stored| stored.status == status).map_or(now, |stored| stored.changed),
    };
    Ok((logical_id.to_owned(), resource))
}

fn description(id: &str, stack: &Stack) -> Value {
    let tags: Vec<_> = stack.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    let mut description = json!({
        "StackId": id,
        "StackName": stack_name(id),
        "CreationTime": query::time(stack.created),
        "StackStatus": stack.status,
        "Parameters": [{ "ParameterKey": "EndpointName", "ParameterValue": "prod" }],
        "Capabilities": ["CAPABILITY_IAM"],
        "Tags": tags,
    });
    if let Some(updated) = stack.updated {
        description["LastUpdatedTime"] = json!(query::time(updated));
    }
    if let Some(deleted) = stack.deleted {
        description["DeletionTime"] = json!(query::time(deleted));
    }
    description
}

/// `time` is the member with the time of the status, which the operations name differently.
fn resource_description(stack_id: &str, logical_id: &str, resource: &StackResource, time: &str) -> Value {
    let mut description = json!({
        "StackId": stack_id,
        "StackName": stack_name(stack_id),
        "LogicalResourceId": logical_id,
        "ResourceType": resource.resource_type,
        "ResourceStatus": resource.status,
        time: query::time(resource.changed),
    });
    if let Some(physical_id) = &resource.physical_id {
        description["PhysicalResourceId"] = json!(physical_id);
    }
    description
}

fn stack_name(id: &str) -> &str {
    id.split('/').nth(1).unwrap_or(id)
}

fn no_stack_with_id(name: &str) -> Fault {
    Fault::new(VALIDATION, format!("Stack with id {name} does not exist"))
}

fn no_resource(logical_id: &str, stack: &str) -> Fault {
    Fault::new(VALIDATION, format!("Resource {logical_id} does not exist for stack {stack}"))
}

/// CloudFormation's code, unlike that of the services with JSON.
const VALIDATION: &str = "ValidationError";
const CREATED: &str = "CREATE_COMPLETE";
const DELETED: &str = "DELETE_COMPLETE";

#[cfg(test)]
mod tests {
    use super::*;

    const STACK: &str = "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/1";

    fn control(aws: &mut LocalAws, operation: &str, input: &Value) {
        aws.call(&format!("LocalAws.{operation}"), input, 100.0).expect("a control that works");
    }

    fn described(aws: &mut LocalAws, what: &str, input: &Value) -> Result<Value, String> {
        let answer = aws.call(&format!("CloudFormation.Describe{what}"), input, 200.0);
        answer.map_err(|fault| fault.to_string())
    }

    /// A stack with an endpoint and its scaling.
    fn with_stack() -> LocalAws {
        let mut aws = LocalAws::default();
        for (logical_id, resource_type, physical_id) in [
            ("Endpoint", "AWS::SageMaker::Endpoint", Some("prod")),
            ("Scaling", "Custom::SageMakerScalableTarget", None),
        ] {
            let resource = json!({
                "StackId": STACK,
                "LogicalResourceId": logical_id,
                "ResourceType": resource_type,
                "PhysicalResourceId": physical_id,
            });
            control(&mut aws, "SetStackResource", &resource);
        }
        aws
    }

    #[test]
    fn a_stack_is_described_with_its_tags_by_id_and_by_name() {
        let mut aws = LocalAws::default();
        let missing = described(&mut aws, "Stacks", &json!({ "StackName": STACK }));
        assert_eq!(missing, Err(format!("ValidationError: Stack with id {STACK} does not exist")));
        control(&mut aws, "SetStackTags", &json!({ "StackId": STACK, "Tags": { "team": "ml" } }));
        let of_stack = json!({ "StackName": STACK, "LogicalResourceId": "Scaling" });
        let unknown = described(&mut aws, "StackResource", &of_stack);
        assert_eq!(unknown, Err(format!("ValidationError: Stack '{STACK}' does not exist")));
        control(&mut aws, "SetStack", &json!({ "StackId": STACK, "StackStatus": "UPDATE_IN_PROGRESS" }));
        assert!(described(&mut aws, "StackResource", &of_stack).unwrap_err().contains("does not exist for stack"));
        for name in [STACK, "demo"] {
            let found = described(&mut aws, "Stacks", &json!({ "StackName": name })).expect("it exists");
            let found = &found["Stacks"][0];
            assert_eq!(found["Tags"], json!([{ "Key": "team", "Value": "ml" }]));
            assert_eq!((&found["StackName"], &found["StackStatus"]), (&json!("demo"), &json!("UPDATE_IN_PROGRESS")));
            assert_eq!(found["CreationTime"], "1970-01-01T00:01:40Z");
            assert_eq!(found["LastUpdatedTime"], "1970-01-01T00:01:40Z");
        }
    }

    #[test]
    fn a_deleted_stack_and_its_resources_are_found_by_the_stack_id_only() {
        let mut aws = with_stack();
        let retained = json!({
            "StackId": STACK,
            "LogicalResourceId": "Retained",
            "ResourceType": "Custom::SageMakerScalableTarget",
            "PhysicalResourceId": "kept",
            "ResourceStatus": "DELETE_SKIPPED",
        });
        control(&mut aws, "SetStackResource", &retained);
        control(&mut aws, "SetStack", &json!({ "StackId": STACK, "StackStatus": "DELETE_COMPLETE" }));

        let found = described(&mut aws, "Stacks", &json!({ "StackName": STACK })).expect("found by its id");
        assert_eq!(found["Stacks"][0]["StackStatus"], "DELETE_COMPLETE");
        assert_eq!(found["Stacks"][0]["DeletionTime"], "1970-01-01T00:01:40Z");
        let found = described(&mut aws, "StackResources", &json!({ "StackName": STACK })).expect("found by its id");
        let statuses = found["StackResources"].as_array().expect("a list").iter();
        let statuses: Vec<_> = statuses.map(|resource| resource["ResourceStatus"].as_str().expect("text")).collect();
        assert_eq!(statuses, ["DELETE_COMPLETE", "DELETE_SKIPPED", "DELETE_COMPLETE"]);

        assert_eq!(described(&mut aws, "Stacks", &json!({})), Ok(json!({ "Stacks": [] })));
        for (what, input) in [
            ("Stacks", json!({ "StackName": "demo" })),
            ("StackResources", json!({ "StackName": "demo" })),
            ("StackResources", json!({ "PhysicalResourceId": "prod" })),
            ("StackResource", json!({ "StackName": "demo", "LogicalResourceId": "Scaling" })),
        ] {
            described(&mut aws, what, &input).unwrap_err();
        }
    }

    #[test]
    fn all_stacks_are_described_in_pages() {
        let mut aws = LocalAws::default();
        for n in 0..150 {
            control(&mut aws, "SetStack", &json!({ "StackId": format!("arn:stack/demo-{n:03}/1") }));
        }
        let first = described(&mut aws, "Stacks", &json!({ "MaxResults": "7" })).expect("a page");
        let rest = described(&mut aws, "Stacks", &json!({ "NextToken": first["NextToken"] })).expect("a page");
        let names = |page: &Value| page["Stacks"].as_array().expect("a list").len();
        assert_eq!((names(&first), names(&rest), rest.get("NextToken")), (100, 50, None));
        assert_eq!(rest["Stacks"][49]["StackName"], "demo-149");
        let invalid = described(&mut aws, "Stacks", &json!({ "NextToken": "7" })).unwrap_err();
        assert!(invalid.starts_with("ValidationError"), "{invalid}");
    }

    #[test]
    fn a_resource_is_described_until_it_is_removed_from_its_stack() {
        let mut aws = with_stack();
        let about = json!({ "StackName": STACK, "LogicalResourceId": "Scaling" });
        assert_eq!(
            described(&mut aws, "StackResource", &about),
            Ok(json!({ "StackResourceDetail": {
                "StackId": STACK,
                "StackName": "demo",
                "LogicalResourceId": "Scaling",
                "ResourceType": "Custom::SageMakerScalableTarget",
                "ResourceStatus": "CREATE_COMPLETE",
                "LastUpdatedTimestamp": "1970-01-01T00:01:40Z",
            } }))
        );
        control(&mut aws, "RemoveStackResource", &json!({ "StackId": STACK, "LogicalResourceId": "Scaling" }));
        let missing = Err(format!("ValidationError: Resource Scaling does not exist for stack {STACK}"));
        assert_eq!(described(&mut aws, "StackResource", &about), missing);
        assert_eq!(described(&mut aws, "StackResources", &about), missing);
        let about = json!({ "StackName": "other", "LogicalResourceId": "Scaling" });
        let missing = Err("ValidationError: Stack 'other' does not exist".to_owned());
        assert_eq!(described(&mut aws, "StackResource", &about), missing);
    }

    #[test]
    fn resources_are_found_by_their_stack_or_by_the_physical_id_of_one() {
        let mut aws = with_stack();
        let logical_ids = |aws: &mut LocalAws, input: Value| {
            let found = described(aws, "StackResources", &input)?;
            let found = found["StackResources"].as_array().expect("a list").iter();
            Ok(found.map(|resource| resource["LogicalResourceId"].as_str().expect("text").to_owned()).collect())
        };
        let both = Ok(vec!["Endpoint".to_owned(), "Scaling".to_owned()]);
        assert_eq!(logical_ids(&mut aws, json!({ "StackName": "demo" })), both);
        assert_eq!(logical_ids(&mut aws, json!({ "PhysicalResourceId": "prod" })), both);
        let one = json!({ "StackName": STACK, "LogicalResourceId": "Endpoint" });
        assert_eq!(logical_ids(&mut aws, one), Ok(vec!["Endpoint".to_owned()]));
        for (input, message) in [
            (json!({ "StackName": "other" }), "Stack with id other does not exist"),
            (json!({ "PhysicalResourceId": "other" }), "Stack for other does not exist"),
            (json!({ "PhysicalResourceId": "prod", "StackName": "demo" }), "not both"),
            (json!({}), "not both"),
        ] {
            let refused: Result<Vec<String>, String> = logical_ids(&mut aws, input);
            assert!(refused.as_ref().is_err_and(|refused| refused.ends_with(message)), "{refused:?}");
        }
        for n in 0..100 {
            let resource = json!({ "StackId": STACK, "LogicalResourceId": format!("R{n}"), "ResourceType": "T" });
            control(&mut aws, "SetStackResource", &resource);
        }
        assert_eq!(logical_ids(&mut aws, json!({ "StackName": "demo" })).map(|ids| ids.len()), Ok(100));
    }
}

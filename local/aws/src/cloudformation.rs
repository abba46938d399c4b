//! The tags of stacks. This model has no stacks: a test control, or the CloudFormation beside it, says which there are.
//!
//! API: <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html>

use serde_json::{Map, Value, json};

use crate::protocol::fault::{Fault, OperationResult};
use crate::protocol::input::Input;
use crate::state::LocalAws;

impl LocalAws {
    /// Sets the tags of a stack, which exists from now on.
    pub(crate) fn set_stack_tags(&mut self, stack_id: &str, tags: Map<String, Value>) {
        self.stack_tags.insert(stack_id.to_owned(), tags);
    }

    pub(crate) fn describe_stacks(&self, input: Input<'_>) -> OperationResult {
        let stack_id = input.text("StackName")?;
        // Users report this code and text.
        let missing = || Fault::new("ValidationError", format!("Stack with id {stack_id} does not exist"));
        let tags = self.stack_tags.get(stack_id).ok_or_else(missing)?;
        let tags: Vec<_> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        let name = stack_id.split('/').nth(1).unwrap_or(stack_id);
        let capabilities = ["CAPABILITY_IAM"];
        let parameters = [json!({ "ParameterKey": "EndpointName", "ParameterValue": "prod" })];
        let stack = json!({
            "StackId": stack_id,
            "StackName": name,
            "Parameters": parameters,
            "Capabilities": capabilities,
            "Tags": tags,
        });
        Ok(json!({ "Stacks": [stack] }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_described_with_its_tags_once_it_is_known() {
        let mut aws = LocalAws::default();
        let describe = json!({ "StackName": "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/1" });
        let fault = aws.call("CloudFormation.DescribeStacks", &describe, 0.0).unwrap_err();
        assert_eq!(fault.code, "ValidationError");
        let tags = json!({ "StackId": describe["StackName"], "Tags": { "team": "ml" } });
        aws.call("LocalAws.SetStackTags", &tags, 0.0).expect("an object");
        let found = aws.call("CloudFormation.DescribeStacks", &describe, 0.0).expect("it exists");
        assert_eq!(found["Stacks"][0]["Tags"], json!([{ "Key": "team", "Value": "ml" }]));
        assert_eq!(found["Stacks"][0]["StackName"], "demo");
    }
}

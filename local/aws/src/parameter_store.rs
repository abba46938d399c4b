//! The operations of Systems Manager Parameter Store. Names are case-sensitive.
//!
//! API: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html> and its neighbours,
//! which is also the source of every rule that names no other. Assumed (belief error-texts): the texts.

use serde_json::{Value, json};

use crate::protocol::fault::{Fault, OperationResult};
use crate::protocol::input::{Input, required};
use crate::protocol::pagination::Pages;
use crate::state::LocalAws;
use crate::state::parameter::Parameter;

impl LocalAws {
    pub(crate) fn put_parameter(&mut self, input: Input<'_>, now: f64) -> OperationResult {
        let (name, value) = (read_parameter_name(input)?, input.text("Value")?);
        let stored = self.parameters.get(name);
        let overwrite = input.flag("Overwrite")?;
        if stored.is_some() && !overwrite {
            let message = "The parameter already exists. To overwrite this value, set the overwrite option in the \
                           request to true.";
            return Err(Fault::new("ParameterAlreadyExists", message));
        }
        if overwrite && input.get("Tags").is_some() {
            return Err(Fault::validation("Invalid request: tags and overwrite can't be used together."));
        }
        let kind = input.optional_text("Type")?.or_else(|| Some(&stored?.kind));
        let kind = required("Type", kind)?.to_owned();
        // "You can't include values wrapped in double brackets {{}}"
        if value.is_empty() || value.split_once("{{").is_some_and(|(_, rest)| rest.contains("}}")) {
            return Err(Fault::validation("The parameter value is empty, or refers to another parameter"));
        }
        // "You can't revert an advanced parameter to a standard parameter."
        let was_advanced = stored.is_some_and(|stored| stored.is_advanced);
        let is_advanced = match input.optional_text("Tier")? {
            Some("Advanced") => true,
            Some("Intelligent-Tiering") => was_advanced || value.len() > STANDARD_MAX,
            Some(_) | None => was_advanced,
        };
        let max = if is_advanced { 2 * STANDARD_MAX } else { STANDARD_MAX };
        if value.len() > max {
            let tier = tier(is_advanced);
            return Err(Fault::validation(format!(
                "{tier} tier parameters support a maximum parameter value of {max} characters."
            )));
        }
        let version = stored.map_or(0, |stored| stored.version) + 1;
        let tags = stored.map_or_else(|| input.get("Tags").cloned(), |stored| stored.tags.clone());
        let parameter = Parameter { value: value.to_owned(), kind, is_advanced, version, modified: now, tags };
        self.parameters.insert(name.to_owned(), parameter);
        Ok(json!({ "Version": version, "Tier": tier(is_advanced) }))
    }

    pub(crate) fn get_parameter(&self, input: Input<'_>) -> OperationResult {
        let name = input.text("Name")?;
        self.parameters
            .get(name)
            .map(|parameter| json!({ "Parameter": self.describe_parameter(name, parameter) }))
            .ok_or_else(not_found)
    }

    pub(crate) fn get_parameters_by_path(&self, input: Input<'_>) -> OperationResult {
        let path = input.text("Path")?;
        if !path.starts_with('/') {
            return Err(Fault::validation("The parameter path must begin with a slash"));
        }
        let recursive = input.flag("Recursive")?;
        let is_below_path = |name: &str| {
            let rest = name.strip_prefix(path.trim_end_matches('/')).and_then(|rest| rest.strip_prefix('/'));
            rest.is_some_and(|rest| recursive || !rest.contains('/'))
        };
        let found = self.parameters.iter().filter(|(name, _)| is_below_path(name));
        let items = found.map(|(name, parameter)| (name.clone(), self.describe_parameter(name, parameter)));
        Pages { list: "Parameters", max_results: 10, invalid_token: "InvalidNextToken" }.page(input, items.collect())
    }

    pub(crate) fn delete_parameter(&mut self, input: Input<'_>) -> OperationResult {
        self.parameters.remove(input.text("Name")?).map(|_| json!({})).ok_or_else(not_found)
    }

    /// The tags of a parameter, as its creation gave them.
    pub(crate) fn list_tags_of_parameter(&self, input: Input<'_>) -> OperationResult {
        let parameter = self.parameters.get(input.text("ResourceId")?);
        let missing = || Fault::new("InvalidResourceId", "");
        let tags = parameter.filter(|_| input.text("ResourceType").is_ok_and(|kind| kind == "Parameter"));
        Ok(json!({ "TagList": tags.ok_or_else(missing)?.tags.clone().unwrap_or_else(|| json!([])) }))
    }

    fn describe_parameter(&self, name: &str, parameter: &Parameter) -> Value {
        json!({
            "Name": name,
            "Type": parameter.kind,
            "Value": parameter.value,
            "Version": parameter.version,
            "LastModifiedDate": parameter.modified,
            "ARN": self.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/'))),
            "DataType": "text",
        })
    }
}

fn read_parameter_name(input: Input<'_>) -> Result<&str, Fault> {
    let name = input.text("Name")?;
    let first = name.trim_start_matches('/').to_ascii_lowercase();
    if first.starts_with("aws") || first.starts_with("ssm") {
        return Err(Fault::validation("Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive)."));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte);
    // A name in a hierarchy begins with a slash and has no empty part.
    let levels = name.strip_prefix('/').map_or_else(|| vec![name], |rest| rest.split('/').collect());
    if name.len() > MAX_NAME || !name.bytes().all(allowed) || levels.iter().any(|part| part.is_empty()) {
        return Err(Fault::validation(format!("Parameter name: {name:?} is not allowed")));
    }
    if !name.starts_with('/') && name.contains('/') {
        return Err(Fault::validation("Parameter name: must be a fully qualified name."));
    }
    if levels.len() > MAX_LEVELS {
        let message = format!("A hierarchy can have a maximum of {MAX_LEVELS} levels.");
        return Err(Fault::new("HierarchyLevelLimitExceededException", message));
    }
    Ok(name)
}

fn not_found() -> Fault {
    Fault::new("ParameterNotFound", "")
}

fn tier(is_advanced: bool) -> &'static str {
    if is_advanced { "Advanced" } else { "Standard" }
}

// "Standard parameters have a value limit of 4 KB. Advanced parameters have a value limit of 8 KB."
const STANDARD_MAX: usize = 4096;
const MAX_LEVELS: usize = 15;
const MAX_NAME: usize = 1011;

#[cfg(test)]
mod tests {
    use super::*;

    fn put(aws: &mut LocalAws, name: &str, value: &str, more: &[(&str, Value)]) -> OperationResult {
        let mut input = json!({ "Name": name, "Value": value, "Type": "String" });
        input
            .as_object_mut()
            .expect("an object")
            .extend(more.iter().map(|(key, value)| ((*key).into(), value.clone())));
        aws.call("AmazonSSM.PutParameter", &input, 7.0)
    }

    #[test]
    fn a_parameter_is_overwritten_only_with_the_option_and_counts_its_versions() {
        let mut aws = LocalAws::default();
        put(&mut aws, "/a/b", "1", &[]).expect("it is new");
        assert_eq!(put(&mut aws, "/a/b", "2", &[]).unwrap_err().code, "ParameterAlreadyExists");
        put(&mut aws, "/a/b", "3", &[("Overwrite", json!(true)), ("Tags", json!([]))]).unwrap_err();
        put(&mut aws, "/a/b", "3", &[("Overwrite", json!(true))]).expect("overwrites");
        let shown = aws.call("AmazonSSM.GetParameter", &json!({ "Name": "/a/b" }), 8.0).expect("it exists");
        assert_eq!(
            shown["Parameter"],
            json!({
                "Name": "/a/b",
                "Type": "String",
                "Value": "3",
                "Version": 2,
                "LastModifiedDate": 7.0,
                "ARN": "arn:aws:ssm:us-east-1:111122223333:parameter/a/b",
                "DataType": "text",
            })
        );
    }

    #[test]
    fn a_parameter_has_the_tags_of_its_creation() {
        let mut aws = LocalAws::default();
        let tags = json!([{ "Key": "k", "Value": "v" }]);
        put(&mut aws, "/a", "1", &[("Tags", tags.clone())]).expect("it is new");
        put(&mut aws, "/a", "2", &[("Overwrite", json!(true))]).expect("overwrites");
        let mut tags_of = |name: &str| {
            aws.call("AmazonSSM.ListTagsForResource", &json!({ "ResourceType": "Parameter", "ResourceId": name }), 8.0)
        };
        assert_eq!(tags_of("/a").expect("it exists")["TagList"], tags);
        assert_eq!(tags_of("/b").unwrap_err().code, "InvalidResourceId");
    }

    #[test]
    fn a_missing_parameter_is_parameter_not_found() {
        let mut aws = LocalAws::default();
        put(&mut aws, "/a", "1", &[]).expect("it is new");
        aws.call("AmazonSSM.DeleteParameter", &json!({ "Name": "/a" }), 8.0).expect("it exists");
        for operation in ["AmazonSSM.DeleteParameter", "AmazonSSM.GetParameter"] {
            assert_eq!(aws.call(operation, &json!({ "Name": "/a" }), 8.0).unwrap_err().code, "ParameterNotFound");
        }
    }

    #[test]
    fn a_path_lists_the_parameters_directly_below_it_or_recursively_all() {
        let mut aws = LocalAws::default();
        for name in ["/p/a", "/p/b", "/p/c/d", "/pq/e"] {
            put(&mut aws, name, "1", &[]).expect("it is new");
        }
        let mut names = |input: Value| -> Vec<String> {
            let answer = aws.call("AmazonSSM.GetParametersByPath", &input, 8.0).expect("a path");
            let list = answer["Parameters"].as_array().expect("a list");
            list.iter().map(|parameter| parameter["Name"].as_str().expect("a name").to_owned()).collect()
        };
        assert_eq!(names(json!({ "Path": "/p" })), ["/p/a", "/p/b"]);
        assert_eq!(names(json!({ "Path": "/p/", "Recursive": true })), ["/p/a", "/p/b", "/p/c/d"]);
        assert_eq!(names(json!({ "Path": "/p/a", "Recursive": true })), [""; 0]);
    }

    #[test]
    fn long_values_need_the_advanced_tier() {
        let mut aws = LocalAws::default();
        let tiering = ("Tier", json!("Intelligent-Tiering"));
        put(&mut aws, "/a", &"x".repeat(4097), &[]).unwrap_err();
        let answer = put(&mut aws, "/a", &"x".repeat(4097), std::slice::from_ref(&tiering)).expect("an advanced one");
        assert_eq!(answer["Tier"], "Advanced");
        put(&mut aws, "/b", &"x".repeat(8193), &[tiering]).unwrap_err();
    }

    #[test]
    fn invalid_names_and_values_are_rejected() {
        let mut aws = LocalAws::default();
        for name in ["/a:b", "/aws/a", "ssm-a", "a/b", "/a//b", "/a/", &"/a".repeat(16)] {
            put(&mut aws, name, "1", &[]).unwrap_err();
        }
        for value in ["", "{{ssm:other}}"] {
            put(&mut aws, "/a", value, &[]).unwrap_err();
        }
        put(&mut aws, "/a", r#"{"a":{"b":{}}}"#, &[]).expect("JSON is not a reference");
    }
}

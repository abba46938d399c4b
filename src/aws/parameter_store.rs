//! Parameter Store of Systems Manager, which keeps the snapshots.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html> and its neighbours.

use std::fmt::Debug;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::clients::{Aws, Reads};
use super::error::{AwsError, ChangeError, unless_outdated};
use super::operation::Operation;
use crate::request::Freshness;

/// A parameter.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Parameter {
    /// Its full name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Reads<'_> {
    /// The value of a parameter.
    pub async fn get_parameter(&self, name: &str) -> Result<Option<String>, AwsError> {
        match self.call_ssm::<GetParameterOutput>(Operation::GetParameter, name, json!({ "Name": name })).await {
            Ok(output) => Ok(Some(output.parameter.value)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All parameters below a path.
    pub async fn get_parameters(&self, path: &str) -> Result<Vec<Parameter>, AwsError> {
        let mut input = json!({ "Path": path, "Recursive": true });
        let mut found = Vec::new();
        loop {
            let page: GetParametersByPathOutput =
                self.call_ssm(Operation::GetParametersByPath, path, input.clone()).await?;
            found.extend(page.parameters);
            let Some(token) = page.next_token.filter(|token| !token.is_empty()) else { return Ok(found) };
            input["NextToken"] = json!(token);
        }
    }

    async fn call_ssm<O>(&self, operation: Operation, name: &str, input: Value) -> Result<O, AwsError>
    where
        O: DeserializeOwned + Debug + Send + Sync + 'static,
    {
        let attempt = async || self.clients.ssm.call(operation, input.clone()).await;
        self.call(operation, &format!("parameter {name}"), attempt).await
    }
}

impl Aws<'_> {
    /// Writes a parameter, for a fresh request.
    pub async fn put_parameter(&self, name: &str, value: &str) -> Result<(), ChangeError> {
        let tier = "Intelligent-Tiering";
        let input = json!({ "Name": name, "Value": value, "Type": "String", "Overwrite": true, "Tier": tier });
        let is_wanted = async || self.ensure_freshness(Freshness::Fresh).await;
        self.change_ssm(Operation::PutParameter, name, is_wanted, input).await
    }

    /// Deletes a parameter that has this value. Reads it before each attempt, and keeps a newer value. Before a retry,
    /// `is_wanted` checks the other preconditions. Succeeds if the parameter does not exist.
    pub async fn delete_parameter(
        &self,
        name: &str,
        value: &str,
        mut is_wanted: impl AsyncFnMut() -> Result<(), ChangeError>,
    ) -> Result<(), AwsError> {
        let has_value = async || match self.get_parameter(name).await? {
            Some(found) if found == value => Ok(()),
            _ => Err(ChangeError::Outdated),
        };
        let before_retry = async || {
            is_wanted().await?;
            has_value().await
        };
        let delete = async {
            has_value().await?;
            self.change_ssm(Operation::DeleteParameter, name, before_retry, json!({ "Name": name })).await
        };
        match unless_outdated(delete.await) {
            Err(error) if is_missing(&error) => Ok(()),
            done => done.map(drop),
        }
    }

    async fn change_ssm(
        &self,
        operation: Operation,
        name: &str,
        is_wanted: impl AsyncFnMut() -> Result<(), ChangeError>,
        input: Value,
    ) -> Result<(), ChangeError> {
        let attempt = async || self.clients.ssm.call::<Value>(operation, input.clone()).await;
        self.change(operation, &format!("parameter {name}"), is_wanted, attempt).await.map(drop)
    }
}

fn is_missing(error: &AwsError) -> bool {
    error.code() == Some("ParameterNotFound")
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParameterOutput {
    parameter: Parameter,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParametersByPathOutput {
    parameters: Vec<Parameter>,
    next_token: Option<String>,
}

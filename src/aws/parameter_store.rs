//! The calls to Parameter Store, where parked targets are kept.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html> and its neighbours.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Aws;
use super::json::Operation;
use crate::error::AwsError;
use crate::retry::until_deadline;

/// A parameter.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub struct Parameter {
    /// Its full name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl Aws<'_> {
    /// Keeps a value, in place of one that is there.
    pub async fn put_parameter(&self, name: &str, value: String) -> Result<(), AwsError> {
        let tier = "Intelligent-Tiering";
        let request = PutParameter { name: name.to_owned(), value, r#type: "String", overwrite: true, tier };
        self.call_ssm(name, &request).await.map(drop)
    }

    /// The value of a parameter, or nothing where there is none.
    pub async fn parameter(&self, name: &str) -> Result<Option<String>, AwsError> {
        match self.call_ssm(name, &GetParameter { name: name.to_owned() }).await {
            Ok(output) => Ok(Some(output.parameter.value)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All parameters below a path.
    pub async fn parameters(&self, path: &str) -> Result<Vec<Parameter>, AwsError> {
        let mut request = GetParametersByPath { path: path.to_owned(), recursive: true, next_token: None };
        let mut found = Vec::new();
        loop {
            let page = self.call_ssm(path, &request).await?;
            found.extend(page.parameters);
            request.next_token = page.next_token.filter(|token| !token.is_empty());
            if request.next_token.is_none() {
                return Ok(found);
            }
        }
    }

    /// Deletes a parameter; one that is gone already is a success. Returns whether there was one.
    pub async fn delete_parameter(&self, name: &str) -> Result<bool, AwsError> {
        match self.call_ssm(name, &DeleteParameter { name: name.to_owned() }).await {
            Err(error) if is_missing(&error) => Ok(false),
            done => done.map(|_| true),
        }
    }

    async fn call_ssm<O: Operation + Clone>(&self, name: &str, request: &O) -> Result<O::Output, AwsError> {
        let call = async || self.clients.ssm.call(request.clone()).await;
        until_deadline(O::NAME, &format!("parameter {name}"), self, call).await
    }
}

fn is_missing(error: &AwsError) -> bool {
    error.code() == Some("ParameterNotFound")
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PutParameter {
    name: String,
    value: String,
    r#type: &'static str,
    overwrite: bool,
    tier: &'static str,
}

impl Operation for PutParameter {
    const NAME: &'static str = "PutParameter";
    type Output = Value;
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetParameter {
    name: String,
}

impl Operation for GetParameter {
    const NAME: &'static str = "GetParameter";
    type Output = GetParameterOutput;
}

/// What of the reply is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParameterOutput {
    parameter: Parameter,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetParametersByPath {
    path: String,
    recursive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

impl Operation for GetParametersByPath {
    const NAME: &'static str = "GetParametersByPath";
    type Output = GetParametersByPathOutput;
}

/// What of the reply is read.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetParametersByPathOutput {
    parameters: Vec<Parameter>,
    next_token: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeleteParameter {
    name: String,
}

impl Operation for DeleteParameter {
    const NAME: &'static str = "DeleteParameter";
    type Output = Value;
}

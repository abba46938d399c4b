//! Requests as CloudFormation sends them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::{Value, json};

use crate::function::FUNCTION_ARN;
use crate::secrets::SIGNATURE;

/// The stack of every request.
pub const STACK: &str = "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/6c1c1f2e-8a3b-4a55-9b9f-0a1b2c3d4e5f";
/// The `ResourceId` of the target of every request.
pub const MY_VARIANT: &str = "endpoint/MyEndPoint/variant/MyVariant";
/// The physical id of the resource of every request.
pub const ID: &str = "endpoint/MyEndPoint/variant/MyVariant|sagemaker:variant:DesiredInstanceCount|sagemaker";
/// The `ResourceId` of that target with the endpoint's name in lower case, as in its ARN.
pub const LOWER: &str = "endpoint/myendpoint/variant/MyVariant";
/// The physical id of the resource of every request, likewise.
pub const LOWER_ID: &str = "endpoint/myendpoint/variant/MyVariant|sagemaker:variant:DesiredInstanceCount|sagemaker";
/// The `ResourceId` of the endpoint's other variant.
pub const MY_OTHER_VARIANT: &str = "endpoint/MyEndPoint/variant/MyOtherVariant";
/// The physical id of a resource for the other variant.
pub const OTHER_ID: &str =
    "endpoint/MyEndPoint/variant/MyOtherVariant|sagemaker:variant:DesiredInstanceCount|sagemaker";
/// The physical id of a Create that failed before it registered anything.
pub const NOT_REGISTERED: &str = "not-registered|Scaling";
/// A physical id as CloudFormation invents it for a Create that nobody answered.
pub const INVENTED: &str = "demo-Scaling-1A2B3C4D5E6F";

/// A request, which tests change as they need it.
#[derive(Clone, Debug)]
pub struct Request(pub Value);

/// A Create of a resource for `MyVariant` of `MyEndPoint`.
pub fn create() -> Request {
    Request(json!({
        "RequestType": "Create",
        "ServiceToken": FUNCTION_ARN,
        "ResponseURL": format!(
            "https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/arn%3Aaws%3Acloudformation%3A\
             us-east-1%3A111122223333%3Astack/demo/6c1c1f2e%7CScaling%7Cr-1?X-Amz-Algorithm=AWS4-HMAC-SHA256\
             &X-Amz-Expires=7200&X-Amz-Signature={SIGNATURE}"
        ),
        "StackId": STACK,
        "RequestId": "r-1",
        "LogicalResourceId": "Scaling",
        "ResourceType": "Custom::SageMakerScalableTarget",
        "ResourceProperties": {
            "ServiceToken": FUNCTION_ARN,
            "EndpointName": "MyEndPoint",
            "VariantName": "MyVariant",
            "MinCapacity": "1",
            "MaxCapacity": "8",
        },
    }))
}

/// An Update of the resource of `create()`; the old properties are those of `create()`.
pub fn update() -> Request {
    let old = create().0["ResourceProperties"].clone();
    create()
        .field("RequestType", json!("Update"))
        .field("PhysicalResourceId", json!(ID))
        .field("OldResourceProperties", old)
}

/// A Delete of the resource of `create()`.
pub fn delete() -> Request {
    create().field("RequestType", json!("Delete")).field("PhysicalResourceId", json!(ID))
}

/// A Create of a gate that lets an endpoint change to a configuration.
pub fn create_gate(endpoint: &str, config: &str) -> Request {
    create()
        .field("ResourceType", json!("Custom::SageMakerEndpointUpdateGate"))
        .field("LogicalResourceId", json!("Gate"))
        .field("ResourceProperties", json!({ "EndpointName": endpoint, "EndpointConfigName": config }))
}

/// An Update of a gate from one configuration to another.
pub fn update_gate(endpoint: &str, from: &str, to: &str) -> Request {
    create_gate(endpoint, to)
        .field("RequestType", json!("Update"))
        .field("OldResourceProperties", create_gate(endpoint, from).0["ResourceProperties"].clone())
        .of(&gate_id(endpoint, from))
}

/// A Delete of a gate.
pub fn delete_gate(endpoint: &str, config: &str) -> Request {
    create_gate(endpoint, config).field("RequestType", json!("Delete")).of(&gate_id(endpoint, config))
}

/// The physical id of a gate.
pub fn gate_id(endpoint: &str, config: &str) -> String {
    format!("endpoint/{endpoint}/config/{config}|update-gate")
}

/// The requests in `events/`, in the order of their files' names.
pub fn events() -> Vec<Request> {
    let files =
        files("events").into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.map(|path| Request(serde_json::from_slice(&fs::read(path).expect("an event")).expect("JSON"))).collect()
}

/// The files of a folder of this repository, in the order of their names.
pub fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
    let entries = fs::read_dir(folder).expect("a folder of this repository");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

impl Request {
    /// Sets a field of the envelope.
    pub fn field(mut self, name: &str, value: Value) -> Self {
        self.0[name] = value;
        self
    }

    /// Removes a field of the envelope.
    pub fn without(mut self, name: &str) -> Self {
        self.0.as_object_mut().expect("an object").remove(name);
        self
    }

    /// Sets a property.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.0["ResourceProperties"][name] = value;
        self
    }

    /// Sets an old property.
    pub fn with_old(mut self, name: &str, value: Value) -> Self {
        self.0["OldResourceProperties"][name] = value;
        self
    }

    /// Sets the physical id.
    pub fn of(self, id: &str) -> Self {
        self.field("PhysicalResourceId", json!(id))
    }

    /// Moves the request to another stack.
    pub fn in_stack(self, name: &str) -> Self {
        self.field("StackId", json!(format!("arn:aws:cloudformation:us-east-1:111122223333:stack/{name}/1")))
    }

    /// The request as it arrives `seconds` after CloudFormation made it.
    pub fn late(self, seconds: u64) -> Self {
        let made = DateTime::from(SystemTime::now() - Duration::from_secs(seconds));
        let made = DateTime::from_secs(made.secs()).fmt(Format::DateTime).expect("a date");
        let date = made.replace(['-', ':'], "");
        let url = self.0["ResponseURL"].as_str().expect("text");
        let url = url.replace("X-Amz-Expires", &format!("X-Amz-Date={date}&X-Amz-Expires"));
        self.field("ResponseURL", json!(url))
    }

    /// The request as it arrives years after CloudFormation made it.
    pub fn from_years_ago(self) -> Self {
        let url = format!("https://b.s3.amazonaws.com/p?X-Amz-Date=20190101T000000Z&X-Amz-Signature={SIGNATURE}");
        self.field("ResponseURL", json!(url))
    }
}

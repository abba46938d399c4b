//! Requests as CloudFormation sends them.

use serde_json::{Value, json};

pub(crate) const STACK: &str =
    "arn:aws:cloudformation:us-east-1:111122223333:stack/demo/6c1c1f2e-8a3b-4a55-9b9f-0a1b2c3d4e5f";
pub(crate) const ID: &str = "endpoint/MyEndPoint/variant/MyVariant|sagemaker:variant:DesiredInstanceCount|sagemaker";
pub(crate) const SIGNATURE: &str = "5b1f0c1de4f6canarysignature0123456789abcdef0123456789abcdef012345";

/// A request that tests change as they need it.
#[derive(Clone, Debug)]
pub(crate) struct Request(pub(crate) Value);

pub(crate) fn create() -> Request {
    Request(json!({
        "RequestType": "Create",
        "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:sagemaker-scaling",
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
            "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:sagemaker-scaling",
            "EndpointName": "MyEndPoint",
            "VariantName": "MyVariant",
            "MinCapacity": "1",
            "MaxCapacity": "8",
        },
    }))
}

/// An Update of what `create()` made; the old properties are those of `create()`.
pub(crate) fn update() -> Request {
    let old = create().0["ResourceProperties"].clone();
    create()
        .field("RequestType", json!("Update"))
        .field("PhysicalResourceId", json!(ID))
        .field("OldResourceProperties", old)
}

/// A Delete of what `create()` made.
pub(crate) fn delete() -> Request {
    create().field("RequestType", json!("Delete")).field("PhysicalResourceId", json!(ID))
}

impl Request {
    /// With another field of the envelope.
    pub(crate) fn field(mut self, name: &str, value: Value) -> Self {
        self.0[name] = value;
        self
    }

    /// Without a field of the envelope.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.as_object_mut().expect("an object").remove(name);
        self
    }

    /// With another property.
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.0["ResourceProperties"][name] = value;
        self
    }

    /// With another old property.
    pub(crate) fn with_old(mut self, name: &str, value: Value) -> Self {
        self.0["OldResourceProperties"][name] = value;
        self
    }

    /// Of another physical id.
    pub(crate) fn of(self, id: &str) -> Self {
        self.field("PhysicalResourceId", json!(id))
    }

    /// From another stack.
    pub(crate) fn in_stack(self, name: &str) -> Self {
        self.field("StackId", json!(format!("arn:aws:cloudformation:us-east-1:111122223333:stack/{name}/1")))
    }
}

//! The replies that `make conformance` has recorded in `conformance/bodies`, as the function reads them. A server on loopback
//! answers the function's own call with the status, the headers and the body of a file.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use test_support::function::{
    Attachment, AttachmentKind, Aws, AwsError, ChangeError, ConfiguredVariant, Deadline, Endpoint, Freshness,
    FunctionArn, Lifecycle, Owner, Parameter, Precondition, Progress, Reads, RegisterError, ScalableTargetId,
    SentRequest, Tags, TargetSpec, TargetState, services, shipped_connector,
};
use test_support::http::Received;
use test_support::loopback::{Act, Server};

/// Long enough for retries: the function retries some errors until its time is up.
const INVOCATION: Duration = Duration::from_secs(4);
/// The operations whose successful replies the function does not read.
const UNREAD: [&str; 8] = [
    "DeleteParameter",
    "DeleteScalingPolicy",
    "DeleteScheduledAction",
    "DeregisterScalableTarget",
    "PutParameter",
    "PutScheduledAction",
    "TagResource",
    "UntagResource",
];

/// A file of `conformance/bodies`.
#[derive(Clone, Debug, Deserialize)]
struct Recorded {
    #[serde(skip)]
    file: String,
    service: String,
    operation: String,
    /// The members of the call.
    request: Value,
    status: u16,
    headers: HashMap<String, String>,
    /// The text of the file, because JSON can write a number in several forms.
    response: Box<RawValue>,
}

/// What the function reads from a reply: an output, or the code of an error.
type Outcome = Result<Value, Option<String>>;

impl Recorded {
    fn is_success(&self) -> bool {
        self.status < 300
    }

    /// The body as it was sent. XML is a string in the file.
    fn body(&self) -> String {
        serde_json::from_str(self.response.get()).unwrap_or_else(|_| self.response.get().to_owned())
    }

    fn act(&self) -> Act {
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        Act::Reply(self.status, headers.leak(), self.body())
    }

    fn member(&self, name: &str) -> &str {
        self.request[name].as_str().unwrap_or_else(|| panic!("{}: the request has no {name}", self.file))
    }

    fn target(&self) -> ScalableTargetId {
        let dimension = self.member("ScalableDimension");
        let resource = self.request["ResourceIds"][0].as_str().unwrap_or_else(|| self.member("ResourceId"));
        format!("{resource}|{dimension}|sagemaker").parse().expect("a target of SageMaker")
    }

    fn attachment(&self, kind: AttachmentKind) -> Attachment {
        let mut body = self.request.as_object().expect("members").clone();
        body.retain(|name, _| !["ResourceId", "ScalableDimension", "ServiceNamespace"].contains(&name.as_str()));
        Attachment { kind, body }
    }

    /// What the function has to read from the file.
    fn expected(&self) -> Outcome {
        let body = self.body();
        let json: Value = serde_json::from_str(&body).unwrap_or_default();
        if self.is_success() { Ok(self.expected_output(&json, &body)) } else { self.expected_error(&json, &body) }
    }

    fn expected_output(&self, json: &Value, body: &str) -> Value {
        let items = |list: &str| json[list].as_array().cloned().unwrap_or_default().into_iter();
        match self.operation.as_str() {
            "RegisterScalableTarget" => json["ScalableTargetARN"].clone(),
            "DescribeScalableTargets" => items("ScalableTargets").map(with_limits).next().unwrap_or_default(),
            "ListTagsForResource" => json["Tags"].clone(),
            "DescribeScalingPolicies" => items("ScalingPolicies").collect(),
            "DescribeScheduledActions" => items("ScheduledActions").collect(),
            "PutScalingPolicy" => json["PolicyARN"].clone(),
            "DescribeEndpoint" => {
                let variants: Value =
                    items("ProductionVariants").map(|variant| variant["VariantName"].clone()).collect();
                let created = json["CreationTime"].as_f64().map(|time| time as i64);
                json!([json["EndpointName"], json["EndpointConfigName"], json["EndpointStatus"], variants, created])
            }
            "DescribeEndpointConfig" => items("ProductionVariants")
                .map(|variant| json!([variant["VariantName"], variant["InstanceType"]]))
                .collect(),
            "DescribeScalingActivities" => {
                let has_failed = |activity: &Value| {
                    activity["StatusCode"] != "Successful" || activity.get("NotScaledReasons").is_some()
                };
                json!(items("ScalingActivities").filter(has_failed).count())
            }
            "DescribeInferenceComponent" => json["InferenceComponentStatus"].clone(),
            "GetParameter" => json["Parameter"]["Value"].clone(),
            "GetParametersByPath" => items("Parameters").map(|found| json!([found["Name"], found["Value"]])).collect(),
            "DescribeStackResource" => json!([element(body, "ResourceStatus"), element(body, "PhysicalResourceId")]),
            "DescribeStackResources" => json!(element(body, "PhysicalResourceId")),
            "DescribeStacks" => json!(element(body, "StackId")),
            _ => Value::Null,
        }
    }

    /// The code, or the output of an error that the function takes for a result.
    fn expected_error(&self, json: &Value, body: &str) -> Outcome {
        let code = self.headers.get("x-amzn-errortype").map(String::as_str).or_else(|| json["__type"].as_str());
        let code = code.map_or_else(|| element(body, "Code"), |code| bare(code).to_owned());
        match (self.operation.as_str(), code.as_str()) {
            ("RegisterScalableTarget", "ValidationException") if body.contains("already exists") => {
                Ok(json!("already registered"))
            }
            (
                "DeleteScalingPolicy" | "DeleteScheduledAction" | "DeregisterScalableTarget",
                "ObjectNotFoundException",
            )
            | ("UntagResource", "ResourceNotFoundException")
            | ("DeleteParameter" | "GetParameter", "ParameterNotFound") => Ok(Value::Null),
            (operation, "ValidationException")
                if operation.starts_with("Describe") && body.contains("Could not find") =>
            {
                Ok(Value::Null)
            }
            ("DescribeStacks", "ValidationError") if body.contains("does not exist") => Ok(Value::Null),
            _ => Err(Some(code)),
        }
    }

    /// Lets the function make the call. Returns what it reads.
    async fn read(&self, aws: &Aws<'_>) -> Outcome {
        match self.service.as_str() {
            "application-autoscaling" => self.read_scaling(aws).await,
            "cloudformation" => self.read_stack(aws).await,
            "lambda" => {
                // The name is in the path of the request.
                let function = FunctionArn::read("arn:aws:lambda:us-east-1:111122223333:function:f").expect("an ARN");
                read(aws.invoke(&function, "{}").await)
            }
            "sagemaker" => self.read_endpoint(aws).await,
            "ssm" => self.read_parameter(aws).await,
            service => panic!("{}: no test reads the replies of {service}", self.file),
        }
    }

    async fn read_scaling(&self, aws: &Aws<'_>) -> Outcome {
        match self.operation.as_str() {
            "DescribeScalableTargets" => read(
                aws.describe_target(&self.target()).await.map(|found| found.map(|found| with_limits(json!(found)))),
            ),
            "ListTagsForResource" => read(aws.tags(self.member("ResourceARN")).await),
            "DescribeScalingPolicies" => {
                read(aws.describe_attachments(&self.target(), AttachmentKind::ScalingPolicy).await)
            }
            "DescribeScheduledActions" => {
                read(aws.describe_attachments(&self.target(), AttachmentKind::ScheduledAction).await)
            }
            "DescribeScalingActivities" => {
                let found = aws.failed_activities(SystemTime::UNIX_EPOCH, Duration::ZERO).await;
                read(found.map(|(failed, _)| failed.len()))
            }
            "RegisterScalableTarget" => self.register(aws).await,
            "TagResource" | "UntagResource" => self.tag(aws).await,
            _ => self.change_target(aws).await,
        }
    }

    async fn read_stack(&self, aws: &Aws<'_>) -> Outcome {
        match self.operation.as_str() {
            "DescribeStackResource" => {
                let (stack_id, logical_resource_id) = (self.member("StackName"), self.member("LogicalResourceId"));
                let owner =
                    Owner { stack_id: stack_id.to_owned(), logical_resource_id: logical_resource_id.to_owned() };
                let found = aws.record_of(&owner).await;
                Ok(json!(found.map(|found| json!([found.status, found.physical_resource_id]))))
            }
            "DescribeStackResources" => {
                let found = aws.resources_of_stack("stack").await;
                read(found.map(|found| found.into_iter().next().map(|found| found.physical_resource_id)))
            }
            _ => read(aws.stack("stack").await.map(|found| found.map(|found| found.stack_id))),
        }
    }

    async fn read_endpoint(&self, aws: &Aws<'_>) -> Outcome {
        match self.operation.as_str() {
            "DescribeEndpoint" => {
                let found = aws.endpoint(&self.member("EndpointName").parse().expect("a name")).await;
                let shown =
                    |found: Endpoint| json!([found.name, found.config, found.status, found.variants, found.created]);
                read(found.map(|found| found.map(shown)))
            }
            "DescribeEndpointConfig" => {
                let found = aws.endpoint_config(self.member("EndpointConfigName")).await;
                let shown = |variant: &ConfiguredVariant| json!([variant.name, variant.instance_type]);
                read(found.map(|found| found.map(|variants| variants.iter().map(shown).collect::<Value>())))
            }
            _ => {
                let name = self.member("InferenceComponentName").parse().expect("a name");
                read(aws.inference_component(&name).await.map(|found| found.map(|found| found.status)))
            }
        }
    }

    async fn read_parameter(&self, aws: &Aws<'_>) -> Outcome {
        match self.operation.as_str() {
            "GetParameter" => read(aws.get_parameter(self.member("Name")).await),
            "GetParametersByPath" => {
                let found = aws.get_parameters(self.member("Path")).await;
                let shown = |found: &Parameter| json!([found.name, found.value]);
                read(found.map(|found| found.iter().map(shown).collect::<Value>()))
            }
            "PutParameter" => changed(aws.put_parameter(self.member("Name"), self.member("Value")).await),
            // It reads the parameter first.
            _ => match aws.get_parameter(self.member("Name")).await {
                Ok(value) => {
                    read(aws.delete_parameter(self.member("Name"), &value.unwrap_or_default(), async || Ok(())).await)
                }
                Err(error) => read::<()>(Err(error)),
            },
        }
    }

    async fn change_target(&self, aws: &Aws<'_>) -> Outcome {
        let target = self.target();
        let precondition = &mut Precondition::new(&target, TargetState::NotRegistered, Freshness::Fresh);
        let kind = match self.operation.as_str() {
            "DeregisterScalableTarget" => return changed(aws.deregister_target(&target, precondition).await),
            "DeleteScalingPolicy" | "PutScalingPolicy" => AttachmentKind::ScalingPolicy,
            "DeleteScheduledAction" | "PutScheduledAction" => AttachmentKind::ScheduledAction,
            operation => panic!("{}: no test reads the replies of {operation}", self.file),
        };
        let attachment = self.attachment(kind);
        if self.operation.starts_with("Put") {
            return changed(aws.put(&target, &attachment, precondition).await);
        }
        changed(aws.delete(&target, &attachment.key(), precondition).await)
    }

    async fn register(&self, aws: &Aws<'_>) -> Outcome {
        let mut settings = self.request.as_object().expect("members").clone();
        settings.retain(|name, _| ["MinCapacity", "MaxCapacity", "SuspendedState"].contains(&name.as_str()));
        let spec = TargetSpec { id: self.target(), settings, tags: Tags::new(), attachments: Vec::new() };
        match aws.create_target(&spec, &Tags::new(), async || Ok(())).await {
            Ok(arn) => Ok(json!(arn)),
            Err(RegisterError::AlreadyExists) => Ok(json!("already registered")),
            Err(RegisterError::Aws(error)) => read::<()>(Err(error)),
            Err(RegisterError::Outdated) => panic!("{}: nothing makes it outdated", self.file),
        }
    }

    async fn tag(&self, aws: &Aws<'_>) -> Outcome {
        let arn = self.member("ResourceARN");
        let target: ScalableTargetId =
            "endpoint/e/variant/v|sagemaker:variant:DesiredInstanceCount|sagemaker".parse().expect("a target");
        let precondition = &mut Precondition::new(&target, TargetState::NotRegistered, Freshness::Fresh);
        if self.operation == "UntagResource" {
            let keys: Vec<String> = serde_json::from_value(self.request["TagKeys"].clone()).expect("keys");
            return changed(aws.untag(arn, &keys, precondition).await);
        }
        let tags: Tags = serde_json::from_value(self.request["Tags"].clone()).expect("tags");
        changed(aws.tag(arn, &tags, precondition).await)
    }
}

fn read<T: Serialize>(found: Result<T, AwsError>) -> Outcome {
    found.map(|found| json!(found)).map_err(|error| error.code().map(str::to_owned))
}

fn changed(done: Result<impl Serialize, ChangeError>) -> Outcome {
    match done {
        Ok(output) => Ok(json!(output)),
        Err(ChangeError::Aws(error)) => read::<()>(Err(error)),
        Err(ChangeError::Outdated) => panic!("nothing makes the change outdated"),
    }
}

/// A target, and its limits as numbers.
fn with_limits(target: Value) -> Value {
    json!({ "limits": [target["MinCapacity"].as_i64(), target["MaxCapacity"].as_i64()], "target": target })
}

/// `aws.protocoltests#FooError:http://…` is `FooError`.
fn bare(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or_default();
    code.rsplit('#').next().unwrap_or_default()
}

/// The text of the first element with this name.
fn element(xml: &str, name: &str) -> String {
    let after = xml.split(&format!("<{name}>")).nth(1).unwrap_or_default();
    after.split('<').next().unwrap_or_default().to_owned()
}

/// The operation that a request calls.
fn operation_of(request: &Received) -> String {
    match request.header("x-amz-target") {
        Some(target) => target.rsplit('.').next().unwrap_or_default().to_owned(),
        None if request.path().ends_with("/invocations") => "Invoke".to_owned(),
        None => request.body.split('&').find_map(|field| field.strip_prefix("Action=")).unwrap_or_default().to_owned(),
    }
}

/// All files, in the order of their names.
fn files() -> Vec<Recorded> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/bodies");
    let mut paths: Vec<_> =
        fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let read = |path: &Path| {
        let text = fs::read_to_string(path).expect("a file");
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        Recorded { file, ..serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())) }
    };
    paths.iter().map(|path| read(path)).collect()
}

/// Answers the call of a file with its reply. Returns what the function reads. Before some calls, it reads the target or the
/// parameter.
async fn replay(recorded: &Recorded) -> Outcome {
    let (operation, act) = (recorded.operation.clone(), recorded.act());
    let server = Server::start_with(move |request| match operation_of(request).as_str() {
        called if called == operation => act.clone(),
        "DescribeScalableTargets" => Act::json(200, r#"{"ScalableTargets":[]}"#),
        "GetParameter" => Act::json(200, r#"{"Parameter":{"Name":"n","Value":"v"}}"#),
        _ => Act::json(400, r#"{"__type":"AccessDeniedException"}"#),
    })
    .await;
    let services = services(shipped_connector(), Some(&format!("http://127.0.0.1:{}", server.port)));
    let deadline = Deadline::new(SystemTime::now() + INVOCATION);
    let age = deadline.age(None, deadline.began());
    let progress = Progress::new(age, 1);
    let lifecycle = Lifecycle::Create { properties: json!({}) };
    let owner = Owner { stack_id: "stack".to_owned(), logical_resource_id: "Scaling".to_owned() };
    let reads = Reads { clients: &services.aws, deadline: &deadline, progress: &progress, pace: None };
    let request = SentRequest { id: "request", lifecycle: &lifecycle, owner: &owner, age, follows_change: false };
    let outcome = recorded.read(&Aws { reads, request }).await;
    let is_called = server.received().iter().any(|request| operation_of(request) == recorded.operation);
    assert!(is_called, "{}: the function made another call", recorded.file);
    outcome
}

#[tokio::test]
async fn the_function_reads_every_recorded_reply() {
    let all = files();
    assert!(all.len() > 20, "{} files", all.len());
    let outcomes = join_all(all.iter().map(replay)).await;
    for (recorded, outcome) in all.iter().zip(outcomes) {
        assert_eq!(outcome, recorded.expected(), "{}", recorded.file);
        let is_read = recorded.is_success() && !UNREAD.contains(&recorded.operation.as_str());
        assert!(!is_read || outcome_is_full(&recorded.expected()), "{}: {:?}", recorded.file, recorded.expected());
    }
}

/// Whether the output has something in every place.
fn outcome_is_full(outcome: &Outcome) -> bool {
    fn is_full(value: &Value) -> bool {
        match value {
            Value::Null => false,
            Value::Array(items) => !items.is_empty() && items.iter().all(is_full),
            Value::Object(members) => !members.is_empty() && members.values().all(is_full),
            Value::String(text) => !text.is_empty(),
            _ => true,
        }
    }
    outcome.as_ref().is_ok_and(is_full)
}

#[tokio::test]
async fn a_reply_that_the_function_cannot_read_is_found() {
    let all = files();
    let is_read = |recorded: &&Recorded| !(recorded.is_success() && UNREAD.contains(&recorded.operation.as_str()));
    let changed: Vec<Recorded> = all.iter().filter(is_read).cloned().map(with_other_names).collect();
    let outcomes = join_all(changed.iter().map(replay)).await;
    for (recorded, outcome) in all.iter().filter(is_read).zip(outcomes) {
        assert_ne!(outcome, recorded.expected(), "{}", recorded.file);
    }
}

/// The same reply, whose members and elements have other names.
fn with_other_names(mut recorded: Recorded) -> Recorded {
    let text = recorded.response.get().replace("\":", "Other\":").replace("</", "</Other").replace('<', "<Other");
    recorded.response = RawValue::from_string(text.replace("<Other/Other", "</Other")).expect("JSON");
    recorded.headers.remove("x-amzn-errortype");
    recorded
}

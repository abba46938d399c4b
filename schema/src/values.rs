//! The types of values that are neither objects nor lists. CloudFormation sends each as text, so each may be text.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

macro_rules! values {
    ($($(#[$doc:meta])* $name:ident = $schema:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema.try_into().expect("an object is a schema")
            }
        }
    )*};
}

values! {
    /// The name of a scheduled action.
    ActionName = json!({
        "type": TEXT,
        "minLength": 1,
        "maxLength": 256,
        "pattern": r"^([^\x00-\x20\x7f-\x9f:/|]([^\x00-\x1f\x7f-\x9f:/|]*[^\x00-\x20\x7f-\x9f:/|])?)?$",
        "patternErrorMessage":
            "expected printable characters without colons, slashes and bars, and without spaces at its ends",
    });
    /// `AdjustmentType`.
    AdjustmentType = one_of(&["ChangeInCapacity", "ExactCapacity", "PercentChangeInCapacity"]);
    /// A boolean.
    Boolean = json!({
        "type": ["boolean", "string"],
        "pattern": "^([Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$",
        "patternErrorMessage": "expected true or false",
    });
    /// The name or ARN of an inference component.
    ComponentName = name_or_arn("inference-component", "an inference component");
    /// The name or ARN of an endpoint configuration.
    ConfigName = name_or_arn("endpoint-config", "an endpoint configuration");
    /// The name or ARN of an endpoint.
    EndpointName = name_or_arn("endpoint", "an endpoint");
    /// The former owner of a target.
    FormerOwner = pattern(
        "^((arn:[^/]*:cloudformation:[^/]*:stack/[A-Za-z][A-Za-z0-9-]*/[^/]+|[A-Za-z][A-Za-z0-9-]*)/)?[A-Za-z0-9]+$",
        "expected the logical id of a resource of this stack, or STACK_NAME/LOGICAL_ID or STACK_ARN/LOGICAL_ID",
    );
    /// The physical id of an update gate.
    GateId = pattern(
        &format!("^endpoint/{NAME}/config/{NAME}\\|update-gate$"),
        "expected !Ref of the Custom::SageMakerEndpointUpdateGate of this endpoint",
    );
    /// The value of a dimension.
    DimensionValue = bounded(1024);
    /// An expression of metrics.
    Expression = bounded(2048);
    /// The label of a predefined metric's resource, or the unit of a metric.
    LabelOrUnit = bounded(1023);
    /// How steps aggregate a metric.
    MetricAggregationType = one_of(&["Average", "Maximum", "Minimum"]);
    /// The name or namespace of a metric, or the name of a dimension.
    MetricName = bounded(255);
    /// A limit that may be 0, or a cooldown.
    NotNegative = whole_number(0, "[+]?[0-9]+");
    /// A number.
    Number = json!({
        "type": ["number", "string"],
        "pattern": "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?$",
        "patternErrorMessage": "expected a number",
    });
    /// The name of a policy.
    PolicyName = json!({
        "type": TEXT,
        "minLength": 1,
        "maxLength": 256,
        "pattern": r"^[^\x00-\x1f\x7f-\x9f]*$",
        "patternErrorMessage": "expected 1 to 256 printable characters",
    });
    /// The types of scaling policies that SageMaker supports.
    PolicyType = one_of(&["StepScaling", "TargetTrackingScaling"]);
    /// A limit that is at least 1.
    Positive = whole_number(1, "[+]?0*[1-9][0-9]*");
    /// A predefined metric of Application Auto Scaling.
    PredefinedMetricType = one_of(&[COPY_METRICS, CONCURRENCY_METRICS, INSTANCE_METRICS].concat());
    /// The id of a metric data query.
    QueryId = json!({
        "type": ["string", "boolean"],
        "pattern": "^[a-z][A-Za-z0-9_]{0,254}$",
        "patternErrorMessage": "expected 1 to 255 letters, digits and underscores, beginning with a lower-case letter",
    });
    /// A scalable dimension.
    ScalableDimension = one_of(&[COPIES, CONCURRENCY, INSTANCES]);
    /// The schedule of an action.
    Schedule = pattern(
        &format!(
            r"^(at\([0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}\)|{}|{})$",
            r"rate\(\s*0*[1-9][0-9]*\s+(minute|hour|day)s?\s*\)",
            r"cron\(\s*[A-Za-z0-9*?,/#-]+(\s+[A-Za-z0-9*?,/#-]+){5}\s*\)",
        ),
        "expected at(yyyy-mm-ddThh:mm:ss), rate(NUMBER UNIT) with minutes, hours or days, or \
         cron(MINUTE HOUR DAY MONTH WEEKDAY YEAR)",
    );
    /// How long CloudFormation waits for an answer.
    Seconds = json!({
        "type": ["integer", "string"],
        "minimum": 1,
        "maximum": 3600,
        "pattern": "^[0-9]+$",
        "patternErrorMessage": "expected a whole number from 1 to 3600",
    });
    /// A statistic of a metric.
    Statistic = one_of(&["Average", "Maximum", "Minimum", "SampleCount", "Sum"]);
    /// The key of a tag.
    TagKey = json!({
        "type": TEXT,
        "minLength": 1,
        "maxLength": 128,
        "not": {
            "type": "string",
            "pattern": "^([Aa][Ww][Ss]|[Ss][Aa][Gg][Ee][Mm][Aa][Kk][Ee][Rr]-[Ss][Cc][Aa][Ll][Ii][Nn][Gg]):",
        },
        "errorMessage":
            "expected 1 to 128 characters that begin with neither aws: nor sagemaker-scaling:, which are reserved",
    });
    /// The value of a tag.
    TagValue = json!({ "type": TEXT, "maxLength": 256 });
    /// Any text.
    Text = json!({ "type": TEXT });
    /// A time with a date.
    Time = pattern(
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-2][0-9]:[0-5][0-9]:[0-5][0-9]([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})?$",
        "expected a time such as 2030-12-31T23:00:00Z",
    );
    /// The name of a variant.
    VariantName = pattern(
        &format!("^{NAME}$"),
        "expected 1 to 63 letters, digits and hyphens, beginning and ending with a letter or digit",
    );
    /// A whole number.
    WholeNumber = whole_number(i32::MIN, "[+-]?[0-9]+");
}

fn one_of(values: &[&str]) -> Value {
    json!({ "type": "string", "enum": values })
}

/// Text of 1 to `longest` characters.
fn bounded(longest: usize) -> Value {
    json!({
        "type": TEXT,
        "minLength": 1,
        "maxLength": longest,
        "errorMessage": format!("expected 1 to {longest} characters"),
    })
}

fn pattern(pattern: &str, message: &str) -> Value {
    json!({ "type": TEXT, "pattern": pattern, "patternErrorMessage": message })
}

fn name_or_arn(resource_type: &str, noun: &str) -> Value {
    pattern(
        &format!("^({NAME}|arn:aws(-[^:]*)?:sagemaker:[^:]*:[^:]*:{resource_type}/{NAME})$"),
        &format!(
            "expected {noun}'s name (1 to 63 letters, digits and hyphens, beginning and ending with a letter or digit) \
             or its ARN"
        ),
    )
}

/// A whole number, also as text. The bounds of JSON Schema apply to numbers only, so text has a pattern.
fn whole_number(min: i32, text: &str) -> Value {
    json!({
        "type": ["integer", "string"],
        "minimum": min,
        "maximum": i32::MAX,
        "pattern": format!("^{text}([.]0*)?$"),
        "patternErrorMessage": format!("expected a whole number from {min} to {}", i32::MAX),
    })
}

/// The scalable dimension of an inference component.
pub(crate) const COPIES: &str = "sagemaker:inference-component:DesiredCopyCount";
/// The scalable dimension of a serverless variant.
pub(crate) const CONCURRENCY: &str = "sagemaker:variant:DesiredProvisionedConcurrency";
/// The scalable dimension of a variant with instances.
pub(crate) const INSTANCES: &str = "sagemaker:variant:DesiredInstanceCount";
/// The predefined metrics for copies.
pub(crate) const COPY_METRICS: &[&str] = &[
    "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution",
    "SageMakerInferenceComponentInvocationsPerCopy",
];
/// The predefined metrics for provisioned concurrency.
pub(crate) const CONCURRENCY_METRICS: &[&str] = &["SageMakerVariantProvisionedConcurrencyUtilization"];
/// The predefined metrics for instances.
pub(crate) const INSTANCE_METRICS: &[&str] =
    &["SageMakerVariantConcurrentRequestsPerModelHighResolution", "SageMakerVariantInvocationsPerInstance"];
/// The pattern of SageMaker's names of 1 to 63 characters.
const NAME: &str = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
/// The JSON types of a value that CloudFormation sends as text.
const TEXT: [&str; 3] = ["string", "number", "boolean"];

//! How a property is checked, and strategies for texts, JSON and properties.

use proptest::collection::{hash_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngSeed, TestError, TestRunner};
use serde_json::{Value, json};
use test_support::seed::seed;

/// Checks a property on cases that are the same in every run, and on new ones.
pub(crate) fn for_any<S: Strategy>(strategy: S, check: impl Fn(S::Value)) {
    let config = Config { cases: 128, failure_persistence: None, max_shrink_iters: 2_000, ..Config::default() };
    let seeds = match config.rng_seed {
        RngSeed::Fixed(seed) => vec![seed],
        RngSeed::Random => vec![1, seed()],
    };
    for seed in seeds {
        let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(seed), ..config.clone() });
        let tried = runner.run(&strategy, |value| {
            check(value);
            Ok(())
        });
        match tried {
            Ok(()) => {}
            Err(TestError::Fail(reason, value)) => {
                panic!("{reason}\nfor {value:#?}\nTo repeat it, set PROPTEST_RNG_SEED={seed}")
            }
            Err(TestError::Abort(reason)) => panic!("{reason}"),
        }
    }
}

/// A text as an author, or a broken tool, may write it.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(WORDS).prop_map(str::to_owned),
        2 => "[ -~]{0,20}",
        2 => vec(any::<char>(), 0..20).prop_map(String::from_iter),
        1 => any::<i64>().prop_map(|number| number.to_string()),
        1 => long_text(),
    ]
}

/// A text whose length is near one at which something is cut or refused.
pub(crate) fn long_text() -> impl Strategy<Value = String> {
    let piece = select(&["a", "\"", "\\", "\n", "\u{1}", "\u{7f}", "é", "€", "🦀", "a\"🦀\u{0}", "<>&"][..]);
    let times = prop_oneof![0_usize..70, 120_usize..130, 250_usize..260, 500_usize..1_100, 1_100_usize..5_000];
    (piece, times).prop_map(|(piece, times)| piece.repeat(times))
}

/// JSON of any shape.
pub(crate) fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => (-3_i64..12).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            hash_map(name(), inner, 0..6).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

/// The name of a field: one of a request, or any text.
pub(crate) fn name() -> impl Strategy<Value = String> {
    prop_oneof![3 => select(NAMES).prop_map(str::to_owned), 1 => text()]
}

/// Valid properties, with numbers and booleans in either form.
pub(crate) fn valid_properties() -> impl Strategy<Value = Value> {
    let number = |number: i32, as_text| if as_text { json!(number.to_string()) } else { json!(number) };
    let capacities = (0_i32..=i32::MAX, 1_i32..=i32::MAX, any::<bool>())
        .prop_map(move |(one, other, as_text)| (number(one.min(other), as_text), number(one.max(other), !as_text)));
    let truth = || select(vec![json!(true), json!(false), json!("true"), json!("false")]);
    let state = (truth(), truth())
        .prop_map(|(one, other)| json!({"DynamicScalingInSuspended": one, "ScheduledScalingSuspended": other}));
    let tags = hash_map("[a-zA-Z0-9:/ é🦀]{1,20}x", "\\PC{0,30}", 0..5).prop_map(|tags| {
        let tags = tags.into_iter().filter(|(key, _)| !key.to_ascii_lowercase().starts_with("aws:"));
        tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect::<Value>()
    });
    let timeout = select(&["0", "1", "3600", "-1"][..]);
    (SAGEMAKER_NAME, SAGEMAKER_NAME, any::<bool>(), capacities, (truth(), truth()), state, tags, timeout).prop_map(
        |(endpoint, variant, by_arn, (min, max), (adopt, propagate), state, tags, timeout)| {
            let arn = if by_arn { "arn:aws:sagemaker:us-east-1:111122223333:endpoint/" } else { "" };
            json!({
                "ServiceToken": "arn:aws:lambda:us-east-1:111122223333:function:f",
                "ServiceTimeout": timeout,
                "EndpointName": format!("{arn}{endpoint}"),
                "VariantName": variant,
                "MinCapacity": min,
                "MaxCapacity": max,
                "AdoptExisting": adopt,
                "PropagateStackTags": propagate,
                "SuspendedState": state,
                "Tags": tags,
                "UpdateGate": format!("endpoint/{endpoint}/config/{variant}|update-gate"),
            })
        },
    )
}

const SAGEMAKER_NAME: &str = "[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";

const WORDS: &[&str] = &[
    "",
    " ",
    "0",
    "1",
    "-1",
    "8",
    "2147483648",
    "1e3",
    "NaN",
    "true",
    "FALSE",
    "\u{0}",
    "\u{202e}🦀",
    "\\ud800",
    "{url}",
    "MyEndPoint",
    "my_endpoint",
    "arn:aws:sagemaker:us-east-1:111122223333:endpoint/e",
    "arn:aws-cn:sagemaker:cn-north-1:111122223333:endpoint/e",
    "sagemaker:variant:DesiredInstanceCount",
    "endpoint/e/variant/v|sagemaker:variant:DesiredInstanceCount|sagemaker",
    "not-registered|Scaling",
    "former-stack/Scaling",
    "sagemaker-scaling:stack-id",
    "https://host/path?X-Amz-Signature=0123456789abcdef",
    "http://[::1]:9011/?",
    "Create",
    "Update",
    "Delete",
];

const NAMES: &[&str] = &[
    "AdoptExisting",
    "DynamicScalingInSuspended",
    "EndpointConfigName",
    "EndpointName",
    "Key",
    "LogicalResourceId",
    "MaxCapacity",
    "MinCapacity",
    "OldResourceProperties",
    "PhysicalResourceId",
    "PropagateStackTags",
    "RequestId",
    "RequestType",
    "ResourceProperties",
    "ResourceType",
    "ResponseURL",
    "ScalableDimension",
    "ScalingPolicies",
    "ServiceTimeout",
    "StackId",
    "SuspendedState",
    "Tags",
    "TakeOverFrom",
    "UpdateGate",
    "Value",
    "VariantName",
];

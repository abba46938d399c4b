//! Every operation that the function calls. `template.yaml` allows exactly these; a test compares the two.

/// The name of an operation's IAM action, which is mostly its own.
macro_rules! action {
    ($name:ident) => {
        stringify!($name)
    };
    ($name:ident $action:literal) => {
        $action
    };
}

/// Lists the operations of each service, with the prefix of their IAM actions.
macro_rules! operations {
    ($($prefix:literal: $($name:ident $(= $action:literal)?),*;)*) => {
        /// An operation of an AWS service.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Operation {
            $($(
                #[doc = concat!("`", $prefix, ":", action!($name $($action)?), "`")]
                $name,
            )*)*
        }

        impl Operation {
            /// All operations.
            pub const ALL: &'static [Self] = &[$($(Self::$name,)*)*];

            /// Its name in the API.
            pub fn name(self) -> &'static str {
                match self {
                    $($(Self::$name => stringify!($name),)*)*
                }
            }

            /// The IAM action that allows it.
            pub fn iam_action(self) -> &'static str {
                match self {
                    $($(Self::$name => concat!($prefix, ":", action!($name $($action)?)),)*)*
                }
            }
        }
    };
}

operations! {
    "application-autoscaling":
        DeleteScalingPolicy, DeleteScheduledAction, DeregisterScalableTarget, DescribeScalableTargets,
        DescribeScalingActivities, DescribeScalingPolicies, DescribeScheduledActions, ListTagsForResource,
        PutScalingPolicy, PutScheduledAction, RegisterScalableTarget, TagResource, UntagResource;
    "cloudformation":
        DescribeStackResource, DescribeStackResources, DescribeStacks;
    "lambda":
        Invoke = "InvokeFunction";
    "sagemaker":
        DescribeEndpoint, DescribeEndpointConfig, DescribeInferenceComponent;
    "ssm":
        DeleteParameter, GetParameter, GetParametersByPath, PutParameter;
}

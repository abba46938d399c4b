//! Every operation that the function calls. `template.yaml` allows exactly these; a test compares the two.

/// Lists the operations of each service, with the prefix of their IAM actions.
macro_rules! operations {
    ($($prefix:literal: $($name:ident),*;)*) => {
        /// An operation of an AWS service.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub enum Operation {
            $($(
                #[doc = concat!("`", $prefix, ":", stringify!($name), "`")]
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
                    $($(Self::$name => concat!($prefix, ":", stringify!($name)),)*)*
                }
            }
        }
    };
}

operations! {
    "application-autoscaling":
        DeleteScalingPolicy, DeleteScheduledAction, DeregisterScalableTarget, DescribeScalableTargets,
        DescribeScalingPolicies, DescribeScheduledActions, ListTagsForResource, PutScalingPolicy, PutScheduledAction,
        RegisterScalableTarget, TagResource, UntagResource;
    "cloudformation":
        DescribeStackResource, DescribeStackResources;
    "sagemaker":
        DescribeEndpoint, DescribeEndpointConfig, DescribeInferenceComponent;
    "ssm":
        DeleteParameter, GetParameter, GetParametersByPath, PutParameter;
}

//! Names of SageMaker's resources.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A SageMaker name: 1 to 63 letters, digits and hyphens, with a letter or digit at both ends.
///
/// <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html>
macro_rules! sagemaker_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                check_name(text).map(|()| Self(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

sagemaker_name!(
    /// The name of a SageMaker endpoint. To SageMaker, names that differ only in letter case are the same name.
    EndpointName
);
sagemaker_name!(
    /// The name of an endpoint configuration.
    EndpointConfigName
);
sagemaker_name!(
    /// The name of an inference component.
    InferenceComponentName
);
sagemaker_name!(
    /// The name of a production variant of an endpoint.
    VariantName
);

/// Why a text is not a SageMaker name.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum InvalidName {
    /// It has a character that is not allowed, or a hyphen at an end.
    #[error("letters, digits and hyphens, beginning and ending with a letter or digit")]
    Characters,
    /// It is empty or too long.
    #[error("1 to 63 characters")]
    Length,
}

fn check_name(text: &str) -> Result<(), InvalidName> {
    if text.is_empty() || text.chars().count() > 63 {
        return Err(InvalidName::Length);
    }
    let edges_fit = !text.starts_with('-') && !text.ends_with('-');
    if edges_fit && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        Ok(())
    } else {
        Err(InvalidName::Characters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_sagemakers_pattern() {
        let longest = "a".repeat(63);
        for good in ["a", "A-1", "a--b", longest.as_str()] {
            assert!(good.parse::<EndpointName>().is_ok(), "{good}");
        }
        let too_long = "a".repeat(64);
        assert_eq!("".parse::<VariantName>(), Err(InvalidName::Length));
        assert_eq!(too_long.parse::<VariantName>(), Err(InvalidName::Length));
        for bad in ["-a", "a-", "a_b", "a b", "a/b", "é", "a|b"] {
            assert_eq!(bad.parse::<VariantName>(), Err(InvalidName::Characters), "{bad}");
        }
    }
}

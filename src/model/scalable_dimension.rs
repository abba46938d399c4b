//! The scalable dimensions of SageMaker: which property of a resource is scaled.

/// The property of a resource that is scaled.
///
/// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html>
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ScalableDimension {
    /// The number of copies of an inference component.
    CopyCount,
    /// A property of a production variant.
    Variant(VariantDimension),
}

impl ScalableDimension {
    /// All dimensions of SageMaker.
    pub fn all() -> impl Iterator<Item = Self> {
        std::iter::once(Self::CopyCount).chain(VariantDimension::ALL.map(Self::Variant))
    }

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CopyCount => "sagemaker:inference-component:DesiredCopyCount",
            Self::Variant(dimension) => dimension.as_str(),
        }
    }
}

/// The property of a production variant that is scaled. A new dimension of a variant begins here.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum VariantDimension {
    /// The number of its instances.
    #[default]
    InstanceCount,
    /// Its provisioned concurrency, where it is serverless.
    ProvisionedConcurrency,
}

impl VariantDimension {
    /// All dimensions of a variant. A template may name each of them.
    pub const ALL: [Self; 2] = [Self::InstanceCount, Self::ProvisionedConcurrency];

    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InstanceCount => "sagemaker:variant:DesiredInstanceCount",
            Self::ProvisionedConcurrency => "sagemaker:variant:DesiredProvisionedConcurrency",
        }
    }
}

//! How an endpoint gets from one state to the next, without a clock: each change knows when it is done, and whoever
//! looks later sees it done.
//!
//! Statuses: <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html>

use serde_json::{Map, Value, json};

/// An endpoint, what it serves with, and what it changes to.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    pub(crate) status: EndpointStatus,
    pub(crate) failure_reason: Option<String>,
    pub(crate) created: f64,
    pub(crate) modified: f64,
    /// Without variants until it first was in service.
    pub(crate) deployed: Deployment,
    pub(crate) change: Option<Change>,
}

/// What an endpoint runs.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) config: String,
    pub(crate) variants: Vec<Variant>,
    pub(crate) asynchronous: Option<Value>,
}

/// A production variant. Its capacity counts instances, or provisioned concurrency where it is serverless.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) instance_type: Option<String>,
    pub(crate) serverless: Option<Map<String, Value>>,
    pub(crate) current: i64,
    pub(crate) desired: i64,
    pub(crate) current_weight: f64,
    pub(crate) desired_weight: f64,
}

/// What is under way, and how it will end.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) started: f64,
    pub(crate) done: f64,
    /// `None`: the endpoint is being deleted.
    pub(crate) to: Option<Deployment>,
    pub(crate) fate: Fate,
}

/// How a creation or an update ends.
#[derive(Clone, Debug, Default)]
pub(crate) enum Fate {
    Fail(String),
    RollBack(String),
    #[default]
    Succeed,
}

/// The status of an endpoint, as `DescribeEndpoint` reports it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EndpointStatus {
    /// `CreateEndpoint` is under way.
    Creating,
    /// `DeleteEndpoint` is under way.
    Deleting,
    /// It could not be created, updated or scaled, and can only be deleted.
    Failed,
    /// It takes requests.
    InService,
    /// It takes none.
    OutOfService,
    /// A change of capacities or weights failed, and is being undone.
    RollingBack,
    /// AWS maintains it.
    SystemUpdating,
    /// An update failed and could not be undone; it takes requests.
    UpdateRollbackFailed,
    /// An update, or a change of capacities or weights, is under way.
    Updating,
}

impl Endpoint {
    pub(crate) fn begin(&mut self, status: EndpointStatus, change: Change) {
        // A change of capacities or weights shows at once in what is desired.
        if let Some(to) = change.to.as_ref().filter(|to| to.config == self.deployed.config) {
            for variant in &mut self.deployed.variants {
                if let Some(to) = to.variants.iter().find(|to| to.name == variant.name) {
                    (variant.desired, variant.desired_weight) = (to.desired, to.desired_weight);
                }
            }
        }
        self.status = status;
        self.failure_reason = None;
        self.modified = change.started;
        self.change = Some(change);
    }

    /// Ends what is done by `now`; false when that leaves no endpoint.
    pub(crate) fn settle(&mut self, now: f64) -> bool {
        let Some(Change { done, to, fate, .. }) = self.change.take_if(|change| change.done <= now) else { return true };
        let Some(to) = to else { return false };
        self.modified = done;
        match fate {
            Fate::Succeed => {
                self.status = EndpointStatus::InService;
                self.deployed = to;
                for variant in &mut self.deployed.variants {
                    (variant.current, variant.current_weight) = (variant.desired, variant.desired_weight);
                }
            }
            // A first deployment has nothing to roll back to.
            Fate::RollBack(reason) if self.status != EndpointStatus::Creating => {
                self.status = EndpointStatus::InService;
                self.failure_reason = Some(reason);
            }
            Fate::Fail(reason) | Fate::RollBack(reason) => {
                self.status = EndpointStatus::Failed;
                self.failure_reason = Some(reason);
            }
        }
        true
    }

    /// The variant of this name, of what the endpoint runs or is being created with.
    pub(crate) fn variant(&self, name: &str) -> Option<&Variant> {
        let creating = self.change.as_ref().and_then(|change| change.to.as_ref());
        let creating = creating.filter(|_| self.status == EndpointStatus::Creating);
        creating.unwrap_or(&self.deployed).variants.iter().find(|variant| variant.name == name)
    }
}

impl Variant {
    pub(crate) fn summary(&self) -> Value {
        let mut summary = json!({
            "VariantName": self.name,
            "CurrentWeight": self.current_weight,
            "DesiredWeight": self.desired_weight,
        });
        match &self.serverless {
            None => {
                summary["CurrentInstanceCount"] = json!(self.current);
                summary["DesiredInstanceCount"] = json!(self.desired);
            }
            Some(config) => {
                for (member, capacity) in
                    [("CurrentServerlessConfig", self.current), ("DesiredServerlessConfig", self.desired)]
                {
                    summary[member] = json!(config);
                    if capacity > 0 {
                        summary[member]["ProvisionedConcurrency"] = json!(capacity);
                    }
                }
            }
        }
        summary
    }
}

impl EndpointStatus {
    const ALL: [Self; 9] = [
        Self::Creating,
        Self::Deleting,
        Self::Failed,
        Self::InService,
        Self::OutOfService,
        Self::RollingBack,
        Self::SystemUpdating,
        Self::UpdateRollbackFailed,
        Self::Updating,
    ];

    /// Whether the endpoint can be neither updated nor deleted until this is over.
    pub(crate) fn is_changing(self) -> bool {
        match self {
            Self::Creating | Self::Deleting | Self::RollingBack | Self::SystemUpdating | Self::Updating => true,
            Self::Failed | Self::InService | Self::OutOfService | Self::UpdateRollbackFailed => false,
        }
    }

    /// The status that the API calls `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// What the API calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Creating => "Creating",
            Self::Deleting => "Deleting",
            Self::Failed => "Failed",
            Self::InService => "InService",
            Self::OutOfService => "OutOfService",
            Self::RollingBack => "RollingBack",
            Self::SystemUpdating => "SystemUpdating",
            Self::UpdateRollbackFailed => "UpdateRollbackFailed",
            Self::Updating => "Updating",
        }
    }
}

//! The endpoints and endpoint configurations that SageMaker stores, and how an endpoint changes.
//!
//! A change knows when it ends. The first call after that time completes it.
//!
//! Statuses: <https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribeEndpoint.html>

use serde_json::{Map, Value, json};

/// An endpoint configuration: the request that created it, and the deployment that it describes.
#[derive(Clone, Debug)]
pub(crate) struct EndpointConfig {
    pub(crate) deployment: Deployment,
    pub(crate) given: Map<String, Value>,
    pub(crate) created: f64,
}

/// An endpoint, its deployment, and its change in progress.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) name: String,
    pub(crate) status: EndpointStatus,
    pub(crate) failure_reason: Option<String>,
    pub(crate) created: f64,
    pub(crate) modified: f64,
    /// Has no variants before the endpoint is in service for the first time.
    pub(crate) deployed: Deployment,
    pub(crate) change: Option<Change>,
    /// The `DeploymentConfig` of the last update that had one.
    pub(crate) deployment_config: Option<Value>,
    /// The `Tags` of its creation.
    pub(crate) tags: Option<Value>,
}

/// The configuration and the variants that an endpoint runs.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) config: String,
    pub(crate) variants: Vec<Variant>,
    pub(crate) asynchronous: Option<Value>,
}

/// A production variant. Its capacity is the number of instances, or the provisioned concurrency if it is serverless.
#[derive(Clone, Debug)]
pub(crate) struct Variant {
    pub(crate) name: String,
    pub(crate) instance_type: Option<String>,
    pub(crate) instance_pools: Vec<Map<String, Value>>,
    pub(crate) managed_instance_scaling: Option<Value>,
    pub(crate) partition_layouts: Option<Value>,
    pub(crate) serverless: Option<Map<String, Value>>,
    pub(crate) current: i64,
    pub(crate) desired: i64,
    pub(crate) current_weight: f64,
    pub(crate) desired_weight: f64,
}

/// A change in progress.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) started: f64,
    pub(crate) ends: f64,
    /// `None` if the endpoint is being deleted.
    pub(crate) to: Option<Deployment>,
    pub(crate) outcome: ChangeOutcome,
    /// The alarms that roll it back.
    pub(crate) alarms: Vec<String>,
}

/// How a creation or an update ends, with SageMaker's reason.
#[derive(Clone, Debug, Default)]
pub(crate) enum ChangeOutcome {
    Fail(String),
    RollBack(String),
    #[default]
    Succeed,
}

/// The status of an endpoint, as `DescribeEndpoint` reports it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum EndpointStatus {
    /// `CreateEndpoint` is in progress.
    Creating,
    /// `DeleteEndpoint` is in progress.
    Deleting,
    /// Creating, updating or scaling failed. The endpoint can only be deleted.
    Failed,
    /// The endpoint accepts requests.
    InService,
    /// The endpoint accepts no requests.
    OutOfService,
    /// A change of capacities or weights failed and is being rolled back.
    RollingBack,
    /// AWS is maintaining the endpoint.
    SystemUpdating,
    /// An update failed, and so did its rollback. The endpoint accepts requests.
    UpdateRollbackFailed,
    /// An update, or a change of capacities or weights, is in progress.
    Updating,
}

impl Endpoint {
    /// Starts a change.
    pub(crate) fn begin(&mut self, status: EndpointStatus, change: Change) {
        // A change of capacities or weights sets the desired values at once.
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

    /// Completes the change if it ends by `now`. Returns false if that deleted the endpoint.
    pub(crate) fn complete_change(&mut self, now: f64) -> bool {
        let Some(Change { ends, to, outcome, .. }) = self.change.take_if(|change| change.ends <= now) else {
            return true;
        };
        let Some(to) = to else { return false };
        self.modified = ends;
        match outcome {
            ChangeOutcome::Succeed => {
                self.status = EndpointStatus::InService;
                self.deployed = to;
                for variant in &mut self.deployed.variants {
                    (variant.current, variant.current_weight) = (variant.desired, variant.desired_weight);
                }
            }
            // A failed creation cannot roll back: there is no deployment before it.
            ChangeOutcome::RollBack(reason) if self.status != EndpointStatus::Creating => {
                self.status = EndpointStatus::InService;
                self.failure_reason = Some(reason);
            }
            ChangeOutcome::Fail(reason) | ChangeOutcome::RollBack(reason) => {
                self.status = EndpointStatus::Failed;
                self.failure_reason = Some(reason);
            }
        }
        true
    }

    /// The variant of this name in the deployment, or in the one that the endpoint is being created with.
    pub(crate) fn variant(&self, name: &str) -> Option<&Variant> {
        let creating = self.change.as_ref().and_then(|change| change.to.as_ref());
        let creating = creating.filter(|_| self.status == EndpointStatus::Creating);
        creating.unwrap_or(&self.deployed).variants.iter().find(|variant| variant.name == name)
    }
}

impl Variant {
    /// The instance types that it may run on.
    pub(crate) fn instance_types(&self) -> impl Iterator<Item = &str> {
        let of_pools = self.instance_pools.iter().filter_map(|pool| pool.get("InstanceType")?.as_str());
        self.instance_type.as_deref().into_iter().chain(of_pools)
    }

    /// Its pools with their instances. Assumed (belief instance-pools): the pool with the highest priority has the
    /// capacity.
    fn pool_summaries(&self) -> Vec<Value> {
        let priority = |pool: &Map<String, Value>| pool.get("Priority").and_then(Value::as_i64);
        let preferred = self.instance_pools.iter().map(priority).min();
        let mut left = self.current;
        let pools = self.instance_pools.iter().map(|pool| {
            let count = if Some(priority(pool)) == preferred { std::mem::take(&mut left) } else { 0 };
            json!({ "InstanceType": pool["InstanceType"], "CurrentInstanceCount": count })
        });
        pools.collect()
    }

    /// The member of `ProductionVariants` in the output of `DescribeEndpoint`.
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
                if !self.instance_pools.is_empty() {
                    summary["InstancePools"] = self.pool_summaries().into();
                }
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
        if let Some(scaling) = &self.managed_instance_scaling {
            summary["ManagedInstanceScaling"] = scaling.clone();
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

    /// Whether a change is in progress, during which the endpoint can be neither updated nor deleted.
    pub(crate) fn is_changing(self) -> bool {
        match self {
            Self::Creating | Self::Deleting | Self::RollingBack | Self::SystemUpdating | Self::Updating => true,
            Self::Failed | Self::InService | Self::OutOfService | Self::UpdateRollbackFailed => false,
        }
    }

    /// The status of this name in the API.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// The name of the status in the API.
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

//! The calls to Application Auto Scaling about what is attached to a target: scaling policies and scheduled actions.
//!
//! Each call is made while what led to it `holds`, and tells whether it held. Each may be repeated.

use std::error::Error as StdError;

use autoscaling::types::ServiceNamespace;
use aws_sdk_applicationautoscaling as autoscaling;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::Aws;
use super::application_auto_scaling::{cut_off, dimension, is_not_found};
use crate::error::AwsError;
use crate::id::ScalableTargetId;
use crate::retry::while_it_holds;
use crate::scalable_target::{PolicyConfiguration, ScalingPolicy, ScheduledAction};

impl Aws<'_> {
    /// Puts a scaling policy, which changes one of that name. Returns its ARN.
    ///
    /// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScalingPolicy.html>
    pub async fn put_policy(
        &self,
        target: &ScalableTargetId,
        policy: &ScalingPolicy,
        holds: impl AsyncFnMut() -> Result<bool, AwsError>,
    ) -> Result<Option<String>, AwsError> {
        let (tracking, step) = match policy.configuration.clone() {
            PolicyConfiguration::StepScaling(step) => (None, Some(step)),
            PolicyConfiguration::TargetTrackingScaling(tracking) => (Some(tracking), None),
        };
        let request = self
            .clients
            .autoscaling
            .put_scaling_policy()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id(target.resource_id())
            .scalable_dimension(dimension(target))
            .policy_name(&policy.name)
            .policy_type(policy.configuration.policy_type())
            .set_target_tracking_scaling_policy_configuration(tracking)
            .set_step_scaling_policy_configuration(step);
        let call = async || {
            let arn = request.clone().send().await?.policy_arn;
            if arn.is_empty() { Err(cut_off("PolicyARN")) } else { Ok(arn) }
        };
        self.once_seen("PutScalingPolicy", &of("policy", &policy.name, target), is_not_found, holds, call).await
    }

    /// Puts a scheduled action, which changes one of that name; start and end that are left out are forgotten.
    ///
    /// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PutScheduledAction.html>
    pub async fn put_action(
        &self,
        target: &ScalableTargetId,
        action: &ScheduledAction,
        holds: impl AsyncFnMut() -> Result<bool, AwsError>,
    ) -> Result<bool, AwsError> {
        let request = self
            .clients
            .autoscaling
            .put_scheduled_action()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id(target.resource_id())
            .scalable_dimension(dimension(target))
            .scheduled_action_name(&action.name)
            .schedule(&action.schedule)
            .timezone(&action.timezone)
            .set_start_time(action.start_time)
            .set_end_time(action.end_time)
            .scalable_target_action(action.action.clone());
        let call = async || request.clone().send().await;
        let resource = of("action", &action.name, target);
        Ok(self.once_seen("PutScheduledAction", &resource, is_not_found, holds, call).await?.is_some())
    }

    /// Deletes a scaling policy; one that is gone already is a success.
    ///
    /// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeleteScalingPolicy.html>
    pub async fn delete_policy(
        &self,
        target: &ScalableTargetId,
        name: &str,
        holds: impl AsyncFnMut() -> Result<bool, AwsError>,
    ) -> Result<bool, AwsError> {
        let request = self
            .clients
            .autoscaling
            .delete_scaling_policy()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id(target.resource_id())
            .scalable_dimension(dimension(target))
            .policy_name(name);
        self.delete("DeleteScalingPolicy", &of("policy", name, target), holds, async || request.clone().send().await)
            .await
    }

    /// Deletes a scheduled action; one that is gone already is a success.
    ///
    /// <https://docs.aws.amazon.com/autoscaling/application/APIReference/API_DeleteScheduledAction.html>
    pub async fn delete_action(
        &self,
        target: &ScalableTargetId,
        name: &str,
        holds: impl AsyncFnMut() -> Result<bool, AwsError>,
    ) -> Result<bool, AwsError> {
        let request = self
            .clients
            .autoscaling
            .delete_scheduled_action()
            .service_namespace(ServiceNamespace::Sagemaker)
            .resource_id(target.resource_id())
            .scalable_dimension(dimension(target))
            .scheduled_action_name(name);
        self.delete("DeleteScheduledAction", &of("action", name, target), holds, async || request.clone().send().await)
            .await
    }

    /// What is gone already is a success.
    async fn delete<T, E>(
        &self,
        operation: &'static str,
        resource: &str,
        holds: impl AsyncFnMut() -> Result<bool, AwsError>,
        call: impl AsyncFnMut() -> Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<bool, AwsError>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        match while_it_holds(operation, resource, self, holds, call).await {
            Err(error) if is_not_found(&error) => Ok(true),
            done => done.map(|done| done.is_some()),
        }
    }
}

fn of(kind: &str, name: &str, target: &ScalableTargetId) -> String {
    format!("{kind} {name} of {}", target.resource_id())
}

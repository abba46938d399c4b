//! Changes by hand, and scaling activities.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use super::history::{Deed, ENDPOINT, Hand, VARIANTS};
use super::world::World;

impl World {
    pub(crate) async fn act_by_hand(&self, hand: &Hand) {
        sleep(Duration::from_secs(hand.at)).await;
        // A change by hand between two calls of the function is a documented limit.
        while !matches!(hand.does, Deed::Scale { .. }) && !self.state().running.is_empty() {
            sleep(Duration::from_secs(1)).await;
        }
        let mut state = self.state();
        let done = match hand.does {
            Deed::Register(variant, native) => {
                // Nobody registers a variant that is in a snapshot, or while the endpoint changes.
                let is_settled = state.endpoint().is_some_and(|found| found["EndpointStatus"] == "InService");
                is_settled
                    && state.shadows[variant].is_none()
                    && !state.has_snapshot(variant)
                    && state.register_natively(variant, native)
            }
            Deed::Deregister(variant) => state.deregister_native(variant),
            Deed::Attach(variant) => state.attach_foreign(variant),
            Deed::Scale { variant, count, takes } => {
                state.set_endpoint_takes(takes);
                let weights = json!([{ "VariantName": VARIANTS[variant], "DesiredInstanceCount": count }]);
                let input = json!({ "EndpointName": ENDPOINT, "DesiredWeightsAndCapacities": weights });
                state.by_hand("SageMaker.UpdateEndpointWeightsAndCapacities", &input).is_ok()
            }
        };
        state.tell(|| format!("by hand: {:?}{}", hand.does, if done { "" } else { " is not possible" }));
    }
}

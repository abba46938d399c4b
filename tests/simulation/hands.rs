//! Changes by hand, outside all stacks.

use std::time::Duration;

use serde_json::json;
use test_support::account;
use test_support::attached::{merged, step};
use tokio::time::sleep;

use crate::history::{Deed, ENDPOINTS, Hand, resource_id};
use crate::services::{self, Registered};
use crate::world::World;

impl World {
    pub(crate) async fn act_by_hand(&self, hand: &Hand) {
        sleep(Duration::from_secs(hand.at)).await;
        self.state().record_event(format_args!("by hand: {:?}", hand.does));
        match hand.does {
            Deed::Register(target) => {
                self.quiet().await;
                let mut state = self.state();
                let free = state.registered().iter().all(|found| found.target != target);
                let limits = json!({"MinCapacity": 1, "MaxCapacity": BY_HAND});
                if free && state.by_hand(REGISTER, &merged(account::target(resource_id(target)), &limits)).is_ok() {
                    state.by_hand.insert(target, BY_HAND);
                    let policy = merged(account::target(resource_id(target)), &step(services::BY_HAND, 1));
                    state.by_hand("AnyScaleFrontendService.PutScalingPolicy", &policy).expect("it is registered");
                }
            }
            Deed::Deregister(target) => {
                self.quiet().await;
                let mut state = self.state();
                let before = state.registered();
                if state.by_hand(DEREGISTER, &account::target(resource_id(target))).is_ok() {
                    before
                        .iter()
                        .filter(|found| found.target == target)
                        .for_each(|found| state.note_deregistered(found));
                }
            }
            Deed::ChangeModel { endpoint, takes } => self.update_endpoint(endpoint, takes, ["a", "b"]),
            Deed::ChangeType { endpoint, takes } => self.update_endpoint(endpoint, takes, ["c", "c"]),
            Deed::Remake { endpoint, takes } => self.remake(endpoint, takes).await,
        }
    }

    /// Waits until the function is idle: a change by hand between two of its calls is a documented limit.
    async fn quiet(&self) {
        while !self.state().running.is_empty() {
            sleep(Duration::from_secs(1)).await;
        }
    }

    fn update_endpoint(&self, endpoint: usize, takes: u64, configs: [&str; 2]) {
        let mut state = self.state();
        let name = ENDPOINTS[endpoint];
        let about = json!({"EndpointName": name});
        let Ok(now) = state.by_hand("SageMaker.DescribeEndpoint", &about) else { return };
        let running = now["EndpointConfigName"].as_str().unwrap_or_default().to_owned();
        let next = configs.map(|config| format!("{name}-{config}")).into_iter().find(|config| *config != running);
        let Some(next) = next else { return };
        state.aws.set_endpoint_takes(f64::from(u32::try_from(takes).expect("small")));
        let registered = state.registered().iter().any(|found| found.target / 2 == endpoint);
        let changes_type = next.ends_with("-c") != running.ends_with("-c");
        let input = json!({"EndpointName": name, "EndpointConfigName": next});
        let begun = state.by_hand("SageMaker.UpdateEndpoint", &input).is_ok();
        if begun && registered && changes_type {
            state.violation("the local AWS let an endpoint change the type of a registered variant");
        }
    }

    async fn remake(&self, endpoint: usize, takes: u64) {
        self.quiet().await;
        let about = json!({"EndpointName": ENDPOINTS[endpoint]});
        {
            let mut state = self.state();
            state.aws.set_endpoint_takes(0.0);
            let before = state.registered();
            if state.by_hand("SageMaker.DeleteEndpoint", &about).is_err() {
                return;
            }
            let after = state.registered();
            let gone = before.iter().filter(|was| after.iter().all(|is| is.target != was.target));
            gone.for_each(|gone| state.note_deregistered(gone));
        }
        sleep(Duration::from_secs(1)).await;
        let mut state = self.state();
        state.aws.set_endpoint_takes(f64::from(u32::try_from(takes).expect("small")));
        let mut input = about;
        input["EndpointConfigName"] = json!(format!("{}-a", ENDPOINTS[endpoint]));
        // The endpoint may exist again.
        drop(state.by_hand("SageMaker.CreateEndpoint", &input));
    }
}

impl crate::world::State {
    fn note_deregistered(&mut self, found: &Registered) {
        if let Some((stack, logical)) = found.owner() {
            self.deregistered_by_hand.insert((found.target, (stack.to_owned(), logical.to_owned())));
        }
        self.by_hand.remove(&found.target);
    }
}

const REGISTER: &str = "AnyScaleFrontendService.RegisterScalableTarget";
const DEREGISTER: &str = "AnyScaleFrontendService.DeregisterScalableTarget";
const BY_HAND: u64 = 9;

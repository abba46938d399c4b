//! CloudFormation, for a stack with a gate, an endpoint and its scaling: updates in the order of dependencies,
//! rollbacks in that order or its reverse, and a clean-up at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use test_support::Crash;
use test_support::account::Account as _;
use test_support::request::{Request, create};
use tokio::time::sleep;

use super::world::World;

/// A template.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    /// The endpoint's configuration.
    pub(crate) config: &'static str,
    /// Whether there is a gate.
    pub(crate) gate: bool,
    /// The properties of the scalable targets, by logical id; all name the gate, if there is one.
    pub(crate) scalings: BTreeMap<&'static str, Value>,
}

/// Where a deployment fails.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fails {
    /// The endpoint's update fails, and SageMaker rolls it back.
    Endpoint,
    /// The alarm of the guardrails goes off while traffic shifts, and SageMaker rolls the endpoint back.
    Alarm,
    /// A resource between the endpoint and the scaling.
    AfterEndpoint,
    /// A resource after the scaling.
    AfterScaling,
}

/// How requests are delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Delivery {
    Once,
    Twice,
    /// The request with this number is killed at an exchange, and delivered again.
    Killed(usize, Crash),
    /// The same, and not delivered again, unless it is a Delete, which CloudFormation sends again.
    Lost(usize, Crash),
}

/// The alarm of guardrails.
pub(crate) const ALARM: &str = "errors";
/// The reason of a deployment whose request nobody answers.
pub(crate) const UNANSWERED: &str = "nobody answered in time";

/// A stack.
#[derive(Debug)]
pub(crate) struct Stack<'a> {
    pub(crate) world: &'a World,
    pub(crate) delivery: Delivery,
    /// Whether rollbacks run in the reverse order of dependencies.
    pub(crate) reversed: bool,
    /// The `DeploymentConfig` of the endpoint.
    pub(crate) guardrails: Option<Value>,
    /// How many requests were made.
    pub(crate) requests: usize,
    /// Whether the request to be killed reached that exchange.
    pub(crate) was_killed: bool,
    template: Option<Template>,
    ids: BTreeMap<&'static str, String>,
    /// The physical ids that the clean-up has to delete.
    obsolete: Vec<(Step, Value, String)>,
}

/// A resource of the stack.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Gate,
    Endpoint,
    Scaling(&'static str),
}

impl<'a> Stack<'a> {
    pub(crate) fn new(world: &'a World, delivery: Delivery, reversed: bool) -> Self {
        Self {
            world,
            delivery,
            reversed,
            guardrails: None,
            requests: 0,
            was_killed: false,
            template: None,
            ids: BTreeMap::new(),
            obsolete: Vec::new(),
        }
    }

    /// Deploys a template. Fails, after the rollback, with the reason of a failure that was not planned.
    pub(crate) async fn deploy(&mut self, to: &Template, fails: Option<Fails>) -> Result<(), String> {
        let from = self.template.clone();
        let mut begun = Vec::new();
        let mut failed = None;
        let mut steps = vec![Step::Gate, Step::Endpoint];
        steps.extend(to.scalings.keys().map(|name| Step::Scaling(name)));
        for step in steps {
            if fails == Some(Fails::AfterEndpoint) && matches!(step, Step::Scaling(_)) {
                break;
            }
            if step == Step::Endpoint && fails == Some(Fails::Endpoint) {
                self.world.aws("LocalAws.RollBackNextEndpoint", json!({ "Reason": "planned" }));
            }
            if step == Step::Endpoint && fails == Some(Fails::Alarm) {
                self.world.trip_alarm_in(Duration::from_secs(90), ALARM);
            }
            begun.push(step);
            if let Err(reason) = self.take(step, from.as_ref(), to).await {
                failed = Some(reason);
                break;
            }
        }
        assert!(fails != Some(Fails::Alarm) || failed.is_some(), "the alarm rolls the endpoint back");
        let unplanned = failed.filter(|_| !matches!(fails, Some(Fails::Alarm | Fails::Endpoint)));
        if fails.is_some() || unplanned.is_some() {
            self.roll_back(&begun, from.as_ref(), to).await;
            return unplanned.map_or(Ok(()), Err);
        }
        self.template = Some(to.clone());
        if let Some(from) = from {
            self.clean_up(&from, to).await;
        }
        Ok(())
    }

    /// Deletes the resources that the new template does not have, and the obsolete ids.
    async fn clean_up(&mut self, from: &Template, to: &Template) {
        for name in from.scalings.keys().filter(|name| !to.scalings.contains_key(*name)) {
            let id = self.ids.remove(name).expect("the resource exists");
            let step = Step::Scaling(name);
            self.obsolete.push((step, step.properties(from).expect("the template has it"), id));
        }
        self.delete_obsolete().await;
    }

    async fn delete_obsolete(&mut self) {
        let mut obsolete = std::mem::take(&mut self.obsolete);
        // After a rollback, a resource has its former id again.
        obsolete.retain(|(step, _, id)| self.ids.get(step.logical_id()) != Some(id));
        if self.reversed {
            obsolete.reverse();
        }
        for (step, properties, id) in obsolete {
            self.delete(step, properties, &id).await;
        }
    }

    async fn roll_back(&mut self, begun: &[Step], from: Option<&Template>, to: &Template) {
        let mut begun = begun.to_vec();
        if self.reversed {
            begun.reverse();
        }
        for step in begun {
            let existed = match step {
                Step::Scaling(name) => from.is_some_and(|from| from.scalings.contains_key(name)),
                Step::Gate | Step::Endpoint => from.is_some(),
            };
            match from {
                Some(from) if existed => {
                    self.take(step, Some(to), from)
                        .await
                        .unwrap_or_else(|reason| panic!("rollback of {step:?}: {reason}"));
                }
                _ => {
                    let gone = step.properties(to).zip(self.ids.remove(step.logical_id()));
                    self.obsolete.extend(gone.map(|(properties, id)| (step, properties, id)));
                }
            }
        }
        self.delete_obsolete().await;
    }

    /// Creates or updates one resource, if its properties change.
    async fn take(&mut self, step: Step, from: Option<&Template>, to: &Template) -> Result<(), String> {
        if step == Step::Endpoint {
            return self.update_endpoint(to.config).await;
        }
        let Some(properties) = step.properties(to) else { return Ok(()) };
        let old = from.and_then(|from| step.properties(from));
        let id = self.ids.get(step.logical_id()).cloned();
        let mut request = step.request(properties.clone());
        if let (Some(id), Some(old)) = (&id, &old) {
            if *old == properties {
                return Ok(());
            }
            request = request.field("RequestType", json!("Update")).of(id).field("OldResourceProperties", old.clone());
        }
        let status = if id.is_some() { "UPDATE_IN_PROGRESS" } else { "CREATE_IN_PROGRESS" };
        self.world.on_record(status, id.as_deref().unwrap_or_default());
        let answer = self.deliver(request).await;
        if answer["Status"] != "SUCCESS" {
            return Err(answer["Reason"].as_str().unwrap_or_default().to_owned());
        }
        let now = answer["PhysicalResourceId"].as_str().expect("an id").to_owned();
        self.ids.insert(step.logical_id(), now.clone());
        // The clean-up, which comes last, deletes the obsolete id.
        if let (Some(before), Some(old)) = (id.filter(|before| *before != now), old) {
            self.obsolete.push((step, old, before));
        }
        Ok(())
    }

    async fn update_endpoint(&self, config: &str) -> Result<(), String> {
        let about = json!({ "EndpointName": "prod", "EndpointConfigName": config });
        let Ok(found) = self.world.call("SageMaker.DescribeEndpoint", &about) else {
            self.world.aws("SageMaker.CreateEndpoint", about.clone());
            return self.settled(config).await;
        };
        if found["EndpointConfigName"] == config {
            return Ok(());
        }
        let mut update = about;
        if let Some(guardrails) = &self.guardrails {
            update["DeploymentConfig"] = guardrails.clone();
        }
        self.world.call("SageMaker.UpdateEndpoint", &update).map_err(|fault| fault.to_string())?;
        self.settled(config).await
    }

    async fn settled(&self, config: &str) -> Result<(), String> {
        loop {
            let found = self.world.aws("SageMaker.DescribeEndpoint", json!({ "EndpointName": "prod" }));
            if !["Creating", "Updating"].iter().any(|status| found["EndpointStatus"] == *status) {
                let runs = found["EndpointConfigName"].clone();
                return if runs == config { Ok(()) } else { Err(format!("the endpoint stays at {runs}")) };
            }
            sleep(Duration::from_secs(5)).await;
        }
    }

    async fn delete(&mut self, step: Step, properties: Value, id: &str) {
        let request = step.request(properties).field("RequestType", json!("Delete")).of(id);
        match self.ids.get(step.logical_id()) {
            // In the clean-up, the record has the id that replaced the one to delete.
            Some(now) => self.world.on_record("UPDATE_COMPLETE", now),
            None => self.world.on_record("DELETE_IN_PROGRESS", id),
        }
        let answer = self.deliver(request).await;
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
    }

    async fn deliver(&mut self, request: Request) -> Value {
        let number = self.requests;
        self.requests += 1;
        match self.delivery {
            Delivery::Killed(killed, crash) if killed == number => {
                self.was_killed = self.world.crash(&request, crash).await;
            }
            Delivery::Lost(lost, crash) if lost == number => {
                let answers = self.world.answers();
                self.was_killed = self.world.crash(&request, crash).await;
                if self.world.answers() > answers {
                    return self.world.last_answer();
                }
                if request.0["RequestType"] != "Delete" {
                    return json!({ "Status": "FAILED", "Reason": UNANSWERED });
                }
            }
            Delivery::Twice => drop(self.world.answer(request.clone()).await),
            Delivery::Once | Delivery::Killed(..) | Delivery::Lost(..) => {}
        }
        self.world.answer(request).await
    }
}

impl Step {
    fn logical_id(self) -> &'static str {
        match self {
            Self::Gate => "Gate",
            Self::Endpoint => "Endpoint",
            Self::Scaling(name) => name,
        }
    }

    fn properties(self, template: &Template) -> Option<Value> {
        match self {
            Self::Gate => {
                let gate = json!({ "EndpointName": "prod", "EndpointConfigName": template.config });
                template.gate.then_some(gate)
            }
            Self::Endpoint => None,
            Self::Scaling(name) => {
                let mut properties = template.scalings.get(name)?.clone();
                properties["EndpointName"] = json!("prod");
                if template.gate {
                    properties["UpdateGate"] = json!(format!("endpoint/prod/config/{}|update-gate", template.config));
                }
                Some(properties)
            }
        }
    }

    fn request(self, properties: Value) -> Request {
        let resource_type = match self {
            Self::Gate => "Custom::SageMakerEndpointUpdateGate",
            Self::Endpoint | Self::Scaling(_) => "Custom::SageMakerScalableTarget",
        };
        create()
            .field("ResourceType", json!(resource_type))
            .field("LogicalResourceId", json!(self.logical_id()))
            .field("ResourceProperties", properties)
    }
}

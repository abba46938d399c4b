//! A process that nothing disturbs.

use serde_json::json;
use test_support::request::{ID, create, delete, update};

use crate::support::lambda::{Age, Ended, Lambda, response_path};
use crate::support::world::World;

#[test]
fn one_process_serves_all_requests_of_a_resource_and_answers_each_at_its_own_url() {
    let world = World::start();
    let mut lambda = Lambda::new(&world);
    let mut processes = Vec::new();
    for (index, request) in
        [create(), create(), update().with("MaxCapacity", json!("3")), delete()].into_iter().enumerate()
    {
        let request = request.field("RequestId", json!(format!("r-{index}")));
        assert_eq!(lambda.invoke(&lambda.event(&request, Age::Young)), Ended::Response);
        processes.extend(lambda.process_id());
        let (path, answer) = world.state().answers.last().expect("an answer").clone();
        assert_eq!(path, response_path(&request, Age::Young));
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        assert_eq!((&answer["PhysicalResourceId"], &answer["RequestId"]), (&json!(ID), &request.0["RequestId"]));
        let capacities: Vec<_> = world.state_of_targets().iter().map(|target| target["MaxCapacity"].clone()).collect();
        assert_eq!(capacities, [vec![json!(8)], vec![json!(8)], vec![json!(3)], vec![]][index]);
    }
    assert_eq!(world.answers().len(), 4);
    processes.dedup();
    assert_eq!(processes.len(), 1, "one process served all requests");
    if cfg!(target_os = "linux") {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", processes[0])).expect("a process");
        assert_eq!(tasks.count(), 1, "it has no second thread while it resolves no host name");
    }
    let output = lambda.output();
    assert_eq!(output.matches(r#""message":"request finished""#).count(), 4, "{output}");
}

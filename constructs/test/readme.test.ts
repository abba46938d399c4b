import * as assert from "node:assert/strict";
import { test } from "node:test";
import { EXAMPLES, MOVING } from "./readme";
import { GATE, TARGET, only, template } from "./synthesis";

for (const { name, build } of EXAMPLES) {
  test(`the example ${name} of README.md synthesises`, () => assert.ok(template(build)));
}

test("an endpoint that moves keeps its logical id, its name and its configuration, and its scaling is adopted", () => {
  const [before, after] = MOVING.map((moving) => {
    const { build } = EXAMPLES.find(({ name }) => name === moving)!;
    return template(build).Resources;
  });
  const [config, unchanged] = [before, after].map((resources) => only(resources, "AWS::SageMaker::EndpointConfig"));
  assert.deepEqual(unchanged, config);

  const [endpoint, moved] = [before, after].map((resources) => only(resources, "AWS::SageMaker::Endpoint"));
  const gate = only(after, GATE);
  assert.equal(moved.id, endpoint.id);
  assert.deepEqual(gate.properties.EndpointConfigName, endpoint.properties.EndpointConfigName);
  assert.deepEqual(moved.properties, {
    ...endpoint.properties,
    EndpointConfigName: { "Fn::GetAtt": [gate.id, "EndpointConfigName"] },
    RetainAllVariantProperties: true,
  });

  const native = ["ScalableTarget", "ScalingPolicy"].map((type) => `AWS::ApplicationAutoScaling::${type}`);
  const [target, policy] = native.map((type) => only(before, type));
  for (const { id } of [target, policy]) {
    assert.equal(before[id].DeletionPolicy, "Retain");
    assert.equal(after[id], undefined);
  }
  const { properties } = only(after, TARGET);
  assert.equal(properties.AdoptExisting, true);
  assert.deepEqual(
    [properties.MinCapacity, properties.MaxCapacity],
    [target.properties.MinCapacity, target.properties.MaxCapacity],
  );
  const { ScalingTargetId, ...unattached } = policy.properties;
  assert.deepEqual(ScalingTargetId, { Ref: target.id });
  assert.deepEqual(properties.ScalingPolicies, [unattached]);
});

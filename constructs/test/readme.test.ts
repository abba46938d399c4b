import * as assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EXAMPLES, MOVING, README } from "./readme";
import { GATE, Json, TARGET, only, template } from "./synthesis";

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

test("the table in README.md has every property of every construct", () => {
  const written = README.match(/(?:^\|.*\n)+/m)?.[0];
  assert.equal(written, table(), `expected this table in README.md:\n\n${table()}`);
});

/** What `jsii` has found in the source. */
const ASSEMBLY: Json = JSON.parse(readFileSync(join(__dirname, "../../.jsii"), "utf8"));

/** The constructs, and the method that creates one, each with the type of its properties. */
const CONSTRUCTS: { [name: string]: string } = {
  ScaledEndpoint: "ScaledEndpointProps",
  scaleVariant: "ScaleVariantProps",
  SageMakerScaling: "SageMakerScalingProps",
  EndpointUpdateGate: "EndpointUpdateGateProps",
  ScalingFunction: "ScalingFunctionProps",
};

function table(): string {
  const types = Object.fromEntries(Object.values<Json>(ASSEMBLY.types).map((type) => [type.name, type]));
  const basesOf = (name: string): string[] =>
    (types[name].interfaces ?? []).map((base: string) => base.replace(`${ASSEMBLY.name}.`, ""));
  const constructs = Object.values<Json>(types).filter(({ base }) => base === "constructs.Construct");
  const missing = constructs.map(({ name }) => name).filter((name) => !(name in CONSTRUCTS));
  assert.deepEqual(missing, []);

  // Properties that several constructs share are in the table once.
  const users = new Map<string, string[]>();
  for (const [construct, type] of Object.entries(CONSTRUCTS)) {
    for (const each of [type, ...basesOf(type)]) {
      users.set(each, [...(users.get(each) ?? []), `\`${construct}\``]);
    }
  }
  const rows = Array.from(users).flatMap(([type, names]) =>
    types[type].properties.map(({ name, optional, docs }: Json, index: number) => {
      const words = docs.default?.match(/^- (.*)/)?.[1];
      const initial = optional ? (words ?? `\`${docs.default}\``) : "required";
      const meaning = [docs.summary, docs.remarks].filter(Boolean).join(" ").replace(/\n/g, " ");
      return `|${index === 0 ? ` ${names.join(", ")}` : ""} | \`${name}\` | ${initial} | ${meaning} |`;
    }),
  );
  return ["| construct | property | default | meaning |", "|---|---|---|---|", ...rows, ""].join("\n");
}

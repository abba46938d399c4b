import * as assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ScalingFunction } from "../src";
import { Json, PACKAGE, template } from "./synthesis";

test("a folder without a package, and a parameter that template.yaml does not have, are refused", () => {
  const deploy = (packageDirectory: string, parameters = {}) => {
    template((stack) => void new ScalingFunction(stack, "Function", { packageDirectory, parameters }));
  };
  assert.throws(() => deploy("nowhere"), /packageDirectory: \/.*\/nowhere\/template.yaml does not exist; name the folder of/);
  assert.throws(() => deploy(PACKAGE, { Timeot: "600" }), /parameters: template.yaml has no parameter Timeot/);
});

function keys(value: Json): string[] {
  return value instanceof Object ? Object.entries(value).flatMap(([key, below]) => [key, ...keys(below)]) : [];
}

test("a deployed function has everything that template.yaml has", () => {
  const { Resources, Parameters } = template((stack) => {
    new ScalingFunction(stack, "Function", { packageDirectory: PACKAGE, parameters: { Timeout: "600" } });
  });
  const yaml = readFileSync(`${PACKAGE}/template.yaml`, "utf8");
  const section = yaml.slice(yaml.indexOf("\nResources:"), yaml.indexOf("\nOutputs:"));
  const written = Array.from(section.matchAll(/^ {4,}(?:- )?([A-Za-z]+):(?= |$)/gm), ([, key]) => key);
  const kept = new Set(keys(Resources));
  assert.deepEqual(
    written.filter((key) => !kept.has(key)),
    [],
  );
  const types = Array.from(section.matchAll(/^ {4}Type: (.*)$/gm), ([, type]) => type);
  assert.deepEqual(
    Object.values<Json>(Resources)
      .map(({ Type }) => Type)
      .sort(),
    types.sort(),
  );

  const of = (type: string) => Object.entries<Json>(Resources).find(([, { Type }]) => Type === type)!;
  const [, { Properties }] = of("AWS::Serverless::Function");
  const [queue] = of("AWS::SQS::Queue");
  assert.deepEqual(Properties.EventInvokeConfig, {
    MaximumRetryAttempts: 2,
    MaximumEventAgeInSeconds: 3600,
    DestinationConfig: { OnFailure: { Type: "SQS", Destination: { "Fn::GetAtt": `${queue}.Arn` } } },
  });
  assert.deepEqual(Object.keys(Properties.CodeUri), ["Bucket", "Key"]);
  assert.equal(Parameters[Properties.Timeout.Ref].Default, "600");
});
